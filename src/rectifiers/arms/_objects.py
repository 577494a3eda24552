"""The user's own objects: found by path, called so that an error shows the user's frames and no others."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import sys
import sysconfig
import traceback
import types
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from rectifiers.errors import ImportPathError, UserCodeError, error_line

_HERE = Path(__file__).resolve().parent.parent
_INSTALLED = tuple(
    Path(sysconfig.get_path(key)).resolve() for key in ("stdlib", "platstdlib", "purelib", "platlib")
)


def load_object(path: str) -> Any:
    """Import what ``package.module:name`` or ``path/to/file.py:name`` names.

    The current directory is importable, as with ``python -m``.

    Parameters
    ----------
    path : str
        Module or file, a colon, and the name in it (dots for attributes: ``module:Class.method``).

    Raises
    ------
    ImportPathError
        If there is no such module, file or name.
    UserCodeError
        If importing it raises.
    """
    return resolved(path)[1]


def resolved(path: str) -> tuple[types.ModuleType, Any]:
    """Return the module an import path names, and the object in it."""
    if not path.isprintable():  # it names a study, which is printed and kept
        raise ImportPathError(f"an import path is printable text, but got {path!r}")
    where, separator, name = path.rpartition(":")
    if not (separator and where and name):
        raise ImportPathError(
            f"an import path is `package.module:name` or `path/to/file.py:name`, but got {path!r}"
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    module = _module_from_file(Path(where), path) if where.endswith(".py") else _module(where, path)
    found: Any = module
    for attribute in name.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError:
            near = difflib.get_close_matches(attribute, dir(found), n=3)
            hint = f": did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise ImportPathError(f"{where!r} has no {attribute!r} (for {path!r}){hint}") from None
    return module, found


def _module(where: str, path: str) -> types.ModuleType:
    if not all(part.isidentifier() for part in where.split(".")):
        raise ImportPathError(f"{where!r} is neither a module's name nor a file *.py (for {path!r})")
    importlib.invalidate_caches()
    try:
        with user_code(f"importing {where!r}", ModuleNotFoundError):
            return importlib.import_module(where)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if where == missing or where.startswith(f"{missing}."):
            raise ImportPathError(
                f"no module named {missing!r} (for {path!r}; looked in {Path.cwd()} and installed packages)"
            ) from None
        raise _as_user_error(f"importing {where!r}", error) from error


class _FromSource(SourceFileLoader):
    """Never runs bytecode: it would be that of another version with the same size in the same second."""

    def get_code(self, fullname: str) -> types.CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _module_from_file(file: Path, path: str) -> types.ModuleType:
    if not file.is_file():
        raise ImportPathError(f"no such file: {file} (for {path!r}, looked from {Path.cwd()})")
    # the content is part of the name: an edited file is another module, the same file stays one
    digest = hashlib.sha256(str(file.resolve()).encode() + file.read_bytes()).hexdigest()[:12]
    name = f"rectifiers_user_{file.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file, loader=_FromSource(name, str(file)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with user_code(f"importing {str(file)!r}"):
            spec.loader.exec_module(module)
    except UserCodeError:
        del sys.modules[name]
        raise
    return module


@contextmanager
def user_code(what: str, *passing: type[Exception]) -> Iterator[None]:
    """Turn whatever the user's code raises into a `UserCodeError` with the user's frames.

    Parameters
    ----------
    what : str
        What was being done, as the start of the message: ``"net:build with arm 'relu'"``.
    *passing : exception classes
        Let through as they are; a `UserCodeError` from further inside always is.
    """
    try:
        yield
    except (Exception, SystemExit) as error:  # the user's code may raise anything
        if isinstance(error, (UserCodeError, *passing)):
            raise
        raise _as_user_error(what, error) from error


def _as_user_error(what: str, error: BaseException) -> UserCodeError:
    return UserCodeError(f"{what} raised {error_line(error)}", _user_frames(error))


def _user_frames(error: BaseException) -> str:
    """Return the traceback without the frames of this library, of torch and of what is installed."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = traceback.format_list([frame for frame in frames if is_users(frame.filename)])
    if lines:
        lines.insert(0, "Traceback (your own frames, most recent call last):\n")
    if isinstance(error, SyntaxError):  # which names file and line itself
        lines += traceback.format_exception_only(error)
    elif lines:
        lines.append(error_line(error))
    return "".join(lines).rstrip()


def is_users(filename: str) -> bool:
    """Return whether a file is the user's: neither this library's nor Python's nor installed."""
    if filename.startswith("<frozen"):
        return False
    path = Path(filename).resolve()
    return not (
        any(path.is_relative_to(place) for place in (_HERE, *_INSTALLED))
        or {"site-packages", "dist-packages"} & {*path.parts}
    )
