"""One forward pass, watched: which activations are the arm's, which are others, and where each ran."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name

from rectifiers.arms import Arm
from rectifiers.call_sites import activation_of_function, activation_of_module, caller

__all__ = ["Marking", "Watch"]

_MARK = "_rectifiers_arm"
# After these the features are on the last axis; after those on axis 1, or where a transposition has put them.
_FEATURES_LAST = frozenset(
    ("linear", "matmul", "bmm", "baddbmm", "addmm", "einsum", "layer_norm", "rms_norm", "embedding")
)
_FEATURES_ELSEWHERE = frozenset(
    (
        *(f"conv{'_transpose' if up else ''}{axes}d" for axes in (1, 2, 3) for up in (False, True)),
        *("batch_norm", "instance_norm", "group_norm"),
        *("transpose", "permute", "movedim", "moveaxis", "swapaxes", "swapdims"),
    )
)


class Marking:
    """An arm whose modules can be told from others: they carry a mark, which copies of them carry as well.

    Attributes
    ----------
    arm : Arm
        To be given to `build`.
    made : list of nn.Module
    """

    def __init__(self, arm: Arm) -> None:
        self.made: list[nn.Module] = []
        self.added: Callable[[nn.Module], None] = lambda module: None

        def make(channels: int) -> nn.Module:
            module = arm(channels)
            vars(module)[_MARK] = True
            self.made.append(module)
            self.added(module)
            return module

        self.arm = dataclasses.replace(arm, _make=make)

    def find_copies(self) -> None:
        """Find copies of the modules that no model has registered, in lists and the like."""
        known = set(map(id, self.made))
        found = [m for m in gc.get_objects() if issubclass(type(m), nn.Module) and _MARK in vars(m)]
        self.made += [module for module in found if id(module) not in known]

    def end(self) -> None:
        """Take the marks away: a module may be one of the user's own, made at import."""
        for module in self.made:
            vars(module).pop(_MARK, None)


class Watch(TorchFunctionMode):
    """Sees which activations run while a model does, and where.

    Parameters
    ----------
    model : nn.Module
    marking : Marking
        The arm it was built with.
    noise : numpy.random.Generator, optional
        Disturbs what the arm's modules put out.

    Attributes
    ----------
    ran : set of int
        The arm's modules that ran, by identity.
    varied, fixed, per_position : list of str
        As in `rectifiers.validity.Seen`.
    """

    def __init__(self, model: nn.Module, marking: Marking, noise: np.random.Generator | None = None) -> None:
        super().__init__()
        self.ran: set[int] = set()
        self.varied: list[str] = []
        self.fixed: list[str] = []
        self.per_position: list[str] = []
        self._digest = hashlib.sha256()
        self._names = {id(module): name for name, module in model.named_modules()}
        self._model, self._marking, self._noise = model, marking, noise
        self._inside: list[str] = []  # places of activations that are running
        self._features_last = False
        self._replaced: list[tuple[nn.Module, Any]] = []

    @property
    def outputs(self) -> str:
        """SHA-256 of what the arm's modules have put out."""
        return self._digest.hexdigest()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Watch while the block runs."""
        own = {id(m): m for m in (*self._marking.made, *self._model.modules()) if _MARK in vars(m)}
        parts = {id(part) for module in own.values() for part in module.modules()}
        self._marking.added = lambda module: self._watch(module, own=True)
        try:
            for module in own.values():
                self._watch(module, own=True)
            for module in self._model.modules():
                if id(module) not in parts and activation_of_module(module) is not None:
                    self._watch(module, own=False)
            with self:
                yield
        finally:
            self._marking.added = lambda module: None
            for module, forward in reversed(self._replaced):
                vars(module).pop("forward")
                if forward is not None:
                    vars(module)["forward"] = forward

    def _watch(self, module: nn.Module, *, own: bool) -> None:
        """Stand between a module and its caller; a hook would not see `module.forward(x)`."""
        forward = module.forward
        name = self._names.get(id(module), "")
        place = name if own and name else f"{type(module).__name__} at {name or 'a module of no name'}"

        def watched(*args: Any, **kwargs: Any) -> Any:
            self._inside.append(place)
            try:
                output = forward(*args, **kwargs)
            finally:
                self._inside.pop()
            if not own:
                self.fixed.append(place)
                return output
            self.ran.add(id(module))
            self.varied.append(place)
            return self._put_out(output)

        self._replaced.append((module, vars(module).get("forward")))
        vars(module)["forward"] = watched

    def _put_out(self, output: Any) -> Any:
        if not isinstance(output, Tensor) or not output.is_floating_point():
            return output
        if self._noise is not None:
            return _disturbed(output, self._noise)
        _Digest.apply(output.detach(), self._digest.update)  # type: ignore[no-untyped-call]
        return output

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name, kwargs = getattr(func, "__name__", ""), kwargs or {}
        if name == "prelu" and self._features_last and _one_slope_per_position(*args, **kwargs):
            self.per_position.append(self._inside[-1] if self._inside else _where())
        if name in _FEATURES_LAST or name in _FEATURES_ELSEWHERE:
            self._features_last = name in _FEATURES_LAST
        if self._inside or activation_of_function(func, args, kwargs) is None:
            return func(*args, **kwargs)
        place = f"{(resolve_name(func) or name).rpartition('.')[2]} at {_where()}"
        self.fixed.append(place)
        self._inside.append(place)
        try:
            return func(*args, **kwargs)
        finally:
            self._inside.pop()


class _Digest(torch.autograd.Function):
    """Hands the values of a tensor to a digest; in a transform of `torch.func`, those of all samples."""

    @staticmethod
    def forward(values: Tensor, update: Callable[[bytes], None]) -> Tensor:
        """Hand over what is in memory."""
        values = values + 0.0  # leaky_relu(0) puts out -0.0 for relu's 0.0
        update(f"{values.dtype} {tuple(values.shape)}\n".encode())
        update(values.flatten().cpu().view(torch.uint8).numpy().tobytes())
        return values.new_empty(0)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Save nothing: nothing is differentiated."""
        ctx.mark_non_differentiable(output)

    @staticmethod
    def jvp(ctx: Any, *_: Any) -> None:
        """Return no tangent."""

    @staticmethod
    def vmap(info: Any, in_dims: Any, values: Tensor, update: Callable[[bytes], None]) -> Any:
        """Hand over all samples at once."""
        return _Digest.apply(values, update), None  # type: ignore[no-untyped-call]


def _disturbed(output: Tensor, generator: np.random.Generator) -> Tensor:
    """Return an output with a random factor and summand for each sample."""
    drawn = generator.standard_normal([*output.shape[:1], *(1 for _ in output.shape[1:])])
    noise = torch.as_tensor(drawn).to(output)
    return output * noise + noise


def _one_slope_per_position(x: Any, weight: Any, dim: int = 1, *_: Any, **__: Any) -> bool:
    """Whether slopes belong to axis 1 of (batch, positions, ..., features), which is as long as the last."""
    if not (isinstance(x, Tensor) and isinstance(weight, Tensor)) or x.ndim < 3 or weight.numel() == 1:
        return False
    return dim % x.ndim == 1 and x.shape[1] == x.shape[-1] == weight.numel()


def _where() -> str:
    """Return file and line of the user's code that is running."""
    file, line = caller()
    return f"{Path(file).name}:{line}" if file else "unknown"
