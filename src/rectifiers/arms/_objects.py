"""The user's own objects: found by path, called so that an error shows the user's frames and no others."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from rectifiers.errors import ImportPathError, UnknownNameError, UserCodeError

_HERE = Path(__file__).resolve().parent.parent
_FOREIGN = tuple(
    str(Path(path).resolve())
    for path in {sysconfig.get_path(key) for key in ("stdlib", "platstdlib", "purelib", "platlib")}
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
    where, separator, name = path.rpartition(":")
    if not (separator and where and name):
        raise ImportPathError(
            f"an import path is `package.module:name` or `path/to/file.py:name`, but got {path!r}"
        )
    found: Any = _module(where, path)
    for attribute in name.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError:
            public = [known for known in dir(found) if not known.startswith("_")]
            hint = str(UnknownNameError.of("name", attribute, public)).split(" (known")[0]
            raise ImportPathError(f"{where!r} has no {attribute!r}: {hint}") from None
    return found


def _module(where: str, path: str) -> ModuleType:
    if where.endswith(".py"):
        return _module_from_file(Path(where), path)
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        with user_code(f"importing {where!r}", ImportError):
            return importlib.import_module(where)
    except ImportError as error:
        missing = error.name or ""
        if isinstance(error, ModuleNotFoundError) and (where == missing or where.startswith(missing + ".")):
            raise ImportPathError(
                f"no module named {missing!r} (for {path!r}; looked in {here} and in the installed packages)"
            ) from None
        raise _as_user_error(f"importing {where!r}", error) from error
    except (TypeError, ValueError):
        raise ImportPathError(f"{where!r} is no module name (for {path!r})") from None


def _module_from_file(file: Path, path: str) -> ModuleType:
    if not file.is_file():
        raise ImportPathError(f"no such file: {file} (for {path!r}, looked from {Path.cwd()})")
    code = file.read_bytes()
    # the content is part of the name: an edited file is another module, the same file stays one
    digest = hashlib.sha256(str(file.resolve()).encode() + code).hexdigest()[:12]
    name = f"rectifiers_user_{file.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportPathError(f"{file} cannot be imported as Python (for {path!r})")
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
        What was being done, as the start of the message: ``"build of 'net:build'"``.
    *passing : exception classes
        Let through as they are; a `UserCodeError` from further inside always is.
    """
    try:
        yield
    except (UserCodeError, *passing):
        raise
    except Exception as error:  # noqa: BLE001  the user's code may raise anything
        raise _as_user_error(what, error) from error


def _as_user_error(what: str, error: Exception) -> UserCodeError:
    said = " ".join(str(error).split())
    message = f"{what} raised {type(error).__name__}" + (f": {said}" if said else "")
    return UserCodeError(message, _user_frames(error))


def _user_frames(error: Exception) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    lines = ["Traceback (your code only, most recent call last):\n", *traceback.format_list(frames)]
    lines += traceback.format_exception_only(error)
    return "".join(lines).rstrip()


def _is_users(filename: str) -> bool:
    if filename.startswith("<frozen"):
        return False
    if filename.startswith("<"):  # a notebook's or interpreter's own input
        return True
    resolved = Path(filename).resolve()
    return not (resolved.is_relative_to(_HERE) or str(resolved).startswith(_FOREIGN))


def code_identity(path: str) -> str:
    """Return ``path@sha256`` of the source file behind an import path: it changes when the code does."""
    return f"{path}@{source_hash(load_object(path))}"


def source_hash(value: Any) -> str:
    """Return SHA-256 (hex) of the file an object was written in, or of the best there is instead of a file."""
    subject = value if callable(value) and hasattr(value, "__module__") and _has_source(value) else type(value)
    try:
        file = inspect.getsourcefile(subject)
        if file is not None and Path(file).is_file():
            return hashlib.sha256(Path(file).read_bytes()).hexdigest()
        return hashlib.sha256(inspect.getsource(subject).encode()).hexdigest()
    except (OSError, TypeError):  # typed into an interpreter, or not written in Python
        code = getattr(subject, "__code__", None)
        text = repr((code.co_code, code.co_consts)) if code is not None else repr(subject)
        return hashlib.sha256(text.encode()).hexdigest()


def _has_source(value: Any) -> bool:
    return inspect.isclass(value) or inspect.isfunction(value) or inspect.ismethod(value)
