"""What is running around the call of an activation."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from pathlib import Path
from traceback import walk_stack

import torch
from torch import nn

__all__ = ["Setting", "ask_while_compiling", "below", "caller", "methods", "setting", "within"]

_PACKAGES = tuple(
    str(Path(module.__file__ or "").parent) + os.sep for module in (torch, sys.modules["rectifiers"])
)
_RUN = str(Path(__file__).with_name("_running.py"))
_CHECKPOINT = str(Path("torch", "utils", "checkpoint.py"))
_FUNCTION = str(Path("torch", "autograd", "function.py"))
_MODULE = str(Path("torch", "nn", "modules", "module.py"))

# Whether there are gradients, hooks on saved tensors, and a graph that is being made.
Setting = tuple[bool, bool, bool]


def caller() -> tuple[str, int]:
    """Return file and line of the model's code that is running; ``("", 0)`` where all of it is torch's."""
    for frame, line in walk_stack(sys._getframe()):
        file = frame.f_code.co_filename
        if not file.startswith(_PACKAGES):
            return file, line
        if file == _RUN:  # what called the model is not part of it
            break
    return "", 0


def below(file: str = _CHECKPOINT, function: str = "") -> bool:
    """Return whether a file's functions, or one of them, are on the stack; `file` is the end of its path."""
    codes = (frame.f_code for frame, _ in walk_stack(sys._getframe()))
    return any(c.co_filename.endswith(file) and function in ("", c.co_name) for c in codes)


def methods(owner: nn.Module) -> tuple[tuple[nn.Module, str], ...]:
    """Return the methods that the forward of `owner` is running, those of other modules among them."""
    found = []
    for frame, _ in walk_stack(sys._getframe()):
        code = frame.f_code
        module = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
        if module is owner and code.co_filename.endswith(_MODULE):
            break
        if isinstance(module, nn.Module) and not code.co_filename.startswith(_PACKAGES):
            names = [name for name, held in vars(module).items() if getattr(held, "__code__", None) is code]
            if inspect.isfunction(getattr(type(module), code.co_name, None)):
                names.append(code.co_name)
            if names and (names[0] != "forward" or module is not owner):
                found.append((module, names[0]))
    return tuple(found)


def setting() -> Setting:
    """Return what a forward begins with, for `within`."""
    return torch.is_grad_enabled(), _saving_is_hooked(), torch.compiler.is_dynamo_compiling()


def within(begun: Setting, *, of_module: bool) -> str:
    """Return what a forward has put around an activation by which backward may recompute it outside.

    `begun` is the `setting` in which that forward began. `of_module` says that the activation is a module,
    whose own call is on the stack, too.
    """
    gradients, hooked, traced = begun
    if torch.compiler.is_dynamo_compiling() and not traced:  # a part's own graph, which may run within others
        return _within_now(begun, of_module=of_module)
    if _in_checkpointed_function(of_module and not torch.compiler.is_dynamo_compiling()):
        return "a checkpointed function"
    if _saving_is_hooked() and not hooked:
        return "hooks on saved tensors"
    return "no_grad" if gradients and not torch.is_grad_enabled() else ""


_within_now = within


def _in_checkpointed_function(of_module: bool) -> bool:
    """Return whether a checkpointed function is between an activation and the forward that calls it."""
    left, inside = 0, False  # calls of modules that the walk has left, and whether it is within one
    for frame, _ in walk_stack(sys._getframe()):
        file = frame.f_code.co_filename
        left += inside and not file.endswith(_MODULE)
        inside = file.endswith(_MODULE)
        if left == of_module and (inside or file.endswith((_CHECKPOINT, _FUNCTION))):
            return not inside
    return False


def _saving_is_hooked() -> bool:
    """Return whether hooks on saved tensors are set, as checkpointing does that recomputes them."""
    try:
        with torch.autograd.graph.disable_saved_tensors_hooks(""):
            return False
    except RuntimeError:
        return True


@functools.cache
def ask_while_compiling() -> None:
    """Have `within` answered when a model is compiled, on the stack on which that happens.

    It loads the compiler, which takes seconds.
    """
    global _within_now
    _within_now = torch.compiler.disable(within)  # type: ignore[no-untyped-call]
    for question in (_in_checkpointed_function, _saving_is_hooked):
        torch.compiler.assume_constant_result(question)  # type: ignore[no-untyped-call]
