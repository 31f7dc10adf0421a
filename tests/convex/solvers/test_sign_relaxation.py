"""The relaxation where no term is free: bounded least squares, against SciPy."""

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from overparam.convex.solvers.sign_relaxation import relax


@pytest.mark.parametrize("target", [0.0, 0.5])
@pytest.mark.parametrize(("n", "d"), [(4, 1), (6, 3), (9, 5)])
def test_without_free_terms_it_is_the_least_norm_in_the_box(rng, n, d, target):
    for _ in range(20):
        linear, base = rng.standard_normal((n, d)), rng.standard_normal(d)
        best = lsq_linear(linear.T, -base, (0, 1), method="bvls", tol=1e-14).cost
        best, y = np.sqrt(2 * best), np.full(n, 0.5)
        none, theta = np.zeros((0, d)), np.zeros(0)
        limit = target * best
        bound, least, *_ = relax(none, linear, base, theta, y, limit, 1e-9, 0.03)
        size = np.linalg.norm(base) + np.linalg.norm(linear)
        assert bound == pytest.approx(np.linalg.norm(base + y @ linear), abs=1e-9)
        # What no y is below. Where the best is 0 the barrier leaves some 1e-6.
        assert least <= best + 1e-9 * size
        assert best - 1e-9 * size <= bound <= best * (1 + 1e-8) + 1e-4 * size
