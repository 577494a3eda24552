"""Where a model calls activations, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from rectifiers.call_sites._interception import Call, End, Interception, below, caller
from rectifiers.call_sites._running import refuse_closed, run, unchanged
from rectifiers.errors import ArgumentError, UnknownNameError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Site", "Sites", "sites"]

_COMPILED = str(Path("torch", "_dynamo", "eval_frame.py"))


@dataclass(frozen=True)
class Site:
    """A place in a model's forward pass where an activation is called.

    Attributes
    ----------
    name : str
        ``"layer1.0.relu"``: a module, by its path. ``"layer1.0:relu"``: a function, called in the forward of
        ``layer1.0``. The second and third call in one pass of the caller end in ``#2`` and ``#3``.
    activation : str
        ``"relu"``, ``"gelu"``, ...; the class of a module that is none of the known ones.
    kind : {"module", "function"}
    file : str
        The source file of the call; ``""`` where a container of torch makes it.
    line : int
    shape : tuple of int
        Of the input, in the example.
    channels, axis : int or None
        Features of the input, and on which axis they are (-1: the last); None where that cannot be known.
    in_place : bool
        Whether the input is overwritten.
    calls : int
        In the example: more than 1 where the module that makes the call runs more than once.
    shared : tuple of str
        Other sites that call the same module.
    owner : str
        Path of the module whose forward makes the call.
    module : nn.Module or None
        What is called; None for a function.
    index : int
        How many activation functions the owner's forward has called before.
    """

    name: str
    activation: str
    kind: str
    file: str
    line: int
    shape: tuple[int, ...]
    channels: int | None
    axis: int | None
    in_place: bool
    calls: int = 1
    shared: tuple[str, ...] = ()
    owner: str = field(default="", repr=False)
    module: nn.Module | None = field(default=None, repr=False, compare=False)
    index: int = field(default=0, repr=False)

    @property
    def place(self) -> str:
        """File and line, as ``"resnet.py:97"``; ``"torch"`` where a container of torch makes the call."""
        return f"{Path(self.file).name}:{self.line}" if self.file else "torch"


class Sites(Sequence[Site]):
    """The sites of a model in the order of their first call: a sequence that prints as a table.

    Indexed by a number or by a name.
    """

    def __init__(self, found: Sequence[Site]) -> None:
        self._found = tuple(found)

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Site]:
        return iter(self._found)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            found = {site.name: site for site in self._found}
            if key not in found:
                raise UnknownNameError.of("site", key, found)
            return found[key]
        return Sites(self._found[key]) if isinstance(key, slice) else self._found[key]

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each site."""
        return tuple(site.name for site in self._found)

    def frame(self) -> pd.DataFrame:
        """Return one row per site."""
        import pandas as pd

        columns = (
            "name",
            "activation",
            "kind",
            "file",
            "line",
            "shape",
            "channels",
            "axis",
            "in_place",
            "calls",
        )
        rows = [{c: getattr(s, c) for c in columns} | {"shared": ", ".join(s.shared)} for s in self._found]
        return pd.DataFrame(rows, columns=[*columns, "shared"])

    def _rows(self) -> list[list[str]]:
        def text(value: int | None) -> str:
            return "?" if value is None else str(value)

        return [
            [s.name, s.activation + ("_" if s.in_place else ""), s.kind, s.place, "x".join(map(str, s.shape)),
             text(s.channels), text(s.axis), str(s.calls), ", ".join(s.shared)]
            for s in self._found
        ]  # fmt: skip

    def __str__(self) -> str:
        return aligned(_TITLES, self._rows()) if self._found else "no activation is called"

    __repr__ = __str__

    def __rich__(self) -> Any:
        from rich.table import Table

        table = Table(*_TITLES, box=None)
        for row in self._rows():
            table.add_row(*row)
        return table

    def _repr_html_(self) -> str:
        return self.frame().to_html(index=False)


_TITLES = ("site", "activation", "kind", "called at", "input", "channels", "axis", "calls", "shared with")


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


def observe(model: nn.Module, example: Any) -> tuple[Sites, Any]:
    """Return the sites that one run calls, as the model's mode and the gradients are set, and its output."""
    found: dict[str, Site] = {}

    def begin(call: Call, x: Tensor) -> End:
        known = found.get(call.name)
        if known is not None:
            if known.activation != call.activation or known.module is not call.module:
                raise ArgumentError(
                    f"a place calls the same activation in every pass, but {call.name!r} called "
                    f"{known.activation} and {call.activation}"
                )
            found[call.name] = replace(known, calls=known.calls + 1)
        else:
            file, line = caller()
            if below(_COMPILED, "compile_wrapper"):
                raise ArgumentError(
                    f"{call.activation} called at {Path(file).name}:{line} is in a compiled function, which "
                    "hides "
                    "what it calls: hand over the model without torch.compile"
                )
            found[call.name] = Site(
                call.name, call.activation, "function" if call.module is None else "module", file, line,
                tuple(x.shape), call.channels, call.axis, call.in_place,
                owner=call.owner, module=call.module, index=call.index,
            )  # fmt: skip
        address = x.data_ptr() if type(x) is Tensor else None

        def end(output: Any) -> None:
            if isinstance(output, Tensor) and type(output) is Tensor and output.numel():
                same = output.data_ptr() == address
                found[call.name] = replace(found[call.name], in_place=same)

        return end

    with Interception(model, begin).installed():
        output = run(model, example)
    names: dict[nn.Module | None, list[str]] = {None: []}
    for site in found.values():
        if site.module is not None:
            names.setdefault(site.module, []).append(site.name)

    def shared(site: Site) -> Site:
        return replace(site, shared=tuple(name for name in names[site.module] if name != site.name))

    return Sites([shared(site) for site in found.values()]), output
