"""Which learning rate is chosen."""

import pytest

from rectifiers.records.values import Run, Trial
from rectifiers.study.rates import choose

GRID = (0.01, 0.03, 0.1, 0.3)


def runs(table):
    """Make tuning runs from {rate: [metric, or "diverged"]}."""
    made = []
    for rate, results in table.items():
        for seed, metric in enumerate(results):
            failed = isinstance(metric, str)
            trial = Trial(f"{rate}/{seed}", "tune", "relu", "none", rate, seed)
            nothing = {"reason": "", "steps": 1, "epochs": 1, "steps_to_target": None, "seconds": 0.0}
            made.append(
                Run(
                    trial=trial,
                    outcome=metric if failed else "finished",
                    metric=None if failed else metric,
                    train_loss=() if failed else (9.0, 0.5),
                    train_error=(),
                    peak_memory=None,
                    parameters=1,
                    init_hash="",
                    order_hash="",
                    noise_hash="",
                    started="",
                    **nothing,
                )
            )
    return made


def chosen(table, norm="none"):
    return choose("relu", norm, tuple(table), runs(table))


def test_the_best_mean_wins():
    choice = chosen({0.01: [90, 90], 0.03: [95, 93], 0.1: [99, 88], 0.3: [80, 80]})
    assert choice.rate == 0.03
    assert not choice.at_edge
    assert choice.warning == ""


def test_a_rate_that_fails_less_often_goes_before_a_better_one():
    assert chosen({0.01: [70, 70], 0.03: [80, 80], 0.1: [99, "diverged"], 0.3: ["crashed", 99]}).rate == 0.03


def test_among_equally_unreliable_rates_the_better_one_wins():
    assert chosen({0.01: ["diverged", 70], 0.03: [80, "crashed"], 0.1: ["diverged", "diverged"]}).rate == 0.03


@pytest.mark.parametrize(
    "metrics, rate",
    [([90, 90, 90, 90], 0.03), ([80, 90, 90, 90], 0.1), ([80, 90, 90, 80], 0.03), ([90, 80, 80, 90], 0.01)],
)
def test_of_equal_metrics_the_middle_rate_is_taken(metrics, rate):
    assert chosen({tried: [metric] for tried, metric in zip(GRID, metrics, strict=True)}).rate == rate


@pytest.mark.parametrize("best, side, way", [(0, "lowest", "lower"), (3, "highest", "higher")])
def test_the_edge_of_the_grid_is_warned_of(best, side, way):
    choice = chosen({rate: [90 + 5 * (i == best)] for i, rate in enumerate(GRID)}, norm="batch")
    assert choice.rate == GRID[best]
    assert choice.at_edge
    assert choice.warning == (
        f"relu with batch norm: the best learning rate, {GRID[best]:g}, is the {side} that was tried; "
        f"a {way} one may be better: widen the grid with --lr"
    )


def test_where_nothing_finished_the_middle_rate_is_tested_and_it_is_said():
    choice = chosen({rate: ["diverged", "crashed"] for rate in GRID})
    assert choice.rate == 0.03
    assert "no tuning trial finished at any learning rate" in choice.warning


def test_the_order_in_which_runs_came_does_not_matter():
    table = {0.01: [90, 91, 0.1], 0.03: [95.1, 93.3, 0.2], 0.1: [0.2, 93.3, 95.1]}
    assert chosen(table).rate == 0.03
    assert choose("relu", "none", tuple(table), reversed(runs(table))) == chosen(table)
