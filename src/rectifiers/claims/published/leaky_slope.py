"""leaky-slope: a slope of 1/5.5 beats 1/100, and leaky beats ReLU."""

from rectifiers.claims import Claim, Criterion, Difference, Part
from rectifiers.claims.published.rrelu_overfits_less import SCALES

_BETTER = Criterion("above", 0, 0)

claim = Claim(
    name="leaky-slope",
    title="A leaky slope of 1/5.5 beats 1/100, and leaky beats ReLU",
    statement="""With a slope as large as 1/5.5 leaky ReLU is better than with the usual 1/100, and better
    than ReLU.""",
    source="Xu, Wang, Chen & Li 2015, Empirical evaluation of rectified activations",
    parts=(
        Part("1/5.5 is above 1/100", Difference("leaky_relu(1/5.5)", "leaky_relu(0.01)"), _BETTER),
        Part("1/5.5 is above ReLU", Difference("leaky_relu(1/5.5)", "relu"), _BETTER),
        Part("1/100 is above ReLU", Difference("leaky_relu(0.01)", "relu"), _BETTER, decides=False),
    ),
    scales=SCALES,
    remarks="The runs are those of rrelu-overfits-less.",
)
