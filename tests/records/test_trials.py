"""Which trials there are, and what makes two of them the same."""

import dataclasses

import pytest


def key(plan, phase="test", arm="relu"):
    return plan.trial(phase, arm, "none", 0.1, 0).key


DETERMINES = {
    "protocol": 1,
    "data_hash": "x",
    "metric": "x",
    "outputs": 3,
    "epochs": 7,
    "batch_size": 7,
    "optimizer": "adam",
    "momentum": 0.5,
    "weight_decay": 0.5,
    "schedule": "constant",
    "model": "cnn",
    "model_code": "x",
    "depth": 7,
    "initialization": "own",
    "target": 1.0,
    "device": "cuda",
    "vary": "split",
    "loss": "x",
    "measure": "x",
    "augment": "x",
    "patience": 3,
    "precision": "bf16",
    "compile": True,
    "swap": "relu",
}
DOES_NOT = {
    "task": "x",
    "data_source": "x",
    "unit": "x",
    "resolution": 7.0,
    "kind": "function",  # its model and code are others
    "train_size": 7,  # part of the data's hash
    "validation_size": 7,  # of tuning trials only
    "test_size": 7,
    "input_shape": (7,),
    "control": "tanh",
    "norms": ("none",),
    "seeds": 7,
    "tuning_seeds": 7,
    "learning_rates": (0.1,),
    "width": 7,  # of the arm: ArmSpec.width
    "match": "width",
    "margin": 7.0,
    "confidence": 0.5,
    "data_code": "x",
    "racing": True,
    "allow": ("x",),
    "labels": ("cat",),
    "baseline": 7.0,
    "paired": False,
}


def test_each_field_of_a_plan_either_determines_an_outcome_or_does_not(plan):
    assert {field.name for field in dataclasses.fields(plan)} == {*DETERMINES, *DOES_NOT, "arms"}


@pytest.mark.parametrize("field", DETERMINES)
def test_what_determines_the_outcome_is_part_of_the_key(plan, field):
    assert key(dataclasses.replace(plan, **{field: DETERMINES[field]})) != key(plan)


@pytest.mark.parametrize("field", DOES_NOT)
def test_nothing_else_is(plan, field):
    assert key(dataclasses.replace(plan, **{field: DOES_NOT[field]})) == key(plan)


def test_of_an_arm_its_identity_and_width_count_but_not_its_label_or_picture(plan):
    first, *rest = plan.arms

    def with_arm(**changes):
        return dataclasses.replace(plan, arms=(dataclasses.replace(first, **changes), *rest))

    assert key(with_arm(label="other"), arm="other") == key(plan)
    assert key(with_arm(curve=None)) == key(plan)
    assert key(with_arm(identity="other")) != key(plan)
    assert key(with_arm(width=7)) != key(plan)
    assert key(dataclasses.replace(plan, arms=(first,))) == key(plan)


def test_the_validation_split_counts_while_tuning(plan):
    other = dataclasses.replace(plan, validation_size=1)
    assert key(other, "tune") != key(plan, "tune")


def test_trials_differ_from_each_other(plan):
    trials = {
        plan.trial(phase, arm.label, norm, rate, seed).key
        for phase in ("tune", "test")
        for arm in plan.arms
        for norm in plan.norms
        for rate in plan.learning_rates
        for seed in range(3)
    }
    assert len(trials) == 2 * 3 * 2 * 2 * 3
