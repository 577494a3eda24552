"""The published claims, one file each, in the order in which they are listed."""

from __future__ import annotations

import importlib

from rectifiers.claims._claim import Claim

__all__ = ["registry"]

# a new claim is a file and its name here
_FILES = """
    rrelu_divisors rrelu_overfits_less leaky_slope relu_speed elu_mean_shift elu_batch_norm prelu_slopes
    depth_gap vanishing dying sparsity leaky_same noise_off
    crelu_norm maxout_encodes softmax_shift xor_range wrong_derivative
"""

registry: dict[str, Claim] = {
    claim.name: claim
    for claim in (importlib.import_module(f"{__name__}.{file}").claim for file in _FILES.split())
}
