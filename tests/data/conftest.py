"""Small data sets in the official layouts, an empty home, and a web server."""

import gzip
import hashlib
import io
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from overparam.data.files.official import (
    CIFAR_10,
    CIFAR_100,
    ECG5000,
    MNIST,
    OFFICIAL,
    Archive,
    Content,
    Official,
)


@dataclass(frozen=True)
class Small:
    """A data set like `official` in everything but its size, and its files' bytes."""

    official: Official
    files: dict[str, bytes]
    x: np.ndarray
    y: np.ndarray

    def write(self, folder: Path, *, packed: bool = False) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name, raw in self.files.items():
            path = folder / (f"{name}.gz" if packed else name)
            path.write_bytes(gzip.compress(raw) if packed else raw)
        return folder

    def with_file(self, name: str, raw: bytes) -> "Small":
        return replace(self, files=self.files | {name: raw})

    def reissued(self, **changes) -> "Small":
        """The same data set with these files as the official ones."""
        official = official_for(self.official, self.files, **changes)
        return replace(self, official=official)

    def unchecked(self) -> "Small":
        """The same without sizes and checksums, so that only the layout is checked."""
        archives = tuple(
            replace(
                archive,
                contents=tuple(Content(name=file.name) for file in archive.contents),
            )
            for archive in self.official.archives
        )
        return replace(self, official=replace(self.official, archives=archives))


def digest(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def official_for(like: Official, files: dict[str, bytes], **sizes) -> Official:
    """`like` with the checksums and lengths of `files`."""

    def archive(old: Archive) -> Archive:
        contents = tuple(
            Content(
                name=c.name, n_bytes=len(files[c.name]), digest=digest(files[c.name])
            )
            for c in old.contents
        )
        return replace(old, contents=contents, digest=None)

    return replace(like, archives=tuple(map(archive, like.archives)), **sizes)


def idx_bytes(array: np.ndarray) -> bytes:
    header = struct.pack(f">{1 + array.ndim}I", 2048 + array.ndim, *array.shape)
    return header + array.tobytes()


@pytest.fixture
def small_mnist() -> Small:
    rng = np.random.default_rng(1)
    x = rng.integers(0, 256, (30, 5, 4), np.uint8)
    y = rng.integers(0, 10, 30, np.uint8)
    arrays = x[:20], y[:20], x[20:], y[20:]
    names = (content.name for content in MNIST.contents)
    files = {name: idx_bytes(part) for name, part in zip(names, arrays, strict=True)}
    official = official_for(MNIST, files, n_train=20, n_test=10, shape=(5, 4, 1))
    return Small(official, files, x[..., None], y.astype(np.int32))


def small_cifar(like: Official, n_labels: int) -> Small:
    """Images written pixel by pixel: red plane, green plane, blue plane, row by row."""
    rng = np.random.default_rng(2)
    n_files = len(like.contents)
    x = rng.integers(0, 256, (4 * n_files, 3, 2, 3), np.uint8)
    labels = rng.integers(0, 10 if n_labels == 1 else 20, (len(x), n_labels), np.uint8)
    records = [
        bytes(label.tolist())
        + bytes(
            int(image[i, j, channel])
            for channel in range(3)
            for i in range(3)
            for j in range(2)
        )
        for image, label in zip(x, labels, strict=True)
    ]
    files = {
        content.name: b"".join(records[4 * i : 4 * i + 4])
        for i, content in enumerate(like.contents)
    }
    sizes = {"n_train": 4 * n_files - 4, "n_test": 4, "shape": (3, 2, 3)}
    official = official_for(like, files, **sizes)
    return Small(official, files, x, labels[:, -1].astype(np.int32))


@pytest.fixture
def small_cifar_10() -> Small:
    return small_cifar(CIFAR_10, 1)


@pytest.fixture
def small_cifar_100() -> Small:
    return small_cifar(CIFAR_100, 2)


@pytest.fixture
def small_ecg() -> Small:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((16, 6)).round(5)
    y = np.arange(16) % 5
    files = {}
    for name, rows in {"TRAIN": slice(6), "TEST": slice(6, 16)}.items():
        text = io.StringIO()
        np.savetxt(text, np.column_stack([y[rows] + 1.0, x[rows]]), fmt="%16.7e")
        files[f"ECG5000_{name}.txt"] = text.getvalue().encode()
    official = official_for(ECG5000, files, n_train=6, n_test=10, shape=(6,))
    return Small(official, files, x.astype(np.float32), y.astype(np.int32))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache and no folder of the user's; gives the cache's data folder."""
    monkeypatch.delenv("OVERPARAM_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache" / "overparam" / "data"


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Callable[[Official], None]:
    """Make a small data set the official one of its name."""
    return lambda official: monkeypatch.setitem(OFFICIAL, official.name, official)


@dataclass
class Server:
    """A web server on this machine.

    Attributes:
        pages: What to answer by file name; another name gets status 404.
        cut: Names of which only the first half is sent before the connection closes.
        stalled: Names of which the first half is sent, and then nothing.
        asked: The names asked for.
    """

    address: str
    pages: dict[str, bytes]
    cut: set[str]
    stalled: set[str]
    asked: list[str]
    half_sent: threading.Event
    closing: threading.Event


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server("", {}, set(), set(), [], threading.Event(), threading.Event())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path[1:]
            served.asked.append(name)
            page = served.pages.get(name)
            if page is None:
                return self.send_error(404)
            self.send_response(200)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            half = name in served.cut | served.stalled
            self.wfile.write(page[: len(page) // 2] if half else page)
            if name in served.stalled:
                self.wfile.flush()
                served.half_sent.set()
                served.closing.wait(60)

        def log_message(self, *_) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    served.address = f"http://127.0.0.1:{httpd.server_port}/"
    thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
    thread.start()
    yield served
    served.closing.set()
    httpd.shutdown()
    thread.join()
    httpd.server_close()
