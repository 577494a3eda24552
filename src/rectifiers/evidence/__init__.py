"""Statistics as pure functions on arrays: how a study decides. Imports no torch.

- `rectifiers.evidence.standing`: where an arm stands against its control, by its runs so far.
- `rectifiers.evidence.paired`: an arm against a control over the same seeds, fixed number of seeds.
- `rectifiers.evidence.anytime`: the same in a race, valid however often it is analysed.
- `rectifiers.evidence.unpaired`: an arm against a control whose runs do not pair up.
- `rectifiers.evidence.interaction`: does a factor change what an arm gains over its control?
- `rectifiers.evidence.time_to_target`: how many times sooner a target is reached, with runs that never do.
- `rectifiers.evidence.trend`: how a difference changes along a quantity, such as depth.
- `rectifiers.evidence.share`: an interval for the share of runs that do something.
- `rectifiers.evidence.divergence`: do runs of one arm fail more often, or too often?
- `rectifiers.evidence.new_data`: would other data sets of this size say the same?
- `rectifiers.evidence.tasks`: an arm over several tasks, by the interquartile mean and performance profiles.
- `rectifiers.evidence.margin`: the smallest difference worth caring about, by what the test set resolves.
- `rectifiers.evidence.skewness`: are differences too skewed for the intervals of a race?
- `rectifiers.evidence.correction`: the share of the error each of several comparisons may take.
- `rectifiers.evidence.judge`: all of it for a table of results from anywhere.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rectifiers.judging import judge as judge


def __getattr__(name: str) -> Any:
    if name == "judge":  # a study is made of the table, so it is above this room
        return importlib.import_module("rectifiers.judging").judge
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
