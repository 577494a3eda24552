"""Two plans differ in words a user knows."""

import dataclasses

import pytest

from rectifiers.records.differences import differences
from rectifiers.records.values import Plan

_CHANGES = {
    "task": ("mnist", "task digits, now task mnist"),
    "data_hash": ("e" * 64, "data dddddddddddd, now data eeeeeeeeeeee (made up)"),
    "control": ("net:Mine", "--control relu, now --control net:Mine"),
    "norms": (("none",), "--norm none,batch, now --norm none"),
    "seeds": (7, "--seeds 2, now --seeds 7"),
    "learning_rates": ((0.3,), "--lr 0.01,0.1, now --lr 0.3"),
    "target": (None, "--target 5, now --target none"),
    "initialization": ("own", "--init gain, now --init own"),
    "margin": (0.5, "--margin 0.2, now --margin 0.5"),
    "validation_size": (100, "200 validation samples, now 100"),
    "model_code": ("mlp@123", "another version of the code of mlp"),
    "metric": ("R2", "metric accuracy in %, now R2 in %"),
    "protocol": (2, "protocol 1, now protocol 2 of another rectifiers"),
}


@pytest.mark.parametrize("field", _CHANGES)
def test_a_difference_is_told_in_the_words_of_the_command_line(plan, field):
    value, told = _CHANGES[field]
    assert differences(plan, dataclasses.replace(plan, **{field: value})) == [told]


def test_every_field_that_differs_is_told(plan):
    told_in_silence = {"arms"}  # has tests of its own
    for field in dataclasses.fields(Plan):
        if field.name not in told_in_silence:
            was = getattr(plan, field.name)
            other = dataclasses.replace(plan, **{field.name: "other" if isinstance(was, str) else 12345})
            assert differences(plan, other), field.name


def test_arms_by_label_identity_and_width_but_not_by_picture_or_gain(plan):
    first, *rest = plan.arms

    def told(**changes):
        return differences(
            plan, dataclasses.replace(plan, arms=(dataclasses.replace(first, **changes), *rest))
        )

    assert told(label="elu") == [
        "--arms relu,maxout(pieces=3),net:Mine, now --arms elu,maxout(pieces=3),net:Mine"
    ]
    assert told(identity="relu@2") == ["relu meaning relu, now relu@2"]
    assert told(width=32) == ["relu of width 64, now 32"]
    assert told(gain=first.gain * (1 + 1e-15), curve=None) == []


def test_equal_plans_do_not_differ(plan):
    assert differences(plan, Plan.from_json(plan.to_json())) == []
