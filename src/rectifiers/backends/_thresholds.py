"""From which size on kernels run unrequested, and which activations have kernels at all.

Below, what two autograd functions in Python cost (about 140 us a step) is more than a kernel saves. Measured
forward and backward through autograd by benchmarks/activations.
"""

from __future__ import annotations

from rectifiers.activations import Activation, registry

__all__ = ["NEVER", "least_bytes_on_gpu", "least_elements_on_cpu"]

NEVER = 1 << 62

_ELEMENTS_ON_CPU = {
    "relu": 1 << 22,  # these two save a network memory, at about torch's own time
    "leaky_relu": 1 << 22,
    "prelu": 1 << 17,
    "rrelu": 1 << 15,
    "elu": 1 << 18,
    "selu": 1 << 18,
    "celu": 1 << 18,
    "squared_relu": 1 << 19,
    "maxout": 1 << 17,
    "crelu": 1 << 19,
}
_BYTES_ON_GPU = {  # of an H200, whose memory is the fastest there is
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
}
_OF_USERS = 1 << 16  # elements, and bytes: torch's operations for them are several


def least_elements_on_cpu(record: Activation) -> int:
    """Return the elements from which kernels for the CPU are worthwhile; NEVER where there are none."""
    return _of(record, _ELEMENTS_ON_CPU)


def least_bytes_on_gpu(record: Activation) -> int:
    """Return the bytes of input from which kernels for CUDA are worthwhile; NEVER where there are none."""
    return _of(record, _BYTES_ON_GPU)


def _of(record: Activation, table: dict[str, int]) -> int:
    return table.get(record.name, NEVER) if registry.get(record.name) is record else _OF_USERS
