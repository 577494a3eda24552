"""Running studies in the trackers people use: handlers for ``compare(callbacks=[...])``.

A callback is any callable; it is called with each event of `rectifiers.records.events`, in order, and what it
raises ends the study. The ones here load the tracker's library when they are made.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rectifiers.arms import user_code
from rectifiers.errors import MissingDependencyError
from rectifiers.records.events import Event, StudyFinished, StudyStarted, TrialFinished
from rectifiers.records.values import Plan, Run

__all__ = ["MLflow", "TensorBoard"]


def _named(run: Run) -> str:
    trial = run.trial
    norm = "" if trial.norm == "none" else f" {trial.norm}"
    return f"{trial.phase}/{trial.arm}{norm}/lr {trial.learning_rate:g}/seed {trial.seed}"


class TensorBoard:
    """Writes every finished trial as a run of TensorBoard: its learning curve, and its metric.

    Parameters
    ----------
    directory : path
        As in ``tensorboard --logdir``.

    Raises
    ------
    MissingDependencyError
        TensorBoard is not installed.
    """

    def __init__(self, directory: str | Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise MissingDependencyError("TensorBoard is not installed: pip install tensorboard") from None
        self._directory, self._writer = Path(directory), SummaryWriter
        self._metric = "metric"

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        if isinstance(event, StudyStarted):
            self._metric = event.plan.metric
        if not isinstance(event, TrialFinished):
            return
        run = event.run
        writer: Any = self._writer(str(self._directory / _named(run)))
        for epoch, loss in enumerate(run.train_loss, 1):
            writer.add_scalar("train loss", loss, epoch)
        values = (
            dict(run.measures) if run.metric is None else {self._metric: run.metric, **dict(run.measures)}
        )
        for name, value in values.items():
            writer.add_scalar(name, value, run.epochs)
        writer.close()


class MLflow:
    """Logs every finished trial as a run of MLflow, in one request each; the study is their experiment.

    Parameters
    ----------
    uri : str
        Tracking URI: ``"sqlite:///mlflow.db"``, ``"http://localhost:5000"``; ``"file:mlruns"`` where MLflow
        still allows it (``MLFLOW_ALLOW_FILE_STORE=true``).

    Raises
    ------
    MissingDependencyError
        MLflow is not installed.
    UserCodeError
        It does not take the URI, or what is logged.
    """

    def __init__(self, uri: str) -> None:
        try:
            from mlflow.tracking import MlflowClient  # type: ignore[import-not-found,unused-ignore]
        except ImportError:
            raise MissingDependencyError("MLflow is not installed: pip install mlflow") from None
        self._what = f"MLflow at {uri}"
        with user_code(self._what):
            self._client: Any = MlflowClient(tracking_uri=uri)
        self._experiment = ""
        self._metric = "metric"

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        with user_code(self._what):
            if isinstance(event, StudyStarted):
                self._begin(event.plan)
            elif isinstance(event, TrialFinished):
                self._log(event.run)
            elif isinstance(event, StudyFinished) and event.study.margin is not None:
                self._client.set_experiment_tag(self._experiment, "margin", f"{event.study.margin.value:g}")

    def _begin(self, plan: Plan) -> None:
        name, self._metric = f"{plan.task} {plan.hash[:8]}", plan.metric.replace(" ", "_")
        found = self._client.get_experiment_by_name(name)
        self._experiment = self._client.create_experiment(name) if found is None else found.experiment_id

    def _log(self, run: Run) -> None:
        from mlflow.entities import Metric, Param  # type: ignore[import-not-found,unused-ignore]

        trial, now = run.trial, int(1000 * time.time())
        made = self._client.create_run(self._experiment, run_name=_named(run))
        values = {f.replace(" ", "_"): v for f, v in run.measures}
        if run.metric is not None:
            values[self._metric] = run.metric
        metrics = [Metric("train_loss", loss, now, epoch) for epoch, loss in enumerate(run.train_loss, 1)]
        metrics += [Metric(name, value, now, run.epochs) for name, value in values.items()]
        given = ("phase", "arm", "norm", "learning_rate", "seed")
        params = [Param(name, str(getattr(trial, name))) for name in given]
        self._client.log_batch(
            made.info.run_id, metrics=metrics, params=[*params, Param("outcome", run.outcome)]
        )
        self._client.set_terminated(made.info.run_id, "FINISHED" if run.outcome == "finished" else "FAILED")
