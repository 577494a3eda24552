"""What the verdicts of a study are worth, by simulation: coverage, false verdicts, power, peeking.

    python benchmarks/simulate_evidence.py     # ten minutes of one core, writes benchmarks/STATISTICS.md

Every figure comes from the functions of `rectifiers.evidence` that a study uses, called as it calls them;
tests/evidence/test_simulations.py runs small versions of the same.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rectifiers.evidence import anytime, correction, divergence, paired

Draw = Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.float64]]

NOISE: dict[str, Draw] = {
    "Gaussian": lambda random, size: random.normal(size=size),
    "t, 3 d.f.": lambda random, size: random.standard_t(3, size) / math.sqrt(3.0),
    "exponential": lambda random, size: random.exponential(size=size) - 1.0,
}
"""Noise of one run, mean 0 and SD 1."""

ARMS = 7
CONFIDENCE = 0.95
CORRELATION = 0.4
MOST_SEEDS = 60


@dataclass(frozen=True)
class Rates:
    """Shares of simulated studies (coverage, wrong ...) and of comparisons (the verdicts)."""

    covered: float
    wrong_direction: float
    wrong_equivalence: float
    better: float
    equivalent: float
    undecided: float


def studies(
    random: np.random.Generator,
    count: int,
    *,
    seeds: int,
    effect: float,
    margin: float,
    noise: str = "Gaussian",
    step: float = 0.0,
) -> Rates:
    """Simulate studies of seven arms, six of which differ from the control by `effect`.

    The unit is the SD of a paired difference. What a seed does to every arm alike makes pairs correlate with
    .4, and all comparisons share the control. With `step` the metric is rounded to multiples of it, from a
    random origin per study.
    """
    own = math.sqrt(0.5)  # SD of a run's own noise: differences then have SD 1
    common = own * math.sqrt(CORRELATION / (1.0 - CORRELATION))
    alpha = correction.corrected(1.0 - CONFIDENCE, correction.comparisons(ARMS))
    tally = dict.fromkeys(("covered", "direction", "equivalence", "better", "equivalent", "undecided"), 0)
    for _ in range(count):
        shared = common * random.normal(size=seeds)
        metric = shared + own * NOISE[noise](random, (ARMS, seeds))
        metric[1:] += effect
        truth = effect
        if step:
            origin = random.uniform(0.0, step)
            metric = step * np.floor((metric + origin) / step)
            spread = math.hypot(own, common)
            truth = _rounded_mean(effect + origin, spread, step) - _rounded_mean(origin, spread, step)
        found = [
            paired.compare(arm, metric[0], margin=margin, alpha=alpha, resolution=step) for arm in metric[1:]
        ]
        verdicts = [one.verdict for one in found]
        wrong = {"better"} if truth <= 0.0 else set()
        wrong |= {"worse"} if truth >= 0.0 else set()
        tally["covered"] += all(_inside(truth, one) for one in found)
        tally["direction"] += not wrong.isdisjoint(verdicts)
        tally["equivalence"] += abs(truth) >= margin - 1e-9 and "equivalent" in verdicts
        for verdict in ("better", "equivalent", "undecided"):
            tally[verdict] += verdicts.count(verdict)
    per_study, per_comparison = 1.0 / count, 1.0 / (count * (ARMS - 1))
    return Rates(
        tally["covered"] * per_study,
        tally["direction"] * per_study,
        tally["equivalence"] * per_study,
        tally["better"] * per_comparison,
        tally["equivalent"] * per_comparison,
        tally["undecided"] * per_comparison,
    )


def _inside(truth: float, found: paired.PairedComparison) -> bool:
    return found.low is None or found.high is None or found.low - 1e-12 <= truth <= found.high + 1e-12


def _rounded_mean(mean: float, sd: float, step: float) -> float:
    """Return the mean of a Gaussian rounded down to multiples of `step`."""
    reach = math.ceil((abs(mean) + 9.0 * sd) / step)
    edges = np.arange(-reach, reach + 1) * step
    # E floor(X) = sum over edges of P(X >= edge), counted from the lowest one.
    return float(edges[0] + step * stats.norm.sf(edges[1:], mean, sd).sum())


def two_point_coverage(n: int, alpha: float, floor: float) -> float:
    """Return the least coverage over differences that are 0 or one step, by enumeration.

    `floor` is the smallest SD an interval is made with, in steps.
    """
    ones = np.arange(n + 1)
    mean, sd = ones / n, np.sqrt(ones * (n - ones) / (n * (n - 1)))
    half = stats.t.ppf(1.0 - alpha / 2.0, n - 1) * np.maximum(sd, floor) / math.sqrt(n)
    share = np.linspace(0.001, 0.999, 999)[:, None]
    covered = stats.binom.pmf(ones, n, share) * (np.abs(mean - share) <= half + 1e-12)
    return float(covered.sum(axis=1).min())


def selective_failures(
    random: np.random.Generator, count: int, seeds: int, rate: float
) -> tuple[float, float]:
    """Return how often an arm equal to the control is called better when its worst runs fail.

    A run fails if its noise is in the lowest `rate`; without and with `divergence.gate`.
    """
    plain = gated = 0
    for _ in range(count):
        arm, control = random.normal(size=(2, seeds))
        failed = stats.norm.cdf(arm) < rate
        found = paired.compare(arm[~failed], control[~failed], margin=0.1, alpha=0.05)
        plain += found.verdict == "better"
        gated += divergence.gate(found.verdict, np.flatnonzero(failed).tolist(), [])[0] == "better"
    return plain / count, gated / count


def projected(random: np.random.Generator, count: int, *, effect: float, seeds: int) -> tuple[float, float]:
    """Return the share of undecided studies, and of fresh ones of the projected size that decide."""
    margin, alpha = 0.25, 0.05 / 6
    undecided = decided = 0
    for _ in range(count):
        first = random.normal(effect, 1.0, seeds)
        found = paired.compare(first, np.zeros(seeds), margin=margin, alpha=alpha)
        if found.verdict != "undecided" or found.more_seeds is None or found.more_seeds > 5000:
            continue
        undecided += 1
        fresh = random.normal(effect, 1.0, seeds + found.more_seeds)
        again = paired.compare(fresh, np.zeros(fresh.size), margin=margin, alpha=alpha)
        decided += again.verdict != "undecided"
    return undecided / count, decided / max(1, undecided)


def _peeked_t(differences: NDArray[np.float64], first: int) -> NDArray[np.float64]:
    """Return 1/p of a t-test made after every seed from `first` on: what one must not do."""
    n = np.arange(1, differences.size + 1)
    mean = np.cumsum(differences) / n
    squares = np.cumsum(differences**2)
    with np.errstate(all="ignore"):
        variance = (squares - n * mean**2) / (n - 1)
        p_values = 2.0 * stats.t.sf(np.abs(mean) / np.sqrt(variance / n), n - 1)
    return np.where(n < first, 1.0, 1.0 / np.maximum(p_values, 1e-300))


LOOKS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "t e-process": anytime.t_e_process,
    "normal mixture, rho = 5 SD^2": lambda differences: anytime.normal_mixture(differences, 5.0),
    "t-test peeked at from 5 seeds": lambda differences: _peeked_t(differences, 5),
}


def races(
    random: np.random.Generator,
    count: int,
    look: str,
    *,
    effect: float = 0.0,
    noise: str = "Gaussian",
    alpha: float = 0.05,
    longest: int = 60,
) -> tuple[float, float]:
    """Return the share of races decided within `longest` seeds, and the median seeds it took."""
    differences = effect + NOISE[noise](random, (count, longest))
    crossed = np.array([LOOKS[look](one) >= 1.0 / alpha for one in differences])
    decided = crossed.any(axis=1)
    first = np.where(decided, crossed.argmax(axis=1) + 1.0, np.inf)
    return float(decided.mean()), float(np.median(first))


def covered_throughout(
    random: np.random.Generator, count: int, alpha: float = 0.05, longest: int = 60
) -> float:
    """Return how often no interval of the confidence sequence, after any seed, misses the true mean."""
    held = 0
    for _ in range(count):
        differences = random.normal(0.3, 1.0, longest)
        ends = (anytime.interval(differences[:n], alpha) for n in range(2, longest + 1))
        held += all(low is None or high is None or low <= 0.3 <= high for low, high in ends)
    return held / count


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def _fixed(random: np.random.Generator, count: int) -> str:
    rows = []
    cases = [(noise, 0.0) for noise in NOISE] + [("Gaussian", 0.5), ("Gaussian", 2.0), ("Gaussian", 5.0)]
    for noise, step in cases:
        for seeds in (3, 5, 10, 20):
            null = studies(random, count, seeds=seeds, effect=0.0, margin=2.0, noise=noise, step=step)
            edge = studies(random, count, seeds=seeds, effect=2.0, margin=2.0, noise=noise, step=step)
            name = f"{noise}, in steps of {step:g}" if step else noise
            figures = (
                null.covered,
                null.wrong_direction,
                edge.wrong_equivalence,
                null.equivalent,
                edge.better,
            )
            rows.append([name, str(seeds), *(f"{figure:.3f}" for figure in figures)])
    head = ["noise", "seeds", "all six covered", "any false better/worse", "any false equivalent"]
    return _table([*head, "equivalent when equal", "better at effect 2"], rows)


def _power(random: np.random.Generator, count: int) -> str:
    rows = []
    for effect in (0.5, 1.0, 2.0, 3.0):
        found = [
            studies(random, count, seeds=seeds, effect=effect, margin=0.25).better for seeds in (3, 5, 10, 20)
        ]
        rows.append([f"{effect:g}", *(f"{share:.2f}" for share in found)])
    return _table(["effect (SD of differences)", "3 seeds", "5 seeds", "10 seeds", "20 seeds"], rows)


def _floors() -> str:
    floors = {"none": 0.0, "1/sqrt(12)": 12**-0.5, "1/sqrt(6)": 6**-0.5, "1/2": 0.5}
    rows = []
    for alpha, name in ((0.05, ".05"), (0.05 / 6, ".05 / 6"), (0.05 / 12, ".05 / 12")):
        for label, floor in floors.items():
            least = {n: two_point_coverage(n, alpha, floor) for n in range(2, MOST_SEEDS + 1)}
            shown = [least[n] for n in (3, 5, 10, 20, 40)]
            rows.append([name, label, *(f"{share:.3f}" for share in (*shown, min(least.values())))])
    return _table(["alpha", "floor (steps)", "3 seeds", "5", "10", "20", "40", "worst, 2 to 60"], rows)


def _failures(random: np.random.Generator, count: int) -> str:
    rows = []
    for seeds in (5, 10, 20):
        for rate in (0.05, 0.2):
            plain, gated = selective_failures(random, count, seeds, rate)
            rows.append([str(seeds), f"{rate:g}", f"{plain:.3f}", f"{gated:.3f}"])
    return _table(["seeds", "share that fails", "called better, survivors only", "with the gate"], rows)


def _projections(random: np.random.Generator, count: int) -> str:
    rows = []
    for effect in (0.0, 0.5, 1.0):
        for seeds in (5, 10):
            undecided, decided = projected(random, count, effect=effect, seeds=seeds)
            rows.append([f"{effect:g}", str(seeds), f"{undecided:.2f}", f"{decided:.2f}"])
    return _table(["effect", "seeds", "undecided", "fresh studies of the projected size that decide"], rows)


def _peeking(random: np.random.Generator, count: int) -> str:
    rows = []
    for look in LOOKS:
        false = [races(random, count, look, noise=noise)[0] for noise in NOISE]
        rows.append([look, *(f"{share:.3f}" for share in false)])
    return _table(["looked at after every seed up to 60", *NOISE], rows)


def _duration(random: np.random.Generator, count: int) -> str:
    rows = []
    for effect in (0.5, 1.0, 2.0):
        medians = [
            races(random, count, "t e-process", effect=effect, alpha=alpha, longest=150)[1]
            for alpha in (0.05, 0.005)
        ]
        rows.append([f"{effect:g}", *(f"{median:g}" for median in medians)])
    return _table(["effect (SD of differences)", "alpha .05", "alpha .005"], rows)


_PAGE = """# What the verdicts are worth, by simulation

Written by `{command}` (seed {seed}, {count:,} simulated studies or races per figure;
a share near .05 has a standard error of {error:.4f}). Every figure comes from the functions of
`rectifiers.evidence` that a study uses.

## Fixed number of seeds, seven arms, 95 % over all six comparisons

The unit is the SD of a paired difference; margin 2. "Any false better/worse" and "any false equivalent" count
studies with at least one such verdict, where all arms are equal and where all differ by exactly the margin:
both should stay below .05. In steps: the metric is rounded (accuracy on a small test set). A wide margin
turns false directions into "equivalent"; with a margin of 0 their share would be 1 - "all six covered".

{fixed}

Heavy tails make the intervals wide rather than wrong. Skewed noise cancels in differences of arms with the
same skew. Steps coarser than the noise cost power, not honesty: that is what the floor on the SD is for.

## Power: how often a better arm is called better

Gaussian noise, margin .25, six comparisons.

{power}

## The floor on the SD where a metric moves in steps

Least coverage over all differences that take two neighbouring values, by enumeration (no chance involved).

{floors}

Half a step is the largest SD such a difference can have. With that floor coverage stays within .01 of its
nominal value for every number of seeds from 2 to 60. Without a floor there is no coverage to speak of, and
with those that rounding errors suggest it falls .04 to .09 short at alpha .05.

## Runs that fail because they went badly

An arm equal to the control whose worst runs fail, alpha .05 (one-sided share .025 without failures).

{failures}

## "About n seeds would decide"

How often a fresh study of the projected size decides (margin .25, alpha .05 / 6). The projection takes the
observed mean and SD for the truth, which a small study cannot know.

{projections}

## Looking after every seed (for races)

Share of races between equal arms that are called different at alpha = .05.

{peeking}

Here the noise is that of the difference itself. The t e-process keeps its promise for Gaussian noise and for
heavy tails, not for skewed differences, and the normal mixture asks for symmetry; arms that are alike have
symmetric differences. The confidence sequence of the t e-process held the true mean at every one of 60 looks
in {held:.3f} of {held_count:,} races.

Median seeds until the t e-process decides:

{duration}
"""


def write_page(path: Path, count: int, seed: int) -> None:
    """Run everything and write the page."""
    random = np.random.default_rng(seed)
    held_count = max(200, count // 4)
    page = _PAGE.format(
        command="python benchmarks/simulate_evidence.py",
        seed=seed,
        count=count,
        error=math.sqrt(0.05 * 0.95 / count),
        fixed=_fixed(random, count),
        power=_power(random, count),
        floors=_floors(),
        failures=_failures(random, count),
        projections=_projections(random, count),
        peeking=_peeking(random, count),
        held=covered_throughout(random, held_count),
        held_count=held_count,
        duration=_duration(random, count),
    )
    path.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=4000, help="simulated studies per figure")
    parser.add_argument("--seed", type=int, default=20251122)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("STATISTICS.md"))
    arguments = parser.parse_args()
    write_page(arguments.out, arguments.count, arguments.seed)
