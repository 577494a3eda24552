"""What holds for every test."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def backend_is_left_as_it_was() -> Iterator[None]:
    """The backend is set for the whole process: a test that leaves another one fails, and no other does."""
    yield
    if backends := sys.modules.get("rectifiers.backends"):
        left = backends.set_backend("auto")
        assert left == "auto", f"the test left the backend at {left!r}"
