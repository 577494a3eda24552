"""The command line: one command per file, each of which only calls the public API.

Exit codes: 0 done, 1 the study's file was lost or its disk is full, 2 bad input (one line on the error
stream), 3 done but the study is invalid, 130 stopped with Ctrl-C; anything unforeseen is a bug and shows its
traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from rectifiers.errors import RectifiersError, StoreLostError, UserCodeError

__all__ = ["main"]

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

    for stream in (sys.stdout, sys.stderr):
        # A console that cannot show a character shows "?" and does not end the study.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = app(args=given or ["--help"], prog_name="rectifiers", standalone_mode=False)
        sys.stdout.flush()
    except StoreLostError as error:
        _fail(str(error))
        return _LOST
    except RectifiersError as error:
        return _fail(str(error), error.frames if isinstance(error, UserCodeError) else "")
    except typer.TyperException as error:
        return _fail(error.format_message())
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; Python's own flush at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (KeyboardInterrupt, typer.Abort):
        return _INTERRUPTED
    return int(code or 0)


def _fail(message: str, frames: str = "") -> int:
    print("rectifiers: error:", " ".join(message.split()), file=sys.stderr)
    if frames:
        print(frames.rstrip(), file=sys.stderr)
    return _BAD_INPUT
