r"""The error of floating-point sums, for numbers that must be bounds.

A sum of k products computed in any order, with or without fused operations, is within
$\gamma_k \sum |a_i b_i|$ of the exact one, $\gamma_k = k u / (1 - k u)$, where u is the
unit roundoff. Two products in a row add their counts.

Reference: Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.1.
"""

import numpy as np


_UNIT = float(np.finfo(float).eps) / 2
# Operations besides the products of a sum: roots, quotients, additions of the parts.
_EXTRA = 4


def gamma(*lengths: int) -> float:
    r"""$\gamma_k$ of sums of these lengths one inside the other."""
    count = (sum(lengths) + _EXTRA) * _UNIT
    return count / (1 - count)
