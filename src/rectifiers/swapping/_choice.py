"""Which sites are meant."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterable

from rectifiers.call_sites import Site, Sites
from rectifiers.errors import ArgumentError, ArgumentTypeError

__all__ = ["Where", "choose"]

Where = str | Iterable[str] | None


def choose(found: Sites, where: Where) -> list[Site]:
    """Return the sites that are meant."""
    patterns = ["*"] if where is None else [where] if isinstance(where, str) else [*where]
    names = {name for pattern in patterns for name in _matching(found, pattern)}
    if not names:
        raise ArgumentError("where must name at least one site, but is empty")
    return [site for site in found if site.name in names]


def _matching(found: Sites, pattern: str) -> dict[str, str]:
    """Return names and activations of the sites that a pattern means."""
    if not isinstance(pattern, str):
        raise ArgumentTypeError(f"where is text or a list of it, but got {pattern!r}")
    every = {site.name: site.activation for site in found}
    matched = {name: kind for name, kind in every.items() if pattern in (kind, name)}
    matched = matched or {n: kind for n, kind in every.items() if fnmatch.fnmatchcase(n, pattern)}
    counts = Counter(matched.values())
    if len(counts) > 1:
        listed = " and ".join(f"{count} {name}" for name, count in counts.items())
        raise ArgumentError(
            f"a pattern matches one activation, but where={pattern!r} matches {listed}: "
            f"name one, as where={next(iter(counts))!r}, or list the sites"
        )
    if not matched:
        kinds = ", ".join(dict.fromkeys(every.values())) or "no activation"
        raise ArgumentError(
            f"where must match a site, but {pattern!r} matches none of {len(found)} ({kinds}): "
            "print(rectifiers.sites(model, example)) lists them"
        )
    return matched
