"""The verdict in plain words: what was found, how sure it is, and what it holds for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rectifiers.records.values import Plan
from rectifiers.report import words
from rectifiers.report.summary import ArmRow, ComparisonRow

__all__ = ["Text", "write"]


@dataclass(frozen=True)
class Text:
    """The parts of the verdict; see `rectifiers.report.summary.Summary`."""

    headlines: tuple[str, ...]
    details: tuple[str, ...]
    scope: str


def write(
    plan: Plan,
    arms: Sequence[ArmRow],
    comparisons: Sequence[ComparisonRow],
    leads: Sequence[ComparisonRow],
) -> Text:
    """Return the verdict on a study in words.

    Parameters
    ----------
    plan : Plan
    arms, comparisons, leads : sequence of rows
        As in `rectifiers.report.summary.Summary`.
    """
    sentences: list[str] = []
    details: list[str] = []
    done = sum(row.n + row.diverged + row.crashed for row in arms)
    planned = len(plan.arms) * len(plan.norms) * plan.seeds
    opening = "On" if done >= planned else f"Not finished, {done} of {planned} test runs: on"
    named = plan.norms != ("none",)
    for norm in plan.norms:
        writer = _Writer(
            plan,
            [row for row in arms if row.norm == norm],
            [row for row in comparisons if row.norm == norm],
            [row for row in leads if row.norm == norm],
        )
        where = f" {words.norm_text(norm)}" if named else ""
        sentences.append(
            f"{_upper(where.strip())}, {writer.clause()}."
            if sentences
            else f"{opening} {plan.task}{where}, {writer.clause()}."
        )
        rest = writer.rest()
        if rest:
            details.append(f"{_upper(where.strip())}: {rest}." if named else f"{_upper(rest)}.")
    scope = "Verdicts hold for this task, model and protocol only."
    if comparisons:
        level = f"In brackets: {100.0 * plan.confidence:g} % intervals over {plan.seeds} paired seeds"
        many = f", simultaneous over {plan.comparisons} comparisons" if plan.comparisons > 1 else ""
        scope = f"{level}{many}. {scope}"
    return Text(tuple(sentences), tuple(details), scope)


class _Writer:
    """The words for one normalisation."""

    def __init__(
        self,
        plan: Plan,
        arms: Sequence[ArmRow],
        comparisons: Sequence[ComparisonRow],
        leads: Sequence[ComparisonRow],
    ) -> None:
        self.plan = plan
        self.digits = words.decimals(plan.margin)
        self.ranking = sorted(
            (row for row in arms if row.mean is not None), key=lambda row: -(row.mean or 0.0)
        )
        self.comparisons = {row.arm: row for row in comparisons}
        self.leads = {row.control: row for row in leads}
        self.better = sorted(
            (row for row in comparisons if row.verdict == "better"), key=lambda row: -(row.difference or 0.0)
        )

    def clause(self) -> str:
        """Return what the headline says: who leads, by how much, and whether that is decided."""
        control = self.plan.control
        if not self.ranking:
            return "no run finished, so nothing is decided"
        leader = self.ranking[0]
        if len(self.plan.arms) == 1:
            return f"{leader.arm} reaches {self._mean(leader)}, with nothing to compare it to"
        if self.better:
            return self._best_of_the_better(leader)
        if leader.arm == control:
            return f"no arm is better than {control}, which has the highest mean ({self._mean(leader)})"
        row = self.comparisons[leader.arm]
        if row.verdict == "equivalent":
            lead = (
                f"{leader.arm} has the highest mean but is equivalent to {control} within ±{self._margin()}"
            )
            return f"{lead}: {self._evidence(row)}"
        return (
            f"no arm is shown to be better than {control}; {leader.arm} has the highest mean, "
            f"but its lead of {self._evidence(row)} is undecided{self._why(row)}"
        )

    def rest(self) -> str:
        """Return the arms the headline leaves out, by verdict."""
        groups = []
        for verdict, phrase in (
            ("better", f"better than {self.plan.control}"),
            ("equivalent", f"equivalent to {self.plan.control} within ±{self._margin()}"),
            ("worse", f"worse than {self.plan.control}"),
            ("undecided", "undecided"),
        ):
            rows = [
                row for row in self.comparisons.values() if row.verdict == verdict and row not in self._told()
            ]
            names = [self._named(row) for row in sorted(rows, key=lambda row: -(row.difference or 0.0))]
            if names:
                groups.append(f"{phrase}: {', '.join(names)}")
        return "; ".join(groups)

    def _told(self) -> list[ComparisonRow]:
        told = self.better[:1]
        leader = self.ranking[0].arm if self.ranking else ""
        return told + [row for row in self.comparisons.values() if row.arm == leader]

    def _best_of_the_better(self, leader: ArmRow) -> str:
        best = self.better[0]
        opening = f"{best.arm} is better than {best.control}: {self._evidence(best)}"
        if leader.arm != best.arm:
            own = self.comparisons[leader.arm]
            lead = f"{leader.arm} has the highest mean ({self._mean(leader)})"
            return f"{opening}; {lead}, but is undecided against {best.control}{self._why(own)}"
        rivals = [row for row in self.leads.values() if row.control != best.control]
        undecided = [row.control for row in rivals if row.verdict == "undecided"]
        equal = [row.control for row in rivals if row.verdict == "equivalent"]
        if undecided:
            others = f" and {len(undecided) - 1} more" if len(undecided) > 1 else ""
            return f"{opening}; its lead over {undecided[0]}{others} is undecided"
        if equal:
            names = words.enumerate_names(equal)
            return f"{opening}; equivalent to it within ±{self._margin()}: {names}"
        return f"{opening}; it is ahead of every other arm" if rivals else opening

    def _evidence(self, row: ComparisonRow) -> str:
        difference = f"{words.signed(row.difference, self.digits)} {words.points(self.plan.unit)}".rstrip()
        return f"{difference} [{words.between(row.low, row.high, self.digits)}]"

    def _why(self, row: ComparisonRow) -> str:
        if row.note:
            return f" ({row.note})"
        return f" (a study of about {row.n + row.more_seeds:,} seeds would decide)" if row.more_seeds else ""

    def _named(self, row: ComparisonRow) -> str:
        return f"{row.arm} ({words.signed(row.difference, self.digits)})" if row.n else f"{row.arm} (no pair)"

    def _mean(self, row: ArmRow) -> str:
        return f"{words.number(row.mean, self.digits)} {self.plan.unit}".rstrip()

    def _margin(self) -> str:
        return f"{self.plan.margin:g} {words.points(self.plan.unit)}".rstrip()


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
