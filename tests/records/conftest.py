"""A small plan and runs of it, made up: records need no training."""

from __future__ import annotations

import math

import pytest

from rectifiers.records.values import ArmSpec, Curve, Plan, Run


@pytest.fixture
def plan() -> Plan:
    ramp = Curve((-1.0, 0.0, 1.0), (0.0, 0.0, 1.0), (0.0, 0.0, 1.0))
    return Plan(
        task="digits",
        data_source="made up",
        data_hash="d" * 64,
        metric="accuracy",
        unit="%",
        resolution=0.1,
        train_size=1200,
        validation_size=200,
        test_size=597,
        outputs=10,
        input_shape=(1, 8, 8),
        arms=(
            ArmSpec("relu", "relu", "relu", math.sqrt(2), 64, ramp),
            ArmSpec("maxout(pieces=3)", "maxout(pieces=3)", "maxout", 0.9, 37),
            ArmSpec("net:Mine", "net:Mine@abc", "", 1.1),
        ),
        control="relu",
        norms=("none", "batch"),
        seeds=2,
        tuning_seeds=1,
        learning_rates=(0.01, 0.1),
        epochs=2,
        batch_size=32,
        optimizer="sgd",
        momentum=0.9,
        weight_decay=0.0,
        schedule="cosine",
        model="mlp",
        width=64,
        depth=2,
        match="parameters",
        initialization="gain",
        margin=0.2,
        confidence=0.95,
        target=5.0,
        device="cpu",
    )


@pytest.fixture
def make_run(plan):
    def make(arm="relu", norm="none", rate=0.1, seed=0, phase="test", outcome="finished", **measured) -> Run:
        finished = outcome == "finished"
        values = {
            "outcome": outcome,
            "reason": "" if finished else "loss is nan at step 12",
            "metric": 90 + seed + 1 / 3 if finished else None,
            "steps": 74,
            "epochs": 2,
            "steps_to_target": 41,
            "seconds": 0.1 + 0.2,
            "peak_memory": 447144,
            "parameters": 8970,
            "train_loss": (2.0 / 3, 0.1),
            "train_error": (20.0, 3.0),
            "init_hash": "a" * 64,
            "order_hash": "b" * 64,
            "noise_hash": "c" * 64,
            "started": "2026-01-02T03:04:05+00:00",
        }
        return Run(plan.trial(phase, arm, norm, rate, seed), **{**values, **measured})

    return make
