"""The tables of RESULTS.md, from measured figures alone."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.activations.cases import CASES, by_name
from benchmarks.activations.results import Kept, Peak, Ratio, Timed, bandwidth, bandwidth_of, ratio
from benchmarks.activations.targets import ENOUGH, Judged

__all__ = [
    "directions",
    "disagreements",
    "kept",
    "peak",
    "ran",
    "ratios",
    "small",
    "table",
    "tally",
    "targets",
]

AGAINST = {"own": "torch's own", "relu": "torch.relu", "compiled": "torch.compile"}
_NONE = "–"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float) -> str:
    """Return a ratio with as many digits as mean something."""
    return f"{value:.3f}" if value < 0.0995 else f"{value:.2f}" if value < 9.95 else f"{value:.1f}"


def spread(found: Ratio | None) -> str:
    """Return a ratio and the range it had over the rounds."""
    return _NONE if found is None else f"{number(found.value)} ({number(found.low)}–{number(found.high)})"


def ratios(rows: Sequence[Timed]) -> str:
    """Return the time of every activation against everyone it was measured against, and its bandwidth."""
    head = ["activation", "torch's own is", *(f"ours / {name}" for name in AGAINST.values())]
    lines = []
    for row in rows:
        case = by_name(row.case)
        shares = (bandwidth(row, who) for who in ("ours", "own"))
        lines.append(
            [
                case.title,
                f"`{case.own_name}`",
                *(spread(ratio(row, "ours", other)) for other in AGAINST),
                *(_NONE if share is None else f"{100 * share:.0f}" for share in shares),
            ]
        )
    extra = [
        f"{by_name(row.case).title}: {spread(ratio(row, 'ours', other))} of `{other}`, for information."
        for row in rows
        for other in by_name(row.case).also
        if ratio(row, "ours", other)
    ]
    text = table([*head, "ours, % of a copy", "torch's own, % of a copy"], lines)
    return "\n\n".join([text, *extra])


def small(rows: Sequence[Timed]) -> str:
    """Return the time of all sizes of a group against torch's own, a column each."""
    sizes = sorted({row.elements for row in rows})
    found = {(row.case, row.elements): ratio(row, "ours", "own") for row in rows}
    lines = [[case.title, *(spread(found.get((case.name, size))) for size in sizes)] for case in CASES]
    return table(["ours / torch's own", *(f"{size:,} element{'s' * (size > 1)}" for size in sizes)], lines)


def directions(rows: Sequence[Timed]) -> str:
    """Return the share of a copy's bandwidth of forward and backward, ours and torch's own."""
    which = [(who, way) for who in ("ours", "own") for way in ("forward", "backward")]
    lines = []
    for row in rows:
        cells = [_share(bandwidth_of(row, who, way), bold=who == "ours") for who, way in which]
        lines.append([by_name(row.case).title, *cells])
    names = [f"{AGAINST.get(who, who)}, {way}" for who, way in which]
    return table(["% of a copy", *names], lines)


def _share(found: Ratio | None, bold: bool) -> str:
    if found is None:
        return _NONE
    text = f"{100 * found.value:.0f} ({100 * found.low:.0f}–{100 * found.high:.0f})"
    return f"**{text}**" if bold and found.value < ENOUGH else text


def tally(judged: Sequence[Judged]) -> str:
    """Return in a sentence how many targets were reached."""
    count = dict.fromkeys(("reached", "not reached", "not measured"), 0)
    for one in judged:
        count[one.verdict] += 1
    parts = [f"{n} {verdict}" for verdict, n in count.items() if n or verdict != "not measured"]
    return f"Of {len(judged)} targets: {', '.join(parts)}."


def targets(judged: Sequence[Judged], small_ones: bool) -> str:
    """Return measured ratio, target and verdict; a row per activation, a column per group (or small size)."""
    mine = [one for one in judged if (one.target.group == "small") == small_ones]
    columns = list(dict.fromkeys(_column(one) for one in mine))
    columns = [column for column in columns if column != "small"] or columns
    cells = {(one.target.case, _column(one)): _cell(one) for one in mine}
    lines = [
        [by_name(case).title, *(cells.get((case, column), _NONE) for column in columns)]
        for case in dict.fromkeys(one.target.case for one in mine)
    ]
    return table(["activation", *columns], lines)


def _column(one: Judged) -> str:
    return f"{one.elements:,}" if one.target.group == "small" and one.elements else one.target.group


def _cell(one: Judged) -> str:
    if one.measured is None:
        return f"not measured (≤ {one.target.most:g})"
    if one.verdict == "reached":
        return f"{number(one.measured.value)} ≤ {one.target.most:g} reached"
    return f"**{number(one.measured.value)} > {one.target.most:g} not reached**"


def kept(rows: Sequence[Kept]) -> str:
    """Return the bytes kept for backward per element of input."""
    lines = [
        [by_name(row.case).title, *(f"{size:.4g}" for one in (row.ours, row.own) for size in reversed(one))]
        for row in rows
    ]
    names = [f"{who}, {what}" for who in ("ours", "torch's own") for what in ("beyond", "total")]
    return table(["activation", *names], lines)


def peak(rows: Sequence[Peak]) -> str:
    """Return the peak of a training step, over that of torch.relu."""
    base = next((row.own for row in rows if row.case == "relu"), None)
    lines = [
        [
            by_name(row.case).title,
            *(f"{size / 2**20:.1f}" for size in (row.ours, row.own)),
            *(_NONE if base is None else f"{size / base:.3f}" for size in (row.ours, row.own)),
        ]
        for row in rows
    ]
    head = ["activation", "ours (MiB)", "torch's own (MiB)", "ours / torch.relu", "torch's own / torch.relu"]
    return table(head, lines)


def ran(rows: Sequence[Timed]) -> str:
    """Return what ran for this library, as `rectifiers.explain` tells it; an empty text if it does not."""
    lines = [[by_name(row.case).title, row.ran] for row in rows if row.ran]
    return table(["activation", "what ran"], lines) if lines else ""


def disagreements(rows: Sequence[Timed]) -> list[str]:
    """Return sentences about contestants that are missing or compute something else."""
    return [
        f"{by_name(row.case).title}, {row.elements:,} elements, {AGAINST.get(who, who)}: {note}"
        for row in rows
        for who, note in row.notes.items()
    ]
