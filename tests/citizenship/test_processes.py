"""Situations of copies, files, threads, tasks, forked processes, and processes that train together."""

from __future__ import annotations

import asyncio
import concurrent.futures
import copy
import functools
import io
import json
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from matrix import COLUMNS, RANDOM, Cell, data, keys, ours_of, own, same, step, theirs_of, weights
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Shard, distribute_module, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from rectifiers import functional, nn
from rectifiers.activations import registry

# ------------------------------------------------------------------------------------ copies and files


def through_a_file(module: Any) -> Any:
    buffer = io.BytesIO()
    torch.save(module, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=False)


@pytest.mark.cells(random=False)
def test_deepcopy(cell: Cell) -> None:
    cell.compare(lambda f, x: step(copy.deepcopy(f), x))


@pytest.mark.cells(random=False)
def test_pickle(cell: Cell) -> None:
    """Used before and after; what torch has not is a function that does not pickle."""
    module = cell.ours()
    expected = step(module, cell.x)
    same(step(pickle.loads(pickle.dumps(module)), cell.x), expected)
    same(step(through_a_file(module), cell.x), expected)
    function = getattr(functional, cell.activation)
    assert pickle.loads(pickle.dumps(function)) is function is copy.deepcopy(function)


@pytest.mark.parametrize("activation", [name for name in registry if own(name)])
def test_a_module_of_torchs_becomes_ours_by_its_class(activation: str) -> None:
    theirs, x = theirs_of(activation), data("small")
    expected = step(theirs, x)
    theirs.__class__ = getattr(nn, registry[activation].title)
    same(step(theirs, x), expected)
    assert repr(theirs)
    same(step(pickle.loads(pickle.dumps(theirs)), x), expected)


# ------------------------------------------------------------------------------------ threads and tasks


def test_threads(cell: Cell) -> None:
    """Forward and backward in eight at once, and backward in another one than forward."""
    module, xs = cell.ours(), [cell.x * scale for scale in range(1, 9)]
    expected = [step(cell.theirs(), x) for x in xs]
    barrier = threading.Barrier(8)

    def work(x: Tensor) -> list[Tensor]:
        barrier.wait(30)
        return step(module, x)

    pool = threads()
    same(list(pool.map(work, xs)), expected)
    leaf = cell.x.requires_grad_()
    output = module(leaf)
    pool.submit(lambda: output.backward(weights(output))).result(30)
    same(leaf.grad, expected[0][1])


@functools.cache
def threads() -> concurrent.futures.ThreadPoolExecutor:
    return concurrent.futures.ThreadPoolExecutor(8)


def test_asyncio(cell: Cell) -> None:
    """Tasks that hand over between forward and backward."""
    module, expected = cell.ours(), step(cell.theirs(), cell.x)

    async def task() -> list[Tensor]:
        leaf = cell.x.requires_grad_()
        output = module(leaf)
        await asyncio.sleep(0)
        found = torch.autograd.grad(output, (leaf, *module.parameters()), weights(output))
        return [output.detach(), *found]

    async def together() -> list[list[Tensor]]:
        return await asyncio.gather(task(), task(), asyncio.to_thread(step, module, cell.x))

    same(asyncio.run(together()), [expected] * 3)


# ------------------------------------------------------------------------------------ forked processes


FORKED = """
import importlib.util, json, os, signal, sys, torch

spec = importlib.util.spec_from_file_location("matrix", sys.argv[1])
matrix = sys.modules["matrix"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(matrix)
from rectifiers.backends import _thresholds

_thresholds._LEAST.update(dict.fromkeys(matrix.KERNELS, (1 << 15, _thresholds.NEVER)))
torch.set_num_threads(2)


def found():
    return {str(k): matrix.step(matrix.Cell(k, "").ours(), matrix.data(k.size)) for k in matrix.keys()}


before = found()
reading, writing = os.pipe()
if not os.fork():
    signal.alarm(60)
    torch.set_num_threads(1)  # as DataLoader does: torch's threads do not survive, the kernels' do
    equal = {key: all(map(torch.allclose, value, before[key])) for key, value in found().items()}
    os.write(writing, json.dumps(equal).encode())
    os._exit(0)
os.close(writing)
answer = os.fdopen(reading).read()
after = found()
assert all(all(map(torch.equal, value, before[key])) for key, value in after.items()), "the parent goes on"
print(answer)
"""


@functools.cache
def forked() -> dict[str, bool]:
    """Whether a process that is forked after use computes the same, by the name of a cell."""
    command = [sys.executable, "-W", "ignore", "-c", FORKED, str(Path(__file__).with_name("matrix.py"))]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    found: dict[str, bool] = json.loads(run.stdout)
    assert set(found) == {*map(str, keys())}
    return found


def test_fork(cell: Cell) -> None:
    assert forked()[str(cell.key)]


# ------------------------------------------------------------------------------------ training together


@pytest.fixture(scope="module")
def mesh(process_group: None) -> DeviceMesh:
    """This process alone; test_distributed.py has two."""
    return init_device_mesh("cpu", (1,))


def network(f: Any, x: Tensor) -> torch.nn.Module:
    """The activation behind a layer with parameters."""
    layer = torch.nn.Linear(x.shape[-1], x.shape[-1]) if x.shape[-1] < 10 else torch.nn.LayerNorm(x.shape[-1])
    torch.nn.init.uniform_(layer.weight, -1, 1, generator=torch.Generator().manual_seed(2))
    torch.nn.init.zeros_(layer.bias)
    return torch.nn.Sequential(layer, f)


def trained(model: torch.nn.Module, x: Tensor) -> list[Tensor]:
    output = model(x)
    output.backward(weights(output))
    grads = [p.grad.full_tensor() if isinstance(p.grad, DTensor) else p.grad for p in model.parameters()]
    return [output.detach(), *grads]


@pytest.mark.cells(random=False)
def test_ddp(cell: Cell, mesh: DeviceMesh) -> None:
    expected = trained(network(cell.theirs(), cell.x), cell.x)
    cell.agrees(
        lambda f, x: trained(DistributedDataParallel(network(f, x)), x), expected, rtol=1e-5, atol=1e-5
    )


@pytest.mark.cells(random=False)
def test_fsdp(cell: Cell, mesh: DeviceMesh) -> None:
    expected = trained(network(cell.theirs(), cell.x), cell.x)

    def situation(f: Any, x: Tensor) -> list[Tensor]:
        model = network(f, x)
        if next(f.parameters(), None) is not None:
            fully_shard(f, mesh=mesh)
        return trained(fully_shard(model, mesh=mesh), x)

    cell.agrees(situation, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.cells(random=False)
@pytest.mark.parametrize("placement", [Shard(0), Shard(1)], ids=str)
def test_dtensor(cell: Cell, mesh: DeviceMesh, placement: Any) -> None:
    def situation(f: Any, x: Tensor) -> list[Tensor]:
        distribute_module(f, mesh)
        leaf = distribute_tensor(x, mesh, [placement]).requires_grad_()
        output = f(leaf)
        assert isinstance(output, DTensor)
        output.to_local().square().sum().backward()
        grads = [leaf.grad, *(p.grad for p in f.parameters())]
        return [output.full_tensor().detach(), *(g.full_tensor() for g in grads)]

    cell.compare(situation, errors=True, rtol=1e-5, atol=1e-5)


def test_random_slopes_of_two_threads_are_two_streams() -> None:
    """torch's default generator is one for all threads: no two calls draw the same."""
    x = -torch.ones(1 << 17)
    drawn = list(threads().map(lambda _: nn.RReLU()(x), range(4)))
    assert len({t[:100].sum().item() for t in drawn}) == 4
    assert RANDOM in COLUMNS
    assert ours_of(RANDOM)(x).equal(ours_of(RANDOM)(x))


def test_state_dicts_go_both_ways_by_file() -> None:
    """A network of torch's modules, trained, becomes one of ours, and back."""
    names = [name for name in registry if own(name)]

    def network_of(of: Any) -> torch.nn.Module:
        return torch.nn.Sequential(*map(of, names), torch.nn.Linear(5, 2)).eval()

    theirs, ours, back = network_of(theirs_of), network_of(ours_of), network_of(theirs_of)
    for parameter in theirs.parameters():
        torch.nn.init.uniform_(parameter, -0.9, 0.9, generator=torch.Generator().manual_seed(2))
    for source, target in ((theirs, ours), (ours, back)):
        target.load_state_dict(through_a_file(source.state_dict()))
    same(ours(data("small")), theirs(data("small")))
    assert torch.equal(back(data("small")), theirs(data("small")))
