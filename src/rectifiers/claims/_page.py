"""A claim and its records as a page, and pictures. No number is typed by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from html import escape

from rectifiers.claims._claim import Claim, Criterion
from rectifiers.claims._record import PartRecord, Record, short

__all__ = ["index", "page", "picture", "poster"]

_COLOURS = {"reproduced": "#00986f", "not reproduced": "#c95400", "inconclusive": "#7a7f87"}
_INK, _WIDTH, _ROW, _LEFT, _RIGHT = "#1a1d21", 760, 44, 20, 190

Records = Mapping[str, Record]  # of one claim, by scale, the smallest first


def index(claims: Iterable[tuple[Claim, Records]]) -> str:
    """Return the list of claims as a Markdown table, each with its verdict at the largest scale run."""
    rows = []
    for claim, records in claims:
        found = ("not run yet", "–")
        for last in records.values():
            only = " only" if last.scale == "quick" and "desk" in claim.scales else ""
            found = (f"**{last.text}**", f"{last.scale}{only}, {_minutes(last.seconds)} min")
        rows.append((f"[{claim.name}]({claim.name}.md): {claim.title}", claim.source, *found))
    return _table("claim | who said it | verdict here | scale", rows) + "\n"


def page(claim: Claim, records: Records) -> str:
    """Return a claim as a Markdown page: headline, picture, numbers, commands."""
    told = [f"# {claim.title}"]
    found = list(records.values())[::-1]
    for last in found[:1]:
        told.append(f"**{last.text.capitalize()}**, at scale *{last.scale}*. {_sentence(last)}")
        told.append(f"![What was measured, part by part]({claim.name}.svg)")
    told.append(f"## What was claimed\n\n{_flowing(claim.statement)}\n\n*{claim.source}*")
    if claim.remarks:
        told.append(f"## How it is tested\n\n{_flowing(claim.remarks)}")
    told += [_result(record) for record in found]
    told.append(f"## Run it\n\n{_scales(claim, records)}")
    return "\n\n".join(told) + "\n"


def picture(claim: Claim, record: Record) -> str:
    """Return the parts of a record as SVG: each a number with its interval, and what the criterion asks."""
    drawn: list[str] = []
    for row, (part, found) in enumerate(zip(claim.parts, record.parts, strict=True)):
        label = part.says if part.decides else f"({part.says})"
        drawn.append(_text(_LEFT, 22 + row * _ROW, label, "start", _INK))
        drawn += _axis(part.criterion, found, 38 + row * _ROW)
    return _svg(drawn, _ROW * len(record.parts) + 16)


def poster(claims: Iterable[tuple[Claim, Records]]) -> str:
    """Return the list of claims with their verdicts as SVG."""
    drawn: list[str] = []
    rows = [(claim.title, record) for claim, records in claims for record in list(records.values())[-1:]]
    for row, (title, record) in enumerate(rows):
        drawn.append(_text(_LEFT, 22 + 24 * row, title, "start", _INK))
        drawn.append(_text(_WIDTH - _LEFT, 22 + 24 * row, record.text, "end", _COLOURS[record.verdict]))
    return _svg(drawn, 24 * len(rows) + 16)


def _svg(drawn: list[str], height: int) -> str:
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">'
    ground = f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>'
    return "\n".join([head, ground, *drawn, "</svg>"]) + "\n"


def _text(x: float, y: float, text: str, anchor: str, colour: str) -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}" text-anchor="{anchor}">{escape(text)}</text>'


def _axis(criterion: Criterion, part: PartRecord, y: float) -> list[str]:
    """Draw a part on an axis of its own: the values that reproduce it, and what was measured."""
    colour, reach = _COLOURS[part.verdict], criterion.reach(part.margin) or 0.0
    ends = [v for v in (part.value, part.low, part.high) if v is not None and math.isfinite(v)]
    marks = [*ends, criterion.size - reach, criterion.size + reach]
    pad = 0.08 * (max(marks) - min(marks)) or 1.0
    low, high = min(marks) - pad, max(marks) + pad

    def x(value: float | None, unbounded: float) -> float:
        at = (unbounded if value is None else value) - low
        return round(_LEFT + at / (high - low) * (_WIDTH - 2 * _LEFT - _RIGHT), 1)

    def bar(start: float, end: float, stroke: str, width: int) -> str:
        return f'<line x1="{start}" x2="{end}" y1="{y}" y2="{y}" stroke="{stroke}" stroke-width="{width}"/>'

    within = criterion.direction == "within"
    start = low if criterion.direction == "below" else criterion.size - within * reach
    end = high if criterion.direction == "above" else criterion.size + within * reach
    left, right = x(start, low), x(end, high)
    drawn = [
        _text(_WIDTH - _RIGHT, y + 4, short(part.value), "start", _INK),
        _text(_WIDTH - _LEFT, y + 4, part.verdict, "end", colour),
        bar(left, max(right, left + 2), "#dfe9e5", 16),
        bar(x(low, low), x(high, high), "#c8ccd1", 1),
    ]
    if ends:
        drawn.append(bar(x(part.low, low), x(part.high, high), colour, 3))
    if part.value is not None:
        drawn.append(f'<circle cx="{x(part.value, low)}" cy="{y}" r="5" fill="{colour}"/>')
    return drawn


def _sentence(record: Record) -> str:
    """Return which of the deciding parts hold, in a sentence."""
    said = {
        verdict: "; ".join(p.says for p in record.parts if p.decides and p.verdict == verdict)
        for verdict in _COLOURS
    }
    return " ".join(f"{verdict.capitalize()}: {parts}." for verdict, parts in said.items() if parts)


def _result(record: Record) -> str:
    rows = []
    for part in record.parts:
        says = part.says if part.decides else f"*{part.says}* (does not decide)"
        note = f"; {part.note}" if part.note else ""
        rows.append((says, part.numbers + note, part.criterion, str(part.n or "exact"), part.verdict))
    table = _table("part | measured | needed | seeds | verdict", rows)
    where = ", ".join(
        f"{key} {record.environment[key]}" for key in ("torch", "cpu") if key in record.environment
    )
    took = f"{_minutes(record.seconds)} min of processor time"
    command = f"`rectifiers claims run {record.claim} --scale {record.scale}`"
    made = f"Made by {command} on {record.made} in {took} ({where})."
    return f"## Result at scale *{record.scale}*: {record.text}\n\n{table}\n\n{made}"


def _scales(claim: Claim, records: Records) -> str:
    rows = []
    for name, scale in claim.scales.items():
        changes = ("proxy: " if scale.proxy else "") + (scale.changes or "nothing")
        known = name in records
        about = _minutes(records[name].seconds) if known else f"about {_minutes(60 * scale.minutes)}, not run"
        rows.append((name, changes, about, f"`rectifiers claims run {claim.name} --scale {name}`"))
    return _table("scale | what it changes | minutes | command", rows)


def _table(head: str, rows: Iterable[tuple[str, ...]]) -> str:
    ruler = "---|" * len(head.split("|"))
    return "\n".join([f"| {head} |", f"|{ruler}", *(f"| {' | '.join(row)} |" for row in rows)])


def _minutes(seconds: float) -> str:
    minutes = seconds / 60
    return "less than .1" if minutes < 0.1 else f"{minutes:.1f}" if minutes < 10 else f"{minutes:.0f}"


def _flowing(text: str) -> str:
    return " ".join(text.split())
