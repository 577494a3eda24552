"""The command line: one command per file, each of which only calls the public API.

Exit codes: 0 done, 1 the study's file was lost or its disk is full (of `check`: wrong), 2 bad input or
output that cannot be written (one line on the error stream), 3 done but the study is invalid, 130 stopped
with Ctrl-C, 129 and 143 stopped by SIGHUP and SIGTERM, which do what Ctrl-C does; anything unforeseen is a
bug and shows its traceback.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from rectifiers.errors import ELSEWHERE, RectifiersError, StoreLostError, UserCodeError

__all__ = ["main"]

_WISHES = ("clip", "grad", "accum", "scaler", "warm", "ema", "fp16", "amp", "workers")
_ASCII = {**dict(zip("−●─│┊◂▸…“”×", '-*-|:<>.""x', strict=True)), "±": "+-"}
_LOST = 1
_BAD_INPUT = 2
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; those of the process by default.
    """
    import typer

    from rectifiers.cli._app import app

    given = list(sys.argv[1:] if arguments is None else arguments)
    with _streams() as output, _signals() as signals:
        if "--json" in given and output.missing:  # now, and not after hours of training
            return _fail("--json prints on standard output, but that is closed: leave out --json or `>&-`")
        try:
            code = app(args=given or ["--help"], prog_name="rectifiers", standalone_mode=False)
        except StoreLostError as error:
            _fail(str(error))
            return _LOST
        except RectifiersError as error:
            return _fail(str(error), error.frames if isinstance(error, UserCodeError) else "")
        except typer.TyperException as error:
            message = error.format_message()
            wish = message.startswith("No such option") and any(word in message for word in _WISHES)
            return _fail(f"{message}; {ELSEWHERE}" if wish else message)
        except (KeyboardInterrupt, typer.Abort):
            code = _INTERRUPTED
        if signals:
            return 128 + signals[0]
        output.flush()
        # A reader that is gone (`| head`) has seen enough.
        if output.lost is not None and not isinstance(output.lost, BrokenPipeError):
            kept = "; what was measured is kept" if _measures(given) else ""
            return _fail(f"standard output cannot be written: {output.lost.strerror}{kept}")
        return int(code or 0)


def _measures(given: Sequence[str]) -> bool:
    """Return whether a command line trains, and so leaves a study behind."""
    trains = given[:1] == ["compare"] or given[:2] == ["claims", "run"]
    return trains and {"--dry-run", "--help", "-h"}.isdisjoint(given)


class _Stream:
    """A stream that loses what it cannot write: no study ends because a disk is full or a terminal gone."""

    def __init__(self, stream: Any) -> None:
        self.missing = stream is None
        self._stream = open(os.devnull, "w") if stream is None else stream  # noqa: SIM115
        self.lost: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
        except OSError as error:
            self._discard(error)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._discard(error)

    def _discard(self, error: OSError) -> None:
        self.lost = error
        # What is left to write goes nowhere, so that Python's own flush at exit does not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


def _alike(error: UnicodeError) -> tuple[str, int]:
    """Put the like of a character that a stream does not know in its place: a minus is no question mark."""
    assert isinstance(error, UnicodeEncodeError)
    return "".join(_ASCII.get(c, "?") for c in error.object[error.start : error.end]), error.end


codecs.register_error("rectifiers", _alike)


@contextlib.contextmanager
def _streams() -> Iterator[_Stream]:
    """Replace the output and the error stream by ones that may be closed or full, or know few characters."""
    with contextlib.suppress(OSError):
        while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass  # a closed stream would lend its number to the next file, and print into it
        os.close(opened)
    before = sys.stdout, sys.stderr
    for stream in filter(None, before):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="rectifiers")
    output, errors = map(_Stream, before)
    sys.stdout, sys.stderr = output, errors
    try:
        yield output
    finally:
        sys.stdout, sys.stderr = before


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """Let SIGTERM, and SIGHUP unless it is ignored (`nohup`), do what Ctrl-C does; give those that came."""
    came: list[int] = []

    def stop(number: int, _: Any) -> None:
        came.append(number)
        raise KeyboardInterrupt

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    numbers = [n for n in (getattr(signal, name) for name in names) if signal.getsignal(n) == signal.SIG_DFL]
    try:
        for number in numbers:
            signal.signal(number, stop)
    except ValueError:  # in another thread than the main one, signals are not ours
        numbers = []
    try:
        yield came
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _fail(message: str, frames: str = "") -> int:
    print("rectifiers: error:", " ".join(message.split()), file=sys.stderr)
    if frames:
        print(frames.rstrip(), file=sys.stderr)
    return _BAD_INPUT
