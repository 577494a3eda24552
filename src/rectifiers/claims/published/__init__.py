"""The published claims, one file each. A new one is a file and a line here."""

from __future__ import annotations

from rectifiers.claims._claim import Claim
from rectifiers.claims.published import (
    crelu_norm,
    depth_gap,
    dying,
    elu_batch_norm,
    elu_mean_shift,
    leaky_same,
    leaky_slope,
    maxout_encodes,
    noise_off,
    prelu_slopes,
    relu_speed,
    rrelu_divisors,
    rrelu_overfits_less,
    softmax_shift,
    sparsity,
    vanishing,
    wrong_derivative,
    xor_range,
)

__all__ = ["registry"]

registry: dict[str, Claim] = {
    module.claim.name: module.claim
    for module in (
        rrelu_divisors,
        rrelu_overfits_less,
        leaky_slope,
        relu_speed,
        elu_mean_shift,
        elu_batch_norm,
        prelu_slopes,
        depth_gap,
        vanishing,
        dying,
        sparsity,
        leaky_same,
        noise_off,
        crelu_norm,
        maxout_encodes,
        softmax_shift,
        xor_range,
        wrong_derivative,
    )
}
