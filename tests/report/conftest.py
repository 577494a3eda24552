"""A study as a real one would leave it: seven arms, two normalisations, failures, warnings, an odd label."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable

import numpy as np
import pytest

from rectifiers.records.standings import against_control
from rectifiers.records.values import (
    ArmSpec,
    Curve,
    Margin,
    Notice,
    Outcome,
    Phase,
    Plan,
    Run,
    Study,
    Trial,
    content_hash,
)

SCRIPT = "<script>document.title='owned'</script>"

_GRID = np.linspace(-4.0, 4.0, 161)
_SHAPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda x: np.maximum(x, 0.0),
    "leaky_relu(0.01)": lambda x: np.where(x > 0, x, 0.01 * x),
    "leaky_relu(1/5.5)": lambda x: np.where(x > 0, x, x / 5.5),
    "prelu": lambda x: np.where(x > 0, x, 0.25 * x),
    "rrelu": lambda x: np.where(x > 0, x, 0.2292 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "tanh": np.tanh,
}
_EFFECT = {
    "relu": 0.0,
    "leaky_relu(0.01)": 0.01,
    "leaky_relu(1/5.5)": 0.32,
    "prelu": 0.28,
    "rrelu": 0.17,
    "elu": 0.55,
    "tanh": -0.75,
}


def _curve(label: str) -> Curve | None:
    if label not in _SHAPES:
        return None
    f = _SHAPES[label](_GRID)
    return Curve(tuple(_GRID.tolist()), tuple(f.tolist()), tuple(np.gradient(f, _GRID).tolist()))


def _plan(labels: tuple[str, ...] = tuple(_SHAPES), **changes: object) -> Plan:
    arms = tuple(
        ArmSpec(
            label=label,
            identity=label,
            name=label.partition("(")[0] if label in _SHAPES else "",
            gain=1.414,
            width=96,
            curve=_curve(label),
        )
        for label in labels
    )
    plan = Plan(
        task="digits",
        data_source="embedded",
        data_hash="d" * 64,
        metric="accuracy",
        unit="%",
        resolution=100 / 1797,
        train_size=1437,
        validation_size=287,
        test_size=360,
        outputs=10,
        input_shape=(64,),
        arms=arms,
        control=labels[0],
        norms=("none", "batch"),
        seeds=8,
        tuning_seeds=2,
        learning_rates=(0.01, 0.0316, 0.1, 0.316, 1.0),
        epochs=10,
        batch_size=32,
        optimizer="sgd",
        momentum=0.9,
        weight_decay=0.0,
        schedule="cosine",
        model="mlp",
        width=96,
        depth=2,
        match="parameters",
        initialization="gain",
        margin=0.2,
        confidence=0.95,
        target=2.0,
        device="cpu",
    )
    return dataclasses.replace(plan, **changes)  # type: ignore[arg-type]


def _run(
    arm: str,
    norm: str,
    seed: int,
    metric: float | None,
    *,
    phase: Phase = "test",
    rate: float = 0.1,
    outcome: Outcome = "finished",
    reason: str = "",
    seconds: float = 1.2,
    epochs: int = 10,
    level: float = 1.0,
    steps_to_target: int | None = None,
) -> Run:
    done = epochs if outcome == "finished" else 2
    loss = tuple(level * (2.2 * math.exp(-0.55 * e) + 0.012) for e in range(1, done + 1))
    return Run(
        trial=Trial(content_hash([arm, norm, seed, rate, phase]), phase, arm, norm, rate, seed),
        outcome=outcome,
        reason=reason,
        metric=metric,
        steps=45 * done,
        epochs=done,
        steps_to_target=steps_to_target,
        seconds=seconds,
        peak_memory=1_840_000 + 90_000 * (norm == "batch"),
        parameters=9802 + 400 * (norm == "batch"),
        train_loss=loss,
        train_error=tuple(min(90.0, 38.0 * value) for value in loss),
        init_hash=content_hash(["init", norm, seed, arm.startswith("maxout")]),
        order_hash=content_hash(["order", seed]),
        noise_hash=content_hash(["noise", seed]),
        started="2025-11-22T08:00:00+00:00",
    )


def _keyed(plan: Plan, runs: Iterable[Run], **facts: object) -> Study:
    """A study of these runs, each with the key that its trial has under the plan."""
    keyed = []
    for run in runs:
        trial = run.trial
        keys = (trial.phase, trial.arm, trial.norm, trial.learning_rate, trial.seed)
        keyed.append(dataclasses.replace(run, trial=plan.trial(*keys)))
    margin = Margin(0.2 if plan.margin is None else plan.margin, "as given")
    return Study(plan, tuple(keyed), **{"margin": margin, **facts})  # type: ignore[arg-type]


def _study(labels: tuple[str, ...] = tuple(_SHAPES), **changes: object) -> Study:
    plan = _plan(labels, **changes)
    random = np.random.default_rng(20251122)
    runs: list[Run] = []
    rates = {}
    for norm in plan.norms:
        common = random.normal(0.0, 0.15, plan.seeds)
        for index, arm in enumerate(plan.arms):
            effect = _EFFECT.get(arm.label, 0.1)
            best = 3 if arm.label == "tanh" else (4 if arm.label == "elu" and norm == "batch" else 2)
            for place, rate in enumerate(plan.learning_rates if plan.tuned else ()):
                for seed in range(plan.tuning_seeds):
                    broken = place == 4 and norm == "none" and arm.label != "tanh"
                    value = 97.0 + effect - 0.9 * (place - best) ** 2 + random.normal(0.0, 0.1)
                    runs.append(
                        _run(
                            arm.label,
                            norm,
                            1000 + seed,
                            None if broken else round(value, 3),
                            phase="tune",
                            rate=rate,
                            outcome="diverged" if broken else "finished",
                            reason="loss is nan at step 12" if broken else "",
                        )
                    )
            rates[arm.label, norm] = plan.learning_rates[min(best, len(plan.learning_rates) - 1)]
            for seed in range(plan.seeds):
                outcome: Outcome = "finished"
                reason = ""
                if arm.label == "rrelu" and norm == "none" and seed in (1, 4):
                    outcome, reason = "diverged", "loss is nan at step 31"
                if arm.label == "prelu" and norm == "batch" and seed == 2:
                    outcome, reason = "crashed", f"RuntimeError: {SCRIPT} out of memory"
                scale = 0.3 if norm == "batch" else 1.0
                value = (
                    97.1 + 0.5 * (norm == "batch") + scale * effect + common[seed] + random.normal(0.0, 0.12)
                )
                runs.append(
                    _run(
                        arm.label,
                        norm,
                        seed,
                        round(value / plan.resolution) * plan.resolution if outcome == "finished" else None,
                        rate=rates[arm.label, norm],
                        outcome=outcome,
                        reason=reason,
                        seconds=float(
                            (1.0 + 0.12 * index) * (1.4 if norm == "batch" else 1.0) + random.normal(0, 0.02)
                        ),
                        epochs=plan.epochs,
                        level=float(
                            (1.3 - 0.6 * effect - 0.35 * (norm == "batch")) * random.uniform(0.85, 1.15)
                        ),
                        steps_to_target=int(260 - 90 * effect + random.integers(-9, 9))
                        if seed != 3
                        else None,
                    )
                )
    return _keyed(
        plan,
        runs,
        rates=rates if plan.tuned else {},
        warnings=(
            Notice("rate-at-edge", "elu with batch normalisation: the best learning rate, 1, is at the edge"),
            Notice("odd", f"a warning with {SCRIPT} in it"),
        ),
        environment={
            "rectifiers": "0.1.0",
            "torch": "2.13.0",
            "python": "3.11.9",
            "machine": "x86_64",
            "threads": "2",
        },
        command="rectifiers compare digits --arms 'relu,elu' --norm none,batch --seeds 8 --lr auto",
    )


def _race(
    effects: dict[str, float] | None = None,
    *,
    norms: tuple[str, ...] = ("none",),
    ahead: int = 2,
    fails: dict[str, int] | None = None,
    tail: float = 0.0,
    **changes: object,
) -> Study:
    """A race as a runner would leave it: arms stop where they are decided, processes ran `ahead` of that.

    `fails` has each how many-th seed of an arm diverges; `tail` skews the arms' noise.
    """
    effects = effects or {"relu": 0.0, "elu": 0.3, "prelu": 0.1, "rrelu": -1.4, "tanh": -0.2}
    settings = {"seeds": 40, "racing": True, "margin": None, "resolution": 0.0, "test_size": 597, **changes}
    plan = _plan(tuple(effects), norms=norms, **settings)
    random = np.random.default_rng(7)
    tuned = [(0.0316, 0), (0.1, 0), (0.316, 0), (0.1, 1), (0.316, 1)]
    runs: list[Run] = []
    rates = {}
    for norm in norms:
        common = random.normal(0.0, 0.5, plan.seeds)
        for arm, effect in effects.items():
            tried = [*tuned, (1.0, 0)] if arm == "tanh" else tuned
            rates[arm, norm] = 0.316 if arm == "tanh" else 0.1
            for rate, seed in tried:
                runs.append(_run(arm, norm, seed, 94.0 - (rate - 0.2) ** 2, phase="tune", rate=rate))
            noise = random.normal(0.0, 0.6, plan.seeds) + tail * random.exponential(1.0, plan.seeds)
            for seed, value in enumerate(94.3 + effect + common + noise):
                broken = (fails or {}).get(arm) and seed % (fails or {})[arm] == 0
                metric = None if broken else float(value)
                outcome: Outcome = "diverged" if broken else "finished"
                runs.append(_run(arm, norm, seed, metric, rate=rates[arm, norm], outcome=outcome))
    rule = "one standard error of accuracy on 597 test samples at relu's 94.3 %"
    command = "rectifiers compare digits --arms 'relu,elu' --max-seeds 40"
    facts = {"rates": rates, "margin": Margin(1.06, rule), "command": command}
    whole = _keyed(plan, runs, **facts)
    ends = {cell: standing.seeds + ahead for cell, standing in against_control(whole).items()}
    for norm in norms:
        ends[plan.control, norm] = max((end for (_, n), end in ends.items() if n == norm), default=plan.seeds)
    made = [
        run
        for run in runs
        if run.trial.phase == "tune" or run.trial.seed < ends[run.trial.arm, run.trial.norm]
    ]
    return _keyed(plan, made, **facts)


@pytest.fixture(scope="session")
def make_race() -> Callable[..., Study]:
    return _race


@pytest.fixture(scope="session")
def race() -> Study:
    return _race()


@pytest.fixture(scope="session")
def make_plan() -> Callable[..., Plan]:
    return _plan


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Run]:
    return _run


@pytest.fixture(scope="session")
def keyed() -> Callable[..., Study]:
    return _keyed


@pytest.fixture(scope="session")
def make_study() -> Callable[..., Study]:
    return _study


@pytest.fixture(scope="session")
def script() -> str:
    """Markup that would betray itself by the page's title."""
    return SCRIPT


@pytest.fixture(scope="session")
def study() -> Study:
    return _study()


@pytest.fixture(scope="session")
def invalid() -> Study:
    """A race in which no arm learned, with a crash, a warning and unequal classes named by the user."""
    study = _race({"relu": 0.0, "elu": 1.3, "mine": 0.1}, norms=("none", "batch"), seeds=8)
    plan = dataclasses.replace(study.plan, outputs=2, baseline=96.0, labels=("cat", "dog"))
    runs = [
        dataclasses.replace(run, metric=None, outcome="crashed", reason="ValueError: boom")
        if (run.trial.arm, run.trial.seed, run.trial.phase) == ("mine", 1, "test")
        else dataclasses.replace(run, balanced=None if run.metric is None else 50.0)
        for run in study.runs
    ]
    notices = (Notice("unequal-classes", "96 % of the samples are of class cat"),)
    return _keyed(plan, runs, rates=study.rates, margin=study.margin, warnings=notices)


@pytest.fixture(scope="session")
def nasty() -> Study:
    """The same with markup where a user can put text."""
    hostile = (*_SHAPES, f"mine:{SCRIPT}")
    return _study(hostile, task=f"digits{SCRIPT}", seeds=3)
