"""Heavy-tailed noise on hidden weights, as an optax transformation."""

import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from ..checks import one_of
from ..networks.layers import (
    hidden_layers,
    outputs_first,
    path_name,
    turn,
    turn_back,
)
from .ranges import IsotropicScale, Kind, Unit, check_exponent, check_kind, check_level
from .stable import isotropic_blocks, symmetric_stable


Scalar = float | Float[Array, ""] | Callable[[Any], Any]
"""A number, an array or an optax schedule: step -> value."""


class HeavyTailNoise(eqx.Module):
    r"""The noise $s\, \xi$ that one step adds, with $s = \sigma\, \eta^{1/\alpha}$.

    For a dense layer the unit is a neuron, the column $w_j$ of the weights. To it

    - `shared` adds $s\, x_j (1, \dots, 1)$ with one symmetric stable $x_j$,
    - `entrywise` adds $s\, (x_{j1}, \dots, x_{jd})$,
    - `isotropic` adds $s \sqrt{2 A_j}\, G_j$, a rotation-invariant stable vector,
    - `none` adds nothing.

    At `alpha = 2` every kind gives Gaussian entries of variance $2 s^2$.

    Attributes:
        kind: One of the four.
        alpha: Tail index in (0, 2], a number, an array or a schedule.
        sigma: Noise level, at least 0, likewise.
        unit: Unit of a convolution kernel `(height, width, in, out)`: a whole output
            `filter`, or each (in, out) `kernel`.
        layers: Shell patterns of the noised parameters; empty for every hidden weight
            but the first convolution, or that one alone.
        rescale: Whether $s$ has the factor $\eta^{1/\alpha}$.
        isotropic_scale: `reference` adds $\sqrt{A_j}\, G_j$, as the code published
            with the paper does.

    Reference: Wan, Barsbey, Zaidi, Simsekli, ICML 2024 (arXiv 2306.08125), section 3.

    Example:
        ```python
        noise = op.noise.HeavyTailNoise("isotropic", alpha=1.75, sigma=0.01)
        drawn = noise.draw(network, learning_rate=1e-3, step=jnp.asarray(0), key=key)
        noisy = op.noise.add_noise(network, drawn)
        ```
    """

    kind: Kind = eqx.field(static=True, default="shared")
    alpha: Scalar = 1.9
    sigma: Scalar = 1.0
    unit: Unit = eqx.field(static=True, default="filter")
    layers: tuple[str, ...] = eqx.field(static=True, default=())
    rescale: bool = eqx.field(static=True, default=True)
    isotropic_scale: IsotropicScale = eqx.field(static=True, default="standard")

    def __check_init__(self) -> None:
        check_kind(self.kind)
        one_of(["filter", "kernel"], noise_unit=self.unit)
        one_of(["standard", "reference"], isotropic_scale=self.isotropic_scale)
        if isinstance(self.alpha, int | float):
            check_exponent(2.0, alpha=self.alpha)
        if isinstance(self.sigma, int | float):
            check_level(self.sigma)

    def scale(self, learning_rate: Scalar, step: Int[Array, ""]) -> Float[Array, ""]:
        r"""$s_t = \sigma\, \eta_t^{1/\alpha}$ with the values of step t."""
        sigma, alpha = _value(self.sigma, step), _value(self.alpha, step)
        if not self.rescale:
            return jnp.asarray(sigma)
        eta = _value(learning_rate, step)
        exponent = jnp.asarray(1 / alpha)
        eta, sigma = jnp.asarray(eta, exponent.dtype), jnp.asarray(sigma)
        return sigma.astype(exponent.dtype) * eta**exponent

    def draw(
        self,
        tree: PyTree,
        *,
        learning_rate: Scalar,
        step: Int[Array, ""],
        key: PRNGKeyArray,
    ) -> PyTree:
        r"""The noise $s_t \xi_t$ of step t for every noised leaf; `None` elsewhere.

        Args:
            tree: Network, parameters or updates: only paths, shapes and types count.
            learning_rate: Step size $\eta$, a number or a schedule.
            step: Index t of the step, from 0.
            key: Random key of the run; the draw depends on (key, t, path) alone.
        """
        noised = (
            () if self.kind == "none" else hidden_layers(tree, patterns=self.layers)
        )
        scale = self.scale(learning_rate, step)
        alpha = _value(self.alpha, step)
        step_key = jax.random.fold_in(key, step)
        turned = outputs_first(tree)

        def leaf_noise(path: tuple, leaf: Array) -> Array | None:
            name = path_name(path)
            if name not in noised:
                return None
            leaf_key = jax.random.fold_in(step_key, zlib.crc32(name.encode()))
            if name in turned:
                drawn = turn_back(self._unscaled(turn(leaf), alpha, leaf_key))
            else:
                drawn = self._unscaled(leaf, alpha, leaf_key)
            return scale.astype(drawn.dtype) * drawn

        return jax.tree_util.tree_map_with_path(leaf_noise, tree)

    def _unscaled(
        self, leaf: Array, alpha: float | Array, key: PRNGKeyArray
    ) -> Float[Array, "..."]:
        # Draws keep float32 for half-precision weights: small noise would vanish.
        dtype = np.float64 if leaf.dtype == np.float64 else np.float32
        if isinstance(alpha, jax.Array):
            alpha = alpha.astype(dtype)
        if self.kind == "entrywise":
            return symmetric_stable(alpha, leaf.shape, dtype=dtype, key=key)
        units = unit_shape(leaf.shape, unit=self.unit)
        if self.kind == "shared":
            return symmetric_stable(alpha, units, dtype=dtype, key=key)
        drawn = isotropic_blocks(alpha, leaf.shape, units, dtype=dtype, key=key)
        return drawn * (0.5**0.5 if self.isotropic_scale == "reference" else 1.0)


class NoiseState(NamedTuple):
    """Number of steps taken, and the raw data of the noise key."""

    step: Int[Array, ""]
    key_data: Array


def heavy_tail_noise(
    noise: HeavyTailNoise, learning_rate: Scalar, *, key: PRNGKeyArray
) -> optax.GradientTransformation:
    r"""Add $s_t \xi_t$ to the updates: chain it **last**, after the step size.

    Works with any optax optimiser. `learning_rate` is the $\eta$ of $s_t = \sigma\,
    \eta_t^{1/\alpha}$ with its current value; the mean-field algorithm takes steps of
    $\eta n$ on the gradient and noise of $\eta$.

    Args:
        noise: The law of the noise.
        learning_rate: Step size, a number or a schedule.
        key: Random key of the noise.

    Returns:
        A gradient transformation whose state can be checkpointed.

    Example:
        ```python
        law = op.noise.HeavyTailNoise("shared", alpha=1.9, sigma=0.01)
        noise = op.noise.heavy_tail_noise(law, 1e-3, key=key)
        optimiser = optax.chain(optax.adam(1e-3), noise)
        state = optimiser.init(network)
        ```
    """
    implementation = jax.random.key_impl(key)

    def init(params: PyTree) -> NoiseState:
        hidden_layers(params, patterns=noise.layers)
        return NoiseState(jnp.zeros((), jnp.int32), jax.random.key_data(key))

    def update(
        updates: PyTree, state: Any, params: PyTree = None
    ) -> tuple[PyTree, NoiseState]:
        del params
        run_key = jax.random.wrap_key_data(state.key_data, impl=implementation)
        drawn = noise.draw(
            updates, learning_rate=learning_rate, step=state.step, key=run_key
        )
        return add_noise(updates, drawn), NoiseState(state.step + 1, state.key_data)

    return optax.GradientTransformation(init, update)


def add_noise(tree: PyTree, drawn: PyTree) -> PyTree:
    r"""$\theta + s\,\xi$ with what `HeavyTailNoise.draw` gave, in the types of `tree`.

    Example:
        ```python
        noise = op.noise.HeavyTailNoise("shared", alpha=1.9, sigma=0.01)
        drawn = noise.draw(network, learning_rate=1e-3, step=jnp.asarray(0), key=key)
        noisy = op.noise.add_noise(network, drawn)
        assert jnp.array_equal(noisy.readout, network.readout)  # hidden weights alone
        ```
    """
    leaves, structure = jax.tree.flatten(tree)
    # `drawn` has the structure of `tree` with `None` at the leaves that stay.
    added = structure.flatten_up_to(drawn)
    total = [
        leaf if noise is None else (leaf.astype(noise.dtype) + noise).astype(leaf.dtype)
        for leaf, noise in zip(leaves, added, strict=True)
    ]
    return jax.tree.unflatten(structure, total)


def unit_shape(shape: tuple[int, ...], *, unit: Unit) -> tuple[int, ...]:
    """Shape of one number per unit, ready to broadcast against the weights.

    A matrix has one unit per column, a vector one per entry; a convolution kernel one
    per output filter, or one per (in, out) pair.
    """
    if len(shape) == 4:
        return (1, 1, 1, shape[3]) if unit == "filter" else (1, 1, *shape[2:])
    return shape if len(shape) < 2 else (1,) * (len(shape) - 1) + shape[-1:]


def _value(scalar: Scalar, step: Int[Array, ""]) -> float | Array:
    return scalar(step) if callable(scalar) else scalar
