"""What is learned: data, model and loss, by name.

::

    task = tasks.get("digits")
    data = task.load()
    model = tasks.models.build("mlp", input_shape=data.input_shape, outputs=data.outputs,
                               activation=arm, width=64, depth=2)
    loss = tasks.losses.of(data)
"""

from __future__ import annotations

from rectifiers.errors import UnknownNameError
from rectifiers.tasks import cifar10, digits, losses, mnist, mnist1d, models, xor
from rectifiers.tasks._counts import class_counts, overlap
from rectifiers.tasks._objective import objective
from rectifiers.tasks._own import own
from rectifiers.tasks._task import Data, Defaults, Task

__all__ = [
    "Data",
    "Defaults",
    "Task",
    "class_counts",
    "get",
    "losses",
    "models",
    "names",
    "objective",
    "overlap",
    "own",
]

_TASKS: dict[str, Task] = {
    task.name: task
    for task in (xor.task, digits.task, mnist1d.task, mnist.mnist, mnist.fashion_mnist, cifar10.task)
}


def names() -> tuple[str, ...]:
    """Return the names of all tasks, the smallest first."""
    return tuple(_TASKS)


def get(name: str) -> Task:
    """Return the task of that name.

    Raises
    ------
    UnknownNameError
        With the nearest names.
    """
    if name not in _TASKS:
        raise UnknownNameError.of("task", name, _TASKS)
    return _TASKS[name]
