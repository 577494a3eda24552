"""wrong-derivative: XOR is not learned when leaky ReLU's derivative is one number for the whole array."""

from rectifiers.claims import Claim, Criterion, Part, Scale, Share

_ARMS = {
    "right": "leaky_relu(0.01)",
    "wrong (any)": "rectifiers.claims.models:WholeArray('any')",
    "wrong (all)": "rectifiers.claims.models:WholeArray('all')",
}
_STUDY = {"task": "xor", "arms": _ARMS, "width": 4, "epochs": 500}
_MOST, _FEW = Criterion("above", 0.5, 0), Criterion("below", 0.5, 0)
_CHANGES = "a 2-4-1 network on inputs -1 and 1, sgd, each arm's rate chosen on a grid"

claim = Claim(
    name="wrong-derivative",
    title="XOR is not learned with leaky ReLU's derivative taken of a whole array",
    statement="""A network whose code tests an array as a whole, and so multiplies all gradients by one
    number, does not learn XOR; with the derivative taken element by element it does.""",
    source="An answer on a Q&A site about a network that does not learn XOR",
    parts=(
        Part("with the right derivative most seeds solve it", Share("right", 100), _MOST),
        Part("with 1 if any is positive, most do not", Share("wrong (any)", 100), _FEW),
        Part("with 1 if all are positive, most do not", Share("wrong (all)", 100), _FEW),
    ),
    scales={
        "quick": Scale(0.5, _CHANGES, studies={"main": {**_STUDY, "seeds": 20, "tuning_seeds": 1}}),
        "desk": Scale(2, _CHANGES, studies={"main": {**_STUDY, "seeds": 100}}),
    },
    remarks="""The two readings are what `if x.any() > 0` and `if x.all() > 0` do, whichever the code had.
    The array is the layer's pre-activations over the batch of all four points.""",
)
