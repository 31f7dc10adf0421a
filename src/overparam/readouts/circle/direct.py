r"""A direct O(M) solver for the Gram matrix of ReLU features on the circle.

$(z)_+ = (z + |z|)/2$ and $|w \cdot x|$ does not see the signs of $w$ and $x$. With
neurons sorted by $\beta$ (see `Folded`) the matrix of $\mathbb{E}|w_j x||w_k x|$ is
symmetric semiseparable of order 4, $A_{jk} = U_j \cdot V_k$ for $j \le k$, and

$$4K/s = A + Z J Z^\top, \quad Z = [W, B], \quad B_k = (2 S_k - C_T) w_k,$$

has rank 4 beside it. $A$ is factored in blocks of neurons, each seen by the next
through 4 numbers per neuron; the rest is Woodbury's formula.
"""

import jax
import jax.numpy as jnp
from jax.lax.linalg import triangular_solve
from jaxtyping import Array, Float

from .folded import Folded, times


BLOCK = 32
"""Neurons per block; the fastest of 8 to 64 at all widths tried (2-core CPU)."""


def gram(folded: Folded) -> Float[Array, "width width"]:
    """$K/s$ for sorted neurons, in O(M^2)."""
    left, right = _generators(folded)
    upper = left @ right.T
    ordered = jnp.triu(jnp.ones(upper.shape, bool))
    absolute = jnp.where(ordered, upper, upper.T)
    frame = _frame(folded)
    core = jnp.linalg.inv(_inverse_core(folded))
    return (absolute + frame @ core @ frame.T) / 4


def solve(
    folded: Folded,
    right: Float[Array, "width k"],
    *,
    penalty: Float[Array, ""],
    scale: float,
) -> Float[Array, "width k"]:
    r"""$(K + \lambda I)^{-1}$ times right-hand sides, for sorted neurons, in O(M).

    Args:
        folded: The neurons and the data.
        right: Right-hand sides in sorted order.
        penalty: $\lambda$.
        scale: Output scale $s$ of the network.

    Returns:
        The solutions. Their residuals grow like 1e-17/penalty of the right-hand side:
        `CircleProblem` looks at them.
    """
    # Columns of Z are right-hand sides like any other: one sweep solves for all.
    frame = _frame(folded)
    columns = jnp.concatenate([right, frame], axis=1)
    solved = _solve_semiseparable(folded, columns, penalty=penalty, scale=scale)
    k = right.shape[1]
    plain, bent = solved[:, :k], solved[:, k:]
    # Woodbury's formula needs the inverse of J only, which has a closed form.
    small = (4 / scale) * _inverse_core(folded) + frame.T @ bent
    return plain - bent @ jnp.linalg.solve(small, frame.T @ plain)


def _generators(
    folded: Folded,
) -> tuple[Float[Array, "width 4"], Float[Array, "width 4"]]:
    """U and V of the semiseparable part."""
    p = folded.sign * folded.weights
    # The folded moment up to beta, but for a constant that U V^T does not see.
    below = folded.low[:, :3] + folded.high[:, :3]
    left = jnp.concatenate([p, times(below, p)], axis=1)
    right = jnp.concatenate([times(folded.total[:, :3] - 2 * below, p), 2 * p], axis=1)
    return left, right


def _frame(folded: Folded) -> Float[Array, "width 4"]:
    """Z = [W, B]."""
    total = folded.total[:, :3]
    seen = folded.over_half_circles(folded.low[:, :3], folded.high[:, :3], total)
    return jnp.concatenate(
        [folded.weights, times(2 * seen - total, folded.weights)], axis=1
    )


def _inverse_core(folded: Folded) -> Float[Array, "4 4"]:
    total = folded.total[0]
    moment = jnp.array([[total[0], total[1]], [total[1], total[2]]])
    zero, one = jnp.zeros_like(moment), jnp.eye(2, dtype=moment.dtype)
    return jnp.block([[zero, one], [one, -moment]])


def _solve_semiseparable(
    folded: Folded,
    columns: Float[Array, "width k"],
    *,
    penalty: Float[Array, ""],
    scale: float,
) -> Float[Array, "width k"]:
    """Blocked Cholesky factorisation and solution with s A/4 + penalty I."""
    width, k = columns.shape
    dtype = columns.dtype
    n_blocks = -(-width // BLOCK)

    # Neurons of zeros fill the last block: they see no other neuron, their diagonal is
    # the penalty, and they solve to zero.
    def blocks(rows: Float[Array, "width r"]) -> Float[Array, "n block r"]:
        padded = jnp.pad(rows, ((0, n_blocks * BLOCK - width), (0, 0)))
        return padded.reshape(n_blocks, BLOCK, rows.shape[1])

    left, right = _generators(folded)
    lefts, rights = blocks(left), blocks(right * (scale / 4))
    # U V^T is the matrix on and above its diagonal only; below, that is mirrored.
    upper = jnp.einsum("bir,bjr->bij", lefts, rights)
    ordered = jnp.triu(jnp.ones((1, BLOCK, BLOCK), bool))
    diagonal = jnp.where(ordered, upper, jnp.swapaxes(upper, 1, 2))
    diagonal = diagonal + penalty * jnp.eye(BLOCK, dtype=dtype)[None]

    # A block of the Cholesky factor below the diagonal is V_k G_j^T, where the gain G_j
    # is U_j after all that was eliminated before it. So the sums of G^T G (`past`) and
    # of G^T times the solved right-hand sides (`sums`) are all that later blocks need.
    def eliminate(carry, block):
        past, sums = carry
        left, right, diagonal, columns = block
        seen = right @ past
        # Symmetric by construction, which saves a pass over every block.
        factor = jnp.linalg.cholesky(diagonal - seen @ right.T, symmetrize_input=False)
        both = jnp.concatenate([left - seen, columns - right @ sums], axis=1)
        both = triangular_solve(factor, both, left_side=True, lower=True)
        gain, solved = both[:, :4], both[:, 4:]
        return (past + gain.T @ gain, sums + gain.T @ solved), (factor, gain, solved)

    # Backwards the roles change: later blocks act through the sums of V^T x.
    def substitute(sums, block):
        factor, gain, right, solved = block
        solved = triangular_solve(
            factor, solved - gain @ sums, left_side=True, lower=True, transpose_a=True
        )
        return sums + right.T @ solved, solved

    start = jnp.zeros((4, 4), dtype), jnp.zeros((4, k), dtype)
    _, (factors, gains, solved) = jax.lax.scan(
        eliminate, start, (lefts, rights, diagonal, blocks(columns))
    )
    _, solved = jax.lax.scan(
        substitute, start[1], (factors, gains, rights, solved), reverse=True
    )
    return solved.reshape(n_blocks * BLOCK, k)[:width]
