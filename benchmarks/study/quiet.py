"""How much of the processors others used while something was timed, and waiting until they use little.

The loop with torch's default threads takes many times as long when any other process wants a core: its
threads wait for each other. A figure is worth something only if the machine was left alone.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Watch", "wait"]

_TICK = 1 / os.sysconf("SC_CLK_TCK")
_EVERY = 0.5
_IDLE_FOR = 10.0


class Watch:
    """While the block runs, notes what this process's descendants use, and what all processes use.

    Attributes
    ----------
    others : float
        Afterwards, the share of all processors that others used; 0 where there is no /proc.
    """

    def __enter__(self) -> Self:
        self.others = 0.0
        self._ours: dict[int, float] = {os.getpid(): 0.0}
        self._before = _used(os.getpid())
        self._waited = _waited()
        self._done = threading.Event()
        self._begin, self._busy = time.monotonic(), _busy()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()
        elapsed = time.monotonic() - self._begin
        # what ended between two samples is in the second, what nobody waited for in the first
        ours = max(sum(self._ours.values()), _waited() - self._waited)
        cores = os.cpu_count() or 1
        self.others = max(0.0, (_busy() - self._busy - ours) / (elapsed * cores))

    def _sample(self) -> None:
        while True:
            self._note()
            if self._done.wait(_EVERY):
                return

    def _note(self) -> None:
        found = _processes()
        added = True
        while added:
            new = {pid for pid, (parent, _) in found.items() if parent in self._ours} - set(self._ours)
            self._ours |= dict.fromkeys(new, 0.0)
            added = bool(new)
        for pid in self._ours:
            if pid in found:
                self._ours[pid] = found[pid][1] - (self._before if pid == os.getpid() else 0.0)


def wait(seconds: float, share: float) -> bool:
    """Wait, at most so long, until all others use at most that share of the processors; return whether."""
    end = time.monotonic() + seconds
    while True:
        begin, busy = time.monotonic(), _busy()
        time.sleep(_IDLE_FOR)
        used = (_busy() - busy) / ((time.monotonic() - begin) * (os.cpu_count() or 1))
        if used <= share:
            return True
        if time.monotonic() >= end:
            return False


def _busy() -> float:
    """Return the seconds that all processors have worked since the machine started."""
    stat = Path("/proc/stat")
    if not stat.is_file():
        return 0.0
    user, nice, system, _, _, irq, soft, *_ = map(int, stat.read_text().split("\n", 1)[0].split()[1:])
    return (user + nice + system + irq + soft) * _TICK


def _waited() -> float:
    """Return the seconds of processor of all descendants that have ended and were waited for."""
    times = os.times()
    return times.children_user + times.children_system


def _processes() -> dict[int, tuple[int, float]]:
    """Return every process's parent and the seconds of processor it has used."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            fields = (place / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        found[int(place.name)] = (int(fields[1]), (int(fields[11]) + int(fields[12])) * _TICK)
    return found


def _used(pid: int) -> float:
    return _processes().get(pid, (0, 0.0))[1]
