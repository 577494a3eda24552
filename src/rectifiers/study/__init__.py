"""From a plan to its records: ``plan -> trials -> runs``.

::

    prepared = make_plan("digits", arms="relu,elu,tanh")
    with Store.create("out/study.db") as store:
        study = run(prepared, store)

`make_plan` validates everything and takes one step with every arm; `run` carries out what is not in
the store yet, one trial after the other, and may be interrupted anywhere.
"""

from __future__ import annotations

from rectifiers.study.conduct import run
from rectifiers.study.plan import make_plan
from rectifiers.study.prepared import Prepared
from rectifiers.study.runners import InProcess, Runner

__all__ = ["InProcess", "Prepared", "Runner", "make_plan", "run"]
