"""Does a study mean anything? One check is one file here, and one line below.

A check runs before training, on a `Probe` of what is to be trained, or at the end, on the records alone (so
that results from a table are checked without torch). What it finds is *refused* (an error, nothing is trained),
*withheld* (no verdict for any arm) or *warned* of. `--allow CODE` overrules it, and the report says so.
"""

from __future__ import annotations

from rectifiers.validity._check import CHECKS, Check, Finding, Probe, Seen, allowed, at_end, before

__all__ = ["CHECKS", "Check", "Finding", "Probe", "Seen", "allowed", "at_end", "before"]

# One line a check, in the order of the documentation.
