"""Maxout, CReLU, Softmax and gated units as modules: those that work along an axis."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from rectifiers import functional
from rectifiers.activations import Activation, Gated, Integer
from rectifiers.activations import crelu as _crelu
from rectifiers.activations import maxout as _maxout
from rectifiers.activations import softmax as _softmax
from rectifiers.errors import ArgumentError
from rectifiers.functional._docstrings import docstring
from rectifiers.functional._signature import own_code
from rectifiers.nn._derived import derive
from rectifiers.nn._scriptable import ScriptableCReLU, ScriptableGated, ScriptableMaxout, scriptable
from rectifiers.nn._stand_in import StandIn

__all__ = ["CReLU", "Maxout", "MaxoutLinear", "Softmax", "derive_gated"]


class Maxout(torch.nn.Module):
    """The largest of each group of `pieces` features: (N, M * pieces, ...) to (N, M, ...).

    Parameters
    ----------
    pieces : int, default 2
        Features per group, at least 1.
    dim : int, default 1
        Axis of the features; its length must be a multiple of `pieces`.
    grouping : {"consecutive", "strided"}, default "consecutive"
        Which features form a group; see Notes.

    Raises
    ------
    ArgumentError
        ``pieces < 1`` or an unknown grouping.
    ShapeError
        In the forward pass, when the features do not divide into groups.

    Notes
    -----
    Group i holds the *consecutive* features i * pieces ... (i + 1) * pieces - 1, as in the paper, Chainer and
    Paddle. ``grouping="strided"`` takes i, i + M, i + 2 M, ... as TensorFlow Addons does. The first of equal
    pieces takes the gradient. NaN wins.

    References
    ----------
    Goodfellow, Warde-Farley, Mirza, Courville & Bengio 2013, Maxout networks.
    """

    record: ClassVar[Activation] = _maxout

    def __init__(self, pieces: int = 2, dim: int = 1, grouping: str = "consecutive") -> None:
        super().__init__()
        for name, value in {"pieces": pieces, "dim": dim, "grouping": grouping}.items():
            _maxout.parameters[name].check(value, name)
        self.pieces = pieces
        self.dim = dim
        self.grouping = grouping

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation; axis `dim` becomes `pieces` times shorter."""
        return functional.maxout(input, self.pieces, self.dim, self.grouping)

    def __prepare_scriptable__(self) -> torch.nn.Module:
        """Return what `torch.jit.script` compiles instead."""
        return ScriptableMaxout(self.pieces, self.dim, self.grouping == "strided")

    def extra_repr(self) -> str:
        """Return the arguments that are not the default."""
        shown = f"pieces={self.pieces}"
        shown += f", dim={self.dim}" if self.dim != 1 else ""
        return shown + (f", grouping={self.grouping!r}" if self.grouping != "consecutive" else "")


class MaxoutLinear(torch.nn.Module):
    """The layer of the Maxout paper: the largest of `pieces` affine maps, (..., D) to (..., M).

    Parameters
    ----------
    in_features : int
        D.
    out_features : int
        M.
    pieces : int, default 2
        Affine maps per output, at least 1.
    bias : bool, default True
        Whether the maps have offsets.
    device : torch.device, optional
    dtype : torch.dtype, optional

    Attributes
    ----------
    weight : Tensor of shape (M * pieces, D)
        Rows i * pieces ... (i + 1) * pieces - 1 are the maps of output i; drawn as `torch.nn.Linear` draws.
    bias : Tensor of shape (M * pieces,), or None

    Notes
    -----
    ``max_j (x . weight[i * pieces + j] + bias[i * pieces + j])``. With enough pieces it approximates any
    convex function; the difference of two such outputs any continuous one.

    References
    ----------
    Goodfellow, Warde-Farley, Mirza, Courville & Bengio 2013, Maxout networks, section 2.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        pieces: int = 2,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, value in {"in_features": in_features, "out_features": out_features}.items():
            Integer(1, minimum=0).check(value, name)
        _maxout.parameters["pieces"].check(pieces, "pieces")
        self.in_features = in_features
        self.out_features = out_features
        self.pieces = pieces
        rows = out_features * pieces
        self.weight = torch.nn.Parameter(torch.empty(rows, in_features, device=device, dtype=dtype))
        offsets = torch.nn.Parameter(torch.empty(rows, device=device, dtype=dtype)) if bias else None
        self.bias: torch.nn.Parameter | None
        self.register_parameter("bias", offsets)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and offsets from U(-b, b), b = 1 / sqrt(in_features), as `torch.nn.Linear` does."""
        bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0.0
        for parameter in self.parameters():
            torch.nn.init.uniform_(parameter, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer to the last axis."""
        return functional.maxout(
            torch.nn.functional.linear(input, self.weight, self.bias), self.pieces, dim=-1
        )

    def extra_repr(self) -> str:
        """Return the arguments."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, pieces={self.pieces}, "
            f"bias={self.bias is not None}"
        )


class CReLU(torch.nn.Module):
    """The positive and the negative part of its input, concatenated: (N, C, ...) to (N, 2 C, ...).

    Parameters
    ----------
    dim : int, default 1
        Axis of the features, which becomes twice as long: all positive parts, then all negative parts.

    Notes
    -----
    ``(max(0, x), max(0, -x))``. Nothing is lost: the output has the norm of the input. The derivative at 0
    is 0 in both halves.

    References
    ----------
    Shang, Sohn, Almeida & Lee 2016, Understanding and improving convolutional neural networks via
    concatenated rectified linear units.
    """

    record: ClassVar[Activation] = _crelu

    def __init__(self, dim: int = 1) -> None:
        super().__init__()
        _crelu.parameters["dim"].check(dim, "dim")
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation; axis `dim` becomes twice as long."""
        return functional.crelu(input, self.dim)

    def __prepare_scriptable__(self) -> torch.nn.Module:
        """Return what `torch.jit.script` compiles instead."""
        return ScriptableCReLU(self.dim)

    def extra_repr(self) -> str:
        """Return the arguments that are not the default."""
        return f"dim={self.dim}" if self.dim != 1 else ""


class Softmax(torch.nn.Softmax, metaclass=StandIn):
    """Positive numbers that sum to one along an axis.

    Parameters
    ----------
    dim : int
        The axis that sums to one. It must be given: torch guesses it, with a warning, when it is not.

    Raises
    ------
    ArgumentError
        `dim` is not given.
    """

    record: ClassVar[Activation] = _softmax
    _stands_for = torch.nn.Softmax

    def __init__(self, dim: int | None = None) -> None:
        if dim is None:
            raise ArgumentError("Softmax needs the axis that sums to one: give `dim`, e.g. Softmax(dim=-1)")
        _softmax.parameters["dim"].check(dim, "dim")
        super().__init__(dim)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation; the output has the shape of the input."""
        return functional.softmax(input, self.dim)

    def __prepare_scriptable__(self) -> torch.nn.Module:
        """Return what `torch.jit.script` compiles instead."""
        return torch.nn.Softmax(self.dim)


class _GatedUnit(torch.nn.Module):
    """What the class of every gated unit does; the record says the rest."""

    record: ClassVar[Gated]
    _function: ClassVar[Callable[..., Tensor]]

    def __init__(self, dim: int = -1) -> None:
        self.record.parameters["dim"].check(dim, "dim")
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation; axis `dim` becomes half as long."""
        return self._function(input, self.dim)

    def __prepare_scriptable__(self) -> torch.nn.Module:
        """Return what `torch.jit.script` compiles instead."""
        return ScriptableGated(scriptable(derive(self.record.gate)()), self.dim)

    def extra_repr(self) -> str:
        """Return the argument, as torch shows it."""
        return f"dim={self.dim}"


@functools.cache
def derive_gated(record: Gated) -> type[torch.nn.Module]:
    """Return the module class of a gated unit; a subclass of torch's class of that name, if there is one."""
    theirs = getattr(torch.nn, record.title, None)
    members: dict[str, Any] = {
        "__module__": "rectifiers.nn",
        "forward": own_code(_GatedUnit.forward, f"forward_of_{record.name}"),
        "record": record,
        "_function": staticmethod(functional.of(record)),
    }
    if theirs is None:
        cls = type(record.title, (_GatedUnit,), members)
    else:
        cls = StandIn(record.title, (_GatedUnit, theirs), members | {"_stands_for": theirs})
    cls.__doc__ = docstring(record, inspect.signature(cls), module=True)
    return cls
