"""What was measured: immutable values, without torch.

The flow is ``Plan -> Trial -> Run``; a `Study` is a plan with the runs there are so far.
Everything here is made of plain Python values, so that it goes to JSON and back unchanged.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice, takewhile
from typing import Literal

from rectifiers.records.collector import uncollected
from rectifiers.records.plan import (
    MAX_SEEDS,
    PROTOCOL,
    QUESTION,
    ArmSpec,
    Curve,
    Margin,
    Plan,
    cell_name,
)
from rectifiers.records.trial import Phase, Trial, content_hash

__all__ = [
    "MAX_SEEDS",
    "PROTOCOL",
    "QUESTION",
    "ArmSpec",
    "Curve",
    "Margin",
    "Notice",
    "Outcome",
    "Phase",
    "Plan",
    "Run",
    "Study",
    "Trial",
    "cell_name",
    "content_hash",
]

Outcome = Literal["finished", "diverged", "crashed"]


@dataclass(frozen=True)
class Notice:
    """What the reader of a result must know: a stable `code` (``"rate-at-edge"``) and one line of `text`.

    Where `severity` is ``"withheld"`` no arm has a verdict, unless the plan allows the code.
    """

    code: str
    text: str
    severity: Literal["warned", "withheld"] = "warned"


@dataclass(frozen=True, slots=True)
class Run:
    """What one trial measured. Never changed once written.

    Attributes
    ----------
    trial : Trial
    outcome : {"finished", "diverged", "crashed"}
    reason : str
        Empty when finished; else one line (``"loss is nan at step 12"``).
    metric : float or None
        On the test set, read once at the end (phases ``test`` and ``margin``), or on the validation split
        (phase ``tune``); None unless finished.
    steps, epochs : int
        Optimiser steps and epochs done.
    standard_error : float or None
        Of `metric`, over the samples it was measured on, where it is a mean of values per sample (R2); None
        for accuracy, whose level tells it, and for what has no value per sample.
    balanced : float or None
        Mean share of every class's samples that were classified rightly, in %, where accuracy is measured.
    steps_to_target : int or None
        First step at which the training error over the last epoch's worth of batches was <= the
        plan's target; None when it never was, or without a target.
    seconds : float
        Wall time of training alone (no data loading, no evaluation).
    peak_memory : int or None
        Largest number of bytes held by tensors at once in one training step; None if unknown.
    parameters : int
        Learned numbers in the model.
    init_hash, order_hash, noise_hash : str
        SHA-256 of the initial weights before the arm's gain, of the order in which samples came, and of the
        state of the noise generator at the start: equal across arms of one seed and shape.
    started : str
        ISO 8601 time, UTC.
    measures : tuple of (str, float)
        Everything a training function returned, by name and as it returned it; empty for the built-in loop.
    train_loss, train_error : tuple of float
        Per epoch, over the batches as they were trained on; error in %, empty where the task has none.
        They end before the epoch in which a run diverged or crashed, so every value is finite.
    """

    trial: Trial
    outcome: Outcome
    reason: str = ""
    metric: float | None = None
    steps: int = 0
    epochs: int = 0
    steps_to_target: int | None = None
    seconds: float = 0.0
    peak_memory: int | None = None
    parameters: int = 0
    init_hash: str = ""
    order_hash: str = ""
    noise_hash: str = ""
    started: str = ""
    standard_error: float | None = None
    balanced: float | None = None
    measures: tuple[tuple[str, float], ...] = ()
    train_loss: tuple[float, ...] = ()
    train_error: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.outcome == "finished" and (self.metric is None or not math.isfinite(self.metric)):
            raise ValueError(f"a finished run has a finite metric, got {self.metric!r}")
        if self.outcome != "finished" and self.metric is not None:
            raise ValueError(f"a {self.outcome} run has no metric, got {self.metric!r}")


@dataclass(frozen=True)
class Study:
    """A plan and the runs there are so far, with what else the report states.

    Attributes
    ----------
    plan : Plan
    runs : tuple of Run
        Both phases, in the order they finished.
    rates : dict
        Chosen learning rate per ``(arm, norm)``; missing while it is not chosen yet.
    margin : Margin or None
        None while it is not fixed yet.
    warnings : tuple of Notice
        Rate at the grid's edge, ...
    environment : dict of str
        Versions, machine, threads.
    command : str
        The command that reproduces the study.
    """

    plan: Plan
    runs: tuple[Run, ...] = ()
    rates: dict[tuple[str, str], float] = field(default_factory=dict)
    margin: Margin | None = None
    warnings: tuple[Notice, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    command: str = ""

    @cached_property
    @uncollected()
    def asked(self) -> tuple[Run, ...]:
        """The runs of what is asked now, under the labels of now, in the order they finished.

        Left out are runs of arms and normalisations that are not asked for, and of arms whose code or width
        has changed since.
        """
        plan, found = self.plan, []
        labels, norms = {arm.label: None for arm in plan.arms}, set(plan.norms)
        for run in self.runs:
            was = run.trial
            if was.norm not in norms:
                continue
            if was.arm in labels:
                found += [run] if plan.has(was) else []
                continue
            named = (plan.trial(was.phase, arm, was.norm, was.learning_rate, was.seed) for arm in labels)
            same = (dataclasses.replace(run, trial=trial) for trial in named if trial.key == was.key)
            found += islice(same, 1)
        return tuple(found)

    def of(self, phase: Phase, arm: str | None = None, norm: str | None = None) -> tuple[Run, ...]:
        """Return the runs of a phase, optionally of one arm and one norm, ordered by seed then rate."""
        chosen = (
            run
            for (one, label, norm_of), runs in self._cells.items()
            if one == phase and arm in (None, label) and norm in (None, norm_of)
            for run in runs
        )
        return tuple(sorted(chosen, key=lambda run: (run.trial.seed, run.trial.learning_rate)))

    @cached_property
    def _cells(self) -> dict[tuple[str, str, str], list[Run]]:
        found: dict[tuple[str, str, str], list[Run]] = {}
        for run in self.asked:
            found.setdefault((run.trial.phase, run.trial.arm, run.trial.norm), []).append(run)
        return found

    @cached_property
    def by_key(self) -> dict[str, Run]:
        """All runs by the key of their trial."""
        return {run.trial.key: run for run in self.runs}

    @cached_property
    def first_analysis(self) -> int:
        """The number of seeds at which a race is first analysed.

        Not before a cell has had as many deciding trials as tuning trials: choosing rates costs at most half
        of a study, and the first verdicts do not rest on a handful of differences.
        """
        if not self.plan.tuned:
            return 2
        tuned = Counter((run.trial.arm, run.trial.norm) for run in self.asked if run.trial.phase == "tune")
        return max([2, *tuned.values()])

    def rate(self, arm: str, norm: str) -> float | None:
        """Return the learning rate a cell is tested at: the chosen one, or the one that was given."""
        return self.rates.get((arm, norm)) if self.plan.tuned else self.plan.learning_rates[0]

    def series(self, arm: str, norm: str) -> tuple[Run, ...]:
        """Return a cell's deciding runs in the order of their seeds, from seed 0 to before the first gap.

        Evidence rests on these and no others: not on runs at a rate that was chosen before the study grew,
        nor on a seed that came back early, nor on seeds beyond what is asked for.
        """
        if (arm, norm) not in self._series:
            self._series[arm, norm] = self._in_order(arm, norm)
        return self._series[arm, norm]

    @cached_property
    def _series(self) -> dict[tuple[str, str], tuple[Run, ...]]:
        return {}

    def _in_order(self, arm: str, norm: str) -> tuple[Run, ...]:
        rate = self.rate(arm, norm)
        if rate is None:
            return ()
        trials = (self.plan.trial("test", arm, norm, rate, seed) for seed in range(self.plan.seeds))
        found = (self.by_key.get(trial.key) for trial in trials)
        return tuple(run for run in takewhile(lambda run: run is not None, found) if run is not None)
