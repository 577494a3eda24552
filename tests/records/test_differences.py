"""In what the trials of two plans differ is told in words a user knows; what is only asked may differ."""

import dataclasses

import pytest

from rectifiers.records.differences import differences
from rectifiers.records.values import QUESTION, Plan

_CHANGES = {
    "task": ("mnist", "task digits, now task mnist"),
    "data_hash": ("e" * 64, "data dddddddddddd, now data eeeeeeeeeeee (made up)"),
    "target": (None, "--target 5, now --target none"),
    "initialization": ("own", "--init gain, now --init own"),
    "validation_size": (100, "200 validation samples, now 100"),
    "model_code": ("mlp@123", "another version of the code of mlp"),
    "metric": ("R2", "metric accuracy in %, now R2 in %"),
    "protocol": (1, "protocol 3, now protocol 1 of another rectifiers"),
    "vary": ("split", "--vary seeds, now --vary split"),
}


@pytest.mark.parametrize("field", _CHANGES)
def test_a_difference_is_told_in_the_words_of_the_command_line(plan, field):
    value, told = _CHANGES[field]
    assert differences(plan, dataclasses.replace(plan, **{field: value})) == [told]


def test_every_field_that_is_not_asked_but_is_is_told(plan):
    for field in dataclasses.fields(Plan):
        if field.name not in QUESTION:
            was = getattr(plan, field.name)
            other = dataclasses.replace(plan, **{field.name: "other" if isinstance(was, str) else 12345})
            assert differences(plan, other), field.name


@pytest.mark.parametrize("field", QUESTION)
def test_what_is_asked_may_change(plan, field):
    other = dataclasses.replace(plan, **{field: "anything"})
    assert differences(plan, other) == []


def test_the_hash_does_not_depend_on_what_is_asked(plan):
    fewer = dataclasses.replace(plan, arms=plan.arms[:2], seeds=9, margin=None)
    assert fewer.hash == plan.hash


def test_equal_plans_do_not_differ(plan):
    assert differences(plan, Plan.from_json(plan.to_json())) == []
