"""Functions replaced where a forward calls them, and one module that is called in several places split.

An owner - the module whose forward makes the calls - gets a class made on the fly whose forward numbers the
calls that are the owner's own. It is entered as deep as possible, so that activation checkpointing of whole
modules recomputes with it; what is recomputed without its owner's forward is refused when it first runs.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from rectifiers.call_sites import BASE, activation_of_function
from rectifiers.errors import ArgumentError, RectifiersError

__all__ = ["PLAN", "REPLACED", "InPlace", "OnAxis", "RecomputedError", "Split", "numbered", "original_class"]

PLAN = "_rectifiers_calls"  # of an owner: what its forward is expected to call
REPLACED = "swapped_activations"  # of an owner: what replaces its functions, by the number of the call
_CHECKPOINT = str(Path("torch", "utils", "checkpoint.py"))
_HERE = threading.local()  # `scope`: of the owner whose own code is running in this thread


class RecomputedError(ArgumentError):
    """A call that backward would recompute without the forward that numbers it."""


class Plan:
    """What an owner's forward calls.

    Attributes
    ----------
    path : str
        Of the owner, for messages.
    functions : set of int
        Numbers of the calls that are replaced.
    sequences : list of tuple of str
        Which activations its own functions are, in training and in evaluation.
    splits : dict of str to int
        How often each split module is called.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.functions: set[int] = set()
        self.sequences: list[tuple[str, ...]] = []
        self.splits: dict[str, int] = {}


class Scope(TorchFunctionMode):
    """One pass of an owner's forward."""

    def __init__(self, plan: Plan, modules: Any) -> None:
        super().__init__()
        self.plan, self._replaced = plan, modules
        self.called: list[str] = []
        self.split: dict[str, int] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(_HERE, "scope", None) is not self:  # a child's
            return func(*args, **kwargs)
        activation = activation_of_function(func, args, kwargs)
        x = args[0] if args else kwargs.get("input")
        if activation is None or not isinstance(x, Tensor):
            return func(*args, **kwargs)
        number = len(self.called)
        self.called.append(activation)
        if number not in self.plan.functions:
            return func(*args, **kwargs)
        if not any(number < len(s) and s[number] == activation for s in self.plan.sequences):
            raise self._differs()
        self.refuse_recomputed(activation)
        _HERE.scope = None
        try:
            return self._replaced[str(number)](x)
        finally:
            _HERE.scope = self

    def finish(self) -> None:
        """Raise if the pass did not call what it did when the activations were swapped."""
        plan = self.plan
        if (plan.functions and tuple(self.called) not in plan.sequences) or self.split != plan.splits:
            raise self._differs()

    def refuse_recomputed(self, activation: str) -> None:
        """Raise if a checkpoint lies between the owner's forward and this call."""
        if torch.compiler.is_compiling():
            return
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code is not _FORWARD_CODE:
            if frame.f_code.co_filename.endswith(_CHECKPOINT):
                raise RecomputedError(
                    f"{activation} called in the forward of {self.plan.path or 'the model'!r} lies inside a "
                    "checkpointed function, which backward recomputes outside that forward, where it cannot "
                    "be swapped: "
                    "checkpoint whole modules, or make it a module"
                )
            frame = frame.f_back

    def _differs(self) -> RectifiersError:
        expected = " or ".join(", ".join(s) for s in self.plan.sequences) or "no function"
        return ArgumentError(
            f"the forward of {self.plan.path or 'the model'!r} must call its activations as when they were "
            "swapped "
            f"({expected}; {self.plan.splits}), but called {', '.join(self.called) or 'none'}; {self.split}: "
            "its activations depend on the data or have been changed; make them modules, or `unswap_` first"
        )


def _forward(
    original: Callable[..., Any], self: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Run an owner's forward, its own calls numbered; one without a plan only keeps its calls its own."""
    plan = getattr(self, PLAN, None)
    outer = getattr(_HERE, "scope", None)
    if plan is None:
        _HERE.scope = None
        try:
            return original(self, *args, **kwargs)
        finally:
            _HERE.scope = outer
    scope = Scope(plan, getattr(self, REPLACED) if plan.functions else {})
    _HERE.scope = scope
    try:
        if plan.functions:
            with scope:
                output = original(self, *args, **kwargs)
        else:
            output = original(self, *args, **kwargs)
        scope.finish()
        return output
    finally:
        _HERE.scope = outer


_FORWARD_CODE = _forward.__code__
_MADE: dict[type, type[nn.Module]] = {}


def numbered(cls: type[nn.Module]) -> type[nn.Module]:
    """Return a class like `cls`, of the same name, whose forward numbers its own calls of activations."""
    if cls in _MADE:
        return _MADE[cls]
    original = cls.forward

    @functools.wraps(original)
    def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        return _forward(original, self, args, kwargs)

    def reduce(self: nn.Module, protocol: Any) -> tuple[Any, ...]:
        return _restore, (cls,), self.__getstate__()  # type: ignore[no-untyped-call]

    body = {
        "forward": forward,
        "__reduce_ex__": reduce,
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
        BASE: cls,
    }
    return _MADE.setdefault(cls, type(cls.__name__, (cls,), body))


def original_class(module: nn.Module) -> type[nn.Module]:
    """Return a module's class without what was made on the fly."""
    found: type[nn.Module] = getattr(type(module), BASE, type(module))
    return found


def _restore(cls: type[nn.Module]) -> nn.Module:
    made = numbered(cls)
    return made.__new__(made)


class Split(nn.Module):
    """Stands for one module that its owner calls several times: one module for each call.

    Parameters
    ----------
    key : str
        Under which the owner's pass counts its calls.
    choices : list of nn.Module
        For each call in a pass.
    """

    def __init__(self, key: str, choices: list[nn.Module]) -> None:
        super().__init__()
        self.key = key
        self.choices = nn.ModuleList(choices)

    def forward(self, x: Tensor) -> Any:
        """Apply the module of the next call."""
        scope = getattr(_HERE, "scope", None)
        if scope is None or self.key not in scope.plan.splits:
            raise RecomputedError(
                f"{self.key!r} stands for {len(self.choices)} activations that only the forward of its "
                "owner tells "
                "apart, but is called outside it: checkpoint whole modules, or give each call a module"
            )
        scope.refuse_recomputed(self.key)
        number = scope.split.get(self.key, 0)
        scope.split[self.key] = number + 1
        if number >= len(self.choices):
            raise scope._differs()
        _HERE.scope = None
        try:
            return self.choices[number](x)
        finally:
            _HERE.scope = scope


class InPlace(nn.Module):
    """Applies an activation that has no in-place form, and overwrites the input."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Apply it; the input becomes the output."""
        return x.copy_(self.activation(x.clone()))


class OnAxis(nn.Module):
    """Applies an activation that has its features on axis 1 to those of another axis."""

    def __init__(self, activation: nn.Module, axis: int) -> None:
        super().__init__()
        self.activation, self.axis = activation, axis

    def forward(self, x: Tensor) -> Any:
        """Apply it along the axis."""
        return self.activation(x.movedim(self.axis, 1)).movedim(1, self.axis)
