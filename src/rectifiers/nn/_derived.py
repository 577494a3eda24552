"""Make the module class from an activation's record."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.overrides import has_torch_function_unary

from rectifiers import functional
from rectifiers.activations import Activation, Elementwise, Integer, Learned, Uniform
from rectifiers.backends import Execute, executor
from rectifiers.functional._docstrings import docstring
from rectifiers.functional._signature import Arguments, own_code, signature_of
from rectifiers.nn._scriptable import scriptable
from rectifiers.nn._stand_in import StandIn

__all__ = ["Derived", "derive"]

_ANY = inspect.Parameter.POSITIONAL_OR_KEYWORD
_KEYWORD = inspect.Parameter.KEYWORD_ONLY


def _signature(record: Elementwise) -> inspect.Signature:
    """Return ``(*parameters, inplace=False)``, as torch has it where torch has the module.

    A learned parameter is given by ``num_parameters=1, init=...`` and, for several, ``init_<name>=...``;
    then `inplace` and `dim` are keyword-only behind torch's `device` and `dtype`.
    """
    of_function = signature_of(record).parameters
    learned = [name for name, parameter in record.parameters.items() if isinstance(parameter, Learned)]
    found: list[inspect.Parameter] = []
    if learned:
        found.append(inspect.Parameter("num_parameters", _ANY, default=1, annotation=int))
    for argument in list(of_function.values())[1:]:
        if argument.name in learned:
            name = "init" if len(learned) == 1 else f"init_{argument.name}"
            default = record.parameters[argument.name].default
            found.append(inspect.Parameter(name, _ANY, default=default, annotation=float))
        elif argument.name not in ("training", "dim", "inplace", "per", "generator"):
            found.append(argument)
    if learned:
        found.append(inspect.Parameter("device", _ANY, default=None, annotation=torch.device | None))
        found.append(inspect.Parameter("dtype", _ANY, default=None, annotation=torch.dtype | None))
    for name in ("dim", "inplace", "per", "generator"):
        if name in of_function:
            kind = _KEYWORD if learned else of_function[name].kind
            found.append(of_function[name].replace(kind=kind))
    return inspect.Signature(found)


class Derived(torch.nn.Module):
    """What every derived class does; the record says the rest.

    Attributes
    ----------
    record : Elementwise
        What the class is derived from.
    """

    record: ClassVar[Elementwise]
    _function: ClassVar[Callable[..., Tensor]]
    _execute: ClassVar[Execute | None]  # the way past argument checks, where all arguments are numbers
    _call: ClassVar[tuple[str, ...]]  # attributes, in the order of the function's arguments
    _options: ClassVar[tuple[str, ...]]  # the same of its keyword-only arguments
    _arguments: ClassVar[Arguments]
    inplace: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = self._arguments.bind(args, kwargs)
        for name, parameter in self.record.parameters.items():
            if isinstance(parameter, Uniform):
                parameter.check_bounds(given["lower"], given["upper"])
                parameter.check_per(given["per"])
            elif isinstance(parameter, Learned):
                parameter.check(given[_initial(self.record, name)], _initial(self.record, name))
                Integer(1, minimum=1).check(given["num_parameters"], "num_parameters")
            else:
                parameter.check(given[name], name)
        super().__init__()
        factory = {"device": given.pop("device", None), "dtype": given.pop("dtype", None)}
        for name, value in given.items():
            setattr(self, name, value)
        for name in self._learned():
            self.register_parameter(name, torch.nn.Parameter(torch.empty(given["num_parameters"], **factory)))
        self.reset_parameters()

    @classmethod
    def _learned(cls) -> list[str]:
        return [name for name, parameter in cls.record.parameters.items() if isinstance(parameter, Learned)]

    def reset_parameters(self) -> None:
        """Set every learned parameter to its initial value."""
        for name in self._learned():
            torch.nn.init.constant_(getattr(self, name), getattr(self, _initial(self.record, name)))

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation; the output has the shape of the input."""
        if self._execute is not None and not has_torch_function_unary(input):
            values = tuple([getattr(self, name) for name in self.record.parameters])
            return self._execute(input, values, self.inplace)
        arguments = [getattr(self, name) for name in self._call]
        options = {name: getattr(self, name) for name in self._options if getattr(self, name) is not None}
        return self._function(input, *arguments, **options)

    def __prepare_scriptable__(self) -> torch.nn.Module:
        """Return what `torch.jit.script` compiles instead: torch's own module, or one of its operations."""
        return scriptable(self)

    def extra_repr(self) -> str:
        """Return the arguments as torch shows them."""
        parameters = self._arguments.defaults
        quiet = ("init", "inplace", "dim", "per", "generator", "device", "dtype")
        shown = [f"{name}={getattr(self, name)!r}" for name in parameters if name not in quiet]
        shown += [f"per={self.per!r}"] if getattr(self, "per", "element") != "element" else []
        shown += [f"dim={self.dim}"] if getattr(self, "dim", 1) != 1 else []
        return ", ".join([*shown, "inplace=True"] if self.inplace else shown)


def _initial(record: Elementwise, name: str) -> str:
    """Name of the constructor's argument for the initial value of a learned parameter."""
    several = sum(isinstance(parameter, Learned) for parameter in record.parameters.values()) > 1
    return f"init_{name}" if several else "init"


class _OfUser(Derived):
    """A class made for a user's record: pickled through the record, whose formulas pickle by name."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.record,), self.__getstate__()  # type: ignore[no-untyped-call]


def _restore(record: Elementwise) -> torch.nn.Module:
    cls = derive(record)
    return cls.__new__(cls)


@functools.cache
def derive(record: Activation, *extras: type) -> type[torch.nn.Module]:
    """Return the module class of an elementwise activation.

    It is a subclass of torch's class of that name, if there is one and the activation is built in.

    Parameters
    ----------
    record : Elementwise
    *extras : type
        Classes that add to or override what every derived class does.
    """
    assert isinstance(record, Elementwise)
    built_in = functional.is_registered(record)
    bases = (Derived, getattr(torch.nn, record.title, torch.nn.Module)) if built_in else (_OfUser,)
    signature = _signature(record)
    function = functional.of(record)
    special = any(isinstance(parameter, Learned | Uniform) for parameter in record.parameters.values())
    called = list(inspect.signature(function).parameters.values())[1:]
    learned = [name for name, parameter in record.parameters.items() if isinstance(parameter, Learned)]
    forward = next(vars(base)["forward"] for base in (*extras, Derived) if "forward" in vars(base))
    defaults = {
        name: argument.default
        for name, argument in signature.parameters.items()
        if name not in (*learned, "device", "dtype") and argument.default is not inspect.Parameter.empty
    }
    stands_for = bases[1] if len(bases) > 1 and bases[1] is not torch.nn.Module and not special else None
    cls: type[torch.nn.Module] = (type if stands_for is None else StandIn)(
        record.title,
        (*extras, *bases),
        {
            **defaults,  # for a module of torch's that is made one of these by its `__class__`
            "forward": own_code(forward, f"forward_of_{record.name}"),
            "__module__": "rectifiers.nn",
            "__doc__": docstring(record, signature, module=True),
            "__signature__": signature,
            "record": record,
            "_stands_for": stands_for,
            "_function": staticmethod(function),
            "_execute": None if special else staticmethod(executor(record)),
            "_call": tuple(parameter.name for parameter in called if parameter.kind is _ANY),
            "_options": tuple(parameter.name for parameter in called if parameter.kind is _KEYWORD),
            "_arguments": Arguments(record.title, signature.parameters),
        },
    )
    return cls
