"""One trial: its three outcomes and what it measures."""

import dataclasses
import re

import pytest
import torch

from rectifiers.records.events import EpochFinished
from rectifiers.study.training import first_at_target, train


def one(prepared, arm=None, seed=0, phase="test", norm="none"):
    """Carry out one trial and return its record."""
    plan = prepared.plan
    arm = arm or plan.control
    *epochs, run = train(prepared, plan.trial(phase, arm, norm, plan.learning_rates[0], seed))
    assert [e.epoch for e in epochs] == list(range(1, run.epochs + 1))
    assert [e.train_loss for e in epochs] == list(run.train_loss)
    assert all(isinstance(e, EpochFinished) for e in epochs)
    return run


def test_a_finished_run(prepare):
    prepared = prepare("digits", epochs=2, learning_rate=0.05, width=16, batch_size=100)
    run = one(prepared)
    assert run.outcome == "finished"
    assert run.reason == ""
    assert run.epochs == 2
    assert run.steps == 2 * 12
    assert len(run.train_loss) == len(run.train_error) == 2
    assert run.train_loss[1] < run.train_loss[0]
    assert run.metric > 30
    assert run.metric == pytest.approx(100 * round(run.metric * 5.97) / 597)
    assert run.seconds > 0
    assert run.parameters == 64 * 16 + 16 + 16 * 16 + 16 + 16 * 10 + 10
    assert run.peak_memory > 4 * run.parameters
    assert run.steps_to_target is None


def test_it_is_what_a_plain_loop_gives(prepare):
    """The same seeds, spelt out with torch's own loop, optimiser and scheduler."""
    from rectifiers.initialization import init_
    from rectifiers.study.seeds import generator

    prepared = prepare("digits", epochs=2, learning_rate=0.05, width=16, batch_size=100, arms="tanh,relu")
    run = one(prepared, "tanh", seed=3)

    data, arm = prepared.data, prepared.arms["tanh"]
    model = torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(64, 16),
        torch.nn.Tanh(),
        torch.nn.Linear(16, 16),
        torch.nn.Tanh(),
        torch.nn.Linear(16, 10),
    )
    assert init_(model, arm.gain, generator=generator("test", "weights", 3)).digest == run.init_hash
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=24)
    order = generator("test", "order", 3)
    losses = []
    for _ in range(2):
        for chosen in torch.randperm(1200, generator=order).split(100):
            loss = torch.nn.functional.cross_entropy(model(data.train_x[chosen]), data.train_y[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
    wrong = int((model(data.test_x).argmax(1) != data.test_y).sum())
    assert run.metric == pytest.approx(100 * (1 - wrong / 597))
    assert run.train_loss == pytest.approx((sum(losses[:12]) / 12, sum(losses[12:]) / 12), rel=1e-5)


def test_the_samples_that_fill_no_batch_are_left_out_of_an_epoch(prepare):
    run = one(prepare("digits", epochs=2, batch_size=500, width=4))
    assert run.steps == 2 * 2


def test_a_batch_larger_than_the_training_set_is_all_of_it(prepare):
    run = one(prepare(batch_size=100))
    assert run.steps == 3
    assert run == dataclasses.replace(
        one(prepare(batch_size=4)), trial=run.trial, seconds=run.seconds, started=run.started
    )


@pytest.mark.parametrize("rate, epochs", [(1e30, 5)])
def test_a_loss_that_is_not_finite_is_divergence(prepare, rate, epochs):
    run = one(prepare(learning_rate=rate, epochs=epochs))
    assert run.outcome == "diverged"
    assert run.metric is None
    assert re.fullmatch(r"loss is (nan|inf) at step [2-5]", run.reason)
    assert run.epochs == len(run.train_loss) == len(run.train_error) < epochs
    assert all(abs(loss) < float("inf") for loss in run.train_loss)


def test_weights_that_are_not_finite_after_the_last_step_are_divergence(prepare):
    run = one(prepare(learning_rate=1e39, epochs=1))
    assert run.outcome == "diverged"
    assert run.reason.endswith("is not finite after step 1")


def test_masks_of_minus_infinity_are_no_divergence(prepare, write_module):
    """Of attention in a buffer, and of classes that a sample cannot have in the answers."""
    path = write_module(
        "import torch\n"
        "class Masked(torch.nn.Module):\n"
        "    def __init__(self, activation):\n"
        "        super().__init__()\n"
        "        self.first, self.last = torch.nn.Linear(2, 8), torch.nn.Linear(8, 3)\n"
        "        self.activation = activation()\n"
        "        self.register_buffer('masks', torch.tensor([[-torch.inf, 0, 0], [0, 0, -torch.inf]]))\n"
        "    def forward(self, x):\n"
        "        return self.last(self.activation(self.first(x))) + self.masks[(x[:, 0] < 0).long()]\n"
        "def load():\n"
        "    x = torch.randn(80, 2, generator=torch.Generator().manual_seed(0))\n"
        "    y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()\n"
        "    return x[:60], y[:60], x[60:], y[60:]\n"
    )
    run = one(prepare(None, data=f"{path}:load", model=f"{path}:Masked", width=None))
    assert (run.outcome, run.reason) == ("finished", "")


def test_a_loss_far_above_a_constant_answers_is_divergence(prepare):
    run = one(prepare(learning_rate=1e4, epochs=3, schedule="constant"))
    assert run.outcome == "diverged"
    assert "in the last epoch, more than 3 times that of a constant answer (0.693)" in run.reason


def test_a_dead_network_has_finished(prepare, write_module):
    dead = write_module("def dead(x):\n    return x * 0\n") + ":dead"
    run = one(prepare(arms=["relu", dead]), dead)
    assert run.outcome == "finished"
    assert run.train_loss == pytest.approx([0.6931] * 3, rel=0.1)


def test_answers_that_are_not_finite_are_divergence(prepare, write_module):
    module = """
import torch
class OnlyInTraining(torch.nn.Module):
    def forward(self, x):
        return x if self.training else x * float("nan")
"""
    arm = write_module(module) + ":OnlyInTraining"
    run = one(prepare(arms=["relu", arm]), arm)
    assert run.outcome == "diverged"
    assert run.reason == "answers on samples that were held out are not finite"


CRASHES = """
import torch
calls = 0
def crash(x):
    global calls
    calls += 1
    if calls == {at}:
        raise {error}
    return torch.relu(x)
"""


@pytest.mark.parametrize(
    "error, reason",
    [
        ("ValueError('no\\n   more')", "ValueError: no more"),
        ("RuntimeError('CUDA out of memory. ' + 'x' * 500)", "RuntimeError: CUDA out of memory. xxx"),
        ("MemoryError()", "MemoryError"),
        ("AssertionError", "AssertionError"),
    ],
)
def test_what_the_users_code_raises_is_a_crash(prepare, write_module, error, reason):
    # calls 1 to 6: finding out its shape and its curve, the gain, and the two steps of the preflight
    module = CRASHES.format(at=-1, error=error)
    path = write_module(module)
    prepared = prepare(arms=["relu", f"{path}:crash"])
    from rectifiers.arms import load_object

    counter = load_object(f"{path}:crash").__globals__
    counter["calls"] = -2 - 1
    run = one(prepared, f"{path}:crash")
    assert run.outcome == "crashed"
    assert run.reason.startswith(reason)
    assert len(run.reason) <= 200
    assert "\n" not in run.reason
    assert run.metric is None
    assert run.epochs == 1
    assert one(prepared, f"{path}:crash").outcome == "finished"


def test_ctrl_c_is_no_outcome(prepare, write_module):
    path = write_module(CRASHES.format(at=-1, error="KeyboardInterrupt"))
    prepared = prepare(arms=["relu", f"{path}:crash"])
    from rectifiers.arms import load_object

    load_object(f"{path}:crash").__globals__["calls"] = -3
    with pytest.raises(KeyboardInterrupt):
        one(prepared, f"{path}:crash")


def test_what_a_watcher_raises_is_no_crash(prepare):
    prepared = prepare()
    going = train(prepared, prepared.plan.trial("test", "relu", "none", 0.1, 0))
    next(going)
    with pytest.raises(ValueError, match="from outside"):
        going.throw(ValueError("from outside"))


@pytest.fixture
def samples_seen(monkeypatch):
    """Return which samples a trial is trained on and measured on, in the order of all there are."""
    from rectifiers.study import training

    def seen(prepared, **which):
        numbers = torch.arange(len(prepared.y), dtype=torch.float32) / 4096
        x = numbers[:, None].expand(-1, prepared.x[0].numel()).reshape(prepared.x.shape).contiguous()
        trained, measured = [], []
        score = training.score

        def watched(model, read, indices, *more):
            measured.extend(indices.tolist())
            return score(model, read, indices, *more)

        def hook(module, inputs):
            if module.training:
                trained.extend((inputs[0].flatten(1)[:, 0] * 4096).long().tolist())

        monkeypatch.setattr(training, "score", watched)
        with torch.nn.modules.module.register_module_forward_pre_hook(
            lambda module, inputs: hook(module, inputs) if isinstance(module, torch.nn.Flatten) else None
        ):
            one(dataclasses.replace(prepared, x=x), **which)
        monkeypatch.undo()
        return trained, measured

    return seen


def test_the_test_set_is_read_once_per_trial_that_decides_and_never_while_tuning(prepare, samples_seen):
    prepared = prepare("digits", epochs=2, learning_rate="0.1,0.3", batch_size=50)
    trained, validated = samples_seen(prepared, phase="tune")
    assert len(validated) == len(set(validated)) == prepared.plan.validation_size == 200
    assert len(trained) == 2 * len(set(trained)) == 2 * 1000
    assert sorted({*trained, *validated}) == list(range(1200))
    for phase in ("test", "margin"):
        trained, tested = samples_seen(prepared, phase=phase)
        assert sorted(set(trained)) == list(range(1200))
        assert tested == list(range(1200, 1797))


def test_with_another_split_every_seed_arms_share_it_and_classes_keep_their_shares(prepare, samples_seen):
    prepared = prepare("digits", epochs=1, vary="split", batch_size=50, learning_rate="0.1,0.3")
    trained, tested = samples_seen(prepared, seed=0)
    assert sorted({*trained, *tested}) == list(range(1797))
    assert len(tested) == 597
    assert samples_seen(prepared, seed=0, arm="tanh") == (trained, tested)
    assert samples_seen(prepared, seed=1)[1] != tested
    shares = torch.bincount(prepared.y[tested]) / torch.bincount(prepared.y)
    assert float((shares - 597 / 1797).abs().max()) < 0.005
    inner, validation = samples_seen(prepared, seed=0, phase="tune")
    assert not set(inner) & set(validation)
    assert len(validation) == 200


def test_a_model_that_writes_into_its_input_changes_nobody_elses(prepare, write_module):
    path = write_module(
        "from torch import nn\ndef build(activation):\n    return nn.Sequential(nn.Flatten(), "
        "nn.ReLU(inplace=True), nn.Linear(64, 8), activation(8), nn.Linear(8, 10))\n"
    )
    prepared = prepare("digits", model=f"{path}:build", width=None, epochs=1)
    before = prepared.x.clone()
    one(prepared)
    assert torch.equal(prepared.x, before)


def test_arms_of_one_seed_share_weights_order_and_noise_and_seeds_share_nothing(prepare):
    prepared = prepare(arms="relu,tanh,prelu,rrelu")
    proofs = {}
    for arm in prepared.arms:
        for seed in range(2):
            run = one(prepared, arm, seed)
            proofs.setdefault(seed, set()).add((run.init_hash, run.order_hash, run.noise_hash))
    assert len(proofs[0]) == len(proofs[1]) == 1
    ((first,), (second,)) = proofs.values()
    assert not set(first) & set(second)


def test_tuning_shares_nothing_with_testing(prepare):
    prepared = prepare()
    tune, test = one(prepared, phase="tune"), one(prepared, phase="test")
    assert {tune.init_hash, tune.order_hash, tune.noise_hash}.isdisjoint(
        {test.init_hash, test.order_hash, test.noise_hash}
    )


@pytest.mark.parametrize("arm", ["rrelu", "relu"])
def test_noise_is_the_trials_own(prepare, measured, arm):
    prepared = prepare(arms=f"{arm},tanh")
    torch.manual_seed(0)
    first = one(prepared, arm)
    torch.manual_seed(1)
    torch.rand(17)
    assert measured([one(prepared, arm)]) == measured([first])


def test_gain_and_own_initialisation(prepare):
    gained, own = prepare(), prepare(initialization="own")
    assert one(gained).init_hash != one(own).init_hash
    assert one(own, "relu").init_hash == one(own, "tanh").init_hash
    assert [arm.gain for arm in own.plan.arms] == [1, 1]


@pytest.mark.parametrize(
    "wrong, window, allowed, step",
    [
        ([4, 2, 0], 1, 0, 3),
        ([4, 2, 0], 1, 2, 2),
        ([3, 1, 1, 0, 5], 2, 2, 3),
        ([3, 1, 1, 0, 5], 2, 1, 4),
        ([0, 0, 0], 3, 0, 3),
        ([1, 1, 1], 3, 2, None),
        ([0, 0], 3, 5, None),
        ([], 1, 5, None),
    ],
)
def test_the_first_step_at_the_target(wrong, window, allowed, step):
    assert first_at_target(wrong, window, allowed) == step


def test_steps_to_target_of_a_run(prepare):
    run = one(prepare("xor", target=25, epochs=60, width=16, learning_rate=0.3))
    assert run.steps_to_target == next(i for i, error in enumerate(run.train_error, 1) if error <= 25)
    assert one(prepare("digits", target=0.0, epochs=1, width=4)).steps_to_target is None


def test_steps_to_target_counts_a_whole_epochs_batches(prepare):
    words = {"epochs": 2, "width": 8, "batch_size": 100, "learning_rate": 0.05}
    first, second = one(prepare("digits", **words)).train_error
    assert second < first
    at_first = one(prepare("digits", target=first, **words)).steps_to_target
    assert at_first == 12
    between = one(prepare("digits", target=(first + second) / 2, **words)).steps_to_target
    assert 12 < between < 24
    assert one(prepare("digits", target=second / 2, **words)).steps_to_target is None
