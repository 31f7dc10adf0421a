r"""Data on the plane as moments of its angle: all that ReLU features on the circle see.

$C(a) = \mathbb{E}[x x^\top 1\{\text{angle} < a\}]$ and $D(a) = \mathbb{E}[x\, y(x)
1\{\text{angle} < a\}]$ for $a \in [-\pi, \pi)$ give every half-circle sum by two
lookups. They exist for finite data (prefix sums) and for the population.
"""

import abc
import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ...data.sources.circle import CircleTeacher, angles_of
from ...errors import DataError


Rows = Float[Array, "n 5"]
"""$(C_{11}, C_{12}, C_{22}, D_1, D_2)$ at `n` angles."""


class CircleMoments(eqx.Module):
    """Second moments of the inputs and cross moments with the targets, by angle."""

    total: eqx.AbstractVar[Float[Array, "1 5"]]
    mean_square: eqx.AbstractVar[Float[Array, ""]]

    @abc.abstractmethod
    def below(self, angles: Float[Array, " n"]) -> Rows:
        r"""Moments over the angles from $-\pi$ up to each of `angles`."""


class SampledMoments(CircleMoments):
    """Moments of finite data: sorted angles and prefix sums, made once.

    Attributes:
        angles: Sorted angles of the inputs.
        sums: Prefix sums; row m holds the first m inputs.
        total: The last row.
        mean_square: Mean of the squared targets.
        inputs: Inputs in the order of `angles`.
        targets: Their targets.

    Example:
        ```python
        inputs, targets = np.asarray(x[:, :2]), np.asarray(y[:, 0])
        moments = op.readouts.SampledMoments(inputs, targets, dtype="float32")
        assert np.isclose(moments.mean_square, (targets**2).mean())
        ```
    """

    angles: Float[Array, " n"]
    sums: Float[Array, "n_plus_1 5"]
    total: Float[Array, "1 5"]
    mean_square: Float[Array, ""]
    inputs: Float[Array, "n 2"]
    targets: Float[Array, " n"]

    def __init__(
        self,
        inputs: Float[np.ndarray, "n 2"],
        targets: Float[np.ndarray, " n"],
        *,
        dtype: DTypeLike = "float64",
    ) -> None:
        inputs, targets = check_samples(inputs, targets)
        angles = angles_of(inputs)
        order = np.argsort(angles, kind="stable")
        inputs, targets = inputs[order], targets[order]
        rows = np.concatenate(
            [
                np.stack(
                    [inputs[:, 0] ** 2, inputs[:, 0] * inputs[:, 1], inputs[:, 1] ** 2],
                    axis=1,
                ),
                inputs * targets[:, None],
            ],
            axis=1,
        )
        sums = np.concatenate([np.zeros((1, 5)), np.cumsum(rows, axis=0)])
        sums /= len(targets)
        self.angles = jnp.asarray(angles[order], dtype)
        self.sums = jnp.asarray(sums, dtype)
        self.total = self.sums[-1:]
        self.mean_square = jnp.asarray(np.mean(targets**2), dtype)
        self.inputs = jnp.asarray(inputs, dtype)
        self.targets = jnp.asarray(targets, dtype)

    def below(self, angles: Float[Array, " n"]) -> Rows:
        return self.sums[jnp.searchsorted(self.angles, angles)]


class PopulationMoments(CircleMoments):
    r"""Moments of $x \sim N(0, I_2)$ with the targets of a teacher distribution.

    $C$ is elementary, since the radius averages to $\mathbb{E}|x|^2 = 2$:
    $C(a) = \tfrac{1}{\pi} \int_{-\pi}^a (\cos^2, \cos\sin, \sin^2)$. $D(a) =
    \tfrac{1}{\pi}\int_{-\pi}^a g\,(\cos, \sin)$ with $g = \nu * (\cos)_+$ is tabulated
    from its Fourier series and read by cubic Hermite interpolation.

    Attributes:
        table: $D$ and its derivative on a uniform grid of angles.
        total: Moments over the whole circle.
        mean_square: $\mathbb{E}[y^2]$.

    Example:
        ```python
        teacher = op.data.CircleTeacher(gamma=10.0)
        moments = op.readouts.PopulationMoments(teacher, dtype="float32")
        moments.mean_square
        ```
    """

    table: Float[Array, "cells_plus_1 4"]
    total: Float[Array, "1 5"]
    mean_square: Float[Array, ""]

    def __init__(
        self,
        teacher: CircleTeacher,
        *,
        n_cells: int = 16384,
        dtype: DTypeLike = "float64",
    ) -> None:
        # Harmonics that the grid resolves; the table's error is that of the teacher's
        # coefficients beyond them, and of the interpolation.
        k = np.arange(-(n_cells // 2) + 2, n_cells // 2 - 1)
        g = half_cosine_fourier(k) * teacher.fourier(k)
        # The coefficients of g(a) cos(a) and g(a) sin(a) are those of g, shifted.
        up, down = np.pad(g, (2, 0)), np.pad(g, (0, 2))
        modes = np.stack([(up + down) / 2, (up - down) / 2j], axis=1) / math.pi
        frequencies = np.arange(k[0] - 1, k[-1] + 2)
        # Integral from -pi and value of two Fourier series on a uniform grid, once and
        # in float64: a step looks its moments up, whatever the target is.
        grid = -math.pi + 2 * math.pi * np.arange(n_cells + 1) / n_cells
        turning = frequencies != 0
        safe = np.where(turning, frequencies, 1)[:, None]
        integral = np.where(turning[:, None], modes / (1j * safe), 0)
        columns = np.concatenate([integral, modes], axis=1)
        spectrum = np.zeros((n_cells, 4), complex)
        # The grid starts at -pi, which multiplies frequency k by (-1)^k.
        spectrum[frequencies % n_cells] = (
            columns * np.where(frequencies % 2, -1, 1)[:, None]
        )
        values = np.real(np.fft.ifft(spectrum, axis=0)) * n_cells
        values = np.concatenate([values, values[:1]])
        mean = np.real(modes[~turning])
        values[:, :2] += (grid[:, None] + math.pi) * mean
        values[:, :2] -= values[0, :2]
        total = np.concatenate([[1.0, 0.0, 1.0], values[-1, :2]])
        self.table = jnp.asarray(values, dtype)
        self.total = jnp.asarray(total[None, :], dtype)
        # E[y^2] = E[r^2] mean(g^2), by Parseval.
        self.mean_square = jnp.asarray(2 * np.sum(np.abs(g) ** 2), dtype)

    def below(self, angles: Float[Array, " n"]) -> Rows:
        sine, cosine = jnp.sin(angles), jnp.cos(angles)
        half = (angles + math.pi) / 2
        mixed = sine * cosine / 2
        second = jnp.stack([half + mixed, sine**2 / 2, half - mixed], axis=1) / math.pi
        # Cubic Hermite interpolation: the table holds values and slopes.
        n_cells = self.table.shape[0] - 1
        step = 2 * math.pi / n_cells
        position = (angles + math.pi) / step
        cell = jnp.clip(jnp.floor(position).astype(jnp.int32), 0, n_cells - 1)
        t = (position - cell.astype(position.dtype))[:, None]
        left, right = self.table[cell], self.table[cell + 1]
        bend = t * t * (3 - 2 * t)
        cross = (
            (1 - bend) * left[:, :2]
            + bend * right[:, :2]
            + step * t * (1 - t) * ((1 - t) * left[:, 2:] - t * right[:, 2:])
        )
        return jnp.concatenate([second, cross], axis=1)


def half_cosine_fourier(k: np.ndarray) -> Float[np.ndarray, " k"]:
    r"""$\tfrac{1}{2\pi}\int (\cos t)_+ \cos kt\,dt$: zero for odd $|k| \ge 3$.

    These are the harmonics to which ReLU features on the circle are blind.
    """
    even = k % 2 == 0
    square = np.where(np.abs(k) == 1, 0, k) ** 2
    values = np.where(even, np.cos(np.pi * k / 2) / (math.pi * (1 - square)), 0.0)
    return np.where(np.abs(k) == 1, 0.25, values)


def check_samples(
    inputs: Float[np.ndarray, "n 2"], targets: Float[np.ndarray, " n"]
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets as finite float64 arrays of matching shapes."""
    inputs = np.asarray(inputs, np.float64)
    targets = np.asarray(targets, np.float64).reshape(len(inputs), -1)[:, 0]
    if inputs.ndim != 2 or inputs.shape[1] != 2:
        raise DataError(f"inputs must have shape (samples, 2), got {inputs.shape}.")
    for name, values in {"inputs": inputs, "targets": targets}.items():
        bad = int(np.sum(~np.isfinite(values)))
        if bad:
            raise DataError(f"{name} contain {bad} non-finite values; remove them.")
    return inputs, targets
