"""Prove a swap by running: what was put in must run where something else did, all else as before."""

from __future__ import annotations

import contextlib
import copy
import itertools
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rectifiers.call_sites import Call, Interception, Sites, mapped, observe, run, unchanged
from rectifiers.errors import ArgumentError, RectifiersError, UserCodeError, error_line, one_line
from rectifiers.swapping._counting import OUTSIDE

__all__ = ["Found", "every", "find", "prove"]

# A fast path of torch may round otherwise; another activation is further away.
_ROUNDING = 1e-3

Found = dict[bool, Sites]  # what is called in training and in evaluation


@contextlib.contextmanager
def _mode(model: nn.Module, training: bool) -> Iterator[None]:
    """Run a model in training, with gradients, or in evaluation without, and leave it unchanged."""
    with unchanged(model), torch.set_grad_enabled(training):
        model.train(training)
        yield


def find(model: nn.Module, example: Any) -> Found:
    """Return the sites in training and in evaluation, the same whatever the data."""
    found: Found = {}
    for training in (True, False):
        with _mode(model, training):
            sites, _ = observe(model, example)
            other = sites
            with contextlib.suppress(UserCodeError):  # not every number may be negative
                other, _ = observe(model, mapped(lambda x: -x if x.is_floating_point() else x, example))
        for ours, theirs in itertools.zip_longest(_named(sites), _named(other), fillvalue="nothing"):
            if ours != theirs:
                raise ArgumentError(
                    "a model must call the same activations whatever the data, but where it calls "
                    f"{ours} on the example, it calls {theirs} on its negative"
                )
        found[training] = sites
    for site in found[False]:
        before = next((s for s in found[True] if s.name == site.name), site)
        if before.place != site.place:
            raise ArgumentError(
                "a site must be one place in training and in evaluation, but "
                f"{site.name!r} is at {before.place} and at {site.place}"
            )
    return found


def every(found: Found) -> Sites:
    """Return the sites of both modes."""
    names = found[True].names
    return Sites([*found[True], *(site for site in found[False] if site.name not in names)])


def _named(sites: Sites) -> list[str]:
    return [f"{site.activation} ({site.name!r})" for site in sites]


def prove(model: nn.Module, example: Any, found: Found, made: Mapping[str, nn.Module]) -> None:
    """Run a swapped model: every new module where something else ran, all else as before; then train it."""
    names = {new: name for name, new in made.items()}
    for training in (True, False):
        with _mode(model, training):
            after, watched = observe(model, example, names)
        before = [(s.name if s.name in made else s.activation, s.calls) for s in found[training]]
        now = [(names.get(s.module, s.activation) if s.module else s.activation, s.calls) for s in after]
        for was, ran in itertools.zip_longest(before, now, fillvalue=("nothing", 0)):
            if was != ran:
                new = f"what replaces {was[0]!r}" if was[0] in made else was[0]
                raise ArgumentError(
                    f"{new} must run {was[1]} times, but {ran[0]} ran {ran[1]} times in its place: the model "
                    "holds what it calls where it cannot be replaced"
                )
        with _mode(model, training):
            alone = run(model, example)
        try:
            for one, other in zip(_tensors(alone), _tensors(watched), strict=True):
                torch.testing.assert_close(one, other, rtol=_ROUNDING, atol=_ROUNDING, equal_nan=True)
        except AssertionError as error:
            raise ArgumentError(f"unwatched, the model goes past its sites: {one_line(error)}") from None
    with unchanged(model), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _train(model, example, {s.activation for s in found[True] if s.kind == "function" and s.name in made})


def _train(model: nn.Module, example: Any, functions: set[str]) -> None:
    """Go forward and back through a copy in training, where checkpointing recomputes."""
    outside: set[str] = set()

    def begin(call: Call, x: Tensor) -> None:
        if call.module is None and not interception.running:
            outside.add(call.activation)

    try:
        trained = copy.deepcopy(model).train()
        interception = Interception(trained, begin)
        with interception.installed(), torch.enable_grad():
            try:  # with gradients of the input, without which a reentrant checkpoint recomputes nothing
                wanted = mapped(lambda x: x.detach().requires_grad_(x.is_floating_point()), example)
                output = run(trained, wanted)
            except UserCodeError:  # the model sets `requires_grad` itself
                output = run(trained, example)
            _backward([t.float().sum() for t in _tensors(output) if t.requires_grad], interception)
    except RectifiersError:
        raise
    except Exception as error:
        raise ArgumentError(f"training a copy, which proves a swap, raised {error_line(error)}") from error
    if missed := sorted(outside & functions):
        raise ArgumentError(f"{missed[0]} is checkpointed by the forward that calls it: {OUTSIDE}")


def _backward(losses: list[Tensor], mode: Any) -> None:
    """Go back, a mode on every step; one around it all would see nothing but the call of `backward`."""
    waiting, nodes = [loss.grad_fn for loss in losses], set[Any]()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in nodes and node.next_functions:
            nodes.add(node)
            waiting += [following for following, _ in node.next_functions]
            node.register_prehook(lambda *_: mode.__enter__() and None)
            node.register_hook(lambda *_: mode.__exit__(None, None, None))
    torch.autograd.backward(losses)


def _tensors(output: Any) -> list[Tensor]:
    found: list[Tensor] = []
    mapped(found.append, output)
    return [tensor for tensor in found if tensor.is_floating_point()]
