"""What every arm is seen to do before training, for the checks of validity: built, run, and watched."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import sys
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rectifiers import tasks
from rectifiers.arms import user_code
from rectifiers.errors import ArgumentError
from rectifiers.study.initial import initialise
from rectifiers.study.isolation import Isolation
from rectifiers.study.prepared import Prepared
from rectifiers.study.seeds import derive
from rectifiers.study.watching import Marking, Watch
from rectifiers.tasks._trees import mapped, take
from rectifiers.validity import Probe, Seen

__all__ = ["probe"]

_BATCH = 64
_STIRRED = 0.1  # added to weights, times a normal number: some start at 0 and hide what is behind them

State = dict[tuple[str, str], tuple[Hashable, Any]]


def probe(prepared: Prepared) -> Probe:
    """Build every arm's model twice and run one of the two on a batch.

    At most two models are there at a time: the one just built, and the one before it.

    Raises
    ------
    ArgumentError, UserCodeError
        If a model cannot be built again or does not run.
    """
    prober = _Prober(prepared)
    cells = {
        (arm, norm): prober.seen(arm, norm, place)
        for place, (norm, arm) in enumerate(itertools.product(prepared.plan.norms, prepared.arms))
    }
    known = prepared.plan.data_code is None or prepared.drawn is not None
    overlap = 0 if known else tasks.overlap(prepared.data)
    return Probe(prepared.plan, prepared.data, cells, overlap)


class _Prober:
    """Builds one model after the other and compares each with the one before it."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._last: nn.Module | None = None

    def seen(self, arm: str, norm: str, place: int) -> Seen:
        """Return what one arm is seen to do."""
        prepared, marking = self._prepared, Marking(self._prepared.arms[arm])
        marked = dataclasses.replace(prepared, arms={**prepared.arms, arm: marking.arm})
        seen, same_start = Seen(), False
        learned: list[str] = []  # layers that share what is learned,
        kept: set[tuple[str, str]] = set()  # and other state that is shared, which matters only if it changes
        changing: set[tuple[str, str]] = set()
        # Seeds 0 1, 1 0, 0 1, ...: of two models built one after the other, the arm or the seed is the same.
        seeds = (0, 1) if place % 2 == 0 else (1, 0)
        for seed in seeds:
            with _as_in_a_trial(prepared, seed):
                model, _ = marked.model(arm, norm, "test", seed)
            if (last := self._last) is not None:
                places = {_storage(p) for p in last.parameters()}
                learned += [layer for layer, p in _learned(model) if _storage(p) in places]
                known = {where for where, _ in _state(last).values()}
                kept |= {key for key, (where, _) in _state(model).items() if where in known}
                same_start = seed == seeds[1] and _same_weights(last, model)
            self._last = last = model
            if seed == 0:
                before = _state(model, copied=True)
                seen = _run(prepared, arm, model, marking)
                after = _state(model)
                changing = {k for k in after if not _equal(after[k][1], before.get(k, (0, None))[1])}
        marking.end()
        shared = tuple(dict.fromkeys((*learned, *(layer for layer, _ in sorted(kept & changing)))))
        if shared or any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
            seen = Seen()
        return dataclasses.replace(seen, shared=shared, same_start=same_start)


def _run(prepared: Prepared, arm: str, model: nn.Module, marking: Marking) -> Seen:
    """Run a model on a batch, from weights that all arms share; then see what its answer depends on."""
    plan, made = prepared.plan, len(marking.made)
    if plan.initialization == "gain":
        initialise(model, "gain", 1.0, "test", 0)
    x = take(prepared.x, slice(min(_BATCH, plan.batch_size, plan.train_size)))

    def answer(noise: np.random.Generator | None = None) -> tuple[Tensor, Watch]:
        watch = Watch(model, marking, noise)
        with (
            _as_in_a_trial(prepared, 0),
            torch.no_grad(),
            user_code(f"{plan.model} with arm {arm!r}", ArgumentError),
            _uncompiled(),
            watch.watching(),
        ):
            return model(mapped(Tensor.clone, x)), watch

    def matters(plain: Tensor) -> bool:
        disturbed, _ = answer(np.random.default_rng(0))
        return not torch.equal(plain, disturbed)

    plain, watch = answer()
    if not watch.ran:  # a block left out at random while training is not left out when the model is evaluated
        model.eval()
        marking.find_copies()
        plain, watch = answer()
    found = bool(watch.ran) and matters(plain)
    if watch.ran and not found:
        _stir(model)
        found = matters(answer()[0])
    return Seen(
        made=made,
        ran=len(watch.ran),
        matters=found,
        outputs=watch.outputs,
        fixed=tuple(dict.fromkeys(watch.fixed)),
        varied=tuple(dict.fromkeys(watch.varied)),
        per_position=tuple(dict.fromkeys(watch.per_position)),
    )


def _as_in_a_trial(prepared: Prepared, seed: int) -> Isolation:
    return Isolation(derive("test", "noise", seed), prepared.device, prepared.threads)


@contextlib.contextmanager
def _uncompiled() -> Iterator[None]:
    """Run what the user compiled as it was written, so that it can be watched."""
    if "torch._dynamo" in sys.modules:  # else nobody compiled anything, and importing it takes seconds
        with torch.compiler.set_stance("force_eager"):
            yield
    else:
        yield


def _stir(model: nn.Module) -> None:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _, parameter in _learned(model):
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(noise.to(parameter), alpha=_STIRRED)


def _learned(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield what a model learns, with the layer it is in."""
    for layer, module in _layers(model):
        for parameter in module.parameters(recurse=False):
            if parameter.requires_grad:
                yield layer, parameter


def _state(model: nn.Module, *, copied: bool = False) -> State:
    """Return a model's buffers, and attributes that are tensors or numbers: where each is, and its value."""
    state: State = {}
    for layer, module in _layers(model):
        for name, value in (*vars(module).items(), *module.named_buffers(recurse=False)):
            if isinstance(value, Tensor):
                state[layer, name] = _storage(value), value.clone() if copied else value
            elif isinstance(value, int | float):
                state[layer, name] = (id(module), name), value
    return state


def _layers(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, module in model.named_modules():
        yield f"{name or 'the model itself'} ({type(module).__name__})", module


def _storage(tensor: Tensor) -> int:
    """Return where a tensor's numbers are in memory: the same for views of one another."""
    return (tensor.layout == torch.strided and tensor.untyped_storage().data_ptr()) or id(tensor)


def _same_weights(one: nn.Module, other: nn.Module) -> bool:
    first, second = ([parameter for _, parameter in _learned(model)] for model in (one, other))
    return 0 < len(first) == len(second) and all(map(_equal, first, second))


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    return type(one) is type(other) and bool(one == other)
