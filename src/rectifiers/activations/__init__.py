"""What each activation is: one file per activation, registered by its import line here.

`registry` maps names to records, in the order of the lines; every other list in the package
(functions, modules, reference, docs pages, arms, colours) is derived from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rectifiers.activations._definition import elementwise
from rectifiers.activations._gated import Gated
from rectifiers.activations._parameters import Autograd, Choice, Integer, Learned, Parameter, Real, Uniform
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
from rectifiers.activations.hardswish import hardswish as hardswish
from rectifiers.activations.hardtanh import hardtanh as hardtanh
from rectifiers.activations.hardsigmoid import hardsigmoid as hardsigmoid
from rectifiers.activations.softsign import softsign as softsign
from rectifiers.activations.logsigmoid import logsigmoid as logsigmoid
from rectifiers.activations.glu import glu as glu
from rectifiers.activations.reglu import reglu as reglu
from rectifiers.activations.geglu import geglu as geglu
from rectifiers.activations.swiglu import swiglu as swiglu
from rectifiers.activations.softmax import softmax as softmax
# isort: on

registry: Mapping[str, Activation] = MappingProxyType(
    {value.name: value for value in tuple(globals().values()) if isinstance(value, Activation)}
)
"""Every built-in activation, by name."""

aliases: Mapping[str, str] = MappingProxyType(
    {other: record.name for record in registry.values() for other in record.also_called}
)
"""Other names in use, such as ``swish``, and the activation each stands for."""

__all__ = [
    "Activation",
    "AlongAxis",
    "Autograd",
    "Choice",
    "Elementwise",
    "Gated",
    "Integer",
    "Learned",
    "Parameter",
    "Real",
    "Uniform",
    "aliases",
    "elementwise",
    "registry",
    *registry,
]
