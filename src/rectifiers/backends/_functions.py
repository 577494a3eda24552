# mypy: disable-error-code="no-untyped-call, no-any-return"
# (Parts of torch have no types.)
"""Kernels under autograd, by ordinary autograd functions.

There are two kinds. A piecewise linear activation (`PiecewiseLinear`) saves packed bits: its derivative
depends on the input in no other way. Any other (`Smooth`) saves its input or its output. Each has a second
function for the derivative, so that a gradient can itself be differentiated, batched, or carry a tangent.

A saved tensor may come back from a hook as another copy, and kernels read memory by pointer: everything they
read is checked and laid out first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.forward_ad import unpack_dual

from rectifiers.activations import Elementwise
from rectifiers.backends._arguments import Channels, Random, constant
from rectifiers.backends._formula import Formulas, gradients_of, tangent_of
from rectifiers.backends._kernels import Kernels, Layout, Saved
from rectifiers.backends._memory_order import PLAIN, empty, in_memory, laid_out, layout_of, strides_like

__all__ = ["PiecewiseLinear", "elementwise", "saved_by"]

_HALF = (torch.float16, torch.bfloat16)


class _Linear(Protocol):
    """One call of a piecewise linear activation: everything but its tensors, which are never part of it."""

    def value(self, x: Tensor, *seed: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output and packed bits, by a kernel."""
        ...

    def slope(self, g: Tensor, bits: Tensor, *seed: Tensor) -> Tensor:
        """Return the gradient by the input, by a kernel."""
        ...

    def slope_by_torch(self, g: Tensor, slopes: Tensor) -> Tensor:
        """The same in torch's operations, given the gradient for the `g` of `ones`."""
        ...

    def along(self, tangent: Tensor, slopes: Tensor) -> Tensor:
        """Return the derivative along a tangent in torch's operations, given the same."""
        ...

    def ones(self, device: torch.device) -> Tensor:
        """Return a `g` of ones, or of numbers that tell the halves of an output apart."""
        ...


class PiecewiseLinear(Function):
    """Input -> output, packed bits, and a link.

    The link has no elements. Its sum, 0, ties the gradient to the input, so that a second derivative exists
    and is 0, as torch's is, although nothing of the input is saved.
    """

    @staticmethod
    def forward(call: _Linear, x: Tensor, *seed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Run the kernel."""
        return *call.value(x, *seed), x.new_empty(0)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Save the bits, the seed if there is one, and the link."""
        ctx.call, x, *seed = inputs
        _, bits, link = output
        ctx.shape, ctx.bits = x.shape, bits.shape
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(bits)
        ctx.save_for_backward(bits, link, *seed)
        ctx.save_for_forward(bits, link, *seed)

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, _: Any, __: Any) -> tuple[Any, ...]:
        """Return the gradient by the input; tied to it if it may be differentiated again."""
        bits, link, *seed = ctx.saved_tensors
        _check_bits(bits, ctx.bits)
        gx = link.new_zeros(ctx.shape) if g is None else _slope(ctx.call, g, bits, seed)
        gx = gx + link.sum() if torch.is_grad_enabled() else gx
        return None, gx, *[None] * len(seed)

    @staticmethod
    def jvp(ctx: Any, _: Any, tangent: Tensor, *__: Any) -> tuple[Any, ...]:
        """Return the derivative along the tangent."""
        bits, _, *seed = ctx.saved_tensors
        return _along(ctx.call, tangent, bits, seed), None, tangent.new_zeros(0)

    @staticmethod
    def vmap(info: Any, in_dims: Any, call: _Linear, *tensors: Tensor) -> Any:
        """Run the kernel for each sample."""
        return _each(PiecewiseLinear, info, in_dims, call, tensors)


class PiecewiseLinearSlope(Function):
    """Gradient by the output, and packed bits -> gradient by the input."""

    @staticmethod
    def forward(call: _Linear, g: Tensor, bits: Tensor, *seed: Tensor) -> Tensor:
        """Run the kernel."""
        return call.slope(g, bits, *seed)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Save the bits."""
        ctx.call, _, bits, *seed = inputs
        ctx.bits = bits.shape
        ctx.save_for_backward(bits, *seed)
        ctx.save_for_forward(bits, *seed)

    @staticmethod
    def backward(ctx: Any, h: Tensor) -> tuple[Any, ...]:
        """Return the gradient by the gradient: the derivative is a constant."""
        bits, *seed = ctx.saved_tensors
        _check_bits(bits, ctx.bits)
        return None, _along(ctx.call, h, bits, seed), None, *[None] * len(seed)

    @staticmethod
    def jvp(ctx: Any, _: Any, tangent: Tensor, *__: Any) -> Tensor:
        """Return the same of the tangent."""
        bits, *seed = ctx.saved_tensors
        return _slope(ctx.call, tangent, bits, seed)

    @staticmethod
    def vmap(info: Any, in_dims: Any, call: _Linear, *tensors: Tensor) -> Any:
        """Run the kernel for each sample."""
        return _each(PiecewiseLinearSlope, info, in_dims, call, tensors)


def _slope(call: _Linear, g: Tensor, bits: Tensor, seed: list[Tensor]) -> Tensor:
    if in_memory(g):
        result: Tensor = PiecewiseLinearSlope.apply(call, g, bits, *seed)
        return result
    return call.slope_by_torch(g, _slopes(call, bits, seed))


def _along(call: _Linear, tangent: Tensor, bits: Tensor, seed: list[Tensor]) -> Tensor:
    return call.along(tangent, _slopes(call, bits, seed))


def _slopes(call: _Linear, bits: Tensor, seed: list[Tensor]) -> Tensor:
    """The gradient for the `g` of `ones`."""
    result: Tensor = PiecewiseLinearSlope.apply(call, call.ones(bits.device), bits, *seed)
    return result


def _check_bits(bits: Tensor, shape: torch.Size) -> None:
    if bits.dtype != torch.uint8 or bits.shape != shape:
        raise RuntimeError(
            f"saved bits must come back from a saved-tensor hook as torch.uint8 of shape {tuple(shape)}, got "
            f"{bits.dtype} of shape {tuple(bits.shape)}"
        )


def _each(function: Any, info: Any, in_dims: Any, call: Any, tensors: tuple[Tensor, ...]) -> Any:
    """A batch under vmap, sample by sample: a batch is not what kernels are for."""
    results = []
    for i in range(info.batch_size):
        sample = [
            t if dim is None or t is None else t.select(dim, i)
            for t, dim in zip(tensors, in_dims[1:], strict=True)
        ]
        results.append(function.apply(call, *sample))
    if isinstance(results[0], Tensor):
        return torch.stack(results), 0
    stacked = tuple(torch.stack(part) for part in zip(*results, strict=True))
    return stacked, (0,) * len(stacked)


class _Elementwise:
    """One call of an elementwise activation: everything but its tensors."""

    def __init__(self, record: Elementwise, kernels: Kernels, values: tuple[Any, ...], input: Tensor) -> None:
        self.record, self.kernels = record, kernels
        self.saved: Saved = saved_by(record, values, input.dtype)
        # a learned parameter is known by its axis; its tensor, and a seed, come with every call
        numbers = [v.dim if isinstance(v, Channels) else constant(v) for v in values]
        # a number that is a tensor may change before backward
        self.values: tuple[Any, ...] = tuple(v.item() if isinstance(v, Tensor) else v for v in numbers)
        self.learned = tuple(place for place, v in enumerate(values) if isinstance(v, Channels))
        self.draws = any(isinstance(v, Random) for v in values)
        self.shape, self.dtype = input.shape, input.dtype
        self.strides = self.given = strides_like(input)
        if self.draws:  # numbers are drawn in logical order
            self.strides = torch.empty(input.shape, device="meta").stride()

    def laid_out(self, tensor: Tensor) -> Tensor:
        """The tensor as the kernel reads it; an error if a hook has brought back something else."""
        return laid_out(tensor, self.shape, self.strides, self.dtype)

    def empty(self, device: torch.device) -> Tensor:
        """A result to be written by the kernel."""
        return empty(self.shape, self.strides, self.dtype, device)

    def as_given(self, result: Tensor) -> Tensor:
        """The result with the strides of the input."""
        if self.given == self.strides:
            return result
        return torch.empty_strided(self.shape, self.given, dtype=self.dtype, device=result.device).copy_(
            result
        )

    def settings(self, x: Tensor, extras: tuple[Tensor, ...]) -> tuple[tuple[Any, ...], Layout]:
        """The values and the layout as the kernels take them."""
        layout: Layout = (1, 1, x.numel())
        values = list(self.values)
        for place, weight in zip(self.learned, extras, strict=False):
            if weight.numel() > 1:
                layout = layout_of(x, values[place])
        for place, weight in zip(self.learned, extras, strict=False):
            if type(weight) not in PLAIN or weight.numel() not in (1, layout[1]) or weight.device != x.device:
                raise RuntimeError(
                    f"a weight of {layout[1]} elements came back from a hook as {weight.shape}"
                )
            values[place] = weight.detach().to(x.dtype).reshape(-1).expand(layout[1]).contiguous()
        return tuple(v.draw(extras[-1]) if isinstance(v, Random) else v for v in values), layout

    def value(self, x: Tensor, *extras: Tensor) -> Any:
        """Run the kernel of the value; return the output, and packed bits where these are saved."""
        x = self.laid_out(x)
        y = self.empty(x.device)
        values, layout = self.settings(x, extras)
        bits = self.kernels.value(self.record, values, layout, x, y, self.saved == "sign")
        return self.as_given(y) if bits is None else (self.as_given(y), bits)

    def slope(self, g: Tensor, saved: Tensor, *extras: Tensor) -> Any:
        """Run the kernel of the slope; return the gradients by the input and by the weights."""
        g = self.laid_out(g)
        saved = saved.contiguous() if self.saved == "sign" else self.laid_out(saved)
        if saved.device != g.device:
            raise RuntimeError(f"what is saved came back from a hook on {saved.device}, not on {g.device}")
        gx = self.empty(g.device)
        values, layout = self.settings(g, extras)
        totals = self.kernels.slope(self.record, values, layout, self.saved, saved, g, gx)
        gx = self.as_given(gx)
        if not self.learned:
            return gx
        by_weights = []
        for total, weight in zip(totals, extras, strict=True):
            total = total if weight.numel() == total.numel() else total.sum()
            by_weights.append(total.to(weight.dtype).reshape(weight.shape))
        return gx, *by_weights

    def slope_by_torch(self, g: Tensor, slopes: Tensor) -> Tensor:
        """See `_Linear`; where the slope is 0 an infinite gradient does not get through."""
        return torch.where(slopes == 0, 0.0, g * slopes)

    along = slope_by_torch  # each element depends on itself alone

    def ones(self, device: torch.device) -> Tensor:
        """See `_Linear`."""
        # by torch itself, for under a transform of torch.func this is the transform's tensor, as it must be
        return torch.empty_strided(self.shape, self.strides, dtype=self.dtype, device=device).fill_(1)

    def by_formula(self, function: Callable[..., Any], saved: Tensor, extras: Any, *others: Any) -> Any:
        """Call a function of `_formula`, which are torch's operations, with what is saved."""
        values = list(self.values)
        for place, weight in zip(self.learned, extras, strict=True):
            values[place] = Channels(weight, values[place]).against(saved)
        return function(Formulas.of(self.record, torch.float32), self.saved, saved, values, *others)


class Smooth(Function):
    """Input and weights -> output; saves the input or the output.

    An output goes with a marker, so that what is saved differs from what torch's own operation saves, which
    is the input: checkpointing compares shapes and types, and would take one for the other.
    """

    @staticmethod
    def forward(call: _Elementwise, x: Tensor, *weights: Tensor) -> Tensor:
        """Run the kernel."""
        result: Tensor = call.value(x, *weights)
        return result

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Save what the derivative is a function of."""
        ctx.call, x, *weights = inputs
        marker = torch.empty(0, dtype=torch.uint8, device=x.device)
        saved = (x, *weights) if ctx.call.saved == "input" else (marker, output)
        ctx.kinds = [(tensor.dtype, tensor.shape) for tensor in saved]
        ctx.save_for_backward(*saved)
        ctx.save_for_forward(*saved)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        """Return the gradients: by a kernel, or by the formula where they may be differentiated again."""
        call, saved, weights = _restored(ctx)
        tensors = (g, saved, *weights)
        again = torch.is_grad_enabled() or any(unpack_dual(t).tangent is not None for t in tensors)
        if again or not all(map(in_memory, tensors)):
            gx, *totals = call.by_formula(gradients_of, saved, weights, g)
            pairs = zip(totals, weights, strict=True)
            return None, gx, *[total.to(weight.dtype).reshape(weight.shape) for total, weight in pairs]
        found = SmoothSlope.apply(call, *tensors)
        return None, *(found if call.learned else (found,))

    @staticmethod
    def jvp(ctx: Any, _: Any, *tangents: Any) -> Any:
        """Return the derivative along the tangents."""
        call, saved, weights = _restored(ctx)
        along, *others = tangents
        places = zip(others, call.learned, strict=True)
        others = [t if t is None else Channels(t, call.values[p]).against(saved) for t, p in places]
        return call.by_formula(tangent_of, saved, weights, (along, *others))

    @staticmethod
    def vmap(info: Any, in_dims: Any, call: _Elementwise, *tensors: Tensor) -> Any:
        """Run the kernel for each sample."""
        return _each(Smooth, info, in_dims, call, tensors)


def _restored(ctx: Any) -> tuple[_Elementwise, Tensor, list[Tensor]]:
    """What `Smooth.setup_context` has saved, checked: a hook may have brought back something else."""
    call: _Elementwise = ctx.call
    tensors = ctx.saved_tensors  # read once: checkpointing allows no more
    kinds = [(tensor.dtype, tensor.shape) for tensor in tensors]
    if kinds != ctx.kinds:
        raise RuntimeError(f"tensors saved as {ctx.kinds} came back from a hook as {kinds}")
    saved, *weights = tensors if call.saved == "input" else tensors[1:]
    return call, saved, weights


class SmoothSlope(Function):
    """Gradient by the output, and what is saved -> gradients by the input and the weights."""

    @staticmethod
    def forward(call: _Elementwise, g: Tensor, saved: Tensor, *weights: Tensor) -> Any:
        """Run the kernel."""
        return call.slope(g, saved, *weights)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Save nothing."""

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        """Not reached: only called where nothing is recorded."""
        raise NotImplementedError("a gradient by a kernel is not differentiable")

    @staticmethod
    def vmap(info: Any, in_dims: Any, call: _Elementwise, *tensors: Tensor) -> Any:
        """Run the kernel for each sample."""
        return _each(SmoothSlope, info, in_dims, call, tensors)


def saved_by(record: Elementwise, values: tuple[Any, ...], dtype: torch.dtype) -> Saved:
    """Return what is saved for backward.

    From an output in a half type the gradient would be off by per cent where it is small, so the input is
    saved if the record says how to use it. A learned parameter's gradient needs the input.
    """
    if any(isinstance(value, Channels) for value in values):
        return "input"
    saved = record.keeps_at(*(0.0 if isinstance(value, Random) else value for value in values))
    if saved == "output" and dtype in _HALF and record.derivative_of_input is not None:
        return "input"
    return saved


def elementwise(record: Elementwise, kernels: Kernels, input: Tensor, values: tuple[Any, ...]) -> Tensor:
    """Apply an activation by kernels.

    Parameters
    ----------
    input : Tensor
        One that is eligible, and not empty.
    values : tuple
        One per parameter of the record: a number, a word, `Channels` or `Random`.
    """
    call = _Elementwise(record, kernels, values, input)
    if call.saved == "sign":
        seed = [value.seed(input.device) for value in values if isinstance(value, Random)]
        return PiecewiseLinear.apply(call, input, *seed)[0]
    weights = [value.weight for value in values if isinstance(value, Channels)]
    result: Tensor = Smooth.apply(call, input, *weights)
    return result
