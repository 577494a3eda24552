"""A study's report and its charts as files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rectifiers.records import saving
from rectifiers.records.values import Study
from rectifiers.report import colours, html
from rectifiers.report._looks import on_paper
from rectifiers.report.charts import Chart, catalogue
from rectifiers.report.colours import Style
from rectifiers.report.result import REPORT
from rectifiers.report.summary import summarize

__all__ = ["export", "save", "to_png", "to_svg", "write"]

_PIXELS_PER_POINT = 2.0


def write(study: Study, directory: str | Path, *, svg: bool = False, png: bool = False) -> Path:
    """Write the report into a directory, which is made if need be, and charts beside it where asked for.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    StoreError
        The directory cannot be made, or a file not be written.
    """
    place = saving.make_directory(directory)
    if svg or png:
        export(catalogue(summarize(study)), colours.styles(study.plan.arms), place, svg, png)
    return html.write(study, place / REPORT)


def export(
    charts: Iterable[Chart],
    styles: Mapping[str, Style],
    directory: str | Path,
    svg: bool = True,
    png: bool = True,
) -> list[Path]:
    """Write charts as files of their own, drawn offline.

    Parameters
    ----------
    charts : iterable of Chart
    styles : mapping of str to Style
        How each arm is drawn.
    directory : path
        An existing directory; files are called ``differences-none.svg`` and so on.
    svg, png : bool
        Which kinds to write. PNGs have twice the resolution, for print.

    Returns
    -------
    list of Path
        The files that were written.

    Raises
    ------
    StoreError
        A file cannot be written.
    """
    look, written = on_paper(styles), []
    for chart in charts if svg or png else ():
        place, drawing = Path(directory) / chart.name, to_svg(chart.draw(look))
        if svg:
            written.append(saving.save(drawing, place.with_suffix(".svg")))
        if png:
            written.append(saving.save(to_png(drawing), place.with_suffix(".png")))
    return written


def save(spec: Mapping[str, Any], path: Path) -> Path:
    """Write a Vega-Lite specification as the SVG or PNG that the name ends in."""
    drawing = to_svg(spec)
    return saving.save(to_png(drawing) if path.suffix.lower() == ".png" else drawing, path)


def to_svg(spec: Mapping[str, Any]) -> str:
    """Return a Vega-Lite specification as SVG."""
    import vl_convert

    return vl_convert.vegalite_to_svg(dict(spec))


def to_png(svg: str) -> bytes:
    """Return an SVG as PNG, at twice the resolution of a screen."""
    import vl_convert

    return vl_convert.svg_to_png(svg, scale=_PIXELS_PER_POINT)
