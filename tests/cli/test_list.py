"""`rectifiers list`: every activation with a line on when it is used."""

from __future__ import annotations

import pytest

from rectifiers.activations import aliases, registry
from rectifiers.cli import main


def test_it_names_everything_in_the_registry_and_when_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    rows = [line.split(maxsplit=1) for line in out.split("\n\n")[0].splitlines()]
    assert [name for name, _ in rows] == [*registry, *aliases]
    assert len({when for _, when in rows}) == len(rows)
    assert "Another name of silu." in out
    assert all(when.endswith(".") for _, when in rows)
    assert max(map(len, out.splitlines())) <= 105
    assert "torch:nn.Softshrink" in out
