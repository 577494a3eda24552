# Written by tools/write_stubs.py from the registry: change the records, not this file.
from typing import ClassVar, Self

import torch
from torch import Tensor

from rectifiers.activations import Activation, Elementwise, Gated
from rectifiers.nn._axis import CReLU as CReLU
from rectifiers.nn._axis import Maxout as Maxout
from rectifiers.nn._axis import MaxoutLinear as MaxoutLinear
from rectifiers.nn._axis import Softmax as Softmax
from rectifiers.nn._groups import parameter_groups as parameter_groups

__all__ = [
    "CELU",
    "ELU",
    "GEGLU",
    "GELU",
    "GLU",
    "SELU",
    "CReLU",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "Maxout",
    "MaxoutLinear",
    "Mish",
    "PReLU",
    "RReLU",
    "ReGLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "SquaredReLU",
    "SwiGLU",
    "Tanh",
    "of",
    "parameter_groups",
]

def of(record: Activation) -> type[torch.nn.Module]: ...

class Sigmoid(torch.nn.Sigmoid):
    """The logistic function, from 0 to 1.

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input.

    Notes
    -----
    ``1 / (1 + exp(-x))``

    References
    ----------
    Rumelhart, Hinton & Williams 1986, Learning representations by back-propagating errors
    """

    record: ClassVar[Elementwise]
    inplace: bool

    def __init__(self, inplace: bool = False) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...

class Tanh(torch.nn.Tanh):
    """The hyperbolic tangent, from -1 to 1.

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input.

    Notes
    -----
    ``tanh(x)``

    References
    ----------
    LeCun, Bottou, Orr & Mueller 1998, Efficient backprop
    """

    record: ClassVar[Elementwise]
    inplace: bool

    def __init__(self, inplace: bool = False) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...

class ReLU(torch.nn.ReLU):
    """The positive part of its input.

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input.

    Notes
    -----
    ``max(0, x)``

    The derivative at 0 is 0.

    References
    ----------
    Nair & Hinton 2010, Rectified linear units improve restricted Boltzmann machines; Glorot, Bordes &
    Bengio 2011, Deep sparse rectifier neural networks
    """

    record: ClassVar[Elementwise]
    inplace: bool

    def __init__(self, inplace: bool = False) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...

class LeakyReLU(torch.nn.LeakyReLU):
    """Its input where positive, a fixed fraction of it elsewhere.

    Parameters
    ----------
    negative_slope : float, default 0.01
        Slope where the input is not positive; any sign.
    inplace : bool, default False
        Write the result into the input.

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

    record: ClassVar[Elementwise]
    inplace: bool

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...
    @classmethod
    def from_divisor(cls, divisor: float = 5.5, inplace: bool = False) -> Self:
        """Return the LeakyReLU that *divides* negative inputs: ``x / divisor``.

        Parameters
        ----------
        divisor : float, default 5.5
            Its reciprocal is the slope: 5.5 means 0.1818, not 5.5.
        inplace : bool, default False

        Returns
        -------
        LeakyReLU

        References
        ----------
        Xu, Wang, Chen & Li 2015, section 2.2, who write a for what this library calls 1 / slope.
        """

class PReLU(torch.nn.PReLU):
    """Its input where positive, a learned fraction of it elsewhere; one slope, or one per channel.

    Parameters
    ----------
    num_parameters : int, default 1
        1 for one weight shared by all features, or their number along `dim`.
    init : float, default 0.25
        Initial value of every weight.
    device : torch.device, optional
        Where the weight lives.
    dtype : torch.dtype, optional
        Type of the weight.
    dim : int, default 1
        Axis along which there is one weight per feature.
    inplace : bool, default False
        Write the result into the input.

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

    record: ClassVar[Elementwise]
    inplace: bool

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
        *,
        dim: int = 1,
        inplace: bool = False,
    ) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...

class RReLU(torch.nn.RReLU):
    """Its input where positive, a random fraction of it elsewhere (the mean one outside training).

    Parameters
    ----------
    lower : float, default 0.125
        Lower bound of the random slope.
    upper : float, default 0.3333333333333333
        Upper bound of the random slope.
    inplace : bool, default False
        Write the result into the input.
    per : {'element', 'channel', 'call'}, default 'element'
        Whether there is one slope per element, per example and channel (axes 0 and 1), or per call.
    generator : torch.Generator, optional
        Source of the random numbers; the device's default generator if None.

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

    record: ClassVar[Elementwise]
    inplace: bool

    def __init__(
        self,
        lower: float = 0.125,
        upper: float = 0.3333333333333333,
        inplace: bool = False,
        *,
        per: str = "element",
        generator: torch.Generator | None = None,
    ) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...
    @classmethod
    def from_divisors(
        cls,
        lower: float = 3.0,
        upper: float = 8.0,
        inplace: bool = False,
        *,
        per: str = "element",
        generator: torch.Generator | None = None,
    ) -> Self:
        """Return the RReLU that *divides* negative inputs: x / a with a ~ U(lower, upper).

        The slope 1 / a is not uniform, and outside training it is 2 / (lower + upper): 1 / 5.5 = 0.1818 for
        3 and 8, where the mean of U(1/8, 1/3) is 0.2292.

        Parameters
        ----------
        lower, upper : float, default 3.0 and 8.0
            Bounds of the divisor; ``0 < lower <= upper``.
        inplace : bool, default False
        per : {"element", "channel", "call"}, default "element"
            Whether there is one divisor per element, per example and channel (axes 0 and 1), or per call.
        generator : torch.Generator, optional
            Source of the random numbers; the device's default generator if None.

        Returns
        -------
        RReLU

        References
        ----------
        Xu, Wang, Chen & Li 2015, section 2.4.
        """

class ELU(torch.nn.ELU):
    """Its input where positive, an exponential that saturates at -alpha elsewhere.

    Parameters
    ----------
    alpha : float, default 1.0
        Minus the value the function saturates at; any sign.
    inplace : bool, default False
        Write the result into the input.

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

    record: ClassVar[Elementwise]
    inplace: bool

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...

class SELU(torch.nn.SELU):
    """ELU scaled so that zero mean and unit variance reproduce themselves from layer to layer.

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input.

    Notes
    -----
    ``1.0507 * (x if x > 0 else 1.6733 * (exp(x) - 1))``

    The fixed point needs weights of gain 1 (torch's `calculate_gain` says 3/4, which breaks it).

    References
    ----------
    Klambauer, Unterthiner, Mayr & Hochreiter 2017, Self-normalizing neural networks
    """

    record: ClassVar[Elementwise]
    inplace: bool

    def __init__(self, inplace: bool = False) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...

class CELU(torch.nn.CELU):
    """ELU with x / alpha in the exponential, so that its slope is 1 on both sides of 0.

    Parameters
    ----------
    alpha : float, default 1.0
        Minus the value the function saturates at; not 0.
    inplace : bool, default False
        Write the result into the input.

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

    record: ClassVar[Elementwise]
    inplace: bool

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...

class ReLU6(torch.nn.ReLU6):
    """Its input clipped to [0, 6].

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input.

    Notes
    -----
    ``min(max(0, x), 6)``

    References
    ----------
    Krizhevsky 2010, Convolutional deep belief networks on CIFAR-10
    """

    record: ClassVar[Elementwise]
    inplace: bool

    def __init__(self, inplace: bool = False) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...

class Softplus(torch.nn.Softplus):
    """A smooth ReLU; sharper for a larger beta, the input itself where beta * x > threshold.

    Parameters
    ----------
    beta : float, default 1.0
        Sharpness; not 0.
    threshold : float, default 20.0
        The function is the input where beta * x is above it.
    inplace : bool, default False
        Write the result into the input.

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

    record: ClassVar[Elementwise]
    inplace: bool

    def __init__(self, beta: float = 1.0, threshold: float = 20.0, inplace: bool = False) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...

class GELU(torch.nn.GELU):
    """Its input times the probability that a standard normal variable is below it.

    Parameters
    ----------
    approximate : {'none', 'tanh'}, default 'none'
        ``'tanh'`` for 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
    inplace : bool, default False
        Write the result into the input.

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

    record: ClassVar[Elementwise]
    inplace: bool

    def __init__(self, approximate: str = "none", inplace: bool = False) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...

class SiLU(torch.nn.SiLU):
    """Its input times the logistic function of it; also called Swish.

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input.

    Notes
    -----
    ``x / (1 + exp(-x))``

    References
    ----------
    Elfwing, Uchibe & Doya 2017, Sigmoid-weighted linear units; Ramachandran, Zoph & Le 2017, Searching
    for activation functions
    """

    record: ClassVar[Elementwise]
    inplace: bool

    def __init__(self, inplace: bool = False) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...

class Mish(torch.nn.Mish):
    """Its input times the hyperbolic tangent of its softplus.

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input.

    Notes
    -----
    ``x * tanh(log(1 + exp(x)))``

    References
    ----------
    Misra 2019, Mish: a self regularized non-monotonic activation function
    """

    record: ClassVar[Elementwise]
    inplace: bool

    def __init__(self, inplace: bool = False) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...

class SquaredReLU(torch.nn.Module):
    """The square of the positive part of its input.

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input.

    Notes
    -----
    ``max(0, x)^2``

    References
    ----------
    So, Manke, Liu, Dai, Shazeer & Le 2021, Primer: searching for efficient transformers
    """

    record: ClassVar[Elementwise]
    inplace: bool

    def __init__(self, inplace: bool = False) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...

class Hardswish(torch.nn.Hardswish):
    """Its input times (x + 3) / 6 clipped to [0, 1].

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input.

    Notes
    -----
    ``x min(max(0, x + 3), 6) / 6``

    References
    ----------
    Howard et al. 2019, Searching for MobileNetV3, section 5.2
    """

    record: ClassVar[Elementwise]
    inplace: bool

    def __init__(self, inplace: bool = False) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...

class Hardtanh(torch.nn.Hardtanh):
    """Its input clipped to [min_val, max_val].

    Parameters
    ----------
    min_val : float, default -1.0
        The least output, below `max_val`.
    max_val : float, default 1.0
        The largest output.
    inplace : bool, default False
        Write the result into the input.

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

    record: ClassVar[Elementwise]
    inplace: bool

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...

class Hardsigmoid(torch.nn.Hardsigmoid):
    """The line (x + 3) / 6 clipped to [0, 1].

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input.

    Notes
    -----
    ``min(max(0, x + 3), 6) / 6``

    References
    ----------
    Courbariaux, Bengio & David 2015, BinaryConnect, section 2.3; Howard et al. 2019, Searching for
    MobileNetV3, for this slope
    """

    record: ClassVar[Elementwise]
    inplace: bool

    def __init__(self, inplace: bool = False) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...

class Softsign(torch.nn.Softsign):
    """Its input over one plus its absolute value.

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input.

    Notes
    -----
    ``x / (1 + |x|)``

    Computed by torch, which gives NaN at infinity; the NumPy reference gives the limits.

    References
    ----------
    Bergstra, Desjardins, Lamblin & Bengio 2009, Quadratic polynomials learn better image features
    """

    record: ClassVar[Elementwise]
    inplace: bool

    def __init__(self, inplace: bool = False) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...

class LogSigmoid(torch.nn.LogSigmoid):
    """The logarithm of the logistic function: softplus, turned by 180 degrees.

    Parameters
    ----------
    inplace : bool, default False
        Write the result into the input.

    Notes
    -----
    ``-ln(1 + exp(-x))``

    References
    ----------
    Dugas et al. 2000, Incorporating second-order functional knowledge: softplus(-x), negated
    """

    record: ClassVar[Elementwise]
    inplace: bool

    def __init__(self, inplace: bool = False) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...

class GLU(torch.nn.GLU):
    """One half of the features times the sigmoid of the other half.

    Parameters
    ----------
    dim : int, default -1
        Axis of the features, which becomes half as long.

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

    record: ClassVar[Gated]
    dim: int

    def __init__(self, dim: int = -1) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...

class ReGLU(torch.nn.Module):
    """One half of the features times the ReLU of the other half.

    Parameters
    ----------
    dim : int, default -1
        Axis of the features, which becomes half as long.

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

    record: ClassVar[Gated]
    dim: int

    def __init__(self, dim: int = -1) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...

class GEGLU(torch.nn.Module):
    """One half of the features times the GELU of the other half.

    Parameters
    ----------
    dim : int, default -1
        Axis of the features, which becomes half as long.

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

    record: ClassVar[Gated]
    dim: int

    def __init__(self, dim: int = -1) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...

class SwiGLU(torch.nn.Module):
    """One half of the features times the SiLU of the other half.

    Parameters
    ----------
    dim : int, default -1
        Axis of the features, which becomes half as long.

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

    record: ClassVar[Gated]
    dim: int

    def __init__(self, dim: int = -1) -> None: ...
    def forward(self, input: Tensor) -> Tensor: ...
