"""How large the processor's last cache is: what fits need not go past it."""

from __future__ import annotations

import functools
from pathlib import Path

__all__ = ["last_cache"]

_SYSTEM = Path("/sys/devices/system/cpu/cpu0/cache")
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_USUAL = 16 << 20


@functools.cache
def last_cache(system: Path = _SYSTEM) -> int:
    """Return the bytes of the largest cache that the first core has or shares; 16 MiB if it is not known.

    Parameters
    ----------
    system : Path
        Where Linux describes the first core's caches.
    """
    sizes = [0]
    for path in system.glob("index*/size"):
        try:
            text = path.read_text().strip()
            sizes.append(int(text[:-1]) * _UNITS[text[-1]])
        except (OSError, ValueError, KeyError, IndexError):
            continue
    return max(sizes) or _USUAL
