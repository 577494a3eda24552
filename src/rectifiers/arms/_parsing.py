"""From text, or from objects, to arms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rectifiers.activations import Activation, registry
from rectifiers.arms import _text
from rectifiers.arms._arm import Arm
from rectifiers.arms._making import maker
from rectifiers.arms._names import unknown
from rectifiers.arms._objects import code_identity, fingerprint, load_object
from rectifiers.errors import ArgumentError, ArgumentTypeError

__all__ = ["parse_arms"]


def parse_arms(arms: str | Iterable[Any]) -> tuple[Arm, ...]:
    """Read a list of arms.

    Parameters
    ----------
    arms : str or iterable
        Text such as ``"relu,leaky_relu(1/5.5),torch:nn.Hardswish"``, or a list whose elements are such text,
        arms, or the objects themselves (module classes, instances, functions, records).

    Returns
    -------
    tuple of Arm
        In the order given. The user's own have been tried once.

    Raises
    ------
    UnknownNameError
        For a name nothing is registered under, with the nearest ones.
    ArgumentError
        For arguments that do not fit, or two arms that are the same.
    ImportPathError, UserCodeError
        For a path that leads nowhere, or code of the user's that raises.
    """
    found: list[Arm] = []
    for entry in [arms] if isinstance(arms, str) else arms:
        if isinstance(entry, str):
            found += map(_of_text, _text.split(entry))
        else:
            found.append(entry if isinstance(entry, Arm) else _of_object(entry))
    if not found:
        raise ArgumentError("at least one arm is needed, but got an empty list")
    by_identity: dict[str, Arm] = {}
    labels: set[str] = set()
    for arm in found:
        first = by_identity.setdefault(arm.identity, arm)
        if first is not arm:
            raise ArgumentError(
                f"arms must differ, but {first.label!r} and {arm.label!r} are both {arm.identity}: "
                "leave one out"
            )
        if arm.label in labels:
            raise ArgumentError(f"labels of arms must differ, but {arm.label!r} names two: name them by path")
        labels.add(arm.label)
    return tuple(found)


def _of_text(label: str) -> Arm:
    head, positional, named = _text.head_and_arguments(label)
    if ":" in head:
        target = load_object(head)
        meaning = head if head.startswith("torch:") else code_identity(head)
        make, arguments = maker(target, positional, named, label)
        return _tried(Arm(label, meaning + _shown(arguments), "", arguments, make, (_of_text, label)))
    from rectifiers import nn

    if head not in registry:
        raise unknown(head)
    if head == "softmax" and not positional:
        named.setdefault("dim", 1)  # where an arm has its features
    try:
        make, arguments = maker(getattr(nn, registry[head].title), positional, named, label)
        make(1)  # the class checks its arguments
    except (ArgumentError, ArgumentTypeError) as error:
        if label in str(error):
            raise
        raise type(error)(f"{error} (in arm {label!r})") from None
    return Arm(label, head + _shown(arguments), head, arguments, make, (_of_text, label))


def _of_object(target: Any) -> Arm:
    """Make an arm of an object that was passed instead of text."""
    if isinstance(target, Activation) and registry.get(target.name) is target:
        return _of_text(target.name)
    label = (
        target.name if isinstance(target, Activation) else getattr(target, "__name__", None) or repr(target)
    )
    label = " ".join(label.split())
    make, arguments = maker(target, (), {}, label)
    return _tried(
        Arm(label, fingerprint(target) + _shown(arguments), "", arguments, make, (_of_object, target))
    )


def _tried(arm: Arm) -> Arm:
    arm.outputs(1)  # of an unknown module, by trying: what it raises is better raised now
    return arm


def _shown(arguments: dict[str, Any]) -> str:
    return f"({', '.join(f'{key}={value!r}' for key, value in arguments.items())})" if arguments else ""
