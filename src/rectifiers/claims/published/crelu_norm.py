"""crelu-norm: CReLU keeps the norm of its input forward, but not that of a gradient backward."""

import functools
from typing import Any

import numpy as np

from rectifiers.claims import Claim, Computed, Criterion, Part, Scale


def ratios(vectors: int, features: int, way: str) -> np.ndarray:
    """Norm of the output over that of the input: of CReLU, of its tangent map, or of its backward map."""
    import torch

    from rectifiers import functional

    generator = torch.Generator().manual_seed(0)
    normal = functools.partial(torch.randn, generator=generator, dtype=torch.float64)
    x = normal(vectors, features)
    if way == "forward":
        source, found = x, functional.crelu(x)
    elif way == "tangents":
        source = normal(vectors, features)
        found = torch.func.jvp(functional.crelu, (x,), (source,))[1]
    else:
        source = normal(vectors, 2 * features)
        if way == "counterexample":  # the gradient arrives where CReLU was 0
            source = (functional.crelu(x) == 0).to(torch.float64)
        found = torch.func.vjp(functional.crelu, x)[1](source)[0]
    return np.asarray((found.norm(dim=1) / source.norm(dim=1)).numpy())


def figure(of: str, **settings: Any) -> Any:
    """The largest relative change of a norm, the largest ratio, or the squared ratio vector by vector."""
    found = ratios(**settings)
    return {"change": np.abs(found - 1).max(), "ratio": found.max(), "squares": found**2}[of]


_PARTS: tuple[tuple[str, str, str, tuple[Any, ...], bool], ...] = (
    ("forward, the norm is kept", "change", "forward", ("within", 0, 1e-12), True),
    ("tangents keep their norm", "change", "tangents", ("within", 0, 1e-12), True),
    ("backward, the norm of any gradient is kept", "squares", "backward", ("within", 1, 0.01), True),
    ("backward, half of the square is kept on average", "squares", "backward", ("within", 0.5, 0.01), False),
    ("backward, no gradient grows", "ratio", "backward", ("below", 1, 0), False),
    ("a gradient that is lost altogether", "ratio", "counterexample", ("within", 0, 0), False),
)

claim = Claim(
    name="crelu-norm",
    title="CReLU keeps the norm, forward and backward",
    statement="""CReLU leaves the norm of its input as it is, and that of gradients on their way back, so
    that signals neither grow nor shrink.""",
    source="Introductions to CReLU; the property in its paper, Shang et al. 2016, is another: reconstruction",
    parts=tuple(
        Part(says, Computed(figure, of=of, way=way), Criterion(*criterion), decides)
        for says, of, way, criterion, decides in _PARTS
    ),
    scales={
        "quick": Scale(0.02, settings={"vectors": 1000, "features": 64}),
        "desk": Scale(0.1, settings={"vectors": 20000, "features": 256}),
    },
    remarks="""The Jacobian has orthonormal columns: of each pair of rows one is a unit vector and the
    other 0. So tangents keep their norm, and J'g leaves out the entries of g that belong to the rows of
    zeros. The counterexample is a gradient that is 1 exactly there.""",
)
