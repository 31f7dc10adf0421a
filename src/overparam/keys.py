"""One random key per purpose, derived from one seed by name."""

import zlib

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from .checks import seeds, written
from .errors import ConfigError


def check_key(key: object, *, name: str) -> None:
    """Refuse what is no single random key.

    Raises:
        ConfigError: If it is none.
    """
    dtype, shape = getattr(key, "dtype", None), getattr(key, "shape", None)
    typed = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)
    # Keys were arrays of words once, and still may be.
    if not (shape == () if typed else dtype == jnp.uint32 and len(shape or ()) == 1):
        raise ConfigError(
            f"`{name}` must be a random key, such as `jax.random.key(0)`, got "
            f"{written(key)}."
        )


def seed_key(seed: int) -> PRNGKeyArray:
    """The key of a seed, with all of its 64 bits.

    `jax.random.key` keeps 32 of them unless JAX's 64-bit mode is on, so that the
    precision would change the numbers, and seeds that differ by 2^32 would be one.

    Raises:
        ConfigError: If `seed` is no whole number from 0 to 2^63 - 1.
    """
    seeds(seed=seed)
    words = jnp.asarray(np.array(divmod(int(seed), 2**32), np.uint32))
    return jax.random.wrap_key_data(words, impl="threefry2x32")


def purpose_key(seed: int, purpose: str) -> PRNGKeyArray:
    """The key of `purpose` ("data", "initialisation", "noise", ...) under `seed`.

    Keys of different purposes are independent, so that changing how one is used leaves
    the others as they were.

    Example:
        ```python
        data_key = op.purpose_key(0, "data")
        noise_key = op.purpose_key(0, "noise")  # independent of it
        ```
    """
    return jax.random.fold_in(seed_key(seed), zlib.crc32(purpose.encode()))
