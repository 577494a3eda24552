"""Activations are swapped one by one, in whatever way they are called, and what was swapped goes on as it "
"was."""

from __future__ import annotations

import copy
import io
import pickle
import types
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from call_sites_models import (
    IMAGES,
    BasicBlock,
    Checkpointed,
    CheckpointedLambda,
    DenseNet,
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
from torch.utils.checkpoint import checkpoint

import rectifiers
from rectifiers.errors import ArgumentError, ArgumentTypeError, RectifiersError, UserCodeError

X = torch.linspace(-1, 1, 24).reshape(4, 6)
IMAGE = torch.randn(IMAGES, generator=torch.Generator().manual_seed(0))
TOKENS = torch.randn(2, 8, 3, generator=torch.Generator().manual_seed(0))
CASES: list[tuple[type[nn.Module], Tensor]] = [
    *((ResNet, IMAGE), (DenseNet, IMAGE), (UNet, IMAGE), (Functions, X), (Transformer, TOKENS)),
    *((SharedEverywhere, X), (Ours, X), (Repeated, X), (Checkpointed, X)),
]
every = pytest.mark.parametrize("model, x", CASES)


def made(model: Callable[..., nn.Module], *args: Any) -> nn.Module:
    torch.manual_seed(0)
    return model(*args)


def kinds(model: nn.Module, x: Tensor) -> list[str]:
    return sorted({site.activation for site in rectifiers.sites(model, x)})


def state_of(model: nn.Module) -> Any:
    """Everything that may not change: classes, modules, attributes and numbers."""
    return (
        [(name, type(m), id(m), sorted(vars(m)), m.training) for name, m in model.named_modules()],
        {name: value.clone() for name, value in model.state_dict().items()},
        torch.get_rng_state(),
    )


def assert_same(one: Any, other: Any) -> None:
    assert one[0] == other[0]
    assert one[1].keys() == other[1].keys()
    assert all(torch.equal(one[1][name], other[1][name]) for name in one[1])
    assert torch.equal(one[2], other[2])


@every
@pytest.mark.parametrize("arm", ["prelu", "leaky_relu(0.2)", "torch:nn.functional.silu"])
def test_everything_is_swapped_and_taken_back(model: type[nn.Module], x: Tensor, arm: str) -> None:
    net = made(model)
    before, found = state_of(net), rectifiers.sites(net, x)
    report = rectifiers.swap_(net, arm, x, where=kinds(net, x))
    assert [swapped.name for swapped in report if not swapped.reason] == list(found.names)
    assert [swapped.calls for swapped in report] == [site.calls for site in found]
    after = rectifiers.sites(net, x)
    assert len(after) == len(found)
    assert {site.activation for site in after} == {
        {"torch:nn.functional.silu": "silu"}.get(arm, arm.split("(")[0])
    }
    assert torch.equal(torch.get_rng_state(), before[2])
    assert rectifiers.unswap_(net) is net
    assert_same(state_of(net), before)


def test_what_is_computed_is_what_was_meant() -> None:
    net = made(BasicBlock, 3, 3).eval()
    rectifiers.swap_(net, nn.Softplus, IMAGE, where="relu#2")
    out = net.bn2(net.conv2(F.relu(net.bn1(net.conv1(IMAGE))))) + IMAGE
    assert torch.equal(net(IMAGE), F.softplus(out))

    net = made(Functions)
    rectifiers.swap_(net, "leaky_relu(0.5)", X, where=[":relu#2", ":relu#4"])
    y = F.leaky_relu(net.b(F.relu(net.a(X))), 0.5)
    y = F.leaky_relu(net.b(F.relu(net.b(y))), 0.5)
    y = F.gelu(net.b(F.relu(net.b(y))), approximate="tanh")
    assert torch.equal(net(X), y)


@pytest.mark.parametrize(
    "model, x, kind", [(ResNet, IMAGE, "relu"), (UNet, IMAGE, "relu"), (Functions, X, "gelu")]
)
def test_the_same_activation_changes_nothing(model: type[nn.Module], x: Tensor, kind: str) -> None:
    net = made(model).eval()
    before = net(x)
    arm = "gelu(approximate='tanh')" if kind == "gelu" else kind
    rectifiers.swap_(net, arm, x, where=kind)
    torch.testing.assert_close(net(x), before)


@every
def test_state_copies_and_pickles(model: type[nn.Module], x: Tensor) -> None:
    net = made(model)
    plain = net.state_dict().keys()
    rectifiers.swap_(net, "prelu", x, where=kinds(net, x))
    slopes = [name for name in net.state_dict() if name not in plain]
    assert slopes
    assert all(".weight" in name for name in slopes)
    net.eval()
    y = net(x)
    file = io.BytesIO()
    torch.save(net, file)
    file.seek(0)
    for again in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), torch.load(file, weights_only=False)):
        assert isinstance(again, model)
        assert torch.equal(again(x), y)
        rectifiers.unswap_(again)
        assert type(again) is model
    other = made(model)
    rectifiers.swap_(other, "prelu", x, where=kinds(other, x))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(1.25)
    other.load_state_dict(net.state_dict())
    assert torch.equal(other.eval()(x), net(x))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_traced_by_fx_and_refused_by_script_whose_source_is_that_of_before() -> None:
    net = nn.Sequential(made(SharedEverywhere))
    rectifiers.swap_(net, "softplus", X, where=["relu", "silu"])
    assert torch.equal(torch.fx.symbolic_trace(net)(2 * X), net(2 * X))
    with pytest.raises(ArgumentError, match=r"cannot be scripted.*SharedEverywhere"):
        torch.jit.script(net)


def test_taking_back_follows_the_type_and_refuses_a_class_that_something_else_has_changed() -> None:
    class Model(nn.Linear):
        def __init__(self) -> None:
            super().__init__(6, 6)
            self.act = nn.PReLU(6)

        def forward(self, x: Tensor) -> Tensor:
            return self.act(F.relu(super().forward(x)))

    net = made(Model)
    rectifiers.swap_(net, "elu", X, where=["relu", "prelu"])
    net.bfloat16()
    nn.utils.parametrizations.weight_norm(net)
    with pytest.raises(ArgumentError, match="is ParametrizedModel now: take back first"):
        rectifiers.unswap_(net)
    nn.utils.parametrize.remove_parametrizations(net, "weight")
    rectifiers.unswap_(net)
    assert type(net) is Model
    assert net(X.bfloat16()).dtype == torch.bfloat16


def test_weights_of_before_load_where_nothing_is_learned() -> None:
    net, plain = made(Functions), made(Functions)
    rectifiers.swap_(net, "elu", X, where="relu")
    net.load_state_dict(plain.state_dict())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("model, x", [(lambda: BasicBlock(3, 3), IMAGE), (Functions, X)])
def test_compiles_in_one_graph_and_exports(model: type[nn.Module], x: Tensor, training: bool) -> None:
    net = made(model)
    rectifiers.swap_(net, "prelu", x, where=kinds(net, x))
    net.train(training)
    torch._dynamo.reset()
    compiled = torch.compile(copy.deepcopy(net), fullgraph=True, backend="eager")
    given = x.clone().requires_grad_()
    (got,) = torch.autograd.grad(compiled(given).square().sum(), given)
    (right,) = torch.autograd.grad(copy.deepcopy(net)(given).square().sum(), given)
    torch.testing.assert_close(got, right)
    if not training:
        exported = torch.export.export(net, (x,))
        torch.testing.assert_close(exported.module()(x), net(x))


@pytest.mark.parametrize("reentrant", [True, False])
def test_a_checkpointed_module_has_the_gradients_of_one_that_is_not(reentrant: bool) -> None:
    net = made(Checkpointed, reentrant)
    rectifiers.swap_(net, "prelu", X, where=["relu", "gelu"])
    plain = copy.deepcopy(net.inner)
    given = X.clone().requires_grad_()
    net(given).sum().backward()
    right = torch.autograd.grad(plain(given).sum(), [given, *plain.parameters()])
    for got, expected in zip([given.grad, *(p.grad for p in net.inner.parameters())], right, strict=True):
        torch.testing.assert_close(got, expected)


class CheckpointedTwice(nn.Module):
    """One module that the owner calls twice, each time in a checkpointed function."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.relu = nn.Linear(6, 6), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(2):
            x = checkpoint(lambda t: self.relu(self.fc(t)), x, use_reentrant=False)
        return x


@pytest.mark.parametrize("model", [CheckpointedLambda, lambda: CheckpointedLambda(True), CheckpointedTwice])
def test_what_would_be_recomputed_elsewhere_is_refused(model: Callable[[], nn.Module]) -> None:
    net = made(model)
    before = state_of(net)
    with pytest.raises(ArgumentError, match="checkpoint whole modules"):
        rectifiers.swap_(net, "leaky_relu", X)
    assert_same(state_of(net), before)
    report = rectifiers.swap_(net, "leaky_relu", X, partial=True)
    assert all(swapped.reason for swapped in report)
    assert "checkpoint whole modules" in str(report)


class RecomputedByHand(torch.autograd.Function):
    """As libraries write their own checkpointing."""

    @staticmethod
    def forward(ctx: Any, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        ctx.function = function
        ctx.save_for_backward(x)
        return function(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x = ctx.saved_tensors[0].detach().requires_grad_()
        with torch.enable_grad():
            y = ctx.function(x)
        torch.autograd.backward(y, gradient)
        return None, x.grad


def recomputed_by_hooks(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """As libraries write theirs that saves nothing and runs the function again for what is wanted."""
    saved: list[Tensor] = []
    hooks, counted = torch.autograd.graph.saved_tensors_hooks, iter(range(100))

    def unpack(number: int) -> Tensor:
        if not saved:
            with torch.enable_grad(), hooks(lambda t: saved.append(t.detach()), lambda _: saved[0]):
                function(x)
        return saved[number]

    with hooks(lambda _: next(counted), unpack):
        return function(x)


class RecomputedFromOutput(RecomputedByHand):
    """As reversible networks write theirs."""

    @staticmethod
    def forward(ctx: Any, given: tuple[Callable[[Tensor], Tensor], Tensor], x: Tensor) -> Tensor:
        ctx.function = given[0]
        ctx.save_for_backward(x)
        return given[1].clone()


def recomputed_without_gradients(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with torch.no_grad():
        y = function(x)
    return RecomputedFromOutput.apply((function, y), x)


def recomputed_when_compiled(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    torch._dynamo.graph_break()
    return RecomputedByHand.apply(function, x)


@pytest.mark.filterwarnings("ignore")  # of the compiler, about autograd functions
@pytest.mark.parametrize(
    "own",
    [RecomputedByHand.apply, recomputed_by_hooks, recomputed_without_gradients, recomputed_when_compiled],
)
def test_another_checkpointing_that_is_turned_on_later_is_refused_when_it_runs(own: Any) -> None:
    class Later(nn.Module):
        late = False

        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(6, 6)

        def forward(self, x: Tensor) -> Tensor:
            block = lambda t: F.relu(self.fc(t))  # noqa: E731
            return own(block, x * 1.0) if self.late else block(x)

    net = made(Later)
    rectifiers.swap_(net, "elu", X)
    right = net(X)
    with torch.autograd.graph.save_on_cpu():  # around the whole forward
        assert torch.equal(net(X), right)
    net.late = True
    if own is recomputed_when_compiled:
        torch._dynamo.reset()
        net = torch.compile(net, backend="aot_eager")
    with pytest.raises(ArgumentError, match=r"called relu within .*checkpoint whole modules"):
        net(X.clone().requires_grad_())


@pytest.mark.parametrize("around", [torch.no_grad, torch.autograd.graph.save_on_cpu])
def test_what_a_forward_has_put_around_its_calls_from_the_start_stays(around: Any) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.relu = nn.Linear(6, 6), nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            with around():
                x = self.relu(F.relu(self.fc(x)))
            return self.relu(self.fc(x))

    net = made(Model)
    rectifiers.swap_(net, "elu", X)
    got = torch.autograd.grad(net(X).square().sum(), [*net.parameters()])
    with around():
        h = F.elu(F.elu(net.fc(X)))
    right = torch.autograd.grad(F.elu(net.fc(h)).square().sum(), [*net.parameters()])
    assert all(map(torch.equal, got, right))
    net.eval()
    assert torch.equal(net(X), F.elu(net.fc(h)))


@pytest.mark.parametrize("own", [RecomputedByHand.apply, recomputed_by_hooks])
def test_another_checkpointing_of_a_whole_module_has_the_right_gradients(own: Any) -> None:
    net = made(Functions)
    rectifiers.swap_(net, "elu", X, where="relu")
    gradients = []
    for run in (net, lambda x: own(net, x)):
        net.zero_grad()
        run(X.clone().requires_grad_()).square().sum().backward()
        gradients.append([p.grad.clone() for p in net.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("shared", [True, False])
def test_what_another_checkpointing_recomputes_elsewhere_is_refused(shared: bool) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.relu = nn.Linear(6, 6), nn.ReLU() if shared else F.relu

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(2):
                x = RecomputedByHand.apply(lambda t: self.relu(self.fc(t)), x * 1.0)
            return x

    net = made(Model)
    before = state_of(net)
    with pytest.raises(ArgumentError, match="checkpoint whole modules"):
        rectifiers.swap_(net, "leaky_relu", X)
    assert_same(state_of(net), before)


def test_checkpointing_that_is_turned_on_later_is_refused_when_it_runs() -> None:
    class Later(CheckpointedLambda):
        late = False

        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) if self.late else self.out(F.relu(self.fc(x)))

    net = made(Later)
    rectifiers.swap_(net, "leaky_relu", X)
    net(X)
    net.late = True
    with pytest.raises(ArgumentError, match="checkpoint whole modules"):
        net(X)


@pytest.mark.filterwarnings("ignore")  # of the compiler, about gradients
def test_so_is_that_of_a_part_that_was_compiled_in_a_graph_of_its_own_before() -> None:
    class Later(nn.Linear):
        late, compiled = False, None

        def part(self, x: Tensor) -> Tensor:
            return F.relu(super().forward(x))

        def forward(self, x: Tensor) -> Tensor:
            part = self.compiled or self.part
            return checkpoint(part, x, use_reentrant=False) if self.late else part(x)

    net = made(Later, 6, 6)
    rectifiers.swap_(net, "elu", X)
    right = net(X)
    torch._dynamo.reset()
    net.compiled = torch.compile(net.part, backend="eager")
    torch.testing.assert_close(net(X), right)
    net.late = True
    with pytest.raises(ArgumentError, match="checkpoint whole modules"):
        net(X)


@pytest.mark.parametrize("activation", ["relu", "gelu", nn.ReLU(), F.relu])
def test_the_eval_fast_path_of_torch_runs_what_was_swapped(activation: Any) -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, activation, batch_first=True)
    net = nn.TransformerEncoder(layer, 2)
    x, padding = torch.randn(2, 5, 8), torch.tensor([[False] * 4 + [True], [False] * 3 + [True] * 2])
    before = copy.deepcopy(net).eval()
    assert len(rectifiers.swap_(net, "softplus", x)) == 2
    net.eval()
    with torch.no_grad():
        fast = net(x, src_key_padding_mask=padding)
    slow = net(x, src_key_padding_mask=padding)
    torch.testing.assert_close(fast[0, :4], slow[0, :4])
    rectifiers.unswap_(net)
    with torch.no_grad():
        assert torch.equal(net(x), before(x))


def test_slopes_are_as_many_as_features_on_their_axis() -> None:
    tokens = made(Transformer)
    rectifiers.swap_(tokens, "prelu", TOKENS)
    assert (tokens.act.weight.shape, tokens.act.dim) == ((8,), -1)
    rectifiers.unswap_(tokens)
    rectifiers.swap_(tokens, nn.PReLU, TOKENS)  # which has its features on axis 1
    with torch.no_grad():
        tokens.act.activation.weight.copy_(torch.arange(8.0))
    h = tokens.fc1(tokens.norm(tokens.embed(TOKENS)))
    assert torch.equal(tokens.act(h), torch.where(h > 0, h, torch.arange(8.0) * h))
    dense = made(DenseNet)
    rectifiers.swap_(dense, "prelu", IMAGE)
    assert [m.weight.numel() for m in dense.modules() if type(m).__name__ == "PReLU"] == [
        4,
        4,
        6,
        4,
        8,
        4,
        10,
    ]


def test_an_axis_that_cannot_be_known_is_asked_about() -> None:
    class Hidden(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.act = nn.Linear(3, 16), nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            return self.act(self.fc(x).view(-1, 4, 4))

    net = Hidden()
    with pytest.raises(ArgumentError, match=r"which axis of .* has the features cannot be known"):
        rectifiers.swap_(net, "prelu", torch.zeros(2, 3))
    rectifiers.swap_(net, "prelu(num_parameters=1)", torch.zeros(2, 3))
    rectifiers.swap_(net, "elu", torch.zeros(2, 3))


def test_in_place_stays_in_place() -> None:
    class Alias(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(6, 6)

        def forward(self, x: Tensor) -> Tensor:
            x = self.fc(x)
            F.relu(x, inplace=True)
            return x

    net = made(Alias)
    h = net.fc(X)
    for arm, right in (("leaky_relu(0.2)", F.leaky_relu(h, 0.2)), ("torch:nn.functional.silu", F.silu(h))):
        rectifiers.swap_(net, arm, X)
        torch.testing.assert_close(net(X), right)
        net(X).sum().backward()
        rectifiers.unswap_(net)


class Autoencoder(nn.Module):
    """Whose parts are called by themselves, too."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.relu = nn.Linear(6, 6), nn.ReLU()

    def encode(self, x: Tensor) -> Tensor:
        return self.relu(F.relu(self.fc(x)))

    def decode(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.relu(self.act(self.fc(x))))

    def act(self, x: Tensor) -> Tensor:
        return F.gelu(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.decode(self.encode(x)))


def test_methods_that_are_called_without_forward_run_what_was_swapped() -> None:
    net = made(Autoencoder)
    before = state_of(net)
    rectifiers.swap_(net, "elu", X, where=["relu", "gelu"])
    rectifiers.swap_(net, "tanh", X, where="sigmoid")
    encoded = F.elu(F.elu(net.fc(X)))
    decoded = torch.tanh(F.elu(F.elu(net.fc(encoded))))
    for again in (net, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(again.encode(X), encoded)
        assert torch.equal(again.decode(encoded), decoded)
        assert torch.equal(again(X), F.elu(decoded))
        with pytest.raises(ArgumentError, match=r"\(gelu, sigmoid, gelu\), but called gelu"):
            again.act(X)
    rectifiers.unswap_(net)
    assert_same(state_of(net), before)


def test_so_do_those_that_only_evaluation_calls_or_that_leave_it_to_a_helper() -> None:
    def helper(model: nn.Module, x: Tensor) -> Tensor:
        return F.relu(model.fc(x))

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(6, 6)

        def encode(self, x: Tensor) -> Tensor:
            return helper(self, x)

        def decode(self, x: Tensor) -> Tensor:
            return F.relu(self.fc(x))

        def forward(self, x: Tensor) -> Tensor:
            return self.encode(x) if self.training else self.decode(self.encode(x))

    net = made(Model)
    rectifiers.swap_(net, "elu", X)
    for method in (net.encode, net.decode):
        assert torch.equal(method(X), F.elu(net.fc(X)))


def test_a_method_that_an_instance_holds_is_refused() -> None:
    net = made(Autoencoder)
    net.decode = types.MethodType(lambda self, x: F.relu(self.fc(x)), net)
    before = state_of(net)
    with pytest.raises(ArgumentError, match="decode of Autoencoder has been replaced"):
        rectifiers.swap_(net, "elu", X, where="relu")
    assert_same(state_of(net), before)


def test_a_forward_that_another_calls_past_its_module_runs_what_was_swapped_there_only() -> None:
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Functions()

        def forward(self, x: Tensor) -> Tensor:
            return self.inner.forward(x)

    net = made(Outer)
    rectifiers.swap_(net, "gelu(approximate='tanh')", X, where="relu")
    y = net(X)
    for _ in range(2):
        with pytest.raises(ArgumentError, match="forward of Functions calls activations that are swapped in"):
            net.inner(X)
        assert torch.equal(net(X), y)
    assert not torch.equal(rectifiers.unswap_(net)(X), y)


def test_threads_that_run_one_model_do_not_count_each_others_calls() -> None:
    net = made(ResNet).eval()
    rectifiers.swap_(net, "prelu", IMAGE)
    with torch.no_grad():
        right = [net(IMAGE * i) for i in range(4)]

        def run(i: int) -> bool:
            with torch.no_grad():
                return all(torch.equal(net(IMAGE * i), right[i]) for _ in range(5))

        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(run, range(4)))


def test_under_ddp_gradients_and_sites_are_those_without(process_group: None) -> None:
    from rectifiers.call_sites import Interception

    net = made(Functions)
    rectifiers.swap_(net, "prelu", X, where="relu")
    plain, names = copy.deepcopy(net), []
    wrapped = nn.parallel.DistributedDataParallel(net)
    with Interception(wrapped, lambda call, x: names.append(call.name)).installed():
        wrapped(X).square().sum().backward()
    plain(X).square().sum().backward()
    assert len(names) == 6
    for one, other in zip(net.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_swapping_twice_and_taking_both_back() -> None:
    net = made(Functions)
    before = state_of(net)
    for where, arm in (("gelu", "relu"), (":relu#2", "elu"), ("relu", "prelu"), ("elu", "softplus")):
        rectifiers.swap_(net, arm, X, where=where)
    assert sorted(site.activation for site in rectifiers.sites(net, X)) == [*["prelu"] * 5, "softplus"]
    rectifiers.unswap_(net)
    assert_same(state_of(net), before)
    with pytest.raises(ArgumentError, match="has not been swapped"):
        rectifiers.unswap_(net)


def deviations(net: nn.Module, x: Tensor) -> list[float]:
    from rectifiers.call_sites import Interception

    found: list[float] = []
    with Interception(net, lambda call, h: found.append(float(h.detach().std()))).installed():
        net(x)
    return found


def test_match_gain_keeps_the_scale_of_every_pre_activation() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(*(m for _ in range(8) for m in (nn.Linear(32, 32), nn.ReLU())), nn.Linear(32, 3))
    x = torch.randn(64, 32)
    before, kept = state_of(net), deviations(net, x)
    report = rectifiers.swap_(net, "silu", x, match_gain=True)
    assert deviations(net, x) == pytest.approx(kept, rel=1e-5)
    assert report[0].scale == pytest.approx(1)
    assert all(swapped.scale > 0.5 for swapped in report)
    trained = copy.deepcopy(net)
    rectifiers.unswap_(net)
    assert_same(state_of(net), before)
    with torch.no_grad():
        trained[2].weight.mul_(2)  # as if it had learned
    rectifiers.unswap_(trained)
    torch.testing.assert_close(trained[2].weight, 2 * net[2].weight)


@pytest.mark.parametrize(
    "arm, layers",
    [("crelu", "layer1.0.conv2, layer1.1.conv1, layer1.1.conv2"), ("maxout", "layer2.1.bn1, layer2.1.bn2")],
)
def test_what_changes_the_number_of_features_is_refused_with_the_layers(arm: str, layers: str) -> None:
    net = made(ResNet)
    before = state_of(net)
    with pytest.raises(ArgumentError, match=f"and with it .*{layers}.*: write these for it"):
        rectifiers.swap_(net, arm, IMAGE, partial=True)
    assert_same(state_of(net), before)


class DataDependent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.fc(x)) if x.sum() > 0 else torch.tanh(self.fc(x))


class Held(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.held = [nn.ReLU()]
        self.fc = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.held[0](self.fc(x))


class Container(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        return F.relu(super().forward(x))


def replaced_forward() -> nn.Module:
    net = made(Functions)
    net.forward = net.forward  # as some wrappers do
    return net


@pytest.mark.parametrize(
    "net, arm, options, words",
    [
        (Functions, "prelu", {"where": "layer[12].*"}, "matches none of 6"),
        (Functions, "prelu", {"where": "rellu"}, "matches none of 6 (relu, gelu): print(rect"),
        (Functions, "prelu", {}, "matches 5 relu and 1 gelu: name one, as where='relu'"),
        (Functions, "prelu", {"where": [3]}, "where is text"),
        (Functions, "prelu", {"where": []}, "but is empty"),
        (Functions, "relu,elu", {"where": "gelu"}, "takes one activation"),
        (Functions, "rellu", {"where": "gelu"}, "did you mean 'relu'"),
        (lambda: nn.Linear(6, 6), "relu", {}, "matches none of 0"),
        (lambda: nn.Sequential(nn.Linear(5, 6), nn.ReLU()), "elu", {}, "example must run through the model"),
        (lambda: torch.jit.script(nn.Sequential(nn.Linear(6, 6), nn.ReLU())), "elu", {}, "is scripted"),
        (lambda: torch.compile(Functions(), backend="eager"), "elu", {"where": "relu"}, "is compiled"),
        (lambda: nn.DataParallel(Functions()), "elu", {"where": "relu"}, "is wrapped"),
        (lambda: nn.Sequential(nn.LazyLinear(3), nn.ReLU()), "elu", {}, "one is lazy"),
        (DataDependent, "elu", {"where": "relu"}, "must call the same activations whatever the data"),
        (lambda: Container(nn.Linear(6, 6)), "elu", {}, "is a container"),
        (replaced_forward, "elu", {"where": "relu"}, "has been replaced"),
        (lambda: nn.Sequential(nn.Linear(6, 6), nn.GLU()), "elu", {}, "but glu at '1' changes it"),
        (lambda: nn.ReLU(), "elu", {}, "must be registered as a module"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_bad_input_is_one_line_and_changes_nothing(
    net: Callable[[], nn.Module], arm: str, options: dict[str, Any], words: str
) -> None:
    model = made(net)
    script = isinstance(model, torch.jit.ScriptModule) or "Lazy" in str(model)
    before = None if script else state_of(model)
    x = X if not isinstance(model, DataDependent) else X + 0.5
    with pytest.raises(RectifiersError) as error:
        rectifiers.swap_(model, arm, x, **options)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    if before is not None:
        assert_same(state_of(model), before)


def test_a_module_in_a_list_is_swapped_where_its_owner_calls_it() -> None:
    net = made(Held)
    rectifiers.swap_(net, "leaky_relu(0.5)", X)
    assert torch.equal(net(X), F.leaky_relu(net.fc(X), 0.5))


def test_a_failed_swap_leaves_the_model_bit_for_bit_as_it_was() -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if x.ndim == 4 and x.shape[1] == 6:
                raise ValueError("not for six")
            return x

    net = made(ResNet)
    before = state_of(net)
    with pytest.raises((UserCodeError, ArgumentError), match="not for six"):
        rectifiers.swap_(net, Broken, IMAGE)
    assert_same(state_of(net), before)


def test_a_forward_that_calls_something_else_later_is_refused() -> None:
    class Switch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.late, self.fc = False, nn.Linear(6, 6)

        def forward(self, x: Tensor) -> Tensor:
            x = torch.sigmoid(self.fc(x)) if self.late else self.fc(x)
            return F.relu(x)

    net = made(Switch)
    rectifiers.swap_(net, "elu", X)
    net(X)
    net.late = True
    with pytest.raises(ArgumentError, match="must call its activations as when they were swapped"):
        net(X)


def test_children_that_call_activations_do_not_count_as_their_owner() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.act, self.inner, self.new = nn.Linear(6, 6), nn.ReLU(), Repeated(), NewGELU()

        def forward(self, x: Tensor) -> Tensor:
            x = F.relu(self.fc(self.act(x)))
            x = F.relu(self.inner(x))
            return F.relu(self.new(x))

    net = made(Mixed)
    plain = copy.deepcopy(net)
    rectifiers.swap_(net, "leaky_relu(0.5)", X, where=[":relu#2"])
    y = F.leaky_relu(plain.inner(F.relu(plain.fc(plain.act(X)))), 0.5)
    assert torch.equal(net(X), F.relu(plain.new(y)))
    rectifiers.swap_(net, "elu", X, where="relu")
    y = F.elu(plain.fc(F.elu(X)))
    for _ in range(3):
        y = F.elu(plain.inner.block[0](y))
    torch.testing.assert_close(net(X), F.elu(plain.new(F.leaky_relu(y, 0.5))))


def test_an_argument_of_a_wrong_type_says_so() -> None:
    with pytest.raises(ArgumentTypeError, match=r"a model is a torch\.nn\.Module"):
        rectifiers.swap_(F.relu, "elu", X)  # type: ignore[arg-type]
