"""What the verdicts of a study are worth, by simulation: coverage, false verdicts, power, races, new data.

    python benchmarks/simulate_evidence.py     # two minutes of one core, writes benchmarks/STATISTICS.md

Every interval comes from the functions of `rectifiers.evidence` that a study uses. Here are studies of a
fixed number of seeds; races are in simulate_races.py, new data in simulate_new_data.py, the text of the page
in statistics_page.md.
tests/evidence/test_simulations.py runs small versions of the same.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

import simulate_new_data
import simulate_races
from rectifiers.evidence import anytime, divergence, paired
from simulate_races import ARMS, FAMILY_ALPHA, NOISE

Array = NDArray[np.float64]

_PAGE = Path(__file__).with_name("statistics_page.md")

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
    metric = common * random.normal(size=(count, 1, seeds)) + own * NOISE[noise](random, (count, ARMS, seeds))
    metric[:, 1:] += effect
    truth: Array = np.full((count, 1), effect)
    if step:
        origin = random.uniform(0.0, step, (count, 1))
        metric = step * np.floor((metric + origin[..., None]) / step)
        spread = math.hypot(own, common)
        truth = _rounded_mean(effect + origin, spread, step) - _rounded_mean(origin, spread, step)
    differences = metric[:, 1:] - metric[:, :1]
    mean = differences.mean(axis=-1)
    half = paired.half_width(paired.deviation(differences, step), seeds, FAMILY_ALPHA)
    low, high = mean - half, mean + half
    rules = paired.rules(low, high, margin)
    equivalent = rules["equivalent"]
    better, worse = rules["better"] & ~equivalent, rules["worse"] & ~equivalent
    wrong = (better & (truth <= 0.0)) | (worse & (truth >= 0.0))
    covered = (low - 1e-12 <= truth) & (truth <= high + 1e-12)
    return Rates(
        float(covered.all(axis=1).mean()),
        float(wrong.any(axis=1).mean()),
        float((equivalent & (np.abs(truth) >= margin - 1e-9)).any(axis=1).mean()),
        float(better.mean()),
        float(equivalent.mean()),
        float((~(better | worse | equivalent)).mean()),
    )


def _rounded_mean(mean: Array, sd: float, step: float) -> Array:
    """Return the means of Gaussians rounded down to multiples of `step`."""
    reach = math.ceil((float(np.abs(mean).max()) + 9.0 * sd) / step)
    edges = np.arange(-reach, reach + 1) * step
    # E floor(X) = sum over edges of P(X >= edge), counted from the lowest one.
    above: Array = stats.norm.sf(edges[1:], mean, sd)
    return edges[0] + step * above.sum(axis=-1, keepdims=True)


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


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def _fixed(random: np.random.Generator, count: int) -> str:
    rows = []
    steps = (0.5, 2.0, 5.0)
    cases = [(noise, 0.0) for noise in NOISE] + [("Gaussian", step) for step in steps]
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


def _races(random: np.random.Generator, count: int) -> dict[str, str]:
    """Return the tables about races, and the figures that the text quotes."""
    races = simulate_races
    few = count // 5
    false, worst = races.false_rows(random, count)
    short, warned = races.skewed_mistakes(random, count)
    kinds = ["missed at any n", "called better/worse", "called equivalent"]
    taken = ["median", "90 %", "median, six", "90 %, six"]
    return {
        "false": _table(["differences", *kinds, *(f"{kind}, six" for kind in kinds)], false),
        "worst": ", ".join(f"{share:.3f}" for share in worst),
        "later": _table(
            ["differences", "alpha", "from 2 seeds", "10", "20", "30"], races.later_rows(random, count)
        ),
        "warned": _table(
            ["differences", "15 seeds", "20", "30", "40", "100"], races.skewness_rows(random, few)
        ),
        "short": f"{short:.2f}",
        "told": f"{warned:.2f}",
        "methods": _table(["method", *NOISE], races.method_rows(random, count)),
        "g": f"{anytime.PRECISION:g}",
        "precision": _table(
            ["g", "uniform, missed", "effect 0", "0.5", "1", "2"], races.precision_rows(random, count)
        ),
        "stepped": _table(["floor (steps)", "alpha .05", "alpha .05 / 6"], races.stepped_rows()),
        "duration": _table(["margin (SD)", "effect (SD)", *taken], races.duration_rows(random, count)),
        "tests": _table(
            ["runs, and question", "alpha .05", "alpha .05 / 6"], races.failure_rows(random, count)
        ),
        "out": _table(["share that fails", *taken], races.out_rows(random, count)),
        "whole": _table(
            ["failures", "share", "better", "worse", "of which out"], races.whole_rows(random, 2 * few)
        ),
    }


def write_page(path: Path, count: int, seed: int) -> None:
    """Run everything and write the page."""
    random = np.random.default_rng(seed)
    slow, sets = 2 * count // 5, max(2, 3 * count // 20)
    new_data = simulate_new_data.coverage_rows(random, sets)
    page = _PAGE.read_text(encoding="utf-8").format(
        seed=seed,
        count=count,
        few=count // 5,
        slow=slow,
        sets=sets,
        longest=simulate_races.LONGEST,
        share=100.0 * divergence.SHARE,
        error=math.sqrt(0.05 * 0.95 / count),
        fixed=_fixed(random, count),
        power=_power(random, count),
        floors=_floors(),
        failures=_failures(random, slow),
        projections=_projections(random, slow),
        new_data=_table(
            ["learners", "samples", "splits", "interval over runs", "interval for new data"], new_data
        ),
        **_races(random, count),
    )
    path.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=10_000, help="simulated studies per figure")
    parser.add_argument("--seed", type=int, default=20251122)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("STATISTICS.md"))
    arguments = parser.parse_args()
    write_page(arguments.out, arguments.count, arguments.seed)
