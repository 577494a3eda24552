"""Which trials a race hands out, and that neither order nor interruption changes what it finds."""

import dataclasses
import random

import numpy as np
import pytest

from rectifiers.records.standings import against_control
from rectifiers.records.values import ArmSpec, Margin, Plan, Run, Study
from rectifiers.study.race import Race, reopened

ARMS = ("relu", "elu", "tanh", "swift")
EFFECTS = {"relu": 0.0, "elu": 0.0, "tanh": -2.0, "swift": 1.2}


def plan_of(**changes):
    plan = Plan(
        task="made up",
        data_source="",
        data_hash="d",
        metric="accuracy",
        unit="%",
        resolution=0.0,
        train_size=100,
        validation_size=10,
        test_size=100,
        outputs=2,
        input_shape=(2,),
        arms=tuple(ArmSpec(label, label, label, 1.0, 4) for label in ARMS),
        control="relu",
        norms=("none",),
        seeds=40,
        tuning_seeds=3,
        learning_rates=(0.1,),
        epochs=1,
        batch_size=1,
        optimizer="sgd",
        momentum=0.0,
        weight_decay=0.0,
        schedule="constant",
        model="mlp",
        width=4,
        depth=1,
        match="parameters",
        initialization="gain",
        margin=1.0,
        confidence=0.95,
        target=None,
        device="cpu",
        racing=True,
    )
    return dataclasses.replace(plan, **changes)


def measured(trial, failing=None):
    """Make the run of a trial, always the same one."""
    noise = np.random.default_rng([trial.seed, ARMS.index(trial.arm)]).normal()
    fails = trial.arm == failing
    return Run(
        trial=trial,
        outcome="diverged" if fails else "finished",
        reason="loss is nan" if fails else "",
        metric=None if fails else 90 + EFFECTS[trial.arm] + 0.5 * noise,
        steps=1,
        epochs=1,
        steps_to_target=None,
        seconds=0.0,
        peak_memory=None,
        parameters=1,
        train_loss=(),
        train_error=(),
        init_hash="",
        order_hash="",
        noise_hash="",
        started="",
    )


def study_of(plan, runs=(), margin=None):
    return Study(plan, tuple(runs), margin=margin or Margin(plan.margin, "as given"))


def run_through(study, ahead=0, shuffled=None, failing=None):
    """Race, with up to `ahead` further trials under way, which come back in any order; return all runs."""
    race, runs, waiting = Race(study), list(study.runs), []
    source = iter(race)
    while True:
        while len(waiting) <= ahead and (trial := next(source, None)) is not None:
            waiting.append(trial)
        if not waiting:
            return race, runs
        place = shuffled.randrange(len(waiting)) if shuffled else 0
        run = measured(waiting.pop(place), failing)
        runs.append(run)
        race.add(run)


def verdicts(standings):
    return {arm: (found.verdict, found.decided_at) for (arm, _), found in standings.items()}


def test_all_remaining_arms_take_a_seed_before_the_next():
    race, runs = run_through(study_of(plan_of()))
    seeds = [run.trial.seed for run in runs]
    assert seeds == sorted(seeds)
    for arm, (_, decided_at) in verdicts(race.standings).items():
        assert sum(run.trial.arm == arm for run in runs) == decided_at
    longest = max(found.decided_at for found in race.standings.values())
    assert sum(run.trial.arm == "relu" for run in runs) == longest < 40


def test_what_is_handed_out_is_what_the_records_say():
    race, runs = run_through(study_of(plan_of()))
    assert against_control(study_of(plan_of(), runs)) == race.standings
    assert verdicts(race.standings)["tanh"][0] == "worse"
    assert verdicts(race.standings)["elu"][0] == "equivalent"


@pytest.mark.parametrize("ahead", [1, 3, 12])
def test_running_ahead_in_any_order_changes_no_finding(ahead):
    quiet, few = run_through(study_of(plan_of()))
    for seed in range(5):
        race, runs = run_through(study_of(plan_of()), ahead, random.Random(seed))
        assert race.standings == quiet.standings
        assert {run.trial.key for run in few} <= {run.trial.key for run in runs}


@pytest.mark.parametrize("kept", [0, 1, 7, 20, 33])
def test_interrupted_and_resumed_it_ends_at_the_same_seeds(kept):
    quiet, runs = run_through(study_of(plan_of()))
    order = random.Random(kept).sample(runs, len(runs))
    race, again = run_through(study_of(plan_of(), order[:kept]))
    assert race.standings == quiet.standings
    assert sorted(run.trial.key for run in again) == sorted(run.trial.key for run in runs)


def test_an_arm_that_always_fails_is_out_early():
    race, runs = run_through(study_of(plan_of()), failing="swift")
    found = race.standings["swift", "none"]
    assert (found.out, found.verdict) == (True, "worse")
    assert sum(run.trial.arm == "swift" for run in runs) == found.decided_at < 10


def test_a_fixed_number_of_seeds_is_made_whole():
    plan = plan_of(racing=False, seeds=6)
    race, runs = run_through(study_of(plan))
    assert len(runs) == 6 * 4
    assert race.at_most == 0
    assert {found.decided_at for found in race.standings.values()} <= {6, None}


def test_how_many_there_can_still_be_only_shrinks():
    study = study_of(plan_of())
    race = Race(study)
    left = [race.at_most]
    for trial in race:
        race.add(measured(trial))
        left.append(race.at_most)
    assert left[0] == 160
    assert left == sorted(left, reverse=True)
    assert left[-1] == 0


def test_each_norm_races_by_itself():
    plan = plan_of(norms=("none", "batch"))
    race, runs = run_through(study_of(plan))
    for norm in plan.norms:
        longest = max(found.decided_at for (_, n), found in race.standings.items() if n == norm)
        assert sum(run.trial.arm == "relu" and run.trial.norm == norm for run in runs) == longest


def test_more_seeds_go_on_from_what_is_there():
    short = plan_of(seeds=8, margin=0.2)
    _, runs = run_through(study_of(short))
    race, more = run_through(study_of(plan_of(margin=0.2), runs))
    quiet, whole = run_through(study_of(plan_of(margin=0.2)))
    assert race.standings == quiet.standings
    assert sorted(run.trial.key for run in more) == sorted(run.trial.key for run in whole)


def test_more_arms_may_open_an_arm_again_and_that_is_told():
    few = plan_of(arms=plan_of().arms[:2])
    race, runs = run_through(study_of(few))
    assert verdicts(race.standings)["elu"][0] == "equivalent"
    many = [ArmSpec(f"arm {i}", f"arm {i}", "", 1.0, 4) for i in range(60)]
    grown = plan_of(arms=(*few.arms, *many))
    told = reopened(study_of(few, runs), study_of(grown, runs))
    assert told == ["elu was equivalent and is open again"]
    assert reopened(study_of(few, runs), study_of(few, runs)) == []
