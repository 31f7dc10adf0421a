"""Design matrices and planted labels of the recovery study.

Everything is drawn on the host in float64, from a generator seeded by the key, so that
the data are the same numbers with and without JAX's x64 flag.
"""

from typing import Literal

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from ...checks import at_least, counts, one_of
from ...errors import ConfigError


Design = Literal["gaussian", "cubic", "whitened-gaussian", "whitened-cubic"]
Planted = Literal["gaussian", "smallest-singular", "axes", "opposite-pair"]

_MAX_REDRAWS = 100


def generator(key: PRNGKeyArray) -> np.random.Generator:
    """A NumPy generator that is a function of the key alone."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).tolist())


def design_matrix(
    design: Design,
    *,
    n_samples: int,
    dimension: int,
    rescale: bool = False,
    key: PRNGKeyArray,
) -> Float[np.ndarray, "n d"]:
    r"""Random inputs, one sample a row.

    With $G_{ki} \sim N(0, 1/n)$: `gaussian` is $G$, `cubic` its elementwise cube, and
    the whitened designs are $U$ of the thin singular value decomposition
    $G = U S V^T$ (or $V^T$ when $n < d$), so that $X^T X = I$ (or $X X^T = I$).

    Args:
        design: Name of the distribution.
        n_samples: Number of rows $n$.
        dimension: Number of columns $d$.
        rescale: Give the entries of `cubic` variance $1/n$ instead of $15/n^3$.
        key: Random key.

    Reference: Wang, Hua, Candès, Pilanci 2022 (arXiv 2209.15265), section 6.

    Example:
        ```python
        name = "whitened-gaussian"
        x = op.data.design_matrix(name, n_samples=20, dimension=3, key=key)
        assert np.allclose(x.T @ x, np.eye(3), atol=1e-5)
        ```
    """
    one_of(_DESIGNS, design=design)
    counts(n_samples=n_samples, dimension=dimension)
    x = generator(key).standard_normal((n_samples, dimension)) / np.sqrt(n_samples)
    if design.endswith("cubic"):
        x = x**3
        if rescale:
            x *= n_samples / np.sqrt(15)
    if design.startswith("whitened"):
        left, _, right = np.linalg.svd(x, full_matrices=False)
        x = left if n_samples >= dimension else right
    return x


def planted_directions(
    planted: Planted,
    x: Float[np.ndarray, "n d"],
    *,
    n_planted: int = 1,
    key: PRNGKeyArray,
) -> Float[np.ndarray, "k d"]:
    """Unit weights of the planted neurons, one a row.

    `gaussian` directions are uniform on the sphere; `smallest-singular` is the last
    right singular vector of `x` with a positive first entry; `axes` are the first
    `n_planted` unit vectors; `opposite-pair` is a random direction and its negative.

    Raises:
        ConfigError: If the number of neurons does not suit the kind.
    """
    one_of(_PLANTED, planted=planted)
    check_planted(planted, n_planted=n_planted, dimension=x.shape[1])
    if planted == "axes":
        return np.eye(n_planted, x.shape[1])
    if planted == "smallest-singular":
        direction = np.linalg.svd(x)[2][-1:]
        return direction if direction[0, 0] > 0 else -direction
    n_drawn = 1 if planted == "opposite-pair" else n_planted
    drawn = generator(key).standard_normal((n_drawn, x.shape[1]))
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return np.concatenate([drawn, -drawn]) if planted == "opposite-pair" else drawn


def check_planted(planted: Planted, *, n_planted: int, dimension: int) -> None:
    """The number of planted neurons suits their kind."""
    counts(n_planted=n_planted)
    if planted == "axes" and n_planted > dimension:
        raise ConfigError(
            f"`n_planted`={n_planted} axes do not fit in dimension {dimension}."
        )
    if planted == "opposite-pair" and n_planted != 2:
        raise ConfigError(f"`opposite-pair` needs n_planted=2, got {n_planted}.")
    if planted == "smallest-singular" and n_planted != 1:
        raise ConfigError(f"`smallest-singular` needs n_planted=1, got {n_planted}.")


def label_noise(
    n_samples: int, noise: float, *, key: PRNGKeyArray
) -> Float[np.ndarray, " n"]:
    r"""Noise with entries $N(0, \sigma^2/n)$, so that its norm is about $\sigma$."""
    at_least(0, noise=noise)
    return noise / np.sqrt(n_samples) * generator(key).standard_normal(n_samples)


def draw_alive(
    planted: Planted,
    x: Float[np.ndarray, "n d"],
    *,
    n_planted: int,
    key: PRNGKeyArray,
) -> Float[np.ndarray, "k d"]:
    """Planted directions, redrawn until every neuron is active on some sample.

    Raises:
        ConfigError: After 100 draws.
    """
    for attempt in range(_MAX_REDRAWS):
        directions = planted_directions(
            planted, x, n_planted=n_planted, key=jax.random.fold_in(key, attempt)
        )
        hidden = np.maximum(x @ directions.T, 0)
        if np.linalg.norm(hidden, axis=0).min() >= _DEAD:
            return directions
    raise ConfigError(
        f"the planted neuron is dead on all samples after {_MAX_REDRAWS} draws; raise "
        "n_samples."
    )


_DESIGNS = ("gaussian", "cubic", "whitened-gaussian", "whitened-cubic")
_PLANTED = ("gaussian", "smallest-singular", "axes", "opposite-pair")
_DEAD = 1e-10
