"""Bases of the column spaces of all patterns' blocks."""

import itertools

import numpy as np
import pytest

from overparam.convex.programs.bases import basis_groups


@pytest.mark.parametrize("shape", [(2, 3), (3, 5), (4, 3), (1, 4)])
def test_blocks_of_any_rank_have_orthonormal_outputs_and_bounded_weights(shape):
    """Small whole numbers make many blocks whose columns or rows cancel exactly."""
    rng = np.random.default_rng(0)
    masks = np.array(
        [m for m in itertools.product([0.0, 1], repeat=shape[0]) if any(m)]
    )
    for _ in range(30):
        x = rng.integers(-2, 3, shape).astype(float)
        if not x.any(axis=0).all():
            continue
        groups = basis_groups(x, masks, exact=False)
        for mask, transform, kept in zip(
            masks, groups.transforms, groups.kept, strict=True
        ):
            block = x[mask > 0]
            outputs = block @ transform[:, kept > 0]
            assert outputs.shape[1] == np.linalg.matrix_rank(block)
            np.testing.assert_allclose(
                outputs.T @ outputs, np.eye(outputs.shape[1]), atol=1e-12
            )
        assert (groups.distortion() < 1e-12).all()
        # Entries of at most 2: no column of a block is nearly null.
        assert np.abs(groups.transforms).max() < 1e3
