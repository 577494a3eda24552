"""Kernels for the processor: vector code that the formulas write themselves, compiled by LLVM."""

from __future__ import annotations

from rectifiers.backends.cpu.kernel_set import LLVMKernels

__all__ = ["kernels"]

kernels = LLVMKernels()
