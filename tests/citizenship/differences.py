"""Where an activation differs from torch's own on purpose: data, from which the documentation makes a page.

A cell of the matrix finds its line here by its situation, and must then really differ.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DIFFERENCES", "Difference"]


@dataclass(frozen=True)
class Difference:
    """One line of the page.

    Parameters
    ----------
    situation : str
        Name of the test without ``test_``.
    activations : tuple of str
        By the registry's names; all if it is empty.
    why : str
        One sentence for the reader of the page.
    sizes, in_place : tuple
        The cells that differ; every one by default.
    """

    situation: str
    activations: tuple[str, ...]
    why: str
    sizes: tuple[str, ...] = ("small", "large")
    in_place: tuple[bool, ...] = (False, True)


_RRELU = "torch has no such operation for RReLU and raises an error; ours computes."

DIFFERENCES: tuple[Difference, ...] = (
    Difference("forward_mode", ("rrelu",), _RRELU, in_place=(True,)),
    Difference("vjp_and_jvp", ("rrelu",), _RRELU, in_place=(True,)),
    Difference("vmap", ("rrelu",), _RRELU),
    Difference("vmap_within_vmap", ("rrelu",), _RRELU),
    Difference("an_ensemble_of_stacked_modules", ("rrelu",), _RRELU),
    Difference("functionalize", ("rrelu",), _RRELU, in_place=(True,)),
    Difference("grad_of_grad", ("rrelu",), _RRELU, in_place=(True,)),
    Difference("jacobians_and_hessians", ("rrelu",), _RRELU),
    Difference(
        "jacobians_and_hessians",
        ("prelu",),
        "torch's PReLU fails under transforms within one another; ours computes.",
    ),
    Difference("dtensor", ("rrelu",), _RRELU, in_place=(True,)),
    Difference(
        "strides_of_the_output",
        ("rrelu",),
        "torch's RReLU forgets the strides of its input, channels_last among them; ours has them "
        "in its output.",
        in_place=(False,),
    ),
    Difference(
        "at_a_kink",
        ("prelu",),
        "At 0 torch's PReLU has the slope `weight` in backward but 1 in forward mode; ours has "
        "`weight` in both.",
    ),
    Difference(
        "nan",
        ("relu", "crelu"),
        "Where the input is NaN the output is, too; a kernel hands on no gradient there, torch's "
        "operation does.",
        sizes=("large",),
    ),
    Difference(
        "a_tensor_without_axes",
        ("maxout",),
        "An axis that is not there is a `ShapeError`, which is a ValueError and a RuntimeError, "
        "not an IndexError.",
    ),
)
