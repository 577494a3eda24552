"""Plans: defaults from the task, rules in one line, users' own models and data."""

import dataclasses
import sys

import pytest
import torch

from rectifiers import study, tasks
from rectifiers.errors import (
    ArgumentError,
    ArgumentTypeError,
    ImportPathError,
    RectifiersError,
    UnknownNameError,
    UserCodeError,
)
from rectifiers.records.values import Notice

LOAD = """
import torch
def load():
    x = torch.randn({n}, 5, generator=torch.Generator().manual_seed(0))
    return x, (x.sum(1) > 0).long(), x[:7], (x[:7].sum(1) > 0).long()
def regression():
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))
    return x, x.sum(1), x[:7], x[:7].sum(1)
"""
BUILD = """
import torch
from torch import nn
def build(activation):
    return nn.Sequential(nn.Flatten(), nn.Linear(2, 8), activation(8), nn.Linear(activation.outputs(8), 1))
"""


def test_what_is_not_said_comes_from_the_task():
    plan = study.make_plan("digits", arms="tanh,relu").plan
    defaults = tasks.get("digits").defaults
    for name in ("model", "width", "depth", "epochs", "batch_size", "optimizer", "momentum", "schedule"):
        assert getattr(plan, name) == getattr(defaults, name), name
    assert plan.learning_rates == tuple(sorted(defaults.learning_rates))
    assert plan.task == "digits"
    assert (plan.metric, plan.unit) == ("accuracy", "%")
    assert plan.resolution == pytest.approx(100 / 597)
    assert (plan.train_size, plan.validation_size, plan.test_size) == (1200, 200, 597)
    assert (plan.input_shape, plan.outputs) == ((1, 8, 8), 10)
    assert (plan.racing, plan.seeds, plan.tuning_seeds) == (True, 40, 3)
    assert (plan.margin, plan.confidence, plan.vary) == (None, 0.95, "seeds")
    assert (plan.initialization, plan.match) == ("gain", "parameters")
    assert (plan.device, plan.norms) == ("cpu", ("none",))
    assert plan.target is None
    assert plan.model_code is plan.data_code is None


def test_digits_is_the_task_when_none_is_named(prepare):
    assert prepare(None).plan.task == "digits"


def test_what_is_said_is_what_is_planned(prepare):
    words = {
        "norms": "batch,none",
        "seeds": 3,
        "tuning_seeds": 4,
        "epochs": 6,
        "batch_size": 2,
        "optimizer": "adamw",
        "weight_decay": 0.01,
        "schedule": "constant",
        "width": 7,
        "depth": 3,
        "match": "width",
        "initialization": "own",
        "margin": 1.5,
        "confidence": 0.9,
        "target": 5,
    }
    plan = prepare(**words, learning_rate=[0.1, 0.01]).plan
    for name, value in words.items():
        assert getattr(plan, name) == (("batch", "none") if name == "norms" else value), name
    assert plan.learning_rates == (0.01, 0.1)
    assert plan.momentum == 0


def test_the_control_is_the_first_or_the_one_named(prepare):
    assert prepare(arms="tanh,relu").plan.control == "tanh"
    assert prepare(arms="tanh,relu", control="relu").plan.control == "relu"
    spelt = prepare(arms="tanh,leaky_relu(1/100)", control="leaky_relu(0.01)")
    assert spelt.plan.control == "leaky_relu(1/100)"


def test_widths_are_matched_by_parameters_or_kept():
    words = {"arms": "relu,crelu,maxout(pieces=3)", "learning_rate": 0.1, "width": 60}
    matched = study.make_plan("digits", **words)
    counts = [cell.parameters for cell in matched.cells.values()]
    assert max(counts) / min(counts) < 1.03
    kept = study.make_plan("digits", **words, match="width")
    assert [arm.width for arm in kept.plan.arms] == [60, 60, 60]
    assert matched.plan.arms[0].width == 60
    assert all(arm.width < 60 for arm in matched.plan.arms[1:])


def test_arms_have_gains_and_pictures(prepare):
    relu, crelu = prepare(arms="relu,crelu").plan.arms
    assert relu.gain == pytest.approx(2**0.5)
    assert relu.curve.f[0] == 0
    assert relu.curve.df[-1] == 1
    assert crelu.curve is None


def test_a_picture_leaves_out_what_is_not_finite(prepare, write_module):
    path = write_module("import torch\ndef log(x):\n    return torch.log(x)\n")
    arm = prepare(arms=["relu", f"{path}:log"]).plan.arms[1]
    assert 0 < len(arm.curve.x) == len(arm.curve.f) == len(arm.curve.df) < 161
    assert min(arm.curve.x) > 0


@pytest.mark.parametrize(
    "words, kind, said",
    [
        ({"seeds": 0}, ArgumentError, "`seeds >= 1` must hold, but got seeds=0"),
        ({"tuning_seeds": 0}, ArgumentError, "`tuning seeds >= 1`"),
        ({"epochs": 0}, ArgumentError, "`epochs >= 1`"),
        ({"batch_size": 0}, ArgumentError, "`batch size >= 1`"),
        ({"width": 0}, ArgumentError, "`width >= 1`"),
        ({"depth": -1}, ArgumentError, "`depth >= 1`"),
        ({"epochs": 1.5}, ArgumentTypeError, "epochs is a whole number, but got 1.5"),
        ({"margin": 0}, ArgumentError, "margin is `auto` or a number above 0, but got 0"),
        ({"margin": float("nan")}, ArgumentError, "number above 0, but got nan"),
        ({"margin": "wide"}, ArgumentError, "margin is `auto` or a number above 0, but got 'wide'"),
        ({"vary": "data"}, UnknownNameError, "unknown vary 'data'"),
        ({"seeds": 3, "max_seeds": 9}, ArgumentError, "give one, but got seeds=3 and max_seeds=9"),
        ({"seeds": None, "max_seeds": 1}, ArgumentError, "`max seeds >= 2` must hold, but got max seeds=1"),
        ({"confidence": 1}, ArgumentError, "`0 < confidence < 1` must hold"),
        ({"confidence": 95}, ArgumentError, "`0 < confidence < 1` must hold"),
        ({"momentum": 1}, ArgumentError, "`0 <= momentum < 1` must hold"),
        ({"momentum": 0.5, "optimizer": "adam"}, ArgumentError, "momentum is an argument of sgd"),
        ({"weight_decay": -1}, ArgumentError, "`0 <= weight decay` must hold"),
        ({"target": 100}, ArgumentError, "`0 <= target < 100` must hold"),
        ({"learning_rate": 0}, ArgumentError, "`0 < learning rate` must hold"),
        ({"learning_rate": "quick"}, ArgumentError, "learning rate is `auto`"),
        ({"norms": "layer"}, UnknownNameError, "unknown norm 'layer'"),
        ({"norms": "none,none"}, ArgumentError, "each norm is given once"),
        ({"optimizer": "sdg"}, UnknownNameError, "unknown optimizer 'sdg': did you mean 'sgd'"),
        ({"schedule": "cosin"}, UnknownNameError, "did you mean 'cosine'"),
        ({"match": "weights"}, UnknownNameError, "unknown match"),
        ({"initialization": "he"}, UnknownNameError, "unknown initialization"),
        ({"model": "mlpp"}, UnknownNameError, "did you mean 'mlp'"),
        ({"device": "cuda:99"}, ArgumentError, "device 'cuda:99' cannot be used here"),
        ({"arms": "relu"}, ArgumentError, "a comparison needs at least two arms, but got only relu"),
        ({"arms": "relu,rleu"}, UnknownNameError, "did you mean 'relu'"),
        ({"arms": "relu,leaky_relu(abc)"}, ArgumentError, "abc"),
        ({"arms": "relu,rrelu(0.5,0.1)"}, ArgumentError, "0.5"),
        ({"arms": "relu,maxout(pieces=0)"}, ArgumentError, "pieces"),
        (
            {"control": "elu"},
            ArgumentError,
            "the control must be one of the arms (relu, tanh), but got 'elu'",
        ),
        ({"control": "relo"}, UnknownNameError, "did you mean 'relu'"),
        ({"task": "diggits"}, UnknownNameError, "did you mean 'digits'"),
        ({"data": "x.py:load"}, ArgumentError, "give a task or your own data"),
        ({"task": None, "data": "nowhere:load"}, ImportPathError, "nowhere"),
        ({"model": "nowhere:build"}, ImportPathError, "nowhere"),
        (
            {"model": print},
            UserCodeError,
            "builtins:print must return a torch.nn.Module, but returned NoneType",
        ),
        ({"model": 5}, ArgumentTypeError, "model is a function, or the path of one"),
    ],
)
def test_what_is_refused_is_refused_in_one_line(prepare, words, kind, said):
    words = {"width": None, **words} if "model" in words else words
    with pytest.raises(kind) as caught:
        prepare(**words)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, RectifiersError)


def test_own_data(prepare, write_module):
    path = write_module(LOAD.format(n=40)) + ":load"
    prepared = prepare(None, data=path, learning_rate="0.1,0.3")
    plan = prepared.plan
    assert plan.data_code.startswith(f"{path}@")
    assert (plan.train_size, plan.validation_size, plan.test_size) == (40, 7, 7)
    edited = prepare(None, data=write_module(LOAD.format(n=41)) + ":load", learning_rate="0.1,0.3").plan
    assert edited.data_code != plan.data_code
    assert edited.data_hash != plan.data_hash


def test_own_regression(prepare, write_module, conduct):
    path = write_module(LOAD.format(n=40)) + ":regression"
    prepared = prepare(None, data=path, epochs=2)
    assert (prepared.plan.metric, prepared.plan.unit, prepared.plan.resolution) == ("R2", "%", 0)
    run = conduct(prepared).runs[0]
    assert run.outcome == "finished"
    assert len(run.train_loss) == 2
    assert run.train_error == ()
    with pytest.raises(
        ArgumentError, match="target is a training error in %, which only a classification has"
    ):
        prepare(None, data=path, target=5)


def test_a_single_training_sample_is_not_split(prepare, write_module):
    module = "import torch\ndef load():\n    x = torch.ones(1, 2)\n    return x, x[:, 0], x, x[:, 0]\n"
    with pytest.raises(RectifiersError):
        prepare(None, data=write_module(module) + ":load", learning_rate="0.1,0.2")


def test_an_own_model(prepare, write_module, conduct):
    path = write_module(BUILD) + ":build"
    prepared = prepare(model=path, width=None, arms="relu,crelu,tanh")
    plan = prepared.plan
    assert plan.model == path
    assert plan.model_code.startswith(f"{path}@")
    assert plan.initialization == "own"
    assert (plan.width, plan.depth) == (0, 0)
    assert [(arm.width, arm.gain) for arm in plan.arms] == [(None, 1.0)] * 3
    study = conduct(prepared)
    assert {run.outcome for run in study.runs} == {"finished"}
    proofs = {arm: {run.init_hash for run in study.of("test", arm)} for arm in ("relu", "tanh", "crelu")}
    assert proofs["relu"] == proofs["tanh"] != proofs["crelu"]
    assert prepare(model=path, width=None, initialization="gain").plan.arms[0].gain == pytest.approx(2**0.5)


def test_an_own_model_of_the_running_script(prepare, write_module, monkeypatch):
    """In a notebook, what is defined in a cell lives in ``__main__``."""
    scope = {}
    exec(BUILD, scope)
    monkeypatch.setattr(sys.modules["__main__"], "build", scope["build"], raising=False)
    assert prepare(model="__main__:build", width=None).plan.model == "__main__:build"


@pytest.mark.parametrize(
    "words, said",
    [
        ({"width": 5}, "width is for the built-in models"),
        ({"width": None, "depth": 2}, "depth is for the built-in models"),
        ({"width": None, "norms": "none,batch"}, "norm none,batch is for the built-in models"),
    ],
)
def test_an_own_model_decides_what_it_is_made_of(prepare, write_module, words, said):
    with pytest.raises(ArgumentError, match=said):
        prepare(model=write_module(BUILD) + ":build", **words)


@pytest.mark.parametrize(
    "body, said",
    [
        ("raise ValueError('no\\nidea')", "raised ValueError: no idea"),
        ("return 5", "must return a torch.nn.Module, but returned int"),
        ("return nn.Sequential(nn.Flatten(), nn.Linear(3, 1))", "RuntimeError"),
        ("return nn.Sequential(nn.Flatten(), nn.Linear(2, 4), activation(4))", "(n, 1)"),
    ],
)
def test_an_own_model_that_does_not_work_is_told_at_once(prepare, write_module, body, said):
    path = write_module(f"from torch import nn\ndef build(activation):\n    {body}\n") + ":build"
    with pytest.raises(UserCodeError) as caught:
        prepare(model=path, width=None)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_planning_changes_nothing_in_the_program_and_writes_nothing(prepare, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(3)
    expected = torch.rand(3).tolist()
    torch.manual_seed(3)
    threads = torch.get_num_threads()
    prepare("digits", arms="relu,rrelu,prelu,maxout")
    assert torch.rand(3).tolist() == expected
    assert torch.get_num_threads() == threads
    assert list(tmp_path.iterdir()) == []


def test_the_same_words_give_the_same_plan(prepare):
    assert prepare().plan == prepare().plan
    assert prepare().plan.hash == prepare().plan.hash
    assert dataclasses.replace(prepare(seeds=3).plan, seeds=2) == prepare().plan


def test_a_margin_below_one_test_sample_is_warned_of(prepare):
    assert [(n.code, "less than one test sample (25 %)" in n.text) for n in prepare(margin=0.2).warnings] == [
        ("margin-below-one-sample", True)
    ]
    assert prepare(margin=25).warnings == ()


def test_what_a_task_notes_about_its_data_is_warned_of(prepare, monkeypatch):
    digits = tasks.get("digits")
    load = digits.load
    noting = dataclasses.replace(
        digits, loader=lambda place: dataclasses.replace(load(place), notes=("found late",))
    )
    monkeypatch.setattr(tasks, "get", lambda name: noting)
    assert prepare("digits").warnings[0] == Notice("data", "found late")


def test_each_kind_of_optimiser_has_its_own_grid(prepare):
    sgd = prepare("digits", learning_rate="auto").plan.learning_rates
    adam, adamw = (
        prepare("digits", learning_rate="auto", optimizer=name).plan.learning_rates
        for name in ("adam", "adamw")
    )
    assert adam == adamw != sgd
    assert max(adam) < 0.1 < max(sgd)


ONE_SET = """
import torch
def load():
    g = torch.Generator().manual_seed(0)
    y = torch.arange(120) % 3
    return torch.randn(120, 4, generator=g) + y[:, None], y
"""


def test_one_set_of_ones_own_is_split_anew_with_every_seed(prepare, write_module):
    path = write_module(ONE_SET) + ":load"
    own = prepare(None, data=path)
    assert (own.plan.vary, own.plan.train_size, own.plan.test_size) == ("split", 90, 30)
    assert torch.bincount(own.y[own.parts("test", 0)[1]]).tolist() == [10, 10, 10]
    fixed = prepare(None, data=path, vary="seeds")
    assert fixed.plan.vary == "seeds"
    assert fixed.parts("test", 0)[1].tolist() == fixed.parts("test", 1)[1].tolist()
    assert torch.bincount(fixed.data.test_y).tolist() == [10, 10, 10]
    assert prepare("digits").plan.vary == "seeds"


@pytest.mark.parametrize("seeds, tuning", [(1, 1), (6, 1), (7, 2), (9, 2), (10, 3), (40, 3)])
def test_choosing_rates_costs_no_more_trials_than_decide(prepare, seeds, tuning):
    assert prepare("digits", seeds=seeds).plan.tuning_seeds == tuning
