"""What compiled loops over samples share: inner products and least norms."""

import contextlib
import functools
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
import numpy as np


def compiled(function: Callable[..., Any]) -> Any:
    """Machine code that leaves other threads free, kept between processes.

    Numba keeps it for as long as the function's own file is the same. It holds the code
    of functions that are called, too, whose files may be others and change alone.
    """
    made = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    # There is none where Numba is told to compile nothing.
    if cache := getattr(made, "_cache", None):
        cache._cache_file._source_stamp = _sources()
    return made


@functools.cache
def _sources() -> str:
    """A digest of all files of this room that have compiled functions."""
    room = Path(__file__).parent.parent
    texts = (file.read_bytes() for file in sorted(room.rglob("*.py")))
    return hashlib.sha256(b"".join(t for t in texts if b"@compiled" in t)).hexdigest()


@contextlib.contextmanager
def control_c() -> Iterator[None]:
    """Control-C is a `KeyboardInterrupt`, also where it reaches compiled code.

    What Python raises while values go in and out of it becomes a `SystemError`.
    """
    try:
        yield
    except SystemError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, KeyboardInterrupt):
            cause = cause.__cause__
        if cause is None:
            raise
        raise cause from None


@compiled
def dot(u, v):
    """An inner product; calls of BLAS cost more than these few products."""
    total = 0.0
    for q in range(u.size):
        total += u[q] * v[q]
    return total


@compiled
def move(c, wanted, index, m):
    """Move the entries `index[:m]` of c >= 0 towards what is wanted of them.

    As far as none becomes negative; which of them stops it, and is 0 then, or -1.
    """
    step, first = 1.0, -1
    for i in range(m):
        if wanted[i] <= 0:
            old = c[index[i]]
            ratio = old / (old - wanted[i]) if old > 0 else 0.0
            if ratio <= step:
                step, first = ratio, i
    for i in range(m):
        c[index[i]] += step * (wanted[i] - c[index[i]])
    if first >= 0:
        c[index[first]] = 0.0
    return first


@compiled
def least_norm(gram, w, c, free):
    """Minimise c^T G c / 2 - w^T c over c >= 0, from a feasible c and its free set.

    The active-set method of Lawson and Hanson 1974, Solving least squares problems,
    chapter 23, on normal equations. Any c will do for a bound, so it may give up.
    """
    d = w.size
    if not d:
        return
    index, s, factor = np.empty(d, np.int64), np.empty(d), np.empty((d, d))
    scale = np.abs(w).max()
    m = known = 0
    for j in range(d):
        if free[j]:
            index[m] = j
            m += 1
    for _ in range(3 * d + 6):
        # In the order in which they came: the last one may depend on those before it,
        # and its small pivot then leads along the dependence until one of them is 0.
        for i in range(known, m):
            for k in range(i + 1):
                t = gram[index[i], index[k]]
                for q in range(k):
                    t -= factor[i, q] * factor[k, q]
                if i == k:
                    least = 1e-15 * gram[index[i], index[i]]
                    factor[i, i] = np.sqrt(max(t, least))
                else:
                    factor[i, k] = t / factor[k, k]
        known = m
        for i in range(m):
            t = w[index[i]]
            for q in range(i):
                t -= factor[i, q] * s[q]
            s[i] = t / factor[i, i]
        for i in range(m - 1, -1, -1):
            t = s[i]
            for q in range(i + 1, m):
                t -= factor[q, i] * s[q]
            s[i] = t / factor[i, i]
        first = move(c, s, index, m)
        if first >= 0:
            free[index[first]] = False
            m, known = m - 1, first
            index[first:m] = index[first + 1 : m + 1]
            continue
        worst, pick = 1e-13 * scale, -1
        for j in range(d):
            if not free[j]:
                t = w[j] - dot(gram[j], c)
                if t > worst:
                    worst, pick = t, j
        if pick < 0:
            return
        free[pick] = True
        index[m] = pick
        m += 1
