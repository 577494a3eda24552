"""Every error rectifiers raises, in one tree.

::

    RectifiersError
    ├── ArgumentError         (ValueError)      a value outside its rule
    │   ├── UnknownNameError                    a name nothing is registered under
    │   └── ShapeError        (RuntimeError)    a tensor that does not fit
    ├── ArgumentTypeError     (TypeError)       a value of the wrong type
    │   └── TensorTypeError   (RuntimeError)    a tensor of a type that nothing is defined for
    ├── ImportPathError       (ImportError)     `package.module:name` leads nowhere
    ├── MissingDependencyError (ImportError)    an optional library is not installed
    ├── UserCodeError         (RuntimeError)    the user's model, data or activation raised
    ├── Stopped               (RuntimeError)    raised into a training function to end its trial
    ├── BackendError          (RuntimeError)    an explicitly requested backend cannot run
    ├── ClusterError          (RuntimeError)    a cluster cannot be joined, or a node not carry out trials
    ├── DefinitionError       (ValueError)      an activation's formula and derivative disagree
    ├── DataError             (OSError)         a data file is missing, truncated or altered
    │   └── DownloadError     (ConnectionError) a data file could not be fetched
    └── StoreError            (OSError)         the study's file cannot be read or written
        ├── StoreLostError                      it went away or is full while a study was written
        ├── SchemaError                         it was written by another version
        └── PlanMismatchError (ValueError)      it holds trials of another protocol

A message is one line: the rule, what was received, what to do. Each class also derives from
the matching standard exception, so ``except ValueError`` keeps working.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "ArgumentError",
    "ArgumentTypeError",
    "BackendError",
    "ClusterError",
    "DataError",
    "DefinitionError",
    "DownloadError",
    "ImportPathError",
    "MissingDependencyError",
    "PlanMismatchError",
    "RectifiersError",
    "SchemaError",
    "ShapeError",
    "Stopped",
    "StoreError",
    "StoreLostError",
    "TensorTypeError",
    "UnknownNameError",
    "UserCodeError",
    "error_line",
    "one_line",
]

_LONGEST = 500


def one_line(text: object, longest: int = _LONGEST) -> str:
    """Return text as one line of printable characters: white space joined, others escaped, the end cut off.

    Parameters
    ----------
    text : object
        What the user's code said: an exception, a label. Its ``__str__`` may raise.
    longest : int
        The most characters.
    """
    try:
        said = " ".join(str(text).split())
    except Exception as error:  # noqa: BLE001  the user's __str__ may raise anything
        said = f"a {type(text).__name__} whose text raises {type(error).__name__}"
    said = _printable(said)
    return said if len(said) <= longest else said[: longest - 1] + "…"


ELSEWHERE = (
    "what the built-in loop has not (clipping, accumulation, scalers, other optimisers) goes into a training "
    "function of your own: train="
)
"""What to do about a wish that the built-in loop does not fulfil."""


def error_line(error: BaseException, longest: int = _LONGEST) -> str:
    """Return an exception's type and text as `one_line`: ``"ValueError: no such thing"``."""
    return one_line(f"{type(error).__name__}: {one_line(error)}".removesuffix(": "), longest)


def _printable(text: str) -> str:
    # a lone surrogate fits into no file, a control character changes the terminal
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class RectifiersError(Exception):
    """Root of the tree: ``except RectifiersError`` catches whatever this library raises."""


class ArgumentError(RectifiersError, ValueError):
    """A value outside its rule."""


class UnknownNameError(ArgumentError):
    """A name nothing is registered under; the message proposes the nearest ones."""

    @classmethod
    def of(cls, kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
        """Build the message ``unknown <kind> 'x': did you mean 'y'? (known: ...)``.

        Parameters
        ----------
        kind : str
            What the name should have named, e.g. ``"activation"``.
        name : str
            What was received.
        known : iterable of str
            All registered names.
        """
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.55)
        hint = f": did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
        return cls(f"unknown {kind} {name!r}{hint} (known: {', '.join(names)})")


class ShapeError(ArgumentError, RuntimeError):
    """A tensor whose shape does not fit."""


class ArgumentTypeError(RectifiersError, TypeError):
    """A value of the wrong type."""


class TensorTypeError(ArgumentTypeError, RuntimeError):
    """A tensor of a type that an activation is not defined for."""


class ImportPathError(RectifiersError, ImportError):
    """``package.module:name`` leads nowhere."""


class MissingDependencyError(RectifiersError, ImportError):
    """An optional library is needed and not installed; the message says how to install it."""


class UserCodeError(RectifiersError, RuntimeError):
    """The user's own model, data or activation raised.

    Parameters
    ----------
    message : str
        Which of the user's functions raised what; made one printable line.
    frames : str, optional
        The traceback shortened to the user's own frames, shown below the message.
    """

    def __init__(self, message: str, frames: str = "") -> None:
        super().__init__(one_line(message))
        self.frames = "\n".join(_printable(line.expandtabs(4)) for line in frames.splitlines())


class Stopped(RectifiersError, RuntimeError):
    """Raised by ``trial.report`` to end a trial; a training function lets it through."""


class BackendError(RectifiersError, RuntimeError):
    """An explicitly requested backend cannot run; the message gives the reason."""


class ClusterError(RectifiersError, RuntimeError):
    """A cluster cannot be joined, or one of its nodes cannot carry out trials; what is finished is kept."""


class DefinitionError(RectifiersError, ValueError):
    """An activation's formula, derivative and kept quantity contradict each other."""


class DataError(RectifiersError, OSError):
    """A data file is missing, truncated or altered."""


class DownloadError(DataError, ConnectionError):
    """A data file could not be fetched."""


class StoreError(RectifiersError, OSError):
    """The study's file cannot be read or written."""


class StoreLostError(StoreError):
    """The study's file was deleted, or its disk is full, while it was written; what is kept is said."""


class SchemaError(StoreError):
    """The study's file was written by another version of rectifiers, in other tables."""


class PlanMismatchError(StoreError, ValueError):
    """The directory holds trials of another protocol."""
