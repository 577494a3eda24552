"""What is taken away from a study: tables, figures, methods, and the trackers that listen while it runs."""

from __future__ import annotations

import csv
import html
import re
import shutil
import sys
import types
from pathlib import Path

import pytest

import rectifiers
from rectifiers.cli import main
from rectifiers.comparison import ComparisonResult
from rectifiers.errors import MissingDependencyError, UnknownNameError, UserCodeError
from rectifiers.records import events
from rectifiers.report import export

QUICK = {"seeds": 3, "epochs": 2, "learning_rate": 0.1, "report": False}


@pytest.fixture(scope="module")
def heard() -> list[events.Event]:
    return []


@pytest.fixture(scope="module")
def result(tmp_path_factory, heard) -> ComparisonResult:
    out = tmp_path_factory.mktemp("study")
    return rectifiers.compare("xor", "relu,leaky_relu(1/5.5)", out=out, callbacks=[heard.append], **QUICK)


def test_a_callback_hears_every_event_in_order(result, heard) -> None:
    assert isinstance(heard[0], events.StudyStarted)
    assert isinstance(heard[-1], events.StudyFinished)
    finished = [event.run for event in heard if isinstance(event, events.TrialFinished)]
    assert tuple(finished) == result.study.runs


def test_what_a_callback_raises_is_one_line_that_names_it(tmp_path) -> None:
    def tell_nobody(event: events.Event) -> None:
        if isinstance(event, events.TrialFinished):
            raise KeyError("no such run")

    said = "callback .*tell_nobody, told of TrialFinished, raised KeyError: 'no such run'"
    with pytest.raises(UserCodeError, match=said) as error:
        rectifiers.compare("xor", "relu,elu", out=tmp_path, callbacks=[tell_nobody], **QUICK)
    assert "\n" not in str(error.value)


def test_a_frame_has_a_row_per_seed(result) -> None:
    frame = result.to_frame(per="seed")
    assert list(zip(frame["arm"], frame["seed"], strict=True)) == [
        (arm, seed) for arm in ("relu", "leaky_relu(1/5.5)") for seed in range(3)
    ]
    assert list(frame["metric"]) == [run.metric for arm in ("relu", "leaky_relu(1/5.5)")
                                     for run in result.study.of("test", arm)]  # fmt: skip
    with pytest.raises(UnknownNameError, match="seed"):
        result.to_frame(per="seeds")  # type: ignore[arg-type]


def test_a_row_per_seed_is_of_the_runs_that_decide_alone(tmp_path) -> None:
    words = {"epochs": 2, "report": False, "out": tmp_path}
    rectifiers.compare("xor", "relu,elu", seeds=4, learning_rate=0.1, **words)
    for asked in ({"seeds": 3, "learning_rate": 0.2}, {"seeds": 2, "learning_rate": 0.2}):
        result = rectifiers.compare("xor", "relu,elu", **asked, **words)
        frame = result.to_frame(per="seed")
        assert set(frame["learning_rate"]) == {0.2}  # and not of the earlier question's
        assert list(frame.groupby("arm", sort=False).size()) == [arm["n"] for arm in result.to_json()["arms"]]
        means = frame.groupby("arm", sort=False)["metric"].mean()
        assert list(means) == pytest.approx([arm["mean"] for arm in result.to_json()["arms"]])


def test_tables_for_programs(result, tmp_path) -> None:
    arms, seeds = export.export(result, "csv", tmp_path / "new")
    found = list(csv.DictReader(arms.read_text().splitlines()))
    assert [row["arm"] for row in found] == ["relu", "leaky_relu(1/5.5)"]
    assert len(list(csv.DictReader(seeds.read_text().splitlines()))) == 6


def test_parquet_needs_its_library_and_says_so(result, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "fastparquet", None)
    with pytest.raises(MissingDependencyError, match="pip install pyarrow"):
        export.export(result, "parquet", tmp_path)


def test_tables_for_papers_with_the_methods(result, tmp_path) -> None:
    (tex,) = export.export(result, "latex", tmp_path)
    text = tex.read_text()
    assert text.count("\\toprule") == text.count("\\bottomrule") == 1
    assert "leaky\\_relu(1/5.5) &" in text
    assert not re.search(r"(?<!\\)[%_#](?!.*usepackage)", text.split("\n", 1)[1])
    (page,) = export.export(result, "markdown", tmp_path)
    assert "| relu |" in page.read_text()
    assert result.methods in page.read_text()
    for figure in (
        "2 epochs",
        "3 seeds",
        "95 %",
        "6 runs decided",
        "fixed beforehand [1-SE]",
        "[1-SE] Breiman",
    ):
        assert figure in result.methods
    report = html.unescape(result.write(tmp_path).report.read_text(encoding="utf-8"))
    assert all(f">{paragraph}</p>" in report for paragraph in result.methods.split("\n\n"))


def test_figures_and_bad_kinds(result, tmp_path, capsys) -> None:
    written = export.export(result, "svg", tmp_path)
    assert {path.suffix for path in written} == {".svg"}
    assert main(["export", str(result.store.parent), "--to", "docx"]) == 2
    assert "unknown kind of file 'docx'" in capsys.readouterr().err
    assert main(["export", str(result.store.parent), "--to", "markdown", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "summary.md")


def test_a_report_is_printed_by_a_browser_or_it_is_said(result, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(MissingDependencyError, match="a report is printed by a browser"):
        export.export(result, "pdf", tmp_path)
    figures = list(tmp_path.glob("*.pdf"))
    assert figures
    for figure in figures:
        (box,) = re.findall(rb"/MediaBox\s*\[([^\]]+)\]", figure.read_bytes())
        assert float(box.split()[2]) == pytest.approx(252, abs=1)  # points: 3.5 inches


@pytest.mark.parametrize(
    "script", ["exit 0", "for given; do case $given in *=*) echo half > ${given#*=}; esac; done; exit 1"]
)
def test_a_browser_that_prints_nothing_leaves_the_pages_before(script, result, tmp_path, monkeypatch) -> None:
    browser, printed = tmp_path / "browser", tmp_path / "report.pdf"
    browser.write_text(f"#!/bin/sh\n{script}\n")
    browser.chmod(0o755)
    printed.write_text("before")
    monkeypatch.setattr(shutil, "which", lambda name: str(browser))
    with pytest.raises(MissingDependencyError, match="browser could not print"):
        export.printed(result.write(tmp_path).report, printed)
    assert printed.read_text() == "before"


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="prints with Chromium")
def test_the_printed_report_has_few_pages(result, tmp_path) -> None:
    report = result.write(tmp_path).report
    printed = export.printed(report, tmp_path / "report.pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 5


class _Client:
    """MLflow's client as far as it is used."""

    def __init__(self, tracking_uri: str) -> None:
        self.batches, self.ended, self.tags = [], [], {}
        _Client.last = self

    def get_experiment_by_name(self, name):
        return None

    def create_experiment(self, name):
        return name

    def set_experiment_tag(self, experiment, name, value):
        self.tags[name] = value

    def create_run(self, experiment, run_name):
        return types.SimpleNamespace(info=types.SimpleNamespace(run_id=run_name))

    def log_batch(self, run, metrics, params):
        self.batches.append((run, metrics, params))

    def set_terminated(self, run, status):
        self.ended.append((run, status))


def test_mlflow_gets_one_request_a_trial(result, heard, monkeypatch) -> None:
    tracking, entities = types.ModuleType("mlflow.tracking"), types.ModuleType("mlflow.entities")
    tracking.MlflowClient = _Client
    entities.Metric, entities.Param = lambda *values: values, lambda *values: values
    for name, module in (("mlflow.tracking", tracking), ("mlflow.entities", entities)):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "mlflow", types.ModuleType("mlflow"))
    tell = rectifiers.callbacks.MLflow("sqlite:///x.db")
    for event in heard:
        tell(event)
    client = _Client.last
    assert len(client.batches) == len(client.ended) == len(result.study.runs)
    run, metrics, params = client.batches[-1]
    assert run == "test/leaky_relu(1/5.5)/lr 0.1/seed 2"
    assert [metric[0] for metric in metrics] == ["train_loss", "train_loss", "accuracy"]
    assert ("arm", "leaky_relu(1/5.5)") in params
    assert set(client.tags) == {"margin"}


@pytest.mark.parametrize(
    "name, module", [("TensorBoard", "torch.utils.tensorboard"), ("MLflow", "mlflow.tracking")]
)
def test_a_tracker_that_is_not_installed_is_one_line(monkeypatch, name: str, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=f"{name} is not installed: pip install"):
        getattr(rectifiers.callbacks, name)("somewhere")


def test_tensorboard_gets_curves_and_metric(result, heard, monkeypatch, tmp_path) -> None:
    written = {}

    class Writer:
        def __init__(self, directory: str) -> None:
            self.found = written.setdefault(Path(directory).relative_to(tmp_path).as_posix(), [])

        def add_scalar(self, *values) -> None:
            self.found.append(values)

        def close(self) -> None:
            self.found.append("closed")

    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    tell = rectifiers.callbacks.TensorBoard(tmp_path)
    for event in heard:
        tell(event)
    assert len(written) == len(result.study.runs)
    values = next(values for name, values in written.items() if name.startswith("test/relu"))
    assert [value[0] for value in values[:-1]] == ["train loss", "train loss", "accuracy"]
    assert values[-1] == "closed"
