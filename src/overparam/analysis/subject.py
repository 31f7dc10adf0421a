"""Stored runs of any study as two-layer networks with inputs to look at them."""

import dataclasses
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ...analysis.resampling.refit import Sample
from ...analysis.shallow import Shallow, shallow
from ...data.dataset import Split
from ...data.parts import take
from ...drawing import normal
from ...errors import ConfigError, StoreError
from ...keys import purpose_key
from ...networks.network import Network
from ...networks.standardised import StandardisedTwoLayer, with_moments
from ...networks.two_layer import NormalisedTwoLayer, TwoLayer
from ...store.read import StoredRun
from ..analyses import Subject
from .config import Features
from .problem import images


GAUSSIAN = "gaussian"
"""Name of standard normal inputs, for networks that were trained on no data set."""
_N_GAUSSIAN = 20_000


@dataclass(frozen=True)
class Inputs:
    """Inputs to look at a network; labels and test samples where there are any."""

    x: Float[Array, "n input_dim"]
    y: Int[Array, " n"] | None = None
    test_x: Float[Array, "n_test input_dim"] | None = None
    test_y: Int[Array, " n_test"] | None = None


def fit_sample(inputs: Inputs, n: int) -> Sample:
    """At most `n` labelled samples to fit readouts on, of all classes."""
    assert inputs.y is not None
    if n >= len(inputs.y):
        return Sample(inputs.x, inputs.y)
    numbered = Split(np.arange(len(inputs.y)), np.asarray(inputs.y))
    chosen = take(numbered, n, what="fitted").x
    return Sample(inputs.x[chosen], inputs.y[chosen])


def inputs_of(subject: Subject, dataset: str | None) -> Inputs:
    """The data of a run, or those of a named data set.

    Raises:
        ConfigError: If the run names no data set and none is given.
    """
    run = subject.run
    name = dataset or run.config.get("dataset")
    if name is None:
        raise ConfigError(
            f"The run {run.id} names no data set: give `--dataset`, `{GAUSSIAN}` for "
            "standard normal inputs."
        )
    network = subject.network
    if name == GAUSSIAN:
        weights = shallow_weights(network)
        key = purpose_key(0, "gaussian inputs")
        shape = (_N_GAUSSIAN, weights.shape[0])
        return Inputs(normal(key, shape, weights.dtype))
    found = images(_config_of(run, name, str(network.readout.dtype)))
    return Inputs(found.train.x, found.train.y, found.test.x, found.test.y)


def network_at(subject: Subject, epoch: int | None, inputs: Inputs) -> Shallow:
    """The two-layer network of a stored epoch, as a function of one input.

    Raises:
        ConfigError: If the network has other structure, or other inputs.
        StoreError: If the epoch was not kept.
    """
    network = subject.network if epoch is None else _stored(subject, epoch)
    weights = shallow_weights(network)
    if weights.shape[0] != inputs.x.shape[1]:
        raise ConfigError(
            f"The source network takes {weights.shape[0]} inputs, the data have "
            f"{inputs.x.shape[1]}."
        )
    if isinstance(network, StandardisedTwoLayer) and network.std is None:
        return with_moments(network, inputs.x)
    if isinstance(network, NormalisedTwoLayer):
        return _folded(network, inputs.x)
    return shallow(network)


def has_epoch(run: StoredRun, epoch: int) -> bool:
    """Whether the network of this epoch was kept."""
    return f"epoch_{epoch}.weights" in run.arrays


def shallow_weights(network: Network) -> Float[Array, "input_dim width"]:
    """The input weights of a two-layer network."""
    return shallow(network).weights


def _stored(subject: Subject, epoch: int) -> Network:
    run = subject.run
    if not has_epoch(run, epoch) or run.network is None:
        names = [name for name in run.arrays if name.startswith("epoch_")]
        kept = sorted(
            {int(name.split(".")[0].removeprefix("epoch_")) for name in names}
        )
        listed = ", ".join(map(str, kept)) or "none"
        raise StoreError(f"Run {run.id} has no stored epoch {epoch}; stored: {listed}.")
    prefix = f"epoch_{epoch}."
    arrays = {
        name.removeprefix(prefix): value
        for name, value in run.arrays.items()
        if name.startswith(prefix)
    }
    return subject.rebuilt(arrays)


def _folded(network: NormalisedTwoLayer, x: Float[Array, "n d"]) -> TwoLayer:
    """The plain network that agrees with a batch-normalised one on `x`."""
    plain = TwoLayer(
        weights=network.weights,
        readout=network.readout,
        activation=network.activation,
        scale=network.scale,
    )
    norms = np.linalg.norm(np.asarray(plain.features(x), np.float64), axis=0)
    rows = np.asarray(network.readout) / np.where(norms > 0, norms, 1.0)[:, None]
    return dataclasses.replace(plain, readout=jnp.asarray(rows, network.readout.dtype))


def _config_of(run: StoredRun, dataset: str, precision: str) -> Features:
    if run.study == "features" and run.config["dataset"] == dataset:
        # Labels permuted as a check stay out of an analysis.
        return Features(
            dataset=run.config["dataset"],
            n_train=run.config["n_train"],
            n_validation=run.config["n_validation"],
            # Runs of versions without the rule took the first.
            subsets=run.config.get("subsets", "first"),
            batch_size=1,
            precision=run.config["precision"],
        )
    if precision not in ("float32", "float64"):
        raise ConfigError(f"Networks in {precision} cannot be analysed.")
    return Features(dataset=dataset, batch_size=1, precision=precision)  # pyright: ignore
