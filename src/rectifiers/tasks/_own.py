"""The user's own data, taken as it is and checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rectifiers.arms import load_object, user_code
from rectifiers.errors import ArgumentError, ArgumentTypeError, RectifiersError, one_line
from rectifiers.tasks import losses
from rectifiers.tasks._objective import Own
from rectifiers.tasks._reading import Part, read
from rectifiers.tasks._task import Data, Defaults, Task
from rectifiers.tasks._trees import mapped, plain
from rectifiers.tasks.losses import Loss

__all__ = ["own"]

_DEFAULTS = Defaults(
    model="mlp",
    width=64,
    depth=2,
    epochs=20,
    batch_size=64,
    learning_rates=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0),
)
_Coded = tuple[Data, Callable[[Any], Tensor]]  # and what makes its targets of those that are read
_LONGEST = 40  # characters of a label
_FEW = 20  # distinct values: as many classes, or ratings
_SCALES = (0.01, 100.0)


def own(
    path: str,
    *,
    standardize: bool = False,
    given: Any = None,
    objective: Loss | None = None,
    whole_numbers: bool = False,
) -> tuple[Task, Data]:
    """Load the user's own data.

    Parameters
    ----------
    path : str
        ``package.module:load`` or ``path/to/file.py:load``, a function without arguments. It returns
        ``(train_x, train_y, test_x, test_y)``, tensors or arrays, or ``(train, test)``, data sets of
        ``(x, y)`` pairs or loaders of `torch.utils.data`, or one ``(x, y)``, tensors or arrays, of which a
        quarter is held out to test on. `x` may be a dictionary or tuple of tensors, which a model is given
        as it is. A data set whose samples change between two reads, or whose loader has a ``collate_fn``, is
        read while a model is trained. Labels that are whole numbers, texts or booleans make a classification
        with cross entropy, measured by accuracy: in sorted order they are the classes 0 .. C-1. Targets of
        floating point, ``(n,)`` or ``(n, outputs)``, make a regression with mean squared error, measured by
        R2; each is standardised by the training part.
    standardize : bool
        Whether to standardise the inputs too, each feature (axis 1) by its training part.
    given : object, optional
        What the path stands for: such a function, or what it would return.
    objective : Loss, optional
        The user's loss and metric; with both, or a preset, targets are taken as they are.
    whole_numbers : bool
        Whether inputs of whole numbers and booleans stay what they are; float32 otherwise.

    Returns
    -------
    Task, Data
        The task is called by the path.

    Raises
    ------
    ImportPathError
        If the path leads nowhere.
    UserCodeError
        If `load` raises.
    ArgumentError, ArgumentTypeError, ShapeError
        If what it returns cannot be learned: lengths that differ, NaN or infinite numbers, labels that are
        all the same or occur in the test part alone. If it does not say what is to be learned: targets
        ``(n,)`` of floating point with two values. Whole numbers are labels, and ``(n, 1)`` a regression.

    Notes
    -----
    The scale of the inputs, of which a note tells where it is beyond 0.01 .. 100, is the RMS of the largest
    feature over its entries that are not 0. That feature bounds the learning rate; zeros would hide the scale
    of sparse inputs, and a single outlier would set that of the maximum.
    """
    returned = load_object(path) if given is None else given
    if callable(returned) and not isinstance(returned, torch.utils.data.Dataset):
        with user_code(path):
            returned = returned()
    elif given is None:
        raise ArgumentTypeError(f"{path} must be a function, but is {type(returned).__name__}")
    with user_code(f"reading what {path} returned", RectifiersError):
        data, batch_size = _data(returned, path, standardize, objective, whole_numbers)
    kind = f"{data.classes} classes" if data.classes is not None else f"{data.outputs} targets"
    summary = "{} samples to train on, {} to test on, {}.".format(*data.sizes, kind)
    variants = {"cnn": {"width": 16}} if len(data.input_shape) in (2, 3) else {}
    defaults = dataclasses.replace(_DEFAULTS, batch_size=batch_size or _DEFAULTS.batch_size)
    return Task(path, path, summary, lambda _: data, defaults, variants, losses.of(data).metric), data


def _data(
    returned: Any, path: str, standardize: bool, objective: Loss | None, whole_numbers: bool
) -> tuple[Data, int | None]:
    """Return the data, and the batch size that came with them."""
    partial = objective if isinstance(objective, Own) and not objective.complete else None
    raw = objective is not None and partial is None
    train, test, names, one_set, drawn, batch_size = read(returned, path, raw=raw)
    train, test = (Part(plain(part.x), part.y) for part in (train, test))
    if raw:
        assert objective is not None
        outputs, _ = (
            objective.outputs(part.y, f"{name} of {path}")
            for name, part in (("train", train), ("test", test))
        )
        source = f"the user's own: {path}"
        data = Data(train.x, train.y, test.x, test.y, None, "own", source, own_outputs=outputs)
        code: Callable[[Any], Tensor] = plain
    elif train.y.is_floating_point():
        data, code = _regression(
            train, test, path, own_units=partial is not None and partial.given is not None
        )
    else:
        data, code = _classification(train, test, names, path)
    if partial is not None:
        objective = partial.on(data, torch.cat((train.y, test.y)))
    train_x, test_x, note = data.train_x, data.test_x, tuple[str, ...]()
    one_tensor = isinstance(train_x, Tensor)
    if one_tensor and not whole_numbers:
        train_x, test_x = train_x.float(), test_x.float()
    if standardize and (drawn is not None or not one_tensor or not train_x.is_floating_point()):
        raise ArgumentError(
            f"--standardize is for inputs that are one tensor of numbers, but {path} has others"
        )
    if standardize:
        (train_x, test_x), *_ = _standardised(train_x, test_x)
        train_x, test_x = train_x.float(), test_x.float()
        note = ("inputs are standardised by the training part (--standardize)",)
    elif one_tensor and train_x.is_floating_point():
        note = _about_scale(train_x)
    return dataclasses.replace(
        data,
        train_x=mapped(Tensor.contiguous, train_x),
        test_x=mapped(Tensor.contiguous, test_x),
        notes=data.notes + note,
        one_set=one_set,
        objective=objective,
        drawn=drawn and drawn._replace(code=code),
    ), batch_size


def _standardised(train: Tensor, test: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor, Tensor]:
    """Return both parts with mean 0 and variance 1 per training feature (axis 1), means and deviations."""
    train, test = train.double(), test.double()
    others = [axis for axis in range(train.ndim) if axis != 1]
    mean = train.mean(others, keepdim=True)
    deviation = train.std(others, correction=0, keepdim=True)
    # of equal numbers the deviation is not 0 but rounding
    deviation = torch.where(deviation > 1e-12 * train.abs().amax(others, keepdim=True), deviation, 1.0)
    return ((train - mean) / deviation, (test - mean) / deviation), mean.flatten(), deviation.flatten()


def _about_scale(x: Tensor) -> tuple[str, ...]:
    others = [axis for axis in range(x.ndim) if axis != 1]
    x = x.float()
    peak = float(x.abs().max()) or 1.0  # squares overflow
    squares = (x / peak).square().sum(others, dtype=torch.float64)
    scale = peak * float((squares / (x != 0).sum(others).clamp(min=1)).max().sqrt())
    if scale == 0 or _SCALES[0] <= scale <= _SCALES[1]:
        return ()
    return (f"inputs have a scale of {scale:.3g} (RMS of the largest feature): --standardize makes it 1",)


def _classification(train: Part, test: Part, names: tuple[str, ...], path: str) -> _Coded:
    def told(code: Tensor) -> str:
        return one_line(names[int(code)], _LONGEST) if names else str(int(code))

    labels = torch.unique(train.y)  # sorted
    classes = len(labels)
    if classes == 1:
        raise ArgumentError(f"{path}: all training labels are the same ({told(labels[0])}): nothing to learn")
    if classes > max(_FEW, len(train.y) // 2):
        raise ArgumentError(
            f"{path}: a class needs samples, but {len(train.y)} training samples have {classes} labels: "
            "return targets of a regression as floating point"
        )
    strange = test.y[~torch.isin(test.y, labels)]
    if len(strange):
        raise ArgumentError(
            f"{path}: test labels must occur in training ({told(labels[0])} .. {told(labels[-1])}), "
            f"but got {told(strange[0])}"
        )
    called, notes = tuple(map(told, labels)), tuple[str, ...]()
    if called == tuple(map(str, range(classes))):
        called = ()
    else:
        shown = ", ".join(called if classes <= _FEW else (*called[:3], "...", called[-1]))
        notes = (one_line(f"labels {shown} are the classes 0 .. {classes - 1}"),)
    train_y, test_y = (torch.searchsorted(labels, y) for y in (train.y, test.y))
    source = f"the user's own: {path}"
    data = Data(train.x, train_y, test.x, test_y, classes, "cross entropy", source, notes, called)
    places = {label: place for place, label in enumerate(labels.tolist())}
    places |= {names[label]: place for label, place in places.items() if names}

    def code(targets: Any) -> Tensor:
        found = targets if isinstance(targets, list) else targets.tolist()
        if strange := {*found} - {*places}:
            raise ArgumentError(f"{path}: labels must occur in the first reading, but got {strange.pop()}")
        return torch.tensor([places[y] for y in found])

    return data, code


def _regression(train: Part, test: Part, path: str, *, own_units: bool) -> _Coded:
    """Return targets with mean 0 and variance 1; in their own units for a loss of the user's."""
    question = _question(train.y, path)
    y, test_y = (part.y.reshape(len(part.y), -1) for part in (train, test))
    if own_units and bool(((y == 0) | (y == 1)).all()):
        raise ArgumentError(
            f"{path}: a loss alone is measured by R2, which means nothing for targets of 0 and 1: give a "
            "metric as well, or loss='several-labels'"
        )
    for name, part in (("training", y), ("test", test_y)):
        if bool((part == part[0]).all()):
            raise ArgumentError(f"{path}: all {name} targets are the same ({part[0].tolist()})")
    source = f"the user's own: {path}"
    data = Data(train.x, y.float(), test.x, test_y.float(), None, "mean squared error", source, question)
    if own_units:
        return data, lambda targets: targets.float().reshape(len(targets), -1)
    (y, test_y), mean, deviation = _standardised(y, test_y)
    if y.shape[1] == 1:
        rule = f"mean {mean.item():.4g}, standard deviation {deviation.item():.4g}): R2 is the same"
    else:
        rule = "each by itself): all count alike in R2"
    data = dataclasses.replace(
        data,
        train_y=y.float(),
        test_y=test_y.float(),
        notes=(*question, f"targets are standardised by the training part ({rule}"),
        target_mean=tuple(mean.tolist()),
        target_deviation=tuple(deviation.tolist()),
    )
    return data, lambda y: ((y.double().reshape(len(y), -1) - mean) / deviation).float()


def _question(y: Tensor, path: str) -> tuple[str, ...]:
    """Return a note on targets that might be labels; refuse those that are as likely the one as the other."""
    values = torch.unique(y)
    whole = len(values) <= _FEW and bool((values == values.round()).all())
    if y.ndim == 2:
        if y.shape[1] > 1 and values.tolist() == [0, 1] and bool((y.sum(1) == 1).all()):
            return ("targets look one-hot, and are learned as a regression: return y.argmax(1) for classes",)
    elif len(values) == 2:
        low, high = values.tolist()
        raise ArgumentError(
            f"{path}: targets of floating point with two values ({low:g} and {high:g}) may be classes or "
            "numbers: return whole numbers for a classification, or y[:, None] for a regression"
        )
    elif whole and len(y) > _FEW:
        return (
            f"targets are {len(values)} whole numbers as floating point, and are learned as a regression: "
            "return them as whole numbers for a classification, or as y[:, None] to say so",
        )
    return ()
