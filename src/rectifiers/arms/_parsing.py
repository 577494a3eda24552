"""From text, or from objects, to arms."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from rectifiers.activations import Activation, AlongAxis, aliases, registry
from rectifiers.arms import _text
from rectifiers.arms._arm import Arm
from rectifiers.arms._identity import code_identity, fingerprint, without_addresses
from rectifiers.arms._labels import label_of
from rectifiers.arms._making import maker
from rectifiers.arms._names import unknown
from rectifiers.arms._objects import load_object
from rectifiers.errors import ArgumentError, ArgumentTypeError, one_line

__all__ = ["parse_arms", "split_arms"]


def parse_arms(arms: str | Mapping[str, Any] | Iterable[Any]) -> tuple[Arm, ...]:
    """Read a list of arms.

    Parameters
    ----------
    arms : str, iterable or mapping
        Text such as ``"relu,leaky_relu(1/5.5),torch:nn.Hardswish"``, or a list whose elements are such text,
        arms, or the objects themselves (module classes, instances, functions, records). A mapping, also as an
        element, gives them labels: ``{"weak": Mine(0.1), "strong": Mine(0.2)}``.

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
    alone = isinstance(arms, str | Mapping | nn.Module) or not isinstance(arms, Iterable)
    found: list[Arm] = []
    unnamed: list[int] = []  # places of the arms whose labels were chosen here
    for entry in [arms] if alone else arms:
        if isinstance(entry, str):
            found += map(_of_text, split_arms(entry))
        elif isinstance(entry, Mapping):
            found += [_named(name, value) for name, value in entry.items()]
        else:
            unnamed += [] if isinstance(entry, Arm) else [len(found)]
            found.append(entry if isinstance(entry, Arm) else _of_object(entry))
    if not found:
        raise ArgumentError("at least one arm is needed, but got an empty list")
    labels = {arm.label for place, arm in enumerate(found) if place not in unnamed}
    for place in unnamed:
        label = found[place].label
        numbered = (label, *(f"{label} #{n}" for n in range(2, len(found) + 2)))
        found[place] = _called(found[place], next(name for name in numbered if name not in labels))
        labels.add(found[place].label)
    by_identity: dict[str, Arm] = {}
    labels = set()
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


def split_arms(text: str) -> list[str]:
    """Return the arms in a text, separated by commas that are outside brackets and names of files."""
    return _text.split(text, lambda path: Path(path).is_file())


def _named(label: Any, target: Any) -> Arm:
    """Make the arm of a mapping's entry."""
    if not (isinstance(label, str) and label and label == one_line(label)):
        raise ArgumentError(f"labels of arms are text of one line, but got {label!r}")
    if isinstance(target, Arm):
        return _called(target, label)
    if not isinstance(target, str):
        return _of_object(target, label)
    texts = split_arms(target)
    if len(texts) > 1:
        raise ArgumentError(f"a label names one arm, but {label!r} names {target!r}")
    return _called(_of_text(*texts), label)


def _called(arm: Arm, label: str) -> Arm:
    return arm if arm.label == label else dataclasses.replace(arm, label=label)


def _text_again(text: str, label: str, identity: str) -> Arm:
    """Make an arm again in another process."""
    arm = _of_text(text)
    if arm.identity != identity:
        raise ArgumentError(f"code must stay the same while a study runs, but that of {label!r} has changed")
    return _called(arm, label)


def _of_text(label: str) -> Arm:
    head, positional, named = _text.head_and_arguments(label)
    if ":" in head:
        target = load_object(head)
        meaning = head if head.startswith("torch:") else code_identity(head)
        make, arguments = maker(target, positional, named, label)
        return _tried(Arm(label, meaning + _shown(arguments), "", arguments, make, (_text_again, label)))
    from rectifiers import nn

    head = aliases.get(head, head)
    if head not in registry:
        raise unknown(head)
    if isinstance(registry[head], AlongAxis) and not positional:
        named.setdefault("dim", 1)  # where an arm has its features
    try:
        make, arguments = maker(getattr(nn, registry[head].title), positional, named, label)
        make(1)  # the class checks its arguments
    except (ArgumentError, ArgumentTypeError) as error:
        if label in str(error):
            raise
        raise type(error)(f"{error} (in arm {label!r})") from None
    return Arm(label, head + _shown(arguments), head, arguments, make, (_text_again, label))


def _of_object(target: Any, label: str = "", identity: str = "") -> Arm:
    """Make an arm of an object that was passed instead of text."""
    if isinstance(target, Activation) and registry.get(target.name) is target:
        arm = _of_text(target.name)
        return _called(arm, label or arm.label)
    label = label or label_of(target)
    make, arguments = maker(target, (), {}, label)
    identity = identity or fingerprint(target) + _shown(arguments)
    return _tried(Arm(label, identity, "", arguments, make, (_of_object, target)))


def _tried(arm: Arm) -> Arm:
    arm.outputs(1)  # of an unknown module, by trying: what it raises is better raised now
    return arm


def _shown(arguments: dict[str, Any]) -> str:
    text = f"({', '.join(f'{key}={value!r}' for key, value in arguments.items())})" if arguments else ""
    return without_addresses(text)
