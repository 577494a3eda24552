"""How large the last cache is, as Linux tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rectifiers.backends.cpu.caches import last_cache


@pytest.mark.parametrize(
    "sizes, expected",
    [
        (["48K", "32K", "1024K", "32768K"], 32 << 20),
        (["2M", "1G"], 1 << 30),
        (["", "many", "3Q"], 16 << 20),
        ([], 16 << 20),
    ],
)
def test_the_largest_counts(tmp_path: Path, sizes: list[str], expected: int) -> None:
    for index, size in enumerate(sizes):
        (tmp_path / f"index{index}").mkdir()
        (tmp_path / f"index{index}" / "size").write_text(f"{size}\n")
    assert last_cache(tmp_path) == expected


def test_this_machine_has_one() -> None:
    assert last_cache() >= 1 << 18
