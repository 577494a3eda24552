"""The options of a comparison: each declared once, for the command line, for Python and for the record."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

from rectifiers.records.plan import MAX_SEEDS, Plan

__all__ = ["COMPARE", "Option"]

WHAT = "What is compared"
OWN = "A training of your own"
HOW = "How it is trained (default: as the task says)"
DECIDE = "How it is decided"
RUN = "How it is run (changes no result)"
OUT = "Where it goes"

_FIELDS = {field.name for field in dataclasses.fields(Plan)}


class Option(NamedTuple):
    """One option.

    Attributes
    ----------
    flag : str
        On the command line, without its dashes.
    panel, metavar, help : str
        Where and how the help shows it; what takes no value has no metavar.
    type, default : type, object
        Of its value.
    argument : str
        What it is called in Python, where that is not the flag.
    kept : str
        The field of a plan that keeps it, where that is not called as in Python.
    spelt : str
        How it is written, where that is not ``--flag``.
    """

    flag: str
    panel: str
    metavar: str
    help: str
    type: Any = str
    default: Any = None
    argument: str = ""
    kept: str = ""
    spelt: str = ""

    @property
    def name(self) -> str:
        """The flag as a name, as in the file of a plan."""
        return self.flag.replace("-", "_")

    @property
    def field(self) -> str:
        """The field of a plan that keeps it; empty where none does."""
        python = self.argument or self.name
        return self.kept or (python if python in _FIELDS else "")


COMPARE = (
    Option("arms", WHAT, "LIST", "Activations, e.g. 'relu,elu,leaky_relu(1/5.5)'. [default: seven of them]"),
    Option("arm", WHAT, "ARM", "One more: 'package.module:MyActivation'. Repeatable.", list[str]),
    Option("control", WHAT, "ARM", "The arm all others are compared with. [default: the first]"),
    Option("norm", WHAT, "LIST", "Normalisation before the activation: none,batch.", str, "none", "norms"),
    Option("model", WHAT, "MODEL",
           "mlp, cnn, or your own 'package.module:build', called as build(activation)."),
    Option("swap", WHAT, "NAMES",
           "Of a model that is called as build(): which activations the arms replace, e.g. relu."),
    Option("data", WHAT, "DATA",
           "Your own 'package.module:load', giving train_x, train_y, test_x, test_y; replaces TASK.",
           kept="data_code"),
    Option("loss", WHAT, "LOSS",
           "For your own data: several-labels, token-labels, segmentation, a class of torch.nn, "
           "'package.module:loss'."),
    Option("augment", WHAT, "FUNCTION", "'package.module:augment', of each batch that is trained on."),
    Option("standardize", WHAT, "", "Scale the inputs of your own data to mean 0, variance 1.", bool, False),
    Option("data-dir", WHAT, "DIR", "Where data files lie or are kept.", Path),
    Option("train", OWN, "FUNCTION", "Your own training 'package.module:train', called as train(trial)."),
    Option("command", OWN, "LINE",
           "Your own script: 'python train.py --act {arm} --lr {lr} --seed {seed}'; also {out}, {device}."),
    Option("metric", OWN, "NAME",
           "What FUNCTION returns, by name. Of a command: a pattern, 'acc: ([0-9.]+)', whose last match "
           "counts, or a key of its last line of JSON. With --data: a class of torchmetrics or torch.nn, or "
           "'package.module:metric'.", kept="measure"),
    Option("metric-file", OWN, "FILE:KEY", "Or a file the command writes: '{out}/result.json:accuracy'."),
    Option("higher-is-better", OWN, "",
           "Which way the metric is read. [default: higher, unless it is called a loss]", bool,
           spelt="--higher-is-better/--lower-is-better"),
    Option("width", HOW, "N", "Units (channels) of a hidden layer.", int),
    Option("depth", HOW, "N", "Hidden layers.", int),
    Option("epochs", HOW, "N", "Passes over the training set.", int),
    Option("batch-size", HOW, "N", "Samples in a step.", int),
    Option("lr", HOW, "RATES", "auto (the task's grid), one rate, or a grid: 0.01,0.03,0.1.", str, "auto",
           "learning_rate", "learning_rates"),
    Option("optimizer", HOW, "NAME", "sgd, adam or adamw."),
    Option("momentum", HOW, "X", "Momentum of sgd.", float),
    Option("weight-decay", HOW, "X", "Weight decay; never on learned slopes.", float),
    Option("schedule", HOW, "NAME", "Of the learning rate: cosine or constant."),
    Option("patience", HOW, "N", "Early stopping: epochs without a better validation score.", int),
    Option("precision", HOW, "NAME", "Of forward passes: float32 or bf16.", str, "float32"),
    Option("compile", HOW, "", "Compile every model with torch.compile.", bool, False),
    Option("match", HOW, "parameters|width",
           "What arms that change the width (maxout, crelu) keep equal.", str, "parameters"),
    Option("init", HOW, "gain|own", "Weights with a gain matched to each arm, or the model's own.",
           argument="initialization"),
    Option("device", HOW, "DEVICE", "Where it is trained, e.g. cuda.", str, "cpu"),
    Option("seeds", DECIDE, "N", "Exactly so many trials per arm and normalisation: no race.", int),
    Option("max-seeds", DECIDE, "N", f"At most so many in a race. [default: {MAX_SEEDS}]", int, kept="seeds"),
    Option("vary", DECIDE, "seeds|split",
           "What a seed changes: weights, order and noise; or the split into train and test, too. "
           "[default: seeds; split for own data given as one (x, y)]"),
    Option("tuning-seeds", DECIDE, "N", "Further seeds on which rates are chosen.", int),
    Option("margin", DECIDE, "X",
           "Smallest difference worth caring about, in units of the metric; auto: one standard error of the "
           "metric on the test set.", str, "auto"),
    Option("confidence", DECIDE, "X", "Of all intervals together.", float, 0.95),
    Option("target", DECIDE, "X", "Training error in % whose first crossing is timed.", float),
    Option("allow", DECIDE, "CODES", "Overrule checks of validity by their codes; the report says so.",
           str, ""),
    Option("jobs", RUN, "N", "Worker processes. [default: the cores]", int),
    Option("memory-per-trial", RUN, "SIZE", "A trial that takes more has crashed: 2GB."),
    Option("runner", RUN, "NAME", "ray: trials are tasks of Ray, on this machine or a cluster."),
    Option("address", RUN, "ADDRESS",
           "Of the Ray to join, HOST:PORT or auto. [default: one of its own]"),
    Option("cpus-per-trial", RUN, "N", "Processors that Ray keeps for a trial.", float, 1),
    Option("gpus-per-trial", RUN, "N", "The same of GPUs: 0.25 for four trials on each.", float, 0),
    Option("budget", RUN, "TIME", "End with what is decided by then: 90s, 10min, 2h."),
    Option("trial-timeout", RUN, "TIME", "A trial that takes longer has crashed."),
    Option("watch", RUN, "", "Watch every trial, and say what happened inside.", bool, False),
    Option("dry-run", RUN, "", "Say what would be done, and how long it takes; train nothing.", bool, False),
    Option("out", OUT, "DIR",
           "Directory of the study; the same command goes on there. [default: runs/TASK-...]", Path),
    Option("tensorboard", OUT, "DIR", "Write every trial for TensorBoard as well.", Path),
    Option("mlflow", OUT, "URI", "Log every trial to MLflow as well."),
    Option("json", OUT, "", "Print one JSON object on standard output, all else on standard error.",
           bool, False),
    Option("quiet", OUT, "", "No progress.", bool, False, spelt="--quiet -q"),
    Option("no-report", OUT, "", "Write no report.html.", bool, False),
)  # fmt: skip
