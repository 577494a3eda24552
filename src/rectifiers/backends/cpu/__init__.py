"""Kernels for the processor: loops compiled by Numba, vectors written by the formulas themselves."""

from __future__ import annotations

from rectifiers.backends.cpu.kernel_set import NumbaKernels

__all__ = ["kernels"]

kernels = NumbaKernels()
