"""What is planned: a protocol, which says what a trial is, and a question that is asked of trials."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

from rectifiers.records._types import checked
from rectifiers.records.trial import Phase, Trial, canonical, content_hash, trial_key

__all__ = [
    "MAX_SEEDS",
    "OBJECT",
    "PROTOCOL",
    "QUESTION",
    "ArmSpec",
    "Curve",
    "Kind",
    "Margin",
    "Plan",
    "cell_name",
    "is_loss",
]

# Raised whenever the same trial would be trained or measured in another way.
PROTOCOL = 3

# Deciding seeds of a race at most, where nobody says how many.
MAX_SEEDS = 40

# The fields of a plan that ask something of the trials without changing any of them: a study may grow in
# these.
QUESTION = (
    "arms",
    "control",
    "norms",
    "seeds",
    "racing",
    "paired",
    "allow",
    "tuning_seeds",
    "learning_rates",
    "margin",
    "confidence",
)

# How the identity of a piece begins that came as an object without a path: no other session finds it.
OBJECT = "an object: "

# The fields of a plan that determine what any of its trials measures.
_DETERMINE = (
    "protocol",
    "data_hash",
    "metric",
    "outputs",
    "epochs",
    "batch_size",
    "optimizer",
    "momentum",
    "weight_decay",
    "schedule",
    "model",
    "model_code",
    "depth",
    "initialization",
    "target",
    "device",
    "vary",
    "swap",
    "loss",
    "measure",
    "augment",
    "patience",
    "precision",
    "compile",
)

# Who trains: the loop of this library, a function of the user's, or a command.
Kind = Literal["loop", "function", "command"]


# Where a word of a name in CamelCase begins.
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LOSSES = re.compile(
    r"loss|error|entropy|perplexity|(?<![a-z])(err|ppl|[nr]*mse|[nr]*mae|s?mape|mase|r?msle|nll|ece|[wctme]er"
    r"|bp[cd]|[fk]id|brier|deviance|regret|distance|cost|latency|time|runtime|seconds)(?![a-z])"
)


def is_loss(metric: str) -> bool:
    """Return whether a metric is called like one of which lower is better."""
    return _LOSSES.search(_WORD.sub("_", metric).lower()) is not None


def cell_name(arm: str, norm: str) -> str:
    """Return an arm under a normalisation in words: ``relu``, ``elu with batch norm``."""
    return arm if norm == "none" else f"{arm} with {norm} norm"


@dataclass(frozen=True)
class ArmSpec:
    """One arm as it was compared.

    Attributes
    ----------
    label : str
        As the user wrote it, e.g. ``"leaky_relu(1/5.5)"``; unique within a plan.
    identity : str
        What it means, e.g. ``"leaky_relu(negative_slope=0.18181818181818182)"``; equal for two
        spellings of one thing, and different when the user's code behind it changed.
    name : str
        The registry name (``"leaky_relu"``), or ``""`` for a torch module or the user's own.
    gain : float
        Initialisation gain of the layers this arm feeds (1 when gains are not matched).
    width : int or None
        Hidden width after matching; None for the user's own model.
    curve : Curve or None
        The function and its derivative on a grid, for drawing; None where it has no such picture.
    """

    label: str
    identity: str
    name: str
    gain: float
    width: int | None = None
    curve: Curve | None = None


@dataclass(frozen=True)
class Curve:
    """A function sampled on a grid: `x`, its value `f` and its derivative `df`, equally long."""

    x: tuple[float, ...]
    f: tuple[float, ...]
    df: tuple[float, ...]


@dataclass(frozen=True)
class Margin:
    """The smallest difference worth caring about, as it was fixed before the first deciding trial.

    Attributes
    ----------
    value : float
        In units of the metric.
    rule : str
        Where it comes from, in words: ``"as given"``, ``"one standard error of accuracy on 597 test samples
        at 94.3 %"``.
    """

    value: float
    rule: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is compared, how, and by which rule it is decided: chosen before the data.

    The fields named in `QUESTION` say what is asked and may change from session to session; all others are
    the protocol, which says what a trial is. The defaults are those of results that were measured elsewhere:
    nothing is trained for them.

    Attributes
    ----------
    task, data_source, data_hash : str
        Name of the task, where its data came from, SHA-256 of the tensors.
    metric, unit : str
        What is measured on the test set (higher is better) and in which unit.
    resolution : float
        Smallest step of the metric (100 / number of test samples for accuracy in %); 0 if continuous.
    train_size, validation_size, test_size, outputs : int
        Samples in each part (validation is taken out of train while tuning), classes or targets.
    input_shape : tuple of int
        Shape of one sample.
    arms : tuple of ArmSpec
        In the order given; `control` is the label of one of them.
    norms : tuple of str
        Normalisations crossed with the arms: ``"none"``, ``"batch"``.
    seeds : int
        Test seeds per cell (0 .. seeds-1): exactly so many, or at most so many in a race.
    racing : bool
        Whether an arm leaves as soon as it is decided; intervals are then valid at all seeds together.
    tuning_seeds : int
        Seeds on which rates are chosen, disjoint from the test seeds by construction.
    learning_rates : tuple of float
        The grid, equal for every arm; a single value means it was given, not tuned.
    margin : float or None
        Smallest difference worth caring about, in units of the metric; None for what the test set resolves
        (`Study.margin` has the number once it is known).
    confidence : float
        Simultaneous confidence level over all comparisons of the plan.
    target : float or None
        Training error (in %) whose first crossing gives `Run.steps_to_target`.
    match : {"parameters", "width"}
        What is kept equal for arms that change the width (Maxout, CReLU).
    initialization : {"gain", "own"}
        Gains matched per arm, or the model's own initialisation.
    model_code, data_code : str or None
        ``package.module:name`` with the SHA-256 of its source, when the user brought their own.
    paired : bool
        Whether run i of one arm belongs to run i of another (same seed); without, arms are independent
        samples.
    allow : tuple of str
        Codes of the validity checks that the user overrules.
    labels : tuple of str
        What the user's own data call the classes, in order; empty where they were numbers 0, 1, ...
    baseline : float or None
        The metric of the most frequent answer, or the mean, on the test set; None where it is not known.
    vary : {"seeds", "split"}
        Whether a seed changes weights, order and noise only, or draws another split into training and test
        samples as well.
    swap : str
        Which activations of a model that is built without one the arms take the place of; empty where a
        model is built with an arm.
    kind : {"loop", "function", "command"}
        Who trains. `model` then is the model, the function or the command; what only a loop of this library
        knows (sizes of the data, epochs, optimiser) is 0 or empty for the other two.
    loss, measure, augment : str
        What identifies the user's own loss, metric and augmentation; empty without.
    patience : int or None
        Epochs without a better validation score after which a run stops; its best epoch is measured.
    precision : {"float32", "bf16"}
        Of the forward pass.
    compile : bool
        Whether models are compiled.
    protocol : int
        Version of the rules of training and measuring; runs made under different rules never mix.
    """

    task: str
    data_source: str
    data_hash: str
    metric: str
    unit: str
    resolution: float
    train_size: int = 0
    validation_size: int = 0
    test_size: int = 0
    outputs: int = 0
    input_shape: tuple[int, ...] = ()
    arms: tuple[ArmSpec, ...]
    control: str
    norms: tuple[str, ...] = ("none",)
    seeds: int
    tuning_seeds: int = 0
    learning_rates: tuple[float, ...] = (0.0,)
    epochs: int = 0
    batch_size: int = 0
    optimizer: str = ""
    momentum: float = 0.0
    weight_decay: float = 0.0
    schedule: str = ""
    model: str = ""
    width: int = 0
    depth: int = 0
    match: Literal["parameters", "width"] = "width"
    initialization: Literal["gain", "own"] = "own"
    margin: float | None
    confidence: float
    target: float | None = None
    device: str = ""
    model_code: str | None = None
    data_code: str | None = None
    racing: bool = False
    paired: bool = True
    allow: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    baseline: float | None = None
    vary: Literal["seeds", "split"] = "seeds"
    swap: str = ""
    kind: Kind = "loop"
    loss: str = ""
    measure: str = ""
    augment: str = ""
    patience: int | None = None
    precision: Literal["float32", "bf16"] = "float32"
    compile: bool = False
    protocol: int = PROTOCOL

    @property
    def trained(self) -> bool:
        """Whether anything is trained: not where the results are read from a table."""
        return bool(self.model)

    @property
    def tuned(self) -> bool:
        """Whether each arm's learning rate is chosen on the grid."""
        return len(self.learning_rates) > 1

    @property
    def pieces(self) -> dict[str, str]:
        """What identifies each of the user's own pieces that are there."""
        codes = {"model": self.model_code, "data": self.data_code, "loss": self.loss, "metric": self.measure}
        return {name: code for name, code in {**codes, "augment": self.augment}.items() if code}

    @property
    def cells(self) -> tuple[tuple[str, str], ...]:
        """What is compared: every arm, by its label, under every normalisation."""
        return tuple((arm.label, norm) for norm in self.norms for arm in self.arms)

    @property
    def comparisons(self) -> int:
        """Number of comparisons with the control the intervals are corrected for."""
        return max(1, (len(self.arms) - 1) * len(self.norms))

    @property
    def hash(self) -> str:
        """SHA-256 over the protocol: equal for all questions whose trials can be shared."""
        fields = self.to_json()
        return content_hash({name: value for name, value in fields.items() if name not in QUESTION})

    def arm(self, label: str) -> ArmSpec:
        """Return the arm of that label."""
        return next(arm for arm in self.arms if arm.label == label)

    def trial(self, phase: Phase, arm: str, norm: str, learning_rate: float, seed: int) -> Trial:
        """Return one trial.

        Its key hashes everything that determines the outcome and nothing else: neither the label an arm goes
        by, nor which other arms there are, nor how many seeds, nor by which margin it will be decided.
        """
        around, known = self._named(phase, arm, norm, learning_rate)
        if seed not in known:
            known[seed] = Trial(trial_key(around, seed), phase, arm, norm, learning_rate, seed)
        return known[seed]

    def has(self, trial: Trial) -> bool:
        """Return whether a trial, of an arm there is, is one of this plan: has the key that it has here."""
        around, known = self._named(*trial[1:5])
        seed = trial.seed
        if seed not in known and trial_key(around, seed) == trial.key:
            known[seed] = trial
        return known.get(seed) == trial

    def _named(self, *what: Any) -> tuple[tuple[str, str], dict[int, Trial]]:
        """Return what determines trials around their seed, and those that were named, by their seed.

        A study of 100,000 trials names each of them several times.
        """
        if what not in self._trials:
            self._trials[what] = self._determining(*what), {}
        return self._trials[what]

    @cached_property
    def _trials(self) -> dict[tuple[Any, ...], tuple[tuple[str, str], dict[int, Trial]]]:
        return {}

    def _determining(self, phase: Phase, arm: str, norm: str, learning_rate: float) -> tuple[str, str]:
        """Return what determines the outcome as JSON, up to the seed and after it."""
        spec = self.arm(arm)
        determines: dict[str, Any] = {name: getattr(self, name) for name in _DETERMINE}
        determines |= {
            "identity": spec.identity,
            "width": spec.width,
            "phase": phase,
            "norm": norm,
            "learning_rate": learning_rate,
            "seed": None,
            "validation_size": self.validation_size if phase == "tune" or self.patience else None,
        }
        before, after = canonical(determines).split('"seed":null')
        return f'{before}"seed":', after

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON-able values."""
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return plain

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Rebuild a plan from `to_json`; whatever is no plan raises a standard exception."""
        plain: dict[str, Any] = {}
        plain.update((key, tuple(v) if isinstance(v, list) else v) for key, v in value.items())
        arms = [checked(ArmSpec(**{**arm, "curve": _curve(arm.get("curve"))})) for arm in value["arms"]]
        plan = checked(cls(**{**plain, "arms": tuple(arms)}))
        labels = [arm.label for arm in arms]
        if plan.control not in labels or len({*labels}) < len(labels):
            raise ValueError(f"the control {plan.control!r} is not one of different arms")
        if not (0 < plan.confidence < 1 and 0 < plan.seeds < 10**7 and (plan.margin or 1) > 0 and plan.norms):
            raise ValueError("confidence, seeds, margin and norms are none that a study has")
        return plan


def _curve(value: dict[str, Any] | None) -> Curve | None:
    return None if value is None else Curve(**{key: tuple(v) for key, v in value.items()})
