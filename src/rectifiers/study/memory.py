"""Peak memory of one training step.

On a CPU every tensor an operation returns is counted from its birth to its death, so the figure is
exact and the same on every machine: parameters, their gradients, the optimiser's state, the batch,
and everything forward keeps for backward. What an operation allocates and frees inside itself is
not seen. On CUDA the allocator's own peak is taken, which sees that too.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["peak_of_step"]


def peak_of_step(step: Callable[[], Any], held: Iterable[Tensor], device: torch.device) -> int | None:
    """Return the most bytes held by tensors at once while `step` runs.

    Parameters
    ----------
    step : callable
        One training step.
    held : iterable of Tensor
        What is there before it and counts: parameters, buffers, optimiser state. The data set does not.
    device : torch.device

    Returns
    -------
    int or None
        None on a device whose memory cannot be asked for.
    """
    if device.type == "cpu":
        live = _LiveBytes(held)
        with live:
            step()
        return live.peak
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before: int = torch.cuda.memory_allocated(device)
        storages: dict[int, int] = {
            t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in held
        }
        torch.cuda.reset_peak_memory_stats(device)
        step()
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device) - before) + sum(storages.values())
    return None


class _LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of storages that are alive, each once however many tensors view it."""

    def __init__(self, held: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._live = 0
        self._known: dict[int, weakref.finalize[Any, Any]] = {}
        for tensor in held:
            self._see(tensor)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled here, and the wrapper would import the whole compiler (3 s)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._see(leaf)
        return result

    def _see(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        address = storage._cdata
        if address in self._known:
            return
        size = storage.nbytes()
        self._live += size
        self.peak = max(self.peak, self._live)
        self._known[address] = weakref.finalize(storage, self._forget, address, size)

    def _forget(self, address: int, size: int) -> None:
        self._live -= size
        self._known.pop(address, None)
