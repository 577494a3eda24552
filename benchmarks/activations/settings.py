"""What is measured: groups of sizes, how often, and with what."""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

__all__ = ["SWEPT", "Group", "Kind", "Settings", "can_compile", "groups"]

Kind: TypeAlias = Literal["time", "small", "sweep", "directions", "kept", "peak"]

_SIZES = (1, 64, 4096, 1 << 15, 1 << 17, 1 << 19)
"""At which no activation may take much longer than torch's own."""

SWEPT = ("relu", "leaky_relu", "prelu", "rrelu", "elu", "crelu", "maxout")
"""What the sweep over sizes draws."""


@dataclass(frozen=True)
class Group:
    """Measurements that share a process.

    Attributes
    ----------
    name, title : str
        For the command line and for a heading.
    kind : str
    shapes : tuple of tuple of int
        Of the input: one, or several in ascending order.
    rounds : int
        How often every contestant is timed, in turn.
    seconds : float
        Least time of one of these timings.
    channels_last : bool
    keep_from : int
        Elements from which freed memory is kept by the process, for every contestant; 0 for never.
    dtype : str
    compiled : bool
        Whether torch.compile takes part, if it does at all.
    """

    name: str
    title: str
    kind: Kind
    shapes: tuple[tuple[int, ...], ...]
    rounds: int = 1
    seconds: float = 0.0
    channels_last: bool = False
    keep_from: int = 0
    dtype: str = "float32"
    compiled: bool = True


@dataclass(frozen=True)
class Settings:
    """What the command line chose."""

    device: str = "cpu"
    quick: bool = False
    threads: int = 1
    backend: str = "auto"
    compiled: bool = False


def can_compile(device: str) -> bool:
    """Return whether `torch.compile` can be expected to work."""
    if device != "cpu":
        return importlib.util.find_spec("triton") is not None
    names = (os.environ.get("CXX"), "c++", "g++", "clang++")
    return any(name and shutil.which(name) for name in names)


def groups(device: str, quick: bool) -> tuple[Group, ...]:
    """Return all groups for a device; `quick` ones have the same names and tiny sizes."""
    found = _quick() if quick else _full()
    if device == "cpu":
        return found
    # torch keeps a GPU's freed memory in any case.
    found = tuple(replace(group, keep_from=0) for group in found if not group.name.endswith("-kept"))
    rows, rounds = (8, 2) if quick else (1 << 19, 5)
    title = f"forward and backward alone, ({rows}, 256)"
    # Below some 2^25 elements the time is that of Python, and of launching.
    found = (
        Group("directions", title, "directions", ((rows, 256),), rounds, 0.02),
        Group("huge", "2²⁷ elements, (524288, 256)", "time", ((rows, 256),), rounds, 0.02),
        *found,
    )
    return tuple(
        replace(
            group,
            name=f"{group.name}{end}",
            title=f"{group.title}, {dtype}",
            dtype=dtype,
            rounds=min(group.rounds, 5),
            seconds=min(group.seconds, 0.02),
            compiled=dtype == "float32" and group.name == "flat",
        )
        for dtype, end in (("float32", ""), ("bfloat16", "-bfloat16"))
        for group in found
        if dtype == "float32" or (group.kind in ("time", "directions") and group.name != "channels-last")
    )


def _row(elements: int) -> tuple[int, int]:
    return (max(1, elements // 256), min(256, elements))


def _full() -> tuple[Group, ...]:
    nchw = (64, 128, 16, 16)
    return (
        Group("flat", "2²¹ elements, (8192, 256)", "time", ((8192, 256),), 7, 0.03),
        Group("nchw", "2²¹ elements, (64, 128, 16, 16)", "time", (nchw,), 7, 0.03),
        Group("channels-last", "the same, channels last", "time", (nchw,), 7, 0.03, channels_last=True),
        Group("flat-kept", "(8192, 256), freed memory kept", "time", ((8192, 256),), 7, 0.03, keep_from=1),
        Group("nchw-kept", "(64, 128, 16, 16), freed memory kept", "time", (nchw,), 7, 0.03, keep_from=1),
        Group("large", "2²⁴ elements, (65536, 256)", "time", ((65536, 256),), 5, 0.08, keep_from=1),
        Group("small", "other sizes", "small", tuple(map(_row, _SIZES)), 15, 0.01),
        Group("sweep", "sizes", "sweep", tuple(_row(4**k) for k in range(13)), 3, 0.01, keep_from=2**23),
        Group("kept", "kept for backward", "kept", ((8192, 256),)),
        Group("peak", "a ResNet-18 step", "peak", ((64, 64, 32),)),  # batch, width, side of the image
    )


def _quick() -> tuple[Group, ...]:
    nchw, seconds = (2, 8, 4, 4), 0.00001
    return (
        Group("flat", "quick: (8, 256)", "time", ((8, 256),), 2, seconds),
        Group("nchw", "quick: (2, 8, 4, 4)", "time", (nchw,), 2, seconds),
        Group("channels-last", "the same, channels last", "time", (nchw,), 2, seconds, channels_last=True),
        Group("flat-kept", "quick: (8, 256), kept", "time", ((8, 256),), 2, seconds, keep_from=1),
        Group("nchw-kept", "quick: (2, 8, 4, 4), kept", "time", (nchw,), 2, seconds, keep_from=1),
        Group("large", "quick: (16, 256)", "time", ((16, 256),), 2, seconds, keep_from=1),
        Group("small", "other sizes", "small", tuple(map(_row, (1, 64, 4096))), 2, seconds),
        Group("sweep", "sizes", "sweep", tuple(_row(4**k) for k in range(6)), 2, seconds, keep_from=4**5),
        Group("kept", "kept for backward", "kept", ((64, 256),)),
        Group("peak", "a small ResNet step", "peak", ((2, 4, 8),)),
    )
