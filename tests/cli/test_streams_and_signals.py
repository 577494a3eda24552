"""Streams that are closed or full, a reader or a terminal that goes away, SIGTERM and SIGHUP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rectifiers import claims
from rectifiers.cli import main
from rectifiers.comparison import ComparisonResult, Interrupted

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shells and signals of POSIX")

RECTIFIERS = f"{sys.executable} -m rectifiers"
STUDY = (
    "compare xor --arms relu,elu --lr 0.3,1 --tuning-seeds 1 --epochs 8 --margin 20 --no-report --jobs 1 "
    "--out study"
)
FULL = "rectifiers: error: standard output cannot be written: No space left on device"


def shell(line: str, place: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", line], cwd=place, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "redirection, code, error",
    [
        (">&-", 0, ""),
        ("2>&-", 0, ""),
        ("0>&- >&- 2>&-", 0, ""),
        (">/dev/full", 2, f"{FULL}\n"),
        ("2>/dev/full", 0, ""),
    ],
)
def test_streams_that_are_closed_or_full(redirection: str, code: int, error: str, tmp_path: Path) -> None:
    found = shell(f"{RECTIFIERS} list {redirection}", tmp_path)
    assert (found.returncode, found.stderr) == (code, error)


def test_a_reader_that_has_seen_enough(tmp_path: Path) -> None:
    found = shell(f"{RECTIFIERS} list | true; exit ${{PIPESTATUS[0]}}", tmp_path)
    assert (found.returncode, found.stderr) == (0, "")


def test_json_that_has_nowhere_to_go_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    found = shell(f"{RECTIFIERS} {STUDY} --json >&-", tmp_path)
    assert (found.returncode, found.stderr.count("\n")) == (2, 1)
    assert "--json prints on standard output, but that is closed" in found.stderr
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize("derivative", ["np.cos", "np.sin"])
def test_a_check_that_cannot_be_written_is_neither_right_nor_wrong(derivative: str, tmp_path: Path) -> None:
    (tmp_path / "sine.py").write_text(f"import numpy as np\nf, df = np.sin, {derivative}\n")
    found = shell(f"{RECTIFIERS} check sine.py:f sine.py:df >/dev/full", tmp_path)
    assert (found.returncode, found.stderr) == (2, f"{FULL}\n")


@pytest.mark.parametrize("command", [f"{STUDY} --dry-run", "compare --help", "claims"])
def test_what_trains_nothing_keeps_nothing(command: str, tmp_path: Path) -> None:
    assert shell(f"{RECTIFIERS} {command} >/dev/full", tmp_path).stderr.endswith(f"{FULL}\n")


def test_a_study_is_kept_whose_result_cannot_be_printed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w") as output, open("/dev/full", "w", buffering=1) as errors:
        monkeypatch.setattr(sys, "stdout", output)
        monkeypatch.setattr(sys, "stderr", errors)
        assert main([*STUDY.split(), "--seeds", "1"]) == 2
    assert len(ComparisonResult.load("study").study.of("test")) == 2


@pytest.mark.usefixtures("usual_signals")
def test_a_terminal_that_goes_away(tmp_path: Path) -> None:
    """SIGHUP comes, and whatever is written then has no reader: the study is kept."""
    line = f"{RECTIFIERS} {STUDY} --seeds 40"
    with subprocess.Popen(
        line.split(), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for text in process.stderr:
            if "learning rate" in text:
                break
        process.stdout.close()
        process.stderr.close()
        process.send_signal(signal.SIGHUP)
        assert process.wait(30) == 128 + signal.SIGHUP
    assert len(ComparisonResult.load(tmp_path / "study").study.of("test")) < 80


@pytest.mark.usefixtures("usual_signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_does_what_ctrl_c_does(name: str, say, monkeypatch: pytest.MonkeyPatch) -> None:
    number = getattr(signal, name)

    def interrupted(**planned: object) -> None:
        os.kill(os.getpid(), number)

    monkeypatch.setattr("rectifiers.study.make_plan", interrupted)
    assert say("compare", "xor") == (128 + number, "", "stopped\n")
    assert signal.getsignal(number) == signal.SIG_DFL


def test_a_signal_that_is_ignored_stays_ignored(say, monkeypatch: pytest.MonkeyPatch) -> None:
    """As under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        monkeypatch.setattr(
            "rectifiers.cli.listing.typer.echo", lambda text: os.kill(os.getpid(), signal.SIGHUP)
        )
        assert say("list").code == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_claim_that_is_stopped_says_what_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*given: object, **named: object) -> None:
        raise Interrupted(3, 9, Path("runs"))

    monkeypatch.setattr(claims, "run", stopped)
    assert main(["claims", "run", "softmax-shift"]) == 130
    kept = "stopped: 3 of at most 9 trials are kept in runs; the same command goes on\n"
    assert capsys.readouterr() == ("", kept)
