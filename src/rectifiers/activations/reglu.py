"""ReGLU: one half of the features, gated by the ReLU of the other."""

from __future__ import annotations

from rectifiers.activations._gated import gated
from rectifiers.activations.relu import relu

reglu = gated(
    "reglu",
    relu,
    title="ReGLU",
    summary="One half of the features times the ReLU of the other half.",
    used_when="Feed-forward layers of transformers; halves the width, so compare at equal parameters.",
    formula="a max(0, b), input (a, b)",
    source="Shazeer 2020, GLU variants improve transformer",
)
