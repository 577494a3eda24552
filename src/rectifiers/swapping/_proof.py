"""Prove a swap by running: what was put in must run as often as what was there, all else as before."""

from __future__ import annotations

import copy
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from rectifiers.call_sites import (
    Call,
    Interception,
    Sites,
    activation_of_function,
    mapped,
    observe,
    run,
    unchanged,
)
from rectifiers.errors import ArgumentError, RectifiersError, UserCodeError, error_line
from rectifiers.swapping._scope import RecomputedError

__all__ = ["Found", "every", "find", "prove"]

_RTOL, _ATOL = 1e-3, 1e-4  # a fast path of torch may round otherwise; another activation is further away

Found = dict[bool, Sites]  # what is called in training and in evaluation


def find(model: nn.Module, example: Any) -> Found:
    """Return the sites in training and in evaluation.

    Raises
    ------
    ArgumentError
        If the sites differ between the example and its negative, or a site's activation between the modes.
    """
    found: Found = {}
    for training in (True, False):
        with unchanged(model), torch.no_grad():
            model.train(training)
            sites, _ = observe(model, example)
            try:
                other, _ = observe(model, mapped(example, _negated))
            except UserCodeError:  # not every number may be negative
                other = sites
        if _named(sites) != _named(other):
            raise ArgumentError(
                "a model must call the same activations whatever the data, but on the example it calls "
                f"{_differing(sites, other)}, and on its negative {_differing(other, sites)}"
            )
        found[training] = sites
    known = dict(_named(found[True]))
    for name, activation in _named(found[False]):
        if known.get(name, activation) != activation:
            raise ArgumentError(
                f"a site must call one activation in training and in evaluation, but {name!r} calls "
                f"{known[name]} and {activation}"
            )
    return found


def every(found: Found) -> Sites:
    """Return the sites of both modes."""
    names = found[True].names
    return Sites([*found[True], *(site for site in found[False] if site.name not in names)])


def _named(sites: Sites) -> list[tuple[str, str]]:
    return [(site.name, site.activation) for site in sites]


def _differing(one: Sites, other: Sites) -> str:
    return ", ".join(sorted({*one.names} - {*other.names})) or "nothing else"


def _negated(x: Tensor) -> Tensor:
    return -x if x.is_floating_point() else x


def _with_gradients(x: Tensor) -> Tensor:
    return x.detach().clone().requires_grad_() * 1 if x.is_floating_point() else x


def prove(model: nn.Module, example: Any, found: Found, made: Mapping[str, nn.Module]) -> Counter[str]:
    """Run a swapped model and return how often each new module ran.

    Raises
    ------
    ArgumentError
        If a new module ran more or less often than what it replaced, another site not as before, or torch
        took another way when nobody was looking.
    RecomputedError
        If backward recomputes a swapped call outside its owner's forward.
    """
    most: Counter[str] = Counter()
    for training in (True, False):
        with unchanged(model), torch.no_grad():
            model.train(training)
            counts, others, output = _watched(model, example, made)
        sites = found[training]
        expected = Counter({site.name: site.calls for site in sites if site.name in made})
        if counts != expected:
            name = next(n for n in made if counts[n] != expected[n])
            raise ArgumentError(
                f"{name!r} must run {expected[name]} times as before, but {type(made[name]).__name__} in "
                "its place ran "
                f"{counts[name]} times: the model holds what it calls in a place that cannot be replaced"
            )
        before: Counter[str] = Counter()
        for site in sites:
            before[site.activation] += 0 if site.name in made else site.calls
        if others != +before:
            raise ArgumentError(
                f"other sites must run as before ({dict(+before)}), but ran as {dict(others)}"
            )
        with unchanged(model), torch.no_grad():
            model.train(training)
            alone = run(model, example)
        if not all(_close(a, b) for a, b in zip(_tensors(output), _tensors(alone), strict=True)):
            mode = "training" if training else "evaluation"
            raise ArgumentError(
                f"in {mode} the model takes another way, past the swapped sites, when it is not watched"
            )
        most |= counts
    with unchanged(model), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _train(model, example, {s.activation for s in found[True] if s.kind == "function" and s.name in made})
    return most


def _watched(
    model: nn.Module, example: Any, made: Mapping[str, nn.Module]
) -> tuple[Counter[str], Counter[str], Any]:
    """Return how often each new module ran, which other activations did, and the output."""
    counts: Counter[str] = Counter()
    others: Counter[str] = Counter()
    inside = {part for new in made.values() for part in new.modules()}

    def begin(call: Call, x: Tensor) -> None:
        if call.module not in inside and not any(module in inside for _, module in interception.running):
            others[call.activation] += 1

    def counting(name: str) -> Any:
        return lambda *_: counts.update([name])

    interception = Interception(model, begin)
    handles = [new.register_forward_hook(counting(name)) for name, new in made.items()]
    try:
        with interception.installed():
            return counts, others, run(model, example)
    finally:
        for handle in handles:
            handle.remove()


class _Outside(TorchFunctionMode):
    """Notes activations that are called while no module runs."""

    def __init__(self, interception: Interception) -> None:
        super().__init__()
        self.called: set[str] = set()
        self._interception = interception

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        activation = activation_of_function(func, args, kwargs or {})
        if activation is not None and not self._interception.running:
            self.called.add(activation)
        return func(*args, **(kwargs or {}))


def _train(model: nn.Module, example: Any, functions: set[str]) -> None:
    """Go forward and back through a copy in training, where checkpointing recomputes."""
    try:
        trained = copy.deepcopy(model).train()
    except Exception as error:
        raise ArgumentError(
            f"a swap is proven on a copy of the model in training, but copying it raised {error_line(error)}"
        ) from error
    interception = Interception(trained, lambda call, x: None)
    with interception.installed(), torch.enable_grad():
        try:  # with gradients of the input, without which a reentrant checkpoint recomputes nothing
            output = run(trained, mapped(example, _with_gradients), copy=False)
        except UserCodeError:  # the model sets `requires_grad` itself
            output = run(trained, example)
        losses = [t.float().sum() for t in _tensors(output) if t.requires_grad]
        try:
            with _Outside(interception) as outside:
                if losses:
                    torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
        except RectifiersError:
            raise
        except Exception as error:
            raise ArgumentError(f"training must go on, but backward raised {error_line(error)}") from error
    if missed := sorted(outside.called & functions):
        raise RecomputedError(
            f"{missed[0]} is recomputed in backward outside the forward that calls it, where it cannot be "
            "swapped: "
            "checkpoint whole modules, or make it a module"
        )


def _tensors(output: Any) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        if output.is_floating_point():
            yield output
    elif isinstance(output, Mapping):
        for value in output.values():
            yield from _tensors(value)
    elif isinstance(output, tuple | list):
        for value in output:
            yield from _tensors(value)


def _close(one: Tensor, other: Tensor) -> bool:
    one, other = one.detach().float(), other.detach().float()
    if one.shape != other.shape or not one.numel():
        return one.shape == other.shape
    scale = max(1.0, float(one.abs().nan_to_num(0, 0, 0).max()))
    return torch.allclose(one, other, rtol=_RTOL, atol=_ATOL * scale, equal_nan=True)
