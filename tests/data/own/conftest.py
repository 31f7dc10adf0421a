"""Files of one's own, each written by another program than the readers use."""

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and an empty home."""
    monkeypatch.delenv("OVERPARAM_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(40, 3))


@pytest.fixture
def y() -> np.ndarray:
    return np.arange(40) % 3 - 1
