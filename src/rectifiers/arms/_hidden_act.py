"""Registration with transformers, whose configurations name their activations."""

from __future__ import annotations

from typing import Any

from rectifiers.arms._parsing import parse_arms
from rectifiers.errors import ArgumentError, MissingDependencyError

__all__ = ["register_hidden_act"]


def register_hidden_act(activation: Any, name: str | None = None) -> str:
    """Make an activation known to transformers, for ``hidden_act=`` and its like in a configuration.

    Parameters
    ----------
    activation : str or any arm
        ``"leaky_relu(0.1)"``, a module class, a function, a record.
    name : str, optional
        Under which it is registered; by default as it is written.

    Returns
    -------
    str
        That name. A configuration with it is saved and loaded as text: register it before loading.

    Raises
    ------
    MissingDependencyError
        transformers is not installed.
    ArgumentError
        The name is taken, or the activation changes the number of features.

    Notes
    -----
    Configurations do not say how many features there are: slopes of a PReLU are one, shared by all.
    `rectifiers.swap_` gives each feature its own.

    Examples
    --------
    >>> config = BertConfig(hidden_act=rectifiers.register_hidden_act("leaky_relu(0.1)"))  # doctest: +SKIP
    """
    try:
        from transformers.activations import ACT2FN
    except ImportError:
        raise MissingDependencyError(
            "register_hidden_act is for transformers, which is not installed: pip install transformers"
        ) from None
    arms = parse_arms(activation if isinstance(activation, str) else [activation])
    if len(arms) != 1 or not arms[0].keeps_width:
        raise ArgumentError(
            "one activation that keeps the number of features is registered, but got "
            + ", ".join(arm.label for arm in arms)
        )
    name = arms[0].label if name is None else name
    known = dict.get(ACT2FN, name)
    if known is not None and getattr(known, "identity", None) != arms[0].identity:
        raise ArgumentError(
            f"a name is registered once, but transformers has {name!r} already: give another name"
        )
    ACT2FN[name] = arms[0]
    return name
