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
_SECOND = "torch's Hardsigmoid has no second derivative and raises an error; ours has one."

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
        "dtensor",
        ("logsigmoid", "reglu", "geglu", "swiglu"),
        "torch's operation, or the composition by `chunk`, has no rule for sharded tensors; ours has.",
    ),
    Difference("forward_mode_over_a_backward", ("hardsigmoid",), _SECOND),
    Difference("second_derivatives", ("hardsigmoid",), _SECOND),
    Difference("a_gradient_penalty", ("hardsigmoid",), _SECOND),
    Difference("third_derivatives", ("hardsigmoid",), _SECOND),
    Difference("grad_of_grad", ("hardsigmoid",), _SECOND),
    Difference("jacobians_and_hessians", ("hardsigmoid",), _SECOND),
    Difference("a_transform_over_the_backward_of_a_graph_made_before", ("hardsigmoid",), _SECOND),
    Difference(
        "float64",
        ("hardsigmoid",),
        "torch's Hardsigmoid computes a factor of its gradient in float32; ours in the type of the input.",
    ),
    Difference(
        "a_jagged_nested_tensor",
        ("logsigmoid",),
        "torch has no such operation for LogSigmoid and raises an error; ours computes.",
    ),
    Difference(
        "strides_of_the_output",
        ("rrelu", "logsigmoid"),
        "torch's forgets the strides of its input, channels_last among them; ours has them in its output.",
        in_place=(False,),
    ),
    Difference(
        "the_output_is_written_to_before_backward",
        ("relu",),
        "torch's ReLU saves its output and raises an error; where a kernel runs, ours saves signs.",
        sizes=("large",),
    ),
    Difference(
        "the_output_is_written_to_before_backward",
        ("elu", "selu", "celu"),
        "Where a kernel runs in float32 the output is saved, as by torch's ReLU, so that autograd raises: "
        "write `y = y + x`, not `y += x`. torch's own save the input.",
        sizes=("large",),
    ),
    Difference(
        "at_a_kink",
        ("prelu",),
        "At 0 torch's PReLU has the slope `weight` in backward but 1 in forward mode; ours has "
        "`weight` in both.",
    ),
    Difference(
        "nan",
        ("hardsigmoid",),
        "Where the input is NaN, torch's Hardsigmoid hands on no gradient; ours does, as torch's ReLU6.",
    ),
    Difference(
        "a_tensor_without_axes",
        ("maxout",),
        "An axis that is not there is a `ShapeError`, which is a ValueError and a RuntimeError, "
        "not an IndexError.",
    ),
)
