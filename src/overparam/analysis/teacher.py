"""What is known of a planted teacher before anything is trained."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from ..checks import arrays_by_shape, at_least
from ..data.sources.planted import PlantedStream
from ..limits.population import PlateauLevels, plateau_levels, signal_power


@arrays_by_shape
@dataclass(frozen=True, kw_only=True)
class TeacherReport:
    r"""Exact second moment and plateaus of the labels, and samples to check them."""

    mean_square: float
    r"""$E\|y\|^2$, label noise included."""
    levels: PlateauLevels
    """Risks of the best zero, linear and affine predictors."""
    batch_means: Float[np.ndarray, " n_batches"]
    r"""Mean of $\|y\|^2$ over each sampled batch."""
    z_scores: Float[np.ndarray, " n_batches"]
    """Distances from the exact value in standard errors of a batch mean."""


def describe_teacher(
    stream: PlantedStream,
    *,
    n_batches: int = 10,
    batch_size: int = 50,
    key: PRNGKeyArray,
) -> TeacherReport:
    """Exact facts of a stream beside sampled batches.

    The standard error is that of all samples together, divided by the root of the
    batch size.

    Args:
        stream: Teacher, label noise and input covariance.
        n_batches: Number of sampled batches.
        batch_size: Samples in each.
        key: Random key of the samples.

    Example:
        ```python
        stream = op.data.PlantedStream(op.data.teacher(3, 2, 1, key=key))
        op.analysis.describe_teacher(stream, key=key)
        ```
    """
    at_least(1, n_batches=n_batches)
    at_least(2, batch_size=batch_size)
    noise = 0.0 if stream.noise is None else float(stream.noise)
    covariance = stream.covariance
    power = signal_power(stream.teacher, covariance=covariance)
    power += stream.teacher.readout.shape[1] * noise**2
    drawn = stream.draw(key, jnp.asarray(0, jnp.int32), n_batches, batch_size)
    squares = np.sum(np.asarray(drawn.y, np.float64) ** 2, axis=2)
    means = squares.mean(axis=1)
    error = squares.std(ddof=1) / np.sqrt(batch_size)
    return TeacherReport(
        mean_square=power,
        levels=plateau_levels(stream.teacher, covariance=covariance, label_noise=noise),
        batch_means=means,
        z_scores=(means - power) / error,
    )
