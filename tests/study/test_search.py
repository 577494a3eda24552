"""Which learning rate is chosen, and for how many trials."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rectifiers.records.values import Run, Trial
from rectifiers.study.search import STEPS_BEYOND, search, trials_at_most

GRID = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def run(rate, seed, metric):
    failed = isinstance(metric, str)
    return Run(
        trial=Trial(f"{rate}/{seed}", "tune", "relu", "none", rate, seed),
        outcome=metric if failed else "finished",
        metric=None if failed else metric,
        reason="",
        steps=1,
        epochs=1,
        steps_to_target=None,
        seconds=0.0,
        peak_memory=None,
        parameters=1,
        train_loss=(),
        train_error=(),
        init_hash="",
        order_hash="",
        noise_hash="",
        started="",
    )


def searched(metric, grid=GRID, seeds=3, noise=2.0):
    """Search with `metric(rate, seed)`; return the choice and what was tried, in order."""
    tried = {}
    while True:
        missing, choice = search(
            "relu", grid, seeds, lambda rate, seed: tried.get((rate, seed)), lambda run, metric: noise
        )
        if choice is not None:
            assert missing == []
            return choice, list(tried)
        assert missing
        for rate, seed in missing:
            assert (rate, seed) not in tried
            tried[rate, seed] = run(rate, seed, metric(rate, seed))


def peak(at):
    return lambda rate, seed: 90 - 10 * abs(math.log(rate / at)) + seed


@pytest.mark.parametrize("best", GRID)
def test_the_peak_of_a_hill_is_found(best):
    choice, tried = searched(peak(best))
    assert choice.rate == best
    assert choice.warning is None
    assert len(tried) <= trials_at_most(GRID, 3)


def test_inside_the_grid_it_costs_less_than_half_of_all_rates_on_all_seeds():
    for best in GRID[1:-1]:
        _, tried = searched(peak(best))
        assert len(tried) == 10 < len(GRID) * 3 / 2


def test_with_one_seed_every_second_rate_is_tried_first():
    for best in GRID[1:-1]:
        choice, tried = searched(peak(best), seeds=1)
        assert choice.rate == best
        assert tried[:3] == [(0.02, 0), (0.1, 0), (0.5, 0)]
        assert len(tried) == 5


@pytest.mark.parametrize(
    "best, beyond", [(2.0, [2.0, 4.0]), (4.0, [2.0, 4.0, 8.0]), (0.005, [0.005, 0.0025])]
)
def test_where_the_best_rate_lies_at_an_end_the_grid_goes_on(best, beyond):
    choice, tried = searched(peak(best))
    assert choice.rate == best
    assert sorted({rate for rate, _ in tried} - set(GRID)) == sorted(beyond)
    assert choice.warning is None


@pytest.mark.parametrize("best, side, way", [(1e3, "highest", "higher"), (1e-9, "lowest", "lower")])
def test_for_three_steps_and_then_it_is_said(best, side, way):
    choice, _ = searched(peak(best))
    assert choice.warning is not None
    assert choice.warning.code == "rate-at-edge"
    assert f"is the {side} that was tried, {STEPS_BEYOND} steps beyond" in choice.warning.text
    assert f"a {way} one may be better" in choice.warning.text


def test_the_best_three_are_compared_on_another_seed_shifted_to_the_level_of_the_first():
    table = {0.05: [90, 69], 0.1: [94, 70], 0.2: [90, 65]}
    choice, tried = searched(lambda rate, seed: table.get(rate, [80] * 3)[seed])
    assert {t for t in tried if t[1] > 0} == {(0.05, 1), (0.1, 1), (0.2, 1)}
    assert choice.rate == 0.1
    easier, _ = searched(lambda rate, seed: table.get(rate, [80] * 3)[seed] + 500 * seed)
    assert easier == choice


def test_a_rate_beside_one_that_diverges_must_be_better_by_what_noise_can_do():
    def beside(best):
        return lambda rate, seed: (
            "diverged" if rate > 0.2 else {0.2: best, 0.1: 95.0, 0.05: 94.5}.get(rate, 90.0)
        )

    assert searched(beside(95.4), noise=2.0)[0].rate == 0.1
    assert searched(beside(95.4), noise=0.1)[0].rate == 0.2
    assert searched(beside(99.0), noise=2.0)[0].rate == 0.2


def test_among_equals_it_is_the_middle_one():
    choice, _ = searched(lambda rate, seed: 100.0 if 0.02 <= rate <= 0.5 else 50.0)
    assert choice.rate in (0.05, 0.1)


def test_a_rate_that_fails_less_often_goes_before_a_better_one():
    table = {0.1: [99, "diverged"], 0.05: [80, 80], 0.2: [70, 70]}
    choice, _ = searched(lambda rate, seed: table.get(rate, [60] * 2)[seed])
    assert choice.rate == 0.05


def test_where_all_fail_lower_rates_are_tried():
    choice, _ = searched(lambda rate, seed: "diverged" if rate > 0.006 else 80.0)
    assert choice.rate <= 0.005


def test_where_nothing_ever_finishes_it_is_said():
    choice, _ = searched(lambda rate, seed: "crashed")
    assert choice.warning is not None
    assert choice.warning.code == "no-rate-finished"
    assert choice.rate == 0.1


@pytest.mark.parametrize("grid, seeds", [((0.1, 0.3), 2), ((0.1, 0.3, 1.0), 3), (GRID[:5], 3), (GRID, 1)])
def test_short_grids_and_single_seeds(grid, seeds):
    for best in grid:
        choice, tried = searched(peak(best), grid, seeds)
        assert choice.rate == best
        assert {seed for _, seed in tried} <= set(range(seeds))
        assert len(tried) <= trials_at_most(grid, seeds)


@pytest.mark.parametrize("up", [True, False])
def test_a_best_rate_that_only_further_seeds_put_at_an_end_is_looked_beyond(up):
    def metric(rate, seed):
        place = GRID.index(rate) if up else 6 - GRID.index(rate)
        return 80 + place - 1.1 * (place == 6 and seed == 0)

    def beyond(rate, seed):
        return metric(rate, seed) if rate in GRID else 60.0 + seed

    choice, tried = searched(beyond, noise=0.0)
    assert choice.rate == GRID[-1 if up else 0]
    assert (2.0 if up else 0.005, 0) in tried
    assert choice.warning is None


@given(st.data())
def test_it_ends_whatever_comes_and_chooses_what_it_tried(data):
    outcome = st.one_of(st.floats(0, 100), st.sampled_from(["diverged", "crashed"]))
    known = {}
    choice, tried = searched(lambda rate, seed: known.setdefault((rate, seed), data.draw(outcome)))
    assert choice.rate in {rate for rate, _ in tried} | {0.1}
    assert len(tried) <= trials_at_most(GRID, 3) + 4


def test_it_does_not_depend_on_the_order_in_which_runs_come():
    table = {}
    first, _ = searched(lambda rate, seed: table.setdefault((rate, seed), 80 + len(table) % 7))
    again, _ = searched(lambda rate, seed: table[rate, seed])
    assert first == again
