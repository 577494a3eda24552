"""What to say to a name that is no activation of this library; needs no torch."""

from __future__ import annotations

import re
from typing import Final

from rectifiers.activations import Activation, registry
from rectifiers.errors import UnknownNameError

__all__ = ["unknown"]

# names in use beyond those a record has itself, spelt as `_plain` spells them
_ALSO_CALLED: Final = {
    "lrelu": "leaky_relu",
    "logistic": "sigmoid",
    "relu2": "squared_relu",
    "gelutanh": "gelu(approximate='tanh')",
    "linear": "torch:nn.Identity",
}
# what torch has and this library has not
_TORCH: Final = (
    "Hardshrink",
    "Identity",
    "Softshrink",
    "Tanhshrink",
)


def unknown(name: str) -> UnknownNameError:
    """Return the error for a name nothing is registered under, with the name that was probably meant."""
    plain = _plain(name)
    ours = {_plain(spelling): key for key, record in registry.items() for spelling in _spellings(record)}
    torchs = {_plain(title): f"torch:nn.{title}" for title in _TORCH}
    if meant := ours.get(plain) or _ALSO_CALLED.get(plain):
        said = f"{name} is {meant}"
    elif plain in torchs:
        said = f"{name} is torch's, write {torchs[plain]}"
    else:
        accepted = [name for record in registry.values() for name in (record.name, *record.also_called)]
        return UnknownNameError.of("activation", name, accepted)
    return UnknownNameError(f"unknown activation {name!r}: {said} (known: {', '.join(sorted(registry))})")


def _spellings(record: Activation) -> tuple[str, ...]:
    return (record.name, record.title, *record.also_called)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()
