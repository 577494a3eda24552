"""Work as bytes for another process, on this machine or another: objects, tensors, and the user's modules."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rectifiers.arms import user_files
from rectifiers.study.work import Work

__all__ = ["Parcel", "by_value", "packed"]


@dataclass(frozen=True)
class Parcel:
    """Work for the nodes of a cluster.

    Attributes
    ----------
    work : bytes
        Pickled, without the numbers of its tensors.
    buffers : tuple of array
        Those numbers; a node maps them into memory once for all its processes.
    files : tuple of (str, str, bytes)
        The user's modules: the path here, the place below a directory of imports, and the content.
    directory : str
        The current one.
    imports : tuple of str
        Where modules are imported from.
    """

    work: bytes
    buffers: tuple[NDArray[Any], ...]
    files: tuple[tuple[str, str, bytes], ...]
    directory: str
    imports: tuple[str, ...]

    def unpacked(self) -> Work:
        """Return the work, in a process that imports the user's modules as they are here."""
        self._settle()
        with warnings.catch_warnings():
            # the numbers are shared with other processes and cannot be written; nobody does
            warnings.filterwarnings("ignore", "The given (NumPy array|buffer) is not writable")
            found: Work = pickle.loads(self.work, buffers=self.buffers)
        return found

    def _settle(self) -> None:
        """Change to the directory of here, where that has the same modules; else to one with copies."""
        here = Path(self.directory)
        same = here.is_dir() and all(_holds(Path(path), content) for path, _, content in self.files)
        if same:
            sys.path[:0] = [path for path in self.imports if path not in sys.path]
        else:
            here = Path(tempfile.mkdtemp(prefix="rectifiers-"))
            for _, place, content in self.files:
                (here / place).parent.mkdir(parents=True, exist_ok=True)
                (here / place).write_bytes(content)
        os.chdir(here)
        sys.path.insert(0, str(here))


def packed(work: Work) -> Parcel:
    """Pickle work; whatever the user's objects raise at that is let through."""
    buffers: list[pickle.PickleBuffer] = []
    file = io.BytesIO()
    with by_value():
        _Pickler(file, protocol=5, buffer_callback=buffers.append).dump(work)
    arrays = tuple(np.frombuffer(buffer.raw(), np.uint8) for buffer in buffers)
    files = tuple((str(path), place, path.read_bytes()) for place, path in sorted(user_files().items()))
    return Parcel(file.getvalue(), arrays, files, str(Path.cwd()), tuple(filter(None, sys.path)))


@contextlib.contextmanager
def by_value() -> Iterator[None]:
    """While the block runs, pickle what comes from files that no other process can import as what it is."""
    modules = [module for name, module in sys.modules.items() if name.startswith("rectifiers_user_")]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc, unused-ignore]
    """Hands the numbers of plain tensors out as buffers; views of one tensor stay views of one."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._storages: dict[int, _Storage] = {}

    def reducer_override(self, value: Any) -> Any:
        if type(value) is not Tensor or value.layout != torch.strided or value.requires_grad:
            return super().reducer_override(value)
        storage = value.untyped_storage()
        kept = self._storages.setdefault(storage.data_ptr(), _Storage(storage, value.device))
        return _viewed, (kept, value.dtype, value.size(), value.stride(), value.storage_offset())


class _Storage:
    """The bytes behind tensors."""

    def __init__(self, storage: torch.UntypedStorage, device: torch.device) -> None:
        self._storage, self._device = storage, device

    def __reduce__(self) -> tuple[Any, ...]:
        flat = torch.empty(0, dtype=torch.uint8, device=self._device).set_(self._storage)
        return _moved, (flat.cpu().numpy(), self._device)


def _moved(numbers: NDArray[Any], device: torch.device) -> Tensor:
    return torch.from_numpy(numbers).to(device)


def _viewed(flat: Tensor, dtype: torch.dtype, *view: Any) -> Tensor:
    return flat.view(dtype).as_strided(*view)


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content
