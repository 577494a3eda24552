"""`judge`: the recommendation for results that were measured anywhere, from a table of them.

A table becomes a `Study` like any other: one run per number, a plan in which nothing was trained. Its size
counts as planned unless the table is said to have grown while somebody looked at the results.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

from rectifiers import _tables, validity
from rectifiers._tables import Measured
from rectifiers.errors import ArgumentError, UnknownNameError
from rectifiers.evidence import margin as margins
from rectifiers.records.plan import is_loss
from rectifiers.records.values import ArmSpec, Margin, Notice, Plan, Run, Study, content_hash
from rectifiers.report.result import Result

__all__ = ["Judgement", "judge"]

# share of the seeds that all arms must have, for the others to be left out and not the pairing
_COMPLETE = 0.8

Values = dict[str, dict[str, float | None]]
"""Per arm, its metric by seed; None where that run failed."""


@dataclass(frozen=True)
class Judgement(Result):
    """What a table of results says. Shows itself in a notebook and as text.

    Attributes
    ----------
    study : Study
        The table as a plan and runs.
    taken : str
        What was read, in a line: how many arms and runs, which control, which columns.
    report : Path or None
        The HTML report, once `write` has written one.
    """

    study: Study
    taken: str
    report: Path | None = None
    store: None = field(default=None, init=False)  # nothing is kept

    def write(self, directory: str | Path) -> Self:
        """Write ``report.html`` into a directory; return the judgement with `report` at that file."""
        from rectifiers.report import files

        return dataclasses.replace(self, report=files.write(self.study, directory))

    def __str__(self) -> str:
        return f"{self.taken}\n{super().__str__()}"


def judge(
    data: Any,
    *,
    control: str | None = None,
    margin: str | float = "auto",
    confidence: float = 0.95,
    arm: str | None = None,
    seed: str | None = None,
    value: str | None = None,
    sequential: bool = False,
    metric: str | None = None,
    unit: str = "",
    lower_is_better: bool = False,
    allow: str | Iterable[str] = (),
) -> Judgement:
    """Decide between the arms of a table of results, wherever they were measured.

    Parameters
    ----------
    data : path, pandas.DataFrame, mapping of columns, or iterable of mappings
        A row per run with the columns of `arm`, `seed` and `value`; without a column of arms, a column per
        arm and a row per seed. A path leads to CSV, JSON lines (``.jsonl``) or Parquet (``.parquet``). A
        value that is empty, NaN or infinite is a run that failed.
    control : str, optional
        The arm all others are compared with; by default the first of the table.
    margin : {"auto"} or float
        Smallest difference worth caring about, in units of the metric; ``"auto"`` for half the standard
        deviation of the control's runs.
    confidence : float
        Of all intervals together.
    arm, seed, value : str, optional
        Columns; by default those of these names, or of one other usual name (activation, run, accuracy, ...).
        Runs pair up by seed; without seeds, or where they do not match, the arms are independent samples.
    sequential : bool
        Whether somebody looked at the results while they came in: the intervals are then valid at all times
        together. The seeds count in the order of the table.
    metric, unit : str, optional
        What was measured; by default the name of the column. A difference in ``"%"`` is told in points.
    lower_is_better : bool
        Whether the metric is a loss: its negative is compared.
    allow : str or iterable of str
        Codes of validity checks to overrule; the report says so.

    Returns
    -------
    Judgement

    Raises
    ------
    ArgumentError
        The table cannot be judged, or an argument is outside its rule; the message names the row.
    DataError
        There is no such file, or it cannot be read.

    Examples
    --------
    >>> from rectifiers.evidence import judge
    >>> found = judge({"relu": [97.1, 96.8, 97.3, 97.0], "elu": [98.0, 97.9, 98.3, 98.1]}, margin=0.2)
    >>> found.summary.comparisons[0].verdict
    'better'
    """
    if not 0.0 < confidence < 1.0:
        raise ArgumentError(f"`0 < confidence < 1` must hold, but got confidence={confidence!r}")
    given = margins.given(margin)
    results = _tables.read(data, arm=arm, seed=seed, value=value)
    name, sign = metric or results.metric, -1.0 if lower_is_better else 1.0
    called = results.name if name == "metric" else name
    if is_loss(called) and not lower_is_better:
        raise ArgumentError(
            f"the name {called!r} leaves open whether higher is better: say --lower-is-better "
            f"(lower_is_better=True in Python), or another name with --metric"
        )
    values: Values = {}
    for run in results.runs:
        values.setdefault(run.arm, {})[run.seed] = None if run.value is None else sign * run.value
    chosen = _control(list(values), control)
    why, incomplete = _pairing(values, chosen, sequential, results.seeded)
    values = {label: {s: v for s, v in runs.items() if s not in incomplete} for label, runs in values.items()}
    decided_by, about_margin = _margin(given, chosen, values[chosen])
    plan = _plan(
        results.name,
        values,
        control=chosen,
        metric=f"minus {name}" if lower_is_better else name,
        unit=unit,
        margin=given,
        confidence=float(confidence),
        racing=sequential,
        paired=not why,
        allow=validity.allowed(allow),
    )
    warnings = (*_about_failures(results.runs), *_about_pairing(why, incomplete), *about_margin)
    sizes = sorted({len(runs) for runs in values.values()})
    many = " to ".join(map(str, dict.fromkeys((sizes[0], sizes[-1])))) + (" run" if sizes == [1] else " runs")
    first = "" if control else " (the first of the table)"
    taken = f"{results.name}: {len(values)} arms against {chosen}{first}, {many} each; {results.columns}"
    return Judgement(Study(plan, _runs(plan, values), margin=decided_by, warnings=warnings), taken)


def _control(arms: list[str], control: str | None) -> str:
    if len(arms) < 2:
        raise ArgumentError(f"at least two arms are compared, but the table has only {arms[0]!r}")
    if control is not None and control not in arms:
        raise UnknownNameError.of("control", control, arms)
    return control or arms[0]


def _pairing(values: Values, control: str, sequential: bool, seeded: bool) -> tuple[str, list[str]]:
    """Return why runs do not pair up (else nothing), and the seeds to leave out so that they do.

    In a sequence an arm may end before the others, as in a race.
    """
    order = _seeds(values)
    ends = {
        arm: max(map(order.index, runs)) if sequential and arm != control else len(order)
        for arm, runs in values.items()
    }
    incomplete = [
        seed
        for i, seed in enumerate(order)
        if any(seed not in runs and i < ends[arm] for arm, runs in values.items())
    ]
    if seeded and len(order) - len(incomplete) >= _COMPLETE * len(order):
        return "", incomplete
    why = f"{len(order) - len(incomplete) or 'none'} of {len(order)} seeds were run with every arm"
    if not seeded:
        why = "there is no column of seeds"
    if sequential:
        raise ArgumentError(f"a sequential analysis takes runs that pair up by seed, but {why}")
    return why, []


def _margin(
    given: float | None, control: str, runs: Mapping[str, float | None]
) -> tuple[Margin, list[Notice]]:
    finished = [value for value in runs.values() if value is not None]
    if not finished:
        raise ArgumentError(f"a control has finished runs, but {control} has none: name another --control")
    if given is not None:
        return Margin(given, "as given"), []
    if len(finished) == 1:
        return Margin(0.0, f"for want of a second run of {control}"), []
    rule = f"half the standard deviation of {control}'s own runs"
    if min(finished) == max(finished):
        raise ArgumentError(f"the margin is {rule}, but these are all equal: give --margin")
    text = f"the margin is {rule}, which also decide: fix --margin before the runs where you can"
    return Margin(margins.of_runs(finished), rule), [Notice("margin-from-results", text)]


def _about_failures(runs: Sequence[Measured]) -> list[Notice]:
    failed = [run for run in runs if run.value is None]
    if not failed:
        return []
    many = ", ".join(f"{n} of {arm}" for arm, n in Counter(run.arm for run in failed).items())
    rows = f"row{'s' * (len(failed) > 1)} {_some([str(run.row) for run in failed])}"
    text = f"runs without a finite number count as failed: {many} ({rows}); leave out what never ran"
    return [Notice("failed-runs", text)]


def _about_pairing(why: str, incomplete: Sequence[str]) -> list[Notice]:
    if why:
        text = (
            f"the arms are compared as independent samples (Welch), because {why}; pairing by seed saves "
            "that share of the runs which is the correlation of the arms over the seeds"
        )
        return [Notice("unpaired", text)]
    if incomplete:
        text = f"{len(incomplete)} of the seeds left out, not run with every arm: {_some(incomplete)}"
        return [Notice("missing-pairs", text)]
    return []


def _some(names: Sequence[str]) -> str:
    return ", ".join([*names[:5], *(["..."] if len(names) > 5 else [])])


def _plan(name: str, values: Values, **question: Any) -> Plan:
    """Return a plan in which nothing is trained."""
    from rectifiers.activations import registry

    known = {arm: arm.partition("(")[0] for arm in values}
    numbers = sorted({v for runs in values.values() for v in runs.values() if v is not None})
    return Plan(
        task=name,
        data_source=name,
        data_hash=content_hash({arm: list(runs.items()) for arm, runs in values.items()}),
        # the smallest step seen: a few equal differences between rounded numbers are no certainty
        resolution=min((b - a for a, b in pairwise(numbers)), default=0.0),
        arms=tuple(ArmSpec(arm, arm, name if name in registry else "", 1.0) for arm, name in known.items()),
        seeds=max(map(len, values.values())),
        **question,
    )


def _runs(plan: Plan, values: Values) -> tuple[Run, ...]:
    """Return one run per number, each arm's in the order in which the seeds come in the table."""
    order = _seeds(values)
    return tuple(
        Run(
            plan.trial("test", arm, "none", 0.0, place),
            outcome="diverged" if value is None else "finished",
            reason="no finite number" if value is None else "",
            metric=value,
        )
        for arm, runs in values.items()
        for place, value in enumerate(runs[seed] for seed in order if seed in runs)
    )


def _seeds(values: Values) -> list[str]:
    return list(dict.fromkeys(seed for runs in values.values() for seed in runs))
