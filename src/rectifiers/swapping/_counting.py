"""Functions replaced where a forward calls them, and one module that is called in several places split.

An owner - the module whose forward makes the calls - gets a class made on the fly whose forward counts the
calls that are the owner's own. It is entered as deep as possible, so that activation checkpointing of whole
modules recomputes with it; what is recomputed without its owner's forward is refused.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from rectifiers.call_sites import BASE, activation_of_function, in_checkpointed_function
from rectifiers.errors import ArgumentError

__all__ = ["CHECKPOINTED", "PLAN", "REPLACED", "Plan", "Split", "counting"]

PLAN = "_rectifiers_calls"  # of an owner: what its forward is expected to call
REPLACED = "swapped_activations"  # of an owner: what replaces its functions, by the number of the call
CHECKPOINTED = (
    "is in a checkpointed function, or under hooks on saved tensors that the same forward sets: backward "
    "would recompute it outside that forward, where it is not swapped: checkpoint whole modules, or make it "
    "a module of its own"
)

# Which activations are called in one pass, in training and in evaluation: functions under "", those of a
# split module under its name.
Plan = dict[str, tuple[tuple[str, ...], ...]]

_HERE = threading.local()  # `scope`: of the owner whose own code is running in this thread


class Scope(TorchFunctionMode):
    """One pass of an owner's forward."""

    def __init__(self, owner: nn.Module, plan: Plan) -> None:
        super().__init__()
        self._owner, self._plan = type(owner).__name__, plan
        self._replaced = getattr(owner, REPLACED, {})
        self.called: dict[str, list[str]] = {key: [] for key in plan}
        self._hooked = not torch.compiler.is_compiling() and _saving_is_hooked()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        activation = activation_of_function(func, args, kwargs)
        if activation is not None and getattr(_HERE, "scope", None) is self:  # a child has its own
            number = self.count("", activation)
            if number in self._replaced:
                return self.apply(self._replaced[number], args[0] if args else kwargs["input"], "")
        return func(*args, **kwargs)

    def count(self, key: str, activation: str) -> str:
        """Return the number of a call, one of those that the owner made when it was swapped."""
        called = self.called[key]
        called.append(activation)
        if not any(sequence[: len(called)] == tuple(called) for sequence in self._plan[key]):
            raise self._differs(key)
        return str(len(called) - 1)

    def apply(self, module: nn.Module, x: Tensor, key: str) -> Any:
        """Apply a module, whose calls are not the owner's."""
        if not torch.compiler.is_compiling() and (
            in_checkpointed_function(of_module=bool(key)) or _saving_is_hooked() != self._hooked
        ):
            raise ArgumentError(f"{key or 'an activation'} called by {self._owner} {CHECKPOINTED}")
        _HERE.scope = None
        try:
            return module(x)
        finally:
            _HERE.scope = self

    def finish(self) -> None:
        """Raise if the pass did not call all that it did when it was swapped."""
        for key, called in self.called.items():
            if tuple(called) not in self._plan[key]:
                raise self._differs(key)

    def _differs(self, key: str) -> ArgumentError:
        expected = " or ".join(", ".join(sequence) or "none" for sequence in self._plan[key])
        return ArgumentError(
            f"the forward of {self._owner} must call its activations as when they were swapped "
            f"({key and key + ': '}{expected}), but called {', '.join(self.called[key]) or 'none'}: they "
            "depend on the data or have been changed; make them modules, or `unswap_` first"
        )


def _saving_is_hooked() -> bool:
    """Return whether hooks on saved tensors are set, as checkpointing does that recomputes them."""
    try:
        with torch.autograd.graph.disable_saved_tensors_hooks(""):
            return False
    except RuntimeError:
        return True


def _forward(original: Callable[..., Any], self: nn.Module, args: Any, kwargs: Any) -> Any:
    """Run an owner's forward, its own calls counted; one without a plan only keeps its calls its own."""
    plan = vars(self).get(PLAN)
    scope = None if plan is None else Scope(self, plan)
    outer = getattr(_HERE, "scope", None)
    _HERE.scope = scope
    try:
        with scope if scope is not None and "" in scope.called else contextlib.nullcontext():
            output = original(self, *args, **kwargs)
        if scope is not None:
            scope.finish()
        return output
    finally:
        _HERE.scope = outer


_MADE: dict[type, type[nn.Module]] = {}


def counting(cls: type[nn.Module]) -> type[nn.Module]:
    """Return a class like `cls`, of the same name, whose forward counts its own calls of activations."""
    if cls in _MADE:
        return _MADE[cls]
    original = cls.forward

    @functools.wraps(original)
    def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        return _forward(original, self, args, kwargs)

    def reduce(self: nn.Module, protocol: Any) -> tuple[Any, ...]:
        return _restore, (cls,), self.__getstate__()  # type: ignore[no-untyped-call]

    def refuse_script(self: nn.Module) -> None:
        raise ArgumentError(
            f"a swapped model cannot be scripted, but torch.jit.script came to {cls.__name__}, whose source "
            "has what was there before: use torch.jit.trace or torch.export"
        )

    body = {name: getattr(cls, name) for name in ("__module__", "__qualname__", "__doc__")}
    body |= {"forward": forward, "__reduce_ex__": reduce, BASE: cls, "__prepare_scriptable__": refuse_script}
    return _MADE.setdefault(cls, type(cls.__name__, (cls,), body))


def _restore(cls: type[nn.Module]) -> nn.Module:
    made = counting(cls)
    return made.__new__(made)


class Split(nn.Module):
    """Stands for one module that its owner calls several times: one module for each call.

    Parameters
    ----------
    key : str
        Under which the owner's pass counts its calls.
    activation : str
        That the module was.
    choices : list of nn.Module
        For each call in a pass.
    """

    def __init__(self, key: str, activation: str, choices: list[nn.Module]) -> None:
        super().__init__()
        self.key, self.activation = key, activation
        self.choices = nn.ModuleDict({str(number): choice for number, choice in enumerate(choices)})
        self.training = self.choices.training = choices[0].training

    def forward(self, x: Tensor) -> Any:
        """Apply the module of the next call."""
        scope: Scope | None = getattr(_HERE, "scope", None)
        if scope is None or self.key not in scope.called:
            raise ArgumentError(f"{self.key} stands for several calls of one forward and {CHECKPOINTED}")
        return scope.apply(self.choices[scope.count(self.key, self.activation)], x, self.key)
