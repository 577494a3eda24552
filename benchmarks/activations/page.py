"""RESULTS.md: the tables in their order, with what they mean and what they were measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.activations import tables
from benchmarks.activations.results import Outcome
from benchmarks.activations.settings import Group, Settings
from benchmarks.activations.targets import AS_FAST, FASTER, OWN, OWN_RANDOM, judge

__all__ = ["render"]

_ALT = {
    "ratios-own": "Time of every activation over that of torch's own, with the targets",
    "ratios-relu": "Time of every activation over that of torch.relu",
    "sweep": "Time against size, for this library, torch's own, torch.compile and a copy's bandwidth",
    "kept": "Bytes per element kept for backward, by this library and by torch's own",
    "peak": "Peak memory of a training step, with this library and with torch's own",
}

_TOP = """# What the activations cost

Written by `{command}`. Ratios of one run on one machine, not absolute times: below 1 this library is faster.
{warning}
{machine}

Forward and backward through autograd. Every contestant is timed once per round, in turn, so that what
disturbs one disturbs all; a ratio is that of the medians over rounds, in parentheses the smallest and largest
ratio of one round. torch.relu against itself (the difference of the first two columns of ReLU) shows how much
is noise.
"""

_QUICK = (
    "\n**A quick run: tiny sizes and few rounds. It shows that everything runs; its figures mean nothing.**\n"
)

_TARGETS = """## Targets

{tally} They are of the time over that of torch's own. On large tensors a kernel is to take at most
{faster:g} of it, or to keep a thirty-second of the bytes in at most {as_fast:g} of it (ReLU, LeakyReLU).
Everywhere else torch's own operations run, in at most {own:g} of it (RReLU in training, on small tensors:
{own_random:g}).

{large}

Other sizes, by number of elements:

{small}
"""

_BANDWIDTH = """In % of a copy: the fewest bytes forward and backward can move, over the time, against the
bandwidth of a plain copy of the input in the same round. Whoever runs it, the same bytes count: input, output
and their gradients once, and one bit per element (CReLU 2, Maxout half a one), written and read, or the input
or output read again where a bit does not do.
"""

_DIRECTIONS = """In % of the bandwidth of a plain copy of the input in the same round, by the fewest bytes
that direction can move: forward reads the input and writes output and bits, backward reads the output's
gradient and bits (or input or output, where a bit does not do) and writes the input's gradient. Bold: below
90 %, the target.
"""

_KEPT = """Bytes per element of input in distinct storages that autograd holds between forward and backward.
"Beyond" is what is neither input nor output of the activation; in "total" those count, too, where they are
held. A network often holds the output anyway, as the next layer's input.
"""

_PEAK = """Most bytes of tensors that are alive at once in one training step of a network of ResNet-18's shape
(parameters included). CReLU and Maxout are left out: they change the width, so the network would be another.
"""


def render(
    groups: Sequence[Group],
    found: Mapping[str, Outcome],
    settings: Settings,
    machine: Mapping[str, str],
    command: str,
    drawn: Mapping[str, str],
) -> str:
    """Return RESULTS.md.

    Parameters
    ----------
    groups : sequence of Group
        All there are, measured or not.
    found : mapping of str to Outcome
        By the group's name.
    settings : Settings
    machine : mapping of str to str
        What it was measured on, in words.
    command : str
        The command line.
    drawn : mapping of str to str
        Name of a plot to its place beside RESULTS.md.
    """
    dates = sorted(outcome.when for outcome in found.values())
    lines = [f"- {key}: {value}" for key, value in machine.items()]
    lines.append(
        f"- measured: {' to '.join(dict.fromkeys((dates[0], dates[-1])))}" if dates else "- nothing measured"
    )
    top = _TOP.format(command=command, warning=_QUICK if settings.quick else "", machine="\n".join(lines))
    parts = [top, _targets(settings.device, groups, found)]
    parts += [_section(group, found.get(group.name), drawn) for group in groups]
    parts.append(_remarks(groups, found))
    return "\n".join(part.strip("\n") + "\n" for part in parts if part)


def _targets(device: str, groups: Sequence[Group], found: Mapping[str, Outcome]) -> str:
    judged = judge(device, {name: outcome.timed for name, outcome in found.items()}, groups)
    shown = (tables.targets(judged, small_ones=small) for small in (False, True))
    return _TARGETS.format(
        tally=tables.tally(judged),
        large=next(shown),
        small=next(shown),
        faster=FASTER,
        as_fast=AS_FAST,
        own=OWN,
        own_random=OWN_RANDOM,
    )


def _section(group: Group, outcome: Outcome | None, drawn: Mapping[str, str]) -> str:
    heading = f"## {group.title[:1].upper()}{group.title[1:]}\n\n"
    if outcome is None:
        return heading + "Not measured with this code and these settings.\n"
    if outcome.failure:
        return heading + f"**Failed:** {outcome.failure}\n"
    pieces = [*outcome.notes]
    if group.kind == "time":
        pieces += [tables.ratios(outcome.timed)]
        if group.name == "flat":
            pieces += [_BANDWIDTH, *_plots(drawn, "ratios-own", "ratios-relu")]
    elif group.kind == "small":
        pieces += [tables.small(outcome.timed)]
    elif group.kind == "directions":
        pieces += [_DIRECTIONS, tables.directions(outcome.timed)]
    elif group.kind == "sweep":
        sizes = sorted({row.elements for row in outcome.timed})
        pieces += [f"From {sizes[0]:,} to {sizes[-1]:,} elements.", *_plots(drawn, "sweep")]
    elif group.kind == "kept":
        pieces += [_KEPT, tables.kept(outcome.kept), *_plots(drawn, "kept")]
    else:
        batch, width, side = group.shapes[0]
        size = f"Batch {batch}, {width} channels in the first stage, images of {side} x {side}."
        pieces += [f"{_PEAK.strip()} {size}", tables.peak(outcome.peak), *_plots(drawn, "peak")]
    return heading + "\n\n".join(piece.strip("\n") for piece in pieces) + "\n"


def _plots(drawn: Mapping[str, str], *names: str) -> list[str]:
    return [f"![{_ALT[name]}]({drawn[name]})" for name in names if name in drawn]


def _remarks(groups: Sequence[Group], found: Mapping[str, Outcome]) -> str:
    rows = [row for group in groups if group.name in found for row in found[group.name].timed]
    first = next((found[g.name].timed for g in groups if g.kind == "time" and g.name in found), ())
    ran = tables.ran(first) or "This version of the library does not tell (`rectifiers.explain`)."
    odd = [f"- {line}" for line in dict.fromkeys(tables.disagreements(rows))]
    checked = "\n".join(odd) or "All contestants gave the same outputs and gradients (RReLU, random, aside)."
    return f"## What ran\n\n{ran}\n\n## Do all compute the same?\n\n{checked}\n"
