"""Launching kernels at the cost of a look into a dictionary.

At every launch Triton binds the arguments, looks at each of them and builds a key of all constants: several
times what torch pays for a launch. Here a launch is known by what Triton compiles for: the constants, and of
arguments their type, whether an address or a number is a multiple of 16, whether a number is 1 and whether it
fits int32. The first of a kind goes through Triton, which compiles it; later ones go to what it returned.
"""

from __future__ import annotations

from typing import Any

import torch

from rectifiers.backends.gpu.words import INTERPRETED

__all__ = ["WARPS", "Launcher", "kind_of"]

WARPS = 4
# libdevice flushes float32 subnormals to 0 by default, and products would be fused into sums: `Draw` rounds
# both, and a formula gives what it gives in every other backend.
_OPTIONS = {"enable_fp_fusion": False, "enable_reflect_ftz": False}
_INT32 = 2**31


def kind_of(args: tuple[Any, ...]) -> list[Any]:
    """Return what Triton compiles for in arguments that are no constants."""
    kind: list[Any] = []
    for arg in args:
        if type(arg) is int:
            kind.append(1 if arg == 1 else (arg % 16 == 0, arg >= _INT32))
        elif type(arg) is not float:  # float64, always
            kind += arg.dtype, arg.data_ptr() % 16 == 0
    return kind


class Launcher:
    """One kernel with its constants, on any device.

    Parameters
    ----------
    kernel : jitted function
        Its constants come after all other arguments.
    warps : int
    **constants
        By name.
    """

    def __init__(self, kernel: Any, warps: int = WARPS, **constants: Any) -> None:
        self.kernel = kernel
        self.options = {**_OPTIONS, "num_warps": warps}
        self.constants = constants
        names = kernel.arg_names
        self.last = tuple(constants[name] for name in names[len(names) - len(constants) :])
        self.known: dict[Any, Any] = {}

    def __call__(self, grid: tuple[int, int, int], device: torch.device, *args: Any) -> None:
        """Launch on the current stream of the device the tensors are on."""
        if INTERPRETED:
            self.kernel[grid](*args, **self.constants, **self.options)
        elif device.index == torch.cuda.current_device():
            self._launch(grid, device, args)
        else:
            with torch.cuda.device(device):
                self._launch(grid, device, args)

    def _launch(self, grid: tuple[int, int, int], device: torch.device, args: tuple[Any, ...]) -> None:
        kind = (device.index, *kind_of(args))
        compiled = self.known.get(kind)
        if compiled is None:
            self.known[kind] = self.kernel[grid](*args, **self.constants, **self.options)
        else:
            compiled[grid](*args, *self.last)
