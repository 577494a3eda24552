"""torch's own samples for its operators, run through ours as drop-in replacements."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import ks_2samp
from torch import Tensor

from rectifiers import functional
from rectifiers.activations import registry
from rectifiers.errors import RectifiersError

# In its backward torch computes a factor (1 / alpha, 1 / 6) in float32, whatever the type.
SINGLE_SLOPE = {"celu", "hardsigmoid"}
LARGEST = 20_000  # elements of a sample


Samples = Callable[..., list[tuple[Callable[..., Tensor], Any]]]


@pytest.fixture(scope="module")
def infos() -> dict[str, list[Any]]:
    """torch's descriptions of its operators, by our name; some have variants. The import takes seconds."""
    from torch.testing._internal.common_methods_invocations import op_db

    found: dict[str, list[Any]] = {}
    for info in op_db:
        if (name := info.name.removeprefix("nn.functional.")) in registry:
            found.setdefault(name, []).append(info)
    return found


@pytest.fixture(scope="module")
def samples(infos: dict[str, list[Any]]) -> Samples:
    """Pairs of torch's operator and a sample that it takes, by our name and a type."""

    def made(name: str, dtype: torch.dtype, thorough: bool) -> list[tuple[Any, Any]]:
        found = []
        for info in infos[name]:
            inputs = info.reference_inputs if thorough else info.sample_inputs
            if dtype in info.dtypes and (info.supports_autograd or not thorough):
                found += [(info.op, s) for s in inputs("cpu", dtype) if s.input.numel() <= LARGEST]
        return found

    @functools.cache
    def of(name: str, dtype: torch.dtype, thorough: bool = True) -> list[tuple[Any, Any]]:
        # In a thread: torch formats the stack for each sample, and pytest's is deep.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(made, name, dtype, thorough).result()

    return of


def draws(sample: Any) -> bool:
    return bool(sample.kwargs.get("training"))


def leaves_of(sample: Any, dtype: torch.dtype) -> tuple[Any, list[Tensor]]:
    """The sample with tensors that need a gradient, of `dtype` and strided as they were."""
    leaves: list[Tensor] = []

    def leaf(value: Any) -> Any:
        if isinstance(value, Tensor):
            leaves.append(value.detach().to(dtype).requires_grad_())
            return leaves[-1]
        return value

    return sample.transform(leaf), leaves


def values_and_gradients(function: Callable[..., Tensor], sample: Any, dtype: torch.dtype) -> list[Tensor]:
    own, leaves = leaves_of(sample, dtype)
    output = function(own.input, *own.args, **own.kwargs)
    return [output.detach(), *torch.autograd.grad(output, leaves, torch.ones_like(output))]


def test_torch_describes_all_it_has(infos: dict[str, list[Any]]) -> None:
    assert set(infos) == set(registry) - {"squared_relu", "maxout", "crelu", "reglu", "geglu", "swiglu"}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_values_and_gradients_are_those_of_torch(
    shared: str, dtype: torch.dtype, ways: None, samples: Samples
) -> None:
    """To 16 ulp of the number or of 1, the error of torch's own slopes; half types are rounded once, to 2."""
    ulps = 2 if dtype in (torch.float16, torch.bfloat16) else 16
    tolerance = ulps * torch.finfo(dtype).eps
    theirs_in = torch.float32 if shared == "rrelu" and dtype == torch.float16 else dtype  # torch has none
    count = 0
    for op, sample in samples(shared, theirs_in):
        if draws(sample):
            continue
        x = sample.input.detach().to(dtype)
        expected, slope, *by_weight = values_and_gradients(op, sample, theirs_in)
        found, found_slope, *found_by_weight = values_and_gradients(
            getattr(functional, shared), sample, dtype
        )
        # At NaN, torch passes the gradient of some and not of others.
        slope, found_slope = (torch.where(x.isnan(), 0, s) for s in (slope, found_slope))
        of_slope = max(tolerance, torch.finfo(torch.float32).eps) if shared in SINGLE_SLOPE else tolerance
        for ours, theirs, within in ((found, expected, tolerance), (found_slope, slope, of_slope)):
            close = {"rtol": within, "atol": within, "equal_nan": True}
            torch.testing.assert_close(ours, theirs.to(ours.dtype), **close)
        for ours, theirs in zip(found_by_weight, by_weight, strict=True):
            sums = x.double().abs().nan_to_num(0, 0, 0).sum().item()  # the order of summation is free
            torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance * sums, equal_nan=True)
        if x.numel() and torch.ops.aten.is_non_overlapping_and_dense(sample.input):
            assert found.stride() == expected.stride()
        count += 1
    assert count >= 3


@pytest.mark.filterwarnings("ignore:Casting complex values to real")  # softmax(complex, dtype=float)
@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.complex64], ids=str)
def test_other_types_go_where_they_go_in_torch(shared: str, dtype: torch.dtype, samples: Samples) -> None:
    function = getattr(functional, shared)
    taken = samples(shared, dtype, thorough=False)
    for op, sample in taken:
        expected = op(sample.input, *sample.args, **sample.kwargs)
        found = function(sample.input, *sample.args, **sample.kwargs)
        torch.testing.assert_close(found, expected, equal_nan=True)
    if not taken:  # what torch refuses is refused, or a number is taken as the one it is
        x = torch.ones(4, dtype=dtype)
        values = {"prelu": (torch.ones(1),), "softmax": (0,)}.get(shared, ())
        try:
            found = function(x, *values)
        except (TypeError, RuntimeError):
            return
        assert not dtype.is_complex
        torch.testing.assert_close(found, function(x.float(), *values))


@pytest.mark.parametrize("refusing", ["prelu", "rrelu", "gelu"])
def test_what_torch_refuses_is_refused(refusing: str, infos: dict[str, list[Any]]) -> None:
    """With an error of this library, whose message is its own."""
    (info,) = infos[refusing]
    refused = list(info.error_inputs("cpu"))
    for error in refused:
        sample = error.sample_input
        with pytest.raises(error.error_type):
            info.op(sample.input, *sample.args, **sample.kwargs)
        with pytest.raises(RectifiersError):
            getattr(functional, refusing)(sample.input, *sample.args, **sample.kwargs)
    assert refused


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_samples_of_rrelu_in_training(dtype: torch.dtype, ways: None, samples: Samples) -> None:
    """torch draws other slopes: between the bounds they are, and backward uses those of forward."""
    count = 0
    for _, sample in samples("rrelu", dtype):
        if not draws(sample):
            continue
        torch.manual_seed(count)
        found, slope = values_and_gradients(functional.rrelu, sample, dtype)
        x = sample.input.detach()
        lower, upper = sample.kwargs["lower"], sample.kwargs["upper"]
        assert found.dtype == dtype
        assert torch.equal(slope[x > 0], torch.ones_like(slope[x > 0]))
        drawn = slope[x <= 0]
        assert ((drawn >= lower) & (drawn <= upper)).all()
        torch.testing.assert_close(found, slope * x, equal_nan=True)
        count += 1
    assert count


def test_slopes_of_rrelu_are_distributed_as_those_of_torch(ways: None) -> None:
    x = -torch.ones(40_000, dtype=torch.float64)
    torch.manual_seed(1)
    ours, theirs = (-rrelu(x, 0.1, 0.4, training=True) for rrelu in (functional.rrelu, F.rrelu))
    assert ks_2samp(ours, theirs).pvalue > 1e-3
