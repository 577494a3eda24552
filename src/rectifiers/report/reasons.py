"""Why an arm did as it did: what watching its trials found, one line for each finding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rectifiers.records.inside import Inside
from rectifiers.records.values import cell_name
from rectifiers.report import words

__all__ = ["reasons"]

# from where on it is worth a line
_DEAD, _SATURATED, _VANISHES = 0.1, 0.5, 1e-3


def reasons(found: Sequence[Inside]) -> tuple[str, ...]:
    """Return what was seen inside, in words; nothing where no trial was watched.

    Of several sites of an arm the worst is named.
    """
    lines = []
    for (arm, norm), rows in groupby(found, key=lambda row: (row.arm, row.norm)):
        mine = list(rows)
        if said := "; ".join(_of_arm(mine)):
            n = max(row.n for row in mine)
            number = f"mean of {n} runs" if n > 1 else "one run"
            lines.append(f"{cell_name(arm, norm)} {said} ({number}).")
    if found and not lines:
        known = {row.quantity for row in found}
        died = "no unit died" if "dead" in known else "too few samples to tell dead units"
        reached = "gradients reached every site" if "gradient_ratio" in known else "no gradient was seen"
        return (f"Watched: {died}, no site saturated, {reached}.",)
    return tuple(words.upper(line) for line in lines)


def _of_arm(rows: Sequence[Inside]) -> Iterator[str]:
    def of(quantity: str) -> list[tuple[float, str]]:
        return [(row.mean, row.site) for row in rows if row.quantity == quantity]

    dead, site = max(of("dead"), default=(0.0, ""))
    if dead >= _DEAD:
        epochs = (row.mean for row in rows if (row.quantity, row.site) == ("dead_by_epoch", site))
        when = "".join(f" by epoch {epoch:.0f}" for epoch in epochs)
        yield f"lost {100 * dead:.0f} % of the units of {site}{when}"
    flat, site = max(of("saturated"), default=(0.0, ""))
    if flat >= _SATURATED:
        yield f"saturated at {site}: {100 * flat:.0f} % of its inputs are where it is flat"
    ratio, site = min(of("gradient_ratio"), default=(1.0, ""))
    if ratio < _VANISHES:
        yield f"let the gradient vanish: {site} gets {ratio:.1g} of what the last site gets"
