"""The precision of runs, as a block and never as a setting of the process."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any


def precision(*configs: Mapping[str, Any]) -> AbstractContextManager[object]:
    """A block in which JAX computes as the configs ask, in the widest precision of all.

    In a narrower one the weights of a stored run would be rounded.
    """
    import jax

    return jax.enable_x64(any(c.get("precision") == "float64" for c in configs))
