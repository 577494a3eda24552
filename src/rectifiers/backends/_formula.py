# mypy: disable-error-code="no-untyped-call, no-any-return"
# (Parts of torch have no types.)
"""Run any record's formulas on torch tensors, with autograd in every mode."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.compiler import is_compiling
from torch.jit import is_tracing  # type: ignore[attr-defined]

from rectifiers.activations import Autograd, Elementwise, Learned, Uniform, celu
from rectifiers.backends._arguments import constant
from rectifiers.backends._binding import rebind
from rectifiers.errors import TensorTypeError

__all__ = ["Formulas", "formula_executor", "formula_of", "gradients_of", "tangent_of"]

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
        self.derivative = self._derivative(record.derivative, 0, words)
        exact = record.derivative_of_input
        self.derivative_of_input = None if exact is None else rebind(exact, words)
        self.learned = {
            index: self._derivative(parameter.derivative, 1 + index, words)
            for index, parameter in enumerate(record.parameters.values())
            if isinstance(parameter, Learned)
        }

    @staticmethod
    @functools.cache
    def of(record: Elementwise, dtype: torch.dtype) -> Formulas:
        """The formulas of a record, made once."""
        return Formulas(record, dtype)

    def _derivative(self, written: Any, place: int, words: dict[str, Any]) -> Callable[..., Any]:
        """The derivative by an argument of the value: as it is written, or in forward mode."""
        if not isinstance(written, Autograd):
            return rebind(written, words)

        def by_autograd(*arguments: Any) -> Tensor:
            before, by, after = arguments[:place], arguments[place], arguments[place + 1 :]
            # forward mode takes part in every other mode
            return torch.func.jvp(lambda at: self.value(*before, at, *after), (by,), (torch.ones_like(by),))[
                1
            ]

        return by_autograd

    def slope(self, saved: str, tensor: Tensor, values: Sequence[Any]) -> Any:
        """The derivative by the input, in terms of the output or the input; constant at kinks."""
        tensor = self._without_kinks(saved, tensor, values)
        if saved == "output":
            return self.derivative(tensor, *values)
        if self.derivative_of_input is not None:
            return self.derivative_of_input(tensor, *values)
        of: Any = tensor
        if self.record.keeps == "sign":
            of = self.record.positive(tensor)
        elif self.record.keeps == "output":
            of = self.value(tensor, *values)
        return self.derivative(of, *values)

    def _without_kinks(self, saved: str, tensor: Tensor, values: Sequence[Any]) -> Tensor:
        """The tensor, with elements at kinks that pass no second derivative."""
        if not tensor.requires_grad or callable(self.record.kinks) or is_compiling():
            return tensor
        # CELU has no kink, but a second derivative that jumps at 0, and is 0 there in torch.
        for kink in (0.0,) if self.record is celu else self.record.kinks:
            at: Any = kink
            if saved == "output":
                at = self.value(torch.scalar_tensor(kink, dtype=self.dtype, device=tensor.device), *values)
            tensor = torch.where(tensor == at, tensor.detach(), tensor)
        return tensor

    def wide(self, value: Any) -> Any:
        """A tensor in the dtype of computation; anything else as it is."""
        return value.to(self.dtype) if isinstance(value, Tensor) else value


def gradients_of(
    formulas: Formulas, saved: str, tensor: Tensor, values: Sequence[Any], g: Tensor
) -> list[Tensor]:
    """Return the gradients by the input and by every learned parameter, in torch's operations.

    Parameters
    ----------
    formulas : Formulas
    saved : {"output", "input"}
        What `tensor` is.
    tensor : Tensor
    values : sequence
        One per parameter: a number, a word, or a tensor that broadcasts against `tensor`.
    g : Tensor
        The gradient by the output.
    """
    kept, numbers, wide = formulas.wide(tensor), [*map(formulas.wide, values)], formulas.wide(g)
    found = [(wide * formulas.slope(saved, kept, numbers)).to(g.dtype)]
    for index, by_value in formulas.learned.items():
        by_weight = wide * by_value(kept, *numbers)
        found.append(by_weight.sum_to_size(numbers[index].shape).to(values[index].dtype))
    if torch.is_grad_enabled() and not is_compiling():
        # A sum of no elements is 0, and ties a gradient to what it may not depend on: a derivative of 0.
        tensors = [t for t in (tensor, *values) if isinstance(t, Tensor) and t.requires_grad]
        found = [_tied(by, tensors) for by in found]
    return found


def _tied(gradient: Tensor, tensors: Sequence[Tensor]) -> Tensor:
    for tensor in tensors:
        gradient = gradient + tensor.unsqueeze(0)[:0].sum().to(gradient.dtype)
    return gradient


def tangent_of(
    formulas: Formulas, saved: str, tensor: Tensor, values: Sequence[Any], tangents: Sequence[Tensor | None]
) -> Tensor:
    """Return the derivative along the tangents of the input and of every learned parameter."""
    kept, numbers = formulas.wide(tensor), [*map(formulas.wide, values)]
    dtype = next(t.dtype for t in tangents if t is not None)
    along, *others = tangents
    total: Any = 0.0 if along is None else along * formulas.slope(saved, kept, numbers)
    for (_, by_value), other in zip(formulas.learned.items(), others, strict=True):
        if other is not None:
            total = total + other * by_value(kept, *numbers)
    result: Tensor = total.to(dtype)
    return result


def _value(formulas: Formulas, input: Tensor, values: Sequence[Any]) -> Tensor:
    """The value in the formulas' dtype, rounded once to the input's."""
    result = formulas.value(formulas.wide(input), *map(formulas.wide, values))
    whole = isinstance(result, Tensor) and (is_tracing() or result.shape == input.shape)
    if whole and result is not input:
        # Not `to` where it does nothing: traced by torch 2.11's compiler, it would lose the gradient.
        return result if result.dtype == input.dtype else result.to(input.dtype)
    return torch.empty_like(input).copy_(torch.as_tensor(result))  # the input itself, or a constant


class _Traced(torch.autograd.Function):
    """The value forward, the record's own derivative backward; saves the output or the input."""

    generate_vmap_rule = True

    @staticmethod
    def forward(formulas: Formulas, saved: str, input: Tensor, *values: Any) -> Tensor:
        """Compute the value."""
        return _value(formulas, input, values)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Save what the derivative is a function of."""
        ctx.formulas, ctx.saved, input, *values = inputs
        ctx.numbers = [None if isinstance(value, Tensor) else value for value in values]
        saved = [output if ctx.saved == "output" else input, *(v for v in values if isinstance(v, Tensor))]
        ctx.save_for_backward(*saved)
        ctx.save_for_forward(*saved)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        """Multiply by the derivative; a learned parameter gathers from all elements it acts on."""
        saved, values = _restored(ctx)
        by_input, *by_learned = gradients_of(ctx.formulas, ctx.saved, saved, values, grad)
        grads: list[Tensor | None] = [None] * len(values)
        for index, by_weight in zip(ctx.formulas.learned, by_learned, strict=True):
            grads[index] = by_weight if ctx.needs_input_grad[3 + index] else None
        return None, None, by_input, *grads


class _Apply(_Traced):
    """The same with forward mode, whose mere declaration a compiler that traces refuses."""

    @staticmethod
    def jvp(ctx: Any, _: Any, __: Any, tangent: Tensor | None, *tangents: Any) -> Tensor:
        """Sum what every tangent contributes."""
        saved, values = _restored(ctx)
        learned = [tangents[index] for index in ctx.formulas.learned]
        return tangent_of(ctx.formulas, ctx.saved, saved, values, (tangent, *learned))


def _restored(ctx: Any) -> tuple[Tensor, list[Any]]:
    """What `setup_context` saved: the input or output, and all values."""
    saved, *tensors = ctx.saved_tensors
    remaining = iter(tensors)
    return saved, [next(remaining) if number is None else number for number in ctx.numbers]


def formula_executor(record: Elementwise) -> Callable[..., Tensor]:
    """Return a function of ``(input, *values)`` that runs the record's formulas on tensors.

    Half types are computed in float32 and rounded once. Gradients come from the record's derivative in
    backward, forward mode, double backward, under `torch.func` and while a compiler traces.
    """
    by_dtype = {dtype: Formulas.of(record, dtype) for dtype in (torch.float32, torch.float64)}
    learns = any(isinstance(parameter, Learned) for parameter in record.parameters.values())
    fixed = [not isinstance(parameter, Learned | Uniform) for parameter in record.parameters.values()]

    def execute(input: Tensor, *values: Any) -> Tensor:
        if not input.is_floating_point():
            raise TensorTypeError(f"{record.name} needs a floating-point tensor, got {input.dtype}")
        values = tuple([constant(v) if number else v for v, number in zip(values, fixed, strict=True)])
        exact_output = input.dtype not in _HALF and not learns
        saved = "output" if exact_output and record.keeps_at(*values) == "output" else "input"
        formulas = by_dtype[torch.float32 if input.dtype in _HALF else input.dtype]
        if not is_compiling():
            return cast(Tensor, _Apply.apply(formulas, saved, input, *values))
        tensors = (input, *(value for value in values if isinstance(value, Tensor)))
        if not (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)):
            return _value(formulas, input, values)  # Dynamo mistakes its arguments
        return cast(Tensor, _Traced.apply(formulas, saved, input, *values))

    return execute


def formula_of(record: Elementwise) -> Callable[..., Tensor]:
    """Return a function of ``(input, *values)`` in torch's operations, which autograd differentiates."""
    return lambda input, *values: _value(Formulas.of(record, input.dtype), input, values)
