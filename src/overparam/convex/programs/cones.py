r"""Second-order cones in batches: arrow algebra and Nesterov-Todd scaling.

A batch of points of $Q = \{(a_0, a_1) : a_0 \ge \|a_1\|\}$ is an `Arrow`. Everything
is written so that no difference of nearly equal squares is formed: near the boundary
of the cone $a_0^2 - \|a_1\|^2$ has no correct digit left, $(a_0 - \|a_1\|)(a_0 +
\|a_1\|)$ has.

Reference: Vandenberghe 2010, The CVXOPT linear and quadratic cone program solvers.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Arrow(NamedTuple):
    """A batch of vectors split in their first entry and the rest."""

    head: Float[np.ndarray, " cones"]
    tail: Float[np.ndarray, "cones d"]

    def plus(self, other: "Arrow", factor: float = 1.0) -> "Arrow":
        """The sum of this and `factor` times `other`."""
        return Arrow(self.head + factor * other.head, self.tail + factor * other.tail)

    def times(self, factor: float) -> "Arrow":
        """This times `factor`."""
        return Arrow(factor * self.head, factor * self.tail)


class Scaling(NamedTuple):
    r"""The symmetric $W$ with $W \zeta = W^{-1} s$, one per cone.

    $W a = e (w_0 a_0 + w_1^T a_1,\; a_0 w_1 + a_1 + w_1 (w_1^T a_1)/(1 + w_0))$.
    """

    size: Float[np.ndarray, " cones"]
    head: Float[np.ndarray, " cones"]
    tail: Float[np.ndarray, "cones d"]

    def apply(self, a: Arrow) -> Arrow:
        """The product $W a$."""
        return self._hyperbolic(a, 1.0, self.size)

    def apply_inverse(self, a: Arrow) -> Arrow:
        """The product $W^{-1} a$."""
        return self._hyperbolic(a, -1.0, 1 / self.size)

    def apply_inverse_square(self, a: Arrow) -> Arrow:
        r"""The product $W^{-2} a$."""
        along = dots(self.tail, a.tail)
        weight = 1 / self.size**2
        head = (2 * self.head**2 - 1) * a.head - 2 * self.head * along
        slope = 2 * (along - self.head * a.head)
        tail = a.tail + slope[:, None] * self.tail
        return Arrow(weight * head, weight[:, None] * tail)

    def _hyperbolic(
        self, a: Arrow, sign: float, factor: Float[np.ndarray, " cones"]
    ) -> Arrow:
        along = dots(self.tail, a.tail)
        slope = sign * a.head + along / (1 + self.head)
        return Arrow(
            factor * (self.head * a.head + sign * along),
            factor[:, None] * (a.tail + slope[:, None] * self.tail),
        )


def dots(
    a: Float[np.ndarray, "cones d"], b: Float[np.ndarray, "cones d"]
) -> Float[np.ndarray, " cones"]:
    """Inner product of each row of `a` with the same row of `b`."""
    return np.einsum("gd,gd->g", a, b)


def norms(a: Float[np.ndarray, "cones d"]) -> Float[np.ndarray, " cones"]:
    """Euclidean norm of each row."""
    return np.sqrt(dots(a, a))


def inner(a: Arrow, b: Arrow) -> float:
    """Sum over the cones of the inner products."""
    return float(a.head @ b.head + np.vdot(a.tail, b.tail))


def inside(a: Arrow) -> bool:
    """Whether every cone point is in the interior of its cone."""
    return bool(np.all(a.head > norms(a.tail)))


def product(a: Arrow, b: Arrow) -> Arrow:
    r"""The arrow product $(a^T b,\; a_0 b_1 + b_0 a_1)$."""
    return Arrow(
        a.head * b.head + dots(a.tail, b.tail),
        a.head[:, None] * b.tail + b.head[:, None] * a.tail,
    )


def divide(a: Arrow, b: Arrow) -> Arrow:
    """The solution $x$ of $a . x = b$ for interior `a`."""
    head = (a.head * b.head - dots(a.tail, b.tail)) / _j_norm(a) ** 2
    return Arrow(head, (b.tail - head[:, None] * a.tail) / a.head[:, None])


def nesterov_todd(s: Arrow, zeta: Arrow) -> Scaling:
    r"""The scaling with $W \zeta = W^{-1} s$ for interior points."""
    size_s, size_zeta = _j_norm(s), _j_norm(zeta)
    head_s, tail_s = s.head / size_s, s.tail / size_s[:, None]
    head_zeta, tail_zeta = zeta.head / size_zeta, zeta.tail / size_zeta[:, None]
    cosine = head_s * head_zeta + dots(tail_s, tail_zeta)
    twice_gamma = np.sqrt(2 * (1 + cosine))
    return Scaling(
        size=np.sqrt(size_s / size_zeta),
        head=(head_s + head_zeta) / twice_gamma,
        tail=(tail_s - tail_zeta) / twice_gamma[:, None],
    )


def max_step(a: Arrow, step: Arrow) -> float:
    """The largest multiple of `step` (possibly infinite) that stays in every cone."""
    quadratic = step.head**2 - dots(step.tail, step.tail)
    half_linear = a.head * step.head - dots(a.tail, step.tail)
    constant = _j_norm(a) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(half_linear**2 - quadratic * constant)
        q = -(half_linear + np.where(half_linear < 0, -root, root))
        candidates = np.stack([q / quadratic, constant / q, -a.head / step.head])
    candidates[2, step.head >= 0] = np.inf
    positive = candidates > 0  # False for the NaN of a negative discriminant.
    return float(np.min(candidates, where=positive, initial=np.inf))


def max_step_positive(
    a: Float[np.ndarray, "*shape"], step: Float[np.ndarray, "*shape"]
) -> float:
    """The largest multiple of `step` that keeps `a` nonnegative."""
    falling = step < 0
    if not falling.any():
        return np.inf
    return float(np.min(-a[falling] / step[falling]))


def _j_norm(a: Arrow) -> Float[np.ndarray, " cones"]:
    size = norms(a.tail)
    return np.sqrt((a.head - size) * (a.head + size))
