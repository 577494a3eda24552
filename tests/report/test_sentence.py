"""The recommendation in words: right arm, right figures, and no more than the evidence allows."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from rectifiers.records.values import Margin, Study
from rectifiers.report import rows, sentence
from rectifiers.report.facts import ArmRow, ComparisonRow, Recommendation

COMMAND = "rectifiers compare digits --arms 'relu,leaky_relu(1/5.5)' --max-seeds 40 --out study"
SEEDS = 40


def arm(name: str, mean: float | None, norm: str = "none", failed: int = 0, n: int = 17) -> ArmRow:
    count = 0 if mean is None else n - failed
    values = () if mean is None else (mean,) * count
    return ArmRow(name, norm, count, mean, 0.1, values, failed, 0, 0.1, 9802, 1.0, None, None, None, None)


def versus(
    name: str,
    low: float | None,
    high: float | None,
    verdict: str,
    control: str = "relu",
    **changes: Any,
) -> ComparisonRow:
    difference = changes.pop("difference", None if low is None or high is None else (low + high) / 2)
    decided = None if verdict == "undecided" else 17
    seeds = SEEDS if decided is None else 17
    row = ComparisonRow(
        arm=name, norm="none", control=control, n=seeds, difference=difference, low=low, high=high, sd=0.2,
        correlation=0.4, verdict=verdict, seeds=seeds, decided_at=decided,  # type: ignore[arg-type]
    )  # fmt: skip
    return dataclasses.replace(row, **changes)


def lead(name: str, over: str, verdict: str) -> ComparisonRow:
    low, high = {"better": (0.4, 1.1), "equivalent": (-0.2, 0.2), "undecided": (-0.5, 0.9)}[verdict]
    return versus(name, low, high, verdict, control=over)


@dataclass
class Situation:
    """What was found, under one normalisation, against relu."""

    said: str
    found: Sequence[ComparisonRow] = ()
    leads: Sequence[ComparisonRow] = ()
    failed: dict[str, int] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    status: str = "decided"
    arm: str | None = "relu"
    finished: bool = True
    margin: Margin | None = dataclasses.field(default_factory=lambda: Margin(1.06, "as given"))
    command: str = COMMAND
    nothing_ran: bool = False
    level: float = 94.0
    levels: dict[str, float] = field(default_factory=dict)


def recommended(case: Situation, make_plan: Callable[..., Any]) -> Recommendation:
    labels = ("relu", *(row.arm for row in case.found))
    plan = make_plan(
        labels, **{"norms": ("none",), "seeds": SEEDS, "racing": True, "margin": None, **case.plan}
    )
    arms = [
        arm(
            label,
            None
            if case.nothing_ran or case.failed.get(label) == 17
            else case.levels.get(label, case.level)
            + next((row.difference or 0.0 for row in case.found if row.arm == label), 0.0),
            failed=case.failed.get(label, 0),
            n=0 if case.nothing_ran else 17,
        )
        for label in labels
    ]
    study = Study(plan, margin=case.margin, command=case.command)
    ranking = rows.ranked(arms, case.found, "none")
    best = rows.best("none", arms, case.found, case.leads)
    return sentence.recommend(
        study, {"none": ranking}, case.found, case.leads, {"none": best}, finished=case.finished
    )


GO_ON = "Go on with `rectifiers compare study/plan.toml --max-seeds 80`."
RACE = "A race would go on: leave out --seeds."
SAME = "Go on with `rectifiers compare study/plan.toml`."
UNKNOWN = "no arm was shown to be better than relu, but these runs do not tell what keeping it costs"
ALL_FAILED = "17 of 17 runs of the control failed"
EQUAL = [versus(name, -0.7, 0.8, "equivalent") for name in ("elu", "prelu", "selu", "celu", "gelu")]
RRELU = versus("rrelu", -1.9, -0.6, "worse")
TANH_OUT = versus("tanh", None, None, "worse", out=True, note="17 of 17 runs failed: it is out", n=0)

CASES = {
    "none of six is better": Situation(
        "Keep relu: none of the six others is better; five are equivalent within 1.06 points, "
        "rrelu is worse by 0.6 to 1.9.",
        [*EQUAL, RRELU],
    ),
    "two others": Situation(
        "Keep relu: none of the two others is better; elu is equivalent within 1.06 points, "
        "rrelu is worse by 0.6 to 1.9.",
        [EQUAL[0], RRELU],
    ),
    "three are worse": Situation(
        "Keep relu: none of the four others is better; elu is equivalent within 1.06 points, "
        "rrelu, tanh and sigmoid are worse.",
        [EQUAL[0], *(versus(name, -1.9, -0.6, "worse") for name in ("rrelu", "tanh", "sigmoid"))],
    ),
    "all are equivalent": Situation("Keep relu: all five others are equivalent within 1.06 points.", EQUAL),
    "one other, equivalent": Situation("Keep relu: elu is equivalent within 1.06 points.", EQUAL[:1]),
    "one other, worse": Situation("Keep relu: rrelu is worse by 0.6 to 1.9 points.", [RRELU]),
    "worse by next to nothing": Situation(
        "Keep relu: rrelu is worse by up to 1.9 points.", [versus("rrelu", -1.9, -0.01, "worse")]
    ),
    "all are worse": Situation(
        "Keep relu: none of the two others is better; elu and rrelu are worse.",
        [RRELU, versus("elu", -1.5, -0.2, "worse")],
    ),
    "a tie": Situation(
        "Keep relu: a tie, both others are equivalent within 1.06 points.",
        [versus(name, -0.1, 0.1, "equivalent", difference=0.0, sd=0.0) for name in ("elu", "prelu")],
    ),
    "one better": Situation(
        "Use elu: better than relu by 0.4 to 1.1 points.",
        [versus("elu", 0.4, 1.1, "better")],
        [lead("elu", "relu", "better")],
        arm="elu",
    ),
    "one better, another as good": Situation(
        "Use elu: better than relu by 0.4 to 1.1 points; prelu is as good.",
        [versus("elu", 0.4, 1.1, "better"), versus("prelu", 0.3, 1.1, "better")],
        [lead("elu", "prelu", "equivalent"), lead("elu", "relu", "better")],
        arm="elu",
    ),
    "one better, others not told apart": Situation(
        "Use elu: better than relu by 0.4 to 1.1 points; prelu and selu are not told apart from it.",
        [
            versus("elu", 0.4, 1.1, "better"),
            versus("prelu", 0.3, 1.0, "better"),
            versus("selu", -0.5, 0.9, "equivalent"),
            RRELU,
        ],
        [lead("elu", name, "undecided") for name in ("prelu", "selu", "relu", "rrelu")],
        arm="elu",
    ),
    "the best of all": Situation(
        "Use elu: better than relu by 1.4 to 2.1 points, and the best of all three.",
        [versus("elu", 1.4, 2.1, "better"), versus("prelu", -0.2, 0.2, "equivalent")],
        [lead("elu", "prelu", "better"), lead("elu", "relu", "better")],
        arm="elu",
    ),
    "better, but the leader is undecided": Situation(
        "Use elu: better than relu by 0.4 to 1.1 points; selu is ahead of it in the mean, but not shown "
        f"to be better than relu. {GO_ON}",
        [versus("elu", 0.4, 1.1, "better"), versus("selu", -0.1, 2.3, "undecided")],
        [lead("selu", "elu", "undecided"), lead("selu", "relu", "undecided")],
        arm="elu",
        status="open",
    ),
    "better, one open": Situation(
        "Use elu: better than relu by 0.4 to 1.1 points; tanh is not decided within 40 seeds. " + GO_ON,
        [versus("elu", 0.4, 1.1, "better"), versus("tanh", -1.5, 0.9, "undecided")],
        [lead("elu", "tanh", "undecided"), lead("elu", "relu", "better")],
        arm="elu",
        status="open",
    ),
    "better, and what is open is shown to be below it": Situation(
        "Use elu: better than relu by 0.4 to 1.1 points, and the best of all three.",
        [versus("elu", 0.4, 1.1, "better"), versus("tanh", -1.5, 0.3, "undecided")],
        [lead("elu", "tanh", "better"), lead("elu", "relu", "better")],
        arm="elu",
    ),
    "nothing decided": Situation(
        f"Not decided within 40 seeds: keeping relu costs at most 1.3 points. {GO_ON}",
        [versus("elu", -0.3, 1.3, "undecided"), versus("tanh", -1.5, 0.2, "undecided")],
        status="open",
    ),
    "one is not decided": Situation(
        f"Not decided within 40 seeds for elu: keeping relu costs at most 1.3 points. {GO_ON}",
        [versus("elu", -0.3, 1.3, "undecided"), *EQUAL[1:]],
        status="open",
    ),
    "many are not decided": Situation(
        "Not decided within 40 seeds for elu, prelu and two more: keeping relu costs at most 1.3 points. "
        + GO_ON,
        [*(versus(name, -0.3, 1.3, "undecided") for name in ("elu", "prelu", "selu", "celu")), RRELU],
        status="open",
    ),
    "equal means, not decided": Situation(
        "Not decided within 40 seeds: relu and elu have equal means; keeping relu costs at most 1.3 points. "
        + GO_ON,
        [versus("elu", -1.3, 1.3, "undecided")],
        status="open",
    ),
    "unbounded": Situation(
        f"Not decided by 1 seed: {UNKNOWN}. {RACE}",
        [versus("elu", None, None, "undecided", seeds=1, n=1)],
        plan={"racing": False, "seeds": 1},
        status="open",
    ),
    "a bound beyond what is possible": Situation(
        f"Not finished: 17 seeds so far. Not decided yet: {UNKNOWN}. {SAME}",
        [versus("elu", -120.5, 130.5, "undecided")],
        finished=False,
        status="open",
    ),
    "a bound just below what is possible": Situation(
        f"Not decided within 40 seeds: keeping relu costs at most 5.9 points. {GO_ON}",
        [versus("elu", -3.1, 5.9, "undecided")],
        status="open",
    ),
    "a bound beyond what is possible, a table of shares": Situation(
        f"Not decided by 4 seeds: {UNKNOWN}. A larger study may decide.",
        [versus("elu", -0.3, 0.4, "undecided", seeds=4, n=4)],
        plan={"racing": False, "model": "", "seeds": 4, "metric": "test_acc", "unit": ""},
        level=0.7,
        status="open",
    ),
    "a metric without a bound": Situation(
        f"Not decided within 40 seeds: keeping relu costs at most 130.5 points. {GO_ON}",
        [versus("elu", -120.5, 130.5, "undecided")],
        plan={"metric": "speed"},
        status="open",
    ),
    "a control that fails and has the highest mean": Situation(
        "Use elu: better than relu (8 of 10 runs of the control failed); relu itself diverged in 14 of 17 "
        "runs.",
        [versus("elu", -3.8, -1.2, "better", note="8 of 10 runs of the control failed", n=2)],
        [lead("relu", "elu", "better")],
        failed={"relu": 14},
        arm="elu",
    ),
    "a fixed number of seeds": Situation(
        f"Not decided by 5 seeds: keeping relu costs at most 1.3 points. {RACE}",
        [versus("elu", -0.3, 1.3, "undecided", seeds=5)],
        plan={"racing": False, "seeds": 5},
        status="open",
    ),
    "an arm that diverges": Situation(
        "Keep relu: elu is equivalent within 1.06 points; tanh diverged in 17 of 17 runs and is out.",
        [EQUAL[0], TANH_OUT],
        failed={"tanh": 17},
    ),
    "nobody else is left": Situation(
        "Keep relu; tanh diverged in 17 of 17 runs and is out.", [TANH_OUT], failed={"tanh": 17}
    ),
    "a control that has always failed so far": Situation(
        f"Not finished: 17 seeds so far. Not decided yet: {UNKNOWN}; relu itself diverged in 17 of 17 runs. "
        f"{SAME}",
        [versus("elu", None, None, "undecided", note="17 runs of the control failed", n=0)],
        failed={"relu": 17},
        finished=False,
        arm=None,
        status="open",
    ),
    "the only arm that finished is better, one that is out has the highest mean": Situation(
        "Use elu: better than relu (17 of 17 runs of the control failed); tanh diverged in 16 of 17 runs and "
        "is out; relu itself diverged in 17 of 17 runs.",
        [
            versus("elu", None, None, "better", note=ALL_FAILED, n=0),
            versus("tanh", None, None, "worse", out=True, n=0),
        ],
        failed={"relu": 17, "tanh": 16},
        levels={"tanh": 95.0},
        arm="elu",
    ),
    "a verdict that failures withhold": Situation(
        f"Not decided within 40 seeds: keeping relu costs at most 0.8 points in the runs that "
        f"finished. {GO_ON}",
        [versus("elu", -0.7, 0.8, "undecided", note="1 run of the arm and 0 of the control failed")],
        failed={"elu": 1},
        status="open",
    ),
    "a control that diverges": Situation(
        "Use elu: better than relu (17 of 17 runs of the control failed); relu itself diverged in 17 of 17 "
        "runs.",
        [versus("elu", None, None, "better", note="17 of 17 runs of the control failed", n=0)],
        [],
        failed={"relu": 17},
        arm="elu",
    ),
    "a control that diverges always, and the last arm has the highest mean": Situation(
        "Use prelu: better than relu (17 of 17 runs of the control failed); elu is as good; relu itself "
        "diverged in 17 of 17 runs.",
        [versus(name, None, None, "better", note=ALL_FAILED, n=0) for name in ("elu", "prelu")],
        [lead("prelu", "elu", "equivalent")],
        failed={"relu": 17},
        levels={"prelu": 95.0},
        arm="prelu",
    ),
    "a race too short to decide anything": Situation(
        "Not decided within 3 seeds: " + UNKNOWN + ". Go on with "
        "`rectifiers compare study/plan.toml --max-seeds 40`.",
        [versus("elu", None, None, "undecided", seeds=3)],
        plan={"seeds": 3},
        status="open",
    ),
    "not finished": Situation(
        "Not finished: 17 seeds so far. Not decided yet for elu: keeping relu costs at most 1.3 points. "
        f"{SAME}",
        [versus("elu", -0.3, 1.3, "undecided"), RRELU],
        finished=False,
        status="open",
    ),
    "not finished, one better": Situation(
        "Not finished: 17 seeds so far. Use elu: better than relu by 0.4 to 1.1 points; tanh and selu are "
        f"not decided yet. {SAME}",
        [
            versus("elu", 0.4, 1.1, "better"),
            versus("tanh", -1.5, 0.9, "undecided"),
            versus("selu", -1.5, 0.9, "undecided"),
        ],
        [lead("elu", "tanh", "undecided"), lead("elu", "selu", "undecided"), lead("elu", "relu", "better")],
        arm="elu",
        finished=False,
        status="open",
    ),
    "not finished, fixed": Situation(
        f"Not finished: 17 of 40 seeds so far. Nothing is decided yet. {SAME}",
        [versus("elu", 0.4, 1.1, "undecided")],
        plan={"racing": False},
        finished=False,
        arm=None,
        status="open",
    ),
    "rates are being chosen": Situation(
        "Not finished: 0 seeds so far. Nothing is decided yet. The same call goes on.",
        [versus("elu", None, None, "undecided", seeds=0, n=0)],
        margin=None,
        nothing_ran=True,
        finished=False,
        command="",
        arm=None,
        status="open",
    ),
    "nothing finished": Situation(
        "Nothing is decided: no run finished.",
        [versus("elu", None, None, "undecided", n=0)],
        failed={"relu": 17, "elu": 17},
        command="",
        arm=None,
        status="open",
    ),
    "one arm": Situation("Nothing to decide: relu is the only arm.", arm=None, status="open"),
    "a table": Situation(
        "Not decided by 4 seeds: keeping relu costs at most 1.3 points. A new study of about 23 runs for "
        "each arm would decide, if mean and spread stay as they are.",
        [versus("elu", -0.3, 1.3, "undecided", seeds=4, n=4, more_seeds=19)],
        plan={"racing": False, "model": "", "seeds": 4},
        command="rectifiers evidence results.csv",
        status="open",
    ),
    "a table that grows": Situation(
        "Not decided within 4 seeds: keeping relu costs at most 1.3 points. A race of about 23 runs for "
        "each arm would decide, if mean and spread stay as they are.",
        [versus("elu", -0.3, 1.3, "undecided", seeds=4, n=4, more_seeds=19)],
        plan={"model": "", "seeds": 4},
        status="open",
    ),
    "a table in which one arm may never be decided": Situation(
        "Not decided by 4 seeds: keeping relu costs at most 1.3 points. A larger study may decide.",
        [
            versus("elu", -0.3, 1.3, "undecided", seeds=4, n=4, more_seeds=19),
            versus("tanh", -0.3, 1.1, "undecided", seeds=4, n=4, more_seeds=None),
        ],
        plan={"racing": False, "model": "", "seeds": 4},
        status="open",
    ),
    "values in % may be beyond 100": Situation(
        f"Not decided by 5 seeds: keeping relu costs at most 1.3 points. {RACE}",
        [versus("elu", -0.3, 1.3, "undecided", seeds=5)],
        plan={"racing": False, "seeds": 5},
        level=120.0,
        status="open",
    ),
    "an unpaired table": Situation(
        "Not decided by these runs: keeping relu costs at most 1.3 points. A larger study may decide.",
        [versus("elu", -0.3, 1.3, "undecided", seeds=4, n=4)],
        plan={"racing": False, "paired": False, "model": ""},
        status="open",
    ),
    "a metric without a unit": Situation(
        "Use elu: better than relu by 0.011 to 0.032.",
        [versus("elu", 0.011, 0.0318, "better")],
        [lead("elu", "relu", "better")],
        plan={"metric": "R2", "unit": ""},
        margin=Margin(0.0123, "as given"),
        arm="elu",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_said(case: Situation, make_plan: Callable[..., Any]) -> None:
    found = recommended(case, make_plan)
    assert found.sentence == case.said
    assert (found.arm, found.status) == (case.arm, case.status)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_better_is_denied_only_where_all_is_decided(case: Situation, make_plan: Callable[..., Any]) -> None:
    said = recommended(case, make_plan).sentence
    denied = "none of" in said or "no arm is better" in said
    assert not (denied and any(row.verdict == "undecided" for row in case.found))


def test_several_normalisations_have_a_sentence_each(make_plan: Callable[..., Any]) -> None:
    plan = make_plan(("relu", "elu"), norms=("none", "batch"), racing=True, seeds=SEEDS)
    found = [
        versus("elu", 0.4, 1.1, "better"),
        versus("elu", -0.3, 1.3, "undecided", norm="batch"),
    ]
    arms = {norm: [arm("relu", 94.0, norm), arm("elu", 94.5, norm)] for norm in plan.norms}
    leads = [
        lead("elu", "relu", "better"),
        dataclasses.replace(lead("elu", "relu", "undecided"), norm="batch"),
    ]
    best = {"none": ("elu",), "batch": ("elu", "relu")}
    study = Study(plan, margin=Margin(1.06, "as given"), command=COMMAND)
    said = sentence.recommend(study, arms, found, leads, best, finished=True)
    assert said.lines == (
        "Use elu without normalisation: better than relu by 0.4 to 1.1 points.",
        "Not decided within 40 seeds with batch normalisation: keeping relu costs at most 1.3 points.",
        "Go on with",
    )
    assert [(one.norm, one.arm, one.status) for one in said.per_norm] == [
        ("none", "elu", "decided"),
        ("batch", "relu", "open"),
    ]
    assert (said.arm, said.status) == (None, "open")


@pytest.mark.parametrize(
    "out, place",
    [
        ("", r"runs/digits-[0-9a-f]{8}/plan\.toml"),
        (" --out 'a b; rm' --device cpu", r"'a b; rm/plan\.toml'"),
    ],
)
def test_the_command_to_go_on_is_safe_to_paste(out: str, place: str, make_plan: Callable[..., Any]) -> None:
    case = dataclasses.replace(CASES["nothing decided"], command=f"rectifiers compare digits{out}")
    said = recommended(case, make_plan).command
    assert re.fullmatch(rf"rectifiers compare {place} --max-seeds 80", said), said


def test_the_scope_names_control_margin_and_confidence(make_plan: Callable[..., Any]) -> None:
    margin = Margin(1.06, "one standard error of accuracy on 597 test samples at relu's 94.3 %")
    plan = make_plan(norms=("none",), racing=True)
    first, last = sentence.scope(Study(plan, margin=margin))
    assert first == (
        "Control: relu; margin: 1.06 points, one standard error of accuracy on 597 test samples at relu's "
        "94.3 %; 95 % confidence over all six comparisons together, after every seed."
    )
    assert last == "Verdicts hold for this task, model and protocol only."


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"vary": "split"}, "the one for new data about another data set of this size"),
        ({"model": ""}, "Verdicts hold for the setting of these results only."),
    ],
)
def test_the_scope_says_what_intervals_are_about(
    changes: dict[str, Any], expected: str, make_plan: Callable[..., Any]
) -> None:
    said = " ".join(sentence.scope(Study(make_plan(**changes), margin=Margin(0.2, "as given"))))
    assert expected in said


def test_a_fixed_study_has_as_many_seeds_as_all_of_its_arms(make_plan: Callable[..., Any]) -> None:
    plan = make_plan(("relu", "elu"), norms=("none",), racing=False, seeds=SEEDS)
    arms = {"none": [arm("relu", 94.0, n=17), arm("elu", 94.0, n=16)]}
    found = [versus("elu", -0.3, 1.3, "undecided")]
    study = Study(plan, margin=Margin(1.06, "as given"))
    assert sentence.recommend(study, arms, found, [], {"none": ()}, finished=False).opening == (
        "Not finished: 16 of 40 seeds so far."
    )
