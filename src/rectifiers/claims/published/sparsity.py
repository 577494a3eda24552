"""sparsity: rectifiers give true zeros, about half at the start."""

from rectifiers.claims import Claim, Computed, Criterion, Part, Scale
from rectifiers.claims._watched import inside

_OTHERS = ("leaky_relu(0.01)", "elu", "tanh")
_PLAIN = {"seeds": 8, "steps": 300, "rate": 0.1}
_MNIST = {"task": "mnist", "depth": 3, "width": 500}
_HALF, _SOME, _NONE = Criterion("within", 0.5, 0.05), Criterion("above", 0.25, 0), Criterion("below", 0.01, 0)

claim = Claim(
    name="sparsity",
    title="Rectifiers give true zeros, about half of all outputs at the start",
    statement="""A network of rectifiers is sparse: about half of the units put out exactly 0 when it
    starts, and many do after training; smooth and leaky units put out none.""",
    source="Glorot, Bordes & Bengio 2011, Deep sparse rectifier neural networks",
    parts=(
        Part("about half at the start", Computed(inside, arm="relu", of="sparsity", steps=1), _HALF),
        Part("more than a quarter at the end", Computed(inside, arm="relu", of="sparsity"), _SOME),
        *(Part(f"none with {arm}", Computed(inside, arm=arm, of="sparsity"), _NONE) for arm in _OTHERS),
    ),
    scales={
        "quick": Scale(0.3, "digits, 4 layers of 64 units", settings={**_PLAIN, "depth": 4, "width": 64}),
        "desk": Scale(3, "MNIST, 3 layers of 500 units", settings={**_PLAIN, **_MNIST}),
    },
    remarks="Plain gradient descent, 300 steps of 64 samples, no penalty on activations.",
)
