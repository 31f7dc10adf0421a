import errno
import gzip
import hashlib
import io
import os
import pickle
import signal
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from overparam.data import load_data
from overparam.data.files import download
from overparam.data.files.official import Official
from overparam.errors import DataError


def packed(small) -> dict[str, bytes]:
    """The published archives: gzip of each file, a tar.gz, or a zip."""
    names = {archive.name for archive in small.official.archives}
    if len(names) > 1:
        return {f"{name}.gz": gzip.compress(raw) for name, raw in small.files.items()}
    buffer = io.BytesIO()
    (name,) = names
    if name.endswith(".zip"):
        with zipfile.ZipFile(buffer, "w") as archive:
            for file, raw in small.files.items():
                archive.writestr(file, raw)
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for file, raw in [("readme.html", b"..."), *small.files.items()]:
                info = tarfile.TarInfo(f"cifar-batches-bin/{file}")
                info.size = len(raw)
                archive.addfile(info, io.BytesIO(raw))
    return {name: buffer.getvalue()}


def served(small, server, *, mirrors: tuple[str, ...] = ("",)) -> Official:
    """The data set as `server` offers it, with checksums of its archives."""
    pages = packed(small)
    server.pages.update(pages)
    archives = tuple(
        replace(
            archive,
            addresses=tuple(server.address + at + archive.name for at in mirrors),
            digest=f"md5:{hashlib.md5(pages[archive.name]).hexdigest()}",
        )
        for archive in small.official.archives
    )
    return replace(small.official, archives=archives)


def assert_cached(small, cache: Path) -> None:
    folder = cache / small.official.name
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == small.files


@pytest.mark.parametrize(
    "name", ["small_mnist", "small_cifar_10", "small_cifar_100", "small_ecg"]
)
def test_a_set_that_is_nowhere_is_downloaded_unpacked_and_kept(
    name: str, request, server, publish, home: Path, capsys
) -> None:
    small = request.getfixturevalue(name)
    publish(served(small, server))
    if name == "small_ecg":
        from overparam.data.files.ecg import load_ecg5000

        dataset = load_ecg5000(official=served(small, server))
    else:
        dataset = load_data(small.official.name)
    np.testing.assert_array_equal(dataset.test.x, small.x[small.official.n_train :])
    assert_cached(small, home)
    output = capsys.readouterr()
    assert output.out == ""
    for archive in small.official.archives:
        assert f"downloading {archive.name}" in output.err
        assert "100 %" in output.err


def test_nothing_is_downloaded_twice(small_mnist, server, publish, home) -> None:
    publish(served(small_mnist, server))
    load_data("mnist")
    load_data("mnist")
    assert len(server.asked) == 4


def test_only_what_is_missing_or_altered_is_downloaded(
    small_mnist, server, home: Path
) -> None:
    official = served(small_mnist, server)
    folder = small_mnist.write(home / "mnist")
    (folder / "train-labels-idx1-ubyte").unlink()
    (folder / "t10k-labels-idx1-ubyte").write_bytes(b"altered")
    download.fetch(official)
    asked = ["train-labels-idx1-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]
    assert server.asked == asked
    assert_cached(small_mnist, home)


def test_progress_is_told_up_to_the_end(small_mnist, server, home) -> None:
    told = []
    official = served(small_mnist, server)
    download.fetch(official, lambda *told_now: told.append(told_now))
    for archive in official.archives:
        size = len(server.pages[archive.name])
        pieces = [(done, total) for name, done, total in told if name == archive.name]
        assert pieces[-1] == (size, size)
        assert all(0 < done <= total == size for done, total in pieces)


def test_the_next_address_is_tried(small_mnist, server, home: Path) -> None:
    official = served(small_mnist, server, mirrors=("absent/", "spoilt/", ""))
    server.pages |= {f"spoilt/{archive.name}": b"?" for archive in official.archives}
    download.fetch(official)
    assert_cached(small_mnist, home)


PAGE = "t10k-labels-idx1-ubyte.gz"


def refused(official: Official) -> str:
    with pytest.raises(DataError) as caught:
        download.obtain(official)
    assert caught.value.exit_code == 3
    return str(caught.value)


def test_an_archive_with_another_checksum_is_refused(
    small_mnist, server, home: Path
) -> None:
    official = served(small_mnist, server)
    server.pages[PAGE] = gzip.compress(small_mnist.files[PAGE[:-3]], compresslevel=1)
    server.pages[PAGE] += gzip.compress(b"")
    text = refused(official)
    assert f"{server.address}{PAGE} (the file is not the official file: the MD5" in text
    assert not (home / "mnist" / PAGE[:-3]).exists()


def test_an_archive_with_another_content_is_refused(
    small_mnist, server, home: Path
) -> None:
    altered = small_mnist.with_file(PAGE[:-3], small_mnist.files[PAGE[:-3]][:-1] + b"x")
    text = refused(served(altered, server))
    assert f"{PAGE} (the file is not the official file: the SHA-256" in text
    assert not (home / "mnist" / PAGE[:-3]).exists()


def test_an_archive_without_one_of_the_files_is_refused(
    small_cifar_10, server, home: Path
) -> None:
    fewer = replace(small_cifar_10, files=dict([*small_cifar_10.files.items()][:-1]))
    assert "has no member test_batch.bin" in refused(served(fewer, server))
    assert not [path for path in (home / "cifar-10").iterdir() if path.is_file()]


@pytest.mark.parametrize("raw", [b"", b"no archive", b"PK\3\4"])
@pytest.mark.parametrize("name", ["small_ecg", "small_mnist", "small_cifar_10"])
def test_what_is_no_archive_is_refused(
    raw: bytes, name: str, request, server, home: Path
) -> None:
    small = request.getfixturevalue(name)
    official = served(small, server)
    # No checksum was published for ECG5000's archive, so its format must be guarded.
    archives = tuple(replace(archive, digest=None) for archive in official.archives)
    server.pages |= dict.fromkeys(server.pages, raw)
    text = refused(replace(official, archives=archives))
    assert "cannot be" in text or "is truncated" in text
    assert not any((home / official.name).iterdir())


def test_a_connection_that_breaks_off_leaves_nothing_behind(
    small_mnist, server, home: Path
) -> None:
    official = served(small_mnist, server)
    server.cut.add(PAGE)
    assert PAGE in refused(official)
    names = {path.name for path in (home / "mnist").iterdir()}
    assert names == set(small_mnist.files) - {PAGE[:-3]}
    server.cut.clear()
    download.fetch(official)
    assert_cached(small_mnist, home)


def test_without_network_one_sentence_says_what_was_tried_and_what_to_do(
    small_mnist, home: Path, tmp_path: Path
) -> None:
    # Nothing listens on port 9 (discard) of this machine.
    archives = tuple(
        replace(archive, addresses=(f"http://127.0.0.1:9/{archive.name}",))
        for archive in small_mnist.official.archives
    )
    official = replace(small_mnist.official, archives=archives)
    with pytest.raises(DataError) as caught:
        download.obtain(official, tmp_path)
    text = str(caught.value)
    assert text.startswith(
        f"MNIST is not there: not found in {tmp_path} or {home}, and"
    )
    assert "http://127.0.0.1:9/train-images-idx3-ubyte.gz (ConnectionError)" in text
    assert "t10k-labels-idx1-ubyte into a folder and set OVERPARAM_DATA to it." in text
    assert "\n" not in text


def test_a_file_missing_among_the_users_is_named(
    small_mnist, home: Path, tmp_path: Path
) -> None:
    archives = tuple(
        replace(archive, addresses=(f"http://127.0.0.1:9/{archive.name}",))
        for archive in small_mnist.official.archives
    )
    small_mnist.write(tmp_path)
    (tmp_path / PAGE[:-3]).unlink()
    with pytest.raises(DataError, match=f"{PAGE[:-3]} missing in {tmp_path}"):
        download.obtain(replace(small_mnist.official, archives=archives), tmp_path)


def test_a_cache_that_cannot_be_written_is_named(
    small_mnist, server, home: Path
) -> None:
    home.parent.mkdir(parents=True)
    home.write_text("a file where the folder should be")
    text = refused(served(small_mnist, server))
    assert str(home) in text
    assert server.asked == []


def test_a_full_disk_is_named(small_mnist, server, home: Path, monkeypatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    assert "No space left on device" in refused(served(small_mnist, server))
    assert not any((home / "mnist").iterdir())


FETCH = """
import os, pickle, sys, time
from overparam.data.files import download

if sys.argv[2] == "unpacking":
    def stall(_):
        open(sys.argv[3], "w").close()
        time.sleep(60)
    os.fsync = stall
with open(sys.argv[1], "rb") as file:
    download.fetch(pickle.load(file))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", ["downloading", "unpacking"])
def test_a_killed_download_leaves_no_half_file_and_is_made_good(
    number: signal.Signals, moment: str, small_cifar_10, server, home, tmp_path: Path
) -> None:
    official = served(small_cifar_10, server)
    (tmp_path / "official").write_bytes(pickle.dumps(official))
    sign = tmp_path / "unpacking"
    if moment == "downloading":
        server.stalled.add(official.archives[0].name)
    arguments = [str(tmp_path / "official"), moment, str(sign)]
    process = subprocess.Popen(
        [sys.executable, "-c", FETCH, *arguments], stderr=subprocess.DEVNULL
    )
    while not (server.half_sent.wait(0.02) or sign.exists()):
        assert process.poll() is None
    process.send_signal(number)
    assert process.wait(30) != 0

    folder = home / "cifar-10"
    left = [*folder.iterdir()]
    assert all(path.name.startswith(".partial-") for path in left)
    if number == signal.SIGINT:
        assert left == []
    for path in left:
        os.utime(path, (0, 0))  # Killed long ago: swept away by the next download.
    server.stalled.clear()
    download.fetch(official)
    assert_cached(small_cifar_10, home)


def test_what_another_process_is_downloading_stays(
    small_mnist, server, home: Path
) -> None:
    other = home / "mnist" / ".partial-other"
    other.mkdir(parents=True)
    download.fetch(served(small_mnist, server))
    assert other.exists()
