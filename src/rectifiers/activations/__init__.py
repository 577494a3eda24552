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
from rectifiers.activations.sigmoid import sigmoid as sigmoid
from rectifiers.activations.tanh import tanh as tanh
from rectifiers.activations.relu import relu as relu
from rectifiers.activations.leaky_relu import leaky_relu as leaky_relu
from rectifiers.activations.prelu import prelu as prelu
from rectifiers.activations.rrelu import rrelu as rrelu
from rectifiers.activations.elu import elu as elu
from rectifiers.activations.selu import selu as selu
from rectifiers.activations.celu import celu as celu
from rectifiers.activations.relu6 import relu6 as relu6
from rectifiers.activations.softplus import softplus as softplus
from rectifiers.activations.gelu import gelu as gelu
from rectifiers.activations.silu import silu as silu
from rectifiers.activations.mish import mish as mish
from rectifiers.activations.squared_relu import squared_relu as squared_relu
from rectifiers.activations.maxout import maxout as maxout
from rectifiers.activations.crelu import crelu as crelu
from rectifiers.activations.softmax import softmax as softmax
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
