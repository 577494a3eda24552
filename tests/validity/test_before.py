"""The checks before training: each finds its mistake, and nothing in sound studies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

import rectifiers
from rectifiers import activations, validity
from rectifiers.arms import load_object
from rectifiers.errors import ArgumentError, UserCodeError

SOUND = Path(__file__).with_name("sound_models.py")
CHECKS = {code: check for code, check in validity.CHECKS.items() if check.before and not check.at_end}
EVERY = [f"{name}(dim=1)" if name == "softmax" else name for name in activations.registry]

HIDDEN = """
class Hidden(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.fc, self.act, self.out = nn.Linear(64, 32), activation(32), nn.Linear(32, 10)

    def forward(self, x):
        return self.out(self.features(x.flatten(1)))

    def features(self, x):
        return self.act(self.fc(x))


def plain(activation):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), activation(32), nn.Linear(32, 10))


"""
TOKENS = """
class Tokens(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.embed, self.act, self.out = nn.Linear(8, 8), activation(8), nn.Linear(8, 10)

    def forward(self, x):
        return self.out(self.act(self.embed(x.flatten(1).unflatten(1, (8, 8)))).mean(1))


def build(activation):
    return Tokens(activation)


class Own(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.slopes = nn.PReLU(channels)

    def forward(self, x):
        return self.slopes(x)
"""


# Each check


@pytest.mark.parametrize("code", CHECKS)
def test_the_example_of_a_check_is_found_by_it(code, codes):
    example, given = CHECKS[code].example, {}
    exec(example, given)
    more = {"arms": given["arms"]} if "arms" in given else {}
    if CHECKS[code].severity == "refused":
        with pytest.raises(ArgumentError, match=f"{CHECKS[code].remedy} .or --allow {code}"):
            codes(example, **more)
        assert code in codes(example, allow=code, **more)
    else:
        assert code in codes(example, **more)


@pytest.mark.parametrize("code", CHECKS)
def test_rule_remedy_and_example_are_told(code):
    check = CHECKS[code]
    assert check.rule[0].isupper()
    assert check.rule.endswith(".")
    assert check.remedy[0].islower()
    assert not check.remedy.endswith(".")
    assert check.example.endswith("\n")


# shared-layers

SHARED = {
    "a layer": "HID = nn.Linear(64, 32)\ndef build(a):\n    m = plain(a)\n    m[1] = HID\n    return m",
    "a normalisation": (
        "BN = nn.BatchNorm1d(32, affine=False)\n"
        "def build(a):\n    return nn.Sequential(plain(a)[:2], BN, plain(a)[2:])"
    ),
    "a tensor": (
        "W = torch.randn(32, 64) / 8\n"
        "def build(a):\n    m = plain(a)\n    m[1].weight = nn.Parameter(W)\n    return m"
    ),
    "an array": (
        "W = (torch.randn(32, 64) / 8).numpy()\n"
        "def build(a):\n    m = plain(a)\n    m[1].weight.data = torch.from_numpy(W)\n    return m"
    ),
    "a cached model": "@functools.cache\ndef build(a):\n    return plain(a)",
    "a cached layer": (
        "@functools.cache\ndef layer():\n    return nn.Linear(64, 32)\n"
        "def build(a):\n    m = plain(a)\n    m[1] = layer()\n    return m"
    ),
    "a layer for each seed": (
        "MADE = {}\n"
        "def build(a):\n    m, seed = plain(a), torch.initial_seed()\n"
        "    m[1] = MADE.setdefault(seed, m[1])\n    return m"
    ),
    "an attribute": (
        "class Mean(nn.Module):\n    mean = 0.0\n"
        "    def forward(self, x):\n"
        "        self.mean = 0.9 * self.mean + 0.1 * float(x.detach().mean())\n        return x - self.mean\n"
        "MEAN = Mean()\n"
        "def build(a):\n    return nn.Sequential(plain(a)[:2], MEAN, plain(a)[2:])"
    ),
}


@pytest.mark.parametrize("what", SHARED)
def test_what_outlives_a_trial_is_refused(what, codes):
    with pytest.raises(ArgumentError) as caught:
        codes(HIDDEN + SHARED[what], arms="relu,tanh,prelu")
    layer = {"a normalisation": "BatchNorm1d", "an attribute": "Mean"}.get(what, "Linear")
    assert f"({layer})" in str(caught.value)


def test_the_arms_own_module_may_be_what_is_shared(codes):
    text = "ACT = nn.PReLU()\ndef shared(channels):\n    return ACT.float()\n" + HIDDEN
    with pytest.raises(ArgumentError, match=r"share 2 \(PReLU\)"):
        codes(text, arms="relu,mine.py:shared", model="mine.py:plain")
    assert "_rectifiers_arm" not in vars(load_object("mine.py:ACT"))


def test_a_module_given_as_an_arm_is_copied_for_each_layer(notices):
    slope = nn.PReLU()
    assert notices(HIDDEN, arms=["relu", slope], model="mine.py:plain") == ()
    assert "_rectifiers_arm" not in vars(slope)


def test_an_overruled_refusal_is_a_warning_and_others_are_not_guessed_at(notices):
    found = notices(HIDDEN + SHARED["a cached model"], allow="shared-layers")
    (shared,) = [notice for notice in found if notice.code == "shared-layers"]
    assert shared.severity == "warned"
    assert {notice.code for notice in found} <= {"shared-layers", "other-weights", "seeds-change-nothing"}


# activation-ignored

IGNORED = {
    "makes nothing of the activation it is given": "def build(a):\n    return plain(lambda _: nn.ReLU())",
    "makes modules of the activation it is given, but runs none of them": (
        "class Build(Hidden):\n    def features(self, x):\n        return F.relu(self.fc(x))\n"
        "def build(a):\n    return Build(a)"
    ),
    "runs the activation it is given, but its answer does not depend on it": (
        "class Build(Hidden):\n    def features(self, x):\n"
        "        self.act(self.fc(x))\n        return F.relu(self.fc(x))\n"
        "def build(a):\n    return Build(a)"
    ),
}


@pytest.mark.parametrize("reason", IGNORED)
def test_a_model_that_ignores_its_activation_is_withheld(reason, notices):
    (ignored,) = [n for n in notices(HIDDEN + IGNORED[reason]) if n.code == "activation-ignored"]
    assert ignored.severity == "withheld"
    assert ignored.text.startswith(f"mine.py:build {reason}, so that it changes nothing: call activation")


def test_the_arms_for_which_it_is_ignored_are_named(notices):
    text = HIDDEN + "def build(a):\n    return plain(a if a.label == 'relu' else lambda _: nn.ReLU())"
    (ignored,) = notices(text, arms="relu,tanh,elu")
    assert "(arms tanh and elu)" in ignored.text


def test_an_arm_that_is_constant_is_not_ignored(codes):
    text = HIDDEN + "def zero(x):\n    return 0 * x\n"
    assert codes(text, arms="relu,mine.py:zero", model="mine.py:plain") == []


# arms-agree


@pytest.mark.parametrize(
    "arms, named",
    [
        ("relu,leaky_relu(0),tanh", "relu, leaky_relu(0) put out"),
        ("relu,torch:nn.ReLU,relu6,elu", "relu, torch:nn.ReLU, relu6 put out"),
        ("elu,celu", "elu, celu put out"),
    ],
)
def test_arms_that_agree_before_training_are_named_once(arms, named, notices):
    (agree,) = notices(arms=arms, norms="none,batch")
    assert (agree.code, agree.severity) == ("arms-agree", "warned")
    assert agree.text.startswith(named)


def test_arms_are_compared_from_the_same_weights_and_with_the_same_noise(codes):
    spiky = "def spiky(x):\n    return torch.where(x > 4.2, 100 * x, F.relu(x))\n"  # of another gain
    assert "arms-agree" in codes(spiky, "xor", arms="relu,mine.py:spiky", depth=2)
    noisy = HIDDEN + "def build(a):\n    return nn.Sequential(nn.Dropout(0.3), plain(a))"
    assert codes(noisy, arms="relu,leaky_relu(0)") == ["arms-agree"]
    ignoring = noisy.replace("plain(a)", "plain(lambda n: [a(n), nn.ReLU()][1])")
    assert "activation-ignored" in codes(ignoring)


def test_arms_differ_although_no_model_answers_anything_but_zero(codes):
    text = HIDDEN + "def build(a):\n    m = plain(a)\n    nn.init.zeros_(m[3].weight)\n    return m"
    assert codes(text, arms="relu,tanh,elu", initialization="own") == []


# fixed-activations


def test_fixed_activations_are_named_with_their_places(notices):
    text = HIDDEN + "class Build(Hidden):\n    def __init__(self, a):\n"
    text += "        super().__init__(a)\n        self.gelu, self.more = nn.GELU(), [nn.SiLU()]\n"
    text += "    def features(self, x):\n        x = self.gelu(self.act(self.fc(x)))\n"
    text += "        x = self.more[0](F.relu(x))\n        return x.tanh().clamp(min=0)\n"
    text += "def build(a):\n    return Build(a)"
    line = next(i for i, code in enumerate(text.splitlines(), 5) if "self.more[0](F.relu(x))" in code)
    (fixed,) = notices(text, arms="relu,tanh,prelu")
    assert fixed.code == "fixed-activations"
    places = (
        f"GELU at gelu, relu at mine.py:{line}, silu at mine.py:{line}, tanh at mine.py:{line + 1}, clamp at"
    )
    assert fixed.text.startswith(f"5 activations are not the arm's, {places} mine.py:{line + 1}; ")
    assert "varied is what is at act: " in fixed.text


def test_no_more_than_six_places_are_named(notices):
    text = "def build(a):\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10), "
    text += "*(m for _ in range(8) for m in (a(10), nn.Tanh())))"
    (fixed,) = notices(text)
    assert "3, Tanh at 5, Tanh at 7, Tanh at 9, Tanh at 11, Tanh at 13, and 2 more; varied" in fixed.text
    assert "varied is what is at 2, 4, 6, 8, 10, 12, and 2 more: " in fixed.text


def test_what_an_arm_is_made_of_is_not_fixed(codes):
    text = HIDDEN + "class Mine(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    text += "        self.gate = nn.Sigmoid()\n    def forward(self, x):\n"
    text += "        return x * self.gate(F.relu(x))\n"
    assert codes(text, arms="relu,mine.py:Mine", model="mine.py:plain") == []


def test_activations_inside_torchs_layers_are_placed_in_the_users_file(notices):
    text = "class Build(nn.Module):\n    def __init__(self, a):\n        super().__init__()\n"
    text += "        self.mix, self.act = nn.TransformerEncoderLayer(64, 2, 32), a(64)\n"
    text += "        self.out = nn.Linear(64, 10)\n"
    text += "    def forward(self, x):\n        return self.out(self.act(self.mix(x.flatten(1))))\n"
    (fixed,) = notices(text + "def build(a):\n    return Build(a)")
    assert fixed.text.startswith("1 activation is not the arm's, relu at mine.py:11; varied")


# seeds-change-nothing

GIVEN = {
    "a seed": "def build(a):\n    torch.manual_seed(0)\n    return plain(a)",
    "a generator": (
        "def build(a):\n    m, g = plain(a), torch.Generator().manual_seed(0)\n"
        "    for i in (1, 3):\n"
        "        nn.init.normal_(m[i].weight, std=0.1, generator=g)\n        nn.init.zeros_(m[i].bias)\n"
        "    return m"
    ),
    "weights": (
        "STATE = plain(lambda _: nn.ReLU()).state_dict()\n"
        "def build(a):\n    m = plain(a)\n    m.load_state_dict(STATE)\n    return m"
    ),
}


@pytest.mark.parametrize("what", GIVEN)
def test_weights_that_no_seed_changes_are_told_once_and_withhold_nothing(what, notices):
    (same,) = notices(HIDDEN + GIVEN[what])
    assert (same.code, same.severity) == ("seeds-change-nothing", "warned")
    assert "results are over the order of the data only" in same.text
    assert notices(HIDDEN + GIVEN[what], initialization="gain") == ()


def test_one_layer_that_is_drawn_is_enough(codes):
    text = HIDDEN + GIVEN["weights"].replace("    return m", "    m[3].reset_parameters()\n    return m")
    assert codes(text) == []


def test_weights_drawn_with_numpy_change_with_the_seed(codes):
    text = HIDDEN + "import numpy as np\ndef build(a):\n    m = plain(a)\n    for p in m.parameters():\n"
    text += "        p.data = torch.from_numpy(0.1 * np.random.randn(*p.shape)).float()\n    return m"
    assert codes(text) == []


# prelu-axis


def test_slopes_on_the_axis_of_positions_are_told(notices):
    (axis,) = [
        notice
        for notice in notices(TOKENS, arms="relu,prelu,torch:nn.PReLU,mine.py:Own")
        if notice.code != "arms-agree"
    ]
    assert (axis.code, axis.severity) == ("prelu-axis", "warned")
    assert axis.text.startswith("PReLU at act has its features on the last axis")
    assert "(arms prelu and torch:nn.PReLU and mine.py:Own)" in axis.text
    assert "prelu(dim=-1)" in axis.text


@pytest.mark.parametrize("arm", ["prelu(dim=-1)", "torch:nn.PReLU(1)", "leaky_relu"])
def test_slopes_per_feature_and_single_slopes_are_right(arm, codes):
    assert codes(TOKENS, arms=["relu", arm]) == []


# unequal-classes


@pytest.mark.parametrize("large, told", [(60, False), (61, True)])
def test_classes_may_differ_in_size_by_a_factor_of_three(large, told, notices):
    text = f"""
def load():
    y = torch.tensor([0] * {large} + [1] * 20)
    x = torch.randn(len(y), 4, generator=torch.Generator().manual_seed(0))
    return x, y, x + 1, y
"""
    found = [notice for notice in notices(text) if notice.code == "unequal-classes"]
    assert bool(found) is told
    if told:
        assert found[0].text.startswith(
            "classes are of unequal size, 61 training samples of one, 20 of another"
        )


def test_regression_has_no_classes(codes):
    text = "def load():\n    x = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))\n"
    text += "    return x, x.sum(1)"
    assert "unequal-classes" not in codes(text)


# Sound studies


@pytest.mark.parametrize("model", load_object(f"{SOUND}:NAMES"))
@pytest.mark.parametrize("initialization", ["own", "gain"])
def test_nothing_is_found_in_a_sound_model(model, initialization, notices):
    special = ("Attention", "Transformer", "Ensemble", "Gradient", "OnNumbers")  # no slopes per channel there
    arms = "relu,elu,tanh" if model in special else "relu,prelu,rrelu"
    assert notices(arms=arms, model=f"{SOUND}:{model}", initialization=initialization) == ()


@pytest.mark.parametrize("task, model", [("xor", "mlp"), ("digits", "cnn"), ("mnist1d", "mlp")])
def test_of_all_activations_on_the_tasks_only_what_is_true_is_told(task, model, notices):
    found = notices(task=task, arms=EVERY, norms="none,batch", model=model, width=16)
    assert {notice.severity for notice in found} == {"warned"}
    assert {(notice.code, notice.text.split(" put out")[0].split(":")[0]) for notice in found} == {
        ("no-gain", "softmax(dim=1)"),
        ("arms-agree", "relu, relu6"),  # no value is beyond 6 before training
        ("arms-agree", "elu, celu"),  # with the defaults, one function
    }


# torch's compiler looks at the gradient of every tensor it traces, leaf or not
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_a_compiled_model_is_watched_as_it_was_written(codes):
    text = HIDDEN + "def build(a):\n    return torch.compile(plain(a), backend='eager')"
    assert codes(text) == []
    ignoring = IGNORED["makes modules of the activation it is given, but runs none of them"]
    ignoring = ignoring.replace("return Build(a)", "return torch.compile(Build(a), backend='eager')")
    assert "activation-ignored" in codes(HIDDEN + ignoring)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_nothing_is_guessed_of_torchscript(codes):
    text = HIDDEN + "def build(a):\n    kind = nn.ReLU if a.label == 'relu' else nn.Tanh\n"
    assert codes(text + "    return torch.jit.script(plain(lambda _: kind()))") == []


# How it is probed


def test_at_most_two_models_are_alive(codes):
    text = """
COUNTS, ALIVE = [], weakref.WeakSet()

class Wide(nn.Linear):
    def __new__(cls, *args):
        made = super().__new__(cls)
        ALIVE.add(made)  # copies as well
        return made

    def forward(self, x):
        COUNTS.append(len(ALIVE))
        return super().forward(x)

def build(activation):
    return nn.Sequential(nn.Flatten(), Wide(64, 32), activation(32), nn.Linear(32, 10))
"""
    assert codes("import weakref\n" + text, arms="relu,tanh,elu,selu") == []
    counts = load_object("mine.py:COUNTS")
    assert len(counts) >= 4 * (1 + 3 + 2)  # tried, trained for some steps, watched twice
    assert max(counts) == 2


def test_the_random_state_and_the_model_class_are_left_as_they_were(notices):
    torch.manual_seed(5)
    before, forward = torch.get_rng_state(), nn.ReLU.forward
    notices(HIDDEN, model="mine.py:plain")
    assert torch.equal(torch.get_rng_state(), before)
    assert nn.ReLU.forward is forward


def test_what_is_watched_gets_no_larger_batches_than_what_is_trained(codes):
    text = HIDDEN + "class Build(Hidden):\n    def features(self, x):\n        assert len(x) <= 5\n"
    text += "        return super().features(x)\ndef build(a):\n    return Build(a)"
    assert codes(text, batch_size=5) == []


def test_lazy_layers_are_finished_and_ones_that_are_not_reached_are_told(codes):
    text = HIDDEN + "class Build(Hidden):\n    def __init__(self, a):\n        super().__init__(a)\n"
    text += "        self.more = nn.LazyLinear(3)\ndef build(a):\n    return Build(a)"
    with pytest.raises(UserCodeError) as caught:
        codes(text)
    assert "more.weight of mine.py:build has none yet" in str(caught.value)


# What a user sees of it

IGNORING = (
    "import torch\nfrom torch import nn\n" + HIDDEN + IGNORED["makes nothing of the activation it is given"]
)
COMPARE = (
    "compare",
    "--no-report",
    "digits",
    "--arms",
    "relu,tanh",
    "--seeds",
    "2",
    "--epochs",
    "1",
    "--lr",
    "0.1",
    "--jobs",
    "1",
)


def test_refused_is_one_line_with_exit_code_2_and_can_be_overruled(say, place):
    (place / "mine.py").write_text("import torch\nfrom torch import nn\n" + HIDDEN + SHARED["a layer"])
    refused = say(*COMPARE, "--model", "mine.py:build", "--out", "study")
    assert refused.code == 2
    assert refused.err.startswith(
        "rectifiers: error: models of mine.py:build built one after the other share "
    )
    assert refused.err.count("\n") == 1
    assert not (place / "study" / "study.db").exists()
    allowed = say(*COMPARE, "--model", "mine.py:build", "--out", "study", "--allow", "shared-layers")
    assert allowed.code == 0
    assert "Overruled (shared-layers): models of mine.py:build" in " ".join(allowed.out.split())


def test_withheld_is_no_verdict_with_exit_code_3_and_can_be_overruled(say, place):
    (place / "mine.py").write_text(IGNORING)
    withheld = say(*COMPARE, "--model", "mine.py:build", "--out", "study", "--json")
    assert withheld.code == 3
    found = json.loads(withheld.out)
    assert found["recommendation"]["status"] == "invalid"
    assert found["recommendation"]["sentence"].startswith("No verdict: mine.py:build makes nothing of the")
    assert [(notice["code"], notice["severity"]) for notice in found["warnings"]] == [
        ("activation-ignored", "withheld")
    ]
    allowed = say(
        *COMPARE, "--model", "mine.py:build", "--out", "study", "--allow", "activation-ignored,equal-arms"
    )
    assert allowed.code == 0
    assert "Overruled (activation-ignored): mine.py:build makes nothing" in " ".join(allowed.out.split())


def test_warned_is_in_the_result_of_a_comparison(place):
    (place / "mine.py").write_text("import torch\nfrom torch import nn\n" + HIDDEN + GIVEN["a seed"])
    result = rectifiers.compare(
        "digits",
        "relu,tanh",
        model="mine.py:build",
        seeds=2,
        epochs=1,
        learning_rate=0.1,
        out=place / "study",
        report=False,
        execution=rectifiers.Execution(jobs=1),
    )
    assert result.recommendation.status != "invalid"
    assert "seeds-change-nothing" in [notice.code for notice in result.summary.warnings]
