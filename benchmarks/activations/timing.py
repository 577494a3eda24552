"""Time contestants in turn, forward and backward through autograd."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from benchmarks.activations.cases import CASES, Call, Case, by_name, refusal
from benchmarks.activations.results import Timed
from benchmarks.activations.settings import SWEPT, Group, Settings
from torch import Tensor
from torch.utils.benchmark import Timer

import rectifiers
from rectifiers.errors import BackendError

__all__ = ["Step", "directions", "keep_freed_memory", "sweep", "time_group"]

_COMPILE_AT = 2**21
_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 2e-2}


class Step:
    """Forward and backward of a function, with a gradient that lies in memory as the output does."""

    def __init__(self, function: Call, inputs: tuple[Tensor, ...], seed: int = 1) -> None:
        self.function, self.inputs = function, inputs
        output = function(*inputs)
        random = torch.Generator(output.device).manual_seed(seed)
        values = torch.randn(output.shape, generator=random, device=output.device)
        self.gradient = torch.empty_like(output, requires_grad=False).copy_(values)

    def __call__(self) -> tuple[Tensor, ...]:
        return torch.autograd.grad(self.function(*self.inputs), self.inputs, self.gradient)


def inputs_for(case: Case, shape: tuple[int, ...], group: Group, device: str) -> tuple[Tensor, ...]:
    """Return normal random input and, where one is learned, a weight per channel; they take gradients."""
    random = torch.Generator(device).manual_seed(0)
    x = torch.randn(shape, generator=random, device=device).to(getattr(torch, group.dtype))
    if group.channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    inputs = [x]
    if case.learned:
        inputs.append(torch.full((shape[1],), 0.25, device=device, dtype=x.dtype))
    return tuple(one.requires_grad_() for one in inputs)


def keep_freed_memory() -> str:
    """Let this process keep the memory it frees, and say whether it does."""
    keep = getattr(rectifiers, "keep_freed_memory", None)
    if keep is None:
        return "freed memory goes back to the system: this version of the library cannot keep it"
    return (
        "freed memory is kept" if keep() else "freed memory goes back to the system: it cannot be kept here"
    )


def _copy(x: Tensor) -> Callable[[], Any]:
    source = x.detach()
    target = torch.empty_like(source)
    return lambda: target.copy_(source)


def _compiled(case: Case, inputs: tuple[Tensor, ...], any_batch: bool) -> tuple[Call | None, str]:
    function: Call = torch.compile(case.plain, fullgraph=True)
    if any_batch:
        torch._dynamo.mark_dynamic(inputs[0], 0)
    try:
        Step(function, inputs)()
    except RuntimeError as error:
        return None, f"torch.compile failed: {str(error).strip().splitlines()[0]}"
    return function, ""


def _differences(case: Case, steps: dict[str, Step]) -> dict[str, str]:
    """Return which contestants do not compute what this library does."""
    notes: dict[str, str] = {}
    if case.random:
        return notes
    output, grads = steps["ours"].function(*steps["ours"].inputs), steps["ours"]()
    for who in steps.keys() - {"ours", "relu"}:
        theirs = (steps[who].function(*steps[who].inputs), *steps[who]())
        for name, a, b in zip(
            ("output", "gradient", "weight's gradient"), (output, *grads), theirs, strict=False
        ):
            a, b = a.detach().double(), b.detach().double()
            if a.shape != b.shape or (a - b).norm() > _TOLERANCE[output.dtype] * (1e-3 + b.norm()):
                notes[who] = f"has another {name} than this library"
    return notes


def _measure(contestants: dict[str, Callable[[], Any]], group: Group, threads: int) -> dict[str, list[float]]:
    """Return seconds per contestant and round; each round starts with another one."""
    timers = {}
    for name, step in contestants.items():
        for _ in range(2):
            step()  # compile, fill caches
        timers[name] = Timer("step()", globals={"step": step}, num_threads=threads)
    names = list(timers)
    times: dict[str, list[float]] = {name: [] for name in names}
    for index in range(group.rounds):
        turn = index % len(names)
        for name in names[turn:] + names[:turn]:
            times[name].append(timers[name].blocked_autorange(min_run_time=group.seconds).median)
    return times


def _row(
    case: Case, group: Group, shape: tuple[int, ...], settings: Settings, compiled: Call | None, note: str
) -> Timed:
    inputs = inputs_for(case, shape, group, settings.device)
    functions = {"ours": case.ours, "own": case.own, **case.also}
    if compiled is not None:
        functions["compiled"] = compiled
    steps = {who: Step(function, inputs) for who, function in functions.items()}
    notes = _differences(case, steps) | ({"compiled": note} if note else {})
    steps["relu"] = Step(torch.relu, inputs[:1])
    times = _measure({**steps, "copy": _copy(inputs[0])}, group, settings.threads)
    x = inputs[0]
    return Timed(case.name, x.numel(), x.element_size(), times, notes, _explained(case, x))


def _attempt(case: Case, *rest: Any) -> Timed | str:
    try:
        return _row(case, *rest)
    except BackendError as error:
        return refusal(case, error)


def _explained(case: Case, x: Tensor) -> str:
    explain = getattr(rectifiers, "explain", None)
    if explain is None:
        return ""
    found = explain(case.module(x.shape[1]).to(x.device), x)
    return f"{found.backend}; saves {found.saves}; {found.reason}"


def time_group(group: Group, settings: Settings) -> Iterator[tuple[str, Timed | str | None]]:
    """Time every case at every size of a group; None where one does not fit, a text where one cannot run."""
    for shape in group.shapes:
        for case in CASES:
            if not case.fits(shape[1]):
                yield case.title, None
                continue
            compiled, note = None, ""
            if settings.compiled and group.compiled and group.kind == "time":
                torch.compiler.reset()
                inputs = inputs_for(case, shape, group, settings.device)
                compiled, note = _compiled(case, inputs, any_batch=False)
            yield case.title, _attempt(case, group, shape, settings, compiled, note)


def directions(group: Group, settings: Settings) -> Iterator[tuple[str, Timed | str | None]]:
    """Time forward (with what it keeps for backward) and backward apart, ours and torch's own."""
    for case in CASES:
        inputs = inputs_for(case, group.shapes[0], group, settings.device)
        x = inputs[0]
        contestants: dict[str, Callable[[], Any]] = {"copy": _copy(x)}
        try:
            for who, function in (("ours", case.ours), ("own", case.own)):
                step = Step(function, inputs)
                contestants[f"{who} forward"] = functools.partial(function, *inputs)
                contestants[f"{who} backward"] = functools.partial(
                    torch.autograd.grad, function(*inputs), inputs, step.gradient, retain_graph=True
                )
        except BackendError as error:
            yield case.title, refusal(case, error)
            continue
        times = _measure(contestants, group, settings.threads)
        yield case.title, Timed(case.name, x.numel(), x.element_size(), times, {}, _explained(case, x))


def sweep(group: Group, settings: Settings) -> Iterator[tuple[str, Timed | str | None]]:
    """Time some cases at all sizes; what is compiled is compiled once, for any number of rows.

    Ascending: memory is kept only from `keep_from` elements on, which is said by a text among the rows.
    """
    compiled: dict[str, tuple[Call | None, str]] = dict.fromkeys(SWEPT, (None, ""))
    if settings.compiled and group.compiled:
        rows = min(_COMPILE_AT // 256, group.shapes[-1][0])
        for name in SWEPT:
            inputs = inputs_for(by_name(name), (rows, 256), group, settings.device)
            compiled[name] = _compiled(by_name(name), inputs, any_batch=True)
    kept = False
    for shape in group.shapes:
        if not kept and group.keep_from and shape[0] * shape[1] >= group.keep_from:
            kept = True
            yield "", f"From {shape[0] * shape[1]:,} elements on, {keep_freed_memory()}."
        for name in SWEPT:
            case, (function, note) = by_name(name), compiled[name]
            title = f"{case.title}, {shape[0] * shape[1]:,}"
            if case.fits(shape[1]):
                compiled_one = function if shape[0] > 1 else None
                yield title, _attempt(case, group, shape, settings, compiled_one, note)
            else:
                yield title, None
