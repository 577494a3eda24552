"""Studies on several nodes: the same numbers as in one process, whatever happens to a node or the driver."""

from __future__ import annotations

import importlib
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import rectifiers
from rectifiers import study
from rectifiers.cli import main
from rectifiers.comparison import ComparisonResult
from rectifiers.errors import ClusterError
from rectifiers.records.values import Notice, Run
from rectifiers.study import Execution, InProcess, Ray

pytestmark = pytest.mark.filterwarnings("ignore")  # of Ray's own code, and of processes it leaves behind

QUICK = {"arms": "relu,rrelu", "seeds": 4, "epochs": 2, "width": 4, "learning_rate": 0.1}


def trials_of(work):
    plan = work.plan
    return [plan.trial("test", a.label, "none", 0.1, seed) for seed in range(plan.seeds) for a in plan.arms]


def runs(told):
    return [item for item in told if isinstance(item, Run)]


def test_a_node_that_dies_costs_time_and_one_that_comes_is_used(joined, measured):
    work = study.make_plan("digits", arms="relu,rrelu", seeds=3, epochs=20, width=16, learning_rate=0.1)
    found, killed = [], False
    with Ray(joined.address, batch=2) as runner:
        for item in runner.run(work, trials_of(work)):
            found += [item] if isinstance(item, Run) else []
            if len(found) == 1 and not killed:
                killed = True
                joined.kill_first()
                joined.add(2)
        assert runner.room() == 2
    assert measured(found) == measured(runs(InProcess().run(work, trials_of(work))))
    assert len(found) == len(trials_of(work))


USERS = """
import contextlib, os, threading, time, torch
from shape import scale
def soft(x):
    return torch.relu(x) * scale
def train(trial):
    trial.activation()(torch.zeros(2))
    trial.report(0, loss=0.5)
    print("seen")
    return 90 + trial.seed + len(trial.activation.label)
def killed(trial):
    trial.activation()(torch.zeros(2))
    if trial.seed == 1 and trial.activation.label == "relu":
        os._exit(3)
    return 90 + trial.seed
def slow(trial):
    with contextlib.suppress(KeyboardInterrupt):  # as Lightning does
        threading.Event().wait(90 if trial.seed else 0)
    return 1.0
def stubborn(trial):
    while trial.seed:
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait(90)
    return 1.0
def reads(trial):
    return float(open("nowhere.txt").read())
def fills(trial):
    trial.activation()(torch.zeros(2))
    kept = []
    full = trial.seed == 1 and trial.activation.label == "relu"
    while full and len(kept) < 75:  # in steps, so that Ray sees it
        kept.append(torch.ones(10 * 2**20))
        time.sleep(0.02)
    return 90 + trial.seed
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a directory with modules of a user: one, because processes that are there have imported them."""
    made = tmp_path_factory.mktemp("users")
    (made / "users.py").write_text(USERS)
    (made / "shape.py").write_text("scale = 1.5\n")
    return made


@pytest.fixture
def mine(place, monkeypatch):
    monkeypatch.chdir(place)
    yield
    for name in ("users", "shape"):
        sys.modules.pop(name, None)


def test_a_race_with_the_users_code_comes_out_the_same(joined, measured, mine, tmp_path):
    words = ["compare", "xor", "--arms", "relu,tanh,users.py:soft", "--epochs", "3", "--width", "4"]
    words += ["--max-seeds", "12", "--margin", "20", "--no-report", "--quiet"]
    one, other = tmp_path / "here", tmp_path / "there"
    assert main([*words, "--out", str(one), "--jobs", "1"]) == 0
    assert main([*words, "--out", str(other), "--runner", "ray", "--address", joined.address]) == 0
    here, there = ComparisonResult.load(one), ComparisonResult.load(other)
    assert there.to_json()["comparisons"] == here.to_json()["comparisons"]
    common = measured(here.study.runs).keys() & measured(there.study.runs).keys()
    assert {key: measured(here.study.runs)[key] for key in common} == {
        key: measured(there.study.runs)[key] for key in common
    }
    asked = here.to_json()["trials"]
    assert {**there.to_json()["trials"], "speculated": 0} == {**asked, "speculated": 0}
    assert len(there.study.runs) == len(here.study.runs) + there.to_json()["trials"]["speculated"]


def test_training_functions_run_on_nodes_and_a_process_that_dies_is_a_crash(joined, mine, measured):
    words = {"arms": "relu,elu", "seeds": 3, "margin": 1, "report": False}
    execution = rectifiers.Execution(runner=rectifiers.runners.Ray(joined.address))
    there = rectifiers.compare(train="users:train", out="there", execution=execution, **words)
    here = rectifiers.compare(train="users:train", out="here", **words)
    assert measured(there.study.runs) == measured(here.study.runs)
    assert there.study.runs[0].train_loss == (0.5,)
    killed = rectifiers.compare(train="users:killed", out="killed", execution=execution, **words).study
    assert [run.trial.seed for run in killed.of("test") if run.outcome == "crashed"] == [1]
    assert "on 3 tries" in next(run.reason for run in killed.runs if run.reason)
    with pytest.raises(ClusterError, match=r"lacks what a trial reads \(FileNotFoundError.*every node"):
        rectifiers.compare(train="users:reads", out="reads", execution=execution, **words)


def test_a_trial_that_takes_too_long_has_crashed_and_an_unwanted_one_is_stopped(joined, mine):
    work = study.plan_training("users:slow", arms="relu,elu", seeds=2).at(Path.cwd())
    with Ray(joined.address, timeout=1.0) as runner:
        found = {(run.trial.arm, run.trial.seed): run for run in runs(runner.run(work, trials_of(work)))}
        assert {key: run.reason for key, run in found.items()} == {
            ("relu", 0): "", ("elu", 0): "",
            ("relu", 1): "took longer than 1 s (--trial-timeout)",
            ("elu", 1): "took longer than 1 s (--trial-timeout)",
        }  # fmt: skip
    with Ray(joined.address) as runner:
        some = runs(runner.run(work, trials_of(work), lambda trial: trial.seed == 0))
        assert {run.trial.seed for run in some} == {0}
    work = study.plan_training("users:stubborn", arms="relu,elu", seeds=2).at(Path.cwd())
    with Ray(joined.address, timeout=2.0) as runner:
        some = runs(runner.run(work, trials_of(work), lambda trial: trial.seed == 0))
        assert {run.trial.seed for run in some} == {0}


def test_what_cannot_travel_or_has_no_room_is_said_in_a_line(joined, mine, monkeypatch):
    lock = threading.Lock()

    def locked(x):
        with lock:
            return x.relu()

    work = study.make_plan("xor", **{**QUICK, "arms": ["relu", locked]})
    with Ray(joined.address) as runner, pytest.raises(ClusterError, match="cannot pickle"):
        list(runner.run(work, trials_of(work)))
    with Ray(joined.address, gpus=1) as runner, pytest.raises(ClusterError, match="1 GPUs, but the nodes"):
        list(runner.run(work, trials_of(work)))
    work = study.make_plan("xor", **QUICK)
    old = {**work.environment, "torch": "1.0", "cpu": "another"}
    object.__setattr__(work, "environment", old)
    with Ray(joined.address) as runner, pytest.raises(ClusterError, match=r"other versions .* 1\.0 here"):
        list(runner.run(work, trials_of(work)))
    object.__setattr__(work, "environment", {**study.make_plan("xor", **QUICK).environment, "cpu": "another"})
    with Ray(joined.address) as runner:
        told = [item.text for item in runner.run(work, trials_of(work)) if isinstance(item, Notice)]
    assert len(told) == 1
    assert "here another" in told[0]


@pytest.mark.parametrize("who", ["the limit of a trial", "Ray"])
def test_a_trial_that_fills_the_memory_has_crashed_and_the_others_go_on(
    who, joined, mine, monkeypatch, tmp_path
):
    execution, reason = Execution(runner=Ray(joined.address), memory_per_trial="500MB"), "allocate memory"
    if who == "Ray":  # on a node that has a few hundred MB left
        import psutil

        memory = psutil.virtual_memory()
        most = 1 - (memory.available - 800 * 2**20) / memory.total
        monkeypatch.setenv("RAY_memory_usage_threshold", f"{most:.4f}")
        joined.only(1)
        execution, reason = Execution(runner=Ray(joined.address)), "for want of memory on its node on 3 tries"
    words = {"arms": "relu,elu", "seeds": 3, "margin": 1, "report": False, "out": tmp_path}
    found = rectifiers.compare(train="users:fills", execution=execution, **words).study.runs
    if who == "Ray":
        monkeypatch.delenv("RAY_memory_usage_threshold")  # the next node is as the first one
        joined.only(2)
    (crashed,) = (run for run in found if run.outcome == "crashed")
    assert (crashed.trial.arm, crashed.trial.seed) == ("relu", 1)
    assert reason in crashed.reason
    assert len(found) == 6


DRIVER = """
import sys, rectifiers
from rectifiers.runners import Ray
def stop(event):
    if type(event).__name__ == "TrialFinished":
        print(flush=True)
rectifiers.compare(
    "digits", "relu,elu,rrelu", seeds=4, epochs=4, width=16, learning_rate=0.1, margin=1, out=sys.argv[2],
    callbacks=[stop], report=False, execution=rectifiers.Execution(runner=Ray(sys.argv[1])),
)
"""


def test_a_study_goes_on_where_it_was(nodes, measured, tmp_path):
    """First its driver is killed, then the head is restarted."""
    importlib.import_module("ray").shutdown()  # a process that stayed in would end with the head
    words = {"seeds": 4, "epochs": 4, "width": 16, "learning_rate": 0.1, "margin": 1, "report": False}
    whole = rectifiers.compare("digits", "relu,elu,rrelu", out=tmp_path / "whole", **words)
    out = tmp_path / "out"
    line = [sys.executable, "-c", DRIVER, nodes.address, str(out)]

    def stopped(stop, after):
        with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as driver:
            for _ in range(after):
                driver.stdout.readline()
            stop(driver)
            said = driver.communicate()[1].splitlines()
        return said, ComparisonResult.load(out).study.runs

    _, first = stopped(lambda driver: driver.send_signal(signal.SIGKILL), 3)
    assert 3 <= len(first) < 12
    said, second = stopped(lambda _: nodes.end(), 2)
    assert any(line.startswith("rectifiers.errors.ClusterError: Ray's head at") for line in said), said
    assert second[: len(first)] == first
    assert len(first) + 2 <= len(second) < 12
    nodes.begin()
    nodes.have(2)
    execution = Execution(runner=Ray(nodes.address))
    rectifiers.compare("digits", "relu,elu,rrelu", out=out, execution=execution, **words)
    study = ComparisonResult.load(out).study
    assert study.runs[: len(second)] == second
    assert len(study.runs) == len(whole.study.runs)
    assert measured(study.runs) == measured(whole.study.runs)


@pytest.mark.parametrize(
    "options, said",
    [
        (["--runner", "spark"], "unknown runner 'spark'"),
        (["--address", "auto"], "are for --runner ray"),
        (["--runner", "ray", "--address", "ray://head:10001"], "the driver runs on a node of the cluster"),
        (["--runner", "ray", "--cpus-per-trial", "0"], "`0 < cpus` must hold"),
    ],
)
def test_a_runner_that_cannot_be_is_refused(options, said, capsys, tmp_path):
    assert main(["compare", "xor", "--out", str(tmp_path), *options]) == 2
    assert said in capsys.readouterr().err
