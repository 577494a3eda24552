"""Put another activation in the place of those that any model calls, one by one, and prove that it runs
there.
"""

from __future__ import annotations

from rectifiers.swapping._swap import Swapped, SwapReport, swap_, unswap_

__all__ = ["SwapReport", "Swapped", "swap_", "unswap_"]
