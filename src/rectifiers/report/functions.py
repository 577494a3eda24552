"""`show`: activations and their derivatives in one picture, with sliders for the parameters."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rectifiers.activations import Activation, Uniform, aliases, registry
from rectifiers.arms._text import head_and_arguments
from rectifiers.errors import ArgumentError, ArgumentTypeError, UnknownNameError
from rectifiers.records.saving import save
from rectifiers.records.values import ArmSpec
from rectifiers.report import _arm_lines, _page, _sampling, colours, files
from rectifiers.report._arm_lines import Line
from rectifiers.report._looks import on_page, on_paper
from rectifiers.report.charts import FUNCTIONS, Chart

if TYPE_CHECKING:
    from rectifiers.arms import Arm

__all__ = ["FunctionsPage", "show"]

_SUFFIXES = (".html", ".svg", ".png")
_FRAME_HEIGHT = 760


@dataclass(frozen=True)
class FunctionsPage:
    """Activations and their derivatives, drawn. Shows itself in a notebook, with sliders.

    Attributes
    ----------
    labels : tuple of str
        As they were asked for.
    activations : tuple of Activation or Arm
        An arm for what is no activation of this library, nor a record of the user's.
    """

    labels: tuple[str, ...]
    activations: tuple[Activation | Arm, ...]
    _tables: tuple[_sampling.Table, ...]

    def save(self, path: str | Path) -> Path:
        """Write a file of the kind its name ends in.

        Parameters
        ----------
        path : path
            ``.html`` (with sliders, offline), ``.svg`` or ``.png`` (as they start).

        Returns
        -------
        Path
            The file that was written.

        Raises
        ------
        ArgumentError
            Another suffix.
        StoreError
            The file cannot be written.
        """
        place = Path(path)
        kind = place.suffix.lower()
        if kind not in _SUFFIXES:
            raise ArgumentError(f"a drawing is an .html, .svg or .png file, but got {str(path)!r}")
        if kind == ".html":
            return save(self.html, place)
        return files.save(self._static, place)

    @cached_property
    def html(self) -> str:
        """The page with sliders."""
        look = on_page(self._styles)
        legend = _page.legend(self._styles)
        cards = list(zip(legend, self.activations, self._tables, strict=True))
        tables = [
            {
                "arm": table.label,
                "x": table.x,
                "lines": [
                    {name: [getattr(branch, part) for branch in lines] for name, part, *_ in FUNCTIONS}
                    for lines in table.branches
                ],
                "kinks": [
                    {name: _kinks(lines, part) for name, part, *_ in FUNCTIONS} for lines in table.branches
                ],
            }
            for table in self._tables
        ]
        charts = [_page.PageChart(chart, chart.draw(look)) for chart in self._charts]
        return _page.render("functions.html.j2", charts, legend, cards=cards, tables=tables)

    def _repr_html_(self) -> str:
        # A frame keeps the page's style, script and content policy away from the notebook's.
        return (
            f'<iframe srcdoc="{html.escape(self.html)}" title="{html.escape(", ".join(self.labels))}" '
            f'style="width:100%;height:{_FRAME_HEIGHT}px;border:0"></iframe>'
        )

    def __repr__(self) -> str:
        return f"show({', '.join(map(repr, self.labels))})"

    @cached_property
    def _styles(self) -> dict[str, colours.Style]:
        named = zip(self.labels, self.activations, strict=True)
        return colours.styles(ArmSpec(label, label, record.name, 1.0) for label, record in named)

    @property
    def _charts(self) -> list[Chart]:
        charts = []
        for name, part, title, axis in FUNCTIONS:
            lines = [
                Line(table.label, table.x, getattr(branch, part), index)
                for table in self._tables
                for index, branch in enumerate(table.branches[table.start])
            ]
            kinks = [
                (table.label, x, y)
                for table in self._tables
                for x, y in _kinks(table.branches[table.start], part)
            ]
            branches = (branch for table in self._tables for some in table.branches for branch in some)
            every = (y for branch in branches for y in getattr(branch, part))
            drawing = partial(_arm_lines.functions, name, lines, axis, _arm_lines.reach(every), kinks=kinks)
            charts.append(Chart(name, "functions", title, f"{title} of {', '.join(self.labels)}.", drawing))
        return charts

    @property
    def _static(self) -> dict[str, Any]:
        """Both charts beside each other."""
        drawn = [chart.draw(on_paper(self._styles)) for chart in self._charts]
        config = drawn[0].pop("config")
        for spec in drawn:
            for key in ("config", "padding", "$schema"):
                spec.pop(key, None)
            spec["width"] = 420
        # A parameter is declared once for both; nothing points at an arm in a file.
        shared = drawn[0].pop("params")
        drawn[1].pop("params")
        return {
            "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
            "hconcat": drawn,
            "spacing": 40,
            "params": shared,
            "padding": 12,
            "config": config,
        }


def _kinks(branches: tuple[_sampling.Branch, ...], part: str) -> list[tuple[float, float]]:
    return [point for branch in branches for point in getattr(branch, f"{part}_kinks")]


def show(*activations: str | Activation | Callable[..., Any], out: str | Path | None = None) -> FunctionsPage:
    """Draw activations and their derivatives in one picture, kinks marked, with sliders for their parameters.

    Parameters
    ----------
    *activations : str, Activation, or any other arm
        Names (``"elu"``), names with arguments to start with (``"leaky_relu(0.1)"``), records made by
        `rectifiers.elementwise`, and whatever else can be an arm (``"torch:nn.Hardswish"``,
        ``"mine.py:swish"``, a module, a function of a tensor), whose derivative is autograd's and whose kinks
        are searched for.
    out : path, optional
        Where to save it right away; see `FunctionsPage.save`.

    Returns
    -------
    FunctionsPage

    Raises
    ------
    UnknownNameError
        No activation has that name.
    ArgumentError
        No activation at all, a value outside its rule, a function of several inputs, or a suffix of `out`
        that is not known.
    ImportPathError, UserCodeError
        A path leads nowhere, or code of the user's raises.
    StoreError
        `out` cannot be written.

    Examples
    --------
    >>> import rectifiers
    >>> rectifiers.show("elu", "prelu")
    show('elu', 'prelu')
    """
    if not activations:
        raise ArgumentError(f"at least one activation is needed, but got none (known: {', '.join(registry)})")
    found = [_found(entry) for entry in activations]
    tables = {table.label: (activation, table) for activation, table in found}
    page = FunctionsPage(tuple(tables), *zip(*tables.values(), strict=True))
    if out is not None:
        page.save(out)
    return page


def _found(entry: Any) -> tuple[Activation | Arm, _sampling.Table]:
    """Return a record or an arm, and its table."""
    if isinstance(entry, str) and ":" not in entry:
        record, given = _read(entry)
        return record, _sampling.tabulate(record, entry, given)
    label = entry if isinstance(entry, str) else ""
    from rectifiers.arms import load_object, parse_arms  # with torch, which names do without

    if label and not label.startswith("torch:") and "(" not in label:
        entry = load_object(label)
    if isinstance(entry, Activation):
        defaults = dict(zip(entry.parameters, entry.defaults, strict=True))
        return entry, _sampling.tabulate(entry, label or entry.name, defaults)
    arms = parse_arms(label or [entry])
    if len(arms) != 1:
        raise ArgumentError(f"each activation is an argument of its own, but got {label!r}")
    return arms[0], _sampling.tabulate_arm(arms[0])


def _read(label: str) -> tuple[Activation, dict[str, Any]]:
    """Return the activation a label names, and the value of each parameter."""
    name, positional, named = head_and_arguments(label)
    name = aliases.get(name, name)
    if name not in registry:
        raise UnknownNameError.of("activation", name, registry)
    record = registry[name]
    for key, parameter in record.parameters.items():
        if isinstance(parameter, Uniform) and (positional or named):
            positional, named = (), {key: _mean(label, parameter, positional, named)}
    return record, dict(zip(record.parameters, record.bind(*positional, **named), strict=True))


def _mean(label: str, parameter: Uniform, positional: tuple[Any, ...], named: Mapping[str, Any]) -> float:
    """Return the mean of the bounds a label gives for a random parameter."""
    bounds: dict[str, Any] = {"lower": parameter.lower, "upper": parameter.upper}
    bounds |= {**dict(zip(bounds, positional, strict=False)), **named}
    Uniform.check_per(bounds.pop("per", "element"))  # changes no mean
    if len(positional) > 2 or len(bounds) > 2:
        raise ArgumentTypeError(f"a random slope takes lower and upper, but got {label!r}")
    Uniform.check_bounds(bounds["lower"], bounds["upper"])
    return Uniform(bounds["lower"], bounds["upper"]).default
