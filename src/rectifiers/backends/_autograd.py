"""Kernels under autograd: what is kept, and how gradients of gradients come about.

The functions are called past `torch.autograd.Function.apply`, whose handling of torch.func's transforms costs
as much as a small kernel; `rectifiers.backends.choose` has made sure that none is active.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack

from rectifiers.activations import Elementwise
from rectifiers.backends._arguments import Channels, Random, layout_of, numbers
from rectifiers.backends._choice import obstacle
from rectifiers.backends._formula import Formulas
from rectifiers.backends._kernels import Draw, Kept, Kernels, Layout
from rectifiers.backends._memory_order import dense, swapped

__all__ = ["apply", "elementwise", "flat", "kept_by"]

_HALF = (torch.float16, torch.bfloat16)


def kept_by(record: Elementwise, values: tuple[Any, ...], dtype: torch.dtype) -> Kept:
    """Return what is kept for backward.

    From an output in a half type the gradient would be off by per cent where it is small, so the input is
    kept if the record says how to use it. A learned parameter's gradient needs the input.
    """
    if any(isinstance(value, Channels) for value in values):
        return "input"
    numbers = tuple(0.0 if isinstance(value, Random) else value for value in values)
    keeps = record.keeps_at(*numbers)
    if keeps == "output" and dtype in _HALF and record.derivative_of_input is not None:
        return "input"
    return keeps


class _Call:
    """One call of an elementwise activation: everything but its tensors."""

    def __init__(self, record: Elementwise, kernels: Kernels, values: tuple[Any, ...], input: Tensor) -> None:
        self.record = record
        self.kernels = kernels
        self.keeps: Kept = kept_by(record, values, input.dtype)
        self.values = values
        self.dims = [value.dim for value in values if isinstance(value, Channels)]
        self.in_logical_order = False  # whether the kernel has to see the tensors so
        if any(isinstance(value, Random) for value in values):
            order = self.order(input)
            self.in_logical_order = order is None
            self.values = tuple(v.draw(input.device, order) if isinstance(v, Random) else v for v in values)
        self.strides: tuple[int, ...] = ()  # as the kernel sees the tensors
        self.output_strides: tuple[int, ...] = ()
        self.dtype = input.dtype

    def order(self, x: Tensor) -> Layout | None:
        """`Draw.swapped` for the input; None where numbers are drawn for the elements in logical order."""
        if x.is_contiguous() or self.dims or not getattr(self.kernels, "draws_swapped", False):
            return None
        found = swapped(x)
        return found if found is not None and found[1] % 8 == 0 else None

    def layout(self, x: Tensor, weights: tuple[Tensor, ...]) -> Layout:
        """(outer, channels, inner) of the input in memory; (1, 1, n) if every learned parameter is shared."""
        for weight, dim in zip(weights, self.dims, strict=True):
            if weight.numel() > 1:
                return layout_of(x, dim)
        return 1, 1, x.numel()

    def with_weights(self, x: Tensor, weights: tuple[Tensor, ...], layout: Layout) -> tuple[Any, ...]:
        """The values for the kernels: a learned parameter as one number per channel, in the type of `x`."""
        if not weights:
            return self.values
        remaining = iter(weights)
        found = []
        for value in self.values:
            if isinstance(value, Channels):
                value = next(remaining)
                if value.dtype != x.dtype or value.numel() != layout[1] or not value.is_contiguous():
                    value = value.detach().to(x.dtype).reshape(-1).expand(layout[1]).contiguous()
            found.append(value)
        return tuple(found)

    def against(self, x: Tensor, weights: tuple[Tensor, ...]) -> list[Any]:
        """The values for torch's operations; random numbers as the kernels draw them."""
        remaining = iter(weights)
        found = []
        for value in self.values:
            if isinstance(value, Channels):
                value = Channels(next(remaining), value.dim).against(x)
            found.append(numbers(value, x) if isinstance(value, Draw) else value)
        return found

    def run(
        self, input: Tensor, weights: tuple[Tensor, ...], keep: bool, inplace: bool
    ) -> tuple[Tensor, Any]:
        """Return the output, and packed signs if they are kept."""
        packs = keep and self.keeps == "sign"
        output = input if inplace else torch.empty_like(input)
        x, y = input, output
        if self.in_logical_order:
            if not input.is_contiguous():
                x = input.contiguous()
                y = x
        elif output.stride() != input.stride():
            x = torch.empty_like(output).copy_(input)
        elif inplace and not dense(input):
            x = y = torch.empty_like(input).copy_(input)
        self.strides, self.output_strides = y.stride(), output.stride()
        layout = self.layout(x, weights)
        signs = self.kernels.value(self.record, self.with_weights(x, weights, layout), layout, x, y, packs)
        if y is not output:
            output.copy_(y)
        return output, signs

    def gradients(self, kept: Tensor, g: Tensor, weights: tuple[Tensor, ...]) -> Sequence[Tensor]:
        """Return the gradients by the input and by every learned parameter, in a way that can be followed."""
        if torch.is_grad_enabled() or obstacle(g):
            return self.slopes(kept, g, weights)
        return self.slope(kept, g, weights)

    def slope(self, kept: Tensor, g: Tensor, weights: tuple[Tensor, ...] = ()) -> tuple[Tensor, ...]:
        """Return the gradients by the input and by every learned parameter."""
        g = self.laid_out(g)
        if self.keeps != "sign":  # a hook may have given back another copy, or the kernel have seen one
            kept = self.laid_out(kept)
        gx = torch.empty_strided(g.shape, self.strides, dtype=g.dtype, device=g.device)
        layout = self.layout(gx, weights)
        values = self.with_weights(kept, weights, layout)
        by_weight = self.kernels.slope(self.record, values, layout, self.keeps, kept, g, gx)
        if self.output_strides != self.strides:
            given = torch.empty_strided(g.shape, self.output_strides, dtype=g.dtype, device=g.device)
            gx = given.copy_(gx)
        found = [gx]
        for total, weight in zip(by_weight, weights, strict=True):
            total = total if weight.numel() == total.numel() else total.sum()
            if total.dtype != weight.dtype or total.shape != weight.shape:
                total = total.to(weight.dtype).reshape(weight.shape)
            found.append(total)
        return tuple(found)

    def laid_out(self, tensor: Tensor) -> Tensor:
        """The tensor as the kernel saw the input lie in memory; a copy if it lies differently."""
        if tensor.stride() == self.strides:
            return tensor
        made = torch.empty_strided(tensor.shape, self.strides, dtype=tensor.dtype, device=tensor.device)
        return made.copy_(tensor)

    def slopes(self, kept: Tensor, g: Tensor, weights: tuple[Tensor, ...]) -> list[Tensor]:
        """The same in torch's operations, which can be differentiated again."""
        if self.keeps == "sign":  # straight on both sides of 0: the derivative is a constant
            with temporarily_clear_interpreter_stack():  # a kernel reads memory, not what a transform wraps
                one = torch.empty_strided(g.shape, self.strides, dtype=self.dtype, device=kept.device).fill_(
                    1
                )
                constant = self.slope(kept, one)[0]
            return [g * constant]
        formulas = Formulas.of(self.record, torch.float64 if kept.dtype == torch.float64 else torch.float32)
        wide_kept, wide = formulas.wide(kept), formulas.wide(g)
        values = [formulas.wide(value) for value in self.against(kept, weights)]
        slope = (
            formulas.derivative(wide_kept, *values)
            if self.keeps == "output"
            else formulas.slope(wide_kept, tuple(values))
        )
        found = [(wide * slope).to(g.dtype)]
        remaining = iter(weights)
        for index, value in enumerate(self.values):
            if isinstance(value, Channels):
                weight = next(remaining)
                total = (wide * formulas.learned[index](wide_kept, *values)).sum_to_size(values[index].shape)
                found.append(total.to(weight.dtype).reshape(weight.shape))
        return found


class _Elementwise(torch.autograd.Function):
    """Forward and backward by kernels."""

    @staticmethod
    def forward(ctx: Any, call: _Call, inplace: bool, input: Tensor, *weights: Tensor) -> Tensor:
        """Compute the value; keep what the derivative is a function of."""
        output, signs = call.run(input, weights, True, inplace)
        ctx.call = call
        if inplace:
            ctx.mark_dirty(input)
        # The input itself, not a copy the kernel saw: autograd knows where it comes from.
        kept = {"sign": signs, "output": output, "input": input}[call.keeps]
        ctx.save_for_backward(kept, *weights)
        return output

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        """Multiply by the derivative; by torch's operations if the result is to be differentiated again."""
        call: _Call = ctx.call
        kept, *weights = ctx.saved_tensors
        return None, None, *call.gradients(kept, g, tuple(weights))


class _Plan:
    """What calls with the same numbers and words have in common, in tensors of one type."""

    def __init__(
        self, record: Elementwise, kernels: Kernels, values: tuple[Any, ...], dtype: torch.dtype
    ) -> None:
        self.record, self.kernels, self.values = record, kernels, values
        self.keeps: Kept = kept_by(record, values, dtype)
        self.value, self.slope = kernels.prepared(record, values, dtype, self.keeps)


_plan: Callable[..., _Plan] = functools.lru_cache(1024)(_Plan)


class _Flat(torch.autograd.Function):
    """Forward and backward by kernels of elements as they lie in memory: the usual case of `_Elementwise`."""

    @staticmethod
    def forward(ctx: Any, plan: _Plan, input: Tensor) -> Tensor:
        """Compute the value; keep what the derivative is a function of."""
        output = torch.empty_like(input)
        keeps = plan.keeps
        signs = plan.value(input, output, keeps == "sign")
        ctx.plan, ctx.strides = plan, input.stride()
        ctx.save_for_backward(signs if keeps == "sign" else output if keeps == "output" else input)
        return output

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        """Multiply by the derivative."""
        plan: _Plan = ctx.plan
        (kept,) = ctx.saved_tensors
        if (
            torch.is_grad_enabled()
            or g.stride() != ctx.strides
            or (plan.keeps != "sign" and kept.stride() != ctx.strides)
            or obstacle(g)
        ):
            call = _Call(plan.record, plan.kernels, plan.values, g)
            call.strides = call.output_strides = ctx.strides
            return None, *call.gradients(kept, g, ())
        gx = torch.empty_like(g)
        plan.slope(kept, g, gx)
        return None, gx


def flat(record: Elementwise, kernels: Kernels, input: Tensor, values: tuple[Any, ...]) -> Tensor:
    """Apply an activation of numbers and words alone by kernels: `elementwise` at half the cost.

    Parameters
    ----------
    input : Tensor
        As `elementwise` takes it.
    values : tuple
        One per parameter of the record: a number or a word.
    """
    # Plans are known by what their numbers compare equal to, and 0 does to -0.
    if 0.0 in values or not (input.is_contiguous() or dense(input)):
        return elementwise(record, kernels, input, values, False)
    plan = _plan(record, kernels, values, input.dtype)
    if input.requires_grad and torch.is_grad_enabled():
        result: Tensor = _apply_flat(plan, input)
        return result
    output = torch.empty_like(input)
    plan.value(input, output, False)
    return output


def elementwise(
    record: Elementwise, kernels: Kernels, input: Tensor, values: tuple[Any, ...], inplace: bool
) -> Tensor:
    """Apply an activation by kernels.

    Parameters
    ----------
    input : Tensor
        Not empty; one that `obstacle` has nothing against.
    values : tuple
        One per parameter of the record: a number, a word, `Channels` or `Random`.
    """
    weights = tuple([value.weight for value in values if isinstance(value, Channels)])
    learns = torch.is_grad_enabled() and (
        input.requires_grad or any(weight.requires_grad for weight in weights)
    )
    # A leaf is refused by the copy, as by all of torch; a view is for autograd to look after.
    kept = learns and inplace and kept_by(record, values, input.dtype)
    if kept and (kept == "input" or input._is_view() or input.is_leaf):
        return input.copy_(elementwise(record, kernels, input.clone(), values, False))
    call = _Call(record, kernels, values, input)
    if learns:
        result: Tensor = apply(_Elementwise)(call, inplace, input, *weights)
        return result
    return call.run(input, weights, False, inplace)[0]


def apply(function: Any) -> Callable[..., Any]:
    """Return what applies an autograd function, for tensors that no transform has wrapped."""
    applied: Callable[..., Any] = super(torch.autograd.Function, function).apply
    return applied


_apply_flat = apply(_Flat)
