"""STUDY.md, from what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks.study.measure import METHODS, Found

from rectifiers.evidence import unpaired

__all__ = ["render"]

_TARGETS = (
    ("d", "a", 3.0),
    ("d", "b", 1.5),
    ("d", "c", 1.5),
    ("e", "a", 6.0),
    ("d", "a1", None),
    ("e", "a1", None),
)

_INTRODUCTION = """# What a whole study takes

Written by `{command}`. Ratios of one run on one machine, not absolute times.

{machine}

Two studies of activations, each carried out five ways. What is asked: which of these activations should the
network use, each at its own learning rate?

- **(a) loop by hand**: PyTorch as tutorials write it (`benchmarks/study/loop.py`): `TensorDataset`,
  `DataLoader(shuffle=True)`, `nn.Sequential`, `torch.optim.SGD`, one process, torch's default threads. Every
  activation at every rate of a grid of 7 on 3 seeds with a sixth of the training set held out, then 10 seeds
  on the test set at the best rate. Nothing is logged, and the data are tensors from the start: a generous
  version.
- **(a1)**: the same with `OMP_NUM_THREADS=1`, for comparison: layers this small gain little from threads. A
  fifth of the trainings, scaled.
- **(b) Optuna {optuna}**: the same trainings with the same loop, `GridSampler`, `n_jobs=2` (threads of one
  process), `torch.set_num_threads(1)`.
- **(c) Ray Tune {ray}**: the same trainings with the same loop, 2 CPUs, 1 per trial.
- **(d) `rectifiers compare --seeds 10`**: the same grid, 3 tuning seeds and 10 test seeds. Its search for the
  rate takes fewer trainings ([TUNING.md](TUNING.md) has what that costs); 3 more fix the margin. Report
  included.
- **(e) `rectifiers compare`**: a race of up to 40 seeds; each arm leaves once it is decided. Report included.

All train the same network with the same initial distribution of weights, batch size, momentum .9 and cosine
schedule. Every method ran in fresh processes, (a) to (e) in turn, once for each time given; times are
wall-clock seconds from the start of the process to its end. "Start" is contained in them: for (a) to (c) the
time until the first training begins; for (d) and (e) the time of the same command with nothing left to train
(imports, data, a first step of every arm, worker processes, report). "Others" is the share of the processors
that other processes used meanwhile, the most of all repetitions. (With torch's default threads (a) takes many
times as long when anything else runs; with `--patience SECONDS` measurements during which others used more
than 5 % are repeated.)
"""


def render(studies: Sequence[Found], missing: Sequence[str], facts: dict[str, str], command: str) -> str:
    """Return the page.

    Parameters
    ----------
    studies : sequence of Found
    missing : sequence of str
        Studies that were left out, and why, one line each.
    facts : dict of str
        About the machine and the versions; ``"optuna"`` and ``"ray"`` among them.
    command : str
    """
    machine = "\n".join(f"- {key}: {value}" for key, value in facts.items() if key not in ("optuna", "ray"))
    head = _INTRODUCTION.format(command=command, machine=machine, optuna=facts["optuna"], ray=facts["ray"])
    parts = [head, *(f"{line}.\n" for line in missing)]
    for found in studies:
        parts += [f"## {_capital(found.job.title)}\n", _setting(found), _times(found), _ratios(found)]
        parts += [_answers(found), _agreement(found)]
    return "\n".join(part for part in parts if part)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _setting(found: Found) -> str:
    job = found.job
    grid = len(job.arms) * len(job.rates) * job.tuning_seeds
    text = (
        f"{len(job.arms)} arms ({', '.join(job.arms)}), batches of {job.batch}, rates "
        f"{', '.join(f'{rate:g}' for rate in job.rates)}. (a) to (c): {grid} trainings to tune + "
        f"{job.trainings - grid} to test = {job.trainings}. Load of the machine at the start: "
        f"{found.load:.1f}.\n"
    )
    if found.share > 1:
        made = -(-job.trainings // found.share)
        text += (
            f"\n(a) to (c) made every {_ordinal(found.share)} of these trainings, the same {made} in all "
            "three; the time from the first one's begin to the last one's end is scaled by "
            f"{job.trainings} / {made}, start and end are not.\n"
        )
    return text


def _ordinal(n: int) -> str:
    return {2: "second", 3: "third"}.get(n, f"{n}th")


def _times(found: Found) -> str:
    rows = []
    for method, timing in found.timings.items():
        whole = statistics.median(timing.whole)
        scaled = " (scaled)" if timing.whole != timing.measured else ""
        trainings = timing.trainings if method in ("d", "e") else found.job.trainings
        measured = ", ".join(f"{seconds:.1f}" for seconds in timing.measured)
        start = statistics.median(timing.start)
        rows.append(
            [
                f"({method}) {METHODS[method]}",
                str(trainings),
                f"{measured}" + (f" for {timing.trainings}" if scaled else ""),
                f"{start:.1f}",
                f"{100 * max(timing.others):.0f} %",
                f"{whole:.1f}{scaled}",
            ]
        )
    return _table(
        ["method", "trainings", "measured (s)", "start (s)", "others", "whole study, median (s)"], rows
    )


def _ratios(found: Found) -> str:
    rows = []
    bounds = []
    for ours, theirs, target in _TARGETS:
        if ours not in found.timings or theirs not in found.timings:
            continue
        top, bottom = found.timings[theirs].whole, found.timings[ours].whole
        ratio = statistics.median(top) / statistics.median(bottom)
        each = [t / b for t, b in zip(top, bottom, strict=True)]
        verdict = "" if target is None else "reached" if ratio >= target else "**not reached**"
        rows.append(
            [
                f"({ours}) against ({theirs})",
                f"{ratio:.1f}",
                f"{min(each):.1f} to {max(each):.1f}",
                "" if target is None else f"{target:g}",
                verdict,
            ]
        )
        if verdict.startswith("**"):
            bounds.append(_bound(found, ours, theirs, statistics.median(top) / (target or 1.0)))
    table = _table(["times as fast", "ratio of medians", "in single repetitions", "target", ""], rows)
    return "\n".join([table, *bounds])


def _bound(found: Found, ours: str, theirs: str, allowed: float) -> str:
    """Say what a method that missed its target spends its time on."""
    timing, other = found.timings[ours], found.timings[theirs]
    start, spent = statistics.median(timing.start), statistics.median(timing.whole)
    each = 1000 * (spent - start) / timing.trainings
    beside = 1000 * (statistics.median(other.whole) - statistics.median(other.start)) / found.job.trainings
    told = (
        f"The target allows ({ours}) {allowed:.1f} s. It needs {start:.1f} s to start and report, and makes "
        f"{timing.trainings} trainings in {each:.0f} ms each, two at a time; ({theirs}) makes "
        f"{found.job.trainings} in {beside:.0f} ms each.\n"
    )
    if "d" not in found.results:
        return told
    verdicts = [row["verdict"] for row in found.results["d"]["comparisons"]]
    return (
        f"{told[:-1]} To decide every arm takes about as many trainings "
        f"as the loop makes, whose seeds leave {verdicts.count('undecided')} of {len(verdicts)} arms "
        f"undecided (see (d)): only the time of each is gained.\n"
    )


def _answers(found: Found) -> str:
    rows = []
    for method, result in found.results.items():
        verdicts = {row["arm"]: row["verdict"] for row in result["comparisons"]}
        decided = sum(verdict != "undecided" for verdict in verdicts.values())
        each = ", ".join(f"{arm} {verdict}" for arm, verdict in verdicts.items())
        seeds = max(row["n"] for row in result["arms"])
        rows.append(
            [
                f"({method})",
                f"{decided} of {len(verdicts)}",
                str(seeds),
                f"{result['margin']['value']:.2f}",
                each,
            ]
        )
    if not rows:
        return ""
    head = ["method", "decided", "most seeds", "margin (points)", f"against {found.job.arms[0]}"]
    return _table(head, rows)


def _agreement(found: Found) -> str:
    """Compare the loop with (d) at the same rates: independent runs, all intervals together at 95 %."""
    if not found.check:
        return ""
    rates = {row["arm"]: row["learning_rate"] for row in found.results["d"]["arms"]}
    rows, agree = [], 0
    alpha = 0.05 / len(found.check)
    for arm, theirs in found.check.items():
        ours = found.test[arm]
        gap = unpaired.compare(ours, theirs, margin=0.0, alpha=alpha)
        inside = gap.low is not None and gap.high is not None and gap.low <= 0.0 <= gap.high
        agree += inside
        interval = f"{gap.difference:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}]" if gap.low is not None else ""
        rows.append(
            [
                arm,
                f"{rates[arm]:g}",
                f"{statistics.fmean(theirs):.2f}",
                f"{statistics.fmean(ours):.2f}",
                interval,
                "yes" if inside else "**no**",
            ]
        )
    text = (
        f"Mean test accuracy of {found.job.test_seeds} seeds of the loop and of (d), at the rates of (d); "
        "seeds differ. Difference with Welch's interval, 95 % for all arms together: "
        f"{agree} of {len(rows)} contain 0.\n\n"
    )
    head = ["arm", "rate", "loop (%)", "(d) (%)", "difference (points)", "agree"]
    return text + _table(head, rows)
