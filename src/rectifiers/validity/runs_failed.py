"""Runs that crashed or diverged, with the reason of the first."""

from __future__ import annotations

from collections.abc import Iterator

from rectifiers.records.values import Study
from rectifiers.validity._check import Check, Finding
from rectifiers.validity._runs import Runs, named


def _find(study: Study, runs: Runs) -> Iterator[Finding]:
    for cell, found in runs.items():
        failed = [run for run in found if run.outcome != "finished"]
        # A crash names a mistake; results from a file give no reason.
        failed.sort(key=lambda run: run.outcome != "crashed")
        if failed and study.plan.trained:
            outcomes = [run.outcome for run in failed]
            how = (
                "crashed" if "diverged" not in outcomes else "failed" if "crashed" in outcomes else "diverged"
            )
            yield Finding(f"{named([cell])}: {len(failed)} of {len(found)} runs {how}: {failed[0].reason}")


Check(
    "runs-failed",
    "warned",
    rule="Every run finishes.",
    remedy="failed runs are in no mean, and are tested apart",
    at_end=_find,
    example="mine.py:SparseReLU: 5 of 5 runs crashed: RuntimeError: CUDA out of memory",
)
