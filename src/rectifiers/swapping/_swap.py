"""Swap the activations of any model, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from rectifiers.arms import parse_arms
from rectifiers.call_sites import Sites, Table, refuse_closed, sites, unchanged
from rectifiers.errors import ArgumentError
from rectifiers.swapping._changes import Changes
from rectifiers.swapping._choice import Where, choose
from rectifiers.swapping._layers import match_scale, would_change
from rectifiers.swapping._placing import Placing
from rectifiers.swapping._proof import every, find, prove

__all__ = ["SwapReport", "Swapped", "swap_", "unswap_"]

_JOURNAL = "_rectifiers_swaps"


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
    """

    name: str
    before: str
    after: str
    calls: int
    scale: float | None = None
    reason: str = ""


class SwapReport(Table[Swapped]):
    """What `swap_` did, one entry per site that was meant; prints as a table."""

    titles = ("site", "before", "after", "calls", "scale", "left because")

    def cells(self) -> list[list[str]]:
        """Return the text of every line."""
        return [
            [s.name, s.before, s.after, str(s.calls), "" if s.scale is None else f"{s.scale:.4g}", s.reason]
            for s in self
        ]


def swap_(
    model: nn.Module,
    activation: Any,
    example: Any,
    *,
    where: Where = None,
    match_gain: bool = False,
    partial: bool = False,
) -> SwapReport:
    """Put another activation in the place of those that a model calls, and prove that it runs there.

    Every site (`rectifiers.sites`) gets a module of its own: a shared one is split, a function is replaced
    where its owner calls it, in place where it was. Learned slopes get as many numbers as the site has
    features, on the axis where they are; they become part of ``state_dict()``.

    Parameters
    ----------
    model : nn.Module
        Changed in place. Swap before `torch.compile`, `DistributedDataParallel` and the optimiser.
    activation : str or any arm
        ``"leaky_relu(0.1)"``, ``"package.module:MyActivation"``, a module class, a module, a function.
    example : Tensor, tuple or dict
        What the model is called with (`rectifiers.sites`).
    where : str or list of str, optional
        The name of an activation (``"relu"``), a pattern of sites' names (``"layer[12].*"``), which must not
        match different activations, or several of them. All sites by default.
    match_gain : bool
        Multiply the layer before each site so that its pre-activations deviate on the example as they did.
    partial : bool
        Leave sites that cannot be swapped, and say so, instead of raising.

    Returns
    -------
    SwapReport
        Per site what ran before and after.

    Raises
    ------
    ArgumentError
        `where` matches nothing, or different activations; the model is scripted or compiled; its activations
        depend on the data; a site cannot be swapped, or backward would recompute it outside its owner's
        forward; `activation` changes the number of features, as CReLU and Maxout do (the error names the
        layers that would have to change with it). The model is then as it was, bit for bit.
    UserCodeError
        The example does not run.

    Notes
    -----
    The proof: the model runs again in evaluation and in training, and a copy of it backwards. Every new
    module must have run as often as what it replaced, every other site as before.

    Examples
    --------
    >>> print(rectifiers.swap_(model, "prelu", x, where="layer[12].*"))  # doctest: +SKIP
    """
    refuse_closed(model, wrappers=(nn.parallel.DistributedDataParallel, nn.DataParallel))
    arms = parse_arms(activation if isinstance(activation, str) else [activation])
    if len(arms) != 1:
        raise ArgumentError(f"swap_ takes one activation, but got {', '.join(arm.label for arm in arms)}")
    (arm,), changes, factors = arms, Changes(), dict[str, float]()
    with unchanged(model):
        found = find(model, example)
        chosen = choose(every(found), where)
        if not arm.keeps_width:
            raise ArgumentError(
                f"an activation that keeps the number of features is swapped in, but {arm.label} changes it, "
                f"and with it {would_change(model, arm, example, chosen)}: write these for it"
            )
        placing = Placing(model, found, changes, partial)
        before = sites(model, example) if match_gain else Sites()
        try:
            placing.put(arm, chosen)
            if match_gain:
                factors = match_scale(model, example, before, placing.made.values(), changes)
            prove(model, example, found, placing.made)
        except BaseException:
            changes.undo()
            raise
    if placing.made:
        vars(model).setdefault(_JOURNAL, []).append(changes)
    now, left = {name: repr(new) for name, new in placing.made.items()}, placing.left
    return SwapReport(
        Swapped(name, kind, now.get(name, kind), calls, factors.get(name), left.get(name, ""))
        for name, kind, calls in ((site.name, site.activation, site.calls) for site in chosen)
    )


def unswap_(model: nn.Module) -> nn.Module:
    """Take back everything that `swap_` has done to a model, bit for bit, and return the model.

    Weights that `match_gain` has multiplied and that were trained since keep what they learned, divided
    again.

    Raises
    ------
    ArgumentError
        Nothing has been swapped in it, or something else has changed the class of a module since.
    """
    journal = vars(model).get(_JOURNAL)
    if not journal:
        raise ArgumentError(
            f"unswap_ takes back what swap_ did, but {type(model).__name__} has not been swapped"
        )
    for changes in journal:
        changes.refuse_foreign()
    for changes in reversed(vars(model).pop(_JOURNAL)):
        changes.undo()
    return model
