"""A training function of the user's as work: called once per trial, whatever it does inside."""

from __future__ import annotations

import contextlib
import inspect
import math
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

import torch

from rectifiers.arms import Arm, code_identity
from rectifiers.errors import ArgumentError, ArgumentTypeError, Stopped, error_line
from rectifiers.records.events import EpochFinished
from rectifiers.records.values import Outcome, Run
from rectifiers.records.values import Trial as Planned
from rectifiers.study.isolation import Isolation
from rectifiers.study.seeds import derive
from rectifiers.study.trainings.own_work import OwnWork
from rectifiers.study.trainings.trial import ActivationFactory, Trial, Witness, number, public_seed, watching
from rectifiers.study.work import Wanted, always, now
from rectifiers.validity.tuned_on_test import VALIDATION

__all__ = ["FunctionWork", "check_signature"]

_LONGEST_REASON = 300


def check_signature(function: Callable[..., Any], name: str) -> None:
    """Raise unless a function can be called with a trial and nothing else."""
    try:
        inspect.signature(function).bind(None)
    except ValueError:  # written in C: it takes what it takes
        return
    except TypeError as error:
        raise ArgumentError(
            f"a training function is called as train(trial), but {name}{inspect.signature(function)} cannot "
            f"be: {error}"
        ) from None


@dataclass(frozen=True)
class FunctionWork(OwnWork):
    """A plan whose trials are calls of a function.

    Attributes
    ----------
    function : callable
        Called with a `Trial`; returns the metric, or a mapping with it.
    arms : mapping of str to Arm
    metric : str
        Its name in a mapping; `Plan.metric` tells whether it is negated.
    """

    _: KW_ONLY
    function: Callable[[Trial], Any]
    arms: Mapping[str, Arm]
    metric: str

    @property
    def device(self) -> torch.device:
        """Where the function is asked to train."""
        return torch.device(self.plan.device)

    def changed(self) -> str | None:
        """See `Work`; arms find that out by themselves."""
        path = self.plan.model
        if self.options is None or code_identity(path, parts=True) == self.plan.model_code:
            return None
        return f"{path} is another one there: its module was changed after it was imported"

    def train(self, trial: Planned, wanted: Wanted = always) -> Generator[EpochFinished | Run]:
        """Call the function, in the trial's own random state, its output in a file of the trial's."""
        started = now()
        isolation = Isolation(derive(trial.phase, "noise", trial.seed), self.device, 1)
        place = self.place(trial)
        clock = time.perf_counter()
        with watching() as witness, _output(self.log(trial)):
            known: dict[str, Any] = {"noise_hash": isolation.hash, "started": started}
            given = self._given(trial, witness, place, lambda: wanted(trial))
            outcome, reason, measures = self._call(given, isolation)
        known |= {
            "seconds": time.perf_counter() - clock,
            "epochs": len(given.losses),
            "train_loss": tuple(given.losses),
            "train_error": tuple(given.errors) if len(given.errors) == len(given.losses) else (),
            "init_hash": witness.digest,
            "measures": tuple(measures.items()),
        }
        if given.stopped:  # whatever came of it, the function may have gone on as if it had been trained
            return
        for epoch, loss in enumerate(given.losses, 1):
            yield EpochFinished(trial, epoch, len(given.losses), loss, None)
        if outcome == "finished":
            known |= self._measured(trial, given, measures)
        yield Run(trial, outcome, reason, **known)

    def _given(self, trial: Planned, witness: Witness, place: Path, wanted: Callable[[], bool]) -> Trial:
        rate = trial.learning_rate or None
        factory = ActivationFactory(self.arms[trial.arm], witness.made)
        return Trial(factory, rate, public_seed(trial.phase, trial.seed), self.device, place, wanted)

    def _call(self, given: Trial, isolation: Isolation) -> tuple[Outcome, str, dict[str, float]]:
        """Return the outcome, the reason, and what was returned."""
        measures: dict[str, float] = {}
        try:
            with isolation:
                returned = self.function(given)
            measures = self._read(returned)
            given.standard_error(measures[self.metric])
        except Stopped as error:
            if not (given.diverged or given.stopped):  # raised by the user's own code
                return "crashed", error_line(error, _LONGEST_REASON), {}
        except (Exception, SystemExit) as error:  # noqa: BLE001  the user's function may raise anything
            ours = isinstance(error, ArgumentError | ArgumentTypeError)
            if not ours:
                traceback.print_exc()
            return "crashed", str(error) if ours else error_line(error, _LONGEST_REASON), {}
        if given.diverged:
            return "diverged", given.diverged, {}
        if given.stopped:
            return "crashed", "stopped", {}
        for name, value in measures.items():
            if not math.isfinite(value):
                return "diverged", f"{name} is {value:g}", {}
        return "finished", "", measures

    def _read(self, returned: Any) -> dict[str, float]:
        """Return what the function returned, by name."""
        name, rule = self.plan.task, f"a number or a mapping with {self.metric!r}"
        if isinstance(returned, Mapping):
            if self.metric not in returned:
                keys = ", ".join(map(str, returned)) or "nothing"
                raise ArgumentError(
                    f"{name} returns {rule}, but returned {keys}: name one of these as metric"
                )
            return {str(key): number(f"{key!r} of what {name} returns", v) for key, v in returned.items()}
        if returned is None:
            raise ArgumentTypeError(
                f"{name} returns {rule}, but returned None: end it with `return {self.metric}`"
            )
        return {self.metric: number(f"what {name} returns", returned)}

    def _measured(self, trial: Planned, given: Trial, measures: Mapping[str, float]) -> dict[str, Any]:
        value = measures[self.metric]
        error = given.standard_error(value)
        if trial.phase == "tune":
            value = measures.get(VALIDATION, value)
        return {"metric": -value if self.plan.metric.startswith("minus ") else value, "standard_error": error}


@contextlib.contextmanager
def _output(file: Path) -> Iterator[None]:
    """Send what is printed into a file; that and the trial's directory stay if they hold anything."""
    with (
        file.open("w", encoding="utf-8", errors="replace", buffering=1) as stream,
        contextlib.redirect_stdout(stream),
        contextlib.redirect_stderr(stream),
    ):
        yield
    with contextlib.suppress(OSError):
        if not file.stat().st_size:
            file.unlink()
        file.with_suffix("").rmdir()  # unless anything is in it
