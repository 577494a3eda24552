"""Run any record's formulas on torch tensors, with autograd in every mode."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from rectifiers.activations import Elementwise, Learned
from rectifiers.backends._binding import rebind
from rectifiers.errors import ArgumentTypeError

__all__ = ["Formulas", "formula_executor"]

_HALF = (torch.float16, torch.bfloat16)


def _words(dtype: torch.dtype) -> dict[str, Callable[..., Any]]:
    """Return torch's words; numbers among their arguments count as `dtype`, not as the default dtype."""

    def lift(arg: Any) -> Tensor:
        return arg if isinstance(arg, Tensor) else torch.scalar_tensor(arg, dtype=dtype)

    def lifted(operation: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return lambda *args: operation(*map(lift, args))

    operations: dict[str, Callable[..., Tensor]] = {
        "abs": torch.abs,
        "erf": torch.erf,
        "erfc": torch.erfc,
        "exp": torch.exp,
        "expm1": torch.expm1,
        "log": torch.log,
        "log1p": torch.log1p,
        "maximum": torch.maximum,
        "minimum": torch.minimum,
        "sigmoid": torch.sigmoid,
        "sqrt": torch.sqrt,
        "tanh": torch.tanh,
    }

    def where(condition: Any, if_true: Any, if_false: Any) -> Any:
        if not isinstance(condition, Tensor):  # a condition on parameters alone
            return if_true if condition else if_false
        return torch.where(condition, lift(if_true), lift(if_false))

    return {**{name: lifted(operation) for name, operation in operations.items()}, "where": where}


class Formulas:
    """A record's formulas, bound to torch's words for one dtype of computation."""

    def __init__(self, record: Elementwise, dtype: torch.dtype) -> None:
        words = _words(dtype)
        self.record = record
        self.dtype = dtype
        self.value = rebind(record.value, words)
        self.derivative = rebind(record.derivative, words)
        exact = record.derivative_of_input
        self.derivative_of_input = None if exact is None else rebind(exact, words)
        self.learned = {
            index: rebind(parameter.derivative, words)
            for index, parameter in enumerate(record.parameters.values())
            if isinstance(parameter, Learned)
        }

    @staticmethod
    @functools.cache
    def of(record: Elementwise, dtype: torch.dtype) -> Formulas:
        """The formulas of a record, made once."""
        return Formulas(record, dtype)

    def slope(self, input: Tensor, values: tuple[Any, ...]) -> Any:
        """The derivative by the input, in terms of the input."""
        if self.derivative_of_input is not None:
            return self.derivative_of_input(input, *values)
        kept: Any = input
        if self.record.keeps == "sign":
            kept = input > 0
        elif self.record.keeps == "output":
            kept = self.value(input, *values)
        return self.derivative(kept, *values)

    def wide(self, value: Any) -> Any:
        """A tensor in the dtype of computation; anything else as it is."""
        return value.to(self.dtype) if isinstance(value, Tensor) else value


class _Traced(torch.autograd.Function):
    """The value forward, the record's own derivative backward; keeps the output or the input."""

    generate_vmap_rule = True

    @staticmethod
    def forward(formulas: Formulas, keeps: str, input: Tensor, *values: Any) -> Tensor:
        """Compute the value in the formulas' dtype and round it once to the input's."""
        result = formulas.value(formulas.wide(input), *map(formulas.wide, values))
        if isinstance(result, Tensor) and result.shape == input.shape and result is not input:
            # Not `to` where it does nothing: traced by torch 2.11's compiler, it would lose the gradient.
            return result if result.dtype == input.dtype else result.to(input.dtype)
        return torch.empty_like(input).copy_(torch.as_tensor(result))  # the input itself, or a constant

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what the derivative is a function of."""
        ctx.formulas, ctx.keeps, input, *values = inputs
        ctx.numbers = [None if isinstance(value, Tensor) else value for value in values]
        saved = [output if ctx.keeps == "output" else input, *(v for v in values if isinstance(v, Tensor))]
        ctx.save_for_backward(*saved)
        ctx.save_for_forward(*saved)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        """Multiply by the derivative; a learned parameter gathers from all elements it acts on."""
        formulas, kept, values = _saved(ctx)
        wide = grad.to(formulas.dtype)
        grads: list[Tensor | None] = [(wide * _slope(ctx.keeps, formulas, kept, values)).to(grad.dtype)]
        for index, value in enumerate(values):
            if ctx.needs_input_grad[3 + index] and index in formulas.learned:
                by_value = wide * formulas.learned[index](kept, *values)
                grads.append(by_value.sum_to_size(value.shape))
            else:
                grads.append(None)
        return None, None, *grads


class _Apply(_Traced):
    """The same with forward mode, whose mere declaration a compiler that traces refuses."""

    @staticmethod
    def jvp(ctx: Any, _: Any, __: Any, tangent: Tensor | None, *tangents: Any) -> Tensor:
        """Sum what every tangent contributes."""
        formulas, kept, values = _saved(ctx)
        dtype = next(t.dtype for t in (tangent, *tangents) if t is not None)
        total: Any = 0.0 if tangent is None else tangent * _slope(ctx.keeps, formulas, kept, values)
        for index, by_value in formulas.learned.items():
            if tangents[index] is not None:
                total = total + tangents[index] * by_value(kept, *values)
        result: Tensor = total.to(dtype)
        return result


def _saved(ctx: Any) -> tuple[Formulas, Tensor, list[Any]]:
    """What `setup_context` kept: the input or output and all values, in the dtype of computation."""
    formulas: Formulas = ctx.formulas
    kept, *tensors = map(formulas.wide, ctx.saved_tensors)
    remaining = iter(tensors)
    return formulas, kept, [next(remaining) if number is None else number for number in ctx.numbers]


def _slope(keeps: str, formulas: Formulas, kept: Tensor, values: list[Any]) -> Any:
    return formulas.derivative(kept, *values) if keeps == "output" else formulas.slope(kept, tuple(values))


def formula_executor(record: Elementwise) -> Callable[..., Tensor]:
    """Return a function of ``(input, *values)`` that runs the record's formulas on tensors.

    Half types are computed in float32 and rounded once. Gradients come from the record's derivative in
    backward, forward mode, double backward, under `torch.func` and while a compiler traces.
    """
    by_dtype = {dtype: Formulas.of(record, dtype) for dtype in (torch.float32, torch.float64)}
    learns = any(isinstance(parameter, Learned) for parameter in record.parameters.values())

    def execute(input: Tensor, *values: Any) -> Tensor:
        if not input.is_floating_point():
            raise ArgumentTypeError(f"{record.name} needs a floating-point tensor, got {input.dtype}")
        exact_output = input.dtype not in _HALF and not learns
        keeps = "output" if exact_output and record.keeps_at(*values) == "output" else "input"
        formulas = by_dtype[torch.float32 if input.dtype in _HALF else input.dtype]
        function = _Traced if torch.compiler.is_compiling() else _Apply
        return cast(Tensor, function.apply(formulas, keeps, input, *values))  # type: ignore[no-untyped-call]

    return execute
