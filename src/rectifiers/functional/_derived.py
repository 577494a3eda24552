# mypy: disable-error-code="no-untyped-call, no-any-return"
# (Parts of torch have no types.)
"""Make the function of tensors from an activation's record."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.jit import is_tracing  # type: ignore[attr-defined]
from torch.overrides import handle_torch_function, has_torch_function, has_torch_function_unary

from rectifiers.activations import Activation, Elementwise, Learned, Parameter, Uniform
from rectifiers.backends import Channels, Random, executor
from rectifiers.errors import ShapeError, TensorTypeError
from rectifiers.functional._docstrings import docstring
from rectifiers.functional._signature import Arguments, own_code, signature_of

__all__ = ["derive"]


@functools.cache
def derive(record: Activation) -> Callable[..., Tensor]:
    """Return the function of tensors of an elementwise activation; see `signature_of`."""
    assert isinstance(record, Elementwise)
    signature = signature_of(record)
    arguments = Arguments(record.name, dict(list(signature.parameters.items())[1:]))
    parameters = record.parameters
    learned = any(isinstance(parameter, Learned) for parameter in parameters.values())
    plain = not learned and not any(isinstance(parameter, Uniform) for parameter in parameters.values())
    readers = [_reader(name, parameters[name], arguments.places) for name in parameters]
    inplace = arguments.places["inplace"]
    defaults = record.defaults
    execute = executor(record)

    def function(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if has_torch_function_unary(input) or (
            learned and has_torch_function((*args, *kwargs.values()) if kwargs else args)
        ):
            overloaded = (input, *args, *kwargs.values())
            result: Tensor = handle_torch_function(function, overloaded, input, *args, **kwargs)
            return result
        if plain and not args and not kwargs:  # nothing to bind or check
            return execute(input, defaults)
        given = arguments.ordered(args, kwargs)
        if not plain and not (isinstance(input, Tensor) and input.is_floating_point()):
            got = getattr(input, "dtype", type(input).__name__)
            raise TensorTypeError(f"{record.name} needs a floating-point tensor, got {got}")
        values: tuple[Any, ...] = ()
        for read in readers:  # a comprehension would be one more call
            values += (read(input, given),)
        return execute(input, values, given[inplace])

    function = own_code(function, record.name)
    function.__name__ = function.__qualname__ = record.name
    function.__module__ = "rectifiers.functional"
    function.record = record  # type: ignore[attr-defined]
    function.__doc__ = docstring(record, signature)
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


def _reader(
    name: str, parameter: Parameter, places: Mapping[str, int]
) -> Callable[[Tensor, Sequence[Any]], Any]:
    """Return what makes a parameter's value, as `executor` takes it, of the input and all arguments."""
    if isinstance(parameter, Learned):
        place, axis = places[name], places["dim"]

        def learned(input: Tensor, given: Sequence[Any]) -> Any:
            weight, dim = given[place], given[axis]
            if not isinstance(weight, Tensor):
                return weight
            # A trace knows sizes as tensors, which torch's own operation checks.
            if not is_tracing() and (count := weight.numel()) != 1:
                rank = input.dim()
                features = input.size(dim) if -rank <= dim < rank else None
                if weight.dim() != 1 or count != features:
                    raise _misfit(input, weight, dim, name)
            return Channels(weight, dim)

        return learned
    if not isinstance(parameter, Uniform):
        place, check = places[name], parameter.check

        def checked(input: Tensor, given: Sequence[Any]) -> Any:
            check(given[place], name)
            return given[place]

        return checked
    names = ("lower", "upper", "training", "generator", "per")
    low, high, training, generator, per = (places[n] for n in names)
    check_bounds, check_per = parameter.check_bounds, parameter.check_per

    def drawn(input: Tensor, given: Sequence[Any]) -> Any:
        lower, upper = given[low], given[high]
        check_bounds(lower, upper)
        check_per(given[per])
        if not given[training]:
            return (lower + upper) / 2
        return Random(lower, upper, given[generator], per=given[per])

    return drawn


def _misfit(input: Tensor, weight: Tensor, dim: int, name: str) -> ShapeError:
    there = -input.dim() <= dim < input.dim()
    features = f"{input.shape[dim]} features there" if there else "no such axis"
    return ShapeError(
        f"`{name}` must have one element, or one per feature along dim={dim}, but got {name} of shape "
        f"{tuple(weight.shape)} and input of shape {tuple(input.shape)} ({features})"
    )
