"""GLU: one half of the features, gated by the sigmoid of the other."""

from __future__ import annotations

from rectifiers.activations._gated import gated
from rectifiers.activations.sigmoid import sigmoid

glu = gated(
    "glu",
    sigmoid,
    title="GLU",
    summary="One half of the features times the sigmoid of the other half.",
    used_when="Convolutional language models, the ends of convolution blocks; halves the width.",
    formula="a / (1 + exp(-b)), input (a, b)",
    source="Dauphin, Fan, Auli & Grangier 2017, Language modeling with gated convolutional networks",
)
