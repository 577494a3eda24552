"""Modules: drop-in for torch's, derived from the records, and what torch does not have."""

from __future__ import annotations

import copy
import inspect
import io
import pickle

import pytest
import torch

from rectifiers import functional, nn
from rectifiers.activations import Elementwise, registry

TITLES = [record.title for record in registry.values()]
SHARED = [title for title in TITLES if hasattr(torch.nn, title)]
ARGUMENTS = {"Softmax": (1,)}


def make(title: str, *values: object, room: object = nn, **options: object) -> torch.nn.Module:
    return getattr(room, title)(*(values or ARGUMENTS.get(title, ())), **options)


def sample(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 3


def test_torch_has_all_but_these() -> None:
    assert set(TITLES) - set(SHARED) == {"Maxout", "CReLU", "SquaredReLU", "ReGLU", "GEGLU", "SwiGLU"}


@pytest.mark.parametrize("title", SHARED)
def test_a_module_stands_in_for_that_of_torch(title: str) -> None:
    ours, theirs = make(title), make(title, room=torch.nn)
    assert isinstance(ours, type(theirs))
    assert repr(ours) == repr(theirs)
    assert vars(theirs).keys() <= vars(ours).keys()
    x = sample(4, 6)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("title", SHARED)
def test_the_signature_starts_as_in_torch(title: str) -> None:
    expected = inspect.signature(getattr(torch.nn, title)).parameters
    ours = inspect.signature(getattr(nn, title)).parameters
    gone = ("args", "kwargs", "min_value", "max_value")  # the last two are deprecated names in Hardtanh
    names = [name for name in expected if name not in gone]
    positional = [n for n in names if expected[n].kind is not inspect.Parameter.KEYWORD_ONLY]
    assert list(ours)[: len(positional)] == positional
    assert all(ours[name].default == expected[name].default for name in names)


@pytest.mark.parametrize("title", SHARED)
def test_state_dicts_are_interchangeable(title: str) -> None:
    ours, theirs = make(title), make(title, room=torch.nn)
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())


def test_the_slopes_of_a_trained_prelu_carry_over() -> None:
    theirs = torch.nn.PReLU(6, 0.1)
    with torch.no_grad():
        theirs.weight.copy_(torch.linspace(-1, 1, 6))
    ours = nn.PReLU(6)
    ours.load_state_dict(theirs.state_dict())
    x = sample(4, 6, 2)
    torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.parametrize("title", [r.title for r in registry.values() if isinstance(r, Elementwise)])
def test_inplace_is_there_for_each_elementwise_module(title: str) -> None:
    module = make(title, inplace=True)
    x = sample(4, 6)
    expected = make(title).eval()(x)
    assert module.eval()(x) is x
    torch.testing.assert_close(x, expected)
    assert repr(module).endswith("inplace=True)")


@pytest.mark.parametrize("title", TITLES)
def test_modules_copy_pickle_and_save(title: str) -> None:
    module = make(title).eval()
    x = sample(4, 6)
    buffer = io.BytesIO()
    torch.save(module, buffer)
    buffer.seek(0)
    for again in (
        copy.deepcopy(module),
        pickle.loads(pickle.dumps(module)),
        torch.load(buffer, weights_only=False),
    ):
        assert type(again) is type(module)
        assert repr(again) == repr(module)
        assert torch.equal(again(x), module(x))


def test_arguments_may_change_afterwards_as_in_torch() -> None:
    module = nn.LeakyReLU()
    module.negative_slope = 0.5
    assert module(torch.tensor(-2.0)).item() == -1.0
    module.inplace = True
    x = torch.tensor([-2.0])
    assert module(x) is x


@pytest.mark.parametrize(
    "module, shown",
    [
        (lambda: nn.PReLU(3, dim=-1), "PReLU(num_parameters=3, dim=-1)"),
        (lambda: nn.RReLU(0.1, 0.2, True), "RReLU(lower=0.1, upper=0.2, inplace=True)"),
        (lambda: nn.Maxout(3, -1, "strided"), "Maxout(pieces=3, dim=-1, grouping='strided')"),
        (lambda: nn.Maxout(), "Maxout(pieces=2)"),
        (lambda: nn.CReLU(-1), "CReLU(dim=-1)"),
        (lambda: nn.CReLU(), "CReLU()"),
        (lambda: nn.SquaredReLU(), "SquaredReLU()"),
        (lambda: nn.GELU("tanh"), "GELU(approximate='tanh')"),
        (lambda: nn.LeakyReLU.from_divisor(4), "LeakyReLU(negative_slope=0.25)"),
        (
            lambda: nn.MaxoutLinear(3, 4, 5, bias=False),
            "MaxoutLinear(in_features=3, out_features=4, pieces=5, bias=False)",
        ),
    ],
)
def test_repr(module: object, shown: str) -> None:
    assert repr(module()) == shown  # type: ignore[operator]


def test_prelu_on_any_axis_in_any_place() -> None:
    x = sample(2, 5, 3)
    slopes = torch.tensor([0.1, -0.4, 0.9])
    module = nn.PReLU(3, dim=-1)
    with torch.no_grad():
        module.weight.copy_(slopes)
    torch.testing.assert_close(module(x), torch.where(x > 0, x, slopes * x))
    torch.testing.assert_close(nn.PReLU(init=0.3)(x), torch.where(x > 0, x, 0.3 * x))
    assert nn.PReLU(3, device="meta", dtype=torch.float64).weight.device.type == "meta"
    assert nn.PReLU(3, dtype=torch.float64).weight.dtype == torch.float64
    module.reset_parameters()
    assert module.weight.tolist() == [0.25] * 3


def test_the_update_of_prelu_is_momentum_without_decay() -> None:
    """He et al. 2015, section 2.1: v <- mu v + eps dE/da, on a network with weight decay elsewhere."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 6), nn.PReLU(6), torch.nn.Linear(6, 1), torch.nn.PReLU())
    mu, eps, decay = 0.9, 0.1, 0.5
    groups = nn.parameter_groups(model, weight_decay=decay)
    optimizer = torch.optim.SGD(groups, lr=eps, momentum=mu)
    slopes, weight = model[1].weight, model[0].weight
    a, v = slopes.detach().clone(), torch.zeros(6)
    w, u = weight.detach().clone(), torch.zeros(6, 4)
    for step in range(5):
        x = sample(8, 4) + step
        optimizer.zero_grad()
        model(x).square().mean().backward()
        v = mu * v + eps * slopes.grad
        a = a - v
        u = mu * u + eps * (weight.grad + decay * w)
        w = w - u
        optimizer.step()
        torch.testing.assert_close(slopes.detach(), a)
        torch.testing.assert_close(weight.detach(), w)


def test_parameter_groups_hold_every_parameter_once() -> None:
    shared = nn.PReLU()
    model = torch.nn.Sequential(
        torch.nn.Linear(2, 2), shared, torch.nn.Linear(2, 2), shared, torch.nn.PReLU(2)
    )
    decayed, plain = nn.parameter_groups(model, weight_decay=1e-4)
    assert len(decayed["params"]) == 4
    assert len(plain["params"]) == 2
    assert (decayed["weight_decay"], plain["weight_decay"]) == (1e-4, 0.0)
    assert {id(p) for g in (decayed, plain) for p in g["params"]} == {id(p) for p in model.parameters()}
    assert len(nn.parameter_groups(torch.nn.Linear(2, 2), weight_decay=0.1)) == 1
    torch.optim.Adam(nn.parameter_groups(nn.PReLU(), weight_decay=0.1))


def test_a_generator_of_the_module() -> None:
    x = -torch.ones(10)
    first = nn.RReLU(generator=torch.Generator().manual_seed(1))(x)
    assert torch.equal(first, nn.RReLU(generator=torch.Generator().manual_seed(1))(x))
    assert torch.equal(first, functional.rrelu(x, training=True, generator=torch.Generator().manual_seed(1)))


def test_a_network_of_everything_trains() -> None:
    torch.manual_seed(0)
    layers: list[torch.nn.Module] = []
    for title in TITLES:
        outputs = {"CReLU": 6, "Maxout": 24}.get(title, 24 if title.endswith("GLU") else 12)
        layers += [torch.nn.Linear(12, outputs), make(title)]
    model = torch.nn.Sequential(*layers, nn.MaxoutLinear(12, 1, 3))
    model(sample(5, 12)).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())
