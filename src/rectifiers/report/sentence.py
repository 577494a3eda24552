"""The recommendation in plain words: what to do, how sure that is, and what it holds for."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from rectifiers.evidence import divergence
from rectifiers.records.command import going_on
from rectifiers.records.values import MAX_SEEDS, Notice, Study
from rectifiers.report import words
from rectifiers.report.facts import Advice, ArmRow, ComparisonRow, Recommendation, Status

__all__ = ["recommend", "scope"]

_NAMED = 3
_BOUNDED = {"accuracy", "acc", "r2", "auc", "f1"}  # metrics of at most 1, or 100 where they are in %


def recommend(
    study: Study,
    arms: Mapping[str, Sequence[ArmRow]],
    comparisons: Sequence[ComparisonRow],
    leads: Sequence[ComparisonRow],
    best: Mapping[str, tuple[str, ...]],
    *,
    finished: bool,
    withheld: Sequence[Notice] = (),
) -> Recommendation:
    """Return what the reader of a study should do.

    Parameters
    ----------
    study : Study
    arms : mapping of str to sequence of ArmRow
        Per normalisation, best first.
    comparisons, leads : sequence of ComparisonRow
        As in `rectifiers.report.summary.Summary`.
    best : mapping of str to tuple of str
        Per normalisation, the arms that are not shown to be worse than another.
    finished : bool
        Whether all is there that was asked for.
    withheld : sequence of Notice
        Why the study means nothing; empty where it does.
    """
    plan = study.plan
    if withheld:
        why = "; and ".join(notice.text for notice in withheld)
        nothing = tuple(Advice(norm, None, f"No verdict: {why}.", "invalid", ()) for norm in plan.norms)
        codes = ",".join(dict.fromkeys(notice.code for notice in withheld))
        remedy = f"Where it is meant to be so, --allow {codes} gives a verdict and says so."
        return Recommendation(None, "invalid", nothing, "", remedy, "")
    advice = []
    for norm in plan.norms:
        arm, sentence, status = _Writer(study, norm, arms[norm], comparisons, leads, finished).advice()
        advice.append(Advice(norm, arm, sentence, status, best[norm]))
    named = {one.arm for one in advice}
    decided = all(one.status == "decided" for one in advice)
    opening, remedy, command = "", "", ""
    if not finished:
        tried = [row.n + row.diverged + row.crashed for rows in arms.values() for row in rows]
        seeds = max(tried) if plan.racing else min(tried)  # from a race arms leave
        far = words.plural(seeds, "seed") if plan.racing else f"{seeds} of {words.plural(plan.seeds, 'seed')}"
        opening = f"Not finished: {far} so far."
        remedy = "Go on with" if study.command else "The same call goes on."
        command = study.command and going_on(plan, study.command)
    elif not decided and comparisons and any(row.mean is not None for rows in arms.values() for row in rows):
        remedy, command = _remedy(study, comparisons)
    return Recommendation(
        named.pop() if len(named) == 1 else None,
        "decided" if decided else "open",
        tuple(advice),
        opening,
        remedy,
        command,
    )


def scope(study: Study, overruled: Sequence[Notice] = (), valid: bool = True) -> tuple[str, ...]:
    """Return what was overruled, by which rule it was decided and what the verdicts hold for, a line each."""
    plan, margin = study.plan, study.margin
    lines = [f"Overruled ({notice.code}): {notice.text}." for notice in overruled]
    if not valid:
        return tuple(lines)
    if len(plan.arms) > 1:
        named = "fixed once the learning rates are chosen"
        if margin is not None:
            named = f"{words.amount(margin.value, plan.unit)}, {margin.rule}"
        count = plan.comparisons
        many = f" over {_all(count)} comparisons together" if count > 1 else ""
        when = ", after every seed" if plan.racing else ""
        lines.append(
            f"Control: {plan.control}; margin: {named}; {100 * plan.confidence:g} % confidence{many}{when}."
        )
    if plan.vary == "split":
        lines.append(
            "Every seed draws another split: the interval over runs is about other seeds and splits of these "
            "data, the one for new data about another data set of this size."
        )
    where = "this task, model and protocol only" if plan.trained else "the setting of these results only"
    lines.append(f"Verdicts hold for {where}.")
    return tuple(lines)


def _remedy(study: Study, comparisons: Sequence[ComparisonRow]) -> tuple[str, str]:
    """Return what would decide what is open, and the command for it."""
    plan = study.plan
    if not plan.trained:
        more = [(row.n, row.more_seeds) for row in comparisons if row.verdict == "undecided"]
        if any(further is None for _, further in more):
            return "A larger study may decide.", ""
        runs = f"{max(n + (further or 0) for n, further in more):,} runs for each arm"
        kind = "race" if plan.racing else "new study"
        return f"A {kind} of about {runs} would decide, if mean and spread stay as they are.", ""
    if not plan.racing:
        return "A race would go on: leave out --seeds.", ""
    further = ["--max-seeds", str(max(MAX_SEEDS, 2 * plan.seeds))]
    if not study.command:
        return f"Go on with {' '.join(further)}.", ""
    return "Go on with", going_on(plan, study.command, *further)


class _Writer:
    """The words for one normalisation; sentences end in a full stop, clauses do not."""

    def __init__(
        self,
        study: Study,
        norm: str,
        ranking: Sequence[ArmRow],
        comparisons: Sequence[ComparisonRow],
        leads: Sequence[ComparisonRow],
        finished: bool,
    ) -> None:
        self.plan, self.margin, self.finished = study.plan, study.margin, finished
        self.control = self.plan.control
        self.digits = words.decimals(self.margin.value if self.margin else 0.2)
        self.where = "" if self.plan.norms == ("none",) else f" {words.norm_text(norm)}"
        self.ranking = {row.arm: row for row in ranking}
        versus = [row for row in comparisons if row.norm == norm]
        self.others = [row for row in versus if not row.out]
        self.out = [row.arm for row in versus if row.out]
        self.leads = {row.control: row for row in leads if row.norm == norm}

    def advice(self) -> tuple[str | None, str, Status]:
        """Return the arm, the sentence and whether it is decided."""
        early = not self.finished and not self.plan.racing
        nothing = self.margin is None or early or all(row.mean is None for row in self.ranking.values())
        if nothing or len(self.ranking) == 1:
            return None, self._nothing(), "open"
        undecided = self._with("undecided")
        if better := self._with("better"):
            chosen = better[0]
            leader = next((row.arm for row in self.leads.values()), chosen.arm)
            below = {row.control for row in self.leads.values() if row.verdict == "better"}
            open_ = [row for row in undecided if chosen.arm != leader or row.arm not in below]
            return chosen.arm, self._use(chosen, leader, open_), "open" if open_ else "decided"
        if undecided:
            kept = self.control if self.ranking[self.control].mean is not None else None
            return kept, self._not_decided(undecided), "open"
        return self.control, self._keep(), "decided"

    def _with(self, verdict: str) -> list[ComparisonRow]:
        """Return the comparisons of that verdict, best arm first."""
        rows = {row.arm: row for row in self.others if row.verdict == verdict}
        return [rows[arm] for arm in self.ranking if arm in rows]

    def _nothing(self) -> str:
        if len(self.ranking) == 1:
            return f"Nothing to decide{self.where}: {self.control} is the only arm."
        return f"Nothing is decided{self.where}{': no run finished' if self.finished else ' yet'}."

    def _use(self, chosen: ComparisonRow, leader: str, open_: Sequence[ComparisonRow]) -> str:
        clauses = [f"Use {chosen.arm}{self.where}: better than {self.control}{self._by(chosen)}"]
        waiting = [row.arm for row in open_ if row.arm != leader]
        if chosen.arm == leader:
            settled = {self.control, *waiting, *(row.arm for row in self._with("worse"))}
            for verdict, told in (("equivalent", "as good"), ("undecided", "not told apart from it")):
                arms = [arm for arm, row in self.leads.items() if row.verdict == verdict]
                if arms := [arm for arm in arms if arm not in settled]:
                    clauses.append(f"{_are(arms)} {told}")
            if len(self.others) > 1 and not (clauses[1:] or waiting):
                clauses[0] += f", and the best of all {words.count(len(self.others) + 1)}"
        elif leader != self.control:
            clauses.append(
                f"{leader} is ahead of it in the mean, but not shown to be better than {self.control}"
            )
        if waiting:
            clauses.append(f"{_are(waiting)} {self._undecided(open_)}")
        return self._sentence(clauses)

    def _keep(self) -> str:
        equal, worse, count = self._with("equivalent"), self._with("worse"), len(self.others)
        told = []
        if equal:
            tie = "a tie, " if all(row.difference == 0.0 for row in self.others) else ""
            are = _are([equal[0].arm]) if len(equal) == 1 else f"{words.count(len(equal))} are"
            if len(equal) == count > 1:
                are = f"{_all(count)} others are"
            margin = words.amount(self.margin.value, self.plan.unit) if self.margin else ""
            told.append(f"{tie}{are} equivalent within {margin}")
        if worse:
            by = self._by(worse[0], unit=not equal) if len(worse) == 1 else ""
            told.append(f"{_are([row.arm for row in worse])} worse{by}")
        none = f"none of the {words.count(count)} others is better; " if worse and count > 1 else ""
        why = f": {none}{', '.join(told)}" if told else ""
        return self._sentence([f"Keep {self.control}{self.where}{why}"])

    def _not_decided(self, undecided: Sequence[ComparisonRow]) -> str:
        which = "" if len(undecided) == len(self.others) else f" for {_names([row.arm for row in undecided])}"
        clauses = [f"{words.upper(self._undecided(undecided))}{which}{self.where}: "]
        if tied := [row.arm for row in undecided if row.difference == 0.0]:
            clauses[0] += f"{_names([self.control, *tied])} have equal means; "
        most = max(math.inf if row.high is None else row.high for row in self.others)
        if most >= self._possible():
            clauses[0] += (
                f"no arm was shown to be better than {self.control}, but these runs do not tell what keeping "
                f"it costs"
            )
        else:
            failed = " in the runs that finished" if any(row.note for row in undecided) else ""
            _, most = words.outward(0.0, max(0.0, most), self.digits)
            costs = f"{words.number(most, self.digits)} {words.points(self.plan.unit)}".rstrip()
            clauses[0] += f"keeping {self.control} costs at most {costs}{failed}"
        return self._sentence(clauses)

    def _possible(self) -> float:
        """Return how much better than the control an arm can be; infinite where nothing bounds the metric."""
        control = self.ranking[self.control].mean
        if control is None or not _BOUNDED.intersection(re.split(r"\W|_", self.plan.metric.lower())):
            return math.inf
        best = 100.0 if self.plan.unit == "%" or control > 1.0 else 1.0
        return best - control if control <= best else math.inf

    def _undecided(self, rows: Sequence[ComparisonRow]) -> str:
        if not self.finished:
            return "not decided yet"
        if not self.plan.paired:
            return "not decided by these runs"
        seeds = words.plural(max(row.seeds for row in rows), "seed")
        return f"not decided {'within' if self.plan.racing else 'by'} {seeds}"

    def _sentence(self, clauses: Sequence[str]) -> str:
        """Return the clauses as a sentence, the arms that fail too often at its end."""
        failed = [f"{_failed(self.ranking[arm])} and is out" for arm in self.out]
        own = self.ranking[self.control]
        if own.diverged + own.crashed > divergence.SHARE * (own.n + own.diverged + own.crashed):
            failed.append(_failed(own, "itself "))
        return f"{'; '.join([*clauses, *failed])}."

    def _by(self, row: ComparisonRow, unit: bool = True) -> str:
        """Return by how much an arm is better or worse, or what else decided it."""
        if row.low is None or row.high is None or (row.low if row.verdict == "better" else -row.high) < 0.0:
            return f" ({row.note})"
        least, most = sorted((abs(row.low), abs(row.high)))
        least, most = words.outward(least, most, self.digits)
        from_ = f"{words.number(least, self.digits)} to" if least else "up to"
        points = words.points(self.plan.unit) if unit else ""
        return f" by {from_} {words.number(most, self.digits)} {points}".rstrip()


def _failed(row: ArmRow, self_: str = "") -> str:
    count, runs = row.diverged + row.crashed, row.n + row.diverged + row.crashed
    how = "failed" if row.diverged and row.crashed else "diverged" if row.diverged else "crashed"
    return f"{row.arm} {self_}{how} in {count} of {words.plural(runs, 'run')}"


def _all(count: int) -> str:
    return "both" if count == 2 else f"all {words.count(count)}"


def _names(arms: Sequence[str]) -> str:
    if len(arms) <= _NAMED:
        return words.enumerate_names(arms)
    return words.enumerate_names([*arms[: _NAMED - 1], f"{words.count(len(arms) - _NAMED + 1)} more"])


def _are(arms: Sequence[str]) -> str:
    return f"{_names(arms)} {'is' if len(arms) == 1 else 'are'}"
