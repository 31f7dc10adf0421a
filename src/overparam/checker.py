r"""An independent check of a stored proof that a ReLU network is nearly optimal.

It shares no code with the search that wrote the file, and trusts only the problem and
the multiplier $l$ in it. With $a_i = |l_i| x_i$, for either sign of l and for each
orthant of the basis Q in which directions are written:

* the tree covers the orthant: a cut replaces one end of an edge, then the other, by a
  positive combination of both, so that two cones cover one, whatever the cut is;
* on a cone $\{V^T c : c \ge 0\}$ the largest value of $\sum_{l_i > 0} (a_i^T u)_+ -
  \sum_{l_i < 0} (a_i^T u)_+$ at unit vectors is at most $\|r\|$ where $V r \ge w$,
  $w_j = \sum_{l_i > 0} (a_i^T v_j)_+ - \sum_{l_i < 0} \alpha_i a_i^T v_j$, for *any*
  $\alpha \in [0, 1]$.

A violation e of $V r \ge w$ costs $\kappa e$, where $\kappa = \sqrt d$ bounds the sum
of the coefficients of a unit vector of an orthant, hence of any cone in it. Rounding
(of inner products, and of vertices along the tree) costs at most $\kappa S \gamma$
with $S = \sum_i \|a_i\|$. With the largest bound $\sigma$ of all leaves,
$c = \min(\beta / \sigma, y^T l / \|l\|^2)$ gives
optimum $\ge c\, y^T l - \tfrac12 c^2 \|l\|^2$.
"""

import itertools
import zlib
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np

from .errors import DataError


_EPS = float(np.finfo(float).eps)
_AT_ONCE = 2000
_LEVELS = 65535
_PARTS = ("basis", "codes", "shares", "r", "alpha")
_UNREADABLE = (
    OSError,
    EOFError,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    BadZipFile,
    zlib.error,
)


class Verified(NamedTuple):
    """What a file proves: `size` bounds the multiplier, `lower` the optimum."""

    lower: float
    size: float
    n_leaves: int
    n_samples: int
    dimension: int
    penalty: float


def verify(file: str | Path) -> Verified:
    """Recompute what a stored proof proves.

    Raises:
        DataError: If it cannot be read, or its tree covers not all directions.
    """
    try:
        with open(file, "rb") as opened, np.load(opened, allow_pickle=False) as stored:
            arrays = dict(stored)
        x, y, dual = arrays["x"], arrays["y"], arrays["dual"]
        beta, unit = float(arrays["penalty"]), float(arrays["unit"])
        skip = bool(arrays["skip"])
        size, n_leaves = 0.0, 0
        for name, sign in (("plus", 1.0), ("minus", -1.0)):
            side = {key: arrays[f"{name}_{key}"] for key in _PARTS}
            bound, leaves = _side(x, sign * dual / unit, side, int(arrays["leaf"]))
            size, n_leaves = max(size, bound * unit), n_leaves + leaves
    except FileNotFoundError as error:
        raise DataError(f"There is no file `{file}`.") from error
    except _UNREADABLE as error:
        raise DataError(f"`{file}` is no proof that can be read: {error}.") from error
    if not (np.isfinite(size) and all(np.isfinite(v).all() for v in (x, y, dual))):
        raise DataError(f"`{file}` proves nothing: its numbers are not finite.")
    if skip:
        size = max(size, float(np.linalg.norm(x.T @ dual)) * (1 + len(x) * _EPS))
        size += len(x) * _EPS * float(np.linalg.norm(np.abs(x).T @ np.abs(dual)))
    linear, square = float(y @ dual), float(dual @ dual)
    factor = min(beta / size if size else np.inf, linear / square if square else 0.0)
    rounding = 4 * len(y) * _EPS * factor * float(np.abs(y) @ np.abs(dual))
    lower = factor * linear - 0.5 * factor**2 * square - rounding
    return Verified(max(lower, 0.0), size, n_leaves, len(x), x.shape[1], beta)


def _side(
    x: np.ndarray, dual: np.ndarray, side: dict[str, np.ndarray], leaf: int
) -> tuple[float, int]:
    """The largest bound of all leaves for one sign of the multiplier; their number."""
    (n, d), basis = x.shape, side["basis"]
    rank = len(basis)
    rows = np.abs(dual)[:, None] * x
    inside = rows @ basis.T
    if np.abs(basis @ basis.T - np.eye(rank)).max(initial=0) > 1e-12:
        raise ValueError("its basis is not orthonormal")
    outside = float(np.linalg.norm(rows - inside @ basis, axis=1).sum())
    mass = float(np.linalg.norm(rows, axis=1).sum())
    kappa = 1.01 * np.sqrt(rank)
    plus, minus = inside[dual > 0], inside[dual < 0]
    codes, shares = iter(side["codes"].tolist()), iter(side["shares"].tolist())
    used, worst = 0, 0.0
    cones: list[np.ndarray] = []
    drifts: list[float] = []

    def flush() -> None:
        nonlocal used, worst
        if not cones:
            return
        v, r = np.array(cones), side["r"][used : used + len(cones)].astype(float)
        alpha = side["alpha"][used : used + len(cones)] / _LEVELS
        if len(r) < len(cones) or alpha.min(initial=0) < 0 or alpha.max(initial=0) > 1:
            raise ValueError("its leaves are not complete")
        w = np.maximum(v @ plus.T, 0).sum(axis=2)
        w -= np.einsum("ljn,ln->lj", v @ minus.T, alpha)
        short = np.maximum(w - np.einsum("ljd,ld->lj", v, r), 0).max(axis=1)
        bounds = np.linalg.norm(r, axis=1) * (1 + 1e-14) + kappa * short
        bounds += 4 * kappa * mass * np.array(drifts)
        worst, used = max(worst, float(bounds.max())), used + len(cones)
        cones.clear()
        drifts.clear()

    for signs in itertools.product([1.0, -1.0], repeat=rank) if rank else ():
        stack = [(np.diag(signs), 0.0)]
        while stack:
            cone, drift = stack.pop()
            code = next(codes, None)
            if code is None:
                raise ValueError("its tree does not cover all directions")
            if code == leaf:
                cones.append(cone)
                drifts.append(drift)
                if len(cones) == _AT_ONCE:
                    flush()
                continue
            (j, k), share = divmod(code, rank), next(shares, 0.0)
            if j == k or j >= rank or not 0 < share < 1:
                raise ValueError("its tree has a cut that is none")
            middle = share * cone[j] + (1 - share) * cone[k]
            norm = float(np.linalg.norm(middle))
            first, second = cone.copy(), cone.copy()
            first[j] = second[k] = middle / norm
            drift += 4 * _EPS / norm
            stack += [(first, drift), (second, drift)]
    flush()
    gamma = (4 * n + 16 * d + 64) * _EPS
    return min(worst, mass) + kappa * gamma * mass + outside, used
