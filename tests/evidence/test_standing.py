"""Standings: means and failures together, seed by seed, against a slow direct judgement."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rectifiers.errors import ArgumentError
from rectifiers.evidence import anytime, divergence, paired, unpaired
from rectifiers.evidence.standing import standing

RULE = {"margin": 0.5, "alpha": 0.05}
RACE = {**RULE, "planned": 40, "racing": True}
FIXED = {**RULE, "planned": 6, "racing": False}
GOOD = [9.0, 9.1, 9.2, 8.9, 9.0, 9.1, 9.0, 9.2, 8.8, 9.0]
POOR = [5.0, 5.2, 5.1, 4.9, 5.1, 5.0, 5.1, 4.9, 5.0, 5.2]

_METRIC = st.one_of(st.none(), st.floats(0, 8), st.floats(0, 1))
_RUNS = st.lists(st.tuples(_METRIC, _METRIC), max_size=25)


def slow(arm: list, control: list, first: int) -> tuple[str, int, bool]:
    """Return verdict, seeds and whether the arm is out, from the definitions."""
    verdict, out = "undecided", False
    for seeds in range(first, len(arm) + 1):
        ours = {i for i in range(seeds) if arm[i] is None}
        theirs = {i for i in range(seeds) if control[i] is None}
        both = [i for i in range(seeds) if i not in ours | theirs]
        lows, highs = anytime.intervals(np.array([arm[i] - control[i] for i in both]), RULE["alpha"])
        means = paired.decide(lows[-1], highs[-1], RULE["margin"]) if both else "undecided"
        flags = [[values[i] is None for i in range(seeds)] for values in (arm, control)]
        out, control_out = (
            divergence.share_e_process(failed).max() >= 1 / RULE["alpha"] - 1e-9 for failed in flags
        )
        more = divergence.sign_test(*flags, alpha=RULE["alpha"]).more_often
        if out:
            verdict = "undecided" if len(theirs) > 0.2 * seeds and more is not True else "worse"
        elif control_out and more is False:
            verdict = "better"
        else:
            verdict = divergence.gate(means, ours, theirs)[0]
        if verdict != "undecided":
            return verdict, seeds, out
    return verdict, len(arm), out


@given(_RUNS, st.integers(2, 6))
def test_a_race_is_judged_seed_by_seed(runs: list, first: int) -> None:
    arm, control = [a for a, _ in runs], [b for _, b in runs]
    found = standing(arm, control, **RACE, first=first)
    verdict, seeds, out = slow(arm, control, first)
    assert (found.verdict, found.seeds, found.out) == (verdict, seeds, out)
    assert found.decided_at == (None if verdict == "undecided" else seeds)
    both = [(a, b) for a, b in runs[:seeds] if a is not None and b is not None]
    assert found.means.n == len(both)
    if both:
        assert found.means.difference == pytest.approx(np.mean([a - b for a, b in both]))
    failed = sum(a is None for a in arm[:seeds]), sum(b is None for b in control[:seeds])
    assert (found.failures is None) == (failed == (0, 0))
    if found.failures is not None:
        assert (found.failures.failed, found.failures.control_failed) == failed
        assert (found.failures.n, found.failures.control_n) == (seeds, seeds)
        assert found.note


@given(_RUNS, st.integers(2, 6), st.randoms())
def test_what_comes_after_the_decision_changes_nothing(runs: list, first: int, random: object) -> None:
    arm, control = [a for a, _ in runs], [b for _, b in runs]
    found = standing(arm, control, **RACE, first=first)
    if found.decided_at is None:
        return
    later = runs[found.seeds :]
    random.shuffle(later)  # type: ignore[attr-defined]
    for tail in ([], later, [(None, 1.0)] * 9):
        again = [*runs[: found.seeds], *tail]
        assert standing([a for a, _ in again], [b for _, b in again], **RACE, first=first) == found


def test_without_failures_it_is_the_race_of_the_means() -> None:
    found = standing(GOOD, POOR, **RACE)
    assert found.means == anytime.compare(GOOD, POOR, **RULE)
    assert (found.verdict, found.seeds, found.decided_at) == ("better", 6, 6)
    assert (found.note, found.failures, found.out) == ("", None, False)


def test_the_first_analysis_can_be_later() -> None:
    found = standing(GOOD, POOR, **RACE, first=8)
    assert (found.decided_at, found.means.n) == (8, 8)
    assert standing(GOOD[:7], POOR[:7], **RACE, first=8).verdict == "undecided"
    assert standing([None] * 7, POOR[:7], **RACE, first=8).verdict == "undecided"
    assert standing([None] * 8, POOR[:8], **RACE, first=8).out


def test_failed_seeds_count_as_seeds() -> None:
    found = standing([None, *POOR], [None, *GOOD], **RACE)
    assert (found.verdict, found.decided_at, found.means.n) == ("worse", 7, 6)
    assert "1 of its runs and 1 of the control failed" in found.note


def test_a_failure_of_the_arm_withholds_better_for_good() -> None:
    found = standing([None, *GOOD], [5.1, *POOR], **RACE)
    assert (found.verdict, found.decided_at, found.means.verdict) == ("undecided", None, "better")
    assert "'better' is withheld" in found.note
    assert found.seeds == 11


@pytest.mark.parametrize("mode", [RACE, FIXED])
def test_an_arm_that_always_fails_is_out(mode: dict) -> None:
    found = standing([None] * 6, GOOD[:6], **mode)
    assert (found.verdict, found.out) == ("worse", True)
    assert found.note == f"{found.seeds} of {found.seeds} runs failed: more than 20 % fail, so it is out"
    assert found.decided_at == found.seeds == (3 if mode is RACE else 6)
    assert found.means.n == 0


@pytest.mark.parametrize("mode", [RACE, FIXED])
def test_where_both_always_fail_nothing_is_decided(mode: dict) -> None:
    found = standing([None] * 6, [None] * 6, **mode)
    assert (found.verdict, found.decided_at, found.seeds) == ("undecided", None, 6)
    assert "so did 6 of 6 of the control" in found.note


def test_an_arm_is_not_out_alone_while_the_control_fails_as_visibly() -> None:
    arm, control = [None, None, None, 9.0], [None, 9.0, None, 9.0]
    found = standing(arm, control, **RACE)
    assert (found.verdict, found.out) == ("undecided", True)
    assert "so did 2 of 4 of the control" in found.note


@pytest.mark.parametrize("mode", [RACE, {**FIXED, "planned": 20}])
def test_an_arm_that_fails_more_often_is_out_though_the_control_fails_too_often(mode: dict) -> None:
    found = standing([None] * 20, [None, 9.0] * 10, **mode)
    assert (found.verdict, found.out) == ("worse", True)
    assert found.failures is not None
    assert found.failures.more_often is True
    assert found.failures.control_failed > 0.2 * found.seeds


@pytest.mark.parametrize("mode", [RACE, {**FIXED, "planned": 10}])
def test_a_control_that_always_fails_loses(mode: dict) -> None:
    found = standing(GOOD, [None] * 10, **mode)
    assert (found.verdict, found.out) == ("better", False)
    assert "of the control failed" in found.note
    assert found.failures is not None
    assert found.failures.more_often is False


def test_before_the_planned_seeds_there_is_no_verdict() -> None:
    found = standing(GOOD[:5], POOR, **FIXED)
    assert (found.verdict, found.seeds, found.decided_at) == ("undecided", 5, None)
    assert found.note.startswith("5 of 6 planned seeds so far")
    assert found.means == paired.compare(GOOD[:5], POOR[:5], **RULE)


def test_at_the_planned_seeds_it_is_students() -> None:
    found = standing(GOOD, POOR, **FIXED)
    assert found.means == paired.compare(GOOD[:6], POOR[:6], **RULE)  # later seeds were not planned
    assert (found.verdict, found.decided_at, found.failures) == ("better", 6, None)
    gated = standing([None, *GOOD[1:6]], POOR, **FIXED)
    assert (gated.verdict, gated.decided_at) == ("undecided", None)
    assert gated.failures == divergence.fisher(1, 6, 0, 6, alpha=0.05)


def test_unpaired_runs_are_welchs() -> None:
    found = standing(GOOD, POOR[:4], **{**FIXED, "planned": 99}, paired=False)
    assert found.means == unpaired.compare(GOOD, POOR[:4], **RULE)
    assert (found.verdict, found.seeds, found.decided_at) == ("better", 4, 4)


def test_unpaired_failures_never_share_a_seed() -> None:
    found = standing([None, *GOOD], [None, *POOR], **FIXED, paired=False)
    assert found.verdict == "undecided"
    assert "survivors" in found.note


def test_a_race_is_paired() -> None:
    with pytest.raises(ArgumentError, match="racing"):
        standing(GOOD, POOR, **RACE, paired=False)


@pytest.mark.parametrize("mode", [RACE, FIXED, {**FIXED, "paired": False}])
@pytest.mark.parametrize("arm", [[], [1.0], [None]])
def test_next_to_nothing(mode: dict, arm: list) -> None:
    found = standing(arm, [2.0] if arm else [], **mode)
    assert (found.verdict, found.seeds, found.decided_at) == ("undecided", len(arm), None)
    assert found.means.low is None


@pytest.mark.parametrize("mode", [RACE, {**FIXED, "planned": 3}])
@pytest.mark.parametrize("failed", [[], [None]])
def test_nan_is_refused(mode: dict, failed: list) -> None:
    with pytest.raises(ArgumentError, match="finite"):
        standing([*failed, 1.0, float("nan")], [*failed, 1.0, 2.0], **mode)
