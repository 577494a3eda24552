"""Functions replaced where a forward calls them, and one module that is called in several places split.

An owner - the module whose forward makes the calls - gets a class made on the fly whose forward counts the
calls that are the owner's own. It is entered as deep as possible, so that activation checkpointing of whole
modules recomputes with it; what is recomputed without its owner's forward is refused.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from rectifiers.call_sites import BASE, activation_of_function, ask_while_compiling, setting, within
from rectifiers.errors import ArgumentError

__all__ = ["OUTSIDE", "PLAN", "REPLACED", "Plan", "Split", "counting", "described"]

PLAN = "_rectifiers_calls"  # of an owner: what its forward is expected to call
REPLACED = "swapped_activations"  # of an owner: what replaces its functions, by the number of the call
OUTSIDE = (
    "backward would recompute it outside that forward, where it is not swapped: checkpoint whole modules, or "
    "make it a module of its own"
)


class Plan(NamedTuple):
    """What an owner calls in one pass, of functions or of a split module."""

    calls: tuple[tuple[str, ...], ...]  # in training and in evaluation
    parts: dict[str, tuple[int, int]]  # from which to which by its forward, and by its other methods


_HERE = threading.local()  # `scope`: of the owner whose own code is running in this thread


class Scope(TorchFunctionMode):
    """One pass of an owner's forward, or of a method that is called outside it."""

    def __init__(self, owner: nn.Module, plans: dict[str, Plan], method: str) -> None:
        super().__init__()
        self.owner = owner
        self._parts = {key: plan.parts.get(method, (0, 0)) for key, plan in plans.items()}
        self._calls = {
            key: [calls[slice(*self._parts[key])] for calls in plan.calls] for key, plan in plans.items()
        }
        self._replaced = getattr(owner, REPLACED, {})
        self.called: dict[str, list[str]] = {key: [] for key in plans}
        self._begun = setting()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        activation = activation_of_function(func, args, kwargs)
        if activation is not None and getattr(_HERE, "scope", None) is self:  # a child has its own
            number = self.count("", activation)
            if number in self._replaced:
                return self.apply(self._replaced[number], args[0] if args else kwargs["input"])
        return func(*args, **kwargs)

    def count(self, key: str, activation: str) -> str:
        """Return the number of a call, one of those that the owner made when it was swapped."""
        called, around = self.called[key], within(self._begun, of_module=bool(key))
        called.append(described(activation, around))
        if not any(_begins_as(called, calls) for calls in self._calls[key]):
            raise self._differs(key)
        return str(self._parts[key][0] + len(called) - 1)

    def apply(self, module: nn.Module, x: Tensor) -> Any:
        """Apply a module, whose calls are not the owner's."""
        _HERE.scope = None
        try:
            return module(x)
        finally:
            _HERE.scope = self

    def finish(self) -> None:
        """Raise if the pass did not call all that it did when it was swapped."""
        for key, called in self.called.items():
            if not any(_begins_as(called, calls) and len(called) == len(calls) for calls in self._calls[key]):
                raise self._differs(key)

    def _differs(self, key: str) -> ArgumentError:
        expected = " or ".join(dict.fromkeys(", ".join(calls) or "none" for calls in self._calls[key]))
        called = ", ".join(self.called[key]) or "none"
        return ArgumentError(
            f"{type(self.owner).__name__} must call its activations as when they were swapped "
            f"({key and key + ': '}{expected}), but called {called}: make what has "
            f"changed modules, or `unswap_` first. Within something, {OUTSIDE}"
        )


def _begins_as(called: list[str], calls: tuple[str, ...]) -> bool:
    """Whether calls are those that were planned so far; within nothing they are right anywhere."""
    pairs = zip(called, calls, strict=False)
    return len(called) <= len(calls) and all(now in (was, was.partition(" within ")[0]) for now, was in pairs)


def described(activation: str, around: str) -> str:
    """Return what is called, and within what."""
    return f"{activation} within {around}" if around else activation


def _run(name: str, original: Callable[..., Any], self: nn.Module, args: Any, kwargs: Any) -> Any:
    """Run a method, the calls of its owner counted; a forward without a plan only keeps its calls its own."""
    plans, outer = vars(self).get(PLAN, {}), getattr(_HERE, "scope", None)
    counted = any(name in plan.parts for plan in plans.values())
    if name in getattr(type(self), BASE)[1]:
        if outer is not None and (not counted or outer.owner is self):
            return original(self, *args, **kwargs)
        if not counted:
            raise ArgumentError(
                f"{name} of {type(self).__name__} calls activations that are swapped in another forward, and "
                "must be called by it: make them modules, or `unswap_` first"
            )
    scope = Scope(self, plans, name) if counted else None
    _HERE.scope = scope
    try:
        with scope if scope is not None and "" in scope.called else contextlib.nullcontext():
            output = original(self, *args, **kwargs)
        if scope is not None:
            scope.finish()
        return output
    finally:
        _HERE.scope = outer


def counting(cls: type[nn.Module], methods: Iterable[str] = ()) -> type[nn.Module]:
    """Return a class like `cls`, of the same name, whose forward counts its own calls of activations.

    So do `methods` where they are called outside it.
    """
    base, names = vars(cls).get(BASE, (cls, ()))
    return _made(base, tuple(sorted({*names, *methods})))


@functools.cache
def _made(cls: type[nn.Module], methods: tuple[str, ...]) -> type[nn.Module]:
    """Return the class for `counting`."""
    ask_while_compiling()

    def counted(name: str) -> Callable[..., Any]:
        original = getattr(cls, name)

        @functools.wraps(original)
        def method(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
            return _run(name, original, self, args, kwargs)

        return method

    def reduce(self: nn.Module, protocol: Any) -> tuple[Any, ...]:
        return _restore, (cls, methods), self.__getstate__()  # type: ignore[no-untyped-call]

    def refuse_script(self: nn.Module) -> None:
        raise ArgumentError(
            f"a swapped model cannot be scripted, but torch.jit.script came to {cls.__name__}, whose source "
            "has what was there before: use torch.jit.trace or torch.export"
        )

    body = {name: getattr(cls, name) for name in ("__module__", "__qualname__", "__doc__")}
    body |= {name: counted(name) for name in ("forward", *methods)}
    body |= {"__reduce_ex__": reduce, "__prepare_scriptable__": refuse_script, BASE: (cls, methods)}
    return type(cls.__name__, (cls,), body)


def _restore(cls: Any, methods: tuple[str, ...] = ()) -> nn.Module:
    made = _made(cls, methods)
    return made.__new__(made)


class Split(nn.Module):
    """Stands for one module that its owner calls several times: one module for each call."""

    def __init__(self, key: str, activation: str, choices: list[nn.Module]) -> None:
        super().__init__()
        self.key, self.activation = key, activation
        self.choices = nn.ModuleDict({str(number): choice for number, choice in enumerate(choices)})
        self.training = self.choices.training = choices[0].training

    def forward(self, x: Tensor) -> Any:
        """Apply the module of the next call."""
        scope: Scope | None = getattr(_HERE, "scope", None)
        if scope is None or self.key not in scope.called:
            raise ArgumentError(
                f"{self.key} stands for several calls of one forward, but is called outside it: {OUTSIDE}"
            )
        return scope.apply(self.choices[scope.count(self.key, self.activation)], x)
