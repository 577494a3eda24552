"""What every arm is seen to do before training, for the checks of validity: built, run once, and watched."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import activation as torch_activations
from torch.overrides import TorchFunctionMode, resolve_name

from rectifiers.arms import Arm, user_code
from rectifiers.errors import ArgumentError
from rectifiers.study.isolation import Isolation
from rectifiers.study.prepared import Prepared
from rectifiers.study.seeds import derive
from rectifiers.validity import Probe, Seen

__all__ = ["probe"]

_BATCH = 64
_PACKAGES = tuple(str(Path(module.__file__ or "").parent) for module in (torch, sys.modules["rectifiers"]))
# Activations among torch's modules: not attention, and not softmax, which is part of it.
_MODULES = tuple(
    value
    for name in torch_activations.__all__
    if isinstance(value := getattr(torch_activations, name), type)
    and not name.startswith(("Softmax", "LogSoftmax", "Softmin", "Multihead"))
)
_FUNCTIONS = frozenset(
    f"{name}{ending}"
    for name in (
        *("relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu", "mish"),
        *("hardswish", "hardtanh", "hardsigmoid", "softplus", "softsign", "tanh", "sigmoid", "logsigmoid"),
    )
    for ending in ("", "_")
)


def probe(prepared: Prepared) -> Probe:
    """Build every arm's model three times and run one of them on a batch.

    Raises
    ------
    ArgumentError, UserCodeError
        If a model cannot be built again or does not run.
    """
    plan = prepared.plan
    with Isolation(derive("tune", "probe", 0), prepared.device, prepared.threads):
        cells = {(arm, norm): _seen(prepared, arm, norm) for norm in plan.norms for arm in prepared.arms}
    return Probe(plan, prepared.data, prepared.arms, cells)


def _seen(prepared: Prepared, arm: str, norm: str) -> Seen:
    built = [prepared.model(arm, norm, "test", seed) for seed in (0, 1)]
    recording = _Recording(prepared.arms[arm])
    as_drawn = dataclasses.replace(
        prepared,
        plan=dataclasses.replace(prepared.plan, initialization="own"),
        arms={**prepared.arms, arm: recording},  # type: ignore[dict-item]
    )
    model, _ = as_drawn.model(arm, norm, "test", 0)
    made = tuple(recording.made)
    with torch.no_grad(), user_code(f"{prepared.plan.model} with arm {arm!r}", ArgumentError):
        calls = _Calls(model, made)
        with calls.watched():
            output = model(prepared.x[: min(_BATCH, len(prepared.data.train_y))].clone())
    return Seen(
        (built[0][0], built[1][0]),
        (built[0][1], built[1][1]),
        made,
        len(calls.ran),
        output,
        tuple(dict.fromkeys(calls.fixed)),
        tuple(dict.fromkeys(calls.varied)),
        tuple(calls.inputs),
    )


class _Recording:
    """An arm that remembers the modules it made."""

    def __init__(self, arm: Arm) -> None:
        self._arm = arm
        self.made: list[nn.Module] = []

    def __call__(self, channels: int) -> nn.Module:
        module = self._arm(channels)
        self.made.append(module)
        return module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._arm, name)


class _Calls(TorchFunctionMode):
    """Which activations run in a forward pass: the arm's own, and others, each with its place."""

    def __init__(self, model: nn.Module, made: tuple[nn.Module, ...]) -> None:
        super().__init__()
        self.ran: set[int] = set()
        self.varied: list[str] = []
        self.fixed: list[str] = []
        self.inputs: list[tuple[nn.Module, tuple[int, ...]]] = []
        self._names = {id(module): name for name, module in model.named_modules()}
        self._made, self._model = made, model
        self._inside = 0

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Watch while the block runs."""
        own = {id(module) for module in self._made}
        parts = {id(part) for module in self._made for part in module.modules()}
        others = [m for m in self._model.modules() if isinstance(m, _MODULES) and id(m) not in parts]
        handles = [
            hook for module in (*self._made, *others) for hook in self._hooked(module, id(module) in own)
        ]
        try:
            with self:
                yield
        finally:
            for handle in handles:
                handle.remove()

    def _hooked(self, module: nn.Module, own: bool) -> list[Any]:
        def enter(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            self._inside += 1
            name = self._names.get(id(module), "")
            if own:
                self.ran.add(id(module))
                self.varied.append(name or type(module).__name__)
                self.inputs += [(module, tuple(x.shape)) for x in inputs[:1] if isinstance(x, Tensor)]
            else:
                self.fixed.append(f"{type(module).__name__} at {name or 'a module of no name'}")

        def leave(module: nn.Module, inputs: Any, output: Any) -> None:
            self._inside -= 1

        return [
            module.register_forward_pre_hook(enter),
            module.register_forward_hook(leave, always_call=True),
        ]

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if not self._inside and (name in _FUNCTIONS or self._is_a_clamp_at_zero(name, args, kwargs or {})):
            self.fixed.append(f"{(resolve_name(func) or name).rpartition('.')[2]} at {_place()}")
            self._inside += 1
            try:
                return func(*args, **(kwargs or {}))
            finally:
                self._inside -= 1
        return func(*args, **(kwargs or {}))

    @staticmethod
    def _is_a_clamp_at_zero(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        low = kwargs.get("min", args[1] if len(args) > 1 else None)
        return name in ("clamp", "clamp_", "clamp_min", "clip") and isinstance(low, int | float) and low == 0


def _place() -> str:
    """Return file and line of the user's code that is running."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGES):
        frame = frame.f_back
    return "unknown" if frame is None else f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
