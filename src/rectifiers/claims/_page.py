"""A claim and its records as a page, and a picture. No number is typed by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from html import escape

from rectifiers.claims._claim import Claim, Criterion
from rectifiers.claims._record import PartRecord, Record
from rectifiers.claims._words import numbers, short

__all__ = ["index", "page", "picture"]

_COLOURS = {"reproduced": "#00986f", "not reproduced": "#c95400", "inconclusive": "#7a7f87"}
_INK, _WIDTH, _ROW, _LEFT, _RIGHT = "#1a1d21", 760, 44, 20, 90


def index(claims: Iterable[Claim], records: Mapping[str, Mapping[str, Record]]) -> str:
    """Return the list of claims as a Markdown table, each with its verdict at the largest scale run."""
    rows = ["| claim | who said it | verdict here | scale | minutes |", "|---|---|---|---|---|"]
    for claim in claims:
        found = records[claim.name]
        last = found[list(found)[-1]] if found else None
        verdict = f"**{last.text}**" if last else "not run yet"
        scale = last.scale if last else "–"
        minutes = _minutes(last.seconds / 60) if last else "–"
        link = f"[{claim.name}]({claim.name}.md)"
        rows.append(f"| {link}: {claim.title} | {claim.source} | {verdict} | {scale} | {minutes} |")
    return "\n".join(rows) + "\n"


def page(claim: Claim, records: Mapping[str, Record]) -> str:
    """Return a claim as a Markdown page: headline, picture, numbers, commands."""
    parts = [f"# {claim.title}"]
    last = records[list(records)[-1]] if records else None
    if last is None:
        parts.append("**Not run yet.**")
    else:
        parts.append(f"**{_upper(last.text)}**, at scale *{last.scale}*. {_sentence(last)}")
        parts.append(f"![What was measured, part by part]({claim.name}.svg)")
    parts.append(f"## What was claimed\n\n{_flowing(claim.statement)}\n\n*{claim.source}*")
    for record in reversed(list(records.values())):
        parts.append(_result(claim, record))
    parts.append(_scales(claim, records))
    if claim.remarks:
        parts.append(f"## Remarks\n\n{_flowing(claim.remarks)}")
    return "\n\n".join(parts) + "\n"


def picture(claim: Claim, record: Record) -> str:
    """Return the parts of a record as SVG: each a number with its interval, and what the criterion asks."""
    shown = list(zip(claim.parts, record.parts, strict=True))
    height = _ROW * len(shown) + 16
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for row, (part, found) in enumerate(shown):
        assert part.criterion is not None
        drawn += _row(part.criterion, found, 8 + row * _ROW)
    return "\n".join([*drawn, "</svg>"]) + "\n"


def _row(criterion: Criterion, part: PartRecord, top: float) -> list[str]:
    """Draw one part on an axis of its own: the values that reproduce it, and what was measured."""
    colour, middle = _COLOURS[part.verdict], top + 30
    label = escape(part.says if part.decides else f"({part.says})")
    drawn = [
        f'<text x="{_LEFT}" y="{top + 14}" fill="{_INK}">{label}</text>',
        f'<text x="{_WIDTH - _LEFT}" y="{top + 14}" fill="{colour}" text-anchor="end">{part.verdict}</text>',
        f'<text x="{_WIDTH - _LEFT}" y="{middle + 4}" fill="{_INK}" text-anchor="end" font-size="11">'
        f"{escape(short(part.value))}</text>",
    ]
    assert criterion.size is not None
    tolerance = part.margin if criterion.tolerance == "margin" else criterion.tolerance
    reach = float(tolerance or 0.0) if not isinstance(tolerance, str) else 0.0
    ends = [v for v in (part.value, part.low, part.high) if v is not None and math.isfinite(v)]
    marks = [*ends, criterion.size - reach, criterion.size + reach]
    low, high = min(marks), max(marks)
    pad = 0.08 * (high - low) or 1.0
    low, high = low - pad, high + pad

    def x(value: float) -> float:
        return round(_LEFT + (value - low) / (high - low) * (_WIDTH - 2 * _LEFT - _RIGHT), 1)

    target = {
        "above": (criterion.size, high),
        "below": (low, criterion.size),
        "within": (criterion.size - reach, criterion.size + reach),
    }[str(criterion.direction)]
    start, end = x(target[0]), x(target[1])
    wide = max(2.0, round(end - start, 1))
    drawn.append(f'<rect x="{start}" y="{middle - 8}" width="{wide}" height="16" fill="#dfe9e5"/>')
    drawn.append(f'<line x1="{x(low)}" x2="{x(high)}" y1="{middle}" y2="{middle}" stroke="#c8ccd1"/>')
    if part.value is not None or ends:
        left, right = x(low if part.low is None else part.low), x(high if part.high is None else part.high)
        drawn.append(
            f'<line x1="{left}" x2="{right}" y1="{middle}" y2="{middle}" stroke="{colour}" stroke-width="3"/>'
        )
    if part.value is not None:
        drawn.append(f'<circle cx="{x(part.value)}" cy="{middle}" r="5" fill="{colour}"/>')
    return drawn


def _sentence(record: Record) -> str:
    """Return which of the deciding parts hold, in a sentence."""
    groups = []
    for verdict in _COLOURS:
        said = [part.says for part in record.parts if part.decides and part.verdict == verdict]
        if said:
            groups.append(f"{_upper(verdict)}: {'; '.join(said)}.")
    return " ".join(groups)


def _result(claim: Claim, record: Record) -> str:
    rows = ["| part | measured | needed | seeds | verdict |", "|---|---|---|---|---|"]
    for part in record.parts:
        says = part.says if part.decides else f"*{part.says}* (does not decide)"
        note = f"; {part.note}" if part.note else ""
        seeds = str(part.n) if part.n else "exact"
        rows.append(f"| {says} | {numbers(part)}{note} | {part.criterion} | {seeds} | {part.verdict} |")
    where = ", ".join(
        f"{key} {record.environment[key]}" for key in ("torch", "cpu") if key in record.environment
    )
    took = f"{_minutes(record.seconds / 60)} min of processor time"
    made = f"Made by `{record.command}` on {record.made} in {took} ({where})."
    table = "\n".join(rows)
    return f"## Result at scale *{record.scale}*: {record.text}\n\n{table}\n\n{made}"


def _scales(claim: Claim, records: Mapping[str, Record]) -> str:
    rows = ["| scale | what it changes | minutes | command |", "|---|---|---|---|"]
    for name, scale in claim.scales.items():
        changes = scale.changes or "nothing"
        proxy = "proxy: " if scale.proxy else ""
        measured = records.get(name)
        about = _minutes(measured.seconds / 60) if measured else f"about {_minutes(scale.minutes)}"
        command = f"`rectifiers claims run {claim.name} --scale {name}`"
        rows.append(f"| {name} | {proxy}{changes} | {about} | {command} |")
    return "## Run it\n\n" + "\n".join(rows)


def _minutes(minutes: float) -> str:
    return "less than .1" if minutes < 0.1 else f"{minutes:.1f}" if minutes < 10 else f"{minutes:.0f}"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _flowing(text: str) -> str:
    return " ".join(text.split())
