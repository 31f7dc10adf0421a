"""Two Gaussian classes: a data set that needs no files."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from ...checks import arrays_by_shape, counts, positive
from ...drawing import fair_coins, normal
from ..source import Batch


@arrays_by_shape
class Parts(NamedTuple):
    """Training and test samples."""

    train: Batch
    test: Batch


@partial(jax.jit, static_argnums=0, static_argnames="dtype")
def direction(
    dim: int, *, dtype: DTypeLike = "float32", key: PRNGKeyArray
) -> Float[Array, " dim"]:
    r"""A uniform unit vector $\mu$."""
    drawn = normal(key, (dim,), dtype)
    return drawn / jnp.linalg.norm(drawn)


def gaussian_mixture(
    mean: Float[Array, " dim"],
    n_train: int,
    n_test: int,
    *,
    separation: float = 1.6,
    key: PRNGKeyArray,
) -> Parts:
    r"""$x = s (2y - 1) \mu + N(0, I)$ with fair labels $y \in \{0, 1\}$.

    The best classifier has accuracy $\Phi(s)$: .9452 at $s = 1.6$.

    Args:
        mean: Unit vector $\mu$.
        n_train: Number of training samples.
        n_test: Number of test samples.
        separation: Half the distance s of the class means.
        key: Random key.

    Example:
        ```python
        mean = np.eye(3)[0]
        parts = op.data.gaussian_mixture(mean, 100, 50, separation=1.6, key=key)
        ```
    """
    counts(n_train=n_train, n_test=n_test)
    positive(separation=separation)
    x, y = _draw(mean, n_train + n_test, separation, key)
    return Parts(Batch(x[:n_train], y[:n_train]), Batch(x[n_train:], y[n_train:]))


@partial(jax.jit, static_argnums=(1, 2))
def _draw(
    mean: Float[Array, " dim"], n: int, separation: float, key: PRNGKeyArray
) -> Batch:
    key_labels, key_inputs = jax.random.split(key)
    y = fair_coins(key_labels, (n,)).astype("int32")
    signs = (2 * y - 1).astype(mean.dtype)
    noise = normal(key_inputs, (n, mean.size), mean.dtype)
    return Batch(separation * signs[:, None] * mean[None] + noise, y)
