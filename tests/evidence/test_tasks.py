"""Several tasks together, held against rliable."""

import math

import numpy as np
import pytest

from rectifiers.errors import ShapeError
from rectifiers.evidence import tasks

SCORES = [[(7 * i * i + 13 * j * i + 5 * j) % 101 / 10 - 3 for j in range(3)] for i in range(10)]


def draw():
    return np.random.default_rng(0)


def test_it_is_what_rliable_says():
    """Version 1.2.0 with arch 8.0: metrics.aggregate_iqm, create_performance_profile, get_interval_estimates.

    The last with 50,000 repetitions; it takes no seed.
    """
    assert tasks.interquartile_mean(SCORES) == 0.6312500000000001
    shares = tasks.profile(SCORES, [-2.0, -0.5, 0.0, 0.5, 1.0, 4.0])
    assert shares == pytest.approx([0.8, 0.63333333, 0.56666667, 0.5, 0.46666667, 0.1])
    low, high = tasks.interval(SCORES, generator=draw(), draws=20_000)
    assert (low, high) == pytest.approx((-0.53125, 1.76875), abs=0.03)


def test_each_task_is_drawn_on_its_own():
    """Levels of tasks are no spread of runs: whatever is drawn, a task that is constant stays what it is."""
    level = [[1.0, 100.0]] * 6
    assert tasks.interval(level, generator=draw()) == (50.5, 50.5)


def test_the_same_generator_gives_the_same_interval():
    assert tasks.interval(SCORES, generator=draw()) == tasks.interval(SCORES, generator=draw())


def test_a_failed_run_is_lower_than_any_other_and_enough_of_them_leave_no_mean():
    scores = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])
    scores[0, 0] = -math.inf
    assert tasks.interquartile_mean(scores) == 4.5
    scores[:3, 0] = -math.inf
    assert tasks.interquartile_mean(scores) == -math.inf
    assert tasks.profile(scores, [-1e9])[0] == 5 / 8


@pytest.mark.parametrize("scores", [[], [1.0], [[]], [[math.nan]]])
def test_scores_are_runs_by_tasks(scores):
    with pytest.raises(ShapeError, match="shape \\(runs, tasks\\)"):
        tasks.interquartile_mean(scores)
