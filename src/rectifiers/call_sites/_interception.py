"""Stand between a model and every activation that it calls, while it runs as always."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, handle_torch_function, has_torch_function

from rectifiers.call_sites._features import Features
from rectifiers.call_sites._known import activation_of_function, activation_of_module
from rectifiers.call_sites._stack import below

__all__ = ["Begin", "Call", "End", "Interception"]

_ANY = (torch.empty(0),)  # by which a mode that is on is told


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of an activation, at a place in the forward pass; `Site` says what its attributes are."""

    name: str
    activation: str
    channels: int | None
    axis: int | None
    owner: str = field(repr=False)
    module: nn.Module | None = field(default=None, repr=False, compare=False)
    # of the input alone; None for a module
    function: Callable[[Tensor], Any] | None = field(default=None, repr=False, compare=False)
    recomputed: bool = field(repr=False)  # whether it is made again, in backward, for checkpointing


End = Callable[[Any], None]
Begin = Callable[[Call, Tensor], "End | None"]


@dataclass(slots=True)
class _Running:
    module: nn.Module
    path: str
    end: End | None = None
    is_activation: bool = False
    names: Counter[str] = field(default_factory=Counter)


class Interception(TorchFunctionMode):
    """Calls back at every activation of a model: module or function, in place or not, shared or not.

    Used as ``with Interception(model, begin).installed(): ...``, around a forward pass or a whole training
    loop. It works in the thread that runs the model, under autocast, activation checkpointing and
    `DistributedDataParallel`, and changes neither results nor random state. Scripted modules are closed to
    it; a compiled model has to run as it was written (``torch.compiler.set_stance("force_eager")``).

    ``begin(call, input)`` is called before the activation, with its input not yet overwritten; what it
    returns, if not None, is called with the output. Modules in `also` count as an activation each. `enabled`
    turns it off from the next forward pass on; what remains is one condition per module.
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
            self._recomputing = module is not self._model and below()
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
        owner = self._owner()
        names = (name for name, child in owner.module.named_children() if child is module)
        return next((f"{owner.path}.{name}".lstrip(".") for name in names), path)

    def _owner(self) -> _Running:
        return self._running[-1] if self._running else _Running(self._model, "")

    def _call(self, name: str, activation: str, x: Tensor, **what: Any) -> Any:
        owner = self._owner()
        owner.names[name] += 1
        if (count := owner.names[name]) > 1:
            name = f"{name}#{count}"
        channels, axis = self._features.locate(x)
        call = Call(
            name=name, activation=activation, channels=channels, axis=axis, owner=owner.path,
            recomputed=self._recomputing, **what,
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
        if self._closed:
            return func(*args, **kwargs)
        activation, end = activation_of_function(func, args, kwargs), None
        if activation is not None:
            owner = self._owner()
            x = args[0] if args else kwargs["input"]
            others = {key: value for key, value in kwargs.items() if key != "input"}

            def function(x: Tensor) -> Any:
                return func(x, *args[1:], **others)

            end = self._call(f"{owner.path}:{activation}", activation, x, function=function)
        output = func(*args, **kwargs)
        self._features.follow(getattr(func, "__name__", ""), args, output)
        if end is not None:
            self._call_back(end, output)
        return output
