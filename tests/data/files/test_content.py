"""Whatever a file unpacks to, no more of it is made than an official content has."""

import bz2
import gzip
import io
import os
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from overparam.data.files.archive import contents
from overparam.data.files.content import DamageError, Found
from overparam.data.files.official import Archive, Content


CONTENT = Content(name="table.txt")
LONG = bytes(50_000_000)


def as_gzip(folder: Path, raw: bytes) -> Found:
    path = folder / "table.txt.gz"
    path.write_bytes(gzip.compress(raw, 1))
    return Found(path)


def as_zip(folder: Path, raw: bytes) -> Found:
    with zipfile.ZipFile(folder / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner/table.txt", raw)
    return Found(folder / "all.zip", "inner/table.txt")


def as_file(folder: Path, raw: bytes) -> Found:
    (folder / "table.txt").write_bytes(raw)
    return Found(folder / "table.txt")


@pytest.fixture(autouse=True)
def most(monkeypatch):
    monkeypatch.setattr("overparam.data.files.content.MOST_BYTES", 1000)


@pytest.mark.parametrize("write", [as_gzip, as_zip, as_file])
def test_no_more_is_unpacked_than_a_content_has(tmp_path, write):
    assert write(tmp_path, bytes(1000)).read() == bytes(1000)
    found = write(tmp_path, LONG)
    tracemalloc.start()
    try:
        with pytest.raises(DamageError, match=r"too long: .* more than 1000 bytes"):
            found.read()
        assert tracemalloc.get_traced_memory()[1] < len(LONG) / 10
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_pipe_or_a_device_is_no_file(tmp_path, suffix):
    for name, make in {"pipe": os.mkfifo, "zero": zero}.items():
        make(tmp_path / f"{name}{suffix}")
        with pytest.raises(DamageError, match="no regular file"):
            Found(tmp_path / f"{name}{suffix}").read()


def zero(path: Path) -> None:
    path.symlink_to("/dev/zero")


def tarred(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, raw in members:
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return buffer.getvalue()


def archive_of(name: str) -> Archive:
    return Archive(addresses=(f"http://x.y/{name}",), contents=(CONTENT,))


def test_a_member_of_a_downloaded_archive_is_bounded_too(tmp_path):
    packed = tmp_path / "all.tar.gz"
    packed.write_bytes(tarred(("folder/table.txt", bytes(1000))))
    [(content, raw)] = contents(packed, archive_of(packed.name))
    assert (content, raw) == (CONTENT, bytes(1000))
    packed.write_bytes(tarred(("../../table.txt", LONG)))
    with pytest.raises(DamageError, match="more than 1000 bytes"):
        list(contents(packed, archive_of(packed.name)))


def locked(path: Path) -> None:
    """A member that asks for a password."""
    raw = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(signature) + offset] |= 1
    path.write_bytes(raw)


def of_unknown_method(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        raw[raw.index(signature) + offset] = 99
    path.write_bytes(raw)


def other(path: Path) -> None:
    path.write_bytes(bz2.compress(b"table"))


@pytest.mark.parametrize("damage", [locked, of_unknown_method, other])
def test_an_archive_that_cannot_be_read_is_refused_in_words(tmp_path, damage):
    found = as_zip(tmp_path, bytes(1000))
    damage(found.path)
    with pytest.raises(DamageError, match="cannot be decompressed"):
        found.read()
    with pytest.raises(DamageError, match="cannot be"):
        list(contents(found.path, archive_of("all.zip")))
