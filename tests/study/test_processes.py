"""Worker processes: what travels to them, how they end, and what becomes of a trial that ends one."""

import contextlib
import itertools
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from rectifiers.errors import ArgumentError
from rectifiers.records.values import Notice, Run
from rectifiers.study import Execution, InProcess, Processes
from rectifiers.study.runners.processes import _Process

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def trials_of(prepared):
    plan = prepared.plan
    return [
        plan.trial("test", arm.label, "none", plan.learning_rates[0], seed)
        for seed in range(plan.seeds)
        for arm in plan.arms
    ]


def told(runner, prepared):
    return [item for item in runner.run(prepared, trials_of(prepared)) if isinstance(item, Run | Notice)]


IN_A_WORKER = """
import multiprocessing, os, threading, torch
def misbehaves(what):
    def mine(x):
        if multiprocessing.parent_process() is not None and torch.is_grad_enabled() and x.requires_grad:
            what()
        return torch.relu(x)
    return mine
def die():
    with open(__file__ + ".tries", "a") as file:
        file.write("once ")
    os.kill(os.getpid(), 11)
stuck = misbehaves(lambda: threading.Event().wait(60))
killed = misbehaves(die)
greedy = misbehaves(lambda: torch.empty(2**30, dtype=torch.uint8).fill_(1))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of memory")
def test_a_trial_that_takes_too_long_too_much_memory_or_its_process_with_it_has_crashed_and_others_go_on(
    prepare, write_module, monkeypatch
):
    monkeypatch.setattr("rectifiers.study.runners.processes.TRIES", 2)  # each costs a process
    path = write_module(IN_A_WORKER)
    stuck, killed, greedy = (f"{path}:{name}" for name in ("stuck", "killed", "greedy"))
    prepared = prepare(arms=[stuck, killed, greedy, "relu"], seeds=1)
    execution = Execution(1, trial_timeout=2.0, memory_per_trial="500MB")
    with execution.settle(prepared, None).runner() as runner:
        runs = {run.trial.arm: run for run in told(runner, prepared)}
    assert {arm: run.outcome for arm, run in runs.items()} == {
        stuck: "crashed", killed: "crashed", greedy: "crashed", "relu": "finished",
    }  # fmt: skip
    assert runs[stuck].reason == "took longer than 2 s (--trial-timeout)"
    assert runs[killed].reason == "its process ended unexpectedly (exit code -11) on 2 tries"
    assert Path(f"{path}.tries").read_text() == "once once "
    assert "allocate memory" in runs[greedy].reason


def test_a_worker_that_is_killed_from_outside_costs_time_and_no_record(prepare, measured):
    prepared = prepare(arms=["relu", "rrelu"], seeds=4, epochs=10)
    with Processes(1) as runner:
        found, killed = [], False
        for item in runner.run(prepared, trials_of(prepared)):
            found += [item] if isinstance(item, Run) else []
            if isinstance(item, Run) and not killed:
                (worker,) = workers_of(os.getpid())
                os.kill(worker, signal.SIGKILL)
                killed = True
    expected = [run for run in InProcess().run(prepared, trials_of(prepared)) if isinstance(run, Run)]
    assert {run.trial: run for run in measured(found)} == {run.trial: run for run in measured(expected)}
    assert len(found) == len(expected)


@pytest.mark.parametrize("amount", ["much", "2 fishes", "-1GB", "nan", 0])
def test_an_amount_of_memory_is_one(amount):
    with pytest.raises(ArgumentError, match="memory per trial"):
        Execution(memory_per_trial=amount)


def test_what_is_defined_here_travels_and_no_clock_that_is_set_ends_it(prepare, measured, monkeypatch):
    hours = itertools.count(time.time(), 3600.0)  # by the time of day, none of which a trial had
    monkeypatch.setattr(time, "time", lambda: next(hours))
    monkeypatch.setattr("rectifiers.study.runners.processes._TICK", 0.001)  # each is seen many times
    scale = 0.5

    def mine(x):
        return torch.relu(x) * scale

    class Shifted(torch.nn.Module):
        def forward(self, x):
            return torch.relu(x) - scale

    prepared = prepare(arms=["relu", mine, Shifted, torch.nn.Hardswish()])
    with Processes(1, timeout=60.0) as runner:
        found = told(runner, prepared)
    assert not [item for item in found if isinstance(item, Notice)]
    expected = [run for run in InProcess().run(prepared, trials_of(prepared)) if isinstance(run, Run)]

    def in_order(runs):
        return sorted(measured(runs), key=lambda run: run.trial.key)

    assert in_order(found) == in_order(expected)


def test_what_cannot_travel_runs_here_and_why_is_said_once(prepare):
    lock = threading.Lock()

    def mine(x):
        with lock:
            return torch.relu(x)

    prepared = prepare(arms=["relu", mine])
    with Processes(1) as runner:
        found = told(runner, prepared)
        again = told(runner, prepared)
    assert isinstance(found[0], Notice)
    assert found[0].code == "in-process"
    assert "cannot pickle '_thread.lock' object" in found[0].text
    assert [run.outcome for run in found[1:]] == ["finished"] * 4
    assert [type(item) for item in again] == [Run] * 4


def test_a_module_that_was_changed_here_runs_here_and_why_is_said(prepare, write_module):
    path = write_module("import torch\nscale = 1.0\ndef mine(x):\n    return torch.relu(x) * scale\n")
    from rectifiers.arms import load_object

    load_object(f"{path}:mine").__globals__["scale"] = 0.5
    with Processes(1) as runner:
        found = told(runner, prepare(arms=["relu", f"{path}:mine"]))
    assert isinstance(found[0], Notice)
    assert "cannot be rebuilt in another" in found[0].text
    assert [run.outcome for run in found[1:]] == ["finished"] * 4


def test_a_loss_whose_module_was_changed_here_is_the_same_loss_everywhere(prepare, write_module):
    path = write_module(
        "import torch\nscale = 1.0\n"
        "def loss(o, y):\n    return scale * torch.nn.functional.cross_entropy(o, y)\n"
    )
    from rectifiers.arms import load_object

    load_object(f"{path}:loss").__globals__["scale"] = 0.5
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    prepared = prepare(None, data=lambda: (x, (x[:, 0] > 0).long()), loss=f"{path}:loss", seeds=1, epochs=1)
    with Processes(1) as runner:
        notice, *runs = told(runner, prepared)
    assert "its module was changed after it was imported" in notice.text
    assert [run.train_loss for run in runs] == [run.train_loss for run in told(InProcess(), prepared)]


SCRIPT = """
import torch, rectifiers

def mine(x):
    return torch.relu(x) * 1.5

def build(activation):
    from torch import nn
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), activation(16), nn.Linear(16, 10))

result = rectifiers.compare(
    "digits", ["relu", mine], model="__main__:build", seeds=2, epochs=1, learning_rate=0.1,
    out={out!r}, execution=rectifiers.Execution(jobs=1, trial_timeout=60), progress=False, report=False,
)
print([run.outcome for run in result.study.of("test")], [n.code for n in result.study.warnings])
"""


def test_a_script_need_not_be_guarded(tmp_path, capsys):
    """It is `__main__` here, and a worker would run it again if it took it for its own."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(out=str(tmp_path / "out")))
    runpy.run_path(str(script), run_name="__main__")
    assert capsys.readouterr().out == f"{['finished'] * 4} []\n"


def endless(prepared, begun):
    with Processes(1) as runner:
        for item in runner.run(prepared, trials_of(prepared)):
            if item is None:
                begun.set()


def children(pid):
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(word) for word in found.stdout.split()]


def workers_of(pid):
    """Those of the children that carry out trials."""
    found = []
    for child in children(pid):
        with contextlib.suppress(FileNotFoundError):  # `ps` itself, which is over
            found += [child] if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text() else []
    return found


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


SIGNALS = """
import multiprocessing, signal, torch
def tells(path):
    def mine(x):
        if multiprocessing.parent_process() is not None:
            ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
            held = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
            open(path, "w").write(f"{ignored} {held}")
        return torch.relu(x)
    return mine
arm = tells(__file__ + ".told")
"""


def test_an_interruption_waits_while_a_worker_starts_and_is_not_its_own_to_answer(prepare, write_module):
    process = _Process(target=signal.raise_signal, args=(signal.SIGINT,))
    process.start()
    process.join(60)
    assert process.exitcode == 0  # it was held back: a worker that starts is not ended by it
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    path = write_module(SIGNALS)
    prepared = prepare(arms=[f"{path}:arm", "relu"], seeds=1)
    with Processes(1) as runner:
        assert all(item.outcome == "finished" for item in told(runner, prepared))
    assert Path(f"{path}.told").read_text() == "True False"  # ignored, and not held back from what it starts


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.usefixtures("usual_signals")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_no_process_is_left_behind(how, prepare, forked):
    prepared = prepare("digits", epochs=100_000, seeds=400)
    begun = multiprocessing.get_context("fork").Event()
    with forked(endless, prepared, begun) as parent:
        assert begun.wait(60)
        workers = children(parent.pid)
        assert any(map(alive, workers))
        os.kill(parent.pid, how)
        parent.join(20)
        assert parent.exitcode is not None
        patience = threading.Event()
        for _ in range(100):
            if not any(map(alive, workers)):
                break
            patience.wait(0.1)
        assert not any(map(alive, workers))
