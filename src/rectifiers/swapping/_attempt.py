"""One attempt to put an arm in the place of the chosen sites."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from torch import nn

from rectifiers.arms import Arm
from rectifiers.call_sites import Site
from rectifiers.errors import ArgumentError, ShapeError
from rectifiers.swapping import _width
from rectifiers.swapping._changes import Changes
from rectifiers.swapping._make import make
from rectifiers.swapping._proof import Found, every
from rectifiers.swapping._scope import PLAN, REPLACED, Plan, Split, numbered, original_class

__all__ = ["Attempt"]


class Attempt:
    """One attempt to swap; what cannot be swapped goes into `left`, with the reason, if `partial`."""

    def __init__(
        self,
        model: nn.Module,
        arm: Arm,
        example: Any,
        found: Found,
        partial: bool,
        width: bool,
        changes: Changes,
        left: dict[str, str],
    ) -> None:
        self._model, self._arm, self._example, self._found = model, arm, example, found
        self._partial, self._width, self._changes, self._left = partial, width, changes, left
        self._made: dict[str, nn.Module] = {}

    def apply(self, chosen: list[Site]) -> dict[str, nn.Module]:
        """Swap, and return the new modules by the names of their sites."""
        around = {}
        if not self._arm.keeps_width:
            around = {s.name: _width.around_of(self._model, self._example, s) for s in chosen}
            if not self._width:
                raise ArgumentError(
                    f"{self._arm.label} changes the number of features, so that other layers would have to "
                    "change "
                    f"({_width.layers(self._model, self._arm, around)}): pass width=True"
                )
        for site in chosen:
            if site.name not in self._left:
                with self._reasons([site]):
                    if self._arm.keeps_width:
                        self._made[site.name] = make(self._arm, site, self._model)
                    else:
                        new = _width.widen(self._model, self._arm, site, around[site.name], self._changes)
                        self._made[site.name] = new
        functions: dict[str, list[Site]] = {}
        modules: dict[nn.Module, list[Site]] = {}
        for site in every(self._found):
            if site.module is None:
                functions.setdefault(site.owner, []).append(site)
            else:
                modules.setdefault(site.module, []).append(site)
        for module, shared in modules.items():
            if any(site.name in self._made for site in shared):
                with self._reasons(shared):
                    self._place(module, shared)
        for owner, own in functions.items():
            if any(site.name in self._made for site in own):
                with self._reasons(own):
                    self._replace(owner, own)
                    self._fence(owner)
        _close_fast_paths(self._model, [site for site in chosen if site.name in self._made], self._changes)
        return self._made

    @contextlib.contextmanager
    def _reasons(self, sites: list[Site]) -> Iterator[None]:
        try:
            yield
        except (ArgumentError, ShapeError) as error:
            if not self._partial:
                raise
            for site in sites:
                if self._made.pop(site.name, None) is not None or len(sites) == 1:
                    self._left[site.name] = str(error)

    def _plan(self, path: str) -> Plan:
        """Return a new plan of an owner, whose forward numbers its calls from now on."""
        owner = self._model.get_submodule(path)
        if "forward" in vars(owner):
            raise ArgumentError(
                f"an owner's forward must be its class's, but that of {path or 'the model'!r} has been "
                "replaced"
            )
        plan = Plan(path)
        if (before := getattr(owner, PLAN, None)) is not None:
            plan.functions, plan.splits = set(before.functions), dict(before.splits)
            plan.sequences = list(before.sequences)
        if original_class(owner) is type(owner):
            self._changes.cls(owner, numbered(type(owner)))
        self._changes.attribute(owner, PLAN, plan)
        return plan

    def _place(self, module: nn.Module, shared: list[Site]) -> None:
        """Put modules in the place of one module, wherever it is called."""
        by_owner: dict[str, list[Site]] = {}
        for site in shared:
            by_owner.setdefault(site.owner, []).append(site)
        places = {owner: _registered(self._model, owner, module) for owner in by_owner}
        for owner, own in by_owner.items():
            if not any(site.name in self._made for site in own):
                continue
            others = {place: other for other in places if other != owner for place in places[other]}
            if not places[owner]:
                raise ArgumentError(
                    f"{own[0].name!r} must be registered as a module to be replaced, but "
                    f"{owner or 'the model'!r} "
                    "holds it elsewhere"
                )
            for place in places[owner]:
                if place in others:
                    raise ArgumentError(
                        f"{'.'.join(place).strip('.')!r} is called by the forward of "
                        f"{owner or 'the model'!r} and of "
                        f"{others[place] or 'the model'!r}, which cannot be told apart: give each a module "
                        "of its own"
                    )
            new = self._made.get(own[0].name, module)
            if len(own) > 1:
                parent, name = places[owner][0]
                key = f"{parent}.{name}".strip(".")
                new = Split(key, [self._made.get(site.name, module) for site in own])
                self._plan(owner).splits[key] = len(own)
            for parent, name in places[owner]:
                self._changes.child(self._model.get_submodule(parent), name, new)

    def _replace(self, path: str, own: list[Site]) -> None:
        """Have an owner's forward call modules in the place of its functions."""
        owner = self._model.get_submodule(path)
        if isinstance(owner, nn.Sequential | nn.ModuleList | nn.ModuleDict):
            raise ArgumentError(
                f"{own[0].name!r} must be a module to be replaced: {type(owner).__name__} is a container and "
                "cannot hold another module"
            )
        held = dict(getattr(owner, REPLACED).items()) if hasattr(owner, REPLACED) else {}
        plan = self._plan(path)
        plan.sequences = plan.sequences or [
            tuple(s.activation for s in sorted(of_owner, key=lambda s: s.index))
            for sites in self._found.values()
            if (of_owner := [s for s in sites if s.kind == "function" and s.owner == path])
        ]
        longest = max(map(len, plan.sequences))
        numbers = [number for number in range(longest) if number not in plan.functions]  # not swapped before
        for site in own:
            if site.name in self._made:
                number = numbers[site.index]
                held[str(number)] = self._made[site.name]
                plan.functions = {*plan.functions, number}
        self._changes.child(owner, REPLACED, nn.ModuleDict(held))

    def _fence(self, path: str) -> None:
        """Keep what an owner's children call apart from what it calls itself."""
        sites = every(self._found)
        callers = {site.owner for site in sites}
        called = {site.module for site in sites} | {*self._made.values()}
        for name, module in self._model.get_submodule(path).named_modules():
            full = f"{path}.{name}".strip(".")
            fenced = full in callers or module in called
            if name and fenced and original_class(module) is type(module) and not isinstance(module, Split):
                if "forward" in vars(module):
                    raise ArgumentError(
                        f"a forward must be its class's, but that of {full!r} has been replaced"
                    )
                self._changes.cls(module, numbered(type(module)))


def _registered(model: nn.Module, owner: str, module: nn.Module) -> list[tuple[str, str]]:
    """Return (path of the parent, name) of where an owner finds a module: its children, or further below."""

    def names(path: str) -> list[str]:
        inside = model.get_submodule(path).named_modules(remove_duplicate=False)
        return [name for name, found in inside if found is module and name]

    below = names(owner)
    if children := [(owner, name) for name in below if "." not in name]:
        return children
    paths = [f"{owner}.{name}".strip(".") for name in below] or names("")
    return [(path.rpartition(".")[0], path.rpartition(".")[2]) for path in paths]


def _close_fast_paths(model: nn.Module, swapped: list[Site], changes: Changes) -> None:
    """Keep torch's encoder from a kernel that has relu or gelu built in."""
    layers = {site.owner for site in swapped}
    inside = [
        path
        for path, m in model.named_modules()
        if path in layers and isinstance(m, nn.TransformerEncoderLayer)
    ]
    for path in inside:
        changes.attribute(model.get_submodule(path), "activation_relu_or_gelu", 0)
    for path, module in model.named_modules():
        if isinstance(module, nn.TransformerEncoder) and any(p.startswith(path) for p in inside):
            changes.attribute(module, "use_nested_tensor", False)
