"""The ridge readout of given features, its penalty given or chosen."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..readouts.penalty_path import ridge_path
from .inputs import check_squares


# What cross-validation chooses from, as fractions of the mean squared norm of features.
_CANDIDATES = np.geomspace(1e-8, 1, 25)


@dataclass(frozen=True)
class RidgeFit:
    """A readout of least penalised squares, its intercept and its penalty."""

    readout: Float[np.ndarray, "width n_outputs"]
    intercept: Float[np.ndarray, " n_outputs"]
    penalty: float


def fit_ridge(
    features: Float[np.ndarray, "n width"],
    targets: Float[np.ndarray, "n n_outputs"],
    weights: Float[np.ndarray, " n"],
    *,
    penalty: float | None,
    intercept: bool,
) -> RidgeFit:
    """The readout of least squares, with an intercept that is not penalised.

    Args:
        features: Of the samples.
        targets: Likewise.
        weights: Of squared errors.
        penalty: Of the mean squared error; `None` for the candidate with the least
            generalised cross-validation score.
        intercept: Whether there is one.
    """
    kept, total = weights > 0, weights.sum()
    features, targets, weights = features[kept], targets[kept], weights[kept]
    centre, mean = np.zeros(features.shape[1]), np.zeros(targets.shape[1])
    if intercept:
        centre, mean = weights @ features / total, weights @ targets / total
    root = np.sqrt(weights * (len(weights) / total))[:, None]
    F, Y = root * (features - centre), root * (targets - mean)
    if intercept:
        # What rounding makes of constants is nothing to fit, and nothing to fit by.
        rounding = max(F.shape) * np.finfo(float).eps * np.abs(centre)
        F[:, np.abs(features - centre).max(axis=0) <= rounding] = 0
        Y[:, np.ptp(targets, axis=0) == 0] = 0
    with np.errstate(over="ignore", invalid="ignore"):
        size = np.sum(F**2) / len(F) or 1.0
        check_squares(size, what="features")
        check_squares(np.sum(Y**2), what="targets")
    penalties: list[Any] = [penalty]
    if penalty is None:
        penalties = (_CANDIDATES * size).tolist()
    with jax.enable_x64(True):
        path = ridge_path(jnp.asarray(F), jnp.asarray(Y), penalties=penalties)
    best = 0
    if penalty is None:
        free = total - int(intercept)
        # The path counts every row as a sample, and knows no intercept; here samples
        # count by their weights, and the intercept too.
        left = free - path.degrees_of_freedom
        counted = (len(F) - path.degrees_of_freedom) / np.where(left > 0, left, np.nan)
        scores = path.cross_validation * counted**2
        best = int(np.argmin(np.where(np.isfinite(scores), scores, np.inf)))
    readout = path.readouts[best]
    return RidgeFit(readout, mean - centre @ readout, float(path.penalties[best]))
