"""Why an arm did as it did: what watching its trials found, one line for each finding."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from rectifiers.records.inside import measured
from rectifiers.records.values import Study, cell_name
from rectifiers.report import words

__all__ = ["reasons"]

# quantity: from where on it is worth a line, and what it says
_DEAD, _SATURATED, _VANISHES = 0.1, 0.5, 1e-3


def reasons(study: Study) -> tuple[str, ...]:
    """Return what was seen inside, over the deciding runs of each arm; nothing where none was watched.

    Of several sites of an arm the worst is named.
    """
    plan, lines = study.plan, []
    known: set[str] = set()
    for norm in plan.norms:
        for arm in plan.arms:
            runs = [found for run in study.series(arm.label, norm) if (found := measured(run))]
            known |= {quantity for found in runs for quantity, _ in found}
            if runs:
                means = {key: fmean(run[key] for run in runs if key in run) for key in runs[0]}
                said = list(_of_arm(means))
                if said:
                    number = f"mean of {len(runs)} runs" if len(runs) > 1 else "one run"
                    lines.append(f"{cell_name(arm.label, norm)} {'; '.join(said)} ({number}).")
    if known and not lines:
        died = "no unit died" if "dead" in known else "too few samples to tell dead units"
        return (f"Watched: {died}, no site saturated, gradients reached every site.",)
    return tuple(words.upper(line) for line in lines)


def _of_arm(means: dict[tuple[str, str], float]) -> Iterator[str]:
    def worst(quantity: str, largest: bool = True) -> tuple[float, str] | None:
        found = [(value, site) for (name, site), value in means.items() if name == quantity]
        return None if not found else max(found) if largest else min(found)

    dead = worst("dead")
    if dead is not None and dead[0] >= _DEAD:
        epoch = means.get(("dead_by_epoch", dead[1]))
        when = "" if epoch is None else f" by epoch {epoch:.0f}"
        yield f"lost {100 * dead[0]:.0f} % of the units of {dead[1]}{when}"
    flat = worst("saturated")
    if flat is not None and flat[0] >= _SATURATED:
        yield f"saturated at {flat[1]}: {100 * flat[0]:.0f} % of its inputs are where it is flat"
    ratio = worst("gradient_ratio", largest=False)
    if ratio is not None and ratio[0] < _VANISHES:
        yield f"let the gradient vanish: {ratio[1]} gets {ratio[0]:.1g} of what the last site gets"
