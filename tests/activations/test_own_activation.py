"""What a user makes with `elementwise` runs on tensors like the built-in ones: same machinery, every mode."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch.func import grad, hessian, jacrev, vmap

import rectifiers
from rectifiers import elementwise, nn
from rectifiers.activations import Elementwise, Learned, Real, Uniform
from rectifiers.backends._formula import formula_executor
from rectifiers.errors import ArgumentError, ArgumentTypeError, DefinitionError, ShapeError
from rectifiers.vocabulary import exp, expm1, sigmoid, tanh, where

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")


def elu(x: Any, alpha: Any) -> Any:
    return where(x > 0, x, alpha * expm1(x))


def elu_slope(y: Any, alpha: Any) -> Any:
    return where(y > 0, 1.0, y + alpha)


def elu_slope_of_input(x: Any, alpha: Any) -> Any:
    return where(x > 0, 1.0, alpha * exp(x))


def swish(x: Any, beta: Any) -> Any:
    return x * sigmoid(beta * x)


def swish_slope(x: Any, beta: Any) -> Any:
    return sigmoid(beta * x) * (1.0 + beta * x * sigmoid(-beta * x))


def swish_by_beta(x: Any, beta: Any) -> Any:
    return x * x * sigmoid(beta * x) * sigmoid(-beta * x)


def leaky(x: Any, slope: Any) -> Any:
    return where(x > 0, x, slope * x)


def leaky_slope(positive: Any, slope: Any) -> Any:
    return where(positive, 1.0, slope)


def fixed(x: Any) -> Any:
    return where(x > 0, x, 0.1 * x)


def fixed_slope(positive: Any) -> Any:
    return where(positive, 1.0, 0.1)


my_elu = elementwise(
    "my_elu",
    elu,
    elu_slope,
    df_input=elu_slope_of_input,
    keeps="output",
    parameters={"alpha": Real(1.0)},
    kinks=[0.0],
)
my_swish = elementwise(
    "my_swish", swish, swish_slope, keeps="input", parameters={"beta": Learned(1.0, swish_by_beta)}
)
my_leaky = elementwise(
    "my_leaky", leaky, leaky_slope, keeps="sign", parameters={"slope": Uniform(0.1, 0.3)}, kinks=[0.0]
)
my_fixed = elementwise("my_fixed", fixed, fixed_slope, keeps="sign", kinks=[0.0])
ALL = [my_elu, my_swish, my_leaky, my_fixed]


def call(record: Elementwise, x: torch.Tensor) -> torch.Tensor:
    return record.functional(x, torch.tensor(1.0).to(x.dtype)) if record is my_swish else record.functional(x)


def sample(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("record", ALL, ids=lambda r: r.name)
@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3, 4)], ids=str)
def test_it_is_its_reference(record: Elementwise, shape: tuple[int, ...]) -> None:
    x = sample(*shape).requires_grad_()
    y = call(record, x)
    (back,) = torch.autograd.grad(y, x, torch.ones_like(y))
    np.testing.assert_allclose(y.detach(), record.f(x.detach()), rtol=1e-15)
    np.testing.assert_allclose(back, record.df(x.detach()), rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("record", ALL, ids=lambda r: r.name)
def test_numbers_in_a_formula_have_the_precision_of_the_input(record: Elementwise) -> None:
    """A where of two numbers must not fall back to float32."""
    x = sample(50).requires_grad_()
    (back,) = torch.autograd.grad(call(record, x).sum(), x)
    assert back.dtype == torch.float64
    # near the zero of swish's slope the reference itself cancels
    np.testing.assert_allclose(back, record.df(x.detach()), rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("record", ALL, ids=lambda r: r.name)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_types_are_computed_in_float32_and_rounded_once(record: Elementwise, dtype: torch.dtype) -> None:
    x = sample(200, dtype=dtype).requires_grad_()
    wide = x.detach().float().requires_grad_()
    y, expected = call(record, x), call(record, wide)
    assert torch.equal(y, expected.to(dtype))
    (back,) = torch.autograd.grad(y, x, torch.ones_like(y))
    assert back.dtype == dtype
    np.testing.assert_allclose(back.float(), record.df(wide.detach()), rtol=torch.finfo(dtype).eps, atol=1e-6)


@pytest.mark.parametrize("record", ALL, ids=lambda r: r.name)
def test_every_mode_of_differentiation(record: Elementwise) -> None:
    x = (sample(3, 4) + 0.01).requires_grad_()
    f = lambda t: call(record, t)  # noqa: E731
    assert torch.autograd.gradcheck(f, (x,), check_forward_ad=True, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(f, (x,))
    rows = x.detach()
    torch.testing.assert_close(vmap(f)(rows), f(rows))
    torch.testing.assert_close(vmap(grad(lambda t: f(t).sum()))(rows), grad(lambda t: f(t).sum())(rows))
    torch.testing.assert_close(torch.einsum("ijij->ij", jacrev(f)(rows)), grad(lambda t: f(t).sum())(rows))
    assert hessian(lambda t: f(t).square().sum())(rows[0]).shape == (4, 4)


@pytest.mark.parametrize("weight", [torch.tensor([0.7]), torch.tensor([0.5, -1.0, 2.0])], ids=len)
def test_a_learned_parameter_gathers_its_gradient(weight: torch.Tensor) -> None:
    x = sample(4, 3, 2).requires_grad_()
    weight = weight.double().requires_grad_()
    assert torch.autograd.gradcheck(my_swish.functional, (x, weight), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(my_swish.functional, (x, weight))
    last = my_swish.functional(x.transpose(1, 2), weight, dim=-1).transpose(1, 2)
    torch.testing.assert_close(last, my_swish.functional(x, weight))


def test_an_overflow_that_is_not_selected_stays_out_of_the_gradient() -> None:
    x = torch.tensor([1e4, -1e4, 800.0], requires_grad=True)
    y = my_elu.functional(x)
    (back,) = torch.autograd.grad(y.sum(), x)
    assert back.tolist() == [1.0, 0.0, 1.0]


def test_a_negative_alpha_differentiates_from_the_input() -> None:
    record = elementwise(
        "any_alpha",
        elu,
        elu_slope,
        df_input=elu_slope_of_input,
        output_suffices=lambda alpha: alpha >= 0,
        keeps="output",
        parameters={"alpha": Real(1.0)},
        kinks=[0.0],
    )
    x = sample(20).requires_grad_()
    for inplace in (False, True):
        y = record.functional(x * 1, -0.7, inplace=inplace)
        (back,) = torch.autograd.grad(y.sum(), x)
        np.testing.assert_allclose(back, record.df(x.detach(), -0.7))


def test_only_what_the_derivative_needs_is_saved() -> None:
    n = 1 << 17
    x = sample(n, dtype=torch.float32).requires_grad_()
    for record, what in ((my_elu, "output"), (my_fixed, "sign"), (my_leaky, "sign")):
        saved: list[torch.Tensor] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):  # noqa: B023
            y = call(record, x)
        (tensor,) = (t for t in saved if t.numel())
        if what == "output":
            assert tensor.data_ptr() == y.data_ptr()
        else:
            assert tensor.nbytes == n // 8


@pytest.mark.parametrize("record", ALL, ids=lambda r: r.name)
def test_in_place(record: Elementwise) -> None:
    x = sample(30).requires_grad_()
    before = x * 1
    values = (torch.tensor(1.0, dtype=torch.float64),) if record is my_swish else ()
    out = record.functional(before, *values, inplace=True)
    assert out is before
    torch.testing.assert_close(out, call(record, x))
    (back,) = torch.autograd.grad(out.sum(), x)
    np.testing.assert_allclose(back, record.df(x.detach()), rtol=1e-14, atol=1e-16)


def test_a_learned_parameter_learns_in_place_where_the_input_needs_no_gradient() -> None:
    beta = torch.tensor([0.7], dtype=torch.float64, requires_grad=True)
    x = sample(20)
    expected = swish_by_beta(x.numpy(), 0.7).sum()
    (by_beta,) = torch.autograd.grad(my_swish.functional(x, beta, inplace=True).sum(), beta)
    assert by_beta.item() == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # torch, while tracing
def test_compiled_it_is_one_graph() -> None:
    torch._dynamo.reset()

    mine = [record.functional for record in (my_elu, my_leaky, my_fixed)]

    def together(x: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
        return sum(f(x) for f in mine) + my_swish.functional(x, beta) + my_elu.functional(x, 1.3)

    assert my_swish.functional

    compiled = torch.compile(together, backend="aot_eager", fullgraph=True)
    x, beta = (
        sample(4, 3).requires_grad_(),
        torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64).requires_grad_(),
    )
    results = []
    for f in (together, compiled):
        y = f(x, beta)
        results.append((y, torch.autograd.grad(y.square().sum(), (x, beta))))
    torch.testing.assert_close(results[0], results[1])


def test_the_module_is_a_module() -> None:
    module = my_swish.module(3, init=0.5)
    assert repr(module) == "MySwish(num_parameters=3)"
    assert module.state_dict()["beta"].tolist() == [0.5] * 3
    assert module(torch.randn(2, 3, 4)).shape == (2, 3, 4)
    assert my_elu.module(alpha=2.0)(torch.tensor(-1.0)).item() == pytest.approx(2 * np.expm1(-1))
    assert repr(my_elu.module(2.0, inplace=True)) == "MyElu(alpha=2.0, inplace=True)"
    random = my_leaky.module(generator=torch.Generator().manual_seed(0))
    x = -torch.ones(100)
    assert len(random(x).unique()) > 50
    assert random.eval()(x).unique().tolist() == pytest.approx([-0.2])
    assert my_elu.module is nn.of(my_elu)


@pytest.mark.parametrize("record", ALL, ids=lambda r: r.name)
def test_the_module_pickles_and_copies(record: Elementwise) -> None:
    module = record.module()
    for again in (pickle.loads(pickle.dumps(module)), copy.deepcopy(module)):
        assert type(again) is type(module)
        x = sample(3, dtype=torch.float32)
        assert torch.equal(again.eval()(x), module.eval()(x))


def test_a_record_of_nowhere_has_modules_that_pickle_too() -> None:
    record = elementwise("here", fixed, fixed_slope, keeps="sign", kinks=[0.0])
    again = pickle.loads(pickle.dumps(record.module()))
    assert again.record.f(-1.0) == -0.1


def test_the_identity_and_a_constant_are_activations_too() -> None:
    x = sample(4).requires_grad_()
    for f, df in ((lambda x: x, lambda x: 1.0), (lambda x: 2.0, lambda x: 0.0)):
        record = elementwise("plain", f, df, keeps="input")
        y = record.functional(x)
        assert y is not x
        np.testing.assert_array_equal(y.detach(), record.f(x.detach()))
        (back,) = torch.autograd.grad(y.sum(), x)
        np.testing.assert_array_equal(back, record.df(x.detach()))


def test_bad_use() -> None:
    with pytest.raises(ArgumentTypeError, match=r"my_fixed needs a floating-point tensor, got torch\.int64"):
        my_fixed.functional(torch.arange(3))
    with pytest.raises(ShapeError, match="`beta` must have one element, or one per feature along dim=1"):
        my_swish.functional(torch.zeros(2, 3), torch.zeros(4))
    with pytest.raises(ArgumentError, match="`lower <= upper` must hold"):
        my_leaky.functional(torch.zeros(2), 1.0, 0.5)


@pytest.mark.parametrize(
    "name", ["elu", "selu", "celu", "relu", "relu6", "sigmoid", "tanh", "softplus", "gelu", "silu", "mish"]
)
def test_built_in_formulas_run_there_as_well(name: str) -> None:
    """What the formula gives on tensors is what torch's own operation gives."""
    from rectifiers.activations import registry

    record = registry[name]
    assert isinstance(record, Elementwise)
    x = (sample(200) * 4).requires_grad_()
    y = formula_executor(record)(x, *record.defaults)
    (back,) = torch.autograd.grad(y.sum(), x)
    np.testing.assert_allclose(y.detach(), record.f(x.detach()), rtol=1e-12)
    np.testing.assert_allclose(back, record.df(x.detach()), rtol=1e-9, atol=1e-15)


def bent(x, slope):
    return where(x > 0, x, slope * tanh(x))


def by_slope(x, slope):
    return where(x > 0, 0.0 * x, tanh(x))


@pytest.mark.parametrize("learned", [Learned(0.5, by_slope), Learned(0.5)])
def test_without_a_derivative_autograd_finds_it_in_every_mode_and_no_kernel_runs(learned):
    record = elementwise("bent", bent, parameters={"slope": learned}, kinks=[0.0])
    module = record.module().double()
    x = torch.tensor([-2.0, -0.3, 0.7], dtype=torch.float64, requires_grad=True)
    expected = [0.5 / math.cosh(2.0) ** 2, 0.5 / math.cosh(0.3) ** 2, 1.0]
    assert record.df([-2.0, -0.3, 0.7]) == pytest.approx(expected)
    assert torch.autograd.gradcheck(module, x)
    assert torch.autograd.gradgradcheck(module, x)
    per_sample = torch.func.vmap(torch.func.grad(lambda at: module(at).sum()))(x.detach()[:, None])
    assert per_sample.flatten().tolist() == pytest.approx(expected)
    (by_weight,) = torch.autograd.grad(module(x).sum(), module.parameters())
    assert by_weight.item() == pytest.approx(math.tanh(-2.0) + math.tanh(-0.3))
    per_channel = record.module(num_parameters=3).double()
    (by_weights,) = torch.autograd.grad(per_channel(x.expand(2, 3)).sum(), per_channel.parameters())
    assert by_weights.tolist() == pytest.approx([2 * math.tanh(-2.0), 2 * math.tanh(-0.3), 0.0])
    assert "found by autograd" in str(rectifiers.explain(module, torch.zeros(1 << 20)))


def test_what_says_what_df_is_needs_one():
    with pytest.raises(DefinitionError, match="there is no df"):
        elementwise("bent", bent, keeps="output", parameters={"slope": Real(0.5)})


def test_a_formula_without_derivative_is_still_proven():
    def wrong(x, slope):
        return where(x > 0, 0.0 * x, x)

    with pytest.raises(DefinitionError, match="the derivative by slope"):
        elementwise("bent", bent, parameters={"slope": Learned(0.5, wrong)}, kinks=[0.0])
    with pytest.raises(DefinitionError, match="kink"):
        elementwise("bent", bent, parameters={"slope": Real(0.5)})
