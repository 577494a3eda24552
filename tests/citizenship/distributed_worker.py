"""One of two processes that train one model: run as ``distributed_worker.py RANK STORE OUT``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from rectifiers import nn
from rectifiers.backends import using

WORLD = 2
STEPS = 3


def model() -> torch.nn.Module:
    """The activations with parameters, random numbers and axes of their own; and how large a batch is."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(10, 24),
        nn.PReLU(24),
        torch.nn.Linear(24, 24),
        nn.RReLU(generator=torch.Generator()),
        torch.nn.Linear(24, 24),
        nn.ELU(),
        nn.MaxoutLinear(24, 12, 2),
        torch.nn.Linear(12, 24),
        nn.Maxout(3),
        nn.CReLU(),
        torch.nn.Linear(16, 1),
    )
    torch.nn.init.uniform_(model[1].weight, -0.5, 0.5)
    return model


def batch(step: int) -> Tensor:
    return torch.randn(WORLD * 40, 10, generator=torch.Generator().manual_seed(step))


def seed(model: torch.nn.Module, step: int, rank: int) -> None:
    """Slopes that depend on the part of the batch, so that a process alone can draw the same ones."""
    for module in model.modules():
        if isinstance(module, nn.RReLU):
            module.generator.manual_seed(10 * step + rank)


def train(model: torch.nn.Module, part: Callable[[Tensor], list[tuple[int, Tensor]]]) -> list[list[Tensor]]:
    """Gradients at each step, and the parameters in the end."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    found = []
    for step in range(STEPS):
        optimizer.zero_grad()
        parts = part(batch(step))
        for rank, x in parts:
            seed(model, step, rank)
            (model(x).square().mean() / len(parts)).backward()
        found.append([whole(p.grad) for p in model.parameters()])
        optimizer.step()
    return [*found, [whole(p.detach()) for p in model.parameters()]]


def whole(tensor: Any) -> Tensor:
    return (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).clone()


def ways() -> dict[str, Any]:
    return {name: using(name) for name in ("auto", "llvm")}


def main(rank: int, store: str, out: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", store=dist.FileStore(store, WORLD), rank=rank, world_size=WORLD)
    mesh = init_device_mesh("cpu", (WORLD,))

    def own(x: Tensor) -> list[tuple[int, Tensor]]:
        return [(rank, x.chunk(WORLD)[rank])]

    found = {}
    for name, way in ways().items():
        with way:
            found["ddp", name] = train(torch.nn.parallel.DistributedDataParallel(model()), own)
            sharded = model()
            for layer in sharded:
                if next(layer.parameters(), None) is not None:
                    fully_shard(layer, mesh=mesh)
            fully_shard(sharded, mesh=mesh)
            found["fsdp", name] = train(sharded, own)
    torch.save(found, f"{out}.{rank}")
    dist.barrier()
    os._exit(0)  # destroying the group may never end: `process_group` in tests/conftest.py


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
