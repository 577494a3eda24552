"""Does a study mean anything? One check is one file here, and one line below.

A check runs before training, on a `Probe` of what is to be trained, or at the end, on the records alone (so
that results from a table are checked without torch). What it finds is *refused* (an error, nothing is
trained), *withheld* (no verdict for any arm) or *warned* of. `--allow CODE` overrules it, and the report
says so.
"""

from __future__ import annotations

from rectifiers.validity._check import CHECKS, Check, Finding, Probe, Seen, allowed, at_end, before, withheld

__all__ = ["CHECKS", "Check", "Finding", "Probe", "Seen", "allowed", "at_end", "before", "withheld"]

# One line a check, in the order of the documentation.

# isort: off
# Before training, on what each arm is seen to do.
from rectifiers.validity import shared_layers as shared_layers
from rectifiers.validity import activation_ignored as activation_ignored
from rectifiers.validity import arms_agree as arms_agree
from rectifiers.validity import fixed_activations as fixed_activations
from rectifiers.validity import prelu_axis as prelu_axis
from rectifiers.validity import train_test_overlap as train_test_overlap
from rectifiers.validity import unequal_classes as unequal_classes

# At the end, on the records alone.
from rectifiers.validity import no_arm_learned as no_arm_learned
from rectifiers.validity import tuned_on_test as tuned_on_test
from rectifiers.validity import seeds_change_nothing as seeds_change_nothing
from rectifiers.validity import equal_arms as equal_arms
from rectifiers.validity import constant as constant
from rectifiers.validity import doubled_runs as doubled_runs
from rectifiers.validity import ceiling as ceiling
from rectifiers.validity import one_run as one_run
from rectifiers.validity import runs_failed as runs_failed
# isort: on
