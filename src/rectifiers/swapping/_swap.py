"""Swap the activations of any model, one by one."""

from __future__ import annotations

from typing import Any

from torch import nn

from rectifiers.arms import Arm, parse_arms
from rectifiers.call_sites import refuse_closed, unchanged
from rectifiers.errors import ArgumentError
from rectifiers.swapping import _scales
from rectifiers.swapping._attempt import Attempt
from rectifiers.swapping._changes import Changes
from rectifiers.swapping._choice import Where, choose
from rectifiers.swapping._proof import every, find, prove
from rectifiers.swapping._report import Swapped, SwapReport
from rectifiers.swapping._scope import RecomputedError

__all__ = ["swap_", "unswap_"]

_JOURNAL = "_rectifiers_swaps"


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
        chosen = choose(every(found), where)
        wanted = _scales.measure(model, example) if match_gain else {}
        while True:
            try:
                made = Attempt(model, arm, example, found, partial, width, changes, left).apply(chosen)
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
