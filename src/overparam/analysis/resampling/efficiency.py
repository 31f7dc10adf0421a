"""Accuracy against the number of features, for every way of drawing them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jaxtyping import Array, Float, PRNGKeyArray

from ...data.source import Table
from ...errors import ConfigError
from ...keys import purpose_key
from ...networks.feature_laws import random_features
from ...networks.standardised import StandardisedTwoLayer, with_moments
from ...networks.two_layer import TwoLayer
from ...readouts.logistic import NewtonSettings
from ...training.plan import Progress, silent
from ..intervals import mean_interval
from ..shallow import FeatureMoments, Shallow, feature_moments
from .draws import Draw, corrected, draw, error_shares, predicted_error
from .laws import sampling_law
from .options import ResampleOptions
from .refit import Sample, refit
from .steps import refit_by_steps


@dataclass(frozen=True)
class Splits:
    """Samples on which readouts are solved and scored."""

    fit: Sample
    test: Sample


@dataclass(frozen=True)
class Efficiency:
    """What fitted readouts of drawn neurons reach."""

    frame: pl.DataFrame
    """A row for each way of drawing, k, readout and draw, with its accuracies."""
    networks: dict[str, Shallow]
    """The first draw of the network's own neurons of every way, k and readout."""


def efficiency(
    network: Shallow,
    splits: Splits,
    options: ResampleOptions,
    progress: Progress = silent,
) -> Efficiency:
    """Draw, fit and score in every way that is asked for."""
    if set(options.readout) != {"logistic"}:
        # Refuses before the first solve what could not be trained after it.
        Table(*splits.fit).steps_per_epoch(options.batch_size)
    rows: list[dict[str, object]] = []
    networks: dict[str, Shallow] = {}
    moments = feature_moments(network, splits.fit.x)
    for done, k in enumerate(options.n_features):
        progress(done, len(options.n_features))
        for way in _ways(network, moments, splits, options, k):
            given = way.source, way.draws, splits.fit, splits.test
            for readout in options.readout:
                if readout == "logistic":
                    settings = NewtonSettings(tolerance=options.tolerance)
                    found = refit(*given, penalty=options.ridge, settings=settings)
                else:
                    keys = [jax.random.fold_in(key, 1) for key in way.keys]
                    found = refit_by_steps(
                        *given, options, optimiser=readout, keys=keys
                    )
                if way.source is network:
                    networks[f"{way.name} {k} {readout}"] = found.first
                rows += [
                    {
                        "features": way.name,
                        "k": k,
                        "readout": readout,
                        "test_accuracy": float(found.test_accuracy[index]),
                        "train_accuracy": float(found.train_accuracy[index]),
                        "relative_gradient": float(found.relative_gradient[index]),
                        "duplicates": drawn.n_duplicates,
                    }
                    for index, drawn in enumerate(way.draws)
                ]
    number = pl.int_range(pl.len()).over("features", "k", "readout").alias("draw")
    frame = pl.DataFrame(rows, infer_schema_length=None).with_columns(number)
    return Efficiency(frame, networks)


def summarise(frame: pl.DataFrame) -> pl.DataFrame:
    """Mean, spread and interval over draws of every way, k and readout."""
    rows, told_apart = [], ("features", "k", "readout")
    for (way, k, readout), part in frame.group_by(*told_apart, maintain_order=True):
        test = part["test_accuracy"].to_numpy()
        interval = mean_interval(test, within=(0, 1))
        single = len(test) == 1
        rows.append(
            {
                "features": way,
                "k": k,
                "readout": readout,
                "draws": len(test),
                "test": interval.estimate,
                "low": None if single else interval.low,
                "high": None if single else interval.high,
                "std": 0.0 if single else float(test.std(ddof=1)),
                "train": float(part["train_accuracy"].to_numpy().mean()),
                "duplicates": float(part["duplicates"].to_numpy().mean()),
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def sampling_errors(
    network: Shallow, x: Float[Array, "n d"], options: ResampleOptions
) -> pl.DataFrame:
    r"""Exact and Monte Carlo $E\|\hat f_k - f\|^2$ relative to $E\|f\|^2$, no refit.

    `unseen` is the part of the exact error of those neurons that would add more to a
    draw than any that was drawn: draws do not show it. The upper end of the interval
    has it in full.
    """
    outputs = np.asarray(network(x), np.float64)
    power = float(np.mean(np.sum(outputs**2, axis=1)))
    if not (0 < power < np.inf):
        raise ConfigError(
            "Errors are relative to the mean square of the network's outputs, which is "
            f"{power:g} on these data."
        )
    rows = []
    for kind in options.sampling:
        law = sampling_law(network, kind, data=x)
        shares = error_shares(network, law, data=x) / power
        when_drawn = np.divide(shares, law, out=shares.copy(), where=law > 0)
        for k in options.n_features:
            errors, largest = [], 0.0
            for key in _keys(options, f"error {kind} {k}"):
                drawn = draw(law, k, key=key)
                largest = max(largest, when_drawn[drawn.indices].max())
                estimate = corrected(network, drawn)(x)
                gap = np.asarray(estimate, np.float64) - outputs
                errors.append(float(np.mean(np.sum(gap**2, axis=1))) / power)
            interval = mean_interval(errors, within=(0, np.inf))
            unseen = float(shares[when_drawn > largest].sum()) / k
            rows.append(
                {
                    "sampling": kind,
                    "k": k,
                    "predicted": predicted_error(network, law, k, data=x) / power,
                    "monte_carlo": interval.estimate,
                    "low": interval.low,
                    "high": interval.high + unseen,
                    "unseen": unseen,
                }
            )
    return pl.DataFrame(rows, infer_schema_length=None)


@dataclass(frozen=True)
class _Way:
    """A way of choosing k features: where from, the draws, and the key of each."""

    name: str
    source: Shallow
    draws: list[Draw]
    keys: Sequence[PRNGKeyArray]


def _ways(
    network: Shallow,
    moments: FeatureMoments,
    splits: Splits,
    options: ResampleOptions,
    k: int,
) -> Iterator[_Way]:
    available = int(np.count_nonzero(moments.std > 0))
    importance = sampling_law(network, "importance", data=splits.fit.x, moments=moments)
    for kind in options.sampling:
        law = sampling_law(network, kind, data=splits.fit.x, moments=moments)
        keys = _keys(options, f"{kind} {k}")
        draws = [draw(law, k, method=options.method, key=key) for key in keys]
        yield _Way(kind, network, draws, list(keys))
    if k <= available:
        key = purpose_key(options.seed, "top")
        top = draw(importance, k, method="top-k", key=key)
        yield _Way("top-k", network, [top], [key])
    everything = np.full(k, 1 / k)
    for law in options.random:
        for key in _keys(options, f"random {law} {k}"):
            source = _random_network(network, law, k, splits.fit.x, key=key)
            whole = draw(everything, k, method="top-k", key=key)
            yield _Way(f"random {law}", source, [whole], [key])


def _random_network(
    like: Shallow, law: str, k: int, x: Float[Array, "n d"], *, key: PRNGKeyArray
) -> Shallow:
    weights = random_features(
        law,  # pyright: ignore[reportArgumentType]
        like.weights.shape[0],
        k,
        dtype=like.weights.dtype,
        key=key,
    )
    readout = jnp.zeros((k, like.readout.shape[1]), like.readout.dtype)
    if not isinstance(like, StandardisedTwoLayer):
        return TwoLayer(weights=weights, readout=readout, activation=like.activation)
    fresh = StandardisedTwoLayer(
        weights=weights, readout=readout, activation=like.activation
    )
    return with_moments(fresh, x)


def _keys(options: ResampleOptions, purpose: str) -> PRNGKeyArray:
    return jax.random.split(purpose_key(options.seed, purpose), options.n_draws)
