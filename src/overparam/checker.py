r"""An independent check of a stored proof that a ReLU network is nearly optimal.

It shares no code with the search that wrote the file, and trusts only the problem and
the multiplier $l$ in it. With $a_i = |l_i| x_i$, for either sign of l, it bounds $h(u)
= \sum_{l_i > 0} (a_i^T u)_+ - \sum_{l_i < 0} (a_i^T u)_+$ at all unit vectors by a
tree of one of two kinds, in the basis Q in which directions are written.

A tree of cones, one for each orthant of Q:

* it covers the orthant: a cut replaces one end of an edge, then the other, by a
  positive combination of both, so that two cones cover one, whatever the cut is;
* on a cone $\{V^T c : c \ge 0\}$ h is at most $\|r\|$ where $V r \ge w$, $w_j =
  \sum_{l_i > 0} (a_i^T v_j)_+ - \sum_{l_i < 0} \alpha_i a_i^T v_j$, for *any* $\alpha
  \in [0, 1]$.

A violation e of $V r \ge w$ costs $\kappa e$, where $\kappa = \sqrt d$ bounds the sum
of the coefficients of a unit vector of an orthant, hence of any cone in it. Rounding
of inner products costs at most $\kappa S \gamma$ with $S = \sum_i \|a_i\|$. A computed
vertex leaves its edge by two units in the last place of its entries, which are sums
without cancellation; a direction is moved by as much, times $\kappa$, to lie in one of
the two cones.

A tree of signs of samples with $l_i > 0$:

* it covers all directions: $a_i^T u$ has one sign or the other;
* where signs $s_i$ are fixed, h is at most the maximum of $r^T u + \tfrac12
  \sum_{\text{free}} |a_i^T u|$ with $r = \tfrac12 \sum_{\text{free}} a_i + \sum_{s_i =
  1} a_i + \sum_{\text{fixed}} m_i s_i a_i - \sum_{l_i < 0} \alpha_i a_i$ for *any* $m
  \ge 0$ and $\alpha \in [0, 1]$, and that is at most $\sqrt{(\delta_0 + \sum \delta_i)
  \lambda_{\max}(r r^T / \delta_0 + \sum a_i a_i^T / 4 \delta_i)}$ for *any* $\delta >
  0$, by Cauchy and Schwarz.

If $s I - A$ has a Cholesky factor in floating point, no eigenvalue of A is above s by
more than $(d + 2)\,\epsilon\,\mathrm{tr}(s I - A)$ (Rump 2006).

With the largest bound $\sigma$ of all leaves, $c = \min(\beta / \sigma, y^T l /
\|l\|^2)$ gives optimum $\ge c\, y^T l - \tfrac12 c^2 \|l\|^2$.
"""

import functools
import itertools
import os
import stat
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .errors import DataError
from .memory import memory


_EPS = float(np.finfo(float).eps)
_LEVELS = 65535
# Numbers that are held in memory at a time.
_AT_ONCE = 10**7
# Squares, products and quotients of numbers between these lose no digits.
_SMALL, _LARGE = 1e-100, 1e100
# The sum of the sizes of all rows in the unit of the file, within a factor.
_ABOUT_ONE = 2.0**20
# Of what is unpacked: its bytes, as float64, and what is made of it.
_COPIES = 4
# Distance of the products of the basis to those of an orthonormal one.
_ORTHONORMAL = 1e-12
# Logarithms of delta up to these lose nothing in sums of quotients.
_MOST_THETA = 200.0


class Verified(NamedTuple):
    """What a file proves: `size` bounds the multiplier, `lower` the optimum."""

    lower: float
    size: float
    n_leaves: int
    n_samples: int
    dimension: int
    penalty: float
    skip: bool


def verify(file: str | Path) -> Verified:
    """Recompute what a stored proof proves.

    Raises:
        DataError: If it cannot be read, holds what is no proof, or its tree covers not
            all directions.
    """
    try:
        mode = os.stat(file).st_mode
        # Pipes and devices may have no end.
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise ValueError("it is no regular file")
        with open(file, "rb") as opened, np.errstate(all="ignore"):
            # Few bytes can stand for many.
            if zipfile.is_zipfile(opened):
                with zipfile.ZipFile(opened) as archive:
                    n_bytes = sum(member.file_size for member in archive.infolist())
                if _COPIES * n_bytes > memory():
                    raise ValueError(
                        f"it unpacks to {n_bytes} bytes, too many for the memory"
                    )
            opened.seek(0)
            stored = np.load(opened, allow_pickle=False)
            if isinstance(stored, np.ndarray):
                raise ValueError("it is a single array")
            return _verified(stored)
    except FileNotFoundError as error:
        raise DataError(f"There is no file `{file}`.") from error
    except IsADirectoryError as error:
        raise DataError(f"`{file}` is a folder; name the file of a proof.") from error
    except Exception as error:  # The bytes of others fail in every way there is.
        why = str(error).rstrip(".")
        if isinstance(error, OSError) and error.strerror:
            why = error.strerror
        elif isinstance(error, KeyError):
            why = str(error.args[0])
        # NumPy's sentence on what is not its own recommends to unpickle it.
        if "pickle" in why:
            why = "it is no archive of NumPy"
        raise DataError(f"`{file}` is no proof that can be read: {why}.") from error


def _verified(stored: Mapping[str, np.ndarray]) -> Verified:
    x = _read(stored, "x", "f").astype(float)
    if x.ndim != 2:
        raise ValueError(f"`x` has the shape {x.shape} instead of (samples, inputs)")
    n, d = x.shape
    y, dual = (_read(stored, name, "f", (n,)).astype(float) for name in ("y", "dual"))
    beta, unit = (float(_read(stored, name, "f", ())) for name in ("penalty", "unit"))
    skip = bool(_read(stored, "skip", "b", ()))
    if not all(_SMALL < value < _LARGE for value in (beta, unit)):
        raise ValueError("`penalty` or `unit` is not positive, or out of range")
    if np.abs(x).max(initial=0) > _LARGE:
        raise ValueError("`x` is out of range")
    plus, minus = (
        _side(stored, name, x, sign * dual, unit)
        for name, sign in (("plus", 1.0), ("minus", -1.0))
    )
    # NumPy's maximum keeps what is no number, Python's drops it.
    size = float(np.maximum(plus[0], minus[0])) * unit
    if skip:
        error = (n + d + 8) * _EPS * np.linalg.norm(np.abs(x).T @ np.abs(dual))
        size = float(np.maximum(size, np.linalg.norm(x.T @ dual) + error))
    linear, square = float(y @ dual), float(dual @ dual)
    absolute = float(np.abs(y) @ np.abs(dual))
    if not all(not v or _SMALL < v < _LARGE for v in (size, square, absolute)):
        raise ValueError("its numbers are out of range")
    factor = max(linear, 0.0) / square if square else 0.0
    factor = min(factor, beta / size) if size else factor
    rounding = (4 * n + 8) * _EPS * absolute
    lower = factor * (linear - 0.5 * factor * square - rounding)
    return Verified(max(lower, 0.0), size, plus[1] + minus[1], n, d, beta, skip)


def _read(
    stored: Mapping[str, np.ndarray],
    name: str,
    kinds: str,
    shape: tuple[int, ...] | None = None,
) -> np.ndarray:
    """An array of finite numbers of these kinds, which float64 holds."""
    array = stored[name]
    if not isinstance(array, np.ndarray):
        raise ValueError(f"`{name}` is no array")
    if array.dtype.kind not in kinds or array.dtype.itemsize > 8:
        raise ValueError(f"`{name}` has the type {array.dtype}")
    if shape is not None and array.shape != shape:
        raise ValueError(f"`{name}` has the shape {array.shape} instead of {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"`{name}` is not finite")
    return array


def _side(
    stored: Mapping[str, np.ndarray],
    name: str,
    x: np.ndarray,
    dual: np.ndarray,
    unit: float,
) -> tuple[float, int]:
    """The largest bound of all leaves for one sign of the multiplier; their number."""
    n, d = x.shape
    basis = _read(stored, f"{name}_basis", "f").astype(float)
    rank = len(basis)
    # More rows than entries are not, and their products would have no bound.
    if (
        rank > d
        or basis.shape != (rank, d)
        or not (np.abs(basis @ basis.T - np.eye(rank)).max(initial=0) <= _ORTHONORMAL)
    ):
        raise ValueError(f"`{name}_basis` is not orthonormal")
    rows = np.abs(dual / unit)[:, None] * x
    mass = float(np.linalg.norm(rows, axis=1).sum())
    moves = np.any((x != 0) & (dual != 0)[:, None])
    if moves and not 1 / _ABOUT_ONE < mass < _ABOUT_ONE:
        raise ValueError("`unit` is not that of the multiplier")
    inside = rows @ basis.T
    outside = float(np.linalg.norm(rows - inside @ basis, axis=1).sum())
    read = functools.partial(_read, stored)
    kind = _worst_of_signs if f"{name}_leaves" in stored else _worst_of_cones
    worst, count = kind(read, name, inside, dual, mass)
    # No value is above the sum of all sizes, whatever the leaves are worth.
    gamma = 1.01 * np.sqrt(max(rank, 1)) * (4 * n + 16 * d + 64) * _EPS
    bound = float(np.minimum(worst, mass)) + outside + gamma * mass
    return bound * (1 + rank * _ORTHONORMAL), count


def _number_of_leaves(codes: np.ndarray, leaf: int, n_roots: int) -> int:
    """The leaves of trees of two children, whose inner nodes are as many less roots.

    A walk then never runs out of codes, nor holds more than the leaves in the file.
    """
    count = int(np.sum(codes == leaf))
    if codes.size > 2 * count - n_roots:
        raise ValueError("its tree does not cover all directions")
    if codes.size < 2 * count - n_roots:
        raise ValueError("its tree goes on when all directions are covered")
    return count


def _worst_of_cones(
    read: Callable[..., np.ndarray],
    name: str,
    rows: np.ndarray,
    dual: np.ndarray,
    mass: float,
) -> tuple[float, int]:
    """The largest bound of the leaves of a tree of cones; their number."""
    (n, rank), plus, minus = rows.shape, rows[dual > 0], rows[dual < 0]
    codes, leaf = read(f"{name}_codes", "iu"), int(read("leaf", "iu", ()))
    count = _number_of_leaves(codes, leaf, 2**rank)
    shares = read(f"{name}_shares", "f", (codes.size - count,))
    r = read(f"{name}_r", "f", (count, rank))
    alpha = read(f"{name}_alpha", "iuf", (count, len(minus)))
    if alpha.min(initial=0) < 0 or alpha.max(initial=0) > _LEVELS:
        raise ValueError(f"`{name}_alpha` is not between 0 and 1")
    kappa = 1.01 * np.sqrt(max(rank, 1))
    leaves = _cones(iter(codes.tolist()), iter(shares.tolist()), leaf, rank)
    used, worst = 0, 0.0
    while batch := list(itertools.islice(leaves, 1 + _AT_ONCE // (rank * n + 1))):
        here = slice(used, used + len(batch))
        v, vectors = np.array([cone for cone, _ in batch]), r[here].astype(float)
        w = np.maximum(v @ plus.T, 0).sum(axis=2)
        w -= np.einsum("ljn,ln->lj", v @ minus.T, alpha[here].astype(float) / _LEVELS)
        short = w - np.einsum("ljd,ld->lj", v, vectors)
        bounds = np.linalg.norm(vectors, axis=1) + kappa * short.max(axis=1, initial=0)
        bounds += 4 * kappa * mass * np.array([drift for _, drift in batch])
        worst, used = float(np.maximum(worst, bounds.max())), here.stop
    return worst, count


def _cones(
    codes: Iterator[int], shares: Iterator[float], leaf: int, rank: int
) -> Iterator[tuple[np.ndarray, float]]:
    """The cones of all orthants that are not cut further, and what rounding moved."""
    for signs in itertools.product([1.0, -1.0], repeat=rank):
        stack = [(np.diag(signs), 0.0)]
        while stack:
            cone, drift = stack.pop()
            code = next(codes)
            if code == leaf:
                yield cone, drift
                continue
            if not 0 <= code < rank**2:
                raise ValueError("its tree has a cut that is none")
            (j, k), share = divmod(code, rank), next(shares)
            if j == k or not 0 < share < 1:
                raise ValueError("its tree has a cut that is none")
            middle = share * cone[j] + (1 - share) * cone[k]
            norm = float(np.linalg.norm(middle))
            first, second = cone.copy(), cone.copy()
            first[j] = second[k] = middle / norm
            drift += 4 * _EPS / norm
            stack += [(first, drift), (second, drift)]
    if next(codes, None) is not None:
        raise ValueError("its tree goes on when all directions are covered")


def _worst_of_signs(
    read: Callable[..., np.ndarray],
    name: str,
    rows: np.ndarray,
    dual: np.ndarray,
    mass: float,
) -> tuple[float, int]:
    """The largest bound of the leaves of a tree of signs; their number."""
    (n, rank), plus, minus = rows.shape, dual > 0, dual < 0
    codes, leaf = read(f"{name}_codes", "iu"), int(read("leaf", "iu", ()))
    count = _number_of_leaves(codes, leaf, 1)
    weights = read(f"{name}_leaves", "f", (count, 1 + n))
    leaves, used, worst = _signs(iter(codes.tolist()), leaf, plus), 0, 0.0
    size = 1 + _AT_ONCE // ((n + rank) * (rank + 1))
    while batch := list(itertools.islice(leaves, size)):
        part = weights[used : used + len(batch)].astype(float)
        signs, first, given = np.array(batch), part[:, 0], part[:, 1:]
        free, fixed = plus & (signs == 0), signs != 0
        theta = np.where(free, given, 0)
        if max(np.abs(theta).max(initial=0), np.abs(first).max()) > _MOST_THETA:
            raise ValueError(f"`{name}_leaves` has a delta that is out of range")
        if (given[fixed] < 0).any() or (given[fixed] > _LARGE).any():
            raise ValueError(f"`{name}_leaves` has an m that is negative or too large")
        alpha = np.where(minus, given, 0)
        if (alpha < 0).any() or (alpha > 1).any():
            raise ValueError(
                f"`{name}_leaves` has an alpha that is not between 0 and 1"
            )
        factors = 0.5 * free + (signs > 0) + np.where(fixed, given * signs, 0) - alpha
        r, root = factors @ rows, np.exp(-0.5 * first)
        inverse = np.where(free, 0.25 * np.exp(-theta), 0)
        matrices = (rows.T * inverse[:, None, :]) @ rows
        outer = r * root[:, None]
        matrices += outer[:, :, None] * outer[:, None, :]
        top = _not_below(matrices)
        top += (n + rank + 32) * _EPS * np.trace(matrices, axis1=1, axis2=2)
        total = np.exp(first) + np.where(free, np.exp(theta), 0).sum(axis=1)
        lost = (n + 16) * _EPS * (np.abs(factors) @ np.linalg.norm(rows, axis=1))
        bounds = np.sqrt(total * top) * (1 + (n + 32) * _EPS) + lost
        worst, used = float(np.maximum(worst, bounds.max())), used + len(batch)
    return worst, count


def _signs(codes: Iterator[int], leaf: int, plus: np.ndarray) -> Iterator[np.ndarray]:
    """The signs that are fixed at each leaf, zero where none is."""
    stack = [np.zeros(len(plus), np.int8)]
    while stack:
        signs = stack.pop()
        code = next(codes)
        if code == leaf:
            yield signs
            continue
        if not 0 <= code < len(plus) or not plus[code] or signs[code]:
            raise ValueError("its tree fixes a sign that it cannot")
        for sign in (-1, 1):
            child = signs.copy()
            child[code] = sign
            stack.append(child)
    if next(codes, None) is not None:
        raise ValueError("its tree goes on when all directions are covered")


def _not_below(matrices: np.ndarray) -> np.ndarray:
    """Not below the largest eigenvalue of each of these matrices without negative ones.

    They have one, but for rounding that is added to what comes of it.
    """
    d = matrices.shape[1]
    top = np.linalg.eigvalsh(matrices).max(axis=1, initial=0)
    margin = (4 * d + 4) * _EPS
    while margin < 1:
        shift = top * (1 + margin) + _SMALL
        try:
            np.linalg.cholesky(shift[:, None, None] * np.eye(d) - matrices)
        except np.linalg.LinAlgError:
            margin *= 4
        else:
            return shift * (1 + d * (d + 4) * _EPS)
    raise ValueError("an eigenvalue of its leaves has no bound")
