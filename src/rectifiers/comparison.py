"""`compare`: which activation should a network use? From a question to a verdict, in one call."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rectifiers._warnings import shown_once
from rectifiers.errors import ELSEWHERE, ArgumentError, ArgumentTypeError, RectifiersError
from rectifiers.records.command import command_of, directory_of, options_of
from rectifiers.records.store import NAME, Store
from rectifiers.records.values import Plan
from rectifiers.report.compared import ComparisonResult

if TYPE_CHECKING:
    from rectifiers.records.events import Event
    from rectifiers.study import Command, Execution, Settled, Trial, Work

__all__ = ["DEFAULT_ARMS", "ComparisonResult", "Interrupted", "compare", "outlook"]

DEFAULT_ARMS = "relu,leaky_relu(0.01),leaky_relu(1/5.5),prelu,rrelu,elu,tanh"

_ASIDE = ("wishes", "out", "progress", "report", "callbacks", "execution")


class Interrupted(KeyboardInterrupt):
    """A study was stopped with Ctrl-C. What was finished is kept; `str` says where and how to go on.

    Attributes
    ----------
    done, total : int
        Trials there are, and trials there will be at most.
    directory : Path
        Where they are kept.
    """

    def __init__(self, done: int, total: int, directory: Path) -> None:
        super().__init__(
            f"stopped: {done} of at most {total} trials are kept in {directory}; the same command goes on"
        )
        self.done, self.total, self.directory = done, total, directory


def compare(
    task: str | None = None,
    arms: str | Iterable[Any] = DEFAULT_ARMS,
    *,
    train: Callable[[Trial], Any] | str | Command | None = None,
    learning_rates: Sequence[float] | None = None,
    control: str | None = None,
    norms: str | Iterable[str] = ("none",),
    seeds: int | None = None,
    max_seeds: int | None = None,
    vary: str | None = None,
    tuning_seeds: int | None = None,
    epochs: int | None = None,
    learning_rate: str | float | Sequence[float] = "auto",
    batch_size: int | None = None,
    optimizer: str | None = None,
    momentum: float | None = None,
    weight_decay: float | None = None,
    schedule: str | None = None,
    model: str | Callable[..., Any] | None = None,
    loss: str | Callable[..., Any] | None = None,
    metric: str | Callable[..., Any] | None = None,
    higher_is_better: bool | None = None,
    augment: str | Callable[..., Any] | None = None,
    patience: int | None = None,
    precision: str = "float32",
    compile: bool = False,
    width: int | None = None,
    depth: int | None = None,
    match: str = "parameters",
    initialization: str | None = None,
    margin: str | float = "auto",
    confidence: float = 0.95,
    target: float | None = None,
    data: Any = None,
    data_dir: str | Path | None = None,
    standardize: bool = False,
    device: str = "cpu",
    allow: str | Iterable[str] = (),
    swap: str | None = None,
    watch: bool = False,
    out: str | Path | None = None,
    progress: bool | None = None,
    report: bool = True,
    callbacks: Sequence[Callable[[Event], None]] = (),
    execution: Execution | None = None,
    **wishes: Any,
) -> ComparisonResult:
    """Train one network with each of several activations and decide which it should use.

    Every arm gets the same seeds, the same initial weights up to its gain, the same order of data, and a
    learning rate chosen for it with the same effort. Then the arms race, seed by seed: each leaves once it is
    decided against the control. Runs are kept on disk as they finish: the same call goes on where it was
    stopped and trains nothing if all runs are there; with more arms, more seeds, another margin or confidence
    it trains only what is missing.

    Parameters
    ----------
    task : str, optional
        ``"xor"``, ``"digits"`` (default), ``"mnist1d"``, ``"mnist"``, ``"fashion-mnist"`` or ``"cifar10"``.
    arms : str or iterable
        Activations: text such as ``"relu,leaky_relu(1/5.5),torch:nn.Hardswish,package.module:MyActivation"``,
        or a list of such texts, `torch.nn.Module` classes or instances, functions of a tensor, and records
        made with `rectifiers.elementwise`; or a mapping that names them: ``{"weak": Mine(0.1), ...}``.
    train : callable, str or Command, optional
        A training of your own instead of the built-in loop: a function called with a `rectifiers.Trial`,
        which returns the metric or a mapping with it, where one is found (``"package.module:train"``), or a
        `rectifiers.Command`. It brings its data, model and schedule; options about these are refused then.
    learning_rates : sequence of float, optional
        The same as a sequence for `learning_rate`. Without either, the rate is the own business of `train`.
    control : str, optional
        The arm all others are compared with; by default the first.
    norms : str or iterable of {"none", "batch"}
        Normalisations before the activation, crossed with the arms.
    seeds : int, optional
        Trials per arm and normalisation, exactly so many: no race.
    max_seeds : int, optional
        The most trials per arm and normalisation in a race; 40 by default.
    vary : {"seeds", "split"}, optional
        ``"split"`` draws another split into training and test samples with every seed, the same for all arms:
        the default for own data returned as one ``(x, y)``.
    tuning_seeds : int, optional
        Seeds on which learning rates are chosen, disjoint from the others; 3 by default.
    epochs, batch_size : int, optional
        By default as the task says.
    learning_rate : {"auto"}, float, or sequence of float
        ``"auto"`` chooses each arm's rate on the grid of the task and the optimiser, a sequence on that grid;
        where the best one is at an end, up to three steps beyond it.
    optimizer : {"sgd", "adam", "adamw"}, optional
    momentum, weight_decay : float, optional
    schedule : {"cosine", "constant"}, optional
    model : str or callable, optional
        ``"mlp"``, ``"cnn"``, or your own: a function, called as ``build(activation)`` where
        ``activation(channels)`` returns a module, or its path ``"package.module:build"``.
    loss : str or callable, optional
        For data of your own: a preset (``"several-labels"``, ``"token-labels"``, ``"segmentation"``, with
        ``"segmentation(ignore_index=255)"``), a class of `torch.nn` (``"HuberLoss(delta=2)"``), a function of
        (outputs, targets), or its path. By default cross entropy of labels, squared error of numbers.
    metric : str or callable, optional
        A class of torchmetrics or of `torch.nn`, a function of (outputs, targets) over a whole set, or its
        path; with a loss as well, targets are taken as they are. Of `train`: what it returns, or its key in
        the mapping.
    higher_is_better : bool, optional
        The direction of `metric`, unless torchmetrics states it; of what `train` returns it is to be said
        where the name is that of a loss.
    augment : str or callable, optional
        Changes the inputs of each batch that is trained on, ``augment(x)``, and keeps their order; its draws
        are the same for every arm.
    patience : int, optional
        Early stopping: a run ends after so many epochs without a better score on samples held out for that,
        and its best epoch is measured.
    precision : {"float32", "bf16"}
        Of forward passes.
    compile : bool
        Whether `torch.compile` compiles every model.
    width, depth : int, optional
        Of the hidden layers of ``mlp`` and ``cnn``.
    match : {"parameters", "width"}
        What arms that change the number of features (maxout, crelu) keep equal to the control.
    initialization : {"gain", "own"}, optional
        Weights with a gain matched to each arm, or as the model itself draws them.
    margin : {"auto"} or float
        Smallest difference worth caring about, in units of the metric; ``"auto"`` for one standard error of
        the metric on the test set (the one-standard-error rule of Breiman et al., CART, 1984).
    confidence : float
        Of all intervals together.
    target : float, optional
        Training error in % whose first crossing is timed.
    data : str, callable or object, optional
        Your own data, the function that returns them, or its path ``"package.module:load"``: train_x,
        train_y, test_x, test_y; one x, y; two data sets or loaders (train, test). Replaces `task`.
    data_dir : path, optional
        Where the task's files are or will be kept.
    standardize : bool
        Whether the inputs of own data are shifted and scaled to mean 0 and variance 1 by the training part.
    device : str
        Where it is trained.
    allow : str or iterable of str
        Codes of validity checks to overrule; the report says so.
    swap : str, optional
        For a model that is written without an activation in mind: `model` is called as ``build()``, and
        every arm takes the place of these activations in it, found and proven as by `rectifiers.swap_`: the
        name of one (``"relu"``) or a pattern of sites (``"layer[12].*"``), several with commas.
    watch : bool
        Whether every trial of the built-in loop is watched (`rectifiers.watch`), which changes none of them:
        the result then says what happened inside. Trials that there are already are not trained again.
    out : path, optional
        Directory of the study; by default ``runs/<task>-<hash of the protocol>``.
    progress : bool, optional
        Whether to show how far it is; None shows it in a terminal and in a notebook.
    report : bool
        Whether to write ``report.html``.
    callbacks : sequence of callable
        Each is called with every event of the study (`rectifiers.records.events`), such as
        `rectifiers.callbacks.TensorBoard`; what one raises ends the study, in a line that names it.
    execution : Execution, optional
        On how many processes, and for how long.
    **wishes
        Refused: whatever else a training needs (clipping, accumulation, several optimisers) is for a training
        function of your own.

    Returns
    -------
    ComparisonResult

    Raises
    ------
    RectifiersError
        Bad input, in one line; see `rectifiers.errors`. What is finished is kept.
    Interrupted
        On Ctrl-C. What is finished is kept.

    Examples
    --------
    >>> result = rectifiers.compare("digits", "relu,elu,prelu")  # doctest: +SKIP
    >>> print(result.verdict)  # doctest: +SKIP
    """
    # Every argument but those that say where the result goes and how it is made is part of the plan.
    planned = {name: value for name, value in locals().items() if name not in _ASIDE}
    if wishes:
        raise ArgumentTypeError(f"compare() has no argument {next(iter(wishes))!r}: {ELSEWHERE}")
    from rectifiers.report.live import watching

    with watching(progress) as watcher, shown_once():
        from rectifiers import study
        from rectifiers.arms import user_code
        from rectifiers.records import plan_file

        def tell(event: Event) -> None:
            watcher(event)
            for callback in callbacks:
                name = getattr(callback, "__qualname__", type(callback).__qualname__)
                with user_code(f"callback {name}, told of {type(event).__name__},", RectifiersError):
                    callback(event)

        execution = execution or study.Execution()
        work = _planned(**planned)
        plan = work.plan
        directory = directory_of(plan, out)
        file = directory / NAME
        with Store.for_plan(file, plan) as store:
            known = None if store.plan() is None else store.study(curves=False)
            settled = execution.settle(work, known)
            watcher.announce(_announced(plan, settled))
            places = {"data_dir": data_dir, "out": out}
            options = options_of(plan, arms, work.options, standardize=standardize, **places)
            command = command_of(options)
            plan_file.write(directory, plan, options)
            work, budget = work.at(directory), settled.budget
            try:
                with settled.runner() as runner:
                    finished = study.run(work, store, tell, command=command, runner=runner, budget=budget)
            except KeyboardInterrupt:
                state = watcher.progress
                raise Interrupted(state.done, state.total, directory) from None
    result = ComparisonResult(finished, file)
    return result.write() if report else result


def outlook(*, out: str | Path | None = None, execution: Execution | None = None, **planned: Any) -> str:
    """Return what `compare` would do with the same arguments, and how long at most; nothing is trained.

    Every arm takes a few steps, so that what cannot work is refused here as well.
    """
    from rectifiers import study

    work = _planned(**planned)
    file = directory_of(work.plan, out) / NAME
    known = ComparisonResult.load(file).study if file.exists() else None
    return _announced(work.plan, (execution or study.Execution()).settle(work, known))


def _planned(
    train: Any = None,
    metric: Any = None,
    learning_rates: Sequence[float] | None = None,
    watch: bool = False,
    **planned: Any,
) -> Work:
    """Return the work that the arguments of `compare` describe."""
    from rectifiers import study

    if learning_rates is not None:
        planned["learning_rate"] = learning_rates
    if train is None:
        prepared = study.make_plan(metric=metric, **planned)
        if watch and prepared.plan.compile:
            raise ArgumentError("watch follows a model as it is written: leave out compile or watch")
        return dataclasses.replace(prepared, watched=watch)
    if watch:
        raise ArgumentError("watch follows the built-in loop; in a training of your own use rectifiers.watch")
    arms = planned["arms"]
    if isinstance(train, study.Command) and DEFAULT_ARMS in ([arms] if isinstance(arms, str) else list(arms)):
        raise ArgumentError(
            "a command's arms are labels it knows, but none were given: --arms ReLU,Tanh, say"
        )
    if not (metric is None or isinstance(metric, str)):
        raise ArgumentTypeError(f"a metric of `train` is the name of what it returns, but got {metric!r:.80}")
    return study.plan_training(train, metric, **planned)


def _learned(plan: Plan) -> str:
    """Return what is learned from data of the user's, and whether that was inferred."""
    from rectifiers.report import words

    if plan.data_code is None:
        return ""
    if plan.loss or plan.measure:
        return f" ({'the loss given' if plan.loss else 'the usual loss'}, measured by {plan.metric})"
    if plan.metric == "accuracy":
        return f" (classification, {plan.outputs} classes: inferred from the targets)"
    return f" (regression, {words.plural(plan.outputs, 'target')}: inferred from the targets)"


def _announced(plan: Plan, settled: Settled) -> str:
    """Return what will be done and how long at most, in one line."""
    from rectifiers.report import words

    norms = f" x {len(plan.norms)} normalisations" if len(plan.norms) > 1 else ""
    seeds = f"up to {plan.seeds} seeds" if plan.racing else f"{plan.seeds} seeds"
    took = "how long a trial takes is not known yet"
    if settled.estimate is not None:
        about, most = map(words.rough_duration, settled.estimate)
        took = f"about {about}, at most {most}" if about != most else f"about {about}"
    what = f"{plan.task}{_learned(plan)}: {len(plan.arms)} arms{norms} against {plan.control}"
    return f"{what}, {seeds}, {settled.where}: {took}"
