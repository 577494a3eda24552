"""`watch`: figures are those of a slow twin, training stays as it is, and the host never waits."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

import rectifiers
from rectifiers import nn as ours
from rectifiers.diagnosis.quantities.dormant import TAU
from rectifiers.diagnosis.quantities.saturation import FLAT
from rectifiers.errors import ArgumentError


class Mixed(nn.Module):
    """Modules and functions, in place and shared, dropout and random slopes."""

    def __init__(self, again: str = "") -> None:
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        self.second = nn.Conv2d(8, 8, 3)
        self.hidden, self.slopes, self.random = nn.Linear(128, 32), ours.PReLU(32), nn.RReLU()
        self.dropout, self.out, self.again = nn.Dropout(0.2), nn.Linear(32, 5), again

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.second(self.act(self.norm(self.conv(x)))))
        x = self.slopes(self.hidden(x.flatten(1)))
        x = checkpoint(self.tail, x, use_reentrant=self.again == "reentrant") if self.again else self.tail(x)
        return self.out(x)

    def tail(self, x: Tensor) -> Tensor:
        return self.dropout(F.gelu(self.random(x)).relu_())


def train(
    model: nn.Module, shape: tuple[int, ...], steps: int = 6, watched: Any = None, rate: float = 0.1
) -> Any:
    """Train on noise; return all that must not depend on being watched."""
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    losses = []
    with watched or contextlib.nullcontext():
        for _ in range(steps):
            loss = F.cross_entropy(model(torch.randn(shape)), torch.randint(0, 5, shape[:1]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
    gradients = [p.grad for p in model.parameters()]
    return torch.stack(losses), gradients, list(model.state_dict().values()), torch.get_rng_state()


@pytest.mark.parametrize("again", ["", "non-reentrant", "reentrant"])
def test_training_is_bit_for_bit_the_same(again: str) -> None:
    results = []
    for watching in (False, True):
        torch.manual_seed(0)
        model = Mixed(again)
        watched = rectifiers.watch(model, every=2) if watching else None
        results.append(train(model, (16, 3, 8, 8), watched=watched))
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=0)


@pytest.mark.parametrize("again", ["", "non-reentrant", "reentrant"])
def test_every_site_is_seen_under_its_name_with_its_gradient(again: str) -> None:
    torch.manual_seed(0)
    model = Mixed(again)
    with rectifiers.watch(model, every=1) as w:
        train(model, (8, 3, 8, 8))
    found = {row["site"]: row for row in w.figures()}
    assert set(found) == {"act", "act#2", "slopes", "random", ":gelu", ":relu"}
    # a function that is called again outside of any module's forward cannot be followed there
    unseen = {":gelu", ":relu"} if again == "reentrant" else set()
    assert {name for name, row in found.items() if not row["gradient"]} == unseen
    assert {name: row["units"] for name, row in found.items()}["act"] == 8
    assert found["act"]["seen"] == 8 * 36 * (found["act"]["last_step"] - found["act"]["first_step"] + 1)
    assert "act#2" in str(w)


ACTIVATIONS: list[Callable[[Tensor], Tensor]] = [
    *(torch.relu, torch.sigmoid, torch.tanh, F.gelu, F.hardtanh, F.logsigmoid),
    *(ours.LeakyReLU(0.1), ours.SELU(), ours.PReLU(init=0.3)),
    # with other arguments than the defaults
    lambda x: F.elu(x, 2.0),
    lambda x: F.softplus(input=x, beta=3.0),
    lambda x: F.hardtanh(x, min_val=0.0, max_val=3.0),
]
SHAPES = {"linear": (64, 6), "convolution": (40, 6, 5, 5), "sequence": (40, 7, 6)}


class Layer(nn.Module):
    def __init__(self, kind: str, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layer = nn.Conv2d(6, 9, 3) if kind == "convolution" else nn.Linear(6, 9)
        self.activation = activation
        self.seen: list[tuple[Tensor, Tensor]] = []

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer(x)
        x.retain_grad()
        y = self.activation(x)
        self.seen.append((x, y))
        return y.square().flatten(1).mean(1)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_figures_are_those_of_a_slow_twin(kind: str, activation: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(1)
    model = Layer(kind, activation)
    with torch.no_grad():
        model.layer.bias[:3] = torch.tensor([-30.0, 30.0, -3.0])
    with rectifiers.watch(model, every=1, window=3) as w:
        for _ in range(3):
            model(2 * torch.randn(SHAPES[kind])).sum().backward()
    (row,) = w.figures()

    axis = 1 if kind == "convolution" else -1
    x, y, g, s = ([], [], [], [])
    for before, after in model.seen:
        again = before.detach().requires_grad_()
        (slope,) = torch.autograd.grad(activation(again).sum(), again)
        for part, value in zip((x, y, g, s), (before, after, before.grad, slope), strict=True):
            part.append(value.detach().double().movedim(axis, -1).reshape(-1, 9).numpy())
    x, y, g, s = (np.concatenate(part) for part in (x, y, g, s))
    sizes, gradients = np.abs(y).mean(0), np.abs(g).mean(0)
    expected = {
        "dead": (s == 0).all(0).mean(),
        "saturation": (np.abs(s) < FLAT).mean(),
        "sparsity": (y == 0).mean(),
        "dormant": (sizes <= TAU * sizes.mean()).mean(),
        "dormant_gradient": (gradients <= TAU * gradients.mean()).mean(),
        "mean": x.mean(),
        "deviation": x.std(),
        "output_mean": y.mean(),
        "gradient": np.sqrt((g**2).mean()),
        "slope_square": (s**2).mean(),
    }
    assert {key: row[key] for key in expected} == pytest.approx(expected, rel=2e-3, abs=2e-5)
    if activation is not F.gelu:
        assert row["linear"] == ((s == s[0]).all(0) & (s[0] != 0)).mean()


class NoWaiting(TorchDispatchMode):
    """Raises where a number would be copied to the host, or a deterministic GPU raises."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert "_local_scalar_dense" not in str(func), "the host waits for the device"
        assert "nonzero" not in str(func), "the host waits for the device"
        assert "histc" not in str(func), "not deterministic on a GPU"
        return func(*args, **(kwargs or {}))


def test_the_host_never_waits() -> None:
    torch.manual_seed(0)
    model = Mixed()
    with rectifiers.watch(model, every=1), NoWaiting():
        for _ in range(3):
            model(torch.randn(8, 3, 8, 8)).sum().backward()


def test_memory_does_not_grow_with_the_number_of_steps_and_sums_stay_exact() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    with rectifiers.watch(model, every=1, window=1000) as w:
        for _ in range(200):
            model(torch.randn(4, 4)).sum().backward()
    frame = w.frame()
    assert len(frame) <= 25
    assert frame["seen"].sum() == 200 * 4
    assert frame["first_step"].tolist()[0] == 0
    assert frame["last_step"].tolist()[-1] == 199
    assert (frame["first_step"].to_numpy()[1:] == frame["last_step"].to_numpy()[:-1] + 1).all()
    assert w.figures()[0]["seen"] == 800


def test_only_training_steps_count_and_everything_is_taken_away_again() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 5))
    with rectifiers.watch(model, every=1) as w:
        model(torch.randn(4, 4)).sum().backward()
        model.eval()(torch.randn(4, 4))
        with torch.no_grad():
            model.train()(torch.randn(4, 4))
    assert w.steps == 1
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_sites_are_chosen_by_name_activation_and_class() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh())
    for chosen, expected in (
        ({"include": "1"}, {"1"}),
        ({"include": "tanh"}, {"3"}),
        ({"exclude": nn.ReLU}, {"3"}),
    ):
        with rectifiers.watch(model, every=1, **chosen) as w:
            model(torch.randn(4, 4)).sum().backward()
        assert set(w._observer.sites) == expected


def test_under_autocast_and_in_half_precision() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.GELU())
    with rectifiers.watch(model, every=1) as w, torch.autocast("cpu", torch.bfloat16):
        model(torch.randn(64, 4)).sum().backward()
    assert all(np.isfinite(row["gradient"]) for row in w.figures())


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda model: rectifiers.watch(model, every=0), "`every >= 1` must hold, but got every=0"),
        (lambda model: rectifiers.watch(torch.compile(model, backend="eager")), "is compiled"),
        (lambda model: rectifiers.watch(model).figures(), "needs training steps"),
    ],
)
def test_bad_requests(call: Any, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        call(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
    assert message in str(caught.value)


def test_tensorboard_gets_scalars() -> None:
    written = []

    class Writer:
        def add_scalar(self, tag: str, value: float, step: int) -> None:
            written.append((tag, value, step))

    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU())
    with rectifiers.watch(model, every=1) as w:
        for _ in range(3):
            model(torch.randn(4, 4)).sum().backward()
    w.to_tensorboard(Writer())
    assert ("watch/sparsity/1", pytest.approx(w.frame()["sparsity"][2]), 2) in written


def test_a_report_in_one_file(tmp_path: Any) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), ours.PReLU(8), nn.Linear(8, 1))
    with torch.no_grad():
        model[0].bias[:4] = -50.0
    with rectifiers.watch(model, every=1) as w:
        for _ in range(40):
            model(torch.randn(64, 4)).square().mean().backward()
    page = w.report(tmp_path / "watch.html").read_text()
    assert "50 % of the 8 units of 1 are dead" in page
    assert "rectifiers compare --model yours:build --data yours:load --arms relu,leaky_relu,elu" in page
    for chart in ("dead", "sparsity", "saturation", "gradient", "depth", "site-0", "site-1"):
        assert f'data-chart="{chart}"' in page


def test_the_deviation_is_measured_beside_a_mean_that_is_far_larger() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Identity(), nn.Tanh(), nn.Linear(4, 1))
    x = 3000 + torch.randn(512, 4)
    with rectifiers.watch(model, every=1) as w:
        for part in x.split(128):
            model(part).sum().backward()
    row = w.figures(at_start=True)[0]
    assert row["mean"] == pytest.approx(x[:128].double().mean().item())
    assert row["deviation"] == pytest.approx(x[:128].double().std(correction=0).item(), rel=1e-6)


@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_the_gradient_is_measured_where_its_square_leaves_float32(factor: float) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    figures = []
    for scale in (1.0, factor):
        with rectifiers.watch(model, every=1) as w:
            for _ in range(3):
                (model(torch.ones(256, 4)).mean() * scale).backward()
        figures.append(w.figures()[0]["gradient"])
    assert figures[1] / factor == pytest.approx(figures[0], rel=1e-5)


@pytest.mark.parametrize("kind", [nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.LeakyReLU, nn.PReLU, nn.ELU])
def test_diverged_units_are_neither_dead_nor_linear(
    kind: Callable[[], nn.Module],
) -> None:
    model = nn.Sequential(nn.Linear(4, 8), kind(), nn.Linear(8, 1))
    with rectifiers.watch(model, every=1) as w:
        model(torch.full((256, 4), torch.nan)).mean().backward()
    assert (w.figures()[0]["dead"], w.figures()[0]["linear"]) == (0, 0)
    assert [advice.code for advice in w.advice()] == ["exploding"]


class Net(nn.Module):
    """Two sites; what happens between them is up to `between`."""

    def __init__(self, between: Callable[[Tensor], Tensor] = lambda x: x) -> None:
        super().__init__()
        self.a, self.b, self.c, self.between = nn.Linear(8, 16), nn.Linear(16, 16), nn.Linear(16, 1), between

    def forward(self, x: Tensor) -> Tensor:
        return self.c(torch.tanh(self.b(self.between(torch.relu(self.a(x))))))


def gradient_at(model: Net, x: Tensor, loss: Callable[[Tensor, Tensor], Tensor]) -> float:
    """RMS of a loss's gradient at tanh, by autograd."""
    x = x.detach().requires_grad_()
    hidden = model.b(torch.relu(model.a(x)))
    (found,) = torch.autograd.grad(loss(model.c(torch.tanh(hidden)), x), hidden)
    return found.square().mean().sqrt().item()


def penalty(y: Tensor, x: Tensor) -> Tensor:
    (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    return y.mean() + 10 * (slope.norm(dim=1) - 1).square().mean()


def test_the_gradient_is_that_of_the_loss_where_it_has_a_gradient_penalty() -> None:
    torch.manual_seed(0)
    model, x = Net(), torch.randn(200, 8, requires_grad=True)
    with rectifiers.watch(model, every=1) as w:
        penalty(model(x), x).backward()
    assert w.figures()[1]["gradient"] == pytest.approx(gradient_at(model, x, penalty), rel=1e-4)


@pytest.mark.parametrize(
    "losses", [(torch.mean, torch.mean), (torch.mean, torch.sum, lambda y: y.square().sum())]
)
def test_the_gradient_is_the_sum_over_backward_passes(losses: Any) -> None:
    torch.manual_seed(0)
    model, x = Net(), torch.randn(200, 8)
    with rectifiers.watch(model, every=1) as w:
        y = model(x)
        for loss in losses:
            loss(y).backward(retain_graph=True)
    expected = gradient_at(model, x, lambda y, _: sum(loss(y) for loss in losses))
    assert w.figures()[1]["gradient"] == pytest.approx(expected, rel=1e-4)
    assert "in part" not in str(w)


def test_a_backward_pass_that_comes_too_late_is_told() -> None:
    torch.manual_seed(0)
    model, x = Net(), torch.randn(200, 8)
    with rectifiers.watch(model, every=1) as w:
        y = model(x)
        y.mean().backward(retain_graph=True)
        (y.mean() + model(x).mean()).backward()
    assert "Gradients are in part" in str(w)


def test_samples_at_every_place_of_a_batch_are_seen() -> None:
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(1, 2048), nn.ReLU(), nn.Linear(2048, 1)), torch.ones(64, 1)
    with torch.no_grad():
        model[0].weight.fill_(1.0)
        model[0].bias.zero_()
    x[::2] = -1.0  # pairs, one behind the other
    with rectifiers.watch(model, every=1, window=40) as w:
        for _ in range(40):
            model(x).mean().backward()
    assert w.figures()[0]["dead"] == 0


def test_a_model_that_differentiates_in_its_forward_pass() -> None:
    class Force(Net):
        def forward(self, x: Tensor) -> Tensor:
            return torch.autograd.grad(super().forward(x).sum(), x)[0]

    torch.manual_seed(0)
    model = Force()
    with rectifiers.watch(model, every=1) as w:
        for _ in range(3):
            model(torch.randn(200, 8, requires_grad=True))
    assert [row["seen"] for row in w.figures()] == [200, 200]


@pytest.mark.parametrize("activation, units", [(ours.Maxout(2), 4), (ours.CReLU(), 16)])
def test_activations_with_another_number_of_outputs(activation: nn.Module, units: int) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), activation, nn.Linear(units, 1))
    x = torch.randn(200, 4)
    with rectifiers.watch(model, every=1) as w:
        model(x).mean().backward()
    relu, row = w.figures()
    z = model[:3](x)
    assert row["output_mean"] == pytest.approx(activation(z).mean().item(), rel=1e-5)
    assert (row["mean"], row["dead"]) == (pytest.approx(z.mean().item(), rel=1e-5), None)
    assert relu["sparsity"] == pytest.approx((model[:2](x) == 0).float().mean().item())
    assert row["gradient"] > 0


def test_passes_in_a_transform_are_left_alone() -> None:
    torch.manual_seed(0)
    model, x = Net(), torch.randn(8, 200, 8)
    with rectifiers.watch(model, every=1, window=3) as w:
        model(x[0]).mean().backward()
        torch.func.vmap(model)(x).mean().backward()
        torch.func.grad(lambda x: model(x).mean())(x[0])
    assert [row["seen"] for row in w.figures()] == [200, 200]


def test_sites_that_are_not_called_any_more_and_units_that_change_in_number() -> None:
    torch.manual_seed(0)
    calls = iter(range(40))
    model = Net(lambda x: torch.sigmoid(x) if next(calls) < 3 else x)
    grown = nn.Sequential(nn.Linear(8, 16), nn.ReLU())
    with rectifiers.watch(model, every=1) as w, rectifiers.watch(grown, every=1) as other:
        for size in range(40):
            model(torch.randn(64, 8)).mean().backward()
            grown[0].weight.data = torch.randn(16 + size // 30, 8)
            grown[0].bias.data = torch.zeros(16 + size // 30)
            with contextlib.suppress(RuntimeError):  # the gradient has the shape it had
                grown(torch.randn(64, 8)).mean().backward()
    found = {row["site"]: row for row in w.figures()}
    assert (found[":sigmoid"]["seen"], found[":sigmoid"]["chi"]) == (0, None)
    assert "-" in str(w)
    assert other.figures(at_start=True)[0]["units"] == 16


@pytest.mark.parametrize("activation", [nn.LeakyReLU(), nn.PReLU(init=0.3)])
def test_units_that_see_nothing_but_negative_inputs_are_linear(activation: nn.Module) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), activation, nn.Linear(8, 1))
    with torch.no_grad():
        model[0].bias[:6] = -50.0
    with rectifiers.watch(model, every=1) as w:
        model(torch.randn(256, 4)).mean().backward()
    assert w.figures()[0]["linear"] == 0.75


def test_updates_are_seen_with_accumulated_gradients_and_not_at_rate_0() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)).bfloat16()
    groups = [{"params": model[0].parameters(), "lr": 1e-4}, {"params": model[2].parameters(), "lr": 0.0}]
    optimizer = torch.optim.SGD(groups)
    with rectifiers.watch(model, every=10, optimizer=optimizer) as w:
        for _ in range(10):
            for _ in range(4):
                model(torch.randn(64, 4).bfloat16()).mean().backward()
            optimizer.step()
    assert set(w.updates()) == {"0.weight", "0.bias"}
    assert w.updates()["0.weight"] > 0.5


def test_health_is_not_claimed_without_figures() -> None:
    torch.manual_seed(0)
    frozen, few = Net(torch.detach), Net()
    with rectifiers.watch(frozen, every=1) as w:
        for _ in range(20):
            frozen(torch.randn(64, 8)).mean().backward()
    assert w.advice()[0].sentence == "no unit died; no site saturates; no gradient reached :relu."
    with rectifiers.watch(few, every=10, window=1) as w:
        for _ in range(15):
            few(torch.randn(64, 8)).mean().backward()
    assert w.advice()[0].sentence.startswith("too few samples to tell dead units")
    assert w.figures()[0]["seen"] == 64


def test_distributions_are_those_of_all_units() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 64), nn.ReLU())
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].bias.copy_(torch.linspace(-7, 7, 64))
    with rectifiers.watch(model, every=1) as w:
        model(torch.full((256, 4), 1.0)).mean().backward()
    shares = np.array([row["share"] for row in w._distributions()])
    assert shares.sum() == pytest.approx(1.0)
    assert (shares > 0).sum() > 48


@pytest.mark.parametrize(
    "output, low, high",
    [(nn.Softsign, -1.0, 1.0), (nn.Softplus, 0.0, math.inf), (nn.Hardswish, -0.375, math.inf)],
)
def test_the_range_of_an_output_far_out(output: Any, low: float, high: float) -> None:
    model = nn.Sequential(nn.Linear(4, 2), output())
    with rectifiers.watch(model, every=1, targets=torch.tensor([1.0, 1e6])) as w:
        model(torch.randn(64, 4)).mean().backward()
    reach = w.reach()
    assert reach is not None
    assert (reach.low, reach.high) == pytest.approx((low, high), abs=1e-5)
    assert reach.missed == (0.0 if high == math.inf else 0.5)


def test_the_range_of_an_output_that_is_clamped() -> None:
    model = nn.Sequential(nn.Linear(4, 2), nn.Identity())
    model[1].forward = lambda x: x.clamp(0.0, 255.0)  # type: ignore[method-assign]
    with rectifiers.watch(model, every=1, targets=torch.tensor([0.0, 128.0, 255.0, 300.0])) as w:
        model(torch.randn(64, 4)).mean().backward()
    reach = w.reach()
    assert reach is not None
    assert (reach.low, reach.high, reach.missed) == (0.0, 255.0, 0.25)
