"""Data sets of one's own in the user's data folder: whole or absent, one of a name.

A folder holds the arrays, named by the digest of the content, and the description,
which is written last and read first: whenever a process is killed, what it names is
there.
"""

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Iterator

from safetensors.numpy import load

from ...errors import ConfigError, DataError
from ...memory import Need, check_memory
from ...store.encode import tensors
from ...store.files import opened, remove_temporaries, write_file, writing
from ...store.lock import Lock, RunLockedError
from ..dataset import Dataset, Split
from ..files.content import DamageError, unpacking
from .description import (
    FILE,
    Description,
    check_name,
    damaged,
    described,
    folder_of,
    is_kept,
    own_folder,
)
from .making import moments


_PAUSE, _LONGEST_WAIT = 0.05, 60.0
"""Seconds between looks at whether others have ended, and after which to give up."""


def keep(
    dataset: Dataset,
    *,
    files: tuple[str, ...] = (),
    test_fraction: float | None = None,
    seed: int | None = None,
    force: bool = False,
) -> Description:
    """Store a data set under its name.

    Args:
        dataset: As `overparam.dataset` makes it.
        files: Names of the files that it comes from.
        test_fraction: Share that was drawn for its test part, if none was given.
        seed: Of that draw.
        force: Whether to replace one of this name with another content.

    Raises:
        ConfigError: The name is taken or may not be.
        StoreError: The disk refuses.
    """
    check_name(dataset.name)
    content = tensors(
        {
            "x": dataset.train.x,
            "y": dataset.train.y,
            "x_test": dataset.test.x,
            "y_test": dataset.test.y,
        }
    )
    task = "regression" if dataset.n_classes is None else "classification"
    made = Description(
        name=dataset.name,
        digest=_digest(task, dataset.labels, content),
        task=task,
        n_train=len(dataset.train),
        n_test=len(dataset.test),
        shape=dataset.shape,
        n_outputs=dataset.n_classes or dataset.train.y.shape[1],
        labels=dataset.labels,
        files=files,
        test_fraction=test_fraction,
        seed=seed,
    )
    with _alone():
        if not force and is_kept(made.name):
            there = described(made.name)
            if there.digest != made.digest:
                raise ConfigError(
                    f"The data set `{made.name}` is kept with another content "
                    f"({there.reference}): choose another name, or replace it with "
                    f"`overparam data add {made.name} FILE --force`."
                )
        write_file(made.arrays, content)
        write_file(folder_of(made.name) / FILE, made.encoded())
        remove_temporaries(folder_of(made.name))
        for path in folder_of(made.name).glob("*.safetensors"):
            if path != made.arrays:
                path.unlink(missing_ok=True)
    return made


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Change kept data while no other process does.

    Raises:
        RunLockedError: Another one has not ended for a minute.
    """
    with writing(own_folder()):
        own_folder().mkdir(parents=True, exist_ok=True)
    waited = 0.0
    while True:
        try:
            lock = Lock(own_folder())
            break
        except RunLockedError:
            if waited > _LONGEST_WAIT:
                raise
            waited += _PAUSE
            time.sleep(_PAUSE)
    try:
        yield
    finally:
        lock.release()


def load_kept(name: str, digest: str = "") -> Dataset:
    """A kept data set, every byte of it as it was.

    Args:
        name: As it was added.
        digest: How the digest of its content must begin.

    Raises:
        ConfigError: It does not fit into the memory.
        DataError: It is not there, damaged, or has another content.
    """
    about = described(name)
    if not about.digest.startswith(digest):
        raise DataError(
            f"The data set `{name}` has the content {about.reference.split('@')[1]}, "
            f"and {digest} is asked for: add that one again with `overparam data add "
            f"{name} FILE --force`."
        )
    try:
        with unpacking(), opened(about.arrays) as (file, n_bytes):
            check_memory(Need("a data set", (("its bytes", n_bytes),), 1, 2))
            content = file.read(n_bytes)
    except DamageError:
        raise damaged(name, about.arrays) from None
    if _digest(about.task, about.labels, content) != about.digest:
        raise damaged(name, about.arrays)
    arrays = load(content)
    return Dataset(
        name=about.reference,
        train=Split(arrays["x"], arrays["y"]),
        test=Split(arrays["x_test"], arrays["y_test"]),
        n_classes=None if about.task == "regression" else about.n_outputs,
        normalisation=moments(arrays["x"]),
        labels=about.labels,
    )


def remove(name: str) -> None:
    """Forget a kept data set.

    Raises:
        ConfigError: There is none of that name.
        StoreError: The disk refuses.
    """
    check_name(name)
    folder = folder_of(name)
    if not folder.is_dir():
        raise ConfigError(f"There is no data set `{name}` of your own to remove.")
    with _alone(), writing(folder):
        # The description first: without it nothing is there.
        (folder / FILE).unlink(missing_ok=True)
        shutil.rmtree(folder)


def _digest(task: str, labels: tuple[str, ...], content: bytes) -> str:
    digest = hashlib.sha256(json.dumps([task, labels]).encode())
    digest.update(content)  # Joined they would be one more copy of the data.
    return digest.hexdigest()
