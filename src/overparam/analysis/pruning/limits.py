"""Pruning of infinitely many independent columns: closed forms to compare with."""

import numpy as np
from jaxtyping import Float64
from numpy import ndarray
from scipy import stats

from .curves import PruningCurve, check_error


def gaussian_column_ratio(eps: float, *, fan_in: int) -> float:
    r"""Fraction of Gaussian columns removed at the relative squared error `eps`.

    Squared norms are $\chi^2_d$, and the error of removing the fraction $F_d(x)$ is
    $F_{d+2}(x)$, with $F_d$ the distribution function. Noise of kind `shared` has
    $d = 1$ whatever the fan-in.

    Args:
        eps: Allowed relative squared error in [0, 1).
        fan_in: Number d of independent entries of a column.

    Reference: Gribonval, Cevher, Davies, IEEE Trans. Inf. Theory 58 (2012), theorem 1.
    """
    check_error(eps)
    return float(stats.chi2(fan_in).cdf(stats.chi2(fan_in + 2).ppf(eps)))


def finite_variance_error(
    kept: float | Float64[ndarray, " m"], *, curve: PruningCurve
) -> Float64[ndarray, " m"]:
    r"""$G(\kappa)$ with the empirical law of the squared norms of `curve`.

    $$G(\kappa) = \frac{1}{E V} \int_0^{1-\kappa} F^{-1}(u)\, du$$

    is the limit of the error where the mean $E V$ exists: it is positive for every
    $\kappa < 1$. Where it does not exist the error tends to 0.
    """
    removed = 1 - np.asarray(kept, np.float64)
    levels = np.arange(len(curve) + 1) / len(curve)
    errors = np.concatenate([[0.0], curve.cumulative / curve.cumulative[-1]])
    return np.interp(removed, levels, errors)
