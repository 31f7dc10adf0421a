"""What is trained: every network is features followed by a linear readout."""

import abc
from types import MappingProxyType
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..checks import finite
from ..errors import ConfigError
from .product import product


LATER = MappingProxyType({"later": True})
"""Metadata of a field that stored networks of earlier versions lack."""


class Network(eqx.Module):
    r"""A network $f(x) = s \, \phi(x) \, U$: features $\phi$, readout $U$, scale $s$.

    Because every network has `features` and `readout`, variable projection, exact
    readouts, resampling and pruning are written once and serve them all. Batches come
    first, so that the work is one matrix product and never a `vmap` over samples.

    Attributes:
        readout: Output weights $U$, shape `(width, n_outputs)`.
        scale: Output scale $s$: 1 (standard), 1/width (mean-field) or
            1/sqrt(width) (NTK).
        constants: Names of fields whose arrays nothing trains, shakes or prunes.

    Example:
        ```python
        outputs = network.scale * network.features(x) @ network.readout
        assert jnp.allclose(network(x), outputs)
        ```
    """

    constants: ClassVar[tuple[str, ...]] = ()
    readout: eqx.AbstractVar[Float[Array, "width n_outputs"]]
    scale: eqx.AbstractVar[float]

    @abc.abstractmethod
    def features(self, x: Float[Array, "batch *input"]) -> Float[Array, "batch width"]:
        """Features of a batch of inputs, shape `(batch, width)`."""

    def __call__(
        self, x: Float[Array, "batch *input"]
    ) -> Float[Array, "batch n_outputs"]:
        """Outputs of a batch of inputs, shape `(batch, n_outputs)`."""
        return self.scale * product(self.features(x), self.readout)


class Wrapped(Network):
    r"""$f(x) = s \, \phi(x) \, U$ with features $\phi$ and scale $s$ of a module.

    Attributes:
        module: The module, without its readout.
        readout: Output weights $U$, shape `(width, n_outputs)`.
    """

    module: Any
    readout: Float[Array, "width n_outputs"]

    @property
    def scale(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Output scale $s$; 1 where the module has none."""
        return getattr(self.module, "scale", 1.0)

    def features(self, x: Float[Array, "batch *input"]) -> Float[Array, "batch width"]:
        return self.module.features(x)


def wrap(module: eqx.Module) -> Network:
    """An equinox module with `features`, `readout` and `scale` as a network.

    Args:
        module: `features(x)` maps a batch of inputs to features of shape
            `(batch, width)` and uses no readout; `readout` has the shape
            `(width, n_outputs)`; `scale` is a number, 1 where there is none.

    Raises:
        ConfigError: If it has no such parts.

    Example:
        ```python
        class Cosines(eqx.Module):
            readout: jax.Array

            def features(self, x):
                return jnp.cos(x)

        net = op.wrap(Cosines(jnp.ones((3, 1))))
        assert jnp.allclose(net(x), jnp.cos(x).sum(axis=1, keepdims=True))
        ```
    """
    if isinstance(module, Network):
        return module
    kind = type(module).__name__
    if not isinstance(module, eqx.Module) or not callable(
        getattr(module, "features", None)
    ):
        raise ConfigError(
            "What is wrapped must be an equinox module with a method `features` and a "
            f"matrix `readout`, got an object of type {kind}: write a module that has "
            "both, or give a file of its weights to `load_network`."
        )
    readout: Any = getattr(module, "readout", None)
    scale = getattr(module, "scale", 1.0)
    is_real = eqx.is_inexact_array(readout) and not jnp.iscomplexobj(readout)
    if not is_real or readout.ndim != 2:
        raise ConfigError(
            f"`readout` of the {kind} must be a real matrix of shape (width, "
            f"n_outputs), got {getattr(readout, 'shape', readout)!r}."
        )
    is_scalar = eqx.is_array_like(scale) and jnp.ndim(scale) == 0
    if not is_scalar or jnp.iscomplexobj(scale):
        raise ConfigError(f"`scale` of the {kind} must be a number, got {scale!r}.")
    if isinstance(scale, int | float):
        finite(scale=scale)
    bare = eqx.tree_at(lambda each: each.readout, module, None)
    parts: dict[str, Any] = {"module": bare, "readout": jnp.asarray(readout)}
    return Wrapped(**parts)


def check_network(network: object) -> None:
    """Refuse what is no network, and has none of its methods."""
    if not isinstance(network, Network):
        raise ConfigError(
            "`network` must be a network, as `two_layer` makes one, or `wrap` of a "
            f"module of your own, got an object of type {type(network).__name__}."
        )


def unwrapped(network: eqx.Module) -> eqx.Module:
    """The module of a wrapped one, with its readout; any other network itself."""
    if not isinstance(network, Wrapped):
        return network
    # Its readout is the `None` that stands in the place of one.
    return eqx.tree_at(
        lambda each: each.readout,
        network.module,
        network.readout,
        is_leaf=lambda leaf: leaf is None,
    )


def output_shape(network: Network, x: Any, *, of: str = "the data have") -> Any:
    """The shape of the outputs at inputs, of which only shape and type are looked at.

    Raises:
        ConfigError: If the network takes other inputs than these, which are `of`
            something.
    """
    try:
        return eqx.filter_eval_shape(network, x).shape
    except (ConfigError, TypeError, ValueError):
        raise ConfigError(
            f"The network takes other inputs than those of shape {x.shape[1:]} that "
            f"{of}."
        ) from None
