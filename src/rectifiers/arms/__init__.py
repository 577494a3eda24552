"""What is compared: an activation by name, out of torch, or the user's own, as one kind of thing.

An arm is written as text, so that a command line, a record and a resumed study mean the same:

=============================== ===================================================================
``relu``                        a name of this library, with its defaults
``leaky_relu(1/5.5)``           arguments as in ``rectifiers.nn``: numbers and arithmetic on them
``torch:nn.Hardswish``          anything callable in torch
``package.module:MyActivation`` the user's own; the current directory is importable
``path/to/file.py:my_function`` the same, from a file
=============================== ===================================================================

What a path may lead to, and what is made of it for each layer:

- an ``nn.Module`` class, or a factory: called with the arguments given. A parameter called
  ``channels``, ``num_channels``, ``in_channels``, ``num_parameters``, ``num_features`` or ``features``
  receives the number of features, unless the arguments set it;
- an ``nn.Module`` instance: copied, so that no two layers share its parameters;
- a record made with ``rectifiers.elementwise``: its module;
- any other function: applied to the tensor, followed by the arguments given.

Objects may be passed instead of text. They are called by their class and what they were made with,
``"Mine(slope=0.1)"``, or as a mapping says: ``{"weak": Mine(0.1), "strong": Mine(0.2)}``.

A function is taken for a factory if one of its parameters has one of the names above, or if it has none.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rectifiers.arms._arm import Arm, Sampled
    from rectifiers.arms._hidden_act import register_hidden_act
    from rectifiers.arms._identity import code_identity, fingerprint, user_files
    from rectifiers.arms._labels import label_of
    from rectifiers.arms._objects import load_object, user_code
    from rectifiers.arms._parsing import parse_arms, split_arms
    from rectifiers.arms._text import head_and_arguments

# Resolved on first use: reading an arm's text (`_text`) is wanted where torch is not.
_PLACES = {
    "Arm": "_arm",
    "Sampled": "_arm",
    "code_identity": "_identity",
    "fingerprint": "_identity",
    "head_and_arguments": "_text",
    "label_of": "_labels",
    "load_object": "_objects",
    "register_hidden_act": "_hidden_act",
    "parse_arms": "_parsing",
    "split_arms": "_parsing",
    "user_code": "_objects",
    "user_files": "_identity",
}

__all__ = [
    "Arm",
    "Sampled",
    "code_identity",
    "fingerprint",
    "head_and_arguments",
    "label_of",
    "load_object",
    "parse_arms",
    "register_hidden_act",
    "split_arms",
    "user_code",
    "user_files",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value
