"""What a training function is given: the activation to use, and everything else that makes this trial."""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rectifiers.arms import Arm
from rectifiers.errors import ArgumentError, ArgumentTypeError, Stopped
from rectifiers.records.values import Phase

__all__ = ["ActivationFactory", "Trial", "Witness", "number", "public_seed", "watching"]

# Seeds as the user's code sees them: small where they decide, and disjoint for fewer than a million of each.
_FIRST_SEED = {"test": 0, "margin": 1_000_000, "tune": 2_000_000}


def public_seed(phase: Phase, seed: int) -> int:
    """Return a trial's seed for code that is not this library's: 0, 1, 2, ... for the trials that decide."""
    return _FIRST_SEED[phase] + seed


def number(what: str, value: Any) -> float:
    """Return a number, given as one, as a NumPy scalar or as a tensor with one element."""
    if isinstance(value, bool | str) or value is None:
        raise ArgumentTypeError(f"{what} is a number, but got {value!r}")
    try:
        return float(value.detach() if isinstance(value, Tensor) else value)
    except (TypeError, ValueError, RuntimeError):
        many = "" if not hasattr(value, "shape") else f" of shape {tuple(value.shape)}"
        raise ArgumentTypeError(f"{what} is a number, but got a {type(value).__name__}{many}") from None


class ActivationFactory:
    """Makes fresh modules of the arm that a trial is about.

    Attributes
    ----------
    label : str
        The arm as it was written.
    """

    def __init__(self, arm: Arm, made: Callable[[nn.Module], None]) -> None:
        self._arm, self._made = arm, made
        self.label = arm.label

    def __call__(self, channels: int | None = None, *, inplace: bool = False) -> nn.Module:
        """Return a fresh module.

        Parameters
        ----------
        channels : int, optional
            Number of features on axis 1, for arms that learn something for each; without, it is learned for
            all of them together.
        inplace : bool
            Accepted from libraries that pass it on, and ignored: it changes no result.
        """
        module = self._arm(1 if channels is None else channels)
        self._made(module)
        return module

    def outputs(self, channels: int) -> int:
        """Return how many features come out of so many (CReLU: twice as many)."""
        return self._arm.outputs(channels)

    def inputs(self, units: int) -> int:
        """Return how many features must go in for so many (Maxout of k pieces: k times as many)."""
        return self._arm.inputs(units)

    def __repr__(self) -> str:
        return f"<activation {self.label}>"


class Trial:
    """What a training function of the user's is called with.

    Attributes
    ----------
    activation : ActivationFactory
        Makes modules: ``trial.activation(channels)`` or ``trial.activation()``.
    arm : str
        Its label, as it was written.
    learning_rate : float or None
        The rate to train at; None where none were given and the function has its own.
    seed : int
        Of this trial, the same for all arms. Python, NumPy and torch are seeded before the call; this is for
        generators they do not cover.
    device : torch.device
    directory : Path
        A directory of its own, empty at the start; what is written there stays with the record.
    test_size : int or None
        To be set where the metric is a share of so many test samples (accuracy, in % or between 0 and 1):
        the automatic margin is then one standard error of it.
    """

    def __init__(
        self,
        activation: ActivationFactory,
        learning_rate: float | None,
        seed: int,
        device: torch.device,
        directory: Path,
        wanted: Callable[[], bool],
    ) -> None:
        self.activation, self.arm = activation, activation.label
        self.learning_rate, self.seed, self.device, self.directory = learning_rate, seed, device, directory
        self.test_size: int | None = None
        self.losses: list[float] = []
        self.errors: list[float] = []
        self.per_sample: list[float] = []
        self.diverged = ""
        self.stopped = False
        self._wanted = wanted

    def report(self, epoch: int, *, loss: Any, error: Any = None) -> None:
        """Tell how far the training is; optional.

        Parameters
        ----------
        epoch : int
            Its number, from 0 or 1: the text of an error. The order of the calls is that of the curve.
        loss : number
            Mean training loss over the epoch. One that is not finite, or such an `error`, ends the trial,
            which has then diverged.
        error : number, optional
            Training error in %; kept if every call has it.

        Raises
        ------
        Stopped
            The trial has diverged, or nobody waits for its result any more: the race is over, or the budget.
            Let it through.
        """
        given = {"loss": loss, **({} if error is None else {"error": error})}
        told = {name: number(f"the {name} of trial.report", value) for name, value in given.items()}
        for name, value in told.items():
            if not math.isfinite(value):
                self.diverged = f"{name} is {value:g} at epoch {epoch}"
                raise Stopped(self.diverged)
        self.losses.append(told["loss"])
        if error is not None:
            self.errors.append(told["error"])
        if not self._wanted():
            self.stopped = True
            raise Stopped(f"nobody waits for this trial of {self.arm} any more")

    def scores(self, values: Any) -> None:
        """Give the metric's value for each test sample, of which it is the mean (times 100 where in %).

        The automatic margin is then one standard error of that mean.
        """
        scores = torch.as_tensor(values).detach().double().flatten()
        if len(scores) < 2 or not scores.isfinite().all():
            raise ArgumentError(
                f"scores are finite numbers of two samples or more, but got {len(scores)} values"
            )
        self.per_sample = scores.tolist()

    def standard_error(self, metric: float) -> float | None:
        """Return that of the metric, by what the function told of its test samples; None if nothing."""
        if self.per_sample:
            scores = torch.tensor(self.per_sample, dtype=torch.float64)
            mean, error = float(scores.mean()), float(scores.std() / len(scores) ** 0.5)
            for scale in (1.0, 100.0):
                if math.isclose(scale * mean, metric, rel_tol=1e-4, abs_tol=1e-6):
                    return scale * error
            raise ArgumentError(
                f"the metric is the mean of trial.scores (times 100 where in %), but it is {metric:g} and "
                f"the mean {mean:g}: leave trial.scores out where it is no mean"
            )
        if self.test_size is None:
            return None
        from rectifiers.evidence.margin import of_accuracy

        scale = 1.0 if metric <= 1.0 else 100.0
        if not 0.0 <= metric <= scale or self.test_size < 1:
            raise ArgumentError(
                f"trial.test_size is for a metric that is a share of test samples, between 0 and 1 or in %, "
                f"but got {metric:g} of {self.test_size}: leave it out, or give trial.scores"
            )
        return of_accuracy(100.0 * metric / scale, self.test_size) * scale / 100.0


class Witness:
    """Sees the first tensor that an activation of a trial is called on.

    Attributes
    ----------
    digest : str
        SHA-256 of it: the same for two trials of the same weights and the same first batch, whatever the arm;
        ``"called"`` where the call was traced and there were no numbers, empty where there was none.
    """

    def __init__(self) -> None:
        self.digest = ""
        self._handles: list[Any] = []

    def made(self, module: nn.Module) -> None:
        """Watch a module until the first call of any."""
        if not self.digest:
            self._handles.append(module.register_forward_pre_hook(_saw))

    def saw(self, values: tuple[Any, ...]) -> None:
        """Take in a call."""
        if torch.compiler.is_compiling():
            self.digest = self.digest or "called"
            return
        try:
            x = torch.as_tensor(values[0]).detach().contiguous().cpu()
            kind = f"{x.dtype} {tuple(x.shape)}\n".encode()
            self.digest = hashlib.sha256(kind + x.view(torch.uint8).numpy().tobytes()).hexdigest()
        except (IndexError, RuntimeError, TypeError, ValueError):  # traced otherwise, or in a transform
            self.digest = "called"
        self.end()

    def end(self) -> None:
        """Leave the modules as they were."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()


_witness: Witness | None = None


def _saw(module: nn.Module, values: tuple[Any, ...]) -> None:
    # a function of this module, so that copies and pickles of a module carry it along
    if _witness is not None and not _witness.digest:
        _witness.saw(values)


@contextlib.contextmanager
def watching() -> Iterator[Witness]:
    """Watch the activations of the trial that runs in the block."""
    global _witness
    _witness = witness = Witness()
    try:
        yield witness
    finally:
        witness.end()
        _witness = None
