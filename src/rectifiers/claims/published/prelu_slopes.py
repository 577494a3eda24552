"""prelu-slopes: learned slopes are larger in the first layer than deeper."""

from rectifiers.claims import Claim, Computed, Criterion, Part, Scale
from rectifiers.claims._watched import inside

_PLAIN = {"seeds": 8, "width": 16, "model": "cnn"}
_QUICK = {"depth": 4, "steps": 400, "rate": 0.1}
_DESK = {"task": "mnist", "depth": 6, "steps": 600, "rate": 0.02}
_CHANGES = "of 16 channels instead of ImageNet and 14 layers"
_ABOVE, _GROWS = Criterion("above", 0, 0), Criterion("above", 0.25, 0)


def _slope(layer: int, less: str = "") -> Computed:
    return Computed(inside, arm="prelu", of=f"slope {layer}", less={"of": less} if less else None)


claim = Claim(
    name="prelu-slopes",
    title="PReLU learns larger slopes in the first layer than deeper",
    statement="""Where every channel learns its slope, from .25 and without weight decay, the slopes of
    the first layer end larger than those of deeper layers.""",
    source="He, Zhang, Ren & Sun 2015, Delving deep into rectifiers, table 1",
    parts=(
        Part("the first layer's slope is above the mean of the others", _slope(1, "deeper slopes"), _ABOVE),
        *(Part(f"layer {layer}: the slope grows", _slope(layer), _GROWS, False) for layer in range(1, 5)),
    ),
    scales={
        "quick": Scale(0.6, f"digits, four convolutions {_CHANGES}", True, settings={**_PLAIN, **_QUICK}),
        "desk": Scale(6, f"MNIST, six convolutions {_CHANGES}", True, settings={**_PLAIN, **_DESK}),
    },
    remarks="Slopes are means over the channels of a layer; all start at .25.",
)
