"""Exported programs: torch.export and ONNX, run by ONNX Runtime, for every module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from rectifiers import nn
from rectifiers.activations import registry

# torch's exporters use what torch deprecates, and say which operators of torchvision there are not.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch"),
    pytest.mark.filterwarnings("ignore:.isinstance.treespec:FutureWarning"),
]

OPTIONS: dict[str, dict[str, Any]] = {"Softmax": {"dim": 1}, "PReLU": {"num_parameters": 6}}
MODULES: dict[str, torch.nn.Module] = {
    record.title: getattr(nn, record.title)(**OPTIONS.get(record.title, {})) for record in registry.values()
}
MODULES |= {
    "MaxoutLinear": nn.MaxoutLinear(8, 3, 4),
    "Maxout strided": nn.Maxout(3, 1, "strided"),
    "Maxout of the last axis": nn.Maxout(4, -1),
    "CReLU of the last axis": nn.CReLU(-1),
    "PReLU of the last axis": nn.PReLU(8, dim=-1),
    "PReLU of one slope": nn.PReLU(),
    "LeakyReLU falling": nn.LeakyReLU(-0.3),
    "ELU": nn.ELU(0.7),
    "CELU": nn.CELU(0.7),
    "GELU tanh": nn.GELU("tanh"),
    "Softplus sharp": nn.Softplus(2.0, 3.0),
    "in place": nn.ReLU6(inplace=True),
}


class All(torch.nn.Module):
    """Every module on the same input: exporting takes as long for one."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = torch.nn.ModuleList(MODULES.values())

    def forward(self, x: Tensor) -> list[Tensor]:
        return [part(x * 1) for part in self.parts]


def image(rows: int) -> Tensor:
    x = torch.randn(rows, 6, 8, generator=torch.Generator().manual_seed(rows)) * 4
    x[0, :, 0] = torch.tensor([0.0, -0.0, 6.0, -30.0, 30.0, -300.0])
    return x


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    model = All().eval()
    for parameter in model.parameters():
        torch.nn.init.uniform_(parameter, -0.5, 0.5)
    return model


@pytest.fixture(scope="module")
def program(model: torch.nn.Module) -> torch.export.ExportedProgram:
    return torch.export.export(model, (image(3),), dynamic_shapes=({0: torch.export.Dim("rows")},))


@pytest.fixture(scope="module")
def outputs_of_onnx(
    program: torch.export.ExportedProgram, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, np.ndarray]:
    path = tmp_path_factory.mktemp("onnx") / "all.onnx"
    outputs = run_onnx(program, path, image(5))
    assert len(outputs) == len(MODULES)
    return dict(zip(MODULES, outputs, strict=True))


def run_onnx(program: Any, path: Path, x: Tensor) -> list[np.ndarray]:
    torch.onnx.export(program, (x,), path, dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (input,) = session.get_inputs()
    return session.run(None, {input.name: x.numpy()})


@pytest.mark.parametrize("index, title", list(enumerate(MODULES)))
def test_an_exported_program_computes_the_same(
    index: int, title: str, model: torch.nn.Module, program: torch.export.ExportedProgram
) -> None:
    """For another number of rows as well."""
    for rows in (2, 5):
        torch.testing.assert_close(program.module()(image(rows))[index], model(image(rows))[index])


@pytest.mark.filterwarnings(
    "ignore:The given buffer is not writable:UserWarning"
)  # torch before 2.13, loading
def test_an_exported_program_is_of_torchs_operations_and_is_saved(
    model: torch.nn.Module, program: torch.export.ExportedProgram, tmp_path: Path
) -> None:
    torch.export.save(program, tmp_path / "all.pt2")
    again = torch.export.load(tmp_path / "all.pt2")
    torch.testing.assert_close(again.module()(image(4)), model(image(4)))
    called = [node.target for node in again.graph.nodes if node.op == "call_function"]
    operators = [target for target in called if isinstance(target, torch._ops.OpOverload)]
    assert {target.namespace for target in operators} == {"aten"}


@pytest.mark.parametrize("index, title", list(enumerate(MODULES)))
def test_onnx_runtime_computes_the_same(
    index: int, title: str, model: torch.nn.Module, outputs_of_onnx: dict[str, np.ndarray]
) -> None:
    """For a number of rows the model was not exported with."""
    with torch.no_grad():
        expected = model(image(5))[index]
    torch.testing.assert_close(torch.from_numpy(outputs_of_onnx[title]), expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize(
    "module, node",
    [
        (nn.RReLU(0.1, 0.3), "LeakyRelu"),
        (nn.ELU(), "Elu"),
    ],
    ids=["RReLU", "ELU"],
)
def test_one_module_is_one_node(module: torch.nn.Module, node: str, tmp_path: Path) -> None:
    exported = torch.onnx.export(module.eval(), (image(3),), dynamo=True, verbose=False)
    (only,) = exported.model.graph
    assert only.op_type == node
    if node == "LeakyRelu":
        assert only.attributes["alpha"].as_float() == pytest.approx(0.2)


def test_random_slopes_are_exported_as_random(tmp_path: Path) -> None:
    """A program of RReLU in training draws anew at each run."""
    program = torch.export.export(nn.RReLU().train(), (image(3),))
    x = -torch.ones(3, 6, 8)
    first, second = program.module()(x), program.module()(x)
    for slopes in (-first, -second):
        assert ((slopes >= 1 / 8) & (slopes <= 1 / 3)).all()
        assert len(slopes.unique()) > 100
    assert not torch.equal(first, second)


def test_a_generator_of_ones_own_cannot_be_exported() -> None:
    module = nn.RReLU(generator=torch.Generator()).train()
    with pytest.raises(torch._dynamo.exc.Unsupported):
        torch.export.export(module, (image(3),), strict=True)
