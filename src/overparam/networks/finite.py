"""The check that a network holds numbers only."""

import jax
import numpy as np
from jax.core import Tracer
from jaxtyping import PyTree

from ..errors import ConfigError


def check_finite(network: PyTree, *, name: str = "network") -> None:
    """Every weight of `network` is finite.

    Inside a JAX transformation weights have no values yet and nothing is checked.

    Raises:
        ConfigError: Naming the first weight that is NaN or infinite.
    """
    for path, leaf in jax.tree_util.tree_leaves_with_path(network):
        if not isinstance(leaf, jax.Array | np.ndarray) or isinstance(leaf, Tracer):
            continue
        finite = np.isfinite(np.asarray(leaf))
        if not finite.all():
            where = jax.tree_util.keystr(path, simple=True, separator=".")
            index = ", ".join(str(i) for i in np.argwhere(~finite)[0])
            raise ConfigError(
                f"`{name}` contains non-finite weights (first at `{where}[{index}]`)."
            )
