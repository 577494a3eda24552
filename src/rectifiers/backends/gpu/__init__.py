"""Triton's kernels for CUDA tensors. Importing this package imports Triton; nothing else does."""

from __future__ import annotations

from rectifiers.backends.gpu.kernel_set import TritonKernels, kernels

__all__ = ["TritonKernels", "kernels"]
