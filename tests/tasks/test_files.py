"""Finding and downloading: nothing but the official content is used, and a failure leaves nothing behind."""

from __future__ import annotations

import gzip
import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pooch
import pytest

from rectifiers.errors import DataError, DownloadError
from rectifiers.tasks import _files
from rectifiers.tasks._files import RemoteFile, locate, read

CONTENT = b"the official content" * 100
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(HTTPServer):
    """Answers each path as told and counts the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.base = f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.asked.append(self.path)
        kind = self.path.split("/")[1]
        if kind == "missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        body = {"good": CONTENT, "altered": CONTENT[::-1], "cut": CONTENT[:50]}[kind]
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running = Server()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("RECTIFIERS_DATA", raising=False)
    monkeypatch.setattr(_files, "_cache", lambda task: tmp_path / "cache" / task)
    return tmp_path / "cache" / "toy"


def find(directory: Path) -> Path | None:
    path = directory / "toy.bin"
    return path if path.is_file() else None


def toy(*bases: str, data_dir: Path | None = None) -> tuple[Path, tuple[str, ...]]:
    remote = [RemoteFile("toy.bin", DIGEST, bases)]
    return locate("toy", data_dir, ("toy", "Toy"), find, remote, "toy.bin")


def left_in(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def test_downloaded_once_into_the_cache(server: Server, cache: Path) -> None:
    for _ in range(2):
        path, notes = toy(f"{server.base}good/")
        assert path == cache / "toy.bin"
        assert path.read_bytes() == CONTENT
        assert notes == ()
    assert server.asked == ["/good/toy.bin"]


def test_a_damaged_file_in_the_cache_is_fetched_again(server: Server, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "toy.bin").write_bytes(CONTENT[:7])
    assert toy(f"{server.base}good/")[0].read_bytes() == CONTENT


def test_the_next_address_is_tried(server: Server, cache: Path) -> None:
    assert toy(f"{server.base}missing/", f"{server.base}good/")[0].read_bytes() == CONTENT


@pytest.mark.parametrize(
    "kind, said", [("missing", "404"), ("altered", "another SHA-256"), ("cut", "failed: .*")]
)
def test_a_failed_download_says_what_came_and_leaves_nothing(
    server: Server, cache: Path, kind: str, said: str
) -> None:
    with pytest.raises(DownloadError, match=said) as caught:
        toy(f"{server.base}{kind}/")
    message = str(caught.value)
    assert "\n" not in message
    assert server.base in message
    assert "--data-dir or RECTIFIERS_DATA" in message
    assert left_in(cache) == []
    assert isinstance(caught.value, ConnectionError)


def test_no_network(cache: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        base = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(DownloadError, match="refused the connection") as caught:
            toy(base)
    assert "try again with a network" in str(caught.value)


def test_an_unknown_host_is_told_as_such(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unresolved(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(DownloadError, match="cannot be resolved"):
        toy("https://data.invalid/")


def test_an_interrupted_download_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: object, url: str, output: str, *rest: object) -> None:
        Path(output).write_bytes(CONTENT[:50])
        raise KeyboardInterrupt

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        toy("http://127.0.0.1/")
    assert left_in(cache) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_that_cannot_be_written(cache: Path) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o500)
    with pytest.raises(DataError, match="cannot be written"):
        toy("http://127.0.0.1/")


def test_a_cache_whose_place_is_taken_by_a_file(cache: Path) -> None:
    cache.parent.mkdir()
    cache.write_text("in the way")
    with pytest.raises(DataError, match="cannot be written"):
        toy("http://127.0.0.1/")


@pytest.mark.parametrize("place", ["", "raw", "toy", "toy/raw", "Toy", "Toy/raw"])
@pytest.mark.parametrize("by", ["data_dir", "environment"])
def test_found_without_network(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, by: str
) -> None:
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / "toy.bin").write_bytes(CONTENT)
    if by == "environment":
        monkeypatch.setenv("RECTIFIERS_DATA", str(tmp_path))
    path, notes = toy("http://unused/", data_dir=tmp_path if by == "data_dir" else None)
    assert path == tmp_path / place / "toy.bin"
    assert notes == ()


def test_the_tasks_own_directory_comes_before_the_root(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    for directory in (tmp_path, tmp_path / "toy"):
        (directory / "toy.bin").write_bytes(CONTENT)
    assert toy(data_dir=tmp_path)[0] == tmp_path / "toy" / "toy.bin"


def test_an_explicit_directory_without_the_files_is_an_error(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"lacks toy.bin \(looked in itself, toy, Toy") as caught:
        toy("http://unused/", data_dir=tmp_path)
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(DataError, match="no directory"):
        toy("http://unused/", data_dir=tmp_path / "nowhere")


def test_an_environment_without_the_files_falls_back_and_says_why(
    server: Server, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECTIFIERS_DATA", str(tmp_path / "elsewhere"))
    path, (note,) = toy(f"{server.base}good/")
    assert path == cache / "toy.bin"
    assert note == f"RECTIFIERS_DATA {tmp_path / 'elsewhere'} is no directory"
    (cache / "toy.bin").unlink()
    with pytest.raises(DownloadError, match="is no directory"):
        toy(f"{server.base}missing/")


@pytest.mark.parametrize(
    "name, content, said",
    [
        ("a.bin", b"", "is empty"),
        ("a.gz", b"", "is empty"),
        ("a.gz", gzip.compress(CONTENT, mtime=0)[:-20], "is truncated"),
        ("a.gz", b"no gzip at all", "no gzip file"),
        ("a.gz", gzip.compress(CONTENT, mtime=0)[:-8] + b"12345678", "damaged"),
    ],
)
def test_reading_a_broken_file(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        read(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_reading(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(CONTENT)
    (tmp_path / "a.gz").write_bytes(gzip.compress(CONTENT))
    assert read(tmp_path / "a.bin") == read(tmp_path / "a.gz") == CONTENT
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / "none")
