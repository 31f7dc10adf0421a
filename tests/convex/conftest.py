"""Random problems, others for every test and every `SEED`."""

import os

import numpy as np
import pytest


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    name = request.node.nodeid.encode()
    return np.random.default_rng([int(os.environ.get("SEED", "0")), *name])
