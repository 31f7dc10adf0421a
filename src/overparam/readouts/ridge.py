r"""Ridge readouts with a centre: the square loss solved exactly for the last layer.

For features $\Phi$ (N x M), outputs $s\Phi U$ and the risk
$R = |s\Phi U - Y|^2/(2\lambda N) + s|U - c|^2/2$ the optimum solves
$(K + \lambda I) U = B + \lambda c$ with $K = s\Phi^\top\Phi/N$, $B = \Phi^\top Y/N$.
"""

import jax.numpy as jnp
from jax.scipy.linalg import cho_factor, cho_solve
from jaxtyping import Array, Float


def solve_positive(
    matrix: Float[Array, "n n"], right: Float[Array, "n k"], *, shift: Float[Array, ""]
) -> Float[Array, "n k"]:
    r"""Solve $(A + \text{shift}\, I) X = B$ for symmetric semi-definite $A$."""
    shifted = matrix + shift * jnp.eye(matrix.shape[0], dtype=matrix.dtype)
    return cho_solve(cho_factor(shifted, lower=True), right)


def ridge_readout(
    features: Float[Array, "n m"],
    targets: Float[Array, "n k"],
    *,
    penalty: Float[Array, ""],
    centre: Float[Array, ""] | Float[Array, "m k"],
    scale: float,
) -> Float[Array, "m k"]:
    r"""The readout that minimises $|s\Phi U - Y|^2/(2\lambda N) + s|U - c|^2/2$.

    The smaller of the two systems is factored. In the dual form $U = c + \Phi^\top a/N$
    with $(\tfrac{s}{N}\Phi\Phi^\top + \lambda) a = Y - s\Phi c$. With unit roundoff u
    and the largest eigenvalue $e$ of the system the readout is accurate to about
    $u (e + \lambda) / \lambda$; it is NaN where rounding leaves no factor.

    Args:
        features: Features $\Phi$, shape `(n_samples, width)`.
        targets: Targets $Y$, shape `(n_samples, n_outputs)`.
        penalty: $\lambda$, positive.
        centre: $c$, the readout that the penalty prefers: a number or one per entry.
        scale: Output scale $s$ of the network.

    Returns:
        The readout, shape `(width, n_outputs)`.

    Reference: Barboni, Peyré, Vialard, arXiv 2504.18208, section 2 (f(t) = t^2/2 is
    centre 0, f(t) = (t - 1)^2/2 is centre 1).

    Example:
        ```python
        features = network.features(x)
        best = op.readouts.ridge_readout(
            features, y, penalty=jnp.asarray(1e-2), centre=jnp.asarray(0.0), scale=1.0
        )
        ```
    """
    n, m = features.shape
    centre = jnp.broadcast_to(centre, (m, targets.shape[1]))
    if m <= n:
        gram = (scale / n) * (features.T @ features)
        # In this order, or XLA merges both products with `features.T` into one of an
        # odd number of columns: twice as slow at width 1024.
        right = (targets.T @ features).T / n + penalty * centre
        return solve_positive(gram, right, shift=penalty)
    gram = (scale / n) * (features @ features.T)
    dual = solve_positive(gram, targets - scale * (features @ centre), shift=penalty)
    return centre + features.T @ dual / n
