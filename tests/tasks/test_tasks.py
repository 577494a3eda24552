"""The tasks by name: what each one is, and the ones that bring their data with them."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from rectifiers import tasks
from rectifiers.arms import parse_arms
from rectifiers.errors import DataError, UnknownNameError
from rectifiers.initialization import init_
from rectifiers.tasks import digits, losses, mnist1d, models


def test_the_names() -> None:
    assert tasks.names() == ("xor", "digits", "mnist1d", "mnist", "fashion-mnist", "cifar10")
    assert all(tasks.get(name).name == name for name in tasks.names())


@pytest.mark.parametrize(
    "name, near", [("digit", "'digits'"), ("fashion_mnist", "'fashion-mnist'"), ("cifar-10", "'cifar10'")]
)
def test_a_misspelt_task(name: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown task '{name}': did you mean .*{near}"):
        tasks.get(name)


@pytest.mark.parametrize("name", tasks.names())
def test_defaults_are_settings_that_can_be_used(name: str) -> None:
    task = tasks.get(name)
    assert task.defaults_for() is task.defaults_for(task.defaults.model) is task.defaults
    for model in (task.defaults.model, *task.variants):
        chosen = task.defaults_for(model)
        assert chosen.model == model in models.NAMES
        assert list(chosen.learning_rates) == sorted(set(chosen.learning_rates))
        assert len(chosen.learning_rates) >= 4
        assert 0 <= chosen.validation < 0.5
    with pytest.raises(UnknownNameError, match="unknown model for task"):
        task.defaults_for("resnet")


@pytest.mark.parametrize("name", ["xor", "digits", "mnist1d"])
def test_data_that_comes_with_the_package(name: str, tmp_path: Path) -> None:
    data = tasks.get(name).load(tmp_path)  # an empty directory is no obstacle
    assert data.train_x.dtype == data.test_x.dtype == torch.float32
    assert data.train_y.dtype == torch.int64
    assert sorted(set(data.train_y.tolist())) == list(range(data.classes or 0))
    assert data.input_shape == tuple(data.test_x.shape[1:])
    assert len(data.train_x) == len(data.train_y)
    assert len(data.test_x) == len(data.test_y)
    assert data.resolution == pytest.approx(100 / len(data.test_x))
    assert data.content_hash == tasks.get(name).load().content_hash
    # standardised: the published mnist1d by train and test together
    assert float(data.train_x.mean()) == pytest.approx(0, abs=1e-3)
    assert float(data.train_x.std(correction=0)) == pytest.approx(1, abs=3e-3)


def test_content_hash_follows_values_labels_shapes_and_types() -> None:
    data = tasks.get("xor").load()
    changed = [
        dataclasses.replace(data, train_x=data.train_x + 1e-6),
        dataclasses.replace(data, test_y=1 - data.test_y),
        dataclasses.replace(data, train_x=data.train_x.reshape(2, 4)),
        dataclasses.replace(data, train_y=data.train_y.int()),
    ]
    hashes = {it.content_hash for it in [data, *changed]}
    assert len(hashes) == 5
    assert dataclasses.replace(data, source="elsewhere").content_hash in hashes


def test_digits_is_the_published_set() -> None:
    data = tasks.get("digits").load()
    assert data.input_shape == (1, 8, 8)
    assert (len(data.train_x), len(data.test_x)) == (1200, 597)
    counts = (data.train_y.bincount() + data.test_y.bincount()).tolist()
    assert counts == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]  # as UCI's description has them
    first = data.train_x[0, 0]
    black, white = data.train_x.min(), data.train_x.max()
    rows = ((first - black) / (white - black) * 16).round().int().tolist()
    assert rows[0] == [0, 0, 5, 13, 9, 1, 0, 0]
    assert rows[7] == [0, 0, 6, 13, 10, 0, 0, 0]
    assert data.content_hash == "b27298436065009bb84f01cb10ad9269424a9477e895dcc2c6b9dc7bf0253dba"


@pytest.mark.parametrize(
    "content", [b"", b"no gzip", gzip.compress(b"1,2,3\n", mtime=0), gzip.compress(b"x" * 999, mtime=0)[:-9]]
)
def test_a_damaged_digits_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    (tmp_path / "embedded").mkdir()
    (tmp_path / "embedded" / "digits.csv.gz").write_bytes(content)
    monkeypatch.setattr(digits, "files", lambda package: tmp_path)
    with pytest.raises(DataError, match="install rectifiers again"):
        tasks.get("digits").load()


def test_mnist1d_is_the_published_data_set() -> None:
    """Witnesses taken from the published file, mnist1d_data.pkl of github.com/greydanus/mnist1d."""
    signals, labels = mnist1d.generate()
    micro = np.rint(signals * 1e6).astype("<i8")
    assert hashlib.sha256(micro.tobytes()).hexdigest() == (
        "84d961d5accf2cc30aa504b797bbe1ee38911771bd3dd6f6ada4fa8be524ad68"
    )
    assert hashlib.sha256(labels.astype("<i8").tobytes()).hexdigest() == (
        "6feec4a017698c7fe237c8854cbd2e338c6dd5c16240f6fa79daefaaa129e169"
    )
    first = [-0.3320056673693902, -0.4719103656557236, -0.778697076293495, -1.0097408265367047]
    np.testing.assert_allclose(signals[0, :4], first, rtol=0, atol=1e-14)
    data = tasks.get("mnist1d").load()
    np.testing.assert_array_equal(data.test_x[-1, 0], signals[-1].astype(np.float32))
    assert data.train_y[:12].tolist() == [2, 6, 4, 5, 6, 6, 6, 0, 3, 1, 6, 9]


def test_mnist1d_leaves_numpys_random_state() -> None:
    before = np.random.get_state()[1].tolist()
    mnist1d.generate(50, seed=1)
    assert np.random.get_state()[1].tolist() == before


def trained(name: str, text: str, rate: float, seed: int) -> float:
    """Train as a study does by default, and return the score."""
    task = tasks.get(name)
    data, chosen, (arm,) = task.load(), task.defaults, parse_arms(text)
    model = models.build(
        chosen.model,
        input_shape=data.input_shape,
        outputs=data.outputs,
        activation=arm,
        width=chosen.width,
        depth=chosen.depth,
    )
    generator = torch.Generator().manual_seed(seed)
    init_(model, arm.gain, generator=generator)
    loss = losses.of(data)
    optimizer = torch.optim.SGD(model.parameters(), rate, momentum=chosen.momentum)
    n = len(data.train_x)
    steps = chosen.epochs * -(-n // chosen.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(chosen.epochs):
        for batch in torch.randperm(n, generator=generator).split(chosen.batch_size):
            optimizer.zero_grad()
            loss.loss(model(data.train_x[batch]), data.train_y[batch]).backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        return loss.score(model.eval()(data.test_x), data.test_y)


@pytest.mark.parametrize("rate", [tasks.get("xor").defaults.learning_rates[i] for i in (0, -1)])
def test_xor_is_solved_at_both_ends_of_the_grid(rate: float) -> None:
    assert [trained("xor", "leaky_relu", rate, seed) for seed in range(3)] == [100.0] * 3


def test_digits_is_learned() -> None:
    assert trained("digits", "relu", 0.1, 0) > 90
