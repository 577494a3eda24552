"""Stand between a model and every activation that it calls, while it runs as always."""

from __future__ import annotations

import contextlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, handle_torch_function, has_torch_function

from rectifiers.call_sites._features import Features
from rectifiers.call_sites._known import activation_of_function, activation_of_module

__all__ = ["Begin", "Call", "End", "Interception", "below", "caller", "in_checkpointed_function"]

_PACKAGES = tuple(
    str(Path(module.__file__ or "").parent) + os.sep for module in (torch, sys.modules["rectifiers"])
)
_RUN = str(Path(__file__).with_name("_running.py"))
_CHECKPOINT = str(Path("torch", "utils", "checkpoint.py"))
_FUNCTION = str(Path("torch", "autograd", "function.py"))
_MODULE = str(Path("torch", "nn", "modules", "module.py"))
_ANY = (torch.empty(0),)  # by which a mode that is on is told


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of an activation, at a place in the forward pass.

    Attributes
    ----------
    name : str
        Of the place: ``"layer1.0.relu"`` for a module, by its path; ``"layer1.0:relu"`` for a function called
        in the forward of ``layer1.0``. The second and third call in one pass of the caller end in ``#2`` and
        ``#3``.
    activation : str
        ``"relu"``, ``"gelu"``, ...; the class of a module that is none of the known ones.
    channels, axis : int or None
        Features of the input, and on which axis they are (-1: the last); None where that cannot be known.
    owner : str
        Path of the module whose forward makes the call; ``""`` for the model itself.
    module : nn.Module or None
        What is called; None for a function.
    function : callable or None
        What is called, as a function of the input alone; None for a module.
    index : int
        How many activation functions the owner's forward has called before.
    recomputed : bool
        Whether it is made again, in backward, for activation checkpointing.
    """

    name: str
    activation: str
    channels: int | None
    axis: int | None
    owner: str = field(repr=False)
    module: nn.Module | None = field(default=None, repr=False, compare=False)
    function: Callable[[Tensor], Any] | None = field(default=None, repr=False, compare=False)
    index: int = field(repr=False)
    recomputed: bool = field(repr=False)


End = Callable[[Any], None]
Begin = Callable[[Call, Tensor], "End | None"]


@dataclass(slots=True)
class _Running:
    module: nn.Module
    path: str
    end: End | None = None
    is_activation: bool = False
    functions: int = 0
    names: Counter[str] = field(default_factory=Counter)


class Interception(TorchFunctionMode):
    """Calls back at every activation of a model: module or function, in place or not, shared or not.

    Used as ``with Interception(model, begin).installed(): ...``, around a forward pass or a whole training
    loop. It works in the thread that runs the model, under autocast, activation checkpointing and
    `DistributedDataParallel`, and changes neither results nor random state. Scripted modules are closed to
    it; a compiled model has to run as it was written (``torch.compiler.set_stance("force_eager")``).

    Parameters
    ----------
    model : nn.Module
    begin : callable
        ``begin(call, input)`` is called before the activation, with its input not yet overwritten. What it
        returns, if not None, is called with the output.
    also : iterable of nn.Module
        Modules that count as an activation each, whatever they do.

    Attributes
    ----------
    enabled : bool
        False turns it off from the next forward pass on; what remains is one condition per module.
    """

    def __init__(self, model: nn.Module, begin: Begin, also: Iterable[nn.Module] = ()) -> None:
        super().__init__()
        self.enabled = True
        self._model, self._begin = model, begin
        self._paths = {module: path for path, module in model.named_modules()}
        names = {module: type(module).__name__ for module in also}
        self._activations = {
            m: name for m in self._paths if (name := names.get(m) or activation_of_module(m))
        }
        self._running: list[_Running] = []
        self._closed = False  # inside an activation, or a callback
        self._recomputing = False
        self._features = Features()

    def __deepcopy__(self, memo: Any) -> Self:
        return self  # a copy of the model that is made meanwhile is not followed

    @contextlib.contextmanager
    def installed(self) -> Iterator[Self]:
        """Call back while the block runs."""
        handles = []
        try:
            for module in self._paths:
                if not isinstance(module, torch.jit.ScriptModule):
                    handles += [
                        module.register_forward_pre_hook(self._enter, with_kwargs=True),
                        module.register_forward_hook(self._leave, with_kwargs=True, always_call=True),
                    ]
            yield self
        finally:
            for handle in handles:
                handle.remove()

    @property
    def running(self) -> bool:
        """Whether any module is running."""
        return bool(self._running)

    def _enter(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        path = self._paths.get(module)
        if path is None or not (self._running or self.enabled):
            return
        if not self._running:
            self._closed = False
            self._features = Features()
            self._recomputing = module is not self._model and below(_CHECKPOINT)
            self.__enter__()  # type: ignore[no-untyped-call]  # as a mode, which sees functions
        running = _Running(module, path)
        if not self._closed and (name := self._activations.get(module)) is not None:
            value = next((v for v in (*args, *kwargs.values()) if isinstance(v, Tensor)), None)
            if value is not None:
                running.is_activation = True
                running.end = self._call(self._name_of(module, path), name, value, module=module)
                self._closed = True
        self._running.append(running)

    def _leave(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        if not self._running or self._running[-1].module is not module:
            return
        running = self._running.pop()
        try:
            if running.end is not None and output is not None:
                self._call_back(running.end, output)
        finally:
            if running.is_activation:
                self._closed = False
                self._features.follow("", args, output)
            if not self._running:
                self.__exit__(None, None, None)  # type: ignore[no-untyped-call]

    def _name_of(self, module: nn.Module, path: str) -> str:
        """Return the name of a module that is called: by its place below the caller, if it has one there."""
        if self._running:
            owner = self._running[-1]
            for name, child in owner.module.named_children():
                if child is module:
                    return f"{owner.path}.{name}" if owner.path else name
        return path

    def _call(self, name: str, activation: str, x: Tensor, **what: Any) -> Any:
        owner = self._running[-1] if self._running else _Running(self._model, "")
        owner.names[name] += 1
        if (count := owner.names[name]) > 1:
            name = f"{name}#{count}"
        channels, axis = self._features.locate(x)
        call = Call(
            name=name, activation=activation, channels=channels, axis=axis, owner=owner.path,
            index=owner.functions, recomputed=self._recomputing, **what,
        )  # fmt: skip
        return self._call_back(self._begin, call, x)

    def _call_back(self, function: Callable[..., Any], *args: Any) -> Any:
        closed, self._closed = self._closed, True  # what it does is not the model's
        try:
            # in a hook this mode is on, and its operations are faster without
            return handle_torch_function(function, (), *args) if has_torch_function(_ANY) else function(*args)
        finally:
            self._closed = closed

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self._closed or not self._running:
            return func(*args, **kwargs)
        activation, end = activation_of_function(func, args, kwargs), None
        if activation is not None:
            owner = self._running[-1]
            x = args[0] if args else kwargs["input"]
            others = {key: value for key, value in kwargs.items() if key != "input"}

            def function(x: Tensor) -> Any:
                return func(x, *args[1:], **others)

            end = self._call(f"{owner.path}:{activation}", activation, x, function=function)
            owner.functions += 1
        output = func(*args, **kwargs)
        self._features.follow(getattr(func, "__name__", ""), args, output)
        if end is not None:
            self._call_back(end, output)
        return output


def _stack() -> Iterator[FrameType]:
    """Return what is running, the innermost first."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back


def caller() -> tuple[str, int]:
    """Return file and line of the model's code that is running; ``("", 0)`` where all of it is torch's."""
    for frame in _stack():
        file = frame.f_code.co_filename
        if not file.startswith(_PACKAGES):
            return file, frame.f_lineno
        if file == _RUN:  # what called the model is not part of it
            break
    return "", 0


def below(file: str, function: str = "") -> bool:
    """Return whether a file's functions, or one of them, are on the stack; `file` is the end of its path."""
    codes = (frame.f_code for frame in _stack())
    return any(c.co_filename.endswith(file) and function in ("", c.co_name) for c in codes)


def in_checkpointed_function(*, of_module: bool) -> bool:
    """Return whether a function that is checkpointed is between an activation and the forward that calls it.

    `of_module` says that the activation is a module, whose own call is on the stack, too.
    """
    left, inside = 0, False  # calls of modules that the walk has left, and whether it is within one
    for frame in _stack():
        file = frame.f_code.co_filename
        left += inside and not file.endswith(_MODULE)
        inside = file.endswith(_MODULE)
        if left == of_module and (inside or file.endswith((_CHECKPOINT, _FUNCTION))):
            return not inside
    return False
