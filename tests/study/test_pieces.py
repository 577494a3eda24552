"""The user's own pieces in the built-in loop: what they may be, and that they are trained as they say."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, RandomSampler, TensorDataset, WeightedRandomSampler

import rectifiers
from rectifiers import study, tasks
from rectifiers.errors import ArgumentError, ArgumentTypeError, RectifiersError, ShapeError, UserCodeError
from rectifiers.records.values import Run
from rectifiers.study.training import train
from rectifiers.tasks.examples import shapes, tokens

N = 60
X = torch.randn(N, 6, generator=torch.Generator().manual_seed(0))
CLASSES = (X[:, 0] > 0).long() + (X[:, 1] > 0).long()
LABELS = (X[:, :3] > 0).long()
SETTINGS: dict[str, Any] = {
    "arms": "relu,tanh", "seeds": 2, "epochs": 2, "learning_rate": 0.1, "margin": 5, "batch_size": 16,
}  # fmt: skip


def net(activation: Any, inputs: int = 6, outputs: int = 3, width: int = 8) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, width), activation(width), nn.Linear(width, outputs))


def planned(**words: Any) -> study.Prepared:
    return study.make_plan(None, **{**SETTINGS, "model": net, **words})


def first_run(prepared: study.Prepared, arm: str = "relu", **changes: Any) -> Run:
    rate = prepared.plan.learning_rates[0]
    *_, run = train(prepared, prepared.plan.trial(changes.get("phase", "test"), arm, "none", rate, 0))
    assert isinstance(run, Run)
    return run


def finished(prepared: study.Prepared, **changes: Any) -> Run:
    run = first_run(prepared, **changes)
    assert run.outcome == "finished", run.reason
    return run


# ------------------------------------------------------------------------------------ model and data


def data() -> tuple[Tensor, Tensor]:
    return X, CLASSES


class Notebook:
    """A cell's objects, which no module has."""

    def __init__(self) -> None:
        width = 5
        self.closure = lambda act: net(act, width=width)
        self.partial = functools.partial(net, width=width)


@pytest.mark.parametrize("given", ["closure", "partial"])
def test_a_model_may_be_any_function(given: str) -> None:
    anonymous = lambda: (X, CLASSES)  # noqa: E731
    prepared = planned(model=getattr(Notebook(), given), data=anonymous)
    assert prepared.plan.metric == "accuracy"
    assert prepared.cells["relu", "none"].parameters == 6 * 5 + 5 + 5 * 3 + 3
    finished(prepared)
    again = planned(model=getattr(Notebook(), given), data=anonymous)
    assert prepared.plan.hash == again.plan.hash


def test_another_function_is_another_protocol() -> None:
    one, other = (planned(model=lambda act, w=w: net(act, width=w), data=data) for w in (5, 5))
    assert one.plan.model_code == other.plan.model_code
    assert planned(model=functools.partial(net, width=6), data=data).plan.hash != one.plan.hash


def pairs(*tensors: Tensor) -> TensorDataset:
    return TensorDataset(*tensors)


class Parts(Dataset[Any]):
    """Items whose inputs are a dictionary or a tuple."""

    def __init__(self, kind: type) -> None:
        self.kind = kind

    def __len__(self) -> int:
        return N

    def __getitem__(self, i: int) -> Any:
        parts = {"x": X[i], "ids": torch.tensor([i % 4])}
        return (parts if self.kind is dict else tuple(parts.values())), int(CLASSES[i])


class TakesParts(nn.Module):
    def __init__(self, activation: Any, kind: type) -> None:
        super().__init__()
        self.kind, self.embedding = kind, nn.Embedding(4, 2)
        self.rest = net(activation, inputs=8)

    def forward(self, inputs: Any) -> Tensor:
        assert type(inputs) is self.kind
        x, ids = inputs.values() if self.kind is dict else inputs
        assert ids.dtype == torch.int64
        return self.rest(torch.cat((x, self.embedding(ids).flatten(1)), 1))


@pytest.mark.parametrize("kind", [dict, tuple])
@pytest.mark.parametrize("whole", [True, False])
def test_a_model_is_given_a_dictionary_or_tuple_as_it_is(kind: type, whole: bool) -> None:
    ids = torch.arange(N)[:, None] % 4
    inputs = {"x": X, "ids": ids} if kind is dict else (X, ids)
    given = (inputs, CLASSES) if whole else (Parts(kind), Parts(kind))
    prepared = planned(model=lambda act: TakesParts(act, kind), data=given)
    assert prepared.plan.train_size == (45 if whole else N)
    finished(prepared)


def test_whole_numbers_stay_what_they_are_for_a_model_of_ones_own() -> None:
    ids = torch.arange(N * 4).reshape(N, 4) % 7
    seen = []

    class Embeds(nn.Module):
        def __init__(self, activation: Any) -> None:
            super().__init__()
            self.embedding, self.rest = nn.Embedding(7, 2), net(activation, inputs=8)

        def forward(self, x: Tensor) -> Tensor:
            seen.append(x.dtype)
            return self.rest(self.embedding(x).flatten(1))

    finished(planned(model=Embeds, data=(ids, CLASSES)))
    assert set(seen) == {torch.int64}
    assert planned(model=None, data=(ids, CLASSES)).x.dtype == torch.float32  # the built-in mlp


def collate(items: list[Any]) -> tuple[Tensor, Tensor]:
    return torch.stack([x for x, _ in items]) * 2, torch.stack([y for _, y in items])


def test_loaders_bring_their_batch_size_and_their_collate_function() -> None:
    loader = DataLoader(pairs(X, CLASSES), batch_size=10, shuffle=True)
    prepared = planned(data=(loader, DataLoader(pairs(X, CLASSES), batch_size=7)), batch_size=None)
    assert (prepared.plan.batch_size, prepared.drawn) == (10, None)
    assert finished(prepared).steps == 2 * 6
    doubling = DataLoader(pairs(X, CLASSES), batch_size=10, collate_fn=collate)
    prepared = planned(data=(doubling, doubling))
    inputs, targets = prepared.batch(torch.tensor([3, 1]))
    assert torch.equal(inputs, 2 * X[[3, 1]])
    assert torch.equal(targets, CLASSES[[3, 1]])
    finished(prepared)


class Noisy(Dataset[Any]):
    def __init__(self, log: list[Any] | None = None) -> None:
        self.log = log

    def __len__(self) -> int:
        return N

    def __getitem__(self, i: int) -> Any:
        x = X[i] + torch.randn(6)
        if self.log is not None:
            self.log.append((i, x))
        return x, int(CLASSES[i])


def test_samples_that_change_are_drawn_anew_in_each_epoch_and_alike_for_all_arms() -> None:
    log: list[Any] = []
    prepared = planned(data=(Noisy(log), pairs(X, CLASSES)), arms="relu,rrelu", batch_size=15)
    drawn = {}
    for arm in ("relu", "rrelu"):  # one of which draws from torch's generator itself
        log.clear()
        finished(prepared, arm=arm)
        drawn[arm] = list(log)
    assert [i for i, _ in drawn["relu"]] == [i for i, _ in drawn["rrelu"]]
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(drawn["relu"], drawn["rrelu"], strict=True))
    first, second = (dict(drawn["relu"][k * N : (k + 1) * N]) for k in (0, 1))
    assert len(first) == len(second) == N
    assert not any(torch.equal(first[i], second[i]) for i in range(N))
    assert prepared.plan.hash == planned(data=(Noisy(), pairs(X, CLASSES)), batch_size=15).plan.hash


def test_augmentation_is_alike_for_all_arms_and_only_trained_on() -> None:
    seen: list[Tensor] = []

    def augment(x: Tensor) -> Tensor:
        seen.append(x + torch.randn_like(x))
        return seen[-1]

    prepared = planned(data=data, arms="relu,rrelu", augment=augment)
    drawn = {}
    for arm in ("relu", "rrelu"):
        seen.clear()
        finished(prepared, arm=arm)
        drawn[arm] = torch.cat(seen)
    assert torch.equal(drawn["relu"], drawn["rrelu"])
    assert len(drawn["relu"]) == 2 * 32  # 45 samples, batches of 16
    assert planned(data=data).plan.hash != prepared.plan.hash


def in_place_by_numpy(x: Tensor) -> Tensor:
    for row in x.numpy():
        row += np.random.normal(size=row.shape)
        if random.random() < 0.5:
            row[:] = row[::-1].copy()
    return x


def mixed(x: Tensor, alpha: float = 0.2) -> Tensor:
    share = np.random.beta(alpha, alpha)
    return share * x + (1 - share) * x[torch.randperm(len(x))]


def one_after_the_other(x: Tensor) -> Tensor:
    """Draws a number for some samples alone, so that a sample decides what the later ones get."""
    rows = [row + torch.randn(6) if row[0] > 0 else row * (torch.rand(()) < 0.5) for row in x]
    return torch.stack(rows)


FAITHFUL = {
    "flip": lambda x: x.flip(1),
    "roll": lambda x: x.roll(int(torch.randint(1, 6, ())), 1),
    "noise": lambda x: x + torch.randn_like(x),
    "in place": in_place_by_numpy,
    "erased": lambda x: x * (torch.rand(len(x), 1) < 0.1),
    "all erased": torch.zeros_like,
    "mixed": mixed,
    "mixed a little": lambda x: mixed(x, 0.05),
    "standardised": lambda x: (x - x.mean(0)) / x.std(0),
    "largest 1": lambda x: x / x.abs().max(),
    "swap noise": lambda x: torch.where(torch.rand_like(x) < 0.3, x[torch.randperm(len(x))], x),
    "one after the other": one_after_the_other,
}


@pytest.mark.parametrize("augment", FAITHFUL.values(), ids=FAITHFUL)
def test_augmentation_that_keeps_the_order_is_taken(augment: Callable[[Tensor], Tensor]) -> None:
    planned(data=data, augment=augment)


UNPAIRING = {
    "flip": lambda x: x.flip(0),
    "roll": lambda x: x.roll(1, 0),
    "permuted": lambda x: x[torch.randperm(len(x))],
    "shuffled in place": lambda x: np.random.shuffle(x.numpy()) or x,
    "permuted and noisy": lambda x: x[torch.randperm(len(x))] + torch.randn_like(x),
    "sorted": lambda x: x[x[:, 0].argsort()],
}


@pytest.mark.parametrize("augment", UNPAIRING.values(), ids=UNPAIRING)
def test_augmentation_that_unpairs_inputs_and_targets_is_refused(
    augment: Callable[[Tensor], Tensor],
) -> None:
    said = r"augment: inputs stay in their order, which their targets keep, but \d of 5 samples came out"
    with pytest.raises(ArgumentError, match=said):
        planned(data=data, augment=augment)


class TakesX(nn.Module):
    def __init__(self, activation: Any) -> None:
        super().__init__()
        self.net = net(activation)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        return self.net(inputs["x"])  # type: ignore[no-any-return]


def test_augmentation_may_add_other_samples_but_not_put_them_in_place_of_all() -> None:
    nan = torch.full((16, 1), float("nan"))
    words = {"data": ({"x": X}, CLASSES), "model": TakesX}
    planned(**words, augment=lambda given: {**given, "other": given["x"].flip(0), "none": nan})
    with pytest.raises(ArgumentError, match="came out at another place"):
        planned(**words, augment=lambda given: {"x": given["x"].flip(0), "none": nan})


class Rotated(Dataset[Any]):
    """The label says what was drawn."""

    def __len__(self) -> int:
        return N

    def __getitem__(self, i: int) -> Any:
        times = int(torch.randint(4, ()))
        return X[i].roll(times), 3 * times


def by_size(items: list[Any]) -> tuple[Tensor, Tensor]:
    """Join items in another order, as for sequences that are packed."""
    ordered = sorted(items, key=lambda item: float(item[0].sum()))
    return torch.stack([x for x, _ in ordered]), torch.tensor([y for _, y in ordered])


READ = {
    "numbers": lambda x, i: int(CLASSES[i]),
    "gaps": lambda x, i: 5 * int(CLASSES[i]) - 2,
    "regression": lambda x, i: float(2 * x[0] + 5),
}


@pytest.mark.parametrize("kind", [*READ, "drawn"])
def test_labels_are_those_that_were_read_with_the_inputs(kind: str) -> None:
    items: Any = [(x, READ[kind](x, i)) for i, x in enumerate(X)] if kind in READ else Rotated()
    loader = DataLoader(items, batch_size=16, collate_fn=by_size)
    outputs = {"regression": 1, "drawn": 4}.get(kind, 3)
    prepared = planned(data=(loader, loader), model=lambda act: net(act, outputs=outputs))
    data = prepared.data
    for first in (0, N):
        inputs, targets = prepared.read(torch.arange(first, first + 20))
        for x, y in zip(inputs, targets, strict=True):
            if kind == "regression":
                value = float(y) * data.target_deviation[0] + data.target_mean[0]
                assert value == pytest.approx(float(2 * x[0] + 5), abs=1e-5)
            elif kind == "drawn":
                assert torch.equal(
                    x, X[int((X[:, None] == x.roll(-int(y))).all(-1).nonzero()[0, 0])].roll(int(y))
                )
            else:
                assert y == CLASSES[int((x == X).all(1).nonzero())]
    finished(prepared)


class NoisyAt(Dataset[Any]):
    """As many samples as two chunks, of which one is changed."""

    def __init__(self, at: int, by: float) -> None:
        self.at, self.by = at, by

    def __len__(self) -> int:
        return 100

    def __getitem__(self, i: int) -> Any:
        return X[i % N] + 0.1 * torch.randn(6) + (self.by if i == self.at else 0.0), int(CLASSES[i % N])


def test_every_sample_of_a_changing_data_set_is_hashed_and_checked() -> None:
    one, again, other = (
        tasks.own("own data", given=(NoisyAt(90, by), WHOLE))[1].content_hash for by in (0.0, 0.0, 1.0)
    )
    assert one == again != other
    with pytest.raises(
        ArgumentError, match="inputs must be finite in float32, but train of own data has 6 NaN"
    ):
        tasks.own("own data", given=(NoisyAt(90, float("nan")), WHOLE))


def test_what_is_tested_on_is_drawn_alike_wherever_an_arm_stops() -> None:
    log: list[Any] = []
    prepared = planned(
        data=(Noisy(), Noisy(log)), patience=1, epochs=8, learning_rate=0.3, arms="relu,tanh,elu"
    )
    tested = {}
    for arm in ("relu", "tanh", "elu"):
        log.clear()
        tested[arm] = finished(prepared, arm=arm).epochs, torch.stack([x for _, x in log[-N:]])
    assert len({epochs for epochs, _ in tested.values()}) > 1
    assert all(torch.equal(x, tested["relu"][1]) for _, x in tested.values())


# ------------------------------------------------------------------------------------ loss and metric


def mean_error(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs.argmax(1) != targets).double().mean()


def test_a_metric_of_ones_own_has_a_direction() -> None:
    prepared = planned(data=data, metric=mean_error, higher_is_better=False)
    assert (prepared.plan.metric, prepared.plan.unit) == ("minus mean_error", "")
    accuracy = finished(planned(data=data)).metric
    assert accuracy is not None
    assert finished(prepared).metric == pytest.approx(accuracy / 100 - 1)
    with pytest.raises(ArgumentError, match="a metric needs its direction, but for mean_error nobody states"):
        planned(data=data, metric=mean_error)
    with pytest.raises(ArgumentError, match="give the metric as well"):
        planned(data=data, higher_is_better=True)


def test_a_metric_called_accuracy_is_not_taken_for_one_in_percent() -> None:
    def accuracy(outputs: Tensor, targets: Tensor) -> float:
        return 1 - float(mean_error(outputs, targets))

    assert planned(data=data, metric=accuracy, higher_is_better=True).plan.metric == "accuracy (own)"


def test_a_metric_that_needs_every_class_is_tried_on_many_samples() -> None:
    def needs_all(outputs: Tensor, targets: Tensor) -> Tensor:
        if len({*targets.tolist()}) < 2:
            raise ValueError("only one class")
        return (outputs.argmax(1) == targets).double().mean()

    rare = (torch.arange(N) == N - 1).long()
    planned(
        data=(X, rare, X, CLASSES > 1), metric=needs_all, higher_is_better=True, batch_size=8,
        model=lambda act: net(act, outputs=2),
    )  # fmt: skip


def test_names_of_torch_are_losses_and_metrics() -> None:
    y = X[:, :1] * 3 + 10
    prepared = planned(
        data=(X, y), model=lambda act: net(act, outputs=1), loss="HuberLoss(delta=0.5)",
        metric="L1Loss", higher_is_better=False,
    )  # fmt: skip
    assert (prepared.plan.metric, prepared.plan.loss) == ("minus L1Loss", "HuberLoss(delta=0.5)")
    assert torch.equal(prepared.y.sort(0).values, y.sort(0).values)  # in their own units
    assert -finished(prepared).metric > 0  # type: ignore[operator]
    alone = planned(data=(X, y), model=lambda act: net(act, outputs=1), loss=nn.HuberLoss())
    assert alone.plan.metric == "R2"  # which follows from the data


def test_a_metric_alone_sees_targets_in_their_own_units() -> None:
    y = X[:, :1] * 3 + 10
    seen: list[float] = []

    def level(outputs: Tensor, targets: Tensor) -> float:
        seen.append(float(targets.mean()))
        return 0.0

    finished(planned(data=(X, y), model=lambda act: net(act, outputs=1), metric=level, higher_is_better=True))
    assert all(8 < one < 12 for one in seen)


def test_a_loss_alone_is_given_targets_in_their_own_units() -> None:
    y = X[:, :1] * 3 + 10
    seen: list[Tensor] = []

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        seen.append(targets)
        return nn.functional.mse_loss(outputs, targets)

    words = {"model": lambda act: net(act, outputs=1), "learning_rate": 0.01, "epochs": 20}
    prepared = planned(data=(X, y), loss=loss, **words)
    finished(prepared)
    assert prepared.plan.metric == "R2"
    assert torch.cat(seen).mean() > 5


def squared(outputs: Tensor, targets: Tensor) -> Tensor:
    return ((outputs - targets) ** 2).mean()


def squared_by_row(outputs: Tensor, targets: Tensor) -> Tensor:
    return ((outputs[:, 0] - targets) ** 2).mean()


def share_right(outputs: Tensor, targets: Tensor) -> Tensor:
    return ((outputs > 0) == targets).double().mean()


def share_right_by_row(outputs: Tensor, targets: Tensor) -> Tensor:
    return ((outputs[:, 0] > 0) == targets).double().mean()


@pytest.mark.parametrize(
    "targets, fitting",
    [(X[:, 0], squared_by_row), (CLASSES, squared_by_row), (LABELS[:, 0], share_right_by_row)],
)
def test_outputs_are_not_set_against_the_targets_of_others(targets: Tensor, fitting: Any) -> None:
    words = {"data": (X, targets), "model": lambda act: net(act, outputs=1), "higher_is_better": True}
    finished(planned(loss=squared_by_row, metric=fitting, **words))
    with pytest.raises(
        ShapeError, match=r"a loss .* outputs \(45, 1\) and targets \(45,\) this one sets each against all"
    ):
        planned(loss=squared, metric=fitting, **words)
    with pytest.raises(ShapeError, match="a metric sets each output"):
        planned(loss=squared_by_row, metric=squared if fitting is squared_by_row else share_right, **words)


def test_targets_of_a_regression_are_a_column_for_losses_and_metrics() -> None:
    words = {"data": (X, X[:, 0]), "model": lambda act: net(act, outputs=1), "higher_is_better": False}
    with pytest.raises(ShapeError, match=r"a loss .* targets \(45, 1\) this one sets each against all"):
        planned(**words | {"loss": squared_by_row, "higher_is_better": None})
    with pytest.raises(ShapeError, match=r"a metric .* targets \(45, 1\) this one sets each against all"):
        planned(metric=squared_by_row, **words)
    planned(metric=squared, **words)


@pytest.mark.parametrize("column", ["target", "answer"])
def test_the_largest_output_is_not_set_against_the_labels_of_others(column: str) -> None:
    def right(outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs.argmax(1, keepdim=column == "answer") == targets).double().mean()

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(outputs, targets.flatten())

    labels = CLASSES if column == "answer" else CLASSES[:, None]
    with pytest.raises(ShapeError, match="a metric sets each output"):
        planned(data=(X, labels), loss=loss, metric=right, higher_is_better=True)


@pytest.mark.parametrize(
    "metric",
    [
        lambda o, t: float(o.softmax(1).amax(1).mean()),  # which need not be of the targets
        lambda o, t: sum(float(a[b]) for a, b in zip(o, t)) / len(t),  # noqa: B905
        lambda o, t: sum(float(a[b]) for a, b in zip(o, t)) / len(o),  # noqa: B905
    ],
)
def test_a_metric_may_take_samples_one_by_one(metric: Any) -> None:
    planned(data=data, metric=metric, higher_is_better=True)


def test_outputs_that_are_all_the_same_hide_nothing() -> None:
    def right(outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs.argmax(1, keepdim=True) == targets).double().mean()

    def build(activation: Any) -> nn.Module:
        model = net(activation)
        nn.init.constant_(model[2].weight, 1e-9)  # type: ignore[arg-type]
        return model

    with pytest.raises(ShapeError, match="a metric sets each output"):
        planned(model=build, data=data, metric=right, higher_is_better=True)


class Running:
    """The share of right answers in all calls so far."""

    def __init__(self) -> None:
        self.right = self.seen = 0

    def __call__(self, outputs: Tensor, targets: Tensor) -> float:
        self.right += int((outputs.argmax(1) == targets).sum())
        self.seen += len(targets)
        return self.right / self.seen


def test_a_metric_remembers_nothing_of_other_epochs() -> None:
    words = {"data": data, "patience": 9, "epochs": 8, "higher_is_better": True}
    metric = finished(planned(metric=Running(), **words)).metric
    errors = finished(planned(metric=mean_error, **words | {"higher_is_better": False})).metric
    assert metric == pytest.approx(1 + (errors or 0))
    running = Running()
    with pytest.raises(ArgumentError, match="a metric gives the same number"):
        planned(metric=lambda o, t: running(o, t), **words)


def test_a_loss_remembers_nothing_of_other_arms() -> None:
    annealed = Annealed()
    with pytest.raises(ArgumentError, match="a loss gives the same number"):
        planned(data=data, loss=lambda o, t: annealed(o, t))


def test_what_a_loss_writes_to_changes_no_training_error() -> None:
    def spoils(outputs: Tensor, targets: Tensor) -> Tensor:
        loss = nn.functional.cross_entropy(outputs, targets.clone())
        targets.fill_(0)
        return loss

    assert finished(planned(data=data, loss=spoils)).train_error == finished(planned(data=data)).train_error


def test_what_a_metric_writes_to_is_its_own() -> None:
    def spoils(outputs: Tensor, targets: Tensor) -> float:
        right = float((outputs.argmax(1) == targets).double().mean())
        targets.fill_(0)
        outputs.fill_(0)
        return right

    spoilt = finished(planned(data=data, metric=spoils, higher_is_better=True))
    assert spoilt.balanced == finished(planned(data=data)).balanced


def test_a_metric_sees_small_differences_of_large_targets() -> None:
    y = X[:, :1].double() * 1e-2 + 1e9

    def error(outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).abs().mean()

    words = {"data": (X, y), "model": lambda act: net(act, outputs=1)}
    assert -0.1 < finished(planned(metric=error, higher_is_better=False, **words)).metric < -1e-5  # type: ignore[operator]


class Annealed(nn.Module):
    """A loss with a state: how often it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        self.calls += 1
        return nn.functional.cross_entropy(outputs, targets) * self.calls


def test_a_loss_with_a_state_starts_anew_in_every_trial() -> None:
    prepared = planned(data=data, loss=Annealed())
    first = finished(prepared).train_loss
    assert finished(prepared).train_loss == first
    assert first[1] > first[0]


def test_the_mean_loss_of_a_sum_is_that_of_batches() -> None:
    sums, means = (
        planned(data=data, loss=nn.CrossEntropyLoss(reduction=how), learning_rate=rate, epochs=1)
        for how, rate in (("sum", 0.1 / 16), ("mean", 0.1))
    )
    assert finished(sums).train_loss[0] == pytest.approx(16 * finished(means).train_loss[0], rel=1e-4)


def test_class_weights_are_part_of_what_identifies_a_loss() -> None:
    hashes = {
        planned(data=data, loss=nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, last]))).plan.hash
        for last in (3.0, 3.0, 4.0)
    }
    assert len(hashes) == 2


def test_several_labels() -> None:
    prepared = planned(data=(X, LABELS), loss="several-labels", epochs=20, learning_rate=0.3)
    assert (prepared.plan.metric, prepared.plan.unit, prepared.plan.outputs) == ("macro F1", "%", 3)
    assert finished(prepared).metric > 60  # type: ignore[operator]
    built_in = planned(data=(X, LABELS), loss="several-labels", model="mlp", width=8)
    assert finished(built_in).metric is not None


def test_labels_of_tokens_with_padding() -> None:
    prepared = planned(
        data=tokens.load, model=tokens.build, loss="token-labels", epochs=4, learning_rate=0.01,
        optimizer="adam",
        arms="relu,swiglu",
    )  # fmt: skip
    assert prepared.plan.metric == "token accuracy"
    for arm in ("relu", "swiglu"):
        assert finished(prepared, arm=arm).metric > 60  # type: ignore[operator]


def test_segmentation() -> None:
    prepared = planned(
        data=shapes.load,
        model=shapes.build,
        loss="segmentation(255)",
        epochs=4,
        learning_rate=0.03,
        optimizer="adam",
    )
    assert (prepared.plan.metric, prepared.plan.train_size, prepared.plan.test_size) == ("mean IoU", 160, 80)
    assert finished(prepared).metric > 40  # type: ignore[operator]


# ------------------------------------------------------------------------------------ standard errors


def tokens_of(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Outputs and targets of 200 sequences, right or wrong as a whole, a third of the tokens padding."""
    targets = torch.randint(0, 3, (200, 9), generator=generator)
    right = torch.rand(200, 1, generator=generator) < 0.7
    outputs = nn.functional.one_hot(torch.where(right, targets, (targets + 1) % 3), 3).float()
    return outputs, targets.masked_fill(torch.rand(200, 9, generator=generator) < 0.3, -100)


def pictures(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    targets = torch.randint(0, 3, (60, 4, 4), generator=generator)
    outputs = nn.functional.one_hot(targets, 3).movedim(-1, 1) + torch.randn(60, 3, 4, 4, generator=generator)
    return outputs, targets.masked_fill(torch.rand(60, 4, 4, generator=generator) < 0.2, -100)


def labels_of(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    targets = torch.rand(80, 4, generator=generator) < 0.3
    return targets + torch.randn(80, 4, generator=generator) - 0.5, targets.long()


@pytest.mark.parametrize(
    ("preset", "made"),
    [("token-labels", tokens_of), ("segmentation", pictures), ("several-labels", labels_of)],
)
def test_a_preset_has_its_standard_error_by_sample(preset: str, made: Any) -> None:
    outputs, targets = made(torch.Generator().manual_seed(1))
    loss = tasks.objective(preset, None, None)
    assert loss is not None
    first, second = loss.rows(outputs, targets)
    n = len(first)
    left_out = torch.tensor([loss.score(first[kept], second[kept]) for kept in 1 - torch.eye(n).long() > 0])
    jackknife = float(((n - 1) * left_out.double().var(correction=0)).sqrt())
    error = loss.standard_error(first, second)
    assert error == pytest.approx(jackknife, rel=0.05)
    if preset == "token-labels":  # as of 200 sequences, not of 1300 tokens
        assert error == pytest.approx(100 * (0.7 * 0.3 / 200) ** 0.5, rel=0.15)
        counts = targets != -100
        right = (outputs.argmax(-1) == targets)[counts].double().mean()
        assert loss.score(first, second) == pytest.approx(100 * float(right))


def test_the_mean_iou_is_that_of_all_pixels() -> None:
    outputs, targets = pictures(torch.Generator().manual_seed(2))
    loss = tasks.objective("segmentation", None, None)
    assert loss is not None
    counts, said = targets != -100, outputs.argmax(1)
    each = [
        ((said == c) & (targets == c) & counts).sum() / (((said == c) | (targets == c)) & counts).sum()
        for c in range(3)
    ]
    assert loss.score(*loss.rows(outputs, targets)) == pytest.approx(100 * float(sum(each)) / 3, rel=1e-6)


def test_what_is_ignored_counts_nowhere() -> None:
    generator = torch.Generator().manual_seed(3)
    for preset, (outputs, targets) in (
        ("token-labels", tokens_of(generator)),
        ("segmentation", pictures(generator)),
    ):
        loss = tasks.objective(preset, None, None)
        assert loss is not None
        padding = (targets == -100).unsqueeze(-1 if preset == "token-labels" else 1).expand_as(outputs)
        expected = loss.loss(outputs, targets), loss.score(*loss.rows(outputs, targets))
        filled = outputs.masked_fill(padding, 50.0)
        assert (loss.loss(filled, targets), loss.score(*loss.rows(filled, targets))) == expected


def test_scores_over_chunks_are_those_of_the_whole() -> None:
    outputs, targets = tokens_of(torch.Generator().manual_seed(4))
    loss = tasks.objective("token-labels", None, None)
    assert loss is not None
    parts = [loss.rows(outputs[part], targets[part]) for part in (slice(3), slice(3, 190), slice(190, None))]
    joined = (torch.cat(rows) for rows in zip(*parts, strict=True))
    assert loss.score(*joined) == loss.score(*loss.rows(outputs, targets))


@pytest.mark.parametrize(
    ("preset", "made"),
    [("token-labels", tokens_of), ("segmentation", pictures), ("several-labels", labels_of)],
)
def test_what_the_most_frequent_answer_is_worth_is_known(preset: str, made: Any) -> None:
    outputs, targets = made(torch.Generator().manual_seed(5))
    targets[targets == 2] = 1  # which is the most frequent then, and 2 never occurs
    if preset == "several-labels":
        targets[:, 1], targets[:, 2] = 1 - targets[:, 1], 0
        always = torch.tensor([-1.0, 1.0, -1.0, -1.0])
    else:
        always = torch.tensor([0.0, 1.0, 0.0])
    loss = tasks.objective(preset, None, None)
    assert loss is not None
    same = always.view(1, 3, 1, 1) if preset == "segmentation" else always
    expected = loss.score(*loss.rows(same.expand_as(outputs), targets))
    assert loss.constant(targets) == pytest.approx(expected)
    assert expected > 0
    if preset != "several-labels":
        assert loss.constant(torch.full_like(targets, -100)) is None


def test_a_segmentation_that_learned_nothing_has_no_verdict(tmp_path: Path) -> None:
    result = rectifiers.compare(
        arms="relu,elu", data=shapes.load, model=shapes.build, loss="segmentation(255)", learning_rate=1e-6,
        seeds=3, epochs=1, margin=20, out=tmp_path, report=False, execution=rectifiers.Execution(jobs=1),
    )  # fmt: skip
    assert result.recommendation.status == "invalid"
    assert "no arm learned: mean IoU" in result.recommendation.sentence
    assert "the most frequent class alone gives" in result.recommendation.sentence


def test_a_metric_of_ones_own_has_neither_a_standard_error_nor_a_constant_answer() -> None:
    own = tasks.objective(nn.MSELoss(), lambda o, y: (o - y).abs().mean(), False)
    assert own is not None
    assert own.standard_error(torch.zeros(400, 1), torch.ones(400, 1)) is None
    assert own.constant(torch.ones(400, 1)) is None


# ------------------------------------------------------------------------------------ the loop


def assert_restored(prepared: study.Prepared) -> None:
    """Assert that the model which is tested is the one that was best on the validation samples."""
    answers: list[tuple[float, Tensor]] = []

    def record(module: nn.Module, inputs: Any, outputs: Tensor) -> None:
        if not module.training and isinstance(module, nn.Sequential):
            labels = prepared.y[[int((prepared.x == x).all(1).nonzero()) for x in inputs[0]]]
            right = float((outputs.argmax(1) == labels).double().mean())
            answers.append((right, torch.cat([p.detach().flatten() for p in module.parameters()])))

    with nn.modules.module.register_module_forward_hook(record):
        run = finished(prepared)
    *validated, tested = answers
    assert len(validated) == len(run.train_loss)
    scores = [score for score, _ in validated]
    assert run.epochs == 1 + scores.index(max(scores))
    assert torch.equal(validated[run.epochs - 1][1], tested[1])
    assert run.metric == pytest.approx(100 * tested[0])


def test_early_stopping_measures_the_best_epoch() -> None:
    prepared = planned(data=data, patience=2, epochs=30, learning_rate=0.3)
    for phase in ("tune", "test"):
        run = finished(prepared, phase=phase)
        assert run.epochs == len(run.train_loss) - 2 or len(run.train_loss) == 30
        assert run.epochs < 30
    assert prepared.plan.hash != planned(data=data, epochs=30, learning_rate=0.3).plan.hash
    assert_restored(prepared)
    train, test, validation = prepared.parts("test", 0)
    assert sorted(torch.cat((train, validation, test)).tolist()) == list(range(N))


class Centred(nn.Module):
    """A network with a buffer that its state dict leaves out."""

    def __init__(self, activation: Any) -> None:
        super().__init__()
        self.rest = net(activation)
        self.register_buffer("steps", torch.zeros(()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.steps += 1
        return self.rest(x)


def test_the_best_epoch_is_restored_as_a_whole() -> None:
    made: list[Centred] = []

    def build(activation: Any) -> nn.Module:
        made.append(Centred(activation))
        return made[-1]

    run = finished(planned(model=build, data=data, patience=2, epochs=30, learning_rate=0.3))
    assert run.epochs < len(run.train_loss)
    assert made[-1].steps == run.epochs * (run.steps // len(run.train_loss))


def test_bfloat16_and_compiled_models_train(monkeypatch: pytest.MonkeyPatch) -> None:
    half = finished(planned(data=data, precision="bf16"))
    full = finished(planned(data=data))
    assert half.train_loss != full.train_loss
    assert half.train_loss == pytest.approx(full.train_loss, rel=0.05)
    eager = functools.partial(torch.compile, backend="eager")
    monkeypatch.setattr(torch, "compile", eager)
    compiled = finished(planned(data=data, compile=True))
    assert compiled.train_loss == pytest.approx(full.train_loss)


def test_losses_and_metrics_are_as_exact_in_bfloat16_as_in_float32() -> None:
    seen: set[Any] = set()

    def product(outputs: Tensor, targets: Tensor) -> Tensor:
        seen.update((outputs.dtype, (outputs @ outputs.T).dtype))
        return nn.functional.cross_entropy(outputs, targets)

    finished(planned(data=data, precision="bf16", loss=product, metric=product, higher_is_better=False))
    assert seen == {torch.float32}


def test_each_of_many_models_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    graphs = []

    def counting(graph: Any, example: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=counting))
    prepared = planned(data=data, compile=True, seeds=12, epochs=1)
    for seed in range(12):  # more than are compiled of one class
        *_, run = train(prepared, prepared.plan.trial("test", "relu", "none", 0.1, seed))
        assert len(graphs) > seed
        assert isinstance(run, Run)


# ------------------------------------------------------------------------------------ bad input


class Learns(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(outputs * self.scale, targets)


class Short(Dataset[Any]):
    def __len__(self) -> int:
        return N

    def __getitem__(self, i: int) -> Any:
        if i >= 20:
            raise IndexError(i)
        return X[i], int(CLASSES[i])


class Nested(Parts):
    def __getitem__(self, i: int) -> Any:
        return (X[i], {"ids": torch.tensor([i % 4])}), int(CLASSES[i])


def test_a_dictionary_may_be_in_a_tuple() -> None:
    class Model(TakesParts):
        def forward(self, inputs: Any) -> Tensor:
            return super().forward((inputs[0], inputs[1]["ids"]))

    finished(planned(model=lambda act: Model(act, tuple), data=(Nested(tuple), Nested(tuple))))


class Named(Parts):
    """Items with a text, of which a batch has a list."""

    def __getitem__(self, i: int) -> Any:
        return {"x": X[i], "name": f"sample {i}"}, int(CLASSES[i])


class OwnGenerator(Dataset[Any]):
    def __init__(self) -> None:
        self.generator = torch.Generator()

    def __len__(self) -> int:
        return N

    def __getitem__(self, i: int) -> Any:
        return X[i] + torch.randn(6, generator=self.generator), int(CLASSES[i])


class Stream(torch.utils.data.IterableDataset[Any]):
    def __iter__(self) -> Any:
        yield from zip(X, CLASSES, strict=True)


class Reversed(torch.utils.data.SequentialSampler):
    def __iter__(self) -> Any:
        return iter(range(N - 1, -1, -1))


GENERATOR = torch.Generator()
WHOLE = pairs(X, CLASSES)
LOADERS = {
    "WeightedRandomSampler": DataLoader(WHOLE, sampler=WeightedRandomSampler([1.0] * N, N)),
    "RandomSampler": DataLoader(WHOLE, sampler=RandomSampler(WHOLE, num_samples=N // 2)),
    "Reversed": DataLoader(WHOLE, sampler=Reversed(WHOLE)),
    "_InfiniteConstantSampler": DataLoader(Stream()),
}


@pytest.mark.parametrize(
    "words, error, said",
    [
        (
            {"data": (DataLoader(pairs(X[:0], CLASSES[:0])), WHOLE)},
            ArgumentTypeError,
            "but got TensorDataset of 0",
        ),
        ({"data": (Short(), WHOLE)}, UserCodeError, "item 21 of the 60 that the data set says it has raised"),
        (
            {"data": (Named(dict), WHOLE)},
            ArgumentTypeError,
            "data are tensors or arrays of real numbers, but got li",
        ),
        ({"data": (OwnGenerator(), WHOLE)}, ArgumentError, "they differ with the same seeds: draw from"),
        (
            {"augment": lambda x: x + torch.randn(6, generator=GENERATOR)},
            ArgumentError,
            "augment: every arm must see the same samples, but they differ with the same seeds",
        ),
        ({"data": (pairs(X / 0.0 * 0.0, CLASSES), WHOLE)}, ArgumentError, "inputs must be finite"),
        *(
            (
                {"data": (loader, WHOLE)},
                ArgumentTypeError,
                f"an order of its own .{name}.: pass a training func",
            )
            for name, loader in LOADERS.items()
        ),
        ({"model": lambda act: 5}, UserCodeError, "must return a torch.nn.Module, but returned int"),
        ({"model": 5}, ArgumentTypeError, "model is a function, or the path of one"),
        ({"model": "mlp", "data": ({"a": X}, CLASSES)}, ArgumentError, "mlp and cnn take one tensor"),
        ({"loss": "several-labels"}, ArgumentError, r"takes targets \(n, labels\) of 0 and 1, but got"),
        (
            {"loss": "token-labels"},
            ArgumentError,
            r"token-labels takes targets \(n, length\) of whole numbers",
        ),
        ({"loss": "several-label"}, RectifiersError, "did you mean 'several-labels'"),
        ({"data": (X, LABELS)}, ShapeError, "give loss='several-labels' for several a s"),
        (
            {"data": (X, LABELS, X, LABELS - 1), "loss": "several-labels"},
            ArgumentError,
            "test of own data: several-labels takes targets",
        ),
        (
            {"data": (X, LABELS, X, LABELS[:, :2]), "loss": "several-labels"},
            ShapeError,
            r"one type and shape, but got \(torch.int64, 3\) and \(torch.int64, 2\)",
        ),
        (
            {"loss": nn.CrossEntropyLoss(ignore_index=2)},
            ArgumentError,
            "losses ignore targets of 2, and accuracy would count them: give a metric as well",
        ),
        (
            {"loss": functools.partial(nn.functional.cross_entropy, ignore_index=2)},
            ArgumentError,
            "losses ignore targets of 2",
        ),
        (
            {"loss": nn.functional.cross_entropy, "data": (X, CLASSES.masked_fill(X[:, 2] > 1, -100))},
            ArgumentError,
            "losses ignore targets of -100",
        ),
        (
            {"loss": nn.BCEWithLogitsLoss(), "data": (X, LABELS.float())},
            ArgumentError,
            r"two values \(0 and 1\) may be classes or numbers: .*, or give a metric as well",
        ),
        ({"loss": Learns}, ArgumentError, "a loss learns nothing, but Learns has parameters"),
        (
            {"data": (X, LABELS), "loss": "token-labels"},
            RectifiersError,
            r"outputs \(n, length, classes\) for",
        ),
        ({"loss": "CrossEntropyLoss(weigth=3)"}, UserCodeError, "making loss CrossEntropyLoss"),
        ({"loss": lambda o, y: o - 1}, ShapeError, "a loss returns one number, but this one returned 135"),
        ({"loss": lambda o, y: nn.functional.mse_loss(o, y[:, None, None].float())}, RectifiersError, "targ"),
        (
            {"loss": nn.MSELoss(), "data": (X, CLASSES)},
            RectifiersError,
            r"outputs \(45, 3\) and targets \(45,\)",
        ),
        ({"metric": lambda o, y: o.mean(0), "higher_is_better": True}, ArgumentError, "returned 3 numbers"),
        ({"metric": lambda o, y: None, "higher_is_better": True}, ArgumentError, "returned NoneType"),
        ({"metric": "NoSuchThing", "higher_is_better": True}, RectifiersError, "torchmetrics|unknown metric"),
        (
            {
                "data": (X, X[:, 0]),
                "model": lambda act: net(act, outputs=1),
                "loss": nn.MSELoss(),
                "metric": "L1Loss",
                "higher_is_better": False,
            },
            ShapeError,
            r"of outputs \(45, 1\) and targets \(45,\) this one sets each against all: bring both to one",
        ),
        (
            {"metric": lambda y_true, y_pred: 0.0, "higher_is_better": True},
            ArgumentTypeError,
            "a metric takes outputs, then targets, but .* takes y_true, y_pred: give lambda",
        ),
        (
            {"metric": lambda y, y_hat: 0.0, "higher_is_better": True},
            ArgumentTypeError,
            "a metric takes outputs, then targets, but .* takes y, y_hat: give lambda",
        ),
        (
            {"metric": lambda o, t: 0.0, "higher_is_better": "False"},
            ArgumentError,
            "needs its direction, but for .* what is stated is 'False': higher_is_better=True or False",
        ),
        ({"augment": lambda x: x[:3]}, RectifiersError, r"for n = 16 gave \(3, 3\)"),
        ({"precision": "fp8"}, RectifiersError, "unknown precision 'fp8'"),
    ],
)
def test_what_does_not_fit_is_one_line(words: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as caught:
        planned(**{"data": data, **words})
    assert "\n" not in str(caught.value)


class ReturnsTuple(nn.Module):
    def __init__(self, activation: Any) -> None:
        super().__init__()
        self.rest = net(activation)

    def forward(self, x: Tensor) -> Any:
        return self.rest(x), x


def test_a_model_that_returns_several_things() -> None:
    with pytest.raises(
        UserCodeError, match=r"a model returns one tensor, but that of .* returned tuple of 2"
    ):
        planned(model=ReturnsTuple, data=data)


def test_a_model_that_puts_out_too_much() -> None:
    with pytest.raises(
        UserCodeError, match=r"out a tensor \(n, 3\) for this data, but for n = 16 gave \(16, 4\)$"
    ):
        planned(model=lambda act: net(act, outputs=4), data=data)


@pytest.mark.parametrize("arm, made", [("crelu", "2 features of 1"), ("maxout", "1 features of 2")])
def test_a_model_that_forgets_what_leaves_an_activation(arm: str, made: str) -> None:
    with pytest.raises(
        UserCodeError, match=rf"\({made}: size layers with activation.*\) raised RuntimeE"
    ) as caught:
        planned(data=data, arms=f"relu,{arm}")
    assert caught.value.frames == ""  # it happened in torch's frames, none of which is the user's


def test_a_metric_that_is_nan_ends_the_run() -> None:
    run = first_run(planned(data=data, metric=lambda o, y: float("nan"), higher_is_better=True))
    assert run.outcome == "diverged"
    assert "has no value on 15 samples" in run.reason


def test_a_metric_that_is_nan_ends_the_study_in_one_line(tmp_path: Path) -> None:
    words = {**SETTINGS, "data": data, "model": net, "report": False, "out": tmp_path / "out"}
    with pytest.raises(
        UserCodeError, match=r"has no value on 15 samples, with arm 'relu': a metric returns a fi"
    ):
        rectifiers.compare(metric=lambda o, y: float("nan"), higher_is_better=True, **words)


def test_torchmetrics_by_name() -> None:
    pytest.importorskip("torchmetrics")
    prepared = planned(data=data, metric="F1Score(task='multiclass', num_classes=3, average='macro')")
    assert prepared.plan.metric == "F1Score"
    assert 0 <= finished(prepared).metric <= 1  # type: ignore[operator]
    with pytest.raises(
        ArgumentError, match="needs its direction, but for MulticlassAccuracy what is stated is"
    ):
        tasks.objective(None, "MulticlassAccuracy(3)", False)


GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "pieces.md"


@pytest.mark.skipif(not GUIDE.exists(), reason="about the repository, not the wheel")
def test_the_script_of_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code = GUIDE.read_text().partition('title="pieces.py"\n')[2].partition("```")[0]
    quick = "patience=3, epochs=2, seeds=2, learning_rate=0.1, report=False, progress=False, out='study',"
    assert "    patience=3,\n" in code
    script = {"__name__": "guide"}
    exec(code.replace("patience=3,", quick), script)
    plan = script["result"].study.plan  # type: ignore[attr-defined]
    assert (plan.task, plan.metric, plan.patience) == ("own data", "macro F1", 3)
    assert (tmp_path / "study" / "plan.toml").exists()
