"""``rectifiers compare``."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rectifiers.cli._result import end
from rectifiers.errors import ArgumentError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rectifiers import Command
    from rectifiers.records.events import Event
    from rectifiers.runners import Ray

__all__ = ["compare"]

_WHAT = "What is compared"
_OWN = "A training of your own"
_HOW = "How it is trained (default: as the task says)"
_DECIDE = "How it is decided"
_RUN = "How it is run (changes no result)"
_OUT = "Where it goes"


def _option(panel: str, help: str, *names: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, rich_help_panel=panel, help=help, metavar=metavar)


def _from_plan(context: typer.Context, task: str | None) -> str | None:
    """Take a plan.toml in the place of a task: what it says is the default of every option."""
    if task is None or not task.endswith(".toml"):
        return task
    from rectifiers.records import plan_file

    known = [str(parameter.name).rstrip("_") for parameter in context.command.params]
    options = plan_file.read(Path(task), known)
    named: str | None = options.pop("task", None)
    if "compile" in options:
        options["compile_"] = options.pop("compile")
    context.default_map = options
    return named


def compare(
    task: Annotated[
        str | None,
        typer.Argument(
            metavar="TASK",
            rich_help_panel=_WHAT,
            callback=_from_plan,
            is_eager=True,
            help="xor, digits (default), mnist1d, mnist, fashion-mnist or cifar10; or a study's plan.toml.",
        ),
    ] = None,
    arms: Annotated[
        str | None,
        _option(
            _WHAT, "Activations, e.g. 'relu,elu,leaky_relu(1/5.5)'. [default: seven of them]", metavar="LIST"
        ),
    ] = None,
    arm: Annotated[
        list[str] | None,
        _option(_WHAT, "One more: 'package.module:MyActivation'. Repeatable.", metavar="ARM"),
    ] = None,
    control: Annotated[
        str | None,
        _option(_WHAT, "The arm all others are compared with. [default: the first]", metavar="ARM"),
    ] = None,
    norm: Annotated[
        str, _option(_WHAT, "Normalisation before the activation: none,batch.", metavar="LIST")
    ] = "none",
    model: Annotated[
        str | None,
        _option(
            _WHAT,
            "mlp, cnn, or your own 'package.module:build', called as build(activation).",
            metavar="MODEL",
        ),
    ] = None,
    swap: Annotated[
        str | None,
        _option(
            _WHAT,
            "Of a model that is called as build(): which activations the arms replace, e.g. relu.",
            metavar="NAMES",
        ),
    ] = None,
    train: Annotated[
        str | None,
        _option(
            _OWN, "Your own training 'package.module:train', called as train(trial).", metavar="FUNCTION"
        ),
    ] = None,
    command: Annotated[
        str | None,
        _option(
            _OWN,
            "Your own script: 'python train.py --act {arm} --lr {lr} --seed {seed}'; also {out}, {device}.",
            metavar="LINE",
        ),
    ] = None,
    metric: Annotated[
        str | None,
        _option(
            _OWN,
            "What FUNCTION returns, by name. Of a command: a pattern, 'acc: ([0-9.]+)', whose last match "
            "counts, or a key of its last line of JSON. With --data: a class of torchmetrics or torch.nn, or "
            "'package.module:metric'.",
            metavar="NAME",
        ),
    ] = None,
    metric_file: Annotated[
        str | None,
        _option(_OWN, "Or a file the command writes: '{out}/result.json:accuracy'.", metavar="FILE:KEY"),
    ] = None,
    higher_is_better: Annotated[
        bool | None,
        _option(
            _OWN,
            "Which way the metric is read. [default: higher, unless it is called a loss]",
            "--higher-is-better/--lower-is-better",
        ),
    ] = None,
    data: Annotated[
        str | None,
        _option(
            _WHAT,
            "Your own 'package.module:load', giving train_x, train_y, test_x, test_y; replaces TASK.",
            metavar="DATA",
        ),
    ] = None,
    loss: Annotated[
        str | None,
        _option(
            _WHAT,
            "For your own data: several-labels, token-labels, segmentation, a class of torch.nn, "
            "'package.module:loss'.",
            metavar="LOSS",
        ),
    ] = None,
    augment: Annotated[
        str | None,
        _option(_WHAT, "'package.module:augment', of each batch that is trained on.", metavar="FUNCTION"),
    ] = None,
    standardize: Annotated[
        bool,
        _option(_WHAT, "Scale the inputs of your own data to mean 0, variance 1.", "--standardize"),
    ] = False,
    data_dir: Annotated[
        Path | None, _option(_WHAT, "Where data files lie or are kept.", metavar="DIR")
    ] = None,
    width: Annotated[int | None, _option(_HOW, "Units (channels) of a hidden layer.", metavar="N")] = None,
    depth: Annotated[int | None, _option(_HOW, "Hidden layers.", metavar="N")] = None,
    epochs: Annotated[int | None, _option(_HOW, "Passes over the training set.", metavar="N")] = None,
    batch_size: Annotated[int | None, _option(_HOW, "Samples in a step.", metavar="N")] = None,
    lr: Annotated[
        str,
        _option(_HOW, "auto (the task's grid), one rate, or a grid: 0.01,0.03,0.1.", "--lr", metavar="RATES"),
    ] = "auto",
    optimizer: Annotated[str | None, _option(_HOW, "sgd, adam or adamw.", metavar="NAME")] = None,
    momentum: Annotated[float | None, _option(_HOW, "Momentum of sgd.", metavar="X")] = None,
    weight_decay: Annotated[
        float | None, _option(_HOW, "Weight decay; never on learned slopes.", metavar="X")
    ] = None,
    schedule: Annotated[
        str | None, _option(_HOW, "Of the learning rate: cosine or constant.", metavar="NAME")
    ] = None,
    patience: Annotated[
        int | None,
        _option(_HOW, "Early stopping: epochs without a better validation score.", metavar="N"),
    ] = None,
    precision: Annotated[
        str, _option(_HOW, "Of forward passes: float32 or bf16.", metavar="NAME")
    ] = "float32",
    compile_: Annotated[bool, _option(_HOW, "Compile every model with torch.compile.", "--compile")] = False,
    match: Annotated[
        str,
        _option(
            _HOW, "What arms that change the width (maxout, crelu) keep equal.", metavar="parameters|width"
        ),
    ] = "parameters",
    init: Annotated[
        str | None,
        _option(_HOW, "Weights with a gain matched to each arm, or the model's own.", metavar="gain|own"),
    ] = None,
    device: Annotated[str, _option(_HOW, "Where it is trained, e.g. cuda.", metavar="DEVICE")] = "cpu",
    seeds: Annotated[
        int | None,
        _option(_DECIDE, "Exactly so many trials per arm and normalisation: no race.", metavar="N"),
    ] = None,
    max_seeds: Annotated[
        int | None, _option(_DECIDE, "At most so many in a race. [default: 40]", metavar="N")
    ] = None,
    vary: Annotated[
        str | None,
        _option(
            _DECIDE,
            "What a seed changes: weights, order and noise; or the split into train and test, too. "
            "[default: seeds; split for own data given as one (x, y)]",
            metavar="seeds|split",
        ),
    ] = None,
    tuning_seeds: Annotated[
        int | None, _option(_DECIDE, "Further seeds on which rates are chosen.", metavar="N")
    ] = None,
    margin: Annotated[
        str,
        _option(
            _DECIDE,
            "Smallest difference worth caring about, in units of the metric; auto: one standard error of the "
            "metric on the test set.",
            metavar="X",
        ),
    ] = "auto",
    confidence: Annotated[float, _option(_DECIDE, "Of all intervals together.", metavar="X")] = 0.95,
    target: Annotated[
        float | None, _option(_DECIDE, "Training error in % whose first crossing is timed.", metavar="X")
    ] = None,
    allow: Annotated[
        str | None,
        _option(_DECIDE, "Overrule checks of validity by their codes; the report says so.", metavar="CODES"),
    ] = None,
    jobs: Annotated[int | None, _option(_RUN, "Worker processes. [default: the cores]", metavar="N")] = None,
    memory_per_trial: Annotated[
        str | None, _option(_RUN, "A trial that takes more has crashed: 2GB.", metavar="SIZE")
    ] = None,
    runner: Annotated[
        str | None,
        _option(_RUN, "ray: trials are tasks of Ray, on this machine or a cluster.", metavar="NAME"),
    ] = None,
    address: Annotated[
        str | None,
        _option(_RUN, "Of the Ray to join, HOST:PORT or auto. [default: one of its own]", metavar="ADDRESS"),
    ] = None,
    cpus_per_trial: Annotated[
        float, _option(_RUN, "Processors that Ray keeps for a trial.", "--cpus-per-trial", metavar="N")
    ] = 1,
    gpus_per_trial: Annotated[
        float,
        _option(_RUN, "The same of GPUs: 0.25 for four trials on each.", "--gpus-per-trial", metavar="N"),
    ] = 0,
    budget: Annotated[
        str | None, _option(_RUN, "End with what is decided by then: 90s, 10min, 2h.", metavar="TIME")
    ] = None,
    trial_timeout: Annotated[
        str | None, _option(_RUN, "A trial that takes longer has crashed.", metavar="TIME")
    ] = None,
    watch: Annotated[
        bool, _option(_RUN, "Watch every trial, and say what happened inside.", "--watch")
    ] = False,
    dry_run: Annotated[
        bool, _option(_RUN, "Say what would be done, and how long it takes; train nothing.", "--dry-run")
    ] = False,
    out: Annotated[
        Path | None,
        _option(
            _OUT,
            "Directory of the study; the same command goes on there. [default: runs/TASK-...]",
            metavar="DIR",
        ),
    ] = None,
    tensorboard: Annotated[
        Path | None, _option(_OUT, "Write every trial for TensorBoard as well.", metavar="DIR")
    ] = None,
    mlflow: Annotated[str | None, _option(_OUT, "Log every trial to MLflow as well.", metavar="URI")] = None,
    as_json: Annotated[
        bool, _option(_OUT, "Print one JSON object on standard output, all else on standard error.", "--json")
    ] = False,
    quiet: Annotated[bool, _option(_OUT, "No progress.", "--quiet", "-q")] = False,
    no_report: Annotated[bool, _option(_OUT, "Write no report.html.", "--no-report")] = False,
) -> None:
    """Which activation should a network use? Trains it with each of them and decides.

    All activations get the same seeds, weights and order of data, and each its own learning rate. They race:
    each leaves once it is decided against the control. Stop with Ctrl-C whenever you like: the same command
    goes on where it stopped; with more arms or seeds it trains what is missing.
    """
    import rectifiers
    from rectifiers import comparison

    named = comparison.DEFAULT_ARMS if arms is None else arms
    planned: dict[str, Any] = {
        "task": task,
        "arms": [named, *(arm or ())],
        "train": _training(train, command, metric, metric_file),
        "metric": metric if command is None else None,
        "higher_is_better": higher_is_better,
        "control": control,
        "norms": norm,
        "model": model,
        "swap": swap,
        "data": data,
        "loss": loss,
        "augment": augment,
        "patience": patience,
        "precision": precision,
        "compile": compile_,
        "data_dir": data_dir,
        "width": width,
        "depth": depth,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": lr,
        "optimizer": optimizer,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "schedule": schedule,
        "match": match,
        "initialization": init,
        "device": device,
        "seeds": seeds,
        "max_seeds": max_seeds,
        "vary": vary,
        "tuning_seeds": tuning_seeds,
        "margin": margin,
        "confidence": confidence,
        "target": target,
        "standardize": standardize,
        "allow": allow or (),
        "watch": watch,
        "out": out,
        "execution": rectifiers.Execution(
            jobs,
            trial_timeout,
            budget,
            memory_per_trial,
            _runner(runner, address, cpus_per_trial, gpus_per_trial),
        ),
    }
    # What the user's code prints while it trains must not get between the JSON.
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        try:
            if dry_run:
                typer.echo(comparison.outlook(**planned))
                return
            trackers = _trackers(tensorboard, mlflow)
            result = comparison.compare(
                **planned, callbacks=trackers, progress=not quiet, report=not no_report
            )
        except KeyboardInterrupt as stop:  # `Interrupted` says what is kept; before training there is nothing
            typer.echo(str(stop) or "stopped", err=True)
            raise typer.Exit(130) from None
    end(result, as_json=as_json)


def _training(
    train: str | None, command: str | None, metric: str | None, metric_file: str | None
) -> Command | str | None:
    """Return the training of the user's own, None for the built-in loop."""
    if command is None:
        if metric_file is not None:
            raise ArgumentError(f"--metric-file is of a --command, but there is none: {metric_file!r}")
        return train
    if train is not None:
        raise ArgumentError(f"a training is a function or a command, but got --train {train} and --command")
    from rectifiers import Command

    return Command(command, metric, metric_file)


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


def _trackers(tensorboard: Path | None, mlflow: str | None) -> list[Callable[[Event], None]]:
    """Return the callbacks that were asked for; their libraries are loaded here."""
    from rectifiers import callbacks

    found: list[Callable[[Event], None]] = []
    if tensorboard is not None:
        found.append(callbacks.TensorBoard(tensorboard))
    if mlflow is not None:
        found.append(callbacks.MLflow(mlflow))
    return found
