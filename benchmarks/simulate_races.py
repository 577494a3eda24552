"""What the verdicts of a race are worth, by simulation: analysed after every seed, stopped when decided.

Called by simulate_evidence.py, which writes the page. Every interval and e-value comes from the functions of
`rectifiers.evidence` that a study uses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rectifiers.evidence import anytime, divergence, paired, skewness
from rectifiers.evidence.standing import standing

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]
Rows = list[list[str]]

NOISE: dict[str, Draw] = {
    "Gaussian": lambda random, size: random.normal(size=size),
    "t, 3 d.f.": lambda random, size: random.standard_t(3, size) / math.sqrt(3.0),
    "uniform": lambda random, size: random.uniform(-math.sqrt(3.0), math.sqrt(3.0), size),
    "gamma (skewness 1)": lambda random, size: (random.gamma(4.0, size=size) - 4.0) / 2.0,
    "exponential (skewness 2)": lambda random, size: random.exponential(size=size) - 1.0,
}
"""Noise of one difference, mean 0 and SD 1."""

SEEDS = Path(__file__).with_name("seeds") / "digits.csv"
LONGEST = 200
FIRST_ALPHA, ARMS = 0.05, 7
FAMILY_ALPHA = FIRST_ALPHA / (ARMS - 1)
EFFECTS = (0.0, 0.25, 0.5, 1.0, 2.0)


@dataclass(frozen=True)
class World:
    """Where the differences of the six arms come from: their means are 0.

    `draw` yields, arm by arm, the differences of `count` races over `LONGEST` seeds.
    """

    name: str
    margin: float
    resolution: float
    draw: Callable[[np.random.Generator, int], Iterator[Array]]


def worlds() -> list[World]:
    """Return the synthetic ones (arms independent of each other) and the one resampled from real seeds."""
    found = [World(name, 1.0, 0.0, _synthetic(draw)) for name, draw in NOISE.items()]
    return [*found, World("100 real seeds (digits)", 1.06, 100.0 / 597.0, _real)]


def _synthetic(draw: Draw) -> Callable[[np.random.Generator, int], Iterator[Array]]:
    return lambda random, count: (draw(random, (count, LONGEST)) for _ in range(ARMS - 1))


def _real(random: np.random.Generator, count: int) -> Iterator[Array]:
    """Draw seeds with replacement: all arms take the same ones, as they do in a study."""
    table = np.loadtxt(SEEDS, delimiter=",", skiprows=1)[:, 1:]
    differences = table[:, 1:] - table[:, :1]
    drawn = random.integers(len(table), size=(count, LONGEST))
    for column in (differences - differences.mean(axis=0)).T:
        yield column[drawn]


def errors(differences: Array, world: World, alpha: float) -> NDArray[np.bool_]:
    """Return, per race, whether it erred in each of three ways, shape (races, 3).

    An interval missed at some n, which with a margin of 0 is a false "better" or "worse"; the verdict of the
    race is "better" or "worse" although the arms are equal; "equivalent" although they differ by the margin.
    """
    low, high = anytime.intervals(differences, alpha, resolution=world.resolution)
    missed = ((low > 0.0) | (high < 0.0)).any(axis=-1)
    _, directed = _verdicts(low, high, world.margin)
    # Intervals move with the mean, so the same draws serve for a true difference of exactly the margin.
    equivalent, _ = _verdicts(low + world.margin, high + world.margin, world.margin)
    return np.stack([missed, directed, equivalent], axis=-1)


def _verdicts(low: Array, high: Array, margin: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which races end with "equivalent", and which with "better" or "worse"."""
    rules = paired.rules(low, high, margin)
    decided = np.logical_or.reduce(list(rules.values()))
    first = decided.argmax(axis=-1)[:, None]
    equivalent = np.take_along_axis(rules["equivalent"], first, axis=-1)[:, 0]
    return equivalent, decided.any(axis=-1) & ~equivalent


def false_verdicts(random: np.random.Generator, count: int, world: World) -> tuple[Array, Array]:
    """Return the shares of races with each error: per arm at alpha .05, and in any of six at .05 / 6."""
    single, family = [], np.zeros((count, 3), dtype=bool)
    for differences in world.draw(random, count):
        single.append(errors(differences, world, FIRST_ALPHA).mean(axis=0))
        family |= errors(differences, world, FAMILY_ALPHA)
    return np.array(single), family.mean(axis=0)


def false_rows(random: np.random.Generator, count: int) -> tuple[Rows, Array]:
    """Return a row per kind of difference, one comparison, then six; and the errors of the worst real arm."""
    rows = []
    for world in worlds():
        single, family = false_verdicts(random, count, world)
        rows.append([world.name, *(f"{share:.3f}" for share in (*single.mean(axis=0), *family))])
    return rows, single.max(axis=0)


def later_rows(random: np.random.Generator, count: int) -> Rows:
    """Return how often skewed races err when they are first analysed later."""
    rows = []
    for name in ("gamma (skewness 1)", "exponential (skewness 2)"):
        differences = NOISE[name](random, (count, LONGEST))
        for alpha, label in ((FIRST_ALPHA, ".05"), (FAMILY_ALPHA, ".05 / 6")):
            low, high = anytime.intervals(differences, alpha)
            missed = (low > 0.0) | (high < 0.0)
            shares = [missed[:, first - 1 :].any(axis=-1).mean() for first in (2, 10, 20, 30)]
            rows.append([name, label, *(f"{share:.3f}" for share in shares)])
    return rows


def stepped_coverage(alpha: float, floor: float) -> float:
    """Return the least coverage at all n together of differences that are 0 or one step, exactly.

    `floor` is the smallest SD an interval is made with, in steps. What is followed is the probability of k
    ones after n seeds without an interval that missed.
    """
    share = np.linspace(0.005, 0.995, 199)[:, None]
    alive = np.concatenate([1.0 - share, share], axis=1)
    for n in range(2, LONGEST + 1):
        grown = np.pad(alive * (1.0 - share), ((0, 0), (0, 1)))
        grown[:, 1:] += alive * share
        ones = np.arange(n + 1)
        sd = np.maximum(np.sqrt(ones * (n - ones) / (n * (n - 1))), floor)
        factor = anytime.half_width(n, alpha)
        half = sd * factor if math.isfinite(factor) else np.full(n + 1, math.inf)
        alive = grown * (np.abs(ones / n - share) <= half + 1e-12)
    return float(alive.sum(axis=1).min())


def stepped_rows() -> Rows:
    """Return a row per floor on the standard deviation."""
    floors = {"none": 0.0, "1/sqrt(12)": 12**-0.5, "1/sqrt(6)": 6**-0.5, "1/2": 0.5}
    return [
        [label, *(f"{stepped_coverage(alpha, floor):.3f}" for alpha in (FIRST_ALPHA, FAMILY_ALPHA))]
        for label, floor in floors.items()
    ]


def precision_rows(random: np.random.Generator, count: int) -> Rows:
    """Return a row per precision g: misses in six comparisons, and median seeds with margin 1."""
    rows = []
    uniform = NOISE["uniform"](random, (ARMS - 1, count, LONGEST))
    gaussian = random.normal(size=(count, LONGEST))
    for g in (1.0, 2.0, 4.0):
        missed = np.zeros(count, dtype=bool)
        for differences in uniform:
            low, high = anytime.intervals(differences, FAMILY_ALPHA, g)
            missed |= ((low > 0.0) | (high < 0.0)).any(axis=-1)
        row = [f"{g:g}", f"{missed.mean():.3f}"]
        for effect in (0.0, 0.5, 1.0, 2.0):
            low, high = anytime.intervals(effect + gaussian, FAMILY_ALPHA, g)
            row.append(f"{np.median(_seeds(low, high, 1.0)):.0f}")
        rows.append(row)
    return rows


def peeked_t(differences: Array, first: int = 5) -> Array:
    """Return 1/p of a t-test made after every seed from `first` on: what one must not do."""
    n = np.arange(1, differences.shape[-1] + 1)
    mean = np.cumsum(differences, axis=-1) / n
    squares = np.cumsum(differences**2, axis=-1)
    with np.errstate(all="ignore"):
        variance = (squares - n * mean**2) / (n - 1)
        p_values = 2.0 * stats.t.sf(np.abs(mean) / np.sqrt(variance / n), n - 1)
    return np.where(n < first, 1.0, 1.0 / np.maximum(p_values, 1e-300))


def normal_mixture(differences: Array, rho: float = 5.0) -> Array:
    """E-values against "differences are symmetric around 0" (de la Pena 1999; Robbins 1970)."""
    total, squares = np.cumsum(differences, axis=-1), np.cumsum(differences**2, axis=-1)
    return np.exp(0.5 * np.log(rho / (squares + rho)) + total**2 / (2.0 * (squares + rho)))


METHODS: dict[str, Callable[[Array], Array]] = {
    "t e-process": lambda races: np.array([anytime.t_e_process(one) for one in races]),
    "normal mixture, rho = 5 SD^2": normal_mixture,
    "t-test repeated from 5 seeds on": peeked_t,
}


def false_alarms(random: np.random.Generator, count: int, method: str, noise: str = "Gaussian") -> float:
    """Return the share of races between equal arms that a method calls different, at alpha .05."""
    e_values = METHODS[method](NOISE[noise](random, (count, LONGEST)))
    return float((e_values >= 1.0 / FIRST_ALPHA).any(axis=-1).mean())


def method_rows(random: np.random.Generator, count: int) -> Rows:
    """Return a row per method."""
    return [
        [method, *(f"{false_alarms(random, count, method, noise):.3f}" for noise in NOISE)]
        for method in METHODS
    ]


def seeds_to_decide(
    random: np.random.Generator, count: int, *, effect: float, margin: float, alpha: float
) -> Array:
    """Return after how many seeds each Gaussian race was decided; infinite beyond `LONGEST`."""
    return _seeds(*anytime.intervals(effect + random.normal(size=(count, LONGEST)), alpha), margin)


def _seeds(low: Array, high: Array, margin: float) -> Array:
    decided = np.logical_or.reduce(list(paired.rules(low, high, margin).values()))
    return _reached(decided)


def _reached(crossed: NDArray[np.bool_]) -> Array:
    """Return the number of seeds at which each race first crosses; infinite where it does not."""
    return np.where(crossed.any(axis=-1), crossed.argmax(axis=-1) + 1.0, math.inf)


def fixed_power(n: int, *, effect: float, margin: float, alpha: float) -> float:
    """Return how often Student's interval decides at `n` seeds fixed beforehand (SD 1).

    Averaged over the distribution of the standard deviation; with a margin of 0 it is the power of the t-test
    from the noncentral t distribution.
    """
    middle = (np.arange(2000) + 0.5) / 2000
    half = paired.half_width(np.sqrt(stats.chi2.ppf(middle, n - 1) / (n - 1)), n, alpha)
    inner = np.minimum(np.maximum(margin - half, 0.0), half)  # undecided: inner <= |mean| <= half

    def below(bound: Array) -> Array:
        scale = math.sqrt(n)
        inside: Array = stats.norm.cdf((bound - effect) * scale) - stats.norm.cdf((-bound - effect) * scale)
        return inside

    return float(1.0 - (below(half) - below(inner)).mean())


def fixed_seeds(power: float, *, effect: float, margin: float, alpha: float) -> int:
    """Return the number of seeds at which a study of fixed size decides with probability `power`."""
    return next(
        n for n in range(2, 100_000) if fixed_power(n, effect=effect, margin=margin, alpha=alpha) >= power
    )


def duration_rows(random: np.random.Generator, count: int) -> Rows:
    """Return a row per margin and effect: race and fixed number of seeds, for one comparison and six."""
    rows = []
    for margin in (1.0, 0.5):
        for effect in EFFECTS:
            row = [f"{margin:g}", f"{effect:g}"]
            for alpha in (FIRST_ALPHA, FAMILY_ALPHA):
                case = {"effect": effect, "margin": margin, "alpha": alpha}
                seeds = seeds_to_decide(random, count, **case)
                for power in (0.5, 0.9):
                    taken = float(np.quantile(seeds, power, method="inverted_cdf"))
                    shown = f"{taken:.0f}" if math.isfinite(taken) else f"over {LONGEST}"
                    row.append(f"{shown} / {fixed_seeds(power, **case)}")
            rows.append(row)
    return rows


def skewness_rows(random: np.random.Generator, count: int) -> Rows:
    """Return how often a sample of 15, 20, 30, 40, 100 differences is warned of."""
    rows = []
    for world in worlds():
        races = next(world.draw(random, count))
        shares = [np.mean([skewness.skewed(one[:n]) for one in races]) for n in (15, 20, 30, 40, 100)]
        rows.append([world.name, *(f"{share:.2f}" for share in shares)])
    return rows


def skewed_mistakes(random: np.random.Generator, count: int) -> tuple[float, float]:
    """Return, of exponential races decided falsely: the share too short to tell, and that with a warning."""
    differences = NOISE["exponential (skewness 2)"](random, (count, LONGEST))
    low, high = anytime.intervals(differences, FIRST_ALPHA)
    wrong = (low > 0.0) | (high < 0.0)
    sizes = wrong.argmax(axis=-1)[wrong.any(axis=-1)] + 1
    warned = [skewness.skewed(one[:n]) for one, n in zip(differences[wrong.any(axis=-1)], sizes, strict=True)]
    return float(np.mean(sizes < skewness.FEWEST)), float(np.mean(warned))


def failing(random: np.random.Generator, count: int, share: float) -> NDArray[np.bool_]:
    """Return which runs fail, in `count` races over `LONGEST` seeds."""
    return random.random((count, LONGEST)) < share


def failure_rows(random: np.random.Generator, count: int) -> Rows:
    """Return the false alarms of both failure tests at alpha .05 and .05 / 6."""
    rows = []
    for share in (0.05, 0.2, 0.5):
        e_values = np.array(
            [
                divergence.sign_e_process(*both).max()
                for both in zip(failing(random, count, share), failing(random, count, share), strict=True)
            ]
        )
        rows.append([f"both fail in {100 * share:g} %: one more often?", *_crossed(e_values)])
    for share in (0.05, 0.1, divergence.SHARE):
        e_values = np.array([divergence.share_e_process(one).max() for one in failing(random, count, share)])
        rows.append([f"fails in {100 * share:g} %: out?", *_crossed(e_values)])
    return rows


def _crossed(e_values: Array) -> list[str]:
    return [f"{(e_values >= 1.0 / alpha).mean():.4f}" for alpha in (FIRST_ALPHA, FAMILY_ALPHA)]


def out_rows(random: np.random.Generator, count: int) -> Rows:
    """Return how many seeds it takes until an arm that fails too often is out."""
    rows = []
    for share in (0.3, 0.5, 0.8, 1.0):
        e_values = np.array([divergence.share_e_process(one) for one in failing(random, count, share)])
        row = [f"{100 * share:g} %"]
        for alpha in (FIRST_ALPHA, FAMILY_ALPHA):
            seeds = _reached(e_values >= 1.0 / alpha)
            for part in (0.5, 0.9):
                taken = float(np.quantile(seeds, part, method="inverted_cdf"))
                row.append(f"{taken:.0f}" if math.isfinite(taken) else f"over {LONGEST}")
        rows.append(row)
    return rows


def whole_races(
    random: np.random.Generator, count: int, *, rate: float, worst: bool, at_most: int = 40
) -> dict[str, float]:
    """Return how often `standing` gives each verdict on equal Gaussian arms, margin .25, of which runs fail.

    Either runs of both fail at random, or those of the arm that went worst: its survivors are then better.
    """
    tally = dict.fromkeys(("better", "worse", "equivalent", "undecided", "out"), 0)
    for _ in range(count):
        metrics = random.normal(size=(2, at_most))
        failed = random.random((2, at_most)) < rate
        if worst:
            failed = np.stack([stats.norm.cdf(metrics[0]) < rate, np.zeros(at_most, dtype=bool)])
        arm, control = (
            [None if gone else value for value, gone in zip(*both, strict=True)]
            for both in zip(metrics.tolist(), failed.tolist(), strict=True)
        )
        found = standing(arm, control, planned=at_most, racing=True, margin=0.25, alpha=FIRST_ALPHA)
        tally[found.verdict] += 1
        tally["out"] += found.out
    return {name: number / count for name, number in tally.items()}


def whole_rows(random: np.random.Generator, count: int) -> Rows:
    """Return a row per way of failing."""
    rows = []
    for worst, name in ((False, "runs of both, at random"), (True, "the arm's worst runs")):
        for rate in (0.05, 0.15):
            found = whole_races(random, count, rate=rate, worst=worst)
            shares = (found["better"], found["worse"], found["out"])
            rows.append([name, f"{100 * rate:g} %", *(f"{share:.3f}" for share in shares)])
    return rows
