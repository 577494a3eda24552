"""From which size on kernels run unasked.

Below, what a Python function costs autograd is more than they save: some tens of microseconds, which on a GPU
are a lot of memory's time. Measured forward and backward through autograd by benchmarks/activations.
"""

from __future__ import annotations

from rectifiers.activations import Activation, registry

__all__ = ["NEVER", "bytes_on_gpu", "elements_on_cpu"]

NEVER = 1 << 62

_ELEMENTS_ON_CPU = {
    "relu": 1 << 21,
    "leaky_relu": 1 << 20,  # saves a network memory, at no cost in time
    "prelu": 1 << 16,
    "rrelu": 1 << 14,
    "elu": 1 << 16,
    "selu": 1 << 16,
    "celu": 1 << 16,
    "squared_relu": 1 << 16,
    "tanh": 1 << 16,
    "mish": 1 << 14,
    "maxout": 1 << 15,
    "crelu": 1 << 16,
    # torch's own are at the limit, or nearly
    "sigmoid": NEVER,
    "softplus": NEVER,
    "relu6": NEVER,
    "gelu": NEVER,
    "silu": NEVER,
}
# Of an H200, whose memory is the fastest there is: a slower one takes longer to move as much, and kernels
# would pay a little earlier. GELU, SiLU and Mish always run by kernels: torch's own give NaN where there is
# a limit, and a look at the elements would wait for the GPU.
_BYTES_ON_GPU = {
    "relu": 1 << 28,
    "leaky_relu": 1 << 28,
    "prelu": 1 << 26,
    "rrelu": 1 << 27,
    "elu": 1 << 28,
    "selu": 1 << 28,
    "celu": 1 << 28,
    "squared_relu": 1 << 26,
    "maxout": 1 << 26,
    "crelu": 1 << 25,
    "tanh": NEVER,
    "sigmoid": NEVER,
    "softplus": NEVER,
    "relu6": NEVER,
}


def elements_on_cpu(record: Activation) -> int:
    """Return the elements from which kernels for the processor pay; 0 where torch has no such operation."""
    return _of(record, _ELEMENTS_ON_CPU)


def bytes_on_gpu(record: Activation) -> int:
    """Return the bytes of input from which kernels for CUDA pay; 0 where torch's operations never do."""
    return _of(record, _BYTES_ON_GPU)


def _of(record: Activation, table: dict[str, int]) -> int:
    return table.get(record.name, 0) if registry.get(record.name) is record else 0
