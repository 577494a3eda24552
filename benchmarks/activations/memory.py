"""Bytes kept for backward, and the peak of a training step."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from benchmarks.activations.cases import CASES, Call, Case, refusal
from benchmarks.activations.network import ResNet18
from benchmarks.activations.results import Kept, Peak
from benchmarks.activations.settings import Group, Settings
from benchmarks.activations.timing import inputs_for
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from rectifiers.errors import BackendError

__all__ = ["kept_bytes", "kept_group", "peak_bytes", "peak_group", "training_step"]


def kept_bytes(function: Call, inputs: tuple[Tensor, ...]) -> tuple[int, int]:
    """Return bytes of distinct storages that autograd keeps: in total, and beyond inputs and output.

    Of a view the whole storage counts, as it is what stays alive.
    """
    alive: list[Tensor] = []  # so that no address is used twice

    def pack(tensor: Tensor) -> Tensor:
        alive.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = function(*inputs)
    storages = {s.data_ptr(): s.nbytes() for s in (tensor.untyped_storage() for tensor in alive)}
    anyway = {tensor.untyped_storage().data_ptr() for tensor in (*inputs, output)}
    beyond = sum(size for pointer, size in storages.items() if pointer not in anyway)
    return sum(storages.values()), beyond


def kept_group(group: Group, settings: Settings) -> Iterator[tuple[str, Kept | str]]:
    """Return what every case keeps, per element of its input."""
    for case in CASES:
        inputs = inputs_for(case, group.shapes[0], group, settings.device)
        n = inputs[0].numel()
        try:
            found = [kept_bytes(one, inputs) for one in (case.ours, case.own)]
        except BackendError as error:
            yield case.title, refusal(case, error)
            continue
        ours, own = ((total / n, beyond / n) for total, beyond in found)
        yield case.title, Kept(case.name, ours, own)


def training_step(network: nn.Module, images: Tensor, labels: Tensor) -> None:
    """Take one step of plain gradient descent."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    loss = F.cross_entropy(network(images), labels)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def peak_bytes(network: nn.Module, images: Tensor, labels: Tensor) -> int:
    """Return the most bytes of tensors that are alive at once in a training step.

    On a CPU from the allocations the profiler records, in their order, on top of parameters, buffers and
    input. The first step of a network must lie behind it, so that what is made once does not count.
    """
    network.zero_grad(set_to_none=True)
    if images.is_cuda:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        training_step(network, images, labels)
        return torch.cuda.max_memory_allocated()
    before = (*network.parameters(), *network.buffers(), images, labels)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as found:
        training_step(network, images, labels)
    assert found.profiler is not None
    events = found.profiler.kineto_results.events()
    changes = [(event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]"]
    level = peak = sum(tensor.nbytes for tensor in before)
    for _, change in sorted(changes, key=lambda one: one[0]):
        level += change
        peak = max(peak, level)
    return peak


def _step_peak(case: Case, function: Call, group: Group, settings: Settings) -> int:
    batch, width, side = group.shapes[0]
    torch.manual_seed(0)
    stages = 1 if settings.quick else 4
    network = ResNet18(function, case.learned, width, stages).to(settings.device)
    images = torch.randn(batch, 3, side, side, device=settings.device)
    labels = torch.randint(10, (batch,), device=settings.device)
    training_step(network, images[:2], labels[:2])
    return peak_bytes(network, images, labels)


def peak_group(group: Group, settings: Settings) -> Iterator[tuple[str, Peak | str | None]]:
    """Return the peak of a training step with every case that leaves the width as it is."""
    for case in CASES:
        if case.outputs != 1.0:
            yield case.title, None
            continue
        try:
            ours, own = (_step_peak(case, one, group, settings) for one in (case.ours, case.own))
        except BackendError as error:
            yield case.title, refusal(case, error)
            continue
        yield case.title, Peak(case.name, ours, own)
