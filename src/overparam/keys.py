"""One random key per purpose, derived from one seed by name."""

import zlib

import jax
from jaxtyping import PRNGKeyArray


def purpose_key(seed: int, purpose: str) -> PRNGKeyArray:
    """The key of `purpose` ("data", "initialisation", "noise", ...) under `seed`.

    Keys of different purposes are independent, so that changing how one is used leaves
    the others as they were.
    """
    return jax.random.fold_in(jax.random.key(seed), zlib.crc32(purpose.encode()))
