# Written by tools/write_stubs.py from the registry: change the records, not this file.
from collections.abc import Callable

import torch
from torch import Tensor

from rectifiers.activations import Activation
from rectifiers.functional._axis import crelu as crelu
from rectifiers.functional._axis import maxout as maxout
from rectifiers.functional._axis import softmax as softmax

__all__ = [
    "celu",
    "crelu",
    "elu",
    "geglu",
    "gelu",
    "glu",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "logsigmoid",
    "maxout",
    "mish",
    "of",
    "prelu",
    "reglu",
    "relu",
    "relu6",
    "rrelu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "squared_relu",
    "swiglu",
    "tanh",
]

def is_registered(record: Activation) -> bool: ...
def of(record: Activation) -> Callable[..., Tensor]: ...
def sigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """The logistic function, from 0 to 1.

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    inplace : bool, default False
        Write the result into the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Notes
    -----
    ``1 / (1 + exp(-x))``

    References
    ----------
    Rumelhart, Hinton & Williams 1986, Learning representations by back-propagating errors
    """

def tanh(input: Tensor, inplace: bool = False) -> Tensor:
    """The hyperbolic tangent, from -1 to 1.

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    inplace : bool, default False
        Write the result into the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Notes
    -----
    ``tanh(x)``

    References
    ----------
    LeCun, Bottou, Orr & Mueller 1998, Efficient backprop
    """

def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """The positive part of its input.

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    inplace : bool, default False
        Write the result into the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Notes
    -----
    ``max(0, x)``

    The derivative at 0 is 0.

    References
    ----------
    Nair & Hinton 2010, Rectified linear units improve restricted Boltzmann machines; Glorot, Bordes &
    Bengio 2011, Deep sparse rectifier neural networks
    """

def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Its input where positive, a fixed fraction of it elsewhere.

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    negative_slope : float, default 0.01
        Slope where the input is not positive; any sign.
    inplace : bool, default False
        Write the result into the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    ArgumentError
        A parameter is outside its rule.

    Notes
    -----
    ``x if x > 0 else negative_slope * x``

    Xu et al. 2015 write the slope as a divisor: their 5.5 is
    `rectifiers.nn.LeakyReLU.from_divisor(5.5)`, a slope of 0.1818.

    References
    ----------
    Maas, Hannun & Ng 2013, Rectifier nonlinearities improve neural network acoustic models
    """

def prelu(input: Tensor, weight: Tensor, dim: int = 1, inplace: bool = False) -> Tensor:
    """Its input where positive, a learned fraction of it elsewhere; one slope, or one per channel.

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    weight : Tensor
        Slope where the input is not positive; one, or one per feature.
    dim : int, default 1
        Axis along which there is one weight per feature.
    inplace : bool, default False
        Write the result into the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    ArgumentError
        A parameter is outside its rule.

    Notes
    -----
    ``x if x > 0 else weight * x``

    The gradient at 0 is the slope, in backward, forward mode and double backward. A slope of any sign
    trains correctly. Its authors train it without weight decay: `rectifiers.nn.parameter_groups`.
    Features on the last axis, as in (N, L, C), need dim=-1.

    References
    ----------
    He, Zhang, Ren & Sun 2015, Delving deep into rectifiers
    """

def rrelu(
    input: Tensor,
    lower: float = 0.125,
    upper: float = 0.3333333333333333,
    training: bool = False,
    inplace: bool = False,
    *,
    per: str = "element",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Its input where positive, a random fraction of it elsewhere (the mean one outside training).

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    lower : float, default 0.125
        Lower bound of the random slope.
    upper : float, default 0.3333333333333333
        Upper bound of the random slope.
    training : bool, default False
        Draw a new slope at every call; otherwise use (lower + upper) / 2.
    inplace : bool, default False
        Write the result into the input.
    per : {'element', 'channel', 'call'}, default 'element'
        Whether there is one slope per element, per example and channel (axes 0 and 1), or per call.
    generator : torch.Generator, optional
        Source of the random numbers; the device's default generator if None.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    ArgumentError
        A parameter is outside its rule.

    Notes
    -----
    ``x if x > 0 else slope * x, slope ~ U(lower, upper)``

    Slopes are drawn in logical element order, in float32 (float64 for float64): they depend on the
    generator, the shape and nothing else. As in torch there is one per element; `per="channel"` draws
    one per example and channel, `per="call"` one alone. lower <= upper, both finite; negative ones are
    allowed. Xu et al. write the slope as a divisor: `rectifiers.nn.RReLU.from_divisors(3, 8)`. A
    generator of your own is not restored by activation checkpointing, so that recomputed slopes differ,
    and ends the graph of torch.compile.

    References
    ----------
    Xu, Wang, Chen & Li 2015, Empirical evaluation of rectified activations in convolutional network
    """

def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Its input where positive, an exponential that saturates at -alpha elsewhere.

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    alpha : float, default 1.0
        Minus the value the function saturates at; any sign.
    inplace : bool, default False
        Write the result into the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    ArgumentError
        A parameter is outside its rule.

    Notes
    -----
    ``x if x > 0 else alpha * (exp(x) - 1)``

    References
    ----------
    Clevert, Unterthiner & Hochreiter 2015, Fast and accurate deep network learning by exponential
    linear units, eq. 15
    """

def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """ELU scaled so that zero mean and unit variance reproduce themselves from layer to layer.

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    inplace : bool, default False
        Write the result into the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Notes
    -----
    ``1.0507 * (x if x > 0 else 1.6733 * (exp(x) - 1))``

    The fixed point needs weights of gain 1 (torch's `calculate_gain` says 3/4, which breaks it).

    References
    ----------
    Klambauer, Unterthiner, Mayr & Hochreiter 2017, Self-normalizing neural networks
    """

def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """ELU with x / alpha in the exponential, so that its slope is 1 on both sides of 0.

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    alpha : float, default 1.0
        Minus the value the function saturates at; not 0.
    inplace : bool, default False
        Write the result into the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    ArgumentError
        A parameter is outside its rule.

    Notes
    -----
    ``x if x > 0 else alpha * (exp(x / alpha) - 1)``

    References
    ----------
    Barron 2017, Continuously differentiable exponential linear units
    """

def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Its input clipped to [0, 6].

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    inplace : bool, default False
        Write the result into the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Notes
    -----
    ``min(max(0, x), 6)``

    References
    ----------
    Krizhevsky 2010, Convolutional deep belief networks on CIFAR-10
    """

def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0, inplace: bool = False) -> Tensor:
    """A smooth ReLU; sharper for a larger beta, the input itself where beta * x > threshold.

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    beta : float, default 1.0
        Sharpness; not 0.
    threshold : float, default 20.0
        The function is the input where beta * x is above it.
    inplace : bool, default False
        Write the result into the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    ArgumentError
        A parameter is outside its rule.

    Notes
    -----
    ``log(1 + exp(beta * x)) / beta``

    References
    ----------
    Dugas, Bengio, Belisle, Nadeau & Garcia 2001, Incorporating second-order functional knowledge
    """

def gelu(input: Tensor, approximate: str = "none", inplace: bool = False) -> Tensor:
    """Its input times the probability that a standard normal variable is below it.

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    approximate : {'none', 'tanh'}, default 'none'
        ``'tanh'`` for 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
    inplace : bool, default False
        Write the result into the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    ArgumentError
        A parameter is outside its rule.

    Notes
    -----
    ``x * Phi(x)``

    References
    ----------
    Hendrycks & Gimpel 2016, Gaussian error linear units
    """

def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Its input times the logistic function of it; also called Swish.

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    inplace : bool, default False
        Write the result into the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Notes
    -----
    ``x / (1 + exp(-x))``

    References
    ----------
    Elfwing, Uchibe & Doya 2017, Sigmoid-weighted linear units; Ramachandran, Zoph & Le 2017, Searching
    for activation functions
    """

def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """Its input times the hyperbolic tangent of its softplus.

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    inplace : bool, default False
        Write the result into the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Notes
    -----
    ``x * tanh(log(1 + exp(x)))``

    References
    ----------
    Misra 2019, Mish: a self regularized non-monotonic activation function
    """

def squared_relu(input: Tensor, inplace: bool = False) -> Tensor:
    """The square of the positive part of its input.

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    inplace : bool, default False
        Write the result into the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Notes
    -----
    ``max(0, x)^2``

    References
    ----------
    So, Manke, Liu, Dai, Shazeer & Le 2021, Primer: searching for efficient transformers
    """

def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """Its input times (x + 3) / 6 clipped to [0, 1].

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    inplace : bool, default False
        Write the result into the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Notes
    -----
    ``x min(max(0, x + 3), 6) / 6``

    References
    ----------
    Howard et al. 2019, Searching for MobileNetV3, section 5.2
    """

def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """Its input clipped to [min_val, max_val].

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    min_val : float, default -1.0
        The least output, below `max_val`.
    max_val : float, default 1.0
        The largest output.
    inplace : bool, default False
        Write the result into the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    ArgumentError
        A parameter is outside its rule.

    Notes
    -----
    ``min(max(min_val, x), max_val)``

    References
    ----------
    Collobert 2004, Large scale machine learning, section 5.4
    """

def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """The line (x + 3) / 6 clipped to [0, 1].

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    inplace : bool, default False
        Write the result into the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Notes
    -----
    ``min(max(0, x + 3), 6) / 6``

    References
    ----------
    Courbariaux, Bengio & David 2015, BinaryConnect, section 2.3; Howard et al. 2019, Searching for
    MobileNetV3, for this slope
    """

def softsign(input: Tensor, inplace: bool = False) -> Tensor:
    """Its input over one plus its absolute value.

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    inplace : bool, default False
        Write the result into the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Notes
    -----
    ``x / (1 + |x|)``

    Computed by torch, which gives NaN at infinity; the NumPy reference gives the limits.

    References
    ----------
    Bergstra, Desjardins, Lamblin & Bengio 2009, Quadratic polynomials learn better image features
    """

def logsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """The logarithm of the logistic function: softplus, turned by 180 degrees.

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    inplace : bool, default False
        Write the result into the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Notes
    -----
    ``-ln(1 + exp(-x))``

    References
    ----------
    Dugas et al. 2000, Incorporating second-order functional knowledge: softplus(-x), negated
    """

def glu(input: Tensor, dim: int = -1) -> Tensor:
    """One half of the features times the sigmoid of the other half.

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    dim : int, default -1
        Axis of the features, which becomes half as long.

    Returns
    -------
    Tensor
        With axis `dim` half as long.

    Raises
    ------
    ShapeError
        There is no axis `dim`, or its length is odd.

    Notes
    -----
    ``a / (1 + exp(-b)), input (a, b)``

    The second half gates the first, as in `torch.nn.GLU`. Weights trained with the gate in front
    (xFormers, Megatron) need their two halves exchanged. As an arm the features are on axis 1.

    References
    ----------
    Dauphin, Fan, Auli & Grangier 2017, Language modeling with gated convolutional networks
    """

def reglu(input: Tensor, dim: int = -1) -> Tensor:
    """One half of the features times the ReLU of the other half.

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    dim : int, default -1
        Axis of the features, which becomes half as long.

    Returns
    -------
    Tensor
        With axis `dim` half as long.

    Raises
    ------
    ShapeError
        There is no axis `dim`, or its length is odd.

    Notes
    -----
    ``a max(0, b), input (a, b)``

    The second half gates the first, as in `torch.nn.GLU`. Weights trained with the gate in front
    (xFormers, Megatron) need their two halves exchanged. As an arm the features are on axis 1.

    References
    ----------
    Shazeer 2020, GLU variants improve transformer
    """

def geglu(input: Tensor, dim: int = -1) -> Tensor:
    """One half of the features times the GELU of the other half.

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    dim : int, default -1
        Axis of the features, which becomes half as long.

    Returns
    -------
    Tensor
        With axis `dim` half as long.

    Raises
    ------
    ShapeError
        There is no axis `dim`, or its length is odd.

    Notes
    -----
    ``a b Phi(b), input (a, b)``

    The second half gates the first, as in `torch.nn.GLU`. Weights trained with the gate in front
    (xFormers, Megatron) need their two halves exchanged. As an arm the features are on axis 1.

    References
    ----------
    Shazeer 2020, GLU variants improve transformer
    """

def swiglu(input: Tensor, dim: int = -1) -> Tensor:
    """One half of the features times the SiLU of the other half.

    Parameters
    ----------
    input : Tensor
        Any shape and floating dtype.
    dim : int, default -1
        Axis of the features, which becomes half as long.

    Returns
    -------
    Tensor
        With axis `dim` half as long.

    Raises
    ------
    ShapeError
        There is no axis `dim`, or its length is odd.

    Notes
    -----
    ``a b / (1 + exp(-b)), input (a, b)``

    The second half gates the first, as in `torch.nn.GLU`. Weights trained with the gate in front
    (xFormers, Megatron) need their two halves exchanged. As an arm the features are on axis 1.

    References
    ----------
    Shazeer 2020, GLU variants improve transformer
    """
