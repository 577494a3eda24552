"""Every place where a model calls an activation is found, whoever wrote it and however it is called."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from call_sites_models import (
    IMAGES,
    BasicBlock,
    Checkpointed,
    DenseNet,
    FunctionAsAttribute,
    Functions,
    NewGELU,
    Ours,
    Repeated,
    ResNet,
    SharedEverywhere,
    Transformer,
    UNet,
)
from torch import Tensor, nn

import rectifiers
from rectifiers.call_sites import Call, Interception
from rectifiers.errors import ArgumentError, UserCodeError

X = torch.linspace(-1, 1, 24).reshape(4, 6)


def images() -> Tensor:
    return torch.linspace(-1, 1, 4 * 3 * 8 * 8).reshape(IMAGES)


def test_a_module_called_twice_is_two_sites() -> None:
    found = rectifiers.sites(BasicBlock(3, 3), images())
    assert found.names == ("relu", "relu#2")
    assert [site.shared for site in found] == [("relu#2",), ("relu",)]
    assert {(s.activation, s.kind, s.in_place, s.channels, s.axis) for s in found} == {
        ("relu", "module", True, 3, 1)
    }
    assert found[0].place.startswith("call_sites_models.py:")
    assert found[0].line + 5 == found[1].line


def test_functions_are_found_in_every_spelling() -> None:
    found = rectifiers.sites(Functions(), X)
    assert found.names == (":relu", ":relu#2", ":relu#3", ":relu#4", ":relu#5", ":gelu")
    assert [site.in_place for site in found] == [False, False, False, True, False, False]
    assert len({site.line for site in found}) == 6
    assert {site.kind for site in found} == {"function"}


# Counted by hand: 1 + 4 blocks of 2; 3 layers of 2 and one function; 5 pairs of convolutions.
@pytest.mark.parametrize("model, count", [(ResNet, 9), (DenseNet, 7), (UNet, 10)])
@pytest.mark.parametrize("training", [True, False])
def test_counts_made_by_hand(model: type[nn.Module], count: int, training: bool) -> None:
    found = rectifiers.sites(model().train(training), images())
    assert len(found) == count
    assert {(site.activation, site.axis, site.in_place) for site in found} == {("relu", 1, True)}


def test_channels_are_those_of_the_layer_before() -> None:
    assert [s.channels for s in rectifiers.sites(DenseNet(), images())] == [4, 4, 6, 4, 8, 4, 10]


def test_features_of_tokens_are_on_the_last_axis_even_where_there_are_as_many_tokens() -> None:
    (site,) = rectifiers.sites(Transformer(), torch.zeros(2, 8, 3))
    assert (site.shape, site.channels, site.axis) == ((2, 8, 8), 8, -1)


class _Layouts(nn.Module):
    """Images as tokens and back, as many tokens as features."""

    def __init__(self, transposed: bool) -> None:
        super().__init__()
        self.conv, self.transposed, self.act = nn.Conv2d(3, 4, 1), transposed, nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).flatten(2)
        return self.act(x.transpose(1, 2) if self.transposed else x)


@pytest.mark.parametrize("transposed, axis", [(True, -1), (False, 1)])
def test_axes_are_followed_through_transpositions(transposed: bool, axis: int) -> None:
    (site,) = rectifiers.sites(_Layouts(transposed), torch.zeros(2, 3, 2, 2))
    assert (site.channels, site.axis) == (4, axis)


@pytest.mark.parametrize(
    "change, axis",
    [
        (lambda h: h.mT, 1),
        (lambda h: torch.transpose(h, dim0=1, dim1=2), 1),
        (lambda h: h.movedim(-1, 0), 0),
        (lambda h: h.permute(0, 2, 1).reshape(4, 4, 2, 2), 1),
        (lambda h: h.unsqueeze(1), -1),
        (lambda h: h.unsqueeze(0).squeeze_(0), -1),
        (lambda h: h[0].T, 0),
        (lambda h: h[:, :3].softmax(1), -1),
        (lambda h: torch.relu(h + h.mean(1, keepdim=True)), -1),
        (lambda h: (h.mT * 1, h + 1)[1], -1),  # what is made of it elsewhere says nothing
        (lambda h: torch.einsum("ntc->nct", h), None),
        (lambda h: torch.stack([h, h.mT]), None),
        (lambda h: h + h.mT, None),
        (lambda h: h.view(4, 4, 2, 2).transpose(1, 2), None),
    ],
)
def test_axes_are_those_of_the_tensor_as_many_features_as_all_else(
    change: Callable[[Tensor], Tensor], axis: int | None
) -> None:
    class Changed(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return torch.sigmoid(change(super().forward(x)))

    site = rectifiers.sites(Changed(4, 4), torch.randn(4, 4, 4))[-1]
    assert site.axis == axis


class _Hidden(nn.Linear):
    """Its features as something else."""

    def __init__(self, reshape: Callable[[Tensor], Tensor]) -> None:
        super().__init__(3, 16)
        self.reshape = reshape

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.reshape(super().forward(x)))


@pytest.mark.parametrize(
    "x, reshape",
    [
        (torch.zeros(2, 3), lambda y: y.view(-1, 4, 4)),
        (torch.zeros(2, 16, 3), lambda y: y.view(2, 4, 4, 16).reshape(2, 16, 4, 4).view(2, 16, 16)),
        (torch.zeros(2, 20, 3), lambda y: nn.functional.pixel_shuffle(y.view(2, 16, 4, 5), 2)),
    ],
)
def test_an_axis_that_cannot_be_known_is_not_guessed(x: Tensor, reshape: Callable[[Tensor], Tensor]) -> None:
    (site,) = rectifiers.sites(_Hidden(reshape), x)
    assert (site.channels, site.axis) == (None, None)
    assert "?" in str(rectifiers.sites(_Hidden(reshape), x))


def test_features_that_are_put_together_are_counted_together() -> None:
    class Joined(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(torch.cat([x, super().forward(x)], 1))

    (site,) = rectifiers.sites(Joined(3, 5, 1), torch.zeros(2, 3, 5, 4))  # 5 high, too
    assert (site.channels, site.axis) == (8, 1)


@pytest.mark.parametrize(
    "activation, name",
    [
        (NewGELU(), "NewGELU"),  # the tanh in it is not a site
        (FunctionAsAttribute(), "gelu"),
        (nn.Hardswish(), "hardswish"),
        (nn.GELU("tanh"), "gelu"),
        (rectifiers.nn.PReLU(8, dim=-1), "prelu"),
    ],
)
def test_modules_of_any_class_are_one_site(activation: nn.Module, name: str) -> None:
    (site,) = rectifiers.sites(Transformer(activation), torch.zeros(2, 5, 3))
    assert (site.name, site.activation, site.kind) == ("act", name, "module")


class _Leaf(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class _Softmax(_Leaf):
    def forward(self, x: Tensor) -> Tensor:
        return x.softmax(-1)


class _Half(_Leaf):
    def forward(self, x: Tensor) -> Tensor:
        return x / 2


@pytest.mark.parametrize(
    "other", [_Softmax(), _Half(), nn.Identity(), nn.Dropout(), nn.Softmax(-1), nn.LayerNorm(8)]
)
def test_what_is_no_activation_is_no_site(other: nn.Module) -> None:
    assert len(rectifiers.sites(Transformer(other), torch.zeros(2, 5, 3))) == 0


def test_ours_are_found_as_modules_and_as_functions() -> None:
    found = rectifiers.sites(Ours(), X)
    assert [(s.name, s.activation, s.in_place) for s in found] == [
        ("act", "leaky_relu", False),
        (":elu", "elu", True),
    ]


def test_integers_and_what_is_written_elsewhere_are_no_activations() -> None:
    class Model(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            lengths = torch.arange(-2, 2).clamp(min=0)
            with torch.no_grad():
                torch.sigmoid(x, out=(gate := torch.empty_like(x)))
            return torch.relu(super().forward(x) * gate) * lengths[:, None]

    assert rectifiers.sites(Model(6, 6), X).names == (":relu",)


def test_a_block_that_runs_three_times_is_one_site_with_three_calls() -> None:
    (site,) = rectifiers.sites(Repeated(), X)
    assert (site.name, site.calls) == ("block.1", 3)


def test_one_module_in_many_blocks_is_a_site_in_each() -> None:
    found = rectifiers.sites(SharedEverywhere(), X)
    assert found.names == ("blocks.0.1", "blocks.1.1", ":silu", ":silu#2")
    assert found[0].shared == ("blocks.1.1",)
    assert [site.channels for site in found] == [6, 6, 4, 3]


def test_nothing_in_the_model_changes() -> None:
    model = ResNet()
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    rectifiers.sites(model, images())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    x = X.clone()
    rectifiers.sites(nn.ReLU(inplace=True), x)
    assert torch.equal(x, X)


def test_buffers_that_running_resizes_are_put_back() -> None:
    class Observer(nn.Linear):
        def __init__(self) -> None:
            super().__init__(6, 6)
            self.register_buffer("lowest", torch.empty(0))

        def forward(self, x: Tensor) -> Tensor:
            x = torch.relu(super().forward(x))
            self.lowest.resize_(6).copy_(x.detach().amin(0))
            return x

    model = Observer()
    buffer = model.lowest
    assert len(rectifiers.sites(model, X)) == 1
    assert model.lowest is buffer
    assert buffer.shape == (0,)


def test_examples_are_tensors_tuples_and_dicts() -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor, *, scale: Tensor) -> Tensor:
            return torch.sigmoid(x * scale)

    assert rectifiers.sites(Two(), {"x": X, "scale": X}).names == (":sigmoid",)
    assert rectifiers.sites(nn.ReLU(), (X,)).names == ("",)


def test_the_eval_fast_path_of_torch_hides_nothing() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2).eval()
    assert rectifiers.sites(encoder, torch.zeros(2, 5, 8)).names == ("layers.0:relu", "layers.1:relu")


def test_a_table_prints() -> None:
    lines = str(rectifiers.sites(ResNet(), images())).splitlines()
    titles = "site activation kind called at input channels axis calls shared with"
    assert lines[0].split() == titles.split()
    assert len(lines) == 10
    assert lines[3].split()[:2] == ["layer1.0.relu#2", "relu_"]


@pytest.mark.parametrize(
    "model, example, words",
    [
        (
            Functions(),
            torch.zeros(2, 5),
            "example must run through the model, but Functions on (2, 5) raised",
        ),
        (nn.LazyLinear(3), X, "one is lazy: run the model"),
        (torch.compile(nn.ReLU(), backend="eager"), X, "is compiled"),
    ],
)
def test_bad_input_is_one_line(model: Any, example: Any, words: str) -> None:
    with pytest.raises((ArgumentError, UserCodeError)) as error:
        rectifiers.sites(model, example)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_site_in_a_compiled_function_is_refused() -> None:
    act = torch.compile(lambda x: torch.relu(x) * 2, backend="eager")

    class Model(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return act(super().forward(x))

    torch._dynamo.reset()
    for call in (rectifiers.sites, lambda model, x: rectifiers.swap_(model, "elu", x)):
        with pytest.raises(ArgumentError, match="is in a compiled function"):
            call(Model(6, 6), X)


class TestInterception:
    """What watching and initialising build on."""

    @staticmethod
    def calls(model: nn.Module, x: Tensor, **around: Any) -> tuple[list[Call], list[tuple[Tensor, Tensor]]]:
        calls, seen = [], []

        def begin(call: Call, given: Tensor) -> Any:
            before = given.detach().clone()
            before.clamp(min=0)  # what a callback calls is not a site
            calls.append(call)
            return lambda output: seen.append((before, output.detach().clone()))

        with Interception(model, begin).installed():
            model(x).sum().backward()
        return calls, seen

    def test_inputs_are_seen_before_they_are_overwritten(self) -> None:
        for model, x in ((Functions(), X), (BasicBlock(3, 3), images())):
            calls, seen = self.calls(model, x)
            for call, (before, after) in zip(calls, seen, strict=True):
                if call.activation == "relu":
                    assert (before < 0).any()
                    assert torch.equal(after, before.relu())

    @pytest.mark.parametrize("model", [ResNet, DenseNet, UNet])
    def test_gradients_losses_and_random_state_are_those_without(self, model: type[nn.Module]) -> None:
        torch.manual_seed(0)
        one = model()
        other = copy.deepcopy(one)
        self.calls(one, images())
        other(images()).sum().backward()
        for a, b in zip(one.parameters(), other.parameters(), strict=True):
            assert torch.equal(a.grad, b.grad)

    @pytest.mark.parametrize("reentrant", [True, False])
    def test_what_checkpointing_recomputes_is_told_apart(self, reentrant: bool) -> None:
        calls, _ = self.calls(Checkpointed(reentrant), X.clone().requires_grad_())
        assert Counter(call.recomputed for call in calls) == {False: 6, True: 6}
        assert len({call.name for call in calls}) == 6

    def test_under_autocast(self) -> None:
        with torch.autocast("cpu", torch.bfloat16):
            _, seen = self.calls(Functions(), X)
        assert {before.dtype for before, _ in seen} == {torch.bfloat16}

    def test_turned_off_nothing_is_called_and_an_exception_leaves_no_trace(self) -> None:
        calls: list[str] = []
        model = Functions()
        interception = Interception(model, lambda call, x: calls.append(call.name))
        with interception.installed():
            interception.enabled = False
            model(X)
            assert not calls
            interception.enabled = True
            with pytest.raises(RuntimeError):
                model(X[:, :3])
            assert not interception.running
            model(X)
            assert len(calls) == 6
            copy.deepcopy(model)(X)
            assert len(calls) == 6
        model(X)
        assert len(calls) == 6
