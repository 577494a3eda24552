"""The user's own data, taken as it is and checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rectifiers.arms import load_object, user_code
from rectifiers.errors import ArgumentError, RectifiersError, one_line
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
_Coded = tuple[Data, Callable[[Tensor], Tensor]]  # and what makes its targets of those that are read
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
        as it is. A data set whose samples are drawn at random, or whose loader has a ``collate_fn``, is
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
    with user_code(f"reading what {path} returned", RectifiersError):
        data, batch_size = _data(returned, path, standardize, objective, whole_numbers)
    variants = {"cnn": {"width": 16}} if len(data.input_shape) in (2, 3) else {}
    defaults = dataclasses.replace(_DEFAULTS, batch_size=batch_size or _DEFAULTS.batch_size)
    return Task(path, path, data.source, lambda _: data, defaults, variants, losses.of(data).metric), data


def _data(
    returned: Any, path: str, standardize: bool, objective: Loss | None, whole_numbers: bool
) -> tuple[Data, int | None]:
    """Return the data, and the batch size that came with them."""
    partial = objective if isinstance(objective, Own) and not objective.complete else None
    raw = objective is not None and partial is None
    train, test, names, one_set, drawn, batch_size = read(returned, path, raw=raw)
    if raw:
        assert objective is not None
        named = {f"train of {path}": train, f"test of {path}": test}
        outputs, _ = (objective.outputs(part.y, name) for name, part in named.items())
        data = Data(train.x, train.y, test.x, test.y, None, "own", path, own_outputs=outputs)
        code: Callable[[Tensor], Tensor] = plain
    elif train.y.is_floating_point():
        own_units = partial is not None and partial.given is not None
        data, code = _regression(train, test, path, own_units=own_units)
    else:
        data, code = _classification(train, test, names, path)
    if partial is not None:
        objective = partial.on(data, torch.cat((train.y, test.y)))
    parts, notes = [data.train_x, data.test_x], data.notes
    numbers = isinstance(parts[0], Tensor) and (parts[0].is_floating_point() or not whole_numbers)
    if standardize and (drawn is not None or not numbers):
        raise ArgumentError(
            f"--standardize is for inputs that are one tensor of numbers, but {path} has others"
        )
    if standardize:  # before they are float32, in which small differences of large numbers are lost
        mean, deviation = _statistics(parts[0])
        parts = [(x.double() - mean) / deviation for x in parts]
        notes += ("inputs are standardised by the training part (--standardize)",)
    parts = [mapped(Tensor.contiguous, x.float() if numbers else plain(x)) for x in parts]
    if numbers and not standardize:
        notes += _about_scale(parts[0])
    return dataclasses.replace(
        data,
        train_x=parts[0],
        test_x=parts[1],
        source=f"the user's own: {path}",
        notes=notes,
        one_set=one_set,
        objective=objective,
        drawn=drawn and drawn._replace(code=code),
    ), batch_size


def _statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean of each feature (axis 1), and its standard deviation, or 1 if it is always the same."""
    x, others = x.double(), [axis for axis in range(x.ndim) if axis != 1]
    mean, deviation = x.mean(others, keepdim=True), x.std(others, correction=0, keepdim=True)
    # of equal numbers the deviation is not 0 but rounding
    return mean, torch.where(deviation > 1e-12 * x.abs().amax(others, keepdim=True), deviation, 1.0)


def _about_scale(x: Tensor) -> tuple[str, ...]:
    others = [axis for axis in range(x.ndim) if axis != 1]
    norms = torch.linalg.vector_norm(x, dim=others, dtype=torch.float64)  # in float32 squares overflow
    scale = float((norms / (x != 0).sum(others).clamp(min=1).sqrt()).max())
    if scale == 0 or _SCALES[0] <= scale <= _SCALES[1]:
        return ()
    return (f"inputs have a scale of {scale:.3g} (RMS of the largest feature): --standardize makes it 1",)


def _classification(train: Part, test: Part, names: tuple[str, ...], path: str) -> _Coded:
    def told(code: Tensor) -> str:
        return one_line(names[int(code)], _LONGEST) if names else str(int(code))

    def code(y: Tensor) -> Tensor:
        strange = y[~torch.isin(y, labels)]
        if len(strange):
            raise ArgumentError(
                f"{path}: all labels must occur in training ({called[0]} .. {called[-1]}), but got "
                f"{told(strange[0])}"
            )
        return torch.searchsorted(labels, y.long())

    labels = torch.unique(train.y)  # sorted
    classes, called = len(labels), tuple(map(told, labels))
    if classes == 1:
        raise ArgumentError(f"{path}: all training labels are the same ({called[0]}): nothing to learn")
    if classes > max(_FEW, len(train.y) // 2):
        raise ArgumentError(
            f"{path}: a class needs samples, but {len(train.y)} training samples have {classes} labels: "
            "return targets of a regression as floating point"
        )
    train_y, test_y = code(train.y), code(test.y)
    notes = tuple[str, ...]()
    if called == tuple(map(str, range(classes))):
        called = ()
    else:
        shown = ", ".join(called if classes <= _FEW else (*called[:3], "...", called[-1]))
        notes = (one_line(f"labels {shown} are the classes 0 .. {classes - 1}"),)
    return Data(train.x, train_y, test.x, test_y, classes, "cross entropy", path, notes, called), code


def _regression(train: Part, test: Part, path: str, *, own_units: bool) -> _Coded:
    """Return targets with mean 0 and variance 1; in their own units for a loss of the user's."""
    notes = _question(train.y, path, own_units=own_units)
    y = train.y.reshape(len(train.y), -1)
    for name, part in (("training", y), ("test", test.y.reshape(len(test.y), -1))):
        if bool((part == part[0]).all()):
            raise ArgumentError(f"{path}: all {name} targets are the same ({part[0].tolist()})")
    mean, deviation = torch.zeros(1), torch.ones(1)
    if not own_units:
        mean, deviation = _statistics(y)
        rule = "each by itself): all count alike in R2"
        if y.shape[1] == 1:
            rule = f"mean {mean.item():.4g}, standard deviation {deviation.item():.4g}): R2 is the same"
        notes += (f"targets are standardised by the training part ({rule}",)

    def code(targets: Tensor) -> Tensor:
        return ((targets.double().reshape(len(targets), -1) - mean) / deviation).float()

    data = Data(train.x, code(y), test.x, code(test.y), None, "mean squared error", path, notes)
    if own_units:
        return data, code
    means, deviations = (tuple(one[0].tolist()) for one in (mean, deviation))
    return dataclasses.replace(data, target_mean=means, target_deviation=deviations), code


def _question(y: Tensor, path: str, *, own_units: bool) -> tuple[str, ...]:
    """Return a note on targets that might be labels; refuse those that are as likely the one as the other."""
    values = torch.unique(y)
    if len(values) == 2 and (y.ndim == 1 or own_units):  # whose R2 would mean nothing
        low, high = values.tolist()
        raise ArgumentError(
            f"{path}: targets of floating point with two values ({low:g} and {high:g}) may be classes or "
            "numbers: return whole numbers for a classification, y[:, None] for a regression without a loss "
            "of your own, or give a metric as well"
        )
    one_hot = y.ndim == 2 and y.shape[1] > 1 and bool(((y == 1).sum(1) == 1).all() and len(values) == 2)
    if one_hot or (y.ndim == 1 and len(values) <= _FEW < len(y) and bool((values == values.round()).all())):
        what = "one-hot" if one_hot else f"{len(values)} whole numbers"
        return (
            f"targets are {what} as floating point, and are learned as a regression: return whole numbers "
            "for a classification, or y[:, None] to say so",
        )
    return ()
