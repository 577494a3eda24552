"""Files that commands write: whole, or as they were before."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rectifiers.cli import main
from rectifiers.errors import StoreError
from rectifiers.records.saving import save

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits, links and modes of POSIX")


@contextmanager
def limited(size: int) -> Iterator[None]:
    """Let no file become longer than this, as where a disk is full."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_that_does_not_fit_leaves_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    save("before", file)
    with limited(100), pytest.raises(StoreError, match=r"report\.html: File too large; choose another place"):
        save("x" * 1000, file)
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("name", ["relu.html", "relu.svg", "relu.png"])
def test_what_a_command_writes_is_whole_or_as_before(name, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["show", "relu", "--out", name]) == 0
    before = Path(name).read_bytes()
    with limited(1000):
        assert main(["show", "relu", "--out", name]) == 2
    assert Path(name).read_bytes() == before
    assert capsys.readouterr().err == (
        f"rectifiers: error: a file that can be written is needed, but {name}: File too large; "
        "choose another place\n"
    )


def test_links_modes_and_pipes_stay_what_they_are(tmp_path: Path) -> None:
    file, link, pipe = (tmp_path / name for name in ("file", "link", "pipe"))
    save("before", file)
    file.chmod(0o600)
    link.symlink_to(file)
    assert save("after", link) == link
    assert link.is_symlink()
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("after", 0o600)
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    save(b"through", pipe)
    assert os.read(reader, 100) == b"through"
    os.close(reader)
