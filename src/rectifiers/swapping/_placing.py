"""Put new modules in the place of modules and of functions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch import nn

from rectifiers.arms import Arm
from rectifiers.call_sites import BASE, Site
from rectifiers.errors import ArgumentError, ShapeError
from rectifiers.swapping._changes import Changes
from rectifiers.swapping._counting import CHECKPOINTED, PLAN, REPLACED, Plan, Split, counting
from rectifiers.swapping._modules import make
from rectifiers.swapping._proof import Found, every

__all__ = ["Placing"]


class Placing:
    """Puts other modules in the place of sites; what cannot be swapped is left, if `partial`.

    Attributes
    ----------
    made : dict of str to nn.Module
        What was put there, by the names of the sites.
    left : dict of str to str
        Why a site was left as it is.
    """

    def __init__(self, model: nn.Module, found: Found, changes: Changes, partial: bool) -> None:
        self._model, self._found, self._changes, self._partial = model, found, changes, partial
        self.made: dict[str, nn.Module] = {}
        self.left: dict[str, str] = {}

    def put(self, arm: Arm, chosen: list[Site]) -> None:
        """Swap.

        Raises
        ------
        ArgumentError
            If a site cannot be swapped, and not `partial`.
        """
        wanted = {site.name for site in chosen}
        groups: dict[nn.Module | str, list[Site]] = {}  # of a module, or of the functions of an owner
        for site in every(self._found):
            groups.setdefault(site.owner if site.module is None else site.module, []).append(site)
        for key, sites in groups.items():
            for site in sites:
                if site.name in wanted:
                    with self._leaving([site.name]):
                        counted = site.module is None or sum(s.owner == site.owner for s in sites) > 1
                        if site.checkpointed and counted:
                            raise ArgumentError(f"{site.activation} called at {site.place} {CHECKPOINTED}")
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
        callers = dict.fromkeys(site.owner for site in sites)
        places: dict[str, list[tuple[str, str]]] = {owner: [] for owner in callers}
        for path, registered in self._model.named_modules(remove_duplicate=False):
            if registered is module and path:
                parent, _, name = path.rpartition(".")
                above = [o for o in callers if len(callers) == 1 or not o or f"{parent}.".startswith(f"{o}.")]
                if above:
                    places[max(above, key=len)].append((parent, name))
        for owner in callers:
            own = [site for site in sites if site.owner == owner]
            if not any(site.name in self.made for site in own):
                continue
            if not places[owner]:
                listed = " and ".join(repr(o or "the model") for o in callers)
                raise ArgumentError(
                    f"{own[0].name!r} must be registered as a module below each that calls it ({listed}) "
                    "to be replaced: give each a module of its own"
                )
            new = self.made.get(own[0].name, module)
            if len(own) > 1:
                key = ".".join(places[owner][0]).removeprefix(owner).strip(".")
                new = Split(key, own[0].activation, [self.made.get(site.name, module) for site in own])
                self._plan(owner, key, own)
            for parent, name in places[owner]:
                self._changes.set(self._model.get_submodule(parent), name, new)

    def _replace_functions(self, path: str, sites: list[Site]) -> None:
        """Have an owner's forward call modules in the place of its functions."""
        owner = self._model.get_submodule(path)
        if isinstance(owner, nn.Sequential | nn.ModuleList | nn.ModuleDict):
            raise ArgumentError(
                f"{sites[0].name!r} must be a module to be replaced: {type(owner).__name__} is a container "
                "and cannot hold another one"
            )
        plan = self._plan(path, "", sites)
        held = dict(getattr(owner, REPLACED).items()) if hasattr(owner, REPLACED) else {}
        # A site's index counts those that are functions still.
        numbers = [n for n in map(str, range(max(map(len, plan[""])))) if n not in held]
        held |= {numbers[site.index]: self.made[site.name] for site in sites if site.name in self.made}
        self._changes.set(owner, REPLACED, nn.ModuleDict(held))
        getattr(owner, REPLACED).training = owner.training

    def _plan(self, path: str, key: str, sites: list[Site]) -> Plan:
        """Have an owner's forward count its calls of functions, or of a module; return all it counts."""
        owner, names = self._model.get_submodule(path), {site.name for site in sites}
        # in the order of the calls, as sites are
        calls = tuple(tuple(s.activation for s in found if s.name in names) for found in self._found.values())
        plan = {key: calls, **vars(owner).get(PLAN, {})}  # those of before go on counting what they did
        self._count(owner, path)
        self._changes.set(owner, PLAN, plan)
        return plan

    def _count(self, module: nn.Module, path: str) -> None:
        if hasattr(type(module), BASE) or isinstance(module, Split):
            return
        if "forward" in vars(module):
            raise ArgumentError(
                f"a forward must be its class's, but that of {path or 'the model'!r} has been replaced"
            )
        self._changes.set(module, "__class__", counting(type(module)))

    def _keep_calls_apart(self) -> None:
        """Keep what children call apart from what an owner of counted functions calls itself."""
        sites = every(self._found)
        calling, called = {s.owner for s in sites}, {*(s.module for s in sites), *self.made.values()}
        for path, owner in list(self._model.named_modules()):
            if "" in vars(owner).get(PLAN, ()):
                for name, module in owner.named_modules(prefix=path):
                    if module is not owner and (name in calling or module in called):
                        self._count(module, name)

    def _close_fast_paths(self) -> None:
        """Keep torch's encoder from a kernel that has relu or gelu built in."""
        owners = {site.owner for site in every(self._found) if site.name in self.made}
        for path, module in self._model.named_modules():
            if isinstance(module, nn.TransformerEncoderLayer) and path in owners:
                self._changes.set(module, "activation_relu_or_gelu", 0)
            elif isinstance(module, nn.TransformerEncoder) and any(o.startswith(path) for o in owners):
                self._changes.set(module, "use_nested_tensor", False)
