"""Every example runs, and ends with a recommendation: `make test-examples`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE, PYTHON = Path(__file__).parent, sys.executable
FUNCTIONS = ("plain_torch", "lightning_module", "huggingface_trainer", "skorch_classifier")
COMMANDS = {
    "keras_script": [
        "--command", f"{PYTHON} {HERE}/keras_script.py --act {{arm}} --lr {{lr}} --seed {{seed}} --epochs 1",
        "--metric", "test acc: ([0-9.]+)", "--lr", "0.01", "--arms", "relu,tanh", "--seeds", "2",
    ],
    "sklearn_script": [
        "--command",
        f"{PYTHON} {HERE}/sklearn_script.py --act {{arm}} --seed {{seed}} --out {{out}}/result.json",
        "--metric-file", "{out}/result.json:accuracy", "--arms", "relu,tanh,logistic", "--max-seeds", "6",
    ],
}  # fmt: skip


def run(place, *words):
    done = subprocess.run(
        words,
        cwd=place,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_training_function_ends_with_a_recommendation(name, tmp_path):
    said = run(tmp_path, sys.executable, str(HERE / f"{name}.py"))
    assert "Verdicts hold for this task" in " ".join(said.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_script_ends_with_a_recommendation(name, tmp_path):
    said = run(tmp_path, sys.executable, "-m", "rectifiers", "compare", *COMMANDS[name], "--jobs", "2")
    assert "Verdicts hold for this task" in " ".join(said.split())
