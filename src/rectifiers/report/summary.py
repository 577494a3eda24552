"""Every fact of a study as plain data: what the terminal, a notebook, the JSON and the HTML file all show.

Rows are computed in `rectifiers.report.rows`, the words in `rectifiers.report.sentence`; whoever renders them
does no statistics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rectifiers import validity
from rectifiers.records.collector import uncollected
from rectifiers.records.inside import Inside, inside
from rectifiers.records.standings import against_control
from rectifiers.records.values import Margin, Notice, Plan, Run, Study
from rectifiers.report import facts, rows, sentence, words
from rectifiers.report.reasons import reasons

__all__ = ["SCHEMA", "Summary", "summarize"]

SCHEMA = 2

_ARM = (
    "arm norm n mean sd diverged crashed learning_rate parameters seconds_per_trial steps_to_target "
    "first_failure balanced"
)
_COMPARISON = "arm norm control difference low high pair_correlation verdict seeds decided_at e_value note"


@dataclass(frozen=True)
class Summary:
    """Every fact of a study as plain data.

    Attributes
    ----------
    plan : Plan
    margin : Margin or None
        None while it is not fixed.
    finished : bool
        Whether all is there that was asked for.
    arms : tuple of ArmRow
        Per normalisation, in the order of the plan; see `ranking`.
    comparisons : tuple of ComparisonRow
        Every arm against the control, simultaneous over all of them.
    leads : tuple of ComparisonRow
        The first of the ranking against every other arm, per normalisation. Which arm that is, the data
        chose, so these are corrected for all pairs.
    failed : tuple of Run
        Those that diverged or crashed: that verdicts rest on, then those of tuning.
    rates : tuple of RateRow
        Empty unless rates were tuned.
    curves : tuple of Band
    cost : Cost
    recommendation : Recommendation
    scope : tuple of str
        By which rule it was decided, what the verdicts hold for, and what was seen inside if it was watched.
    watched : tuple of Inside
        What was found in trials that were watched.
    warnings : tuple of Notice
    remarks : tuple of Notice
        Those of them that neither the recommendation nor the scope states.
    digits : int
        Decimals the metric is worth showing with.
    """

    plan: Plan
    margin: Margin | None
    finished: bool
    arms: tuple[facts.ArmRow, ...]
    comparisons: tuple[facts.ComparisonRow, ...]
    leads: tuple[facts.ComparisonRow, ...]
    failed: tuple[Run, ...]
    rates: tuple[facts.RateRow, ...]
    curves: tuple[facts.Band, ...]
    cost: facts.Cost
    recommendation: facts.Recommendation
    scope: tuple[str, ...]
    watched: tuple[Inside, ...]
    warnings: tuple[Notice, ...]
    remarks: tuple[Notice, ...]
    digits: int

    @property
    def sentence(self) -> str:
        """The recommendation in plain words, the rule it follows, and what it holds for."""
        return " ".join((self.recommendation.sentence, *self.scope))

    @property
    def valid(self) -> bool:
        """Whether there are verdicts: no check withholds them."""
        return self.recommendation.status != "invalid"

    @property
    def unequal(self) -> bool:
        """Whether classes are so unequal that balanced accuracy is worth a column."""
        return any(notice.code == "unequal-classes" for notice in self.warnings)

    def ranking(self, norm: str) -> tuple[facts.ArmRow, ...]:
        """Return the arms under a normalisation, best first (`rectifiers.report.rows.ranked`).

        Without verdicts no arm comes before another: they are in the order of the plan.
        """
        if not self.valid:
            return tuple(row for row in self.arms if row.norm == norm)
        return rows.ranked(self.arms, self.comparisons, norm)

    def comparison(self, arm: str, norm: str) -> facts.ComparisonRow | None:
        """Return an arm's comparison with the control; None for the control itself."""
        return next((row for row in self.comparisons if (row.arm, row.norm) == (arm, norm)), None)

    def to_json(self) -> dict[str, Any]:
        """Return the object `rectifiers compare --json` prints, but for the paths of report and store.

        No value is NaN or infinite: what is undefined or unbounded is None. docs/records.md describes it.
        """
        advice = self.recommendation
        shared = [set(one.best) for one in advice.per_norm]
        return {
            "schema": SCHEMA,
            "recommendation": {
                "arm": advice.arm,
                "sentence": advice.sentence,
                "status": advice.status,
                "per_norm": [{**vars(one), "best": list(one.best)} for one in advice.per_norm],
            },
            "best": [arm for arm in advice.per_norm[0].best if all(arm in one for one in shared)],
            **{key: getattr(self.plan, key) for key in ("task", "metric", "unit", "control")},
            "margin": None if self.margin is None else dict(vars(self.margin)),
            "arms": [{key: getattr(row, key) for key in _ARM.split()} for row in self.arms],
            "comparisons": [
                {
                    **{key: getattr(row, key) for key in _COMPARISON.split()},
                    "new_data": row.new_data and dict(zip(("low", "high"), row.new_data, strict=True)),
                }
                for row in self.comparisons
            ],
            "trials": {
                "tuning": self.cost.trials["tune"],
                "margin": self.cost.trials["margin"],
                "deciding": self.cost.deciding,
                "saved": self.cost.saved,
                "speculated": self.cost.speculated,
            },
            "watched": [dict(vars(found)) for found in self.watched],
            "warnings": [dict(vars(notice)) for notice in self.warnings],
        }


@uncollected()
def summarize(study: Study) -> Summary:
    """Return every fact of a study as plain data.

    Parameters
    ----------
    study : Study
        Finished or not; with runs missing, the recommendation says so.

    Returns
    -------
    Summary
    """
    plan, margin, watched = study.plan, study.margin, inside(study)
    standings = against_control(study)
    runs = rows.deciding(study, standings)
    finished = rows.finished(study, standings)
    arms = rows.arm_rows(study, runs)
    comparisons = rows.comparison_rows(study, standings, runs)
    leads = rows.lead_rows(study, arms, comparisons, runs)
    warnings = (*study.warnings, *rows.notices(plan, runs), *validity.at_end(study, runs))
    overruled = [notice for notice in warnings if notice.code in plan.allow]
    withheld = validity.withheld(warnings, plan)
    if withheld:
        comparisons, leads = tuple(map(rows.without_verdict, comparisons)), ()
    return Summary(
        plan=plan,
        margin=margin,
        finished=finished,
        arms=arms,
        comparisons=comparisons,
        leads=leads,
        failed=rows.failed_runs(study, runs),
        rates=rows.rate_rows(study),
        curves=rows.bands(plan, runs),
        cost=rows.cost(study, standings, runs),
        recommendation=sentence.recommend(
            study,
            {norm: rows.ranked(arms, comparisons, norm) for norm in plan.norms},
            comparisons,
            leads,
            {norm: rows.best(norm, arms, comparisons, leads) for norm in plan.norms},
            finished=finished,
            withheld=withheld,
        ),
        scope=(*sentence.scope(study, overruled, valid=not withheld), *reasons(watched)),
        watched=watched,
        warnings=warnings,
        remarks=tuple(notice for notice in warnings if notice not in (*withheld, *overruled)),
        digits=words.finer(0.2 if margin is None else margin.value),
    )
