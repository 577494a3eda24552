"""Several nodes of Ray on one machine. Each test is skipped where Ray is not installed (`make test-ray`)."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
SMALL = {"object_store_memory": 100 * 2**20, "include_log_monitor": False}
QUICK = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 300,
    "health_check_failure_threshold": 5,
}
HEAD = {"num_cpus": 0, "include_dashboard": False, "_system_config": QUICK, **SMALL}


@contextlib.contextmanager
def no_terminal() -> Iterator[None]:
    """Start processes that ignore SIGINT, as under nohup: they can be told to stop all the same."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


class Nodes:
    """A head without processors, and nodes that tests add and kill."""

    @no_terminal()
    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(initialize_head=True, head_node_args=HEAD)
        self.address: str = self._cluster.address
        self.there: list[tuple[int, Any]] = []

    def end(self) -> None:
        """Kill the head and all nodes."""
        self.only(0)
        self._cluster.remove_node(self._cluster.head_node, allow_graceful=False)

    @no_terminal()
    def begin(self) -> None:
        """Start another head in the place of the one that was killed, without nodes."""
        self._cluster.add_node(**HEAD, gcs_server_port=int(self.address.rpartition(":")[2]))

    @no_terminal()
    def add(self, cpus: int) -> None:
        self.there.append((cpus, self._cluster.add_node(num_cpus=cpus, **SMALL)))

    def kill_first(self) -> None:
        self._cluster.remove_node(self.there.pop(0)[1], allow_graceful=False)

    def shutdown(self) -> None:
        self._cluster.shutdown()

    def only(self, cpus: int) -> None:
        """Kill all nodes, and add one."""
        while self.there:
            self.kill_first()
        self.have(cpus)

    def have(self, cpus: int) -> None:
        """Add what is missing."""
        if (missing := cpus - sum(there for there, _ in self.there)) > 0:
            self.add(missing)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    ray = pytest.importorskip("ray", reason="Ray is not installed: make test-ray")
    made = Nodes()
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture
def nodes(cluster: Nodes) -> Nodes:
    """Two processors at least."""
    cluster.have(2)
    return cluster


@pytest.fixture
def joined(nodes: Nodes) -> Nodes:
    """This process has joined, and stays in from one test to the next, with the processes it started."""
    import ray

    if not ray.is_initialized():
        ray.init(nodes.address, log_to_driver=False, logging_level="ERROR")
    return nodes


@pytest.fixture
def measured():
    """Runs by trial, without what the clock says."""

    def of(runs):
        return {run.trial.key: dataclasses.replace(run, seconds=0.0, started="") for run in runs}

    return of
