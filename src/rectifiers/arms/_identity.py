"""What identifies the user's own code: the files it was read from, and the state of its objects.

Files are followed from import to import through the user's own tree, without running anything. Objects are
described by what they refer to: functions by their globals and closures, classes by their members, instances
by their attributes. Nothing in the description depends on the process: no addresses, no order of sets.
"""

from __future__ import annotations

import ast
import dataclasses
import dis
import functools
import hashlib
import inspect
import re
import sys
import types
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rectifiers.activations import Activation
from rectifiers.arms._objects import is_users, resolved
from rectifiers.errors import ArgumentError

__all__ = ["code_identity", "fingerprint", "user_files", "without_addresses"]

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...))

# What each module's file held when it was first seen: what runs is what was imported then.
_first_seen: dict[str, tuple[ModuleSpec, str]] = {}


def code_identity(path: str, *, parts: bool = False) -> str:
    """Return ``path@sha256`` of what an import path leads to: it changes when its code or state does.

    Parameters
    ----------
    path : str
    parts : bool
        Whether to append digests of each file and each global, which tell later what has changed:
        ``path@sha256 (helper.py 1a2b3c4d, net.py 5e6f7a8b, SLOPE 9c0d1e2f)``.

    Raises
    ------
    ArgumentError
        If a file has changed since it was imported, so that another code would run.
    """
    module, value = resolved(path)
    found = _Description(module)
    found.file(module.__name__, wherever=True)
    identity = f"{path}@{found.digest(value)}"
    listed = ", ".join(f"{name} {digest[:8]}" for name, digest in sorted(found.parts.items()))
    return f"{identity} ({listed.replace('@', '_')})" if parts else identity


def fingerprint(value: Any) -> str:
    """Return what identifies an object that came without a path: its place, and SHA-256 of code and state."""
    subject = value.func if isinstance(value, functools.partial) else value
    subject = getattr(subject, "value", subject) if isinstance(subject, Activation) else subject
    subject = subject if inspect.isclass(subject) or inspect.isroutine(subject) else type(subject)
    module = sys.modules.get(subject.__module__ or "builtins")
    return f"{subject.__module__}:{subject.__qualname__}@{_Description(module).digest(value)}"


def user_files() -> dict[str, Path]:
    """Return the files of the user's modules that are imported, and of those these import, by their place.

    A module's place is where it is found from a directory of imports: ``package/module.py``; that of a file
    which was named by its path is that path from the current directory.
    """
    here, found = Path.cwd(), {}
    for module in [*sys.modules.values()]:
        name, file = module.__name__, getattr(module, "__file__", None)
        if (
            name.startswith("__")
            or not isinstance(file, str)
            or not Path(file).is_file()
            or not is_users(file)
        ):
            continue
        description = _Description(module)
        description.file(name)
        for name, path in description.paths.items():
            if not name.startswith("rectifiers_user_"):
                parents = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]
                found["/".join((*parents, path.name))] = path
            elif path.resolve().is_relative_to(here):
                found[path.resolve().relative_to(here).as_posix()] = path
    return found


def without_addresses(text: str) -> str:
    """Return text without the memory addresses Python writes into what it has no better text for."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


class _Description:
    """An object as text, collecting the files its code is in.

    Parameters
    ----------
    home : module, optional
        Where the object is from. The user's own tree is the current directory and the one `home` is in.
    """

    def __init__(self, home: types.ModuleType | None) -> None:
        self.parts: dict[str, str] = {}  # digests of files and of globals, by name
        self.paths: dict[str, Path] = {}  # files, by the names of modules
        self._files: set[str] = set()
        self._seen: dict[Any, tuple[int, Any]] = {}  # the object too, so that its id is not given anew
        self._roots = [Path.cwd()]
        if (file := getattr(home, "__file__", None)) is not None:
            root = Path(file).resolve().parent
            while (root / "__init__.py").exists():
                root = root.parent
            self._roots.append(root)

    def digest(self, value: Any) -> str:
        """Return the SHA-256 over an object and all files its code is in."""
        text = self.of(value)  # collects files
        return _sha256("\n".join((text, *sorted(self._files))))

    def file(self, name: str, *, wherever: bool = False) -> None:
        """Collect a module's file, and those of the user's modules it imports, directly or not."""
        todo, done = [name], {name}
        while todo:
            name = todo.pop()
            spec = _spec(name)
            if spec is None or not spec.has_location or spec.origin is None:
                continue
            if not (self._is_own(spec.origin) or wherever):
                continue
            wherever = False
            file = Path(spec.origin)
            source = file.read_bytes() if file.is_file() else b""
            digest = hashlib.sha256(source).hexdigest()
            if name in sys.modules:
                _check_unchanged(name, spec, digest)
            self._files.add(digest)
            self.paths[name] = file
            self.parts[file.name] = digest
            is_package = spec.submodule_search_locations is not None
            new = _imports(source, name if is_package else name.rpartition(".")[0]) - done
            todo += sorted(new)
            done |= new

    def of(self, value: Any) -> str:
        """Return an object as text that is the same in every process."""
        if isinstance(value, _PLAIN):
            return repr(value)
        if isinstance(value, tuple):
            return f"({', '.join(map(self.of, value))})"
        if isinstance(value, torch.Tensor):
            return _of_tensor(value)
        if isinstance(value, np.ndarray) and value.dtype != object:
            raw = np.ascontiguousarray(value).tobytes()
            return f"array {value.dtype} {value.shape} {hashlib.sha256(raw).hexdigest()}"
        if id(value) in self._seen:
            return f"<{self._seen[id(value)][0]}>"
        self._seen[id(value)] = len(self._seen), value
        match value:
            case list() | np.ndarray():
                return f"[{', '.join(map(self.of, value))}]"
            case set() | frozenset():
                return f"{{{', '.join(sorted(map(self.of, value)))}}}"
            case dict() | types.MappingProxyType():
                return f"{{{', '.join(f'{self.of(k)}: {self.of(v)}' for k, v in value.items())}}}"
            case types.ModuleType():
                self.file(value.__name__)
                return f"module {value.__name__}"
            case functools.partial():
                return f"partial {self.of((value.func, value.args, value.keywords))}"
            case types.MethodType():
                return f"method {self.of((value.__func__, value.__self__))}"
            case property():
                return f"property {self.of((value.fget, value.fset))}"
            case types.FunctionType():
                return self._of_function(value)
            case type():
                return self._of_class(value)
        if isinstance(wrapped := getattr(value, "__wrapped__", None), types.FunctionType):
            return f"{type(value).__qualname__} of {self.of(wrapped)}"  # functools.cache, staticmethod
        return f"{self.of(type(value))} instance {self._state(value)}"

    def _of_function(self, function: types.FunctionType) -> str:
        code, module = function.__code__, function.__globals__.get("__name__", "")
        cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
        closure = {k: None if cell == types.CellType() else cell.cell_contents for k, cell in cells}
        text = f"{function.__qualname__} {self.of((function.__defaults__, function.__kwdefaults__, closure))}"
        if not self._is_own_module(module):
            return f"{module}:{text}"
        self.file(module)
        if _file_of(module) is None or "<" in function.__qualname__:  # several may share a file and a name
            text += _code(code)
        names, stored, imported = _names(code)
        for name in imported:
            self.file(name)
        # what a function sets itself, such as a count of its calls, is no part of what it is
        return f"{text} {self._globals(function.__globals__, names - stored)} {self.of(vars(function))}"

    def _globals(self, namespace: dict[str, Any], names: set[str]) -> str:
        told = []
        for name in sorted(names & namespace.keys()):
            value = namespace[name]
            told.append(f"{name}={self.of(value)}")
            if not callable(value) and not isinstance(value, types.ModuleType):
                self.parts[name] = _sha256(told[-1])
            elif isinstance(value, types.ModuleType) and self._is_own_module(value.__name__):
                key = value.__name__, frozenset(names)
                if key not in self._seen:
                    self._seen[key] = len(self._seen), None
                    told.append(self._globals(vars(value), names))
        return f"[{', '.join(told)}]"

    def _of_class(self, cls: type) -> str:
        if not self._is_own_module(cls.__module__):
            return f"{cls.__module__}:{cls.__qualname__}"
        self.file(cls.__module__)
        members = {
            name: value
            for name, value in vars(cls).items()
            if inspect.isroutine(value) or not name.startswith(("__", "_abc_"))
        }
        return f"class {cls.__qualname__} {self.of(cls.__bases__)} {self.of(members)}"

    def _state(self, value: Any) -> str:
        if dataclasses.is_dataclass(value):
            return self.of({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
        attributes = getattr(value, "__dict__", None)
        said = (
            ""
            if isinstance(value, torch.nn.Module) or self._is_own_module(type(value).__module__)
            else repr(value)
        )
        if attributes is None or said != without_addresses(said):
            return without_addresses(said)
        # hooks are numbered through the whole process
        hooks = {k: [*v.values()] for k, v in attributes.items() if "hook" in k and isinstance(v, dict)}
        return self.of({**attributes, **hooks})

    def _is_own(self, file: str) -> bool:
        return _is_below(file, *self._roots)

    def _is_own_module(self, name: str) -> bool:
        """Whether an imported module is the user's: in a file of theirs, or typed in."""
        file = _file_of(name)
        if file is None:
            return name in sys.modules and name not in sys.builtin_module_names
        return self._is_own(file)


def _check_unchanged(name: str, spec: ModuleSpec, digest: str) -> None:
    """Raise if a module's file has changed since it was first seen: the old code would run."""
    known = _first_seen.get(name)
    if known is None or known[0] is not spec:  # reloading makes another spec
        _first_seen[name] = known = (spec, digest)
    if known[1] != digest:
        raise ArgumentError(
            f"the code that runs must be the code on disk, but {spec.origin} has changed since it was "
            "imported: start Python anew"
        )


def _spec(name: str) -> ModuleSpec | None:
    """Return where a module is from, imported or not; nothing is imported."""
    if name in sys.modules:
        return None if name == "__main__" else getattr(sys.modules[name], "__spec__", None)
    parent = name.rpartition(".")[0]
    if not parent:
        return PathFinder.find_spec(name)
    above = _spec(parent)
    where = None if above is None else above.submodule_search_locations
    return None if where is None else PathFinder.find_spec(name, [*where])


def _file_of(name: str) -> str | None:
    """Return an imported module's file; None for a script or notebook, which holds the call too."""
    return None if name == "__main__" else getattr(sys.modules.get(name), "__file__", None)


@functools.cache
def _is_below(file: str, *roots: Path) -> bool:
    return is_users(file) and any(Path(file).resolve().is_relative_to(root) for root in roots)


@functools.cache
def _imports(source: bytes, package: str) -> frozenset[str]:
    """Return the names of all modules a source file may import, wherever in it."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # compiled
        return frozenset()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            base = ".".join(filter(None, (above, node.module)))
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return frozenset(name.rsplit(".", n)[0] for name in names for n in range(name.count(".") + 1))


def _names(code: types.CodeType) -> tuple[set[str], set[str], set[str]]:
    """Return the names that compiled code refers to, the globals it sets, and the modules it imports."""
    found: tuple[set[str], set[str], set[str]] = {*code.co_names}, set(), set()
    for instruction in dis.get_instructions(code):
        if instruction.opname == "STORE_GLOBAL":
            found[1].add(instruction.argval)
        elif instruction.opname == "IMPORT_NAME":
            found[2].add(instruction.argval)
    for inner in filter(inspect.iscode, code.co_consts):
        for all_of, more in zip(found, _names(inner), strict=True):
            all_of |= more
    return found


def _code(code: types.CodeType) -> str:
    """Return compiled code as text that is the same in every process."""
    constants = [
        _code(c) if inspect.iscode(c) else sorted(map(repr, c)) if isinstance(c, frozenset) else c
        for c in code.co_consts
    ]
    return repr((code.co_code, constants, code.co_names))


def _of_tensor(tensor: torch.Tensor) -> str:
    if torch.nn.parameter.is_lazy(tensor):
        return "tensor without a shape"
    text = f"tensor {tensor.dtype} {tuple(tensor.shape)} {tensor.requires_grad}"
    if tensor.is_meta:
        return text
    dense = tensor.detach().cpu().to_dense() if tensor.layout != torch.strided else tensor.detach().cpu()
    raw = dense.resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8)
    return f"{text} {hashlib.sha256(raw.numpy().tobytes()).hexdigest()}"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
