"""What every runner promises. A new one adds itself to RUNNERS and is held to all of it."""

import dataclasses

import pytest

from rectifiers import study
from rectifiers.arms import load_object
from rectifiers.records.events import EpochFinished
from rectifiers.records.values import Run, Trial
from rectifiers.study import InProcess, Runner
from rectifiers.study.trials import deciding_trials

RUNNERS = {"in process": InProcess}

FRAGILE = """
import torch
def fragile(x):
    if breaks:
        raise ValueError("broken")
    return torch.relu(x)
breaks = False
"""


@pytest.fixture(params=RUNNERS)
def runner(request) -> Runner:
    return RUNNERS[request.param]()


@pytest.fixture
def prepared():
    return study.make_plan("xor", arms="relu,rrelu", seeds=3, epochs=2, width=4, learning_rate=0.1)


def trials_of(prepared):
    cells = dict.fromkeys(prepared.cells, prepared.plan.learning_rates[0])
    return list(deciding_trials(prepared.plan, cells))


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
            if (item if isinstance(item, Trial) else item.trial) == trial
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


def test_it_is_what_every_other_runner_measures(runner, prepared):
    trials = trials_of(prepared)
    ours, reference = records(runner.run(prepared, trials)), records(InProcess().run(prepared, trials))
    for trial in trials:
        mine, other = ours[trial], reference[trial]
        assert (mine.init_hash, mine.order_hash) == (other.init_hash, other.order_hash)
        assert (mine.outcome, mine.steps, mine.parameters) == (other.outcome, other.steps, other.parameters)
        if trial.arm == "relu":  # noise may be drawn in another way
            assert mine.train_loss == pytest.approx(other.train_loss, rel=1e-3)


def test_a_trial_that_fails_is_a_record_and_ends_nothing(runner, tmp_path):
    (tmp_path / "mine.py").write_text(FRAGILE)
    arm = f"{tmp_path}/mine.py:fragile"
    words = {"seeds": 2, "epochs": 2, "width": 4, "learning_rate": 0.1}
    prepared = study.make_plan("xor", arms=["relu", arm], **words)
    load_object(arm).__globals__["breaks"] = True
    found = records(runner.run(prepared, trials_of(prepared)))
    outcomes = {(t.arm, t.seed): (run.outcome, run.reason) for t, run in found.items()}
    assert outcomes == {
        ("relu", 0): ("finished", ""),
        ("relu", 1): ("finished", ""),
        (arm, 0): ("crashed", "ValueError: broken"),
        (arm, 1): ("crashed", "ValueError: broken"),
    }


def test_it_may_be_closed_anywhere(runner, prepared):
    trials = trials_of(prepared)
    whole = len(list(runner.run(prepared, trials)))
    for stop in range(whole):
        told = runner.run(prepared, trials)
        for _ in range(stop):
            next(told)
        told.close()
    assert len(list(runner.run(prepared, trials))) == whole
