"""Every example runs, and ends with what it is there to show: `make test-examples`."""

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


def test_xor_is_missed_with_the_wrong_derivative_and_check_says_why(tmp_path):
    wrong, right = run(tmp_path, sys.executable, str(HERE / "xor_numpy.py")).split("with the right")
    assert int(wrong.split("from ")[1].split()[0]) <= 16
    assert "WRONG: returns one number for the whole array" in wrong
    assert int(right.split("from ")[1].split()[0]) >= 18
    assert "leaky_relu, right: right" in right


def test_dead_relus_are_seen_and_the_leaky_network_lives(tmp_path):
    dead, lives = run(tmp_path, sys.executable, str(HERE / "dying_relu.py")).split("LeakyReLU(0.1): ")
    assert "100 % of the 64 units of 3 are dead" in dead
    assert int(dead.split("ReLU: ")[1].split("%")[0]) < 60
    assert int(lives.split("%")[0]) > 95
    assert "no unit died" in lives


def test_the_gradient_vanishes_with_sigmoid_and_not_with_relu(tmp_path):
    sigmoid, relu = run(tmp_path, sys.executable, str(HERE / "vanishing.py")).splitlines()
    assert float(sigmoid.split("gets ")[1].split()[0]) < 1e-5
    assert float(relu.split("gets ")[1].split()[0]) > 0.1
    assert (tmp_path / "vanishing.svg").stat().st_size > 10_000
