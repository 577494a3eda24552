"""What people take away from a study: tables, figures for print, a printed report."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rectifiers.errors import MissingDependencyError, UnknownNameError
from rectifiers.records.saving import make_directory, save
from rectifiers.records.standings import against_control
from rectifiers.records.values import Study
from rectifiers.report import colours, files, rows, words
from rectifiers.report._looks import on_paper
from rectifiers.report.charts import catalogue
from rectifiers.report.methods import methods
from rectifiers.report.result import Result
from rectifiers.report.summary import Summary

__all__ = ["KINDS", "export", "latex", "markdown", "per_seed"]

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
_COLUMN = 252.0  # points: 3.5 inches, a column of most two-column papers
_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_LATEX |= {c: f"\\{c}" for c in "&%$#_{}"} | {words.MINUS: "$-$", "±": r"$\pm$", "∞": r"$\infty$", "–": "--"}


def per_seed(study: Study) -> list[dict[str, Any]]:
    """Return a row per run that verdicts rest on: its trial, outcome, metric and what else it returned.

    Runs at a rate that was chosen before the study grew, and seeds beyond a decision, are in the store alone.
    """
    deciding = rows.deciding(study, against_control(study))
    return [
        {
            "arm": run.trial.arm,
            "norm": run.trial.norm,
            "seed": run.trial.seed,
            "learning_rate": run.trial.learning_rate or None,
            "outcome": run.outcome,
            "metric": run.metric,
            "seconds": run.seconds,
            **dict(run.measures),
        }
        for cell in study.plan.cells
        for run in deciding[cell]
    ]


def table(summary: Summary) -> list[list[str]]:
    """Return the ranking as text, its head first: an arm with its mean, runs, difference and verdict."""
    plan, digits = summary.plan, summary.digits
    normed = plan.norms != ("none",)
    level = f"{100 * plan.confidence:g} % interval"
    head = ["arm", *(["norm"] if normed else []), f"{plan.metric} {plan.unit}".strip(), "runs"]
    found = [[*head, f"minus {plan.control}", level, "verdict"]]
    for norm in plan.norms:
        for row in summary.ranking(norm):
            other = summary.comparison(row.arm, norm)
            cells = [row.arm, *([norm] if normed else []), words.spread(row.mean, row.sd, digits), str(row.n)]
            if other is None:
                found.append([*cells, "–", "–", "control"])
            else:
                between = words.between(other.low, other.high, digits)
                found.append([*cells, words.signed(other.difference, digits), between, other.verdict])
    return found


def markdown(summary: Summary, study: Study) -> str:
    """Return recommendation, ranking and methods as Markdown."""
    head, *rows = [[cell.replace("|", "\\|") for cell in row] for row in table(summary)]
    lines = [head, ["---"] * len(head), *rows]
    ranking = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{summary.recommendation.sentence}\n\n{ranking}\n\n## Methods\n\n{methods(summary, study)}\n"


def latex(summary: Summary, study: Study) -> str:
    """Return the ranking as a table for booktabs, and the methods under it."""
    head, *rows = [[_escaped(cell) for cell in row] for row in table(summary)]
    columns = "l" * (len(head) - 5) + "rrrll"
    body = "\n".join(f"  {' & '.join(row)} \\\\" for row in rows)
    caption = _escaped(summary.recommendation.sentence)
    return (
        "% needs \\usepackage{booktabs}\n\\begin{table}\n\\centering\n"
        f"\\caption{{{caption}}}\n\\begin{{tabular}}{{{columns}}}\n\\toprule\n"
        f"  {' & '.join(head)} \\\\\n\\midrule\n"
        f"{body}\n\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n\n{_escaped(methods(summary, study))}\n"
    )


def export(result: Result, kind: str, directory: str | Path) -> tuple[Path, ...]:
    """Write what a study found as files of a kind.

    Parameters
    ----------
    result : Result
    kind : {"csv", "parquet", "latex", "markdown", "pdf", "svg", "png"}
        Tables of arms and of seeds; the ranking with a methods paragraph; the report printed, and each figure
        at the width of a column with its fonts; or each figure as a picture.
    directory : path
        Made if need be.

    Raises
    ------
    UnknownNameError
        Another kind.
    MissingDependencyError
        What writes this kind is not installed.
    StoreError
        A file cannot be written.
    """
    if kind not in KINDS:
        raise UnknownNameError.of("kind of file", kind, KINDS)
    return tuple(KINDS[kind](result, make_directory(directory)))


def _tables(result: Result, place: Path, kind: str) -> list[Path]:
    import pandas as pd

    frames = {"arms": pd.DataFrame(result.to_json()["arms"]), "seeds": pd.DataFrame(per_seed(result.study))}
    written = []
    for name, frame in frames.items():
        path = place / f"{name}.{kind}"
        if kind == "csv":
            written.append(save(frame.to_csv(index=False), path))
            continue
        try:
            written.append(save(frame.to_parquet(None, index=False), path))
        except ImportError:
            raise MissingDependencyError(
                "Parquet is written by pyarrow: pip install pyarrow, or --to csv"
            ) from None
    return written


def _text(result: Result, place: Path, name: str, write: Callable[[Summary, Study], str]) -> list[Path]:
    return [save(write(result.summary, result.study), place / name)]


def _pictures(result: Result, place: Path, kind: str) -> Sequence[Path]:
    charts, styles = catalogue(result.summary), colours.styles(result.study.plan.arms)
    return files.export(charts, styles, place, svg=kind == "svg", png=kind == "png")


def _pdf(result: Result, place: Path) -> list[Path]:
    import vl_convert

    written, look = [], on_paper(colours.styles(result.study.plan.arms))
    for chart in catalogue(result.summary):
        drawing = _as_wide(files.to_svg(chart.draw(look)), _COLUMN)
        written.append(save(vl_convert.svg_to_pdf(drawing), place / f"{chart.name}.pdf"))
    return [printed(files.write(result.study, place), place / "report.pdf"), *written]


def _as_wide(svg: str, width: float) -> str:
    """Return a drawing at another width, everything in it scaled."""
    root = re.compile(r'(<svg[^>]*?) width="([0-9.]+)" height="([0-9.]+)"', re.DOTALL)
    return root.sub(
        lambda m: f'{m[1]} width="{width:g}" height="{width * float(m[3]) / float(m[2]):g}"', svg, 1
    )


def printed(report: Path, path: Path) -> Path:
    """Print a report with a browser, as its own print style says."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise MissingDependencyError(
            f"a report is printed by a browser, but there is none of {', '.join(_BROWSERS)}: install one, or "
            f"print {report} from yours"
        )
    words_ = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
    with tempfile.TemporaryDirectory(prefix="printing-", dir=path.resolve().parent) as directory:
        draft = Path(directory) / path.name
        given = [*words_, f"--print-to-pdf={draft}", report.resolve().as_uri()]
        done = subprocess.run(given, capture_output=True, check=False)
        if done.returncode or not draft.is_file():
            raise MissingDependencyError(
                f"{browser} could not print {report}: print it from a browser of yours"
            )
        return save(draft.read_bytes(), path)


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(c, c) for c in text)


KINDS: dict[str, Callable[[Result, Path], Sequence[Path]]] = {
    "csv": lambda result, place: _tables(result, place, "csv"),
    "parquet": lambda result, place: _tables(result, place, "parquet"),
    "latex": lambda result, place: _text(result, place, "table.tex", latex),
    "markdown": lambda result, place: _text(result, place, "summary.md", markdown),
    "pdf": _pdf,
    "svg": lambda result, place: _pictures(result, place, "svg"),
    "png": lambda result, place: _pictures(result, place, "png"),
}
