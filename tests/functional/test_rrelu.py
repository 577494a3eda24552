"""RReLU: the random slopes depend on the generator and the shape, and backward uses the very same ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import grad, vmap
from torch.utils.checkpoint import checkpoint

from rectifiers import explain, nn, reference
from rectifiers.backends._eligible import using
from rectifiers.errors import BackendError
from rectifiers.functional import rrelu

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def negative(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return -torch.rand(shape, generator=seeded(9), dtype=torch.float64).add(0.1).to(dtype)


def slopes(x: Tensor, **options: Any) -> Tensor:
    return rrelu(x, training=True, **options) / x


def test_outside_training_the_slope_is_the_mean() -> None:
    x = torch.tensor([-3.0, 0.0, 2.0])
    torch.testing.assert_close(rrelu(x, 0.1, 0.3), torch.tensor([-0.6, 0.0, 2.0]))
    assert torch.equal(rrelu(x, 0.1, 0.3), torch.nn.functional.rrelu(x, 0.1, 0.3))


def test_slopes_are_uniform_and_independent() -> None:
    from scipy.stats import kstest

    found = slopes(negative(400, 250, dtype=torch.float64), generator=seeded(0)).numpy()
    assert found.min() >= 1 / 8
    assert found.max() <= 1 / 3
    assert kstest(found.ravel(), "uniform", (1 / 8, 1 / 3 - 1 / 8)).pvalue > 1e-3
    flat = found.ravel() - found.mean()
    for lag in (1, 2, 250):
        correlation = (flat[lag:] * flat[:-lag]).mean() / flat.var()
        assert abs(correlation) < 4 / np.sqrt(flat.size)


def test_one_seed_gives_one_result() -> None:
    x = negative(50)
    torch.manual_seed(3)
    first = rrelu(x, training=True)
    torch.manual_seed(3)
    assert torch.equal(first, rrelu(x, training=True))
    assert not torch.equal(first, rrelu(x, training=True))
    assert torch.equal(slopes(x, generator=seeded(1)), slopes(x, generator=seeded(1)))


def test_a_generator_of_ones_own_leaves_the_default_alone() -> None:
    before = torch.get_rng_state()
    rrelu(negative(5), training=True, generator=seeded(0))
    assert torch.equal(before, torch.get_rng_state())


def test_slopes_do_not_depend_on_the_data() -> None:
    """torch draws for negative elements only."""
    x = negative(6)
    mixed = x.clone()
    mixed[::2] *= -1
    expected = rrelu(x, training=True, generator=seeded(5))
    found = rrelu(mixed, training=True, generator=seeded(5))
    assert torch.equal(found[1::2], expected[1::2])
    assert torch.equal(found[::2], mixed[::2])


def test_slopes_do_not_depend_on_strides_and_the_memory_format_is_kept() -> None:
    x = negative(2, 3, 4, 5)
    expected = rrelu(x, training=True, generator=seeded(5))
    for view in (
        x.to(memory_format=torch.channels_last),
        x.permute(3, 0, 2, 1).contiguous().permute(1, 3, 2, 0),
    ):
        found = rrelu(view, training=True, generator=seeded(5))
        assert torch.equal(found, expected)
        assert found.stride() == view.stride()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_types_use_the_slopes_of_float32_and_round_once(dtype: torch.dtype) -> None:
    x = negative(1000, dtype=dtype).requires_grad_()
    found = rrelu(x, training=True, generator=seeded(2))
    wide = rrelu(x.detach().float(), training=True, generator=seeded(2))
    assert torch.equal(found, wide.to(dtype))
    (back,) = torch.autograd.grad(found, x, torch.ones_like(found))
    assert torch.equal(back, (wide / x.detach().float()).to(dtype))


def test_backward_multiplies_by_the_slopes_of_forward() -> None:
    x = torch.randn(100, generator=seeded(1)).requires_grad_()
    y = rrelu(x, training=True)
    (back,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(back, (y / x).detach())
    assert (back[x > 0] == 1).all()


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointing_draws_the_same_slopes_again(reentrant: bool) -> None:
    """torch's own is silently wrong here (pytorch #193671)."""
    x = torch.randn(100, generator=seeded(1)).requires_grad_()
    torch.manual_seed(0)
    y = checkpoint(lambda t: rrelu(t * 1, training=True), x, use_reentrant=reentrant)
    (y * 2).sum().backward()
    torch.testing.assert_close(x.grad, 2 * (y / x).detach())


def test_saved_tensor_hooks_that_copy() -> None:
    x = torch.randn(100, generator=seeded(1)).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.numpy().copy(), torch.from_numpy):
        y = rrelu(x, training=True)
    y.sum().backward()
    torch.testing.assert_close(x.grad, (y / x).detach())


def test_nothing_random_is_kept_outside_training() -> None:
    kept: list[Tensor] = []
    x = torch.randn(64, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        rrelu(x)
    assert all(t.data_ptr() == x.data_ptr() for t in kept)


def test_vmap_in_each_randomness_mode() -> None:
    x = negative(1, 7).expand(4, 7)

    def one(row: Tensor) -> Tensor:
        return rrelu(row, training=True) / row

    different = vmap(one, randomness="different")(x)
    same = vmap(one, randomness="same")(x)
    assert len(different.unique(dim=0)) == 4
    assert len(same.unique(dim=0)) == 1
    with pytest.raises(RuntimeError, match="randomness"):
        vmap(one, randomness="error")(x)
    for mode in ("error", "same", "different"):
        assert torch.equal(vmap(rrelu, randomness=mode)(x), rrelu(x))


def test_vmapped_gradients() -> None:
    x = negative(5, 3)
    found = vmap(grad(lambda row: rrelu(row, training=True).sum()), randomness="different")(x)
    assert ((found >= 1 / 8) & (found <= 1 / 3)).all()
    assert len(found.unique()) == 15


def test_double_backward_and_forward_mode() -> None:
    x = torch.randn(6, dtype=torch.float64, generator=seeded(4)).requires_grad_()

    def fixed(t: Tensor) -> Tensor:
        return rrelu(t, training=True, generator=seeded(8))

    assert torch.autograd.gradcheck(fixed, (x,), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(fixed, (x,))


def test_compiled_draws_are_those_of_the_seed() -> None:
    """Seeds hold while tracing; Inductor draws its own numbers (pytorch #147255)."""
    torch._dynamo.reset()
    compiled = torch.compile(lambda t: rrelu(t, training=True), backend="aot_eager", fullgraph=True)
    x = torch.randn(20, generator=seeded(1)).requires_grad_()
    results = []
    for f in (compiled, compiled, lambda t: rrelu(t, training=True)):
        torch.manual_seed(0)
        y = f(x)
        results.append((y.detach(), torch.autograd.grad(y.sum(), x)[0]))
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=0)
    torch.testing.assert_close(results[0], results[2], rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_in_place(dtype: torch.dtype) -> None:
    x = torch.randn(50, generator=seeded(1)).to(dtype).requires_grad_()
    before = x * 1
    out = rrelu(before, training=True, inplace=True, generator=seeded(3))
    assert out is before
    expected = rrelu(x, training=True, generator=seeded(3))
    assert torch.equal(out, expected)
    for y in (out, expected):
        (back,) = torch.autograd.grad(y.sum(), x)
        torch.testing.assert_close(back, (expected / x).detach(), rtol=2e-3, atol=0)


def test_bounds_may_be_negative_or_equal() -> None:
    x = negative(20)
    found = rrelu(x, -0.5, -0.5, training=True) / x
    torch.testing.assert_close(found, torch.full_like(x, -0.5))


def test_from_divisors_draws_the_divisor() -> None:
    from scipy.stats import kstest

    module = nn.RReLU.from_divisors(3, 8, generator=seeded(0))
    x = negative(20000, dtype=torch.float64)
    divisors = (x / module(x)).numpy()
    assert kstest(divisors, "uniform", (3, 5)).pvalue > 1e-3
    torch.testing.assert_close(module.eval()(x), x / 5.5)
    assert "divisors=(3, 8)" in repr(module)
    assert (module.lower, module.upper) == (1 / 8, 1 / 3)


@pytest.mark.parametrize("bounds", [(0, 8), (-1, 8), (8, 3), (float("nan"), 8)])
def test_divisors_are_positive_and_ordered(bounds: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"`0 < lower <= upper` must hold, but got lower="):
        nn.RReLU.from_divisors(*bounds)


@pytest.mark.parametrize("shape", [(), (6,), (4, 6), (4, 6, 5), (2, 3, 4, 5)], ids=str)
@pytest.mark.parametrize("per", ["element", "channel", "call"])
def test_numbers_are_shared_as_asked_for(per: str, shape: tuple[int, ...]) -> None:
    found = slopes(negative(*shape, dtype=torch.float64), per=per)
    own = {"element": len(shape), "channel": 2, "call": 0}[per]
    expected = int(np.prod(shape[:own]))
    shared = found.reshape(*shape[:own], -1) if len(shape) > own else found.unsqueeze(-1)
    torch.testing.assert_close(shared, shared[..., :1].expand_as(shared))
    assert len(shared[..., 0].mul(1e9).round().unique()) == expected


@pytest.mark.parametrize("per", ["channel", "call"])
def test_shared_slopes_are_uniform(per: str) -> None:
    from scipy.stats import kstest

    generator = seeded(0)
    parts = (
        [negative(2000, 1, dtype=torch.float64)]
        if per == "channel"
        else [negative(1, dtype=torch.float64)] * 2000
    )
    found = torch.cat([slopes(part, per=per, generator=generator) for part in parts])
    assert kstest(found.numpy().ravel(), "uniform", (1 / 8, 1 / 3 - 1 / 8)).pvalue > 1e-3


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("per", ["channel", "call"])
def test_shared_slopes_are_drawn_again_by_checkpointing(per: str, reentrant: bool) -> None:
    x = torch.randn(4, 3, 5, generator=seeded(1)).requires_grad_()
    torch.manual_seed(0)
    y = checkpoint(lambda t: rrelu(t * 1, training=True, per=per), x, use_reentrant=reentrant)
    (y * 2).sum().backward()
    torch.testing.assert_close(x.grad, 2 * (y / x).detach())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("per", ["channel", "call"])
def test_shared_slopes_follow_the_formula(per: str, dtype: torch.dtype) -> None:
    """The reference, given the slopes; type, memory format, generator and in-place as of one per element."""
    x = torch.randn(3, 4, 5, 6, generator=seeded(1)).to(dtype).to(memory_format=torch.channels_last)
    y = rrelu(x, training=True, per=per, generator=seeded(2))
    assert y.dtype == dtype
    assert y.stride() == x.stride()
    wide = torch.rand((3, 4, 1, 1) if per == "channel" else (1,), generator=seeded(2), dtype=(
        torch.float64 if dtype == torch.float64 else torch.float32))  # fmt: skip
    slope = wide * (1 / 3 - 1 / 8) + 1 / 8
    expected = reference.rrelu.f(x.double().numpy(), slope.double().numpy())
    torch.testing.assert_close(y.double(), torch.from_numpy(expected), rtol=torch.finfo(dtype).eps, atol=0)
    again = nn.RReLU(inplace=True, per=per, generator=seeded(2))(x.clone())
    assert torch.equal(again, y)


@pytest.mark.parametrize("per", ["channel", "call"])
def test_derivatives_with_shared_slopes(per: str) -> None:
    x = torch.randn(2, 3, dtype=torch.float64, generator=seeded(4)).requires_grad_()

    def fixed(t: Tensor) -> Tensor:
        return rrelu(t, training=True, per=per, generator=seeded(8))

    assert torch.autograd.gradcheck(fixed, (x,), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(fixed, (x,))


def test_divisors_may_be_shared() -> None:
    module = nn.RReLU.from_divisors(3, 8, per="call", generator=seeded(0))
    x = negative(3, 4)
    divisors = x / module(x)
    torch.testing.assert_close(divisors, divisors[:1, :1].expand_as(divisors))
    assert 3 <= divisors[0, 0] <= 8
    torch.testing.assert_close(module.eval()(x), x / 5.5)
    assert repr(module) == "RReLU(divisors=(3, 8), per='call')"
    assert repr(nn.RReLU(per="channel")) == "RReLU(lower=0.125, upper=0.3333333333333333, per='channel')"
    assert ", per" not in repr(nn.RReLU())


@pytest.mark.parametrize("make", [nn.RReLU, nn.RReLU.from_divisors, lambda per: rrelu(negative(3), per=per)])
def test_what_per_may_not_be(make: Any) -> None:
    with pytest.raises(ValueError, match=r"`per` must be 'element' or 'channel' or 'call', got 'unit'"):
        make(per="unit")


def test_no_kernel_draws_shared_slopes() -> None:
    with using("llvm"), pytest.raises(BackendError, match="a kernel draws one number per element"):
        rrelu(negative(8, 8), training=True, per="call")
    module, x = nn.RReLU(per="call"), negative(512, 512)
    assert explain(module, x).backend == "torch"
    assert len(module(x).div(x).mul(1e6).round().unique()) == 1


def test_torchscript_does_not_take_shared_slopes_for_others() -> None:
    with pytest.raises(Exception, match=r"."):
        torch.jit.script(nn.RReLU(per="call"))
