"""A command as work: run once per trial, its metric read from what it prints or from a file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Generator, Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from rectifiers.errors import ArgumentError, one_line
from rectifiers.records.events import EpochFinished
from rectifiers.records.values import Run
from rectifiers.records.values import Trial as Planned
from rectifiers.study.trainings.own_work import OwnWork
from rectifiers.study.trainings.trial import public_seed
from rectifiers.study.work import Wanted, always, now
from rectifiers.validity.tuned_on_test import VALIDATION

__all__ = ["Command", "CommandWork"]

_FIELD = re.compile(r"\{(\w+)\}")
_FIELDS = ("arm", "lr", "seed", "out", "device")
_SCRIPTS = (".py", ".sh", ".R", ".jl", ".pl", ".rb", ".js", ".lua", ".m")
# Up to the group of a pattern: escapes, sets and groups that are not kept may hold parentheses.
_TO_GROUP = re.compile(r"(?:\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?(?!P<)|[^\\\[(])*\((?:\?P<\w+>)?", re.DOTALL)
_NOT_FINITE = r"(?i:[-+]?(?:nan|inf(?:inity)?)\b)|"
_MORE = re.compile(r"[eE][-+]?\d|\.?\d")  # of a number that a match has cut short
_TICK = 0.05  # seconds between two looks at a process
_GUARD = ("sh", "-c", "read _; kill -KILL 0")
_GRACE = 5.0  # seconds between asking a process to end and ending it
_LAST_LINES, _LAST_CHARACTERS = 3, 300


@dataclass(frozen=True)
class Command:
    """A script as it is, run once per trial: the arm, the rate and the seed are words of its command line.

    Parameters
    ----------
    line : str
        The command, split into words as a shell would and run without one. In it ``{arm}`` stands for the
        arm's label, ``{lr}`` for the learning rate, ``{seed}`` for the seed, ``{out}`` for a directory of the
        trial's own, ``{device}`` for the device.
    metric : str, optional
        A regular expression with one group, whose last match in the output is the metric; without a group,
        the key of the last line that is a JSON object.
    metric_file : str, optional
        ``"{out}/result.json:accuracy"``: a file the command writes, and the key in it.
    """

    line: str
    metric: str | None = None
    metric_file: str | None = None

    def __post_init__(self) -> None:
        if (self.metric is None) == (self.metric_file is None):
            raise ArgumentError(
                "a command's metric is read from its output (a pattern such as 'test acc: ([0-9.]+)', or a "
                f"key of its last line of JSON) or from a file, but got metric={self.metric!r} and "
                f"metric_file={self.metric_file!r}: give one"
            )
        if not self.words:
            raise ArgumentError(f"a command has at least one word, but got {self.line!r}")
        for text in (*self.words, self.metric_file or ""):
            for name in _FIELD.findall(text):
                if name not in _FIELDS:
                    known = ", ".join(f"{{{known}}}" for known in _FIELDS)
                    raise ArgumentError(
                        f"a command's fields are {known}, but got {{{name}}} in {self.line!r}"
                    )
        if not self.takes("arm"):
            raise ArgumentError(
                f"a command takes the arm, but there is no {{arm}} in {self.line!r}: write it where "
                "the script takes the name of its activation"
            )
        if self.metric_file is not None and not re.search(r"..:[^:/\\]+$", self.metric_file):
            raise ArgumentError(
                f"a metric's file is FILE:KEY, such as {{out}}/result.json:accuracy, but got "
                f"{self.metric_file!r}"
            )
        own = [f"{{{name}}}" for name in ("arm", "seed", "lr") if name != "lr" or self.takes(name)]
        if (
            self.metric_file
            and "{out}" not in self.metric_file
            and any(f not in self.metric_file for f in own)
        ):
            raise ArgumentError(
                f"a metric's file is one run's alone, but {self.metric_file!r} is the same for several: put "
                f"{{out}} into it, or {' and '.join(own)}"
            )
        groups = 1 if self.metric is None else self._pattern(self.metric).groups
        if groups > 1 or (not groups and re.search(r"[\\[*+?^$|]", self.metric or "")):
            raise ArgumentError(
                f"a metric's pattern has one group, around the number, but {self.metric!r} has {groups}: "
                "'test acc: ([0-9.]+)', and (?:...) for others"
            )

    @staticmethod
    def _pattern(metric: str) -> re.Pattern[str]:
        try:
            return re.compile(metric)
        except re.error as error:
            raise ArgumentError(
                f"a metric is a regular expression or a key, but {metric!r} is neither: {error}"
            ) from None

    @classmethod
    def _with_nan(cls, metric: str) -> re.Pattern[str]:
        """Let the group take nan and inf, too: else a run that diverged has an earlier epoch's metric."""
        to_group = _TO_GROUP.match(metric)
        if to_group is None:  # a pattern of verbose style, say
            return cls._pattern(metric)
        return cls._pattern(metric[: to_group.end()] + _NOT_FINITE + metric[to_group.end() :])

    @property
    def words(self) -> list[str]:
        """The words of the command, fields not filled in."""
        try:
            return shlex.split(self.line)
        except ValueError as error:
            raise ArgumentError(f"quotes in a command are closed, but {self.line!r}: {error}") from None

    def takes(self, name: str) -> bool:
        """Return whether a field occurs in the command."""
        return any(f"{{{name}}}" in word for word in self.words)

    @property
    def metric_name(self) -> str:
        """What the metric is called: its key, or the words before the number in the pattern."""
        if self.metric_file is not None:
            return self.metric_file.rpartition(":")[2]
        assert self.metric is not None
        plain = re.split(r"[(\\\[]", self.metric)[0].strip(" :=\t^")
        return plain if re.fullmatch(r"[\w %/@.-]+", plain) else "metric"

    @property
    def name(self) -> str:
        """What the study is called: the script, or the program."""
        words = self.words
        scripts = (word for word in words if word.endswith(_SCRIPTS))
        return Path(next(scripts, words[0])).name

    def identity(self) -> str:
        """Return what a result depends on beside the fields: how the metric is read, and the files named.

        Raises
        ------
        ArgumentError
            If the program, or a script among its words, is not there.
        """
        words = [word for word in self.words if not _FIELD.search(word)]
        if words and words[0] == self.words[0] and shutil.which(words[0]) is None:
            raise ArgumentError(
                f"a command begins with a program, but {words[0]!r} is not found: {self.line}"
            )
        for word in words[1:]:
            if word.endswith(_SCRIPTS) and not word.startswith("-") and not Path(word).exists():
                raise ArgumentError(f"no such script: {word} (of {self.line!r}, looked from {Path.cwd()})")
        files = [Path(word) for word in words if Path(word).is_file()]
        digests = [f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()[:16]}" for file in files]
        read = self.metric_file if self.metric is None else self.metric
        return f"{read} ({', '.join(digests)})"

    def filled(self, values: Mapping[str, str]) -> list[str]:
        """Return the words with their fields filled in; a value is never split, nor read by a shell."""
        return [_FIELD.sub(lambda match: values[match[1]], word) for word in self.words]

    def file(self, values: Mapping[str, str]) -> Path | None:
        """Return the file with the metric, fields filled in; None where the metric is in the output."""
        if self.metric_file is None:
            return None
        name = self.metric_file.rpartition(":")[0]
        return Path(_FIELD.sub(lambda match: values[match[1]], name))

    def read(self, output: str, values: Mapping[str, str]) -> dict[str, float]:
        """Return the metric, by its name, and "validation" where the JSON file or line has it beside.

        Raises
        ------
        ArgumentError
            If there is no metric, or it is no number.
        """
        file = self.file(values)
        if file is not None:
            try:
                return _of_json(json.loads(file.read_text(encoding="utf-8")), self.metric_name, str(file))
            except OSError as error:
                raise ArgumentError(
                    f"the metric is in {file}, but it cannot be read: {error.strerror}"
                ) from None
            except (json.JSONDecodeError, UnicodeDecodeError):
                raise ArgumentError(f"the metric is in {file}, but that is no JSON object") from None
        assert self.metric is not None
        pattern = self._pattern(self.metric)
        beside, rest = _last_json(output)
        if not pattern.groups:
            if beside is not None:
                if re.search(rf"""['"]{re.escape(self.metric)}['"]\s*:""", rest):
                    raise ArgumentError(
                        f"{self.metric!r} comes again after the last line that is JSON: print it last, as "
                        "one line that json.dumps makes"
                    )
                return _of_json(beside, self.metric, "its last line of JSON")
            raise ArgumentError(
                f"no line of JSON with the key {self.metric!r} in the output: where it is a pattern, put a "
                f"group around the number, such as '{self.metric.rstrip(': ')}: ([0-9.]+)'"
            )
        matches = [*self._with_nan(self.metric).finditer(output)]
        if not matches:
            raise ArgumentError(f"no match of {self.metric!r} in the output")
        last = matches[-1]
        try:
            value = float(last[1])
        except (TypeError, ValueError):
            raise ArgumentError(f"the last match of {self.metric!r} is no number: {last[1]!r}") from None
        if _MORE.match(output, last.end(1)):
            whole = output[last.start(1) :].split(maxsplit=1)[0]
            raise ArgumentError(
                f"the last match of {self.metric!r} is {last[1]!r}, but the number goes on, {whole!r}: let "
                "the group take all of it, as ([-+.e0-9]+) does"
            )
        return {self.metric_name: value, **_numbers(beside or {}, [], "its last line of JSON")}


def _last_json(output: str) -> tuple[dict[str, Any] | None, str]:
    """Return the last line that is a JSON object, None if none is, and what comes after it."""
    lines = output.splitlines()
    for i in reversed(range(len(lines))):
        if lines[i].lstrip().startswith("{"):
            with contextlib.suppress(json.JSONDecodeError):
                return dict(json.loads(lines[i])), "\n".join(lines[i + 1 :])
    return None, output


def _of_json(found: Any, key: str, where: str) -> dict[str, float]:
    if not isinstance(found, dict) or key not in found:
        keys = ", ".join(found) if isinstance(found, dict) else f"a {type(found).__name__}"
        raise ArgumentError(f"the metric is {key!r} of {where}, but there is {keys or 'nothing'}")
    return _numbers(found, [key], where)


def _numbers(found: Mapping[str, Any], keys: list[str], where: str) -> dict[str, float]:
    """Return the numbers under some keys, and under "validation" if there is one."""
    numbers = {key: found[key] for key in dict.fromkeys([*keys, VALIDATION]) if key in found}
    for key, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ArgumentError(f"{key!r} of {where} is a number, but got {value!r}")
    return {key: float(value) for key, value in numbers.items()}


@dataclass(frozen=True)
class CommandWork(OwnWork):
    """A plan whose trials are runs of a command."""

    _: KW_ONLY
    command: Command
    parallel: ClassVar[Literal["processes", "threads"]] = "threads"  # a trial is a process of its own

    @property
    def usual_jobs(self) -> int | None:
        """See `Work`: nobody knows how many cores a command takes."""
        return 1

    def lost(self, trial: Planned, reason: str) -> Run:
        """See `Work`."""
        return Run(trial, "crashed", reason + _end_of(_text(self.log(trial))), started=now())

    def train(self, trial: Planned, wanted: Wanted = always) -> Generator[EpochFinished | Run]:
        """Run the command; its output goes to a file of the trial's."""
        started, clock = now(), time.perf_counter()
        values = {
            "arm": trial.arm,
            "lr": f"{trial.learning_rate:g}",
            "seed": str(public_seed(trial.phase, trial.seed)),
            "out": str(self.place(trial)),
            "device": self.plan.device,
        }
        log, file = self.log(trial), self.command.file(values)
        before = _written(file)
        try:
            with log.open("wb") as stream:
                code = _run(self.command.filled(values), stream, lambda: wanted(trial))
        except OSError as error:
            yield Run(trial, "crashed", f"cannot be started: {error.strerror or error}", started=started)
            return
        if code is None:
            return
        known: dict[str, Any] = {"started": started, "seconds": time.perf_counter() - clock}
        output = _text(log)
        if code:
            how = f"exit code {code}" if code > 0 else f"ended by {_signal(-code)}"
            yield Run(trial, "crashed", how + _end_of(output), **known)
            return
        if before is not None and before == _written(file):
            reason = f"the metric is in {file}, but this run did not write it: it is an earlier one's"
            yield Run(trial, "crashed", reason + _end_of(output), **known)
            return
        try:
            measures = self.command.read(output, values)
        except ArgumentError as error:
            yield Run(trial, "crashed", str(error) + _end_of(output), **known)
            return
        for name, value in measures.items():
            if not math.isfinite(value):
                yield Run(trial, "diverged", f"{name} is {value:g}", **known)
                return
        value = measures[self.command.metric_name]
        if trial.phase == "tune":
            value = measures.get(VALIDATION, value)
        metric = -value if self.plan.metric.startswith("minus ") else value
        yield Run(trial, "finished", metric=metric, measures=tuple(measures.items()), **known)


def _written(file: Path | None) -> int | None:
    """Return when a file was written last; None where there is none."""
    return file.stat().st_mtime_ns if file is not None and file.exists() else None


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""


def _run(words: list[str], stream: Any, wanted: Any) -> int | None:
    """Run a command in a process group of its own; return its exit code, None if it was stopped.

    However this process ends, the group ends with it: a guard among them waits for the end of its input.
    """
    process = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, process_group=0
    )
    guard = subprocess.Popen(
        _GUARD, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, process_group=process.pid
    )
    try:
        while True:
            try:
                return process.wait(_TICK)
            except subprocess.TimeoutExpired:
                if not wanted():
                    return None
    finally:
        guard.kill()
        guard.communicate()
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and those it started, at first by asking."""
    for how, grace in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, None)):
        if process.poll() is not None:
            return
        try:
            os.killpg(process.pid, how)
        except ProcessLookupError:
            return
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            continue


def _signal(number: int) -> str:
    return next((one.name for one in signal.Signals if one == number), f"signal {number}")


def _end_of(output: str) -> str:
    """Return the last lines of an output, to be put behind a reason."""
    lines = [line.strip() for line in output.splitlines() if line.strip()][-_LAST_LINES:]
    said = " | ".join(lines)
    shown = one_line(said[-_LAST_CHARACTERS:])
    return f" (it said: {shown})" if shown else " (it said nothing)"
