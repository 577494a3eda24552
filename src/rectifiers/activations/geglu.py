"""GEGLU: one half of the features, gated by the GELU of the other."""

from __future__ import annotations

from rectifiers.activations._gated import gated
from rectifiers.activations.gelu import gelu

geglu = gated(
    "geglu",
    gelu,
    title="GEGLU",
    summary="One half of the features times the GELU of the other half.",
    used_when="Feed-forward layers of transformers (T5 1.1, diffusion models); halves the width.",
    formula="a b Phi(b), input (a, b)",
    source="Shazeer 2020, GLU variants improve transformer",
)
