"""Exact readouts for drawn neurons; draws of one size share a compiled program."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ...checks import arrays_by_shape, positive
from ...data.dataset import Split
from ...data.parts import take
from ...networks.view import TwoLayerView
from ...objectives.labels import check_labels
from ...objectives.losses import accuracy
from ...readouts.feature_cache import StoredFeatures
from ...readouts.logistic import NewtonSettings, logistic_readout
from ..shallow import Shallow, select_neurons
from .draws import Draw


@arrays_by_shape
class Sample(NamedTuple):
    """Inputs with their classes."""

    x: Float[Array, "n input_dim"]
    y: Int[Array, " n"]


def fit_sample(sample: Sample, n: int) -> Sample:
    """At most `n` of the samples to fit readouts on, of all classes."""
    if n >= len(sample.y):
        return sample
    numbered = Split(np.arange(len(sample.y)), np.asarray(sample.y))
    chosen = take(numbered, n, what="fitted").x
    return Sample(sample.x[chosen], sample.y[chosen])


@arrays_by_shape
@dataclass(frozen=True)
class Refitted:
    """What the fitted readouts of several draws reach; one entry per draw."""

    first: Shallow
    """The network of the first draw."""
    train_accuracy: Float[np.ndarray, " draws"]
    test_accuracy: Float[np.ndarray, " draws"]
    objective: Float[np.ndarray, " draws"]
    relative_gradient: Float[np.ndarray, " draws"]

    @staticmethod
    def of(
        network: Shallow,
        indices: Int[np.ndarray, " k"],
        rows: Sequence[tuple[Array, Array, Array, Array, Array]],
    ) -> "Refitted":
        """The same of a row for every draw, its readout first.

        Args:
            network: From which was drawn.
            indices: The neurons of the first draw.
            rows: What was fitted, and what it reaches.
        """
        readout = rows[0][0][: len(indices)] / network.scale
        first = select_neurons(network, indices, readout=readout)
        if isinstance(first, TwoLayerView):
            first = first.alone  # What all neurons have in common is not drawn.
        return Refitted(first, *np.array([row[1:] for row in rows], np.float64).T)


def refit(
    network: Shallow,
    draws: Sequence[Draw],
    train: Sample,
    test: Sample,
    *,
    penalty: float,
    settings: NewtonSettings | None = None,
) -> Refitted:
    """Fit a logistic readout to the drawn neurons of every draw.

    Duplicates of a draw are merged. Draws of one size share a compiled program: merged
    ones are filled up with features that are zero, which take no weight. (Batching the
    draws with `vmap` was measured to be 3 to 50 times slower on CPU.)

    Args:
        network: Network with stored moments from which was drawn.
        draws: Draws of one k.
        train: Samples to fit.
        test: Samples to score.
        penalty: Penalty of the readout.
        settings: When the solver stops.

    Example:
        ```python
        from overparam.analysis.resampling.draws import draw
        from overparam.analysis.resampling.refit import Sample

        net = op.two_layer(3, 8, 2, key=key)
        drawn = draw(op.analysis.sampling_law(net, "uniform", data=x), 4, key=key)
        both = Sample(jnp.asarray(x), jnp.asarray(labels))
        op.analysis.refit(net, [drawn], both, both, penalty=1e-2).test_accuracy
        ```
    """
    positive(penalty=penalty)
    n_classes = network.readout.shape[1]
    for sample in (train, test):
        check_labels(sample.y, n_classes, n_samples=len(sample.x))
    stop = settings or NewtonSettings()
    rows = []
    for drawn in draws:
        # Padded to `k` neurons, so that all draws share one compiled program.
        filler = np.full(drawn.n_duplicates, drawn.indices[0])
        indices = np.concatenate([drawn.indices, filler])
        kept = np.arange(drawn.k) < len(drawn.indices)
        zeros = jnp.zeros((drawn.k, n_classes), network.readout.dtype)
        mask = jnp.asarray(kept[None, :], network.readout.dtype)
        padded = select_neurons(network, indices, readout=zeros)
        # Outside of the program, which networks of one size then share, too.
        fitted, scored = (
            Sample(padded.features(x) * mask, y) for x, y in (train, test)
        )
        rows.append(_refit(fitted, scored, (n_classes, penalty, stop)))
    return Refitted.of(network, draws[0].indices, rows)


@eqx.filter_jit
def _refit(
    train: Sample, test: Sample, problem: tuple[int, float, NewtonSettings]
) -> tuple[Array, Array, Array, Array, Array]:
    n_classes, penalty, settings = problem
    features = StoredFeatures(train.x)
    fit = logistic_readout(
        features, train.y, n_classes=n_classes, penalty=penalty, settings=settings
    )
    return (
        fit.readout,
        accuracy(features.times(fit.readout), train.y),
        accuracy(test.x @ fit.readout, test.y),
        fit.objective,
        fit.relative_gradient,
    )
