"""``rectifiers compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rectifiers.cli._options import argument, takes
from rectifiers.cli._result import end, training
from rectifiers.errors import ArgumentError, UnknownNameError
from rectifiers.records.options import COMPARE, WHAT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rectifiers.records.events import Event
    from rectifiers.runners import Ray

__all__ = ["compare"]

_TASK = "xor, digits (default), mnist1d, mnist, fashion-mnist or cifar10; or a study's plan.toml."


def _from_plan(context: typer.Context, task: str | None) -> str | None:
    """Take a plan.toml in the place of a task: what it says is the default of every option."""
    if task is None or not task.endswith(".toml"):
        return task
    from rectifiers.records import plan_file

    options = plan_file.read(Path(task), ["task", *(option.name for option in COMPARE)])
    named: str | None = options.pop("task", None)
    context.default_map = options
    return named


@takes(*COMPARE)
def compare(
    task: Annotated[
        str | None, argument("TASK", _TASK, rich_help_panel=WHAT, callback=_from_plan, is_eager=True)
    ] = None,
    **given: Any,
) -> None:
    """Which activation should a network use? Trains it with each of them and decides.

    All activations get the same seeds, weights and order of data, and each its own learning rate. They race:
    each leaves once it is decided against the control. Stop with Ctrl-C whenever you like: the same command
    goes on where it stopped; with more arms or seeds it trains what is missing.
    """
    import rectifiers
    from rectifiers import comparison

    planned = {option.argument or option.name: given[option.name] for option in COMPARE}
    take = planned.pop
    dry_run, as_json, tensorboard, mlflow = take("dry_run"), take("json"), take("tensorboard"), take("mlflow")
    shown: dict[str, Any] = {"progress": not take("quiet"), "report": not take("no_report")}
    arms, more = take("arms"), take("arm") or ()
    runner = _runner(take("runner"), take("address"), take("cpus_per_trial"), take("gpus_per_trial"))
    planned |= {
        "task": task,
        "arms": [comparison.DEFAULT_ARMS if arms is None else arms, *more],
        "execution": rectifiers.Execution(
            take("jobs"), take("trial_timeout"), take("budget"), take("memory_per_trial"), runner
        ),
    }
    _training(planned)
    with training(as_json=as_json):
        if dry_run:
            typer.echo(comparison.outlook(**planned))
            return
        callbacks = list(_callbacks(tensorboard, mlflow))
        result = comparison.compare(**planned, callbacks=callbacks, **shown)
    end(result, as_json=as_json)


def _training(planned: dict[str, Any]) -> None:
    """Put a command in the place of a training function."""
    command, metric_file = planned.pop("command"), planned.pop("metric_file")
    if command is None:
        if metric_file is not None:
            raise ArgumentError(f"--metric-file is of a --command, but there is none: {metric_file!r}")
        return
    if planned["train"] is not None:
        raise ArgumentError(
            f"a training is a function or a command, but got --train {planned['train']} and --command"
        )
    from rectifiers import Command

    planned["train"] = Command(command, planned["metric"], metric_file)
    planned["metric"] = None


def _runner(name: str | None, address: str | None, cpus: float, gpus: float) -> Ray | None:
    """Return the runner that was asked for, None for processes of this machine."""
    if name is None:
        if address is not None or (cpus, gpus) != (1, 0):
            raise ArgumentError("--address, --cpus-per-trial and --gpus-per-trial are for --runner ray")
        return None
    if name != "ray":
        raise UnknownNameError.of("runner", name, ["ray"])
    from rectifiers.runners import Ray

    return Ray(address, cpus=cpus, gpus=gpus)


def _callbacks(tensorboard: Path | None, mlflow: str | None) -> Iterator[Callable[[Event], None]]:
    """Yield the callbacks that were asked for; their libraries are loaded here."""
    from rectifiers import callbacks

    if tensorboard is not None:
        yield callbacks.TensorBoard(tensorboard)
    if mlflow is not None:
        yield callbacks.MLflow(mlflow)
