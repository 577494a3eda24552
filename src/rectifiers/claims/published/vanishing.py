"""vanishing: saturating activations lose the gradient with depth, ReLU and leaky do not."""

from rectifiers.claims import Claim, Computed, Criterion, Part, Scale
from rectifiers.claims._watched import inside

_LOST, _KEPT = Criterion("below", -2, 0), Criterion("above", -1, 0)
_ARMS = {"sigmoid": _LOST, "tanh": _LOST, "relu": _KEPT, "leaky_relu(0.01)": _KEPT, "elu": _KEPT}
_SOME = Criterion("above", 0.01, 0)


def _at_start(arm: str, of: str = "vanishing", **gain: float) -> Computed:
    return Computed(inside, arm=arm, of=of, **gain)


claim = Claim(
    name="vanishing",
    title="Saturating activations lose the gradient with depth; ReLU and leaky do not",
    statement="""With sigmoid or tanh the gradient shrinks from layer to layer until rounding noise takes
    over; with ReLU and its leaky kin it does not.""",
    source="Textbook knowledge since Hochreiter 1991 and Bengio, Simard & Frasconi 1994; said in many posts",
    parts=(
        *(Part(f"{arm}, at its own gain", _at_start(arm), how, arm != "elu") for arm, how in _ARMS.items()),
        *(
            Part(f"{arm}, at gain {gain}", _at_start(arm, gain=gain), how, False)
            for gain in (1.0, 1.41)
            for arm, how in _ARMS.items()
        ),
        Part("sigmoid: gradients are lost to rounding", _at_start("sigmoid", "rounding"), _SOME),
    ),
    scales={
        "quick": Scale(0.2, "20 layers of 64", settings={"seeds": 10, "depth": 20, "width": 64}),
        "desk": Scale(0.6, "25 layers of 128", settings={"seeds": 20, "depth": 25, "width": 128}),
    },
    remarks="""Numbers are log10 of the gradient's root mean square at the first layer over that at
    the last, at the start of training: lost means less than a hundredth, kept more than a tenth. Lost to
    rounding means more than 1 % of the first layer's gradients subnormal or flushed to 0 in float32.""",
)
