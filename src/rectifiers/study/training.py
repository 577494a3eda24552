"""One trial, from initial weights to its record."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import accumulate
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from rectifiers.errors import error_line
from rectifiers.records.events import EpochFinished
from rectifiers.records.values import Outcome, Plan, Run, Trial
from rectifiers.study import inside
from rectifiers.study.evaluation import HOPELESS, NotFiniteError, Score, constant_loss, score
from rectifiers.study.isolation import Isolation
from rectifiers.study.optimisers import SCHEDULES, Optimiser
from rectifiers.study.seeds import Order, derive
from rectifiers.study.work import now
from rectifiers.tasks._trees import Inputs

if TYPE_CHECKING:
    from rectifiers.diagnosis import Watch
    from rectifiers.study.prepared import Prepared

__all__ = ["HOPELESS", "first_at_target", "forward_of", "train"]

_CHECK_EVERY = 64  # steps between two looks at the losses: each look waits for the device
_LONGEST_REASON = 200


class _DivergedError(ArithmeticError):
    """Training left the finite or the sensible."""


def train(prepared: Prepared, trial: Trial) -> Generator[EpochFinished | Run]:
    """Carry out one trial: tell of each epoch, and end with the record.

    A trial ends in one of three ways.

    - *finished*: trained to the end, with a finite metric.
    - *diverged*: a batch's loss was nan or infinite; or a parameter or buffer was at the end; or the
      model's answers were, when it was evaluated; or the mean training loss over the last epoch was more
      than `HOPELESS` = 3 times that of a constant answer (ln(classes), or the targets' variance). A dead
      network, whose loss *is* that of a constant answer, has finished: its low metric is the finding.
    - *crashed*: the model, the activation or torch raised, out-of-memory included.

    What stops the program (Ctrl-C, ``SystemExit``) ends the generator without a record.

    Parameters
    ----------
    prepared : Prepared
    trial : Trial

    Yields
    ------
    EpochFinished
        After each epoch.
    Run
        Last.
    """
    started = now()
    plan, state = prepared.plan, _Training(prepared, trial)
    going = state.attempt(state.begin)
    for epoch in range(1, plan.epochs + 1):
        going = going and state.attempt(state.epoch)
        if going:
            error = state.errors[-1] if state.errors else None
            yield EpochFinished(trial, epoch, plan.epochs, state.losses[-1], error)
            going = state.attempt(state.validate)
        if state.stopped:
            break
    if going:
        state.attempt(state.score)
    state.tell()
    cell = prepared.cells[trial.arm, trial.norm]
    yield Run(
        trial=trial,
        outcome=state.outcome,
        reason=state.reason,
        **(state.measured._asdict() if state.measured else {}),
        steps=state.steps,
        epochs=state.best_epoch or len(state.losses),
        steps_to_target=state.steps_to_target(),
        seconds=state.seconds,
        peak_memory=cell.peak_memory,
        parameters=cell.parameters,
        train_loss=tuple(state.losses),
        train_error=tuple(state.errors),
        init_hash=state.init_hash,
        order_hash=state.order.hash(),
        noise_hash=state.noise_hash,
        started=started,
        measures=state.measures,
    )


class _Training:
    """The moving parts of one trial."""

    def __init__(self, prepared: Prepared, trial: Trial) -> None:
        plan = prepared.plan
        self._prepared, self._trial, self._plan = prepared, trial, plan
        parts = prepared.parts(trial.phase, trial.seed)
        self._train, self._held_out, self._stopping = (one.to(prepared.device) for one in parts)
        self._batch = min(plan.batch_size, len(self._train))
        self._steps_per_epoch = len(self._train) // self._batch
        self.order = Order(trial.phase, trial.seed, len(self._train), plan.epochs)
        self.isolation = Isolation(
            derive(trial.phase, "noise", trial.seed), prepared.device, prepared.threads
        )
        self.noise_hash = self.isolation.hash
        self._draws = self._drawing("samples")
        self.init_hash = ""
        self.best_epoch: int | None = None
        self.stopped = False
        self._best: tuple[float, list[Tensor]] | None = None
        self.outcome: Outcome = "finished"
        self.reason = ""
        self.measured: Score | None = None
        self.steps = 0
        self.seconds = 0.0
        self.losses: list[float] = []
        self.errors: list[float] = []
        self._wrong: list[int] = []
        self.measures: tuple[tuple[str, float], ...] = ()
        self._watch: Watch | None = None

    def _drawing(self, purpose: str) -> AbstractContextManager[Any]:
        """Return where samples are drawn: alike for all arms, however many numbers their models draw."""
        prepared, trial = self._prepared, self._trial
        if prepared.drawn is None and prepared.augment is None:
            return nullcontext()
        return Isolation(derive(trial.phase, purpose, trial.seed), prepared.device, prepared.threads)

    def attempt(self, part: Callable[[], None]) -> bool:
        """Do one part of the trial in its own random state; return whether the next one may follow."""
        try:
            with self.isolation:
                part()
        except (_DivergedError, NotFiniteError) as error:
            self.outcome, self.reason = "diverged", str(error)
        except Exception as error:  # noqa: BLE001  the user's model and activation may raise anything
            self.outcome, self.reason = "crashed", error_line(error, _LONGEST_REASON)
        return self.outcome == "finished"

    def begin(self) -> None:
        """Build the model; its draws leave the noise generator as it was."""
        trial = self._trial
        with torch.random.fork_rng(devices=_cuda(self._prepared.device)):
            self._model, self.init_hash = self._prepared.model(trial.arm, trial.norm, trial.phase, trial.seed)
        self._masks = {name for name, one in self._model.named_buffers() if not one.isfinite().all()}
        self._model.train()
        plan, run = self._plan, self._model
        if plan.compile:
            torch.compiler.reset()  # or it would give up after a few models of one class
            run = cast(nn.Module, torch.compile(run))
        self._forward = forward_of(run, plan)
        self._loss = copy.deepcopy(self._prepared.objective)  # with state of its own, if it has any
        self._optimiser = Optimiser(plan.optimizer, self._model, plan.weight_decay, plan.momentum)
        if self._prepared.watched:
            self._watch = inside.watching(self._model, self._steps_per_epoch, self._batch)
            self._watch.__enter__()

    def epoch(self) -> None:
        """Take one pass over the training samples, leaving out the last ``n mod batch size`` of its order."""
        clock = time.perf_counter()
        order = self._train[next(self.order).to(self._train.device)]
        batch_of, model, step = self._prepared.batch, self._forward, self._step
        loss_of, errors_of = self._loss.loss, self._loss.errors
        found: list[Tensor] = []
        wrong: list[Tensor] = []
        sums: list[float] = []
        for i in range(self._steps_per_epoch):
            chosen = order[i * self._batch : (i + 1) * self._batch]
            with self._draws:
                inputs, targets = batch_of(chosen)
            outputs = model(inputs)
            missed = errors_of(outputs.detach(), targets)  # before the loss, which may write to both
            loss = loss_of(outputs, targets)
            step(loss)
            found.append(loss.detach())
            if missed is not None:
                wrong.append(missed)
            if i == self._steps_per_epoch - 1 or len(found) == _CHECK_EVERY:
                sums += self._finite(found, self.steps - len(found))
                found.clear()
        if wrong:
            self._wrong += torch.stack(wrong).tolist()
            self.errors.append(100 * sum(self._wrong[-len(wrong) :]) / (len(wrong) * self._batch))
        self.losses.append(sum(sums) / len(sums))
        self.seconds += time.perf_counter() - clock

    def _step(self, loss: Tensor) -> None:
        plan = self._plan
        self._optimiser.zero()
        loss.backward()  # type: ignore[no-untyped-call]
        done = self.steps / (plan.epochs * self._steps_per_epoch)
        self._optimiser.step(self._trial.learning_rate * SCHEDULES[plan.schedule](done))
        self.steps += 1

    @staticmethod
    def _finite(found: list[Tensor], before: int) -> list[float]:
        values: list[float] = torch.stack(found).tolist()
        for i, value in enumerate(values):
            if not abs(value) < float("inf"):
                raise _DivergedError(f"loss is {value:g} at step {before + i + 1}")
        return values

    def score(self) -> None:
        """Measure the trained model, unless training has diverged."""
        for name, tensor in [*self._model.named_parameters(), *self._model.named_buffers()]:
            if name not in self._masks and not tensor.isfinite().all():
                raise _DivergedError(f"{name} is not finite after step {self.steps}")
        limit = HOPELESS * constant_loss(self._prepared.data, self._prepared.objective)
        if self.losses[-1] > limit:
            raise _DivergedError(
                f"training loss {self.losses[-1]:.3g} in the last epoch, "
                f"more than {HOPELESS:g} times that of a constant answer ({limit / HOPELESS:.3g})"
            )
        if self._best is not None:
            for tensor, best in zip(self._state(), self._best[1], strict=True):
                tensor.data.copy_(best)
        self.measured = self._score(self._held_out)

    def _score(self, indices: Tensor) -> Score:
        # Drawn from the same seed each time: alike after any epoch, wherever an arm stops.
        self._model.eval()
        with self._drawing("scored samples"):
            prepared = self._prepared
            found = score(self._forward, prepared.read, indices, self._loss, prepared.y)
        self._model.train()
        return found

    def validate(self) -> None:
        """With early stopping: keep the weights of the best epoch, and stop when none was better for long."""
        if self._plan.patience is None:
            return
        epoch, metric = len(self.losses), self._score(self._stopping).metric
        if self._best is None or metric > self._best[0]:
            self.best_epoch = epoch
            self._best = metric, [tensor.detach().clone() for tensor in self._state()]
        elif self.best_epoch is not None and epoch - self.best_epoch >= self._plan.patience:
            self.stopped = True

    def _state(self) -> list[Tensor]:
        """Return what training changes in a model: buffers too that its state dict leaves out."""
        return [*self._model.parameters(), *self._model.buffers()]

    def tell(self) -> None:
        """End the watch, if there is one, and keep what it found."""
        if self._watch is not None:
            self._watch.__exit__(None, None, None)
            self.measures = inside.measures(self._watch, self._steps_per_epoch)

    def steps_to_target(self) -> int | None:
        """Return the first step at which the error over the last epoch's worth of batches met the target."""
        if self._plan.target is None:
            return None
        window = self._steps_per_epoch
        return first_at_target(self._wrong, window, self._plan.target / 100 * window * self._batch)


def forward_of(model: nn.Module, plan: Plan) -> Callable[[Inputs], Tensor]:
    """Return what runs a model: itself, or in bfloat16 where that will do, with answers in float32.

    So losses and metrics, which are called outside, are as exact as in float32.
    """
    if plan.precision == "float32":
        return model
    mixed = torch.autocast(torch.device(plan.device).type, torch.bfloat16)(model.__call__)
    return lambda inputs: cast(Tensor, mixed(inputs)).float()


def first_at_target(wrong: Sequence[int], window: int, allowed: float) -> int | None:
    """Return the first step at which at most `allowed` samples were wrong over the last `window` steps.

    Parameters
    ----------
    wrong : sequence of int
        Samples classified wrongly in each step.
    window : int
        Also the first step that can meet the target.
    allowed : float
    """
    sums = [0, *accumulate(wrong)]
    ends = range(window, len(sums))
    return next((end for end in ends if sums[end] - sums[end - window] <= allowed), None)


def _cuda(device: torch.device) -> list[torch.device]:
    return [device] if device.type == "cuda" else []
