"""Trainings of the user's own as trials: a function called with a trial, or a command."""

from __future__ import annotations

from rectifiers.study.trainings.command import Command
from rectifiers.study.trainings.planning import plan_training
from rectifiers.study.trainings.trial import ActivationFactory, Trial

__all__ = ["ActivationFactory", "Command", "Trial", "plan_training"]
