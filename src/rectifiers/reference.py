"""Every activation and its derivative in NumPy, in float64: ``rectifiers.reference.leaky_relu.f(x, 0.01)``.

Each name of the registry is an object with two functions of an array of any shape:
``f(x, *parameters)``, and ``df(x, *parameters)``, the derivative as a function of the *input*. The parameters
have torch's names and defaults, and go by position or name. No torch is needed.

Examples
--------
>>> from rectifiers import reference
>>> reference.leaky_relu.f([-2.0, 0.0, 3.0], 0.1)
array([-0.2,  0. ,  3. ])
>>> reference.leaky_relu.df([-2.0, 0.0, 3.0], 0.1)
array([0.1, 0.1, 1. ])
"""

from __future__ import annotations

from rectifiers.activations import Activation, registry
from rectifiers.errors import UnknownNameError

__all__ = list(registry)


def __getattr__(name: str) -> Activation:
    if name.startswith("__"):
        raise AttributeError(name)
    try:
        return registry[name]
    except KeyError:
        raise AttributeError(str(UnknownNameError.of("activation", name, registry))) from None


def __dir__() -> list[str]:
    return sorted(registry)
