"""Charts as files: drawn offline, named after what they show."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from rectifiers.errors import StoreError
from rectifiers.records.values import Study
from rectifiers.report import colours, files
from rectifiers.report.charts import catalogue
from rectifiers.report.summary import summarize


def exported(study: Study, place: Path, **kinds: bool) -> list[Path]:
    return files.export(catalogue(summarize(study)), colours.styles(study.plan.arms), place, **kinds)


@pytest.fixture(scope="module")
def small(make_study: Callable[..., Study]) -> Study:
    return make_study(("relu", "elu", "leaky_relu(0.01)"), norms=("none",), seeds=3)


@pytest.fixture(scope="module")
def written(small: Study, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {path.name: path for path in exported(small, tmp_path_factory.mktemp("charts"))}


def test_both_kinds_of_every_chart(written: dict[str, Path]) -> None:
    stems = {
        "differences-none", "scores-none", "loss-none", "error-none", "functions", "derivatives",
    }  # fmt: skip
    assert set(written) == {f"{stem}.{kind}" for stem in stems for kind in ("svg", "png")}


def test_svgs_are_drawings_with_their_labels(written: dict[str, Path]) -> None:
    for name, path in written.items():
        if path.suffix == ".svg":
            text = path.read_text(encoding="utf-8")
            assert "NaN" not in text, name
            assert "var(--" not in text, name
            words = {node.text for node in ET.fromstring(text).iter("{http://www.w3.org/2000/svg}text")}
            assert {"relu", "elu", "leaky_relu(0.01)"} <= words, name


def test_pngs_are_pictures(written: dict[str, Path]) -> None:
    for path in written.values():
        if path.suffix == ".png":
            content = path.read_bytes()
            assert content.startswith(b"\x89PNG")
            assert int.from_bytes(content[16:20]) > 1000, path.name  # its width


def test_only_what_was_asked_for(small: Study, tmp_path: Path) -> None:
    assert exported(small, tmp_path, svg=False, png=False) == []
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_not_there(small: Study, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"differences-none\.svg"):
        exported(small, tmp_path / "nowhere", png=False)
