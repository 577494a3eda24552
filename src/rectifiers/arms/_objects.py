"""The user's own objects: found by path, called so that an error shows the user's frames and no others."""

from __future__ import annotations

import difflib
import functools
import hashlib
import importlib
import importlib.util
import inspect
import sys
import sysconfig
import traceback
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from rectifiers.activations import Elementwise
from rectifiers.errors import ImportPathError, UserCodeError

_HERE = Path(__file__).resolve().parent.parent
_INSTALLED = tuple(
    Path(sysconfig.get_path(key)).resolve() for key in ("stdlib", "platstdlib", "purelib", "platlib")
)
_PLAIN = (bool, int, float, complex, str, bytes, type(None))


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
    return _resolved(path)[1]


def _resolved(path: str) -> tuple[types.ModuleType, Any]:
    where, separator, name = path.rpartition(":")
    if not (separator and where and name):
        raise ImportPathError(
            f"an import path is `package.module:name` or `path/to/file.py:name`, but got {path!r}"
        )
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
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        with user_code(f"importing {where!r}", ModuleNotFoundError):
            return importlib.import_module(where)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if where == missing or where.startswith(f"{missing}."):
            raise ImportPathError(
                f"no module named {missing!r} (for {path!r}; looked in {here} and in the installed packages)"
            ) from None
        raise _as_user_error(f"importing {where!r}", error) from error


def _module_from_file(file: Path, path: str) -> types.ModuleType:
    if not file.is_file():
        raise ImportPathError(f"no such file: {file} (for {path!r}, looked from {Path.cwd()})")
    # the content is part of the name: an edited file is another module, the same file stays one
    digest = _sha256(str(file.resolve()).encode() + file.read_bytes())[:12]
    name = f"rectifiers_user_{file.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
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
    said = " ".join(str(error).split())
    message = f"{what} raised {type(error).__name__}" + (f": {said}" if said else "")
    return UserCodeError(message, _user_frames(error))


def _user_frames(error: BaseException) -> str:
    """Return the traceback without the frames of this library, of torch and of what is installed."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = traceback.format_list([frame for frame in frames if _is_users(frame.filename)])
    if lines:
        lines.insert(0, "Traceback (your own frames, most recent call last):\n")
    elif not isinstance(error, SyntaxError):  # which names file and line itself
        return ""
    return "".join([*lines, *traceback.format_exception_only(error)]).rstrip()


def _is_users(filename: str) -> bool:
    if filename.startswith("<frozen"):
        return False
    path = Path(filename).resolve()
    return not any(path.is_relative_to(place) for place in (_HERE, *_INSTALLED))


def code_identity(path: str) -> str:
    """Return ``path@sha256`` of the source behind an import path: it changes when the code does.

    Hashed is the file the path names and, where the object comes from another one, that one too.
    """
    module, value = _resolved(path)
    files = {_file(module), _file(_written(value))} - {None}
    code = b"".join(sorted(Path(file).read_bytes() for file in files if file is not None))
    return f"{path}@{_sha256(code)}"


def fingerprint(value: Any) -> str:
    """Return what identifies an object that came without a path: its place, its code, its state."""
    subject = _written(value)
    module = getattr(subject, "__module__", None)
    told = [f"{module}:{getattr(subject, '__qualname__', '')}@{_sha256(_source(subject, module).encode())}"]
    if isinstance(value, functools.partial):
        told.append(f" {fingerprint(value.func)} {value.args!r} {sorted(value.keywords.items())!r}")
    elif isinstance(value, torch.nn.Module):
        told.append(f" {' '.join(repr(value).split())}")
        if state := value.state_dict():
            told.append("@" + _sha256(repr([(k, v.tolist()) for k, v in state.items()]).encode()))
    elif inspect.isfunction(subject):  # two functions may share a line, or differ in what they close over
        told.append("#" + _sha256((_code(subject.__code__) + _closure(subject)).encode()))
    return "".join(told)


def _written(value: Any) -> Any:
    """Return the class or function whose source an object's behaviour is in."""
    if isinstance(value, Elementwise):
        return value.value
    return value if inspect.isclass(value) or inspect.isroutine(value) else type(value)


def _file(subject: Any) -> str | None:
    try:
        file = inspect.getsourcefile(subject)
    except TypeError:  # not written in Python
        return None
    return file if file is not None and Path(file).is_file() else None


def _source(subject: Any, module: str | None) -> str:
    """Return the file an object is in; of a script or notebook, which holds the call too, its own lines."""
    file = _file(subject)
    if file is not None and module != "__main__":
        return Path(file).read_text(encoding="utf-8", errors="replace")
    try:
        return inspect.getsource(subject)
    except (OSError, TypeError):  # typed into an interpreter, or not written in Python
        return ""


def _code(code: types.CodeType) -> str:
    """Return compiled code as text that is the same in every process."""
    constants = [
        _code(c) if inspect.iscode(c) else sorted(map(repr, c)) if isinstance(c, frozenset) else c
        for c in code.co_consts
    ]
    return repr((code.co_code, constants, code.co_names))


def _closure(function: types.FunctionType) -> str:
    cells = inspect.getclosurevars(function).nonlocals
    return repr([(k, v if isinstance(v, _PLAIN) else fingerprint(v)) for k, v in sorted(cells.items())])


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
