"""Where a model calls activations, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

from rectifiers.call_sites._features import share_memory
from rectifiers.call_sites._interception import Call, End, Interception
from rectifiers.call_sites._running import refuse_closed, run, unchanged
from rectifiers.call_sites._stack import Setting, below, caller, methods, setting, within
from rectifiers.errors import ArgumentError

__all__ = ["Site", "Sites", "Table", "aligned", "deviation", "observe", "sites"]

_COMPILED = str(Path("torch", "_dynamo", "eval_frame.py"))
Row = TypeVar("Row")


@dataclass(frozen=True, kw_only=True)
class Site(Call):
    """A place in a model's forward pass where an activation is called, as seen in one run.

    Attributes
    ----------
    name : str
        ``"layer1.0.relu"``: a module, by its path. ``"layer1.0:relu"``: a function, called in the forward of
        ``layer1.0``. The second and third call in one pass of the caller end in ``#2`` and ``#3``.
    activation : str
        ``"relu"``, ``"gelu"``, ...; the class of a module that is none of the known ones.
    channels, axis : int or None
        Features of the input, and on which axis they are (-1: the last); None where that cannot be known.
    in_place : bool
        Whether the input is overwritten.
    kind : {"module", "function"}
    file : str
        The source file of the call; ``""`` where a container of torch makes it.
    line : int
    shape : tuple of int
        Of the input, in the example.
    deviation : float
        Standard deviation of the input, in the example.
    calls : int
        In the example: more than 1 where the module that makes the call runs more than once.
    shared : tuple of str
        Other sites that call the same module.
    owner : str
        Path of the module whose forward makes the call.
    module : nn.Module or None
        What is called; None for a function.
    within : {"", "a checkpointed function", "hooks on saved tensors", "no_grad"}
        What the owner's forward has put around the call.
    methods : tuple
        Modules and names of their methods through which the owner's forward makes the call.
    """

    kind: str
    file: str
    line: int
    shape: tuple[int, ...]
    deviation: float
    in_place: bool = False
    calls: int = 0
    shared: tuple[str, ...] = ()
    within: str = field(repr=False)
    methods: tuple[tuple[nn.Module, str], ...] = field(repr=False, compare=False)

    @property
    def place(self) -> str:
        """File and line, as ``"resnet.py:97"``; ``"torch"`` where a container of torch makes the call."""
        return f"{Path(self.file).name}:{self.line}" if self.file else "torch"


class Table(tuple[Row, ...]):
    """Dataclasses that print as a table, one line each."""

    titles: ClassVar[tuple[str, ...]]

    def cells(self) -> list[list[str]]:
        """Return the text of every line."""
        raise NotImplementedError

    def __str__(self) -> str:
        return aligned(self.titles, self.cells()) if self else "no activation is called"

    __repr__ = __str__


class Sites(Table[Site]):
    """The sites of a model in the order of their first call: a tuple that prints as a table."""

    titles = ("site", "activation", "kind", "called at", "input", "channels", "axis", "calls", "shared with")

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each site."""
        return tuple(site.name for site in self)

    def cells(self) -> list[list[str]]:
        """Return the text of every line; a ``?`` is what cannot be known."""
        return [
            [s.name, s.activation + "_" * s.in_place, s.kind, s.place, "x".join(map(str, s.shape)),
             *("?" if number is None else str(number) for number in (s.channels, s.axis, s.calls)),
             ", ".join(s.shared)]
            for s in self
        ]  # fmt: skip


def deviation(x: Tensor) -> float:
    """Return the standard deviation of all numbers of a tensor."""
    return float(x.detach().float().std()) if x.numel() > 1 else 0.0


def aligned(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows as text in columns."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (titles, *rows)
    )


def sites(model: nn.Module, example: Any) -> Sites:
    """Find every place in a model's forward pass where an activation is called.

    The model runs once on the example, in the mode it is in, without gradients; its buffers and all random
    states are put back.

    Parameters
    ----------
    model : nn.Module
        Any; neither scripted nor compiled.
    example : Tensor, tuple or dict
        What the model is called with: a tensor, a tuple of positional arguments, or a dict of keyword
        arguments.

    Returns
    -------
    Sites
        Modules of torch, of this library and of any other class that acts element by element and is not
        linear; functions of torch and of this library, methods of tensors and ``clamp(min=0)`` among them.
        Softmax, and what runs inside one operation of torch (the gates of `torch.nn.LSTM`), are not among
        them.

    Raises
    ------
    ArgumentError
        The model is scripted or compiled, or has lazy layers.
    UserCodeError
        The example does not run through it.

    Examples
    --------
    >>> print(rectifiers.sites(torchvision.models.resnet18(), torch.zeros(2, 3, 64, 64)))  # doctest: +SKIP
    """
    refuse_closed(model)
    with unchanged(model), torch.no_grad():
        found, _ = observe(model, example)
    return found


def observe(model: nn.Module, example: Any, also: Iterable[nn.Module] = ()) -> tuple[Sites, Any]:
    """Return the sites that one run calls, as the model's mode and the gradients are set, and its output.

    `also` are modules that count as one activation each, whatever they do.
    """
    found: dict[str, Site] = {}
    begun: dict[nn.Module, Setting] = {}

    def begin(call: Call, x: Tensor) -> End:
        if (known := found.get(call.name)) is None:
            file, line = caller()
            if below(_COMPILED, "compile_wrapper"):
                raise ArgumentError(
                    f"{call.activation} called at {Path(file).name}:{line} is in a compiled function, which "
                    "hides what it calls: hand over the model without torch.compile"
                )
            is_module, owner = call.module is not None, model.get_submodule(call.owner)
            around = within(begun.get(owner, setting()), of_module=is_module)
            known = Site(
                **vars(call), kind="module" if is_module else "function", file=file, line=line,
                shape=tuple(x.shape), deviation=deviation(x), within=around, methods=methods(owner),
            )  # fmt: skip
        found[call.name] = replace(known, calls=known.calls + 1)

        def end(output: Any) -> None:
            in_place = output is x or (isinstance(output, Tensor) and share_memory(x, output))
            found[call.name] = replace(found[call.name], in_place=in_place)

        return end

    hook = register_module_forward_pre_hook(lambda module, _: begun.update({module: setting()}))
    with hook, Interception(model, begin, also).installed():
        output = run(model, example)

    def others(site: Site) -> tuple[str, ...]:
        return tuple(s.name for s in found.values() if s.module is site.module and s is not site)

    return Sites(replace(s, shared=others(s) if s.module else ()) for s in found.values()), output
