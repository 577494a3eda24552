"""SwiGLU: one half of the features, gated by the SiLU of the other."""

from __future__ import annotations

from rectifiers.activations._gated import gated
from rectifiers.activations.silu import silu

swiglu = gated(
    "swiglu",
    silu,
    title="SwiGLU",
    summary="One half of the features times the SiLU of the other half.",
    used_when="Feed-forward layers of language models (PaLM, Llama); halves the width.",
    formula="a b / (1 + exp(-b)), input (a, b)",
    source="Shazeer 2020, GLU variants improve transformer",
)
