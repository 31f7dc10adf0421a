"""Random problems, others for every test and every `SEED`."""

import numpy as np
import pytest

from ..seeds import SEED


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    name = request.node.nodeid.encode()
    return np.random.default_rng([SEED, *name])
