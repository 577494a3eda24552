"""The published claims, one file each. A new one is a file and a line here."""

from __future__ import annotations

from rectifiers.claims._claim import Claim
from rectifiers.claims.published import (
    crelu_norm,
    depth_gap,
    maxout_encodes,
    noise_off,
    softmax_shift,
    wrong_derivative,
    xor_range,
)

__all__ = ["registry"]

registry: dict[str, Claim] = {
    module.claim.name: module.claim
    for module in (
        depth_gap,
        noise_off,
        crelu_norm,
        maxout_encodes,
        softmax_shift,
        xor_range,
        wrong_derivative,
    )
}
