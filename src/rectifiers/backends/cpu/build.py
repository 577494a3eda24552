"""Machine code from Numba, kept on disk.

Numba's own cache does not fit: its key leaves out functions that are called through globals (all our formulas
are re-bound so), and its index and data files can be read half written. Here a kernel is one file, named by
everything it depends on, written under another name and moved into place, with a checksum; it is loaded by
llvmlite alone, so that Numba is imported only to compile. Where the directory cannot be written the kernel
lives in memory.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

__all__ = ["cache_directory", "function_of"]

_MAGIC = b"rectifiers kernel 1\n"
_lock = threading.RLock()
_loaded: dict[str, int] = {}


def cache_directory() -> Path:
    """Where compiled kernels are kept: ``$RECTIFIERS_CACHE``, else the user's cache directory."""
    if given := os.environ.get("RECTIFIERS_CACHE"):
        return Path(given)
    import pooch

    return Path(pooch.os_cache("rectifiers")) / "kernels"


def function_of(key: str, compile_: Callable[[], Any]) -> int:
    """Return the address of a kernel's machine code, a C function of the address of a task.

    Parameters
    ----------
    key : str
        Everything the kernel depends on but the versions, the package's sources and the processor.
    compile_ : callable
        Returns the `numba.njit` function, where it has not been kept.
    """
    with _lock:
        name = hashlib.sha256(f"{_circumstances()}\n{key}".encode()).hexdigest()
        if name not in _loaded:  # another thread may have been first
            code = _read(name)
            if code is None:
                code = _emit(compile_(), name)
                _write(name, code)
            _loaded[name] = _load(name, code)
        return _loaded[name]


@functools.cache
def _circumstances() -> str:
    """What every kernel depends on."""
    sources = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        sources.update(path.read_bytes())
    features = sorted(name for name, there in llvm.get_host_cpu_features().items() if there)
    versions = [sys.version, *(version(name) for name in ("numba", "llvmlite"))]
    return "\n".join(
        [*versions, sources.hexdigest(), llvm.get_host_cpu_name(), ",".join(features), sys.platform]
    )


def _read(name: str) -> bytes | None:
    try:
        content = (cache_directory() / name).read_bytes()
    except OSError:
        return None
    head = len(_MAGIC) + 32
    code = content[head:]
    checksum = content[len(_MAGIC) : head]
    whole = content.startswith(_MAGIC) and hashlib.sha256(code).digest() == checksum
    return code if whole else None


def _write(name: str, code: bytes) -> None:
    directory = cache_directory()
    with contextlib.suppress(OSError):
        directory.mkdir(parents=True, exist_ok=True)
        handle, path = tempfile.mkstemp(dir=directory)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_MAGIC + hashlib.sha256(code).digest() + code)
            os.replace(path, directory / name)
        except OSError:
            os.unlink(path)
            raise


def _machine() -> Any:
    """Return LLVM's description of this processor, with the code model of Numba's own compiler."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        codemodel="jitdefault",
        jit=True,
    )


def _emit(kernel: Any, name: str) -> bytes:
    """Return the object code of a function compiled by Numba, with a C function `name` that calls it.

    Numba's own C wrapper reports exceptions, and so needs symbols that are there only with Numba.
    """
    (compiled,) = kernel.overloads.values()
    (text,) = kernel.inspect_llvm().values()
    native = compiled.fndesc.llvm_func_name
    entry = f"""
define void @rectifiers_{name}(i64 %task) {{
  %result = alloca ptr
  %exception = alloca ptr
  %status = call i32 @"{native}"(ptr %result, ptr %exception, i64 %task)
  ret void
}}
"""
    return bytes(_machine().emit_object(llvm.parse_assembly(text + entry)))


@functools.cache
def _engine() -> Any:
    for symbol in ("memset", "memcpy", "memmove", "fma", "fmaf"):  # LLVM writes calls of them by itself
        address = ctypes.cast(getattr(ctypes.CDLL(None), symbol), ctypes.c_void_p).value
        llvm.add_symbol(symbol, address)
    machine = _machine()
    backing = llvm.parse_assembly("")
    backing.triple = llvm.get_process_triple()
    return llvm.create_mcjit_compiler(backing, machine)


def _load(name: str, code: bytes) -> int:
    engine = _engine()
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return int(engine.get_function_address(f"rectifiers_{name}"))
