"""The public way to make an activation: a formula, its derivative, and a proof that they belong together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rectifiers.activations._parameters import Parameter
from rectifiers.activations._record import Elementwise, Formula, Keeps

__all__ = ["elementwise"]


def elementwise(
    name: str,
    f: Formula,
    df: Formula,
    *,
    keeps: Keeps,
    parameters: Mapping[str, Parameter] | None = None,
    kinks: Sequence[float] | Callable[..., Sequence[float]] = (),
    source: str = "",
    title: str = "",
    summary: str = "",
    formula: str = "",
    df_input: Formula | None = None,
    output_suffices: Callable[..., bool] | None = None,
) -> Elementwise:
    """Make an activation from a formula and its derivative."""
    return Elementwise(
        name,
        title=title,
        summary=summary or (f.__doc__ or "").strip().partition("\n")[0],
        formula=formula,
        source=source,
        parameters=parameters or {},
        value=f,
        derivative=df,
        keeps=keeps,
        derivative_of_input=df_input,
        output_suffices=output_suffices,
        kinks=kinks,
    )
