"""Write the numpydoc docstrings of what is derived from a record."""

from __future__ import annotations

import inspect
import textwrap

from rectifiers.activations import Activation, AlongAxis, Choice, Learned, Uniform

__all__ = ["docstring"]

_COMMON = {
    "input": "Any shape and floating dtype.",
    "lower": "Lower bound of the random {name}.",
    "upper": "Upper bound of the random {name}.",
    "training": "Draw a new {name} at every call; otherwise use (lower + upper) / 2.",
    "per": "Whether there is one {name} per element, per example and channel (axes 0 and 1), or per call.",
    "dim": "Axis along which there is one {name} per feature.",
    "inplace": "Write the result into the input.",
    "generator": "Source of the random numbers; the device's default generator if None.",
    "init": "Initial value of every {name}.",
    "num_parameters": "1 for one {name} shared by all features, or their number along `dim`.",
    "device": "Where the {name} lives.",
    "dtype": "Type of the {name}.",
}


def docstring(record: Activation, signature: inspect.Signature, *, module: bool = False) -> str:
    """Return the docstring of the function or module with this signature."""
    name = next((n for n, p in record.parameters.items() if isinstance(p, Learned | Uniform)), "")
    lines = [record.summary or f"{record.title}.", "", "Parameters", "----------"]
    for argument in signature.parameters.values():
        parameter = record.parameters.get(argument.name)
        about = parameter.about if parameter is not None else ""
        lines.append(f"{argument.name} : {_type(record, argument)}")
        lines.append(textwrap.indent(about or _COMMON.get(argument.name, "").format(name=name), "    "))
    halves = isinstance(record, AlongAxis)
    if not module:
        shape = "With axis `dim` half as long." if halves else "Of the input's shape and dtype."
        lines += ["", "Returns", "-------", "Tensor", f"    {shape}"]
    if halves:
        lines += ["", "Raises", "------", "ShapeError", "    There is no axis `dim`, or its length is odd."]
    elif len(signature.parameters) > 2 - module:
        lines += ["", "Raises", "------", "ArgumentError", "    A parameter is outside its rule."]
    if record.formula or record.notes:
        lines += ["", "Notes", "-----"]
        lines += [f"``{record.formula}``"] if record.formula else []
        lines += ["", *textwrap.wrap(record.notes, 100)] if record.notes else []
    if record.source:
        lines += ["", "References", "----------", *textwrap.wrap(record.source, 100)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _type(record: Activation, argument: inspect.Parameter) -> str:
    parameter = record.parameters.get(argument.name)
    if argument.name == "per":
        kind = "{" + ", ".join(map(repr, Uniform.PER)) + "}"
    elif isinstance(parameter, Choice):
        kind = "{" + ", ".join(repr(option) for option in parameter.options) + "}"
    else:
        kind = getattr(argument.annotation, "__name__", str(argument.annotation))
    if argument.default is inspect.Parameter.empty:
        return kind
    if argument.default is None:
        return f"{kind.removesuffix(' | None').replace('torch._C', 'torch')}, optional"
    return f"{kind}, default {argument.default!r}"
