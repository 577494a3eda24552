"""Run a claim: its studies, then what is read of them, then the record."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rectifiers.claims._claim import Claim, Part, Verdict
from rectifiers.claims._readings import Measured
from rectifiers.claims._record import PartRecord, Record
from rectifiers.comparison import compare
from rectifiers.errors import (
    ArgumentError,
    ArgumentTypeError,
    RectifiersError,
    UnknownNameError,
    UserCodeError,
)
from rectifiers.records.values import Study, content_hash

__all__ = ["load", "run"]

_ALPHA = 0.05  # over all parts of a claim together


def load(name: str | Path) -> Claim:
    """Return a claim by name, or the object `claim` of a Python file.

    Raises
    ------
    UnknownNameError
        If there is no claim of that name.
    ImportPathError, UserCodeError, ArgumentError
        If there is no such file, it raises, or its claim cannot fail: no criterion, a criterion without
        direction, a plan that does not measure what the criterion is about.
    """
    from rectifiers.claims.published import registry

    text = str(name)
    if not text.endswith(".py"):
        if text not in registry:
            raise UnknownNameError.of("claim", text, registry)
        return registry[text]
    from rectifiers.arms import load_object

    try:
        found = load_object(f"{text}:claim")
    except UserCodeError as error:
        if isinstance(error.__cause__, RectifiersError):  # the claim's own rules: one line says it all
            raise type(error.__cause__)(f"{text}: {error.__cause__}") from None
        raise
    if not isinstance(found, Claim):
        raise ArgumentTypeError(f"{text}: `claim` must be a Claim, but is {type(found).__name__}")
    if found.name in registry:
        raise ArgumentError(
            f"{text}: the name {found.name!r} is taken by a claim of the library: choose another"
        )
    return found


def run(
    claim: str | Path | Claim,
    scale: str = "quick",
    *,
    jobs: int | None = None,
    out: str | Path | None = None,
    device: str = "cpu",
    progress: bool | None = False,
) -> Record:
    """Run a claim and say whether it is reproduced.

    Parameters
    ----------
    claim : str, path or Claim
        A name (``"depth-gap"``), a file that defines `claim`, or the object.
    scale : {"quick", "desk", "full"}
        Under a minute, under 20 minutes, or as published.
    jobs : int, optional
        Worker processes of a study; by default as many as there are cores. Changes no result.
    out : path, optional
        Directory for the record and the studies; ``runs/claims`` by default. The same call goes on there.
    device : str
        Where studies are trained, e.g. ``"cuda"``; what a claim computes itself runs on the CPU.
    progress : bool, optional
        As in `rectifiers.compare`.

    Returns
    -------
    Record
        Its `verdict`, the `parts` it rests on, and the hash of the plan.

    Raises
    ------
    RectifiersError
        Bad input, in one line.
    Interrupted
        On Ctrl-C. What is finished is kept.

    Examples
    --------
    >>> rectifiers.claims.run("softmax-shift").verdict  # doctest: +SKIP
    'reproduced'
    """
    import torch

    from rectifiers.study import arguments
    from rectifiers.study.environment import environment

    where = arguments.device(device)
    claim = claim if isinstance(claim, Claim) else load(claim)
    at, started = claim.scale(scale), sum(os.times()[:4])
    directory = Path("runs", "claims") if out is None else Path(out)
    studies, said = _train(claim, scale, directory, jobs, device=device, progress=progress)
    alpha = _ALPHA / len(claim.parts)
    parts = tuple(_judge(part, studies, at.settings, alpha, said) for part in claim.parts)
    record = Record(
        claim=claim.name,
        scale=scale,
        verdict=_overall(parts),
        proxy=at.proxy,
        parts=parts,
        plan=claim.hash(scale),
        studies=said,
        seconds=round(sum(os.times()[:4]) - started, 1),
        environment=environment(where, torch.get_num_threads()),
        made=datetime.now(UTC).date().isoformat(),
    )
    record.write(directory)
    return record


def _train(
    claim: Claim, scale: str, directory: Path, jobs: int | None, **options: Any
) -> tuple[dict[str, Study], dict[str, str]]:
    """Carry out the studies; return those that mean something, and what each found in a sentence."""
    from rectifiers.study import Execution

    keys, studies, said = claim.plan(scale)["studies"], {}, {}
    for name, arguments in claim.scale(scale).studies.items():
        # by its arguments, so that claims and scales share runs
        place = directory / "studies" / content_hash(keys[name])[:12]
        execution = Execution(jobs=jobs)
        result = compare(**{**options, **arguments}, out=place, execution=execution, report=False)
        said[name] = result.summary.recommendation.sentence
        if result.summary.valid:
            studies[name] = result.study
    return studies, said


def _judge(
    part: Part, studies: dict[str, Study], settings: Mapping[str, Any], alpha: float, said: dict[str, str]
) -> PartRecord:
    lost = [study for study, _, _ in part.reads.cells() if study not in studies]
    if lost:
        found = Measured(note=f"study {lost[0]} means nothing: {said[lost[0]]}")
    else:
        found = part.reads.read(studies, settings, alpha)
    return PartRecord(
        **vars(found),
        says=part.says,
        criterion=str(part.criterion).replace("the margin", f"{found.margin or 0:.3g}, the margin"),
        verdict=part.criterion.verdict(found.low, found.high, found.margin),
        decides=part.decides,
    )


def _overall(parts: Sequence[PartRecord]) -> Verdict:
    worst_last: tuple[Verdict, ...] = ("reproduced", "inconclusive", "not reproduced")
    return max((part.verdict for part in parts if part.decides), key=worst_last.index)
