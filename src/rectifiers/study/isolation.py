"""A trial's own random state and settings of torch, swapped in and out.

Between two epochs a trial gives the process back as it found it: what a progress display or another
part of the program draws or sets neither reaches the training nor is reached by it.
"""

from __future__ import annotations

import hashlib
import os
import random
from typing import Any, Self

import numpy as np
import torch

from rectifiers._warnings import shown_once

__all__ = ["Isolation", "prepare_device", "seed_torch"]


_FILL: Any = torch.utils.deterministic  # its switch is a property torch's stubs do not know


class Isolation:
    """Context manager, entered as often as wanted: inside, the trial's state; outside, the caller's.

    Parameters
    ----------
    seed : int
        What all generators start from: torch's (of the CPU and of `device`), Python's and NumPy's,
        because a user's module may draw from any of them.
    device : torch.device
    threads : int
        Of torch, inside.
    """

    def __init__(self, seed: int, device: torch.device, threads: int) -> None:
        self._device = device
        self._threads = threads
        self._settings: dict[str, Any] = {}
        outside = self._state()
        seed_torch(seed, device)
        random.seed(seed)
        np.random.seed(seed % 2**32)
        self._inside = self._state()
        self._restore(outside)
        self._outside = outside

    @property
    def hash(self) -> str:
        """SHA-256 of the state of torch's generators as they are at the next entry."""
        states = self._inside["torch"], self._inside["device"]
        return hashlib.sha256(b"".join(s.numpy().tobytes() for s in states if s is not None)).hexdigest()

    def __enter__(self) -> Self:
        self._outside = self._state()
        self._settings = {
            "threads": torch.get_num_threads(),
            "deterministic": torch.get_deterministic_debug_mode(),
            "fill": _FILL.fill_uninitialized_memory,
            "benchmark": torch.backends.cudnn.benchmark,
            "grad": torch.is_grad_enabled(),
        }
        self._warnings = shown_once()
        self._warnings.__enter__()
        try:
            # the mode rather than use_deterministic_algorithms, which imports all of Inductor (3 s);
            # filling fresh memory with NaN would only cost time: the study does not read it
            inside = {"threads": self._threads, "deterministic": 1, "fill": False, "benchmark": False}
            self._set({**inside, "grad": True})
            self._restore(self._inside)
        except BaseException:  # Ctrl-C in the midst: the caller gets its own settings back all the same
            self._leave()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._inside = self._state()
        self._leave()

    def _leave(self) -> None:
        self._warnings.__exit__(None, None, None)
        self._restore(self._outside)
        self._set(self._settings)

    @staticmethod
    def _set(settings: dict[str, Any]) -> None:
        if torch.get_num_threads() != settings["threads"]:
            torch.set_num_threads(settings["threads"])
        torch.set_deterministic_debug_mode(settings["deterministic"])
        _FILL.fill_uninitialized_memory = settings["fill"]
        if torch.backends.cudnn.benchmark != settings["benchmark"]:  # may be frozen, as torch's own tests do
            torch.backends.cudnn.benchmark = settings["benchmark"]
        torch.set_grad_enabled(settings["grad"])

    def _state(self) -> dict[str, Any]:
        on_device = self._device.type == "cuda"
        return {
            "torch": torch.get_rng_state(),
            "device": torch.cuda.get_rng_state(self._device) if on_device else None,
            "python": random.getstate(),
            "numpy": np.random.get_state(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        torch.set_rng_state(state["torch"])
        if state["device"] is not None:
            torch.cuda.set_rng_state(state["device"], self._device)
        random.setstate(state["python"])
        np.random.set_state(state["numpy"])


def seed_torch(seed: int, device: torch.device) -> None:
    """Seed torch's generators of the CPU and of `device`, and of no other device."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)


def prepare_device(device: torch.device) -> None:
    """Ask cuBLAS for reproducible results; it reads the variable when it is first used."""
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
