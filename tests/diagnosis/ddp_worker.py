"""Two processes that train a model together, watched and not: ``python ddp_worker.py DIRECTORY``."""

import json
import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

import rectifiers


def train(seed: int, wrap: bool, watch: bool) -> tuple[list[Tensor], list[dict[str, object]]]:
    """Return gradients, and figures if it was watched."""
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(True), nn.Linear(16, 3))
    model: nn.Module = DistributedDataParallel(plain) if wrap else plain
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    data = torch.Generator().manual_seed(seed)
    w = rectifiers.watch(model, every=1, window=3)
    if watch:
        w.__enter__()
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(64, 6, generator=data)).square().mean().backward()
        optimizer.step()
    if watch:
        w.__exit__(None, None, None)
    found = [{**row, "site": row["site"].removeprefix("module.")} for row in w.figures()] if watch else []
    return [p.grad for p in plain.parameters() if p.grad is not None], found


if __name__ == "__main__":
    place = Path(sys.argv[1])
    torch.compiler.reset()  # loads the compiler, which the wrapper needs, once for both
    rank = 0 if os.fork() else 1  # before torch has any thread
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{place}/rendezvous", rank=rank, world_size=2)
    own, _ = train(rank, wrap=True, watch=False)
    watched, _ = train(rank, wrap=True, watch=True)
    same = all(torch.equal(a, b) for a, b in zip(own, watched, strict=True))
    _, figures = train(7, wrap=True, watch=True)  # the same data in both processes
    _, alone = train(7, wrap=False, watch=True)
    found = {"same": same, "figures": figures, "alone": alone}
    (place / f"{rank}.json").write_text(json.dumps(found))
    dist.barrier()
    failed = rank == 0 and os.wait()[1] != 0
    os._exit(failed)  # destroying the group may never end: `process_group` in tests/conftest.py
