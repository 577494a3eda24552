"""Carry out a study in this process with the loop, alone or under Optuna or Ray Tune.

    python -m benchmarks.study.worker REQUEST ANSWER

REQUEST is JSON: the method, the job, where the data are, and the trials to carry out, or null for the whole
study: every rate on every tuning seed, then the tests at the best rates.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.study import jobs
from benchmarks.study.jobs import Job, Trial

Outcome = tuple[float, float, float]
CarryOut = Callable[[Sequence[Trial]], list[Outcome]]


def main(request: Path, answer: Path) -> None:
    """Read a request, carry it out, write the answer."""
    asked = json.loads(request.read_text(encoding="utf-8"))
    job = jobs.from_json(asked["job"])
    chosen: list[float] = []
    with METHODS[asked["method"]](job, Path(asked["data"])) as carry_out:
        if asked["trials"] is None:
            outcomes = carry_out(jobs.tuning(job))
            chosen = _best(job, [outcome[0] for outcome in outcomes])
            outcomes += carry_out(jobs.tests(job, chosen))
        else:
            outcomes = carry_out([tuple(trial) for trial in asked["trials"]])
    answer.write_text(json.dumps({"rates": chosen, "outcomes": outcomes}), encoding="utf-8")


def _best(job: Job, accuracies: Sequence[float]) -> list[float]:
    """Return the rate of each arm whose mean over the tuning seeds is highest."""
    found = []
    for arm in range(len(job.arms)):
        mean = {}
        for place, rate in enumerate(job.rates):
            start = (arm * len(job.rates) + place) * job.tuning_seeds
            mean[rate] = statistics.fmean(accuracies[start : start + job.tuning_seeds])
        found.append(max(mean, key=mean.__getitem__))
    return found


class _Method:
    """A context manager that gives what carries out trials."""

    def __init__(self, job: Job, data: Path) -> None:
        from benchmarks.study import loop

        self.job, self.loop, self.data = job, loop, loop.load(data)

    def __enter__(self) -> CarryOut:
        return self.carry_out

    def __exit__(self, *exception: object) -> None:
        pass

    def carry_out(self, trials: Sequence[Trial]) -> list[Outcome]:
        """One after the other."""
        return [self.loop.timed(self.data, self.job, trial) for trial in trials]


class _Optuna(_Method):
    """Optuna's threads, each trial a point of the grid."""

    def __enter__(self) -> CarryOut:
        import optuna
        import torch

        # two trials at once on two cores: threads of their own would only get in each other's way
        torch.set_num_threads(1)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna = optuna
        return self.carry_out

    def carry_out(self, trials: Sequence[Trial]) -> list[Outcome]:
        optuna, places = self._optuna, list(range(len(trials)))
        if not places:
            return []
        found: dict[int, Outcome] = {}

        def objective(trial: Any) -> float:
            place = trial.suggest_categorical("trial", places)
            found[place] = self.loop.timed(self.data, self.job, trials[place])
            return found[place][0]

        study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.GridSampler({"trial": places}, seed=0)
        )
        study.optimize(objective, n_jobs=2)  # the sampler ends it once the grid is used up
        # two threads may draw the same point when few are left: Optuna's documentation warns of it
        for place in set(places) - set(found):
            found[place] = self.loop.timed(self.data, self.job, trials[place])
        return [found[place] for place in places]


class _Ray(_Method):
    """Ray Tune on two CPUs, one per trial."""

    def __enter__(self) -> CarryOut:
        import ray

        # Ray closes /dev/null late
        warnings.simplefilter("ignore", ResourceWarning)
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        self._directory = tempfile.TemporaryDirectory()
        return self.carry_out

    def __exit__(self, *exception: object) -> None:
        import ray

        ray.shutdown()
        self._directory.cleanup()

    def carry_out(self, trials: Sequence[Trial]) -> list[Outcome]:
        from ray import tune

        if not trials:
            return []
        job, timed = self.job, self.loop.timed

        def trainable(config: dict[str, Any], data: Any) -> None:
            accuracy, begin, end = timed(data, job, trials[config["trial"]])
            tune.report({"accuracy": accuracy, "begin": begin, "end": end})

        tuner = tune.Tuner(
            tune.with_resources(tune.with_parameters(trainable, data=self.data), {"cpu": 1}),
            param_space={"trial": tune.grid_search(list(range(len(trials))))},
            # by default every trial gets a fresh process, which imports torch again
            tune_config=tune.TuneConfig(reuse_actors=True),
            run_config=tune.RunConfig(storage_path=self._directory.name, verbose=0),
        )
        found = {result.config["trial"]: result.metrics for result in tuner.fit()}
        return [
            (found[place]["accuracy"], found[place]["begin"], found[place]["end"])
            for place in range(len(trials))
        ]


METHODS: dict[str, type[_Method]] = {"loop": _Method, "optuna": _Optuna, "ray": _Ray}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
