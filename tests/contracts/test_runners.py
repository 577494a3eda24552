"""What every runner promises. A new one adds itself to RUNNERS and is held to all of it."""

import contextlib
import dataclasses
from importlib.util import find_spec

import pytest

from rectifiers import study
from rectifiers.records.events import EpochFinished
from rectifiers.records.values import Run, Trial
from rectifiers.study import InProcess, Processes, Ray

RUNNERS = {
    "in process": InProcess,
    "two processes": lambda: Processes(2),
    "Ray": lambda: Ray(jobs=2, batch=1),
}
WITHOUT_RAY = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: make test-ray")

FRAGILE = """
import os, torch
def fragile(x):
    if x.requires_grad and os.path.exists({flag!r}):  # while it is trained
        raise ValueError("broken")
    return torch.relu(x)
"""


@pytest.fixture(
    params=[pytest.param(name, marks=[WITHOUT_RAY] if name == "Ray" else []) for name in RUNNERS],
    scope="module",
)
def runner(request):
    made = RUNNERS[request.param]()
    with made if hasattr(made, "__enter__") else contextlib.nullcontext():
        yield made


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where the file of an arm is that fails while there is a file `breaks` beside it."""
    found = tmp_path_factory.mktemp("place")
    (found / "mine.py").write_text(FRAGILE.format(flag=str(found / "breaks")))
    return found


@pytest.fixture(scope="module")
def prepared(place):
    """One plan for all tests, for which a runner starts its processes once."""
    arms = ["relu", "rrelu", f"{place}/mine.py:fragile"]
    return study.make_plan("xor", arms=arms, seeds=2, epochs=2, width=4, learning_rate=0.1)


def trials_of(prepared):
    plan = prepared.plan
    return [
        plan.trial("test", arm.label, "none", plan.learning_rates[0], seed)
        for seed in range(plan.seeds)
        for arm in plan.arms
    ]


def records(told):
    """Return the runs by trial, without what the clock says."""
    runs = [dataclasses.replace(item, seconds=0.0, started="") for item in told if isinstance(item, Run)]
    return {run.trial: run for run in runs}


def test_each_trial_has_one_record(runner, prepared):
    trials = trials_of(prepared)
    told = list(runner.run(prepared, trials))
    assert sorted(run.trial.key for run in told if isinstance(run, Run)) == sorted(t.key for t in trials)
    assert list(runner.run(prepared, [])) == []


def test_a_trial_is_told_before_its_epochs_and_those_before_its_record(runner, prepared):
    for trial in trials_of(prepared):
        mine = [
            item
            for item in runner.run(prepared, trials_of(prepared))
            if item is not None and (item if isinstance(item, Trial) else item.trial) == trial
        ]
        assert isinstance(mine[0], Trial)
        assert isinstance(mine[-1], Run)
        assert all(isinstance(item, EpochFinished) for item in mine[1:-1])
        assert [item.epoch for item in mine[1:-1]] in ([], [1, 2])


def test_a_record_depends_on_its_trial_alone(runner, prepared):
    trials = trials_of(prepared)
    together = records(runner.run(prepared, trials))
    assert records(runner.run(prepared, trials[::-1])) == together
    assert {t: records(runner.run(prepared, [t]))[t] for t in trials} == together


def test_it_is_what_every_other_runner_measures_bit_for_bit(runner, prepared):
    trials = trials_of(prepared)
    assert records(runner.run(prepared, trials)) == records(InProcess().run(prepared, trials))


def test_trials_are_drawn_as_there_is_room_for_them(runner, prepared):
    trials, seen, drawn = trials_of(prepared), [], []

    def source():
        for trial in trials:
            drawn.append((trial, len(seen)))
            yield trial

    for item in runner.run(prepared, source()):
        seen += [item] if isinstance(item, Run) else []
    for place, (_, known) in enumerate(drawn):
        assert place - known <= 3  # two processes, and one trial that waits for them


def test_a_trial_that_fails_is_a_record_and_ends_nothing(runner, prepared, place):
    (place / "breaks").touch()
    found = records(runner.run(prepared, trials_of(prepared)))
    (place / "breaks").unlink()
    relu, rrelu, fragile = (arm.label for arm in prepared.plan.arms)
    assert {(trial.arm, trial.seed): (run.outcome, run.reason) for trial, run in found.items()} == {
        (arm, seed): ("crashed", "ValueError: broken") if arm == fragile else ("finished", "")
        for arm in (relu, rrelu, fragile)
        for seed in range(2)
    }


def test_it_may_be_closed_anywhere(runner):
    # Ray 2.60 may end this process where a trial is stopped just when it is over: let them take a while
    epochs = 60 if isinstance(runner, Ray) else 2
    words = {"seeds": 3, "epochs": epochs, "width": 4, "learning_rate": 0.1}
    prepared = study.make_plan("xor", arms="relu,rrelu", **words)
    trials = trials_of(prepared)
    whole = records(runner.run(prepared, trials))
    for stop in range(0, 2 * len(trials), 5):  # a process that is stopped takes seconds to come back
        told = runner.run(prepared, trials)
        for _ in range(stop):
            next(told)
        told.close()
    assert records(runner.run(prepared, trials)) == whole
