"""Small tensors take short ways: none of them may change what comes out, at any order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch._vmap_internals import _vmap

import rectifiers
from rectifiers import functional
from rectifiers.activations import registry
from rectifiers.backends import Channels, Execute, Random, _look, executor
from rectifiers.backends._torch import torch_executor
from rectifiers.backends.cpu import look

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")

SMOOTH: dict[str, tuple[str, tuple[Any, ...]]] = {
    "gelu": ("gelu", ("none",)),
    "gelu tanh": ("gelu", ("tanh",)),
    "silu": ("silu", ()),
    "mish": ("mish", ()),
}
LIMITS = {"gelu": 50.0, "silu": 1000.0, "mish": 80.0}
HARD = (math.nan, math.inf, -math.inf, 3e38, -3e38, 1e13, -1e13, 90.0, -90.0)
TYPES = (torch.float32, torch.float64)
HALF = (torch.float16, torch.bfloat16)


@pytest.fixture(params=["torch is asked", "machine code looks"])
def fresh(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Execute]:
    """Makes a new executor of a name, with machine code from its second call of a kind on or never."""
    native = request.param == "machine code looks"
    monkeypatch.setattr(_look, "PATIENCE", 1 if native else 1 << 40)

    def make(name: str) -> Execute:
        made = executor(registry[name])
        if native:
            values = (Channels(torch.ones(1), 1),) if name == "prelu" else registry[name].defaults
            made(torch.ones(2, 2), values)  # the tensor that makes it
        return made

    return make


def sample(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)


def all_orders(function: Callable[..., Tensor], *leaves: Tensor) -> list[Tensor]:
    """Value, gradients, and the gradients of their sum."""
    leaves = tuple(leaf.detach().requires_grad_() for leaf in leaves)
    y = function(*leaves)
    first = torch.autograd.grad(y, leaves, torch.ones_like(y), create_graph=True)
    total = torch.stack([one.sum() for one in first]).sum()
    second = torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)
    return [y, *first, *second]


def assert_same(found: list[Tensor], expected: list[Tensor], exact: bool = True) -> None:
    tolerance: dict[str, Any] = {"rtol": 0, "atol": 0} if exact else {}
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, equal_nan=True, **tolerance)


@pytest.mark.parametrize("which", ["small", "any_size"])
@pytest.mark.parametrize("dtype", [*TYPES, *HALF], ids=str)
@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 32, 47, 1000])
def test_a_look_sees_every_element(
    n: int, dtype: torch.dtype, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "_ALONE", 1)
    monkeypatch.setattr(look, "team", lambda n: min(n, 3))
    within, nonzero = (getattr(one, which) for one in (look.within(80.0, dtype), look.nonzero(dtype)))
    plain = sample(n, dtype=dtype)
    assert within(plain.data_ptr(), n) is True
    assert nonzero(plain.data_ptr(), n) is True
    above, below = math.nextafter(80, 0), torch.finfo(dtype).smallest_normal
    cases = [
        (80.0, False, True),
        (-80.0, False, True),
        (torch.tensor(above, dtype=dtype).item(), above != 80, True),
    ]
    cases += [(value, False, True) for value in HARD] + [
        (0.0, True, False),
        (-0.0, True, False),
        (below, True, True),
    ]
    for place in {*range(min(n, 50)), *range(max(0, n - 20), n)}:
        for value, is_within, is_nonzero in cases:
            x = plain.clone()
            x[place] = value
            assert within(x.data_ptr(), n) is bool(is_within and abs(x[place]) < 80), (place, value)
            assert nonzero(x.data_ptr(), n) is is_nonzero, (place, value)


def test_a_look_sees_no_more_than_it_is_asked_to() -> None:
    x = torch.full((40,), math.nan)
    x[3:20] = 1
    for within in look.within(50.0, x.dtype):
        assert within(x[3:].data_ptr(), 17) is True
        assert within(x[3:].data_ptr(), 18) is False


@pytest.mark.parametrize("place", [0, 1, 65535, 65536, 131071, 262142, -1])
def test_threads_look_at_every_element_of_a_large_tensor(place: int) -> None:
    x = torch.ones(4 * look._ALONE + 3)
    tell = look.within(50.0, x.dtype).any_size
    assert tell(x.data_ptr(), x.numel()) is True
    x[place] = math.nan
    assert tell(x.data_ptr(), x.numel()) is False


@pytest.mark.parametrize("shape", [(1,), (), (3, 5), (2, 3, 4, 5)])
@pytest.mark.parametrize("case", SMOOTH)
@pytest.mark.parametrize("value", HARD)
def test_hard_numbers_do_no_harm(
    fresh: Callable[[str], Execute], value: float, case: str, shape: tuple[int, ...]
) -> None:
    """As by the kernels, whose own tests are elsewhere."""
    name, values = SMOOTH[case]
    execute = fresh(name)
    x = sample(*shape)
    x.view(-1)[-1] = value
    found = all_orders(lambda x: execute(x, values), x)
    with rectifiers.backend("numba"):
        expected = all_orders(lambda x: execute(x, values), x)
    assert_same(found, expected, exact=not abs(value) < LIMITS[name])


@pytest.mark.parametrize("case", SMOOTH)
@pytest.mark.parametrize("n", [1, 2, 64, 1000])
def test_tame_numbers_take_torchs_own(fresh: Callable[[str], Execute], case: str, n: int) -> None:
    name, values = SMOOTH[case]
    execute, x = fresh(name), sample(n)
    x[-1] = -0.99 * LIMITS[name]
    options = {"approximate": values[0]} if values else {}
    own = getattr(torch.nn.functional, name)
    assert_same(all_orders(lambda x: execute(x, values), x), all_orders(lambda x: own(x, **options), x))


@pytest.mark.parametrize("name", ["gelu", "silu", "mish", "prelu"])
def test_all_kinds_of_tensors(fresh: Callable[[str], Execute], name: str) -> None:
    execute, plain = fresh(name), torch_executor(registry[name])
    values = (Channels(torch.tensor([0.3]), 1),) if name == "prelu" else registry[name].defaults
    complex_ = torch.view_as_complex(sample(6, 2))
    cases = {
        "empty": sample(0, 3),
        "a scalar": sample(),
        "transposed": sample(4, 6).t(),
        "channels last": sample(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        "with gaps": sample(8, 8)[::2, ::3],
        "expanded": sample(1, 3).expand(5, 3),
        "negated": complex_.conj().imag,
        "double": sample(5, 3, dtype=torch.float64),
        "half": sample(5, 3, dtype=torch.float16),
        "bfloat16": sample(5, 3, dtype=torch.bfloat16),
        "a parameter": torch.nn.Parameter(sample(5, 3)),
        "meta": sample(5, 3).to("meta"),
    }
    assert cases["negated"].is_neg()
    for x in cases.values():
        found, expected = execute(x, values), plain(x, values)
        assert (found.dtype, found.shape, found.device) == (expected.dtype, expected.shape, expected.device)
        if not x.is_meta:
            torch.testing.assert_close(found, expected)
    with torch.inference_mode():
        torch.testing.assert_close(execute(sample(7), values), plain(sample(7), values))
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    fake = mode.from_tensor(sample(2, 3))
    assert execute(fake, values).shape == (2, 3)
    with mode:
        assert execute(fake, values).shape == (2, 3)
    hard = torch.tensor([[-math.inf, 1.0], [0.0, -1.0]])
    batched = torch.vmap(lambda row: execute(row, values))(hard)
    torch.testing.assert_close(batched, plain(hard, values), equal_nan=True)
    found = torch.func.grad(lambda x: execute(x, values).sum())(sample(3))
    torch.testing.assert_close(found, torch.func.grad(lambda x: plain(x, values).sum())(sample(3)))
    _, tangent = torch.func.jvp(lambda x: execute(x, values), (hard[1],), (torch.ones(2),))
    expected = torch.func.jvp(lambda x: plain(x, values), (hard[1],), (torch.ones(2),))[1]
    torch.testing.assert_close(tangent, expected)


@pytest.mark.parametrize("name", ["gelu", "silu", "mish", "prelu", "rrelu"])
def test_tensors_without_memory(fresh: Callable[[str], Execute], name: str) -> None:
    """Zeros that torch keeps nowhere, and what stands for a batch of its older kind."""
    values = (Channels(torch.tensor([0.3]), 1),) if name == "prelu" else registry[name].defaults
    if name == "rrelu":
        values = (Random(0.1, 0.3),)
    execute = fresh(name)
    assert torch.equal(execute(torch._efficientzerotensor(3), values), torch.zeros(3))
    if name != "rrelu":
        x = sample(5)
        rows = [_vmap(lambda x: execute(x, values))(x.reshape(5, 1)).reshape(5)]
        jacobians = [
            torch.autograd.functional.jacobian(
                lambda x: execute(x, values), x, vectorize=True, strategy=strategy
            )
            for strategy in ("reverse-mode", "forward-mode")
        ]
        torch.testing.assert_close(rows[0], execute(x, values))
        torch.testing.assert_close(*jacobians)


@pytest.mark.filterwarnings("ignore:`torch.jit", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("name", ["gelu", "silu", "mish"])
def test_a_trace_holds_for_other_elements(fresh: Callable[[str], Execute], name: str) -> None:
    execute, values = fresh(name), registry[name].defaults
    traced = torch.jit.trace(lambda x: execute(x, values), sample(4))
    hard = torch.tensor([-math.inf, math.inf, -3e38, 1.0])
    torch.testing.assert_close(traced(hard), torch_executor(registry[name])(hard, values))


@pytest.mark.parametrize("name", ["gelu", "silu", "mish"])
def test_whole_numbers(fresh: Callable[[str], Execute], name: str) -> None:
    execute, plain, values = fresh(name), torch_executor(registry[name]), registry[name].defaults
    for n in (1, 3):
        x = torch.arange(n)
        assert_same([execute(x, values)], [plain(x, values)])


@pytest.mark.parametrize("zero", [0.0, -0.0])
@pytest.mark.parametrize("channels", [1, 20])
def test_prelu_at_zero(fresh: Callable[[str], Execute], zero: float, channels: int) -> None:
    execute, plain = fresh("prelu"), torch_executor(registry["prelu"])
    x, weight = sample(3, 20), sample(channels)
    for place in ((0, 0), (1, 17), (2, 19)):
        y = x.clone()
        y[place] = zero
        found = all_orders(lambda x, w: execute(x, (Channels(w, 1),)), y, weight)
        assert_same(found, all_orders(lambda x, w: plain(x, (Channels(w, 1),)), y, weight), exact=False)
    found = all_orders(lambda x, w: execute(x, (Channels(w, 1),)), x, weight)
    assert_same(found, all_orders(torch.nn.functional.prelu, x, weight))


def test_prelu_keeps_its_precision_under_autocast(fresh: Callable[[str], Execute]) -> None:
    execute, x = fresh("prelu"), sample(4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert execute(x, (Channels(torch.ones(1) / 3, 1),)).dtype == torch.float32


@pytest.mark.parametrize("size, count", [(2, 1000), (1 << 20, 59)])
def test_machine_code_comes_with_the_thousandth_small_tensor(
    size: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or with as many large ones as are worth that."""
    made: list[Any] = []
    real = _look._native

    def native(test: tuple[Any, ...]) -> dict[torch.dtype, look.Look]:
        made.append(test)
        return real(test)

    monkeypatch.setattr(_look, "_native", native)
    gelu, x = executor(registry["gelu"]), torch.ones(size)
    for _ in range(count - 1):
        gelu(x, ("none",))
    assert made == []
    for _ in range(5):
        gelu(x, ("none",))
    assert made == [("within", 50.0)]


# The usual calls


@pytest.fixture
def looking() -> None:
    """Machine code for PReLU's looks is there, and so is its usual call."""
    for _ in range(_look.PATIENCE + 1):
        functional.prelu(torch.ones(1), torch.ones(1))


def usual_of(name: str) -> Callable[..., Tensor | None]:
    """The usual call that the function takes."""
    function = getattr(functional, name)
    names = function.__code__.co_freevars
    found: Callable[..., Tensor | None] = function.__closure__[names.index("usual")].cell_contents
    return found


def takes(name: str, input: Any, *args: Any, **kwargs: Any) -> bool:
    return usual_of(name)(input, args, kwargs) is not None


@pytest.mark.usefixtures("looking")
def test_the_usual_call_of_prelu_is_what_the_longer_way_gives() -> None:
    for x, weight in ((sample(6), sample(1)), (sample(3, 4), sample(4)), (sample(2, 4, 3), sample(1))):
        assert takes("prelu", x, weight)
        assert takes("prelu", x, weight, 1, False)
        assert takes("prelu", torch.nn.Parameter(x), torch.nn.Parameter(weight))
        found = all_orders(lambda x, w: functional.prelu(x, w), x, weight)
        assert_same(found, all_orders(lambda x, w: functional.prelu(x, weight=w), x, weight))


@pytest.mark.usefixtures("looking")
def test_what_is_not_usual_about_prelu_goes_the_longer_way() -> None:
    x, weight = sample(3, 4), sample(4)
    with_zero = x.clone()
    with_zero[1, 2] = -0.0
    one = torch.ones(1)
    for args in (
        (x,),
        (x, weight, 0),
        (x, weight, 1, True),
        (x, weight, 1.0, False),
        (x, weight, True, False),
        (x, 0.25),
        (with_zero, weight),
        (x, torch.ones(3)),
        (x[0], weight),
        (x, torch.ones(())),
        (x, weight.double()),
        (x.long(), one.long()),
        (x.t(), one),
        (x.to("meta"), one),
        (torch.ones(1 << 17), one),
        (torch._efficientzerotensor(3), one),
        (x[:0], one),
    ):
        assert not takes("prelu", *args), args
    assert not takes("prelu", x, weight=weight)
    with rectifiers.backend("torch"):
        assert not takes("prelu", x, weight)
    with torch.autocast("cpu", torch.bfloat16):
        assert not takes("prelu", x, one)
        assert functional.prelu(x, one).dtype == torch.float32
    with FakeTensorMode(allow_non_fake_inputs=True):
        assert not takes("prelu", x, weight)
    seen: list[bool] = []
    torch.func.grad(lambda x: (seen.append(takes("prelu", x, one)), x.sum())[1])(x)
    _vmap(lambda x: (seen.append(takes("prelu", x, one)), x)[1])(x)
    assert seen == [False, False]


def test_the_usual_call_of_rrelu_is_what_the_longer_way_gives() -> None:
    bounds = (1 / 8, 1 / 3)
    usual: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((), {"training": True}),
        ((*bounds, True), {}),
        ((*bounds, True, False), {}),
    ]
    for dtype in TYPES:
        x = sample(40, dtype=dtype).requires_grad_()
        for args, kwargs in usual:
            assert takes("rrelu", x, *args, **kwargs)
            found = []
            for generator in ({}, {"generator": torch.default_generator}):
                torch.manual_seed(3)
                y = functional.rrelu(x, *args, **kwargs, **generator)
                found.append([y, *torch.autograd.grad(y, x, x.detach()), torch.get_rng_state()])
            assert_same(*found)


def test_what_is_not_usual_about_rrelu_goes_the_longer_way() -> None:
    bounds, x = (1 / 8, 1 / 3), sample(40)
    for args in ((), bounds, (0.1, 1 / 3, True), (*bounds, False), (*bounds, 1), (*bounds, True, True)):
        assert not takes("rrelu", x, *args), args
    for kwargs in ({"training": False}, {"training": 1}, {"training": True, "inplace": False}):
        assert not takes("rrelu", x, **kwargs), kwargs
    negated = torch.view_as_complex(sample(6, 2)).conj().imag
    inputs = (x.half(), x.long(), sample(4, 6).t(), negated, x[:0], x.to("meta"), torch.ones(1 << 17))
    for input in (*inputs, torch._efficientzerotensor(3)):
        assert not takes("rrelu", input, training=True), input
    with rectifiers.backend("torch"):
        assert not takes("rrelu", x, training=True)
    with FakeTensorMode(allow_non_fake_inputs=True):
        assert not takes("rrelu", x, training=True)
    seen: list[bool] = []
    torch.func.grad(lambda x: (seen.append(takes("rrelu", x, training=True)), x.sum())[1])(x)
    _vmap(lambda x: (seen.append(takes("rrelu", x, training=True)), x)[1])(x)
    assert seen == [False, False]


# RReLU: the seed, and who else takes one


def slopes(n: int, generator: torch.Generator | None = None, **options: Any) -> Tensor:
    return functional.rrelu(-torch.ones(n, **options), training=True, generator=generator)


@pytest.fixture(params=["the default generator", "a generator of one's own"])
def seeded(request: pytest.FixtureRequest) -> Iterator[Callable[[int], torch.Generator | None]]:
    before = torch.get_rng_state()

    def seed(number: int) -> torch.Generator | None:
        if request.param == "the default generator":
            torch.manual_seed(number)
            return None
        return torch.Generator().manual_seed(number)

    yield seed
    torch.set_rng_state(before)


@pytest.mark.parametrize("dtype", [*TYPES, torch.bfloat16], ids=str)
@pytest.mark.parametrize("n", [1, 64, 5000])
def test_a_seed_gives_the_same_slopes_whatever_runs(
    seeded: Callable[[int], torch.Generator | None], n: int, dtype: torch.dtype
) -> None:
    found = {}
    for backend in ("auto", "numba", "torch"):
        generator = seeded(17)
        with rectifiers.backend(backend):
            found[backend] = [slopes(n, generator, dtype=dtype) for _ in range(3)]
        state = torch.get_rng_state() if generator is None else generator.get_state()
        found[backend].append(state)  # as much is taken from it
    assert_same(found["auto"], found["numba"])
    assert_same(found["auto"], found["torch"])
    assert not torch.equal(found["auto"][0], found["auto"][1]) or n == 1


def test_slopes_first_drawn_in_inference_mode_can_be_drawn_outside() -> None:
    """Each thread has a tensor that seeds are drawn into, made when it draws the first."""

    def work() -> bool:
        with torch.inference_mode():
            first = slopes(9, torch.Generator().manual_seed(4))
        return torch.equal(first, slopes(9, torch.Generator().manual_seed(4)))

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result()


def test_threads_do_not_take_each_others_seeds() -> None:
    def work(seed: int) -> list[Tensor]:
        generator = torch.Generator().manual_seed(seed)
        return [slopes(40, generator) for _ in range(200)]

    expected = [work(seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for found, wanted in zip(pool.map(work, range(8)), expected, strict=True):
            assert_same(found, wanted)


def test_bounds_that_change_from_call_to_call() -> None:
    for step in range(100):
        upper = 0.2 + step / 500
        found = functional.rrelu(
            -torch.ones(30), 0.1, upper, training=True, generator=torch.Generator().manual_seed(1)
        )
        with rectifiers.backend("torch"):
            expected = functional.rrelu(
                -torch.ones(30), 0.1, upper, training=True, generator=torch.Generator().manual_seed(1)
            )
        assert torch.equal(found, expected)
