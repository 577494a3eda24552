"""Arms that are the same function, at least at first."""

from __future__ import annotations

from collections.abc import Iterator

from rectifiers.validity._check import Check, Finding, Probe, listed


def _find(probe: Probe) -> Iterator[Finding]:
    groups: dict[tuple[str, str], list[str]] = {}
    for (arm, norm), seen in probe.cells.items():
        if seen.outputs and seen.matters:
            groups.setdefault((norm, seen.outputs), []).append(arm)
    for arms in dict.fromkeys(tuple(group) for group in groups.values() if len(group) > 1):
        yield Finding(f"{listed(arms)} put out bitwise the same on a batch before training")


Check(
    "arms-agree",
    "warned",
    rule="Arms are different functions on the values that occur.",
    remedy="an equal result says something only if training takes them apart",
    before=_find,
    example='arms = "relu, leaky_relu(0)"\n',
)
