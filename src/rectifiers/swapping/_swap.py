"""Swap the activations of any model, one by one."""

from __future__ import annotations

import contextlib
import difflib
import fnmatch
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from rectifiers.arms import Arm, parse_arms
from rectifiers.call_sites import Site, Sites, aligned, refuse_closed, unchanged
from rectifiers.errors import ArgumentError, ArgumentTypeError, ShapeError
from rectifiers.swapping import _scales, _width
from rectifiers.swapping._changes import Changes
from rectifiers.swapping._make import make
from rectifiers.swapping._proof import Found, find, prove
from rectifiers.swapping._scope import PLAN, REPLACED, Plan, RecomputedError, Split, numbered, original_class

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SwapReport", "Swapped", "swap_", "unswap_"]

_JOURNAL = "_rectifiers_swaps"

Where = str | Iterable[str] | Callable[[Site], bool] | None


@dataclass(frozen=True)
class Swapped:
    """One site, before and after.

    Attributes
    ----------
    name : str
    before, after : str
        What runs there: `after` is ``before`` where it was left, and `reason` says why.
    calls : int
        In the run that proved it.
    scale : float or None
        By what the layer before was multiplied (`match_gain`).
    reason : str
        Why the site was left as it is; empty where it was swapped.
    """

    name: str
    before: str
    after: str
    calls: int
    scale: float | None = None
    reason: str = ""


class SwapReport(tuple[Swapped, ...]):
    """What `swap_` did, one entry per site that was meant; prints as a table."""

    @property
    def changed(self) -> tuple[Swapped, ...]:
        """The sites that were swapped."""
        return tuple(swapped for swapped in self if not swapped.reason)

    def frame(self) -> pd.DataFrame:
        """Return one row per site."""
        import pandas as pd

        return pd.DataFrame([vars(swapped) for swapped in self])

    def __str__(self) -> str:
        def scale(swapped: Swapped) -> str:
            return "" if swapped.scale is None else f"{swapped.scale:.4g}"

        rows = [[s.name, s.before, s.after, str(s.calls), scale(s), s.reason] for s in self]
        return aligned(("site", "before", "after", "calls", "scale", "left because"), rows)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.frame().to_html(index=False)


def swap_(
    model: nn.Module,
    activation: Any,
    example: Any,
    *,
    where: Where = None,
    match_gain: bool = False,
    partial: bool = False,
    width: bool = False,
) -> SwapReport:
    """Put another activation in the place of those that a model calls, and prove that it runs there.

    Every site (`rectifiers.sites`) gets a module of its own: one that several places share is split, a
    function is replaced where its owner's forward calls it. What overwrites its input goes on doing so.
    Learned slopes get as many numbers as the site has features, on the axis where they are; they become part
    of ``state_dict()``.

    Parameters
    ----------
    model : nn.Module
        Changed in place. Swap before `torch.compile`, `DistributedDataParallel` and the optimiser.
    activation : str or any arm
        ``"leaky_relu(0.1)"``, ``"package.module:MyActivation"``, a module class, a module, a function.
    example : Tensor, tuple or dict
        What the model is called with (`rectifiers.sites`).
    where : str, list of str, or callable, optional
        The name of an activation (``"relu"``), a pattern of sites' names (``"layer[12].*"``), several of
        them, or a function of a `Site`. All sites by default. A pattern must not match different
        activations: name them.
    match_gain : bool
        Multiply the layer before each site so that the standard deviation of its pre-activations on the
        example stays what it was.
    partial : bool
        Leave sites that cannot be swapped, and say so, instead of raising.
    width : bool
        For CReLU and Maxout, which change the number of features: widen the next (CReLU) or the last
        (Maxout) layer where it is linear or a convolution. The new weights are 0: in the place of ReLU the
        outputs stay the same.

    Returns
    -------
    SwapReport
        Per site what ran before and after.

    Raises
    ------
    ArgumentError
        `where` matches nothing, or different activations; the model is scripted or compiled; its activations
        depend on the data; a site cannot be swapped. The model is then as it was, bit for bit.
    UserCodeError
        The example does not run.

    Notes
    -----
    The proof: the model runs again on the example as it is, in evaluation and in training (a copy of it,
    backwards as well): every new module must have run as often as what it replaced, every other site as
    before. A function that backward recomputes outside its owner's forward (a checkpointed lambda) would get
    wrong gradients and is refused.

    Examples
    --------
    >>> print(rectifiers.swap_(model, "prelu", x, where="layer[12].*"))  # doctest: +SKIP
    """
    refuse_closed(model)
    for path, module in model.named_modules():
        if isinstance(module, nn.parallel.DistributedDataParallel | nn.DataParallel):
            raise ArgumentError(
                f"swap before a model is wrapped, but {path or 'the model'!r} is {type(module).__name__}"
            )
    (arm,) = _arms(activation)
    changes, left = Changes(), dict[str, str]()
    with unchanged(model):
        found = find(model, example)
        every = _every(found)
        chosen = _chosen(every, where)
        wanted = _scales.measure(model, example) if match_gain else {}
        while True:
            try:
                made = _Swap(model, arm, example, found, partial, width, changes, left).apply(chosen)
                factors = _scales.match(model, example, wanted, made, changes) if match_gain else {}
                calls = prove(model, example, found, made)
            except RecomputedError as error:
                changes.undo()
                more = [s.name for s in chosen if (s.kind == "function" or s.shared) and s.name not in left]
                if not partial or not more:
                    raise
                left |= dict.fromkeys(more, str(error))
            except BaseException:
                changes.undo()
                raise
            else:
                break
    if made:
        vars(model).setdefault(_JOURNAL, []).append(changes)
    return SwapReport(
        Swapped(
            site.name,
            site.activation,
            repr(made[site.name]) if site.name in made else site.activation,
            calls[site.name] if site.name in made else site.calls,
            factors.get(site.name),
            left.get(site.name, ""),
        )
        for site in chosen
    )


def unswap_(model: nn.Module) -> nn.Module:
    """Take back everything that `swap_` has done to a model, bit for bit.

    Weights that `match_gain` has multiplied and that were trained since keep what they learned, divided
    again.

    Returns
    -------
    nn.Module
        The model.

    Raises
    ------
    ArgumentError
        Nothing has been swapped in it.
    """
    journal = vars(model).pop(_JOURNAL, None)
    if not journal:
        raise ArgumentError(
            f"unswap_ takes back what swap_ did, but {type(model).__name__} has not been swapped"
        )
    while journal:
        journal.pop().undo()
    return model


def _arms(activation: Any) -> tuple[Arm, ...]:
    arms = parse_arms(activation if isinstance(activation, str) else [activation])
    if len(arms) != 1:
        raise ArgumentError(f"swap_ takes one activation, but got {', '.join(arm.label for arm in arms)}")
    return arms


def _chosen(found: Sites, where: Where) -> list[Site]:
    """Return the sites that are meant.

    Raises
    ------
    ArgumentError
        If a pattern matches nothing, or different activations.
    """
    if not len(found):
        raise ArgumentError("there is nothing to swap: the model calls no activation on this example")
    if callable(where):
        if not (chosen := [site for site in found if where(site)]):
            raise ArgumentError(f"where must hold for at least one site, but holds for none of {len(found)}")
        return chosen
    patterns = ["*"] if where is None else [where] if isinstance(where, str) else list(where)
    names: dict[str, None] = {}
    kinds = {site.activation for site in found}
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise ArgumentTypeError(
                f"where is text, a list of it, or a function, but got {type(pattern).__name__}"
            )
        if pattern in kinds:
            matched = [site for site in found if site.activation == pattern]
        elif pattern in found.names:
            matched = [found[pattern]]
        else:
            matched = [site for site in found if fnmatch.fnmatchcase(site.name, pattern)]
            counts = Counter(site.activation for site in matched)
            if len(counts) > 1:
                listed = " and ".join(f"{count} {name}" for name, count in counts.items())
                raise ArgumentError(
                    f"a pattern matches one activation, but where={pattern!r} matches {listed}: "
                    f"name one, as where={next(iter(counts))!r}, or list the sites"
                )
        if not matched:
            near = difflib.get_close_matches(pattern, (*kinds, *found.names), n=2)
            hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
            raise ArgumentError(
                f"where must match a site, but {pattern!r} matches none of {len(found)}: {hint}"
                "print(rectifiers.sites(model, example)) lists them"
            )
        names |= dict.fromkeys(site.name for site in matched)
    return [site for site in found if site.name in names]


def _every(found: Found) -> Sites:
    """Return the sites of both modes."""
    names = found[True].names
    return Sites([*found[True], *(site for site in found[False] if site.name not in names)])


class _Swap:
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
        for site in _every(self._found):
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
        sites = _every(self._found)
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
