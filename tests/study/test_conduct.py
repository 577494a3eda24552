"""A whole study: order of events, interruption, resumption, reproducibility."""

import dataclasses
import itertools
import os
import re
import signal
import sys

import pytest
import torch

from rectifiers import study as studies
from rectifiers.errors import PlanMismatchError, StoreError
from rectifiers.records.events import (
    EpochFinished,
    InterimAnalysis,
    MarginFixed,
    PhaseStarted,
    RateChosen,
    StudyFinished,
    StudyStarted,
    TrialFinished,
    TrialStarted,
    Warned,
)
from rectifiers.records.standings import against_control
from rectifiers.records.store import Store
from rectifiers.records.values import Margin, Notice, Run, Trial

TUNED = {"learning_rate": "0.1,0.3", "tuning_seeds": 2}


class Stop(Exception):
    """Raised by a watcher."""


class Recorder(list):
    """A watcher that keeps what it hears, and stops after `limit` events of a kind."""

    def __init__(self, kind=object, limit=None):
        self.kind, self.left = kind, limit

    def __call__(self, event):
        self.append(event)
        if isinstance(event, self.kind) and self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Stop


def kinds(events, *wanted):
    return [event for event in events if isinstance(event, wanted)]


@pytest.fixture(scope="module")
def whole(prepare, tmp_path_factory):
    """The tuned study, which nothing stopped."""
    with Store.create(tmp_path_factory.mktemp("whole") / "study.db") as store:
        return studies.run(prepare(**TUNED), store)


def test_events_come_in_their_order(prepare, conduct):
    heard = Recorder()
    study = conduct(prepare(**TUNED, norms="none,batch", margin="auto"), heard)
    assert isinstance(heard[0], StudyStarted)
    assert heard[0].runs == ()
    assert heard[0].total >= len(study.runs)
    assert heard[-1] == StudyFinished(study)
    told = [type(event).__name__ for event in heard if not isinstance(event, Warned)]
    one_trial = ["TrialStarted", *["EpochFinished"] * 3, "TrialFinished"]
    tuned = "".join(told[2 : told.index("PhaseStarted", 2)])
    assert re.fullmatch(f"(({''.join(one_trial)})|RateChosen)*", tuned)
    assert tuned.count("RateChosen") == 4
    margin = told[told.index("PhaseStarted", 2) :]
    assert margin[:32] == ["PhaseStarted", *one_trial * 6, "MarginFixed"]
    assert margin[32:] == ["PhaseStarted", *one_trial * 8, "StudyFinished"]
    assert [event.phase for event in kinds(heard, PhaseStarted)] == ["tune", "margin", "test"]
    assert [event.margin for event in kinds(heard, MarginFixed)] == [study.margin]


def test_in_a_race_it_is_told_where_every_arm_stands(prepare, conduct):
    heard = Recorder()
    study = conduct(prepare("digits", arms="relu,tanh,elu", epochs=1, seeds=None, max_seeds=12), heard)
    analyses = kinds(heard, InterimAnalysis)
    assert analyses[0].at_most == 36
    assert {standing.seeds for standing in analyses[0].standings.values()} == {0}
    assert analyses[-1].standings == against_control(study)
    assert analyses[-1].at_most == 0
    assert len(study.of("test")) < 36
    assert all(standing.decided_at for standing in analyses[-1].standings.values())
    again = Recorder()
    assert (
        conduct(prepare("digits", arms="relu,tanh,elu", epochs=1, seeds=None, max_seeds=12), again) == study
    )
    assert not kinds(again, TrialFinished)


def test_what_is_heard_is_what_is_kept(prepare, conduct):
    heard = Recorder()
    study = conduct(prepare(**TUNED), heard)
    assert tuple(event.run for event in kinds(heard, TrialFinished)) == study.runs
    assert {(e.arm, e.norm): e.rate for e in kinds(heard, RateChosen)} == study.rates
    assert tuple(event.notice for event in kinds(heard, Warned)) == study.warnings
    for run in study.runs:
        epochs = [e for e in kinds(heard, EpochFinished) if e.trial == run.trial]
        assert tuple(e.train_loss for e in epochs) == run.train_loss
        assert tuple(e.train_error for e in epochs) == run.train_error


def test_the_noise_of_other_arms_changes_no_choice(prepare, conduct):
    """A sharp peak is a rate's luck where runs are noisy, and the best rate where they are not."""
    metrics = {0.01: 85.0, 0.02: 85.0, 0.05: 85.0, 0.1: 85.0, 0.2: 0.0, 0.5: 90.0, 1.0: 0.0}

    class Made:
        def run(self, work, trials, wanted=None):
            for trial in trials:
                error = 0.1 if trial.arm in ("relu", "tanh") else 100.0
                metric = metrics.get(trial.learning_rate, 0.0)
                yield dataclasses.replace(
                    work.lost(trial, ""), outcome="finished", metric=metric, standard_error=error
                )

    def study(arms):
        prepared = prepare("digits", arms=arms, learning_rate=tuple(metrics), tuning_seeds=3, epochs=1)
        scored = dataclasses.replace(prepared, plan=dataclasses.replace(prepared.plan, metric="score"))
        return conduct(scored, runner=Made())

    assert study("relu,tanh").rates["relu", "none"] == 0.5
    for _ in ("grown", "resumed"):
        rates = study("relu,tanh,elu,selu,prelu,sigmoid").rates
        assert (rates["relu", "none"], rates["elu", "none"]) == (0.5, 0.02)


def test_every_cell_is_tested_at_its_chosen_rate_on_every_seed(prepare, conduct):
    study = conduct(prepare(**TUNED, norms="none,batch"))
    for arm in ("relu", "tanh"):
        for norm in ("none", "batch"):
            runs = study.of("test", arm, norm)
            assert [run.trial.seed for run in runs] == [0, 1]
            assert {run.trial.learning_rate for run in runs} == {study.rates[arm, norm]}
            tried = {r.trial.learning_rate for r in study.of("tune", arm, norm)}
            assert {0.1, 0.3, study.rates[arm, norm]} <= tried


def test_a_given_rate_is_not_tuned(prepare, conduct):
    heard = Recorder()
    study = conduct(prepare(learning_rate=0.2), heard)
    assert kinds(heard, PhaseStarted) == [PhaseStarted("test")]
    assert not kinds(heard, RateChosen)
    assert study.rates == {}
    assert {run.trial.learning_rate for run in study.runs} == {0.2}
    assert study.margin == Margin(25.0, "as given")


def test_the_margin_is_what_the_test_set_resolves_at_the_controls_level(prepare, conduct):
    words = {"task": "digits", "arms": "tanh,relu", "epochs": 1, "margin": "auto"}
    study = conduct(prepare(**words))
    runs = study.of("margin")
    assert {run.trial.arm for run in runs} == {"tanh"}
    level = sum(run.metric for run in runs) / 3
    p = (level / 100 * 597 + 2) / 601
    assert study.margin.value == pytest.approx(100 * (p * (1 - p) / 601) ** 0.5)
    assert study.margin.rule == f"one standard error of accuracy on 597 test samples at tanh's {level:.1f} %"
    assert not {run.metric for run in runs} & {run.metric for run in study.of("test", "tanh")}


def test_a_margin_too_fine_is_told_of_by_runs_on_the_test_set(prepare, conduct):
    words = {"task": "digits", "arms": "tanh,relu", "epochs": 1, "margin": 0.1}
    study = conduct(prepare(**words))
    (said,) = (notice.text for notice in study.warnings if notice.code == "margin-below-resolution")
    runs = study.of("test", "tanh")
    level = sum(run.metric for run in runs) / len(runs)
    assert f"on 597 test samples at tanh's {level:.1f} %" in said


def test_of_a_regression_the_margin_comes_from_errors_per_sample(prepare, conduct, write_module):
    path = write_module(
        "import torch\ndef load():\n    g = torch.Generator().manual_seed(0)\n"
        "    x = torch.randn(90, 3, generator=g)\n    y = x.sum(1) + torch.randn(90, generator=g)\n"
        "    return x[:60], y[:60], x[60:], y[60:]\n"
    )
    study = conduct(prepare(None, data=f"{path}:load", margin="auto", epochs=5))
    errors = [run.standard_error for run in study.of("margin")]
    assert study.margin.value == pytest.approx(sum(errors) / 3)
    assert "one standard error of R2 on 30 test samples" in study.margin.rule


def test_the_same_study_twice_gives_the_same_records(prepare, conduct, measured, tmp_path):
    words = {
        "task": "digits",
        "arms": "rrelu,prelu,maxout",
        "control": "rrelu",
        "epochs": 1,
        "batch_size": 50,
    }
    first = conduct(prepare(**words, **TUNED), out=tmp_path / "a")
    torch.manual_seed(99)
    second = conduct(prepare(**words, **TUNED), out=tmp_path / "b")
    assert measured(second.runs) == measured(first.runs)
    assert (second.rates, second.warnings, second.plan) == (first.rates, first.warnings, first.plan)


@pytest.mark.parametrize(
    "kind, limit",
    [(TrialFinished, k) for k in (0, 3, 4, 7, 8)]
    + [
        (EpochFinished, 5),
        (EpochFinished, 26),
        (TrialStarted, 0),
        (RateChosen, 0),
        (RateChosen, 1),
        (MarginFixed, 0),
    ]
    + [(PhaseStarted, 1), (StudyFinished, 0)],
)
def test_stopped_anywhere_it_goes_on_to_the_same_records(
    prepare, conduct, measured, whole, tmp_path, kind, limit
):
    heard = Recorder(kind, limit)
    with pytest.raises(Stop):
        conduct(prepare(**TUNED), heard)
    finished = [event.run for event in kinds(heard, TrialFinished)]
    with Store.open(tmp_path / "out", readonly=True) as store:
        assert list(store.study().runs) == finished

    again = Recorder()
    study = conduct(prepare(**TUNED), again)
    assert len(again[0].runs) == len(finished)
    assert len(kinds(again, TrialFinished)) == len(whole.runs) - len(finished)
    assert measured(study.runs) == measured(whole.runs)
    assert (study.rates, study.warnings, study.plan) == (whole.rates, whole.warnings, whole.plan)


def test_a_finished_study_is_told_and_nothing_is_trained(prepare, conduct):
    prepared = prepare(**TUNED)
    study = conduct(prepared)

    class Never:
        def run(self, work, trials, wanted=None):
            assert list(trials) == []
            yield from ()

    heard = Recorder()
    assert conduct(prepared, heard, runner=Never()) == study
    assert len(heard[0].runs) == len(study.runs)
    assert not kinds(heard, TrialStarted, TrialFinished, RateChosen)


def killed_in_the_midst(prepared, file, after):
    left = itertools.count(after - 1, -1)

    def watch(event):
        if isinstance(event, EpochFinished) and next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    with Store.create(file) as store:
        studies.run(prepared, store, watch)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_killed_and_started_again_it_ends_with_the_same_records(
    prepare, conduct, measured, whole, tmp_path, forked
):
    file = tmp_path / "out" / "study.db"
    with forked(killed_in_the_midst, prepare(**TUNED), file, 14) as killed:
        killed.join(60)
        assert killed.exitcode == -signal.SIGKILL
    with Store.open(file, readonly=True) as store:
        assert len(store.study().runs) == 4
    study = conduct(prepare(**TUNED))
    assert measured(study.runs) == measured(whole.runs)


def test_ctrl_c_in_the_midst_of_training_keeps_what_is_finished(prepare, conduct, write_module, tmp_path):
    path = write_module(
        "import torch\ncalls = -10**9\ndef mine(x):\n    global calls\n    calls += 1\n"
        "    if calls == 0:\n        raise KeyboardInterrupt\n    return torch.relu(x)\n"
    )
    from rectifiers.arms import load_object

    prepared = prepare(arms=["relu", f"{path}:mine"])
    load_object(f"{path}:mine").__globals__["calls"] = -6
    with pytest.raises(KeyboardInterrupt):
        conduct(prepared)
    with Store.open(tmp_path / "out", readonly=True) as store:
        assert [run.outcome for run in store.study().runs] == ["finished"] * 3
    assert [run.outcome for run in conduct(prepared).runs] == ["finished"] * 4


def test_another_protocol_in_the_same_directory_is_refused_and_loses_nothing(prepare, conduct, tmp_path):
    study = conduct(prepare())
    with pytest.raises(
        PlanMismatchError, match=r"were made with --epochs 3, now --epochs 4: use another --out"
    ):
        conduct(prepare(epochs=4))
    with Store.open(tmp_path / "out", readonly=True) as store:
        assert store.study() == study


@pytest.mark.parametrize(
    "more, new",
    [
        ({"seeds": 4}, 4),
        ({"arms": "relu,tanh,elu"}, 2),
        ({"arms": "elu,tanh", "control": "tanh"}, 2),
        ({"margin": 10, "confidence": 0.9}, 0),
        ({"norms": "none,batch"}, 4),
        ({"learning_rate": 0.2}, 4),
    ],
)
def test_a_study_grows_and_trains_only_what_is_missing(prepare, conduct, measured, tmp_path, more, new):
    conduct(prepare())
    heard = Recorder()
    grown = conduct(prepare(**more), heard)
    assert len(kinds(heard, TrialFinished)) == new
    anew = conduct(prepare(**more), out=tmp_path / "anew")
    assert (grown.plan, grown.rates, grown.margin) == (anew.plan, anew.rates, anew.margin)
    for arm in anew.plan.arms:
        for norm in anew.plan.norms:
            assert measured(grown.series(arm.label, norm)) == measured(anew.series(arm.label, norm))
    assert against_control(grown) == against_control(anew)


def test_a_number_of_seeds_that_is_chosen_after_some_were_analysed_is_warned_of(prepare, conduct):
    def codes(study):
        return [notice.code for notice in study.warnings]

    assert codes(conduct(prepare(seeds=2))) == []
    with pytest.raises(Stop):  # before it is said
        conduct(prepare(seeds=3), Recorder(StudyStarted, 0))
    assert codes(conduct(prepare(seeds=3))) == ["analysed-before"]
    assert codes(conduct(prepare(seeds=3))) == ["analysed-before"]
    assert codes(conduct(prepare(seeds=3, arms="relu,tanh,elu"))) == ["analysed-before"]
    assert codes(conduct(prepare(seeds=None, max_seeds=4))) == []


def test_an_arm_whose_code_changed_is_trained_anew_and_the_others_are_not(prepare, conduct, write_module):
    text = "import torch\ndef mine(x):\n    return torch.relu(x) * {}\n"
    arms = ["relu", write_module(text.format(1)) + ":mine"]
    before = conduct(prepare(arms=arms))
    write_module(text.format(2))
    heard = Recorder()
    after = conduct(prepare(arms=arms), heard)
    assert [event.run.trial.arm for event in kinds(heard, TrialFinished)] == [arms[1]] * 2
    assert after.of("test", arms[1]) != before.of("test", arms[1])
    assert after.of("test", "relu") == before.of("test", "relu")


def test_more_comparisons_may_open_an_arm_again_and_that_is_said(prepare, conduct):
    words = {"task": "digits", "epochs": 1, "seeds": None, "max_seeds": 9, "margin": 6}
    few = conduct(prepare(**words, arms="relu,leaky_relu"))
    assert against_control(few)["leaky_relu", "none"].verdict == "equivalent"
    words |= {"arms": "relu,leaky_relu,elu,selu,tanh,silu,gelu,mish", "confidence": 0.9999}
    with pytest.raises(Stop):  # before it is said
        conduct(prepare(**words), Recorder(MarginFixed, 0))
    many = conduct(prepare(**words))
    assert against_control(many)["leaky_relu", "none"].verdict == "undecided"
    (notice,) = [notice for notice in many.warnings if notice.code == "reopened"]
    assert notice.text.startswith("leaky_relu was equivalent and is open again: more comparisons")


def test_a_budget_ends_a_study_cleanly_and_the_same_command_goes_on(prepare, conduct, measured, whole):
    heard, time = Recorder(), iter(range(1000))
    study = conduct(prepare(**TUNED), heard, budget=8, clock=lambda: next(time))
    assert 0 < len(study.runs) < len(whole.runs)
    assert [event.notice.code for event in kinds(heard, Warned)][-1] == "budget"
    assert "budget" not in {notice.code for notice in study.warnings}
    assert isinstance(heard[-1], StudyFinished)
    assert measured(conduct(prepare(**TUNED)).runs) == measured(whole.runs)


def test_another_writer_is_refused(prepare, conduct):
    def meddle(event):
        if isinstance(event, StudyStarted):
            with pytest.raises(StoreError, match="is being written by another run"):
                conduct(prepare())

    conduct(prepare(), meddle)


def test_failed_trials_are_records_like_others_and_end_nothing(prepare, conduct, write_module):
    crash = write_module(
        "import torch\ncalls = 0\ndef crash(x):\n    global calls\n    calls += 1\n"
        "    if calls > 1000:\n        raise ValueError('enough')\n    return torch.relu(x)\n"
    )
    from rectifiers.arms import load_object

    prepared = prepare(arms=["relu", f"{crash}:crash"], learning_rate="0.1,1e30")
    load_object(f"{crash}:crash").__globals__["calls"] = 1000
    study = conduct(prepared)
    assert {run.outcome for run in study.of("tune", f"{crash}:crash")} == {"crashed"}
    assert [run.outcome for run in study.of("test", f"{crash}:crash")] == ["crashed"] * 2
    assert study.rates[f"{crash}:crash", "none"] == 1e30
    tuned = {run.trial.learning_rate: run.outcome for run in study.of("tune", "relu")}
    assert (tuned[0.1], tuned[1e30]) == ("finished", "diverged")
    assert [run.outcome for run in study.of("test", "relu")] == ["finished"] * 2
    assert any("no tuning trial finished at any learning rate" in notice.text for notice in study.warnings)


def test_an_arm_that_is_nan_from_step_one_is_an_outcome(prepare, conduct, write_module):
    nan = write_module("def nan(x):\n    return x * float('nan')\n") + ":nan"
    study = conduct(prepare(arms=["relu", nan]))
    assert {run.reason for run in study.of("test", nan)} == {"loss is nan at step 1"}
    assert {run.outcome for run in study.of("test", "relu")} == {"finished"}
    assert any(notice.text.startswith(f"{nan}: weights are drawn with gain 1") for notice in study.warnings)


def test_the_rest_of_the_program_is_as_before(prepare, conduct):
    torch.manual_seed(5)
    expected = torch.rand(3).tolist()
    torch.manual_seed(5)
    threads, mode = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    conduct(prepare(**TUNED, arms="rrelu,relu"))
    assert torch.rand(3).tolist() == expected
    assert (torch.get_num_threads(), torch.get_deterministic_debug_mode()) == (threads, mode)


def test_a_watcher_that_draws_random_numbers_changes_nothing(prepare, conduct, measured, tmp_path):
    def draw(event):
        torch.rand(3)
        torch.manual_seed(0)

    prepared = prepare(arms="rrelu,relu")
    quiet, noisy = conduct(prepared, out=tmp_path / "a"), conduct(prepared, draw, out=tmp_path / "b")
    assert measured(noisy.runs) == measured(quiet.runs)


def test_a_runner_may_take_its_trials_in_any_order(prepare, conduct, measured, whole):
    """What the vectorised and the distributed runners will rely on."""
    from rectifiers.study import InProcess, Runner

    class Backwards:
        def run(self, work, trials, wanted=None):
            for trial in reversed(list(trials)):
                yield from InProcess().run(work, [trial])

    runner: Runner = Backwards()
    backwards = conduct(prepare(**TUNED), runner=runner)
    assert backwards.rates == whole.rates
    assert backwards.runs != whole.runs
    by_key = {run.trial.key: run for run in measured(backwards.runs)}
    assert [by_key[run.trial.key] for run in whole.runs] == measured(whole.runs)


def test_a_runner_tells_trials_and_records(prepare):
    from rectifiers.study import InProcess

    prepared = prepare(seeds=1)
    trials = [prepared.plan.trial("test", arm, "none", 0.1, 0) for arm in ("relu", "tanh")]
    told = list(InProcess().run(prepared, trials))
    assert [type(item) for item in told] == [Trial, *[EpochFinished] * 3, Run] * 2
    assert [item for item in told if isinstance(item, Trial)] == trials
    assert [item.trial for item in told if isinstance(item, Run)] == trials


def test_going_on_elsewhere_is_said(prepare, conduct):
    prepared = prepare(**TUNED)
    with pytest.raises(Stop):
        conduct(prepared, Recorder(TrialFinished, 2))
    moved = dataclasses.replace(prepared, environment={**prepared.environment, "torch": "9.9"})
    study = conduct(moved)
    text = f"continued elsewhere than begun: torch {torch.__version__}, now 9.9"
    assert Notice("elsewhere", text) in study.warnings


def test_the_command_and_what_it_ran_on_are_kept(prepare, conduct):
    study = conduct(prepare(), command="rectifiers compare xor")
    assert study.command == "rectifiers compare xor"
    assert study.environment["torch"] == torch.__version__
    assert study.environment["device"] == "cpu"
    said = " ".join(study.environment.values())
    assert os.uname().nodename not in said
    assert os.path.expanduser("~") not in said
