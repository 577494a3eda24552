"""Warnings of the user's code, which may come at every step of every trial: shown once for every line."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TextIO

__all__ = ["Once", "shown_once"]


class Once:
    """Shows the first warning of every line of code; Python's own filter tells texts apart as well."""

    def __init__(self, show: Callable[..., Any]) -> None:
        self._show = show
        self._seen: set[tuple[type[Warning], str, int]] = set()

    def __call__(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if (place := (category, filename, lineno)) not in self._seen:
            self._seen.add(place)
            self._show(message, category, filename, lineno, file, line)


@contextlib.contextmanager
def shown_once() -> Iterator[None]:
    """Show them so while the block runs; at its ends Python forgets the texts it has seen."""
    with warnings.catch_warnings():
        if not isinstance(warnings.showwarning, Once):
            warnings.showwarning = Once(warnings.showwarning)
        yield
