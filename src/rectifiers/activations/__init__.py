"""What each activation is: one file per activation, registered by its import line here.

`registry` maps names to records, in the order of the lines; every other list in the package
(functions, modules, reference, docs pages, arms, colours) is derived from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rectifiers.activations._definition import elementwise
from rectifiers.activations._parameters import Choice, Integer, Learned, Parameter, Real, Uniform
from rectifiers.activations._record import Activation, AlongAxis, Elementwise

# isort: off
from rectifiers.activations.sigmoid import sigmoid
from rectifiers.activations.tanh import tanh
from rectifiers.activations.relu import relu
from rectifiers.activations.leaky_relu import leaky_relu
from rectifiers.activations.prelu import prelu
from rectifiers.activations.rrelu import rrelu
from rectifiers.activations.elu import elu
from rectifiers.activations.selu import selu
from rectifiers.activations.celu import celu
from rectifiers.activations.relu6 import relu6
from rectifiers.activations.softplus import softplus
from rectifiers.activations.gelu import gelu
from rectifiers.activations.silu import silu
from rectifiers.activations.mish import mish
from rectifiers.activations.squared_relu import squared_relu
from rectifiers.activations.maxout import maxout
from rectifiers.activations.crelu import crelu
from rectifiers.activations.softmax import softmax
# isort: on

registry: Mapping[str, Activation] = MappingProxyType(
    {value.name: value for value in tuple(globals().values()) if isinstance(value, Activation)}
)
"""Every built-in activation, by name."""

__all__ = [
    "Activation",
    "AlongAxis",
    "Choice",
    "Elementwise",
    "Integer",
    "Learned",
    "Parameter",
    "Real",
    "Uniform",
    "elementwise",
    "registry",
    *registry,
]
