"""From a plan to its records: ``plan -> trials -> runs``.

::

    prepared = make_plan("digits", arms="relu,elu,tanh")
    with Store.create("out/study.db") as store:
        study = run(prepared, store)

`make_plan` validates everything and takes a few steps with every arm; `plan_training` does the same for a
training function or a command. `run` carries out what is not in the store yet, in this process or on several,
and may be interrupted anywhere.
"""

from __future__ import annotations

from rectifiers.study.conduct import run
from rectifiers.study.execution import Execution, Settled
from rectifiers.study.plan import make_plan
from rectifiers.study.prepared import Prepared
from rectifiers.study.runners import InProcess, Processes, Ray, Runner, Threads
from rectifiers.study.trainings import Command, Trial, plan_training
from rectifiers.study.work import Work

__all__ = [
    "Command",
    "Execution",
    "InProcess",
    "Prepared",
    "Processes",
    "Ray",
    "Runner",
    "Settled",
    "Threads",
    "Trial",
    "Work",
    "make_plan",
    "plan_training",
    "run",
]
