"""Put new modules in the place of modules and of functions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch import nn

from rectifiers.arms import Arm
from rectifiers.call_sites import BASE, Site
from rectifiers.errors import ArgumentError, ShapeError
from rectifiers.swapping._changes import Changes
from rectifiers.swapping._counting import OUTSIDE, PLAN, REPLACED, Plan, Split, counting, described
from rectifiers.swapping._modules import make
from rectifiers.swapping._proof import Found, every

__all__ = ["Placing"]


class Placing:
    """Puts other modules in the place of sites; what cannot be swapped is left, if `partial`."""

    def __init__(self, model: nn.Module, found: Found, changes: Changes, partial: bool) -> None:
        self._model, self._found, self._changes, self._partial = model, found, changes, partial
        self.made: dict[str, nn.Module] = {}  # what was put there, by the names of the sites
        self.left: dict[str, str] = {}  # why a site was left as it is

    def put(self, arm: Arm, chosen: list[Site]) -> None:
        """Swap."""
        wanted = {site.name for site in chosen}
        groups: dict[nn.Module | str, list[Site]] = {}  # of a module, or of the functions of an owner
        for site in every(self._found):
            groups.setdefault(site.owner if site.module is None else site.module, []).append(site)
        for key, sites in groups.items():
            for site in sites:
                if site.name in wanted:
                    with self._leaving([site.name]):
                        counted = site.module is None or sum(s.owner == site.owner for s in sites) > 1
                        if site.within == "a checkpointed function" and counted:
                            raise ArgumentError(f"{site.name!r} is in {site.within}: {OUTSIDE}")
                        self.made[site.name] = make(arm, site, self._model)
            if names := [site.name for site in sites if site.name in self.made]:
                with self._leaving(names):
                    if isinstance(key, nn.Module):
                        self._replace_module(key, sites)
                    else:
                        self._replace_functions(key, sites)
        self._keep_calls_apart()
        self._close_fast_paths()

    @contextlib.contextmanager
    def _leaving(self, names: list[str]) -> Iterator[None]:
        done = len(self._changes)
        try:
            yield
        except (ArgumentError, ShapeError) as error:
            if not self._partial:
                raise
            self._changes.undo(done)
            self.left |= dict.fromkeys(names, str(error))
            self.made = {name: new for name, new in self.made.items() if name not in names}

    def _replace_module(self, module: nn.Module, sites: list[Site]) -> None:
        """Put modules in the place of one, wherever it is registered for those who call it."""
        named = self._model.named_modules(remove_duplicate=False)
        paths = [path for path, registered in named if registered is module and path]
        callers = sorted({site.owner for site in sites}, key=len)
        for owner in callers:  # the outer ones first: what is below an inner one is its own
            below = [p for p in paths if len(callers) == 1 or not owner or p.startswith(f"{owner}.")]
            own = [site for site in sites if site.owner == owner]
            swapped = any(site.name in self.made for site in own)
            if swapped and not below:
                raise ArgumentError(
                    f"{own[0].name!r} must be registered as a module below each that calls it: give it one"
                )
            new = self.made.get(own[0].name, module)
            if swapped and len(own) > 1:
                key = below[0].removeprefix(owner).strip(".")
                new = Split(key, own[0].activation, [self.made.get(site.name, module) for site in own])
                self._plan(owner, key, own)
            for parent, _, name in (path.rpartition(".") for path in below):
                self._changes.set(self._model.get_submodule(parent), name, new)

    def _replace_functions(self, path: str, sites: list[Site]) -> None:
        """Have an owner's forward call modules in the place of its functions."""
        owner = self._model.get_submodule(path)
        if isinstance(owner, nn.Sequential | nn.ModuleList | nn.ModuleDict):
            raise ArgumentError(
                f"{sites[0].name!r} must be a module to be replaced: {type(owner).__name__} is a container"
            )
        numbers = self._plan(path, "", sites)
        held = dict(getattr(owner, REPLACED).items()) if hasattr(owner, REPLACED) else {}
        functions = [n for n in map(str, range(len(numbers) + len(held))) if n not in held]  # still
        held |= {functions[n]: self.made[name] for name, n in numbers.items() if name in self.made}
        self._changes.set(owner, REPLACED, nn.ModuleDict(held))
        getattr(owner, REPLACED).training = owner.training

    def _plan(self, path: str, key: str, sites: list[Site]) -> dict[str, int]:
        """Have an owner's forward count its calls of functions, or of a module; return the number of each."""
        owner, names = self._model.get_submodule(path), {site.name for site in sites}
        numbers: dict[str, int] = {}
        # in the order of the calls, as sites are
        calls = tuple(
            tuple(described(s.activation, s.within) for s in found if s.name in names)
            for found in self._found.values()
        )
        part = {"forward": (0, max(map(len, calls)))}
        for found in self._found.values():
            for number, site in enumerate(s for s in found if s.name in names):
                numbers.setdefault(site.name, number)  # in training, if it runs there
                for module, method in site.methods:
                    self._count(module, method)
                    if module is owner:
                        first, end = part.get(method, (number, 0))
                        part[method] = min(first, number), max(end, number + 1)
        # What was counted before goes on being counted as it was.
        self._count(owner)
        self._changes.set(owner, PLAN, {key: Plan(calls, part), **vars(owner).get(PLAN, {})})
        return numbers

    def _count(self, module: nn.Module, *methods: str) -> None:
        _, counted = getattr(type(module), BASE, (None, None))
        if isinstance(module, Split) or (counted is not None and {*methods} <= {*counted}):
            return
        for name in {"forward", *methods} & vars(module).keys():
            raise ArgumentError(
                f"a method must be its class's, but {name} of {type(module).__name__} has been replaced"
            )
        self._changes.set(module, "__class__", counting(type(module), methods))

    def _keep_calls_apart(self) -> None:
        """Keep what children call apart from what an owner of counted functions calls itself."""
        sites = every(self._found)
        calling, called = {s.owner for s in sites}, {*(s.module for s in sites), *self.made.values()}
        for path, owner in list(self._model.named_modules()):
            if "" in vars(owner).get(PLAN, ()):
                for name, module in owner.named_modules(prefix=path):
                    if module is not owner and (name in calling or module in called):
                        self._count(module)

    def _close_fast_paths(self) -> None:
        """Keep torch's encoder from a kernel that has relu or gelu built in."""
        owners = {site.owner for site in every(self._found) if site.name in self.made}
        for path, module in self._model.named_modules():
            if isinstance(module, nn.TransformerEncoderLayer) and path in owners:
                self._changes.set(module, "activation_relu_or_gelu", 0)
            elif isinstance(module, nn.TransformerEncoder) and any(o.startswith(path) for o in owners):
                self._changes.set(module, "use_nested_tensor", False)
