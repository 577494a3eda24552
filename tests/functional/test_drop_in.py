"""What torch has too: same names, order, defaults, values and gradients."""

from __future__ import annotations

import inspect

import pytest
import torch
import torch.nn.functional as F

from rectifiers import functional
from rectifiers.activations import Gated, registry

SHARED = [
    name
    for name in functional.__all__
    if (name in registry and hasattr(F, name)) or name in ("sigmoid", "tanh")
]
PARAMETERS = {
    "prelu": (torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64),),
    "softmax": (1,),
    "leaky_relu": (0.2,),
    "elu": (1.5,),
    "celu": (0.7,),
    "softplus": (2.0, 10.0),
    "gelu": ("tanh",),
}
ANY_SHAPE = [name for name in SHARED if name != "glu"]  # which has tests of its own
SHAPES = [(), (0,), (5,), (4, 3), (2, 3, 4), (2, 3, 4, 5), (2, 3, 0, 5)]


def theirs(name: str) -> object:
    return getattr(torch if name in ("sigmoid", "tanh") else F, name)


def test_all_shared_names_are_here() -> None:
    assert set(SHARED) == set(registry) - {"squared_relu", "maxout", "crelu", "reglu", "geglu", "swiglu"}


@pytest.mark.parametrize("name", [n for n in SHARED if n not in ("sigmoid", "tanh", "gelu", "prelu")])
def test_signature_starts_as_in_torch(name: str) -> None:
    try:
        expected = inspect.signature(theirs(name)).parameters
    except ValueError:  # written in C
        expected = {"input": None, **({"beta": None, "threshold": None} if name == "softplus" else {})}
    ours = inspect.signature(getattr(functional, name)).parameters
    assert list(ours)[: len(expected)] == list(expected)
    for key, parameter in expected.items():
        if parameter is not None:
            assert ours[key].default == parameter.default


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ANY_SHAPE)
def test_values_and_gradients_are_those_of_torch(name: str, shape: tuple[int, ...]) -> None:
    needs_axis = name in ("prelu", "softmax") and len(shape) < 2
    values = () if needs_axis else PARAMETERS.get(name, ())
    if needs_axis:
        values = (torch.tensor(0.1),) if name == "prelu" else (-1,)
        if name == "prelu":
            values = (torch.tensor([0.1]),)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values = tuple(v.double() if isinstance(v, torch.Tensor) else v for v in values)
    results = []
    for function in (getattr(functional, name), theirs(name)):
        input = x.clone().requires_grad_()
        keyword = {"approximate": values[0]} if name == "gelu" and values else {}
        output = function(input, **keyword) if keyword else function(input, *values)
        (grad,) = torch.autograd.grad(output, input, torch.ones_like(output))
        results.append((output.detach(), grad))
    exact = 1e-7 if name == "hardsigmoid" else 1e-14  # torch rounds its slope to float32
    torch.testing.assert_close(results[0], results[1], rtol=exact, atol=1e-15)


@pytest.mark.parametrize("name", ANY_SHAPE)
@pytest.mark.parametrize("layout", ["channels_last", "transposed", "strided", "expanded"])
def test_strides_do_not_matter_and_memory_format_is_kept(name: str, layout: str) -> None:
    x = torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    made = {
        "channels_last": lambda: x.to(memory_format=torch.channels_last),
        "transposed": lambda: x.transpose(0, 3),
        "strided": lambda: x[:, :, ::2, 1::2],
        "expanded": lambda: x[:, :1].expand(2, 3, 4, 6),
    }[layout]()
    values = PARAMETERS.get(name, ()) if name in ("prelu", "softmax") else ()
    output = getattr(functional, name)(made, *values)
    # torch's vectorised and scalar loops may differ in the last digit
    torch.testing.assert_close(
        output, getattr(functional, name)(made.contiguous(), *values), rtol=1e-14, atol=1e-15
    )
    if layout == "channels_last" and name != "softmax":  # torch gives that up too
        assert output.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", ANY_SHAPE)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_dtype_is_kept(name: str, dtype: torch.dtype) -> None:
    values = {"prelu": (torch.tensor([0.1], dtype=dtype),), "softmax": (0,)}.get(name, ())
    assert getattr(functional, name)(torch.randn(3).to(dtype), *values).dtype == dtype


@pytest.mark.parametrize("name", sorted(set(registry) - {"softmax"}))
def test_meta_tensors_pass(name: str) -> None:
    gated = isinstance(registry[name], Gated)
    values = (torch.empty(4, device="meta"),) if name == "prelu" else (1,) * gated
    output = getattr(functional, name)(torch.empty(2, 4, 3, device="meta"), *values)
    assert output.device.type == "meta"
    halved = (2, 2, 3) if gated else (2, 4, 3)
    assert output.shape == {"maxout": (2, 2, 3), "crelu": (2, 8, 3)}.get(name, halved)


@pytest.mark.parametrize("name", sorted(set(registry) - {"softmax"}))
def test_autocast_leaves_it_usable(name: str) -> None:
    layer = torch.nn.Linear(4, 4)
    values = (torch.full((4,), 0.1),) if name == "prelu" else ()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = getattr(functional, name)(layer(torch.randn(2, 4)), *values)
    output.float().sum().backward()
    assert output.dtype == torch.bfloat16
    assert torch.isfinite(layer.weight.grad).all()


def test_softmax_of_the_field() -> None:
    """The worked numbers of the field."""

    def rounded(*values: float) -> list[float]:
        return [round(v, 3) for v in functional.softmax(torch.tensor(values), dim=0).tolist()]

    assert rounded(3, 0.7, 0.5) == [0.846, 0.085, 0.069]
    assert rounded(1.2, 1, 1.5) == [0.316, 0.258, 0.426]
    assert rounded(1.5, *[1.2] * 9) == [0.13, *[0.097] * 9]


def test_softmax_casts_first() -> None:
    x = torch.tensor([1.0, 2.0], dtype=torch.float16)
    assert torch.equal(functional.softmax(x, 0, dtype=torch.float32), F.softmax(x, 0, dtype=torch.float32))
