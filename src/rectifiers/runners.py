"""Who carries out trials, where that is not the processes of this machine: ``Execution(runner=Ray(...))``."""

from __future__ import annotations

from rectifiers.study.runners.ray import Ray

__all__ = ["Ray"]
