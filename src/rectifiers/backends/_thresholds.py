"""From which size on kernels run unrequested, and which activations have kernels at all.

Below, what two autograd functions in Python cost (about 140 us a step) is more than a kernel saves. Measured
forward and backward through autograd by benchmarks/activations.
"""

from __future__ import annotations

from rectifiers.activations import Activation, registry

__all__ = ["NEVER", "least"]

NEVER = 1 << 62

_LEAST = {  # elements on the CPU, and bytes on a GPU (an H200, whose memory is the fastest there is)
    "relu": (1 << 22, 1 << 28),  # these two save a network memory, at about torch's own time
    "leaky_relu": (1 << 22, 1 << 28),
    "prelu": (1 << 17, NEVER),
    "rrelu": (1 << 15, 1 << 27),
    "elu": (1 << 18, NEVER),
    "selu": (1 << 18, NEVER),
    "celu": (1 << 18, NEVER),
    "squared_relu": (1 << 19, 1 << 26),
    "maxout": (1 << 17, 1 << 26),
    "crelu": (1 << 19, 1 << 25),
}
_OF_USERS = 1 << 16, 1 << 16  # torch's operations for them are several


def least(record: Activation, *, on_gpu: bool) -> int:
    """Return from how many elements, on a GPU bytes, kernels are worthwhile; NEVER where there are none."""
    users = registry.get(record.name) is not record
    return (_OF_USERS if users else _LEAST.get(record.name, (NEVER, NEVER)))[on_gpu]
