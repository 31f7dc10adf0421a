r"""Kernels of infinitely wide fully connected networks, in closed form.

With $F(K) = E\,\psi(a)\psi(b)$ and $F'(K) = E\,\psi'(a)\psi'(b)$ for $(a, b) \sim
N(0, K)$, layers of variances $v_l$ of weights and $b_l$ of biases, and gains $g_l$,
$c_l$ of the layers that train,

$$K^1 = v_1 \tfrac{x \cdot x'}{d} + b_1, \quad K^{l+1} = v_{l+1} F(K^l) + b_{l+1},$$
$$T^1 = g_1 \tfrac{x \cdot x'}{d} + c_1, \quad
T^{l+1} = g_{l+1} F(K^l) + c_{l+1} + v_{l+1} F'(K^l)\, T^l .$$

$K$ of the last layer is the covariance of outputs at initialisation, $T$ the tangent
kernel. References: Cho and Saul, NeurIPS 2009; Jacot, Gabriel, Hongler,
arXiv 1806.07572; Lee et al., arXiv 1902.06720.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...checks import arrays_by_shape, at_least, counts
from ...errors import ConfigError
from ...memory import Need, check_memory
from ...networks.activations import Activation
from ..gaussian import moments_of


LEAST_DIGITS = 1e-3
"""Relative error of integrals above which what is made of a kernel is no result. With
erf as a series, test losses of kernel regression on 40 inputs of deviation 3, 30 and
1000 were wrong by 2 %, 30 % and a factor of 30, those of deviation 1 by 3e-6."""

_TILE = 512
"""Rows and columns of a tile: its arrays stay in the cache of a core."""


class WideLayer(eqx.Module):
    r"""A layer of an infinitely wide network, of standard normal weights and biases.

    Attributes:
        weight_variance: $v$: weights are $\sqrt{v/\text{fan-in}}$ times their entries.
        bias_variance: $b$: biases are $\sqrt b$ times their entries.
        weight_gain: $g$, what training the weights adds to the tangent kernel: $v$ if
            the entries train, 0 if they do not.
        bias_gain: $c$, what training the biases adds: $b$ or 0.
    """

    weight_variance: float
    bias_variance: float
    weight_gain: float
    bias_gain: float

    def __check_init__(self) -> None:
        if all(isinstance(value, int | float) for value in vars(self).values()):
            at_least(0, **vars(self))


class WideMLP(eqx.Module):
    """A fully connected network of infinite width; called, it gives its kernels.

    Attributes:
        layers: One for each weight matrix, the readout last.
        activation: Name of the activation, or any function in JAX of an array, entry by
            entry.

    Example:
        ```python
        wide = op.limits.wide_mlp(2, weight_variance=2.0)
        covariance, tangent = wide(jnp.eye(3), jnp.eye(3))[:2]
        ```
    """

    layers: tuple[WideLayer, ...]
    activation: str | Activation = eqx.field(static=True, default="relu")

    def __check_init__(self) -> None:
        moments_of(self.activation)
        if not self.layers:
            raise ConfigError("`layers` must hold at least one layer, got none.")

    def __call__(
        self, x: Float[Array, "n input_dim"], others: Float[Array, "k input_dim"]
    ) -> tuple[Float[Array, "n k"], Float[Array, "n k"]]:
        """Covariance of outputs and tangent kernel in the type of the inputs.

        In JAX, differentiable everywhere; `wide_kernels` computes in float64.
        """
        integrals, first = moments_of(self.activation), self.layers[0]
        gram = x @ others.T / x.shape[1]
        kernel = first.weight_variance * gram + first.bias_variance
        tangent = first.weight_gain * gram + first.bias_gain
        rows, columns = self.variances(x)[0], self.variances(others)[0]
        for layer in self.layers[1:]:
            moved = integrals.slopes(kernel, rows, columns, jnp) * tangent
            powers = integrals.covariance(kernel, rows, columns, jnp)
            tangent = layer.weight_gain * powers + layer.bias_gain
            tangent = tangent + layer.weight_variance * moved
            kernel = layer.weight_variance * powers + layer.bias_variance
            rows, columns = (
                layer.weight_variance * integrals.power(squares, jnp)
                + layer.bias_variance
                for squares in (rows, columns)
            )
        return kernel, tangent

    def variances(self, x: Float[Array, "n input_dim"]) -> list[Float[Array, " n"]]:
        """Variances of the inner products of every layer, at each input."""
        integrals, (first, *others) = moments_of(self.activation), self.layers
        mean_squares = jnp.sum(x**2, axis=1) / x.shape[1]
        found = [first.weight_variance * mean_squares + first.bias_variance]
        for layer in others:
            power = integrals.power(found[-1], jnp)
            found.append(layer.weight_variance * power + layer.bias_variance)
        return found


@arrays_by_shape
@dataclass(frozen=True, kw_only=True)
class WideKernels:
    """Kernels of a wide network between two sets of inputs, for each of its outputs."""

    covariance: Float[np.ndarray, "n k"]
    """Covariance of an output at initialisation (NNGP)."""
    tangent: Float[np.ndarray, "n k"]
    """Tangent kernel of an output."""
    error: float
    r"""Bound of the error of each Gaussian integral that went into them, beside
    rounding; 0 where they have a closed form."""
    relative_error: float
    """The same over the largest such integral: of variables that are large for a
    series, no digit of an integral may be known."""

    @property
    def doubt(self) -> str | None:
        """A sentence where too few digits are known, fewer than `LEAST_DIGITS`."""
        if self.relative_error <= LEAST_DIGITS:
            return None
        return (
            "The inputs are so large for this activation that the integrals of its "
            f"kernel may be wrong by {self.relative_error:.2g} of their size: "
            "standardise or divide the inputs, or take relu, leaky-relu or erf, "
            "which have closed forms."
        )


def wide_mlp(
    depth: int,
    *,
    activation: str | Activation = "relu",
    weight_variance: float = 1.0,
    bias_variance: float = 0.0,
    trained: Collection[int] | None = None,
) -> WideMLP:
    """A wide network whose layers have equal variances.

    Args:
        depth: Number of weight matrices.
        activation: Name of the activation, or a function in JAX.
        weight_variance: Of weights, times the fan-in.
        bias_variance: Of biases; 0 for none.
        trained: Numbers of the layers that train, the first of which is 0, the last
            `depth - 1`; `None` for all of them.

    Raises:
        ConfigError: If a value is out of range or there is no such layer.

    Example:
        ```python
        wide = op.limits.wide_mlp(2, trained=(1,))  # the readout alone trains
        kernels = op.limits.wide_kernels(wide, np.asarray(x))
        assert np.allclose(kernels.covariance, kernels.tangent)
        ```
    """
    counts(depth=depth)
    for number in trained or ():
        if not 0 <= number < depth:
            raise ConfigError(
                f"`trained` must hold numbers of layers from 0 to {depth - 1}, got "
                f"{number}."
            )

    def layer(number: int) -> WideLayer:
        moves = float(trained is None or number in trained)
        gains = moves * weight_variance, moves * bias_variance
        return WideLayer(weight_variance, bias_variance, *gains)

    at_least(0, weight_variance=weight_variance, bias_variance=bias_variance)
    return WideMLP(tuple(map(layer, range(depth))), activation)


def wide_kernels(
    wide: WideMLP,
    x: Float[Array, "n *input"] | Float[np.ndarray, "n *input"],
    others: Float[Array, "k *input"] | Float[np.ndarray, "k *input"] | None = None,
) -> WideKernels:
    """Covariance and tangent kernel of a wide network in float64, tile by tile.

    Args:
        wide: The network.
        x: Inputs of the rows, flattened.
        others: Inputs of the columns; `None` for those of the rows.

    Raises:
        ConfigError: If inputs are not finite or differ in size, or the kernels do not
            fit into memory.

    Example:
        ```python
        wide = op.limits.wide_mlp(3, activation="erf", weight_variance=2.0)
        kernels = op.limits.wide_kernels(wide, np.asarray(x))
        kernels.covariance.shape, kernels.tangent.shape
        ```
    """
    rows = _inputs(x, "x")
    columns = rows if others is None else _inputs(others, "others")
    if rows.shape[1] != columns.shape[1]:
        raise ConfigError(
            "`x` and `others` must be inputs of one size, got "
            f"{rows.shape[1]} and {columns.shape[1]} numbers each."
        )
    both = _by_tiles(
        lambda left, right: _tile(wide, left, right),
        rows,
        None if others is None else columns,
        n_matrices=2,
    )
    with jax.enable_x64(True):
        squares = _squares(wide, np.concatenate([rows, columns]))
        bounds = moments_of(wide.activation).errors
        error, relative = bounds(squares) if len(squares) else (0.0, 0.0)
    return WideKernels(
        covariance=both[0], tangent=both[1], error=error, relative_error=relative
    )


def wide_slopes(
    wide: WideMLP, along: Sequence[WideMLP], x: Float[np.ndarray, "n *input"]
) -> Float[np.ndarray, "n_directions 2 n n"]:
    """Derivatives of covariance and tangent kernel in variances and gains.

    Args:
        wide: The network.
        along: Directions: networks of the same layers that hold the rates of change.
        x: Inputs, flattened.

    Raises:
        ConfigError: As of `wide_kernels`.
    """
    rows = _inputs(x, "x")
    found = _by_tiles(
        lambda left, right: jnp.concatenate(
            [_tile_slopes(wide, direction, left, right) for direction in along]
        ),
        rows,
        None,
        n_matrices=2 * len(along),
    )
    return found.reshape(len(along), 2, len(rows), len(rows))


def wide_diagonals(
    wide: WideMLP, x: Float[np.ndarray, "n *input"]
) -> Float[np.ndarray, "2 n"]:
    """Diagonals of covariance and tangent kernel at inputs, and nothing else of them.

    Raises:
        ConfigError: If inputs are not finite.
    """
    rows = _inputs(x, "x")
    with jax.enable_x64(True):
        found = [np.asarray(_diagonals(wide, part)) for part in _tiles(rows)]
    return _finite(np.concatenate(found, axis=1)[:, : len(rows)])


def _by_tiles(
    matrices: Callable[[Any, Any], Array],
    rows: Float[np.ndarray, "n d"],
    others: Float[np.ndarray, "k d"] | None,
    *,
    n_matrices: int,
) -> Float[np.ndarray, "n_matrices n k"]:
    """Matrices of pairs of inputs; those of equal inputs are symmetric."""
    columns = rows if others is None else others
    sizes = (("rows", len(rows)), ("columns", len(columns)))
    check_memory(Need("the kernels", sizes, 8, copies=n_matrices))
    found = np.empty((n_matrices, len(rows), len(columns)))
    with jax.enable_x64(True):
        tiles, tiles_across = _tiles(rows), _tiles(columns)
        for i, left in enumerate(tiles):
            for j, right in enumerate(tiles_across):
                if others is None and j < i:
                    continue
                at = slice(i * _TILE, (i + 1) * _TILE)
                across = slice(j * _TILE, (j + 1) * _TILE)
                target = found[:, at, across]
                tile = np.asarray(matrices(left, right))
                if others is None and i == j:
                    # An angle between near inputs is rounded by far more than a digit.
                    tile = (tile + tile.swapaxes(1, 2)) / 2
                target[...] = _finite(tile[:, : target.shape[1], : target.shape[2]])
                if others is None and i < j:
                    found[:, across, at] = target.swapaxes(1, 2)
    return found


@jax.jit
def _tile(wide: WideMLP, left: Array, right: Array) -> Array:
    return jnp.stack(wide(left, right))


@jax.jit
def _tile_slopes(wide: WideMLP, along: WideMLP, left: Array, right: Array) -> Array:
    wide, along = (jax.tree.map(jnp.float64, each) for each in (wide, along))
    return jax.jvp(lambda at: jnp.stack(at(left, right)), (wide,), (along,))[1]


@jax.jit
def _diagonals(wide: WideMLP, x: Array) -> Array:
    def of_one(one: Array) -> Array:
        return jnp.stack(wide(one[None], one[None]))[:, 0, 0]

    return jax.vmap(of_one, out_axes=1)(x)


def _finite(found: np.ndarray) -> np.ndarray:
    if not np.isfinite(found).all():
        raise ConfigError(
            "The kernels at these inputs are beyond the range of float64: divide the "
            "inputs, or lower variances or depth."
        )
    return found


def _tiles(x: Float[np.ndarray, "n d"]) -> list[Any]:
    """Inputs in tiles of one size, so that they compile once; the last is filled up."""
    if len(x) <= _TILE:
        return [x]
    padded = np.concatenate([x, np.repeat(x[:1], -len(x) % _TILE, axis=0)])
    return np.split(padded, len(padded) // _TILE)


def _squares(wide: WideMLP, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " m"]:
    """Variances of some of the variables that are integrated over."""
    # The last layer is linear: nothing is integrated there.
    variances = wide.variances(jnp.asarray(x))[:-1]
    if not variances:
        return np.zeros(0)
    # The error need not be largest at an end; neighbours of many are alike.
    chosen = np.linspace(0, len(x) - 1, min(len(x), _TILE)).round().astype(int)
    each = [np.sort(np.asarray(layer))[chosen] for layer in variances]
    return np.concatenate(each)


def _inputs(x: Any, name: str) -> Float[np.ndarray, "n d"]:
    whole = np.asarray(x, np.float64)
    if not whole.size:
        raise ConfigError(f"`{name}` holds no inputs.")
    flat = whole.reshape(len(whole), -1)
    if not np.isfinite(flat).all():
        row = int(np.argwhere(~np.isfinite(flat))[0, 0])
        raise ConfigError(f"`{name}` must be finite, but input {row} is not.")
    return flat
