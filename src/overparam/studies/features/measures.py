"""What every record of the study `features` holds."""

import numpy as np

from ...analysis.classification import classify
from ...analysis.pruning.accuracy import scores
from ...analysis.resampling.laws import effective_share
from ...analysis.shallow import carried_moments, feature_moments, readout_norms
from ...data.source import Batch
from ...networks.network import Network
from ...objectives.losses import half_squared_error
from ...training.plan import Record
from .problem import Problem


def measures(network: Network, problem: Problem) -> Record:
    """Accuracy and loss of every split, and how the neurons share the work.

    Args:
        network: A network with stored moments.
        problem: The splits.
    """
    record: Record = {}
    for name, split in problem.splits().items():
        record |= fit(name, network, split)
    return record | neuron_measures(network, problem)


def fit(name: str, network: Network, split: Batch) -> Record:
    """Loss of a split, and accuracy where it has classes."""
    if split.y.ndim > 1:
        loss, _ = scores(network, split, loss=half_squared_error)
        return {f"{name}_loss": loss}
    found = classify(network, split.x, split.y)
    return {f"{name}_accuracy": found.accuracy, f"{name}_loss": found.loss}


def neuron_measures(network: Network, problem: Problem) -> Record:
    """Effective share of neurons, spread of the readout, spread of the features."""
    norms = readout_norms(network)
    moments = carried_moments(network) or feature_moments(network, problem.train.x)
    std = moments.std
    mean = float(norms.mean())
    first = np.asarray(getattr(network, "weights", np.zeros(1)), np.float64)
    return {
        "effective_share": effective_share(std * norms),
        "readout_norm_mean": mean,
        "readout_norm_cv": float(norms.std()) / mean if mean else 0.0,
        "feature_std_min": float(std.min()),
        "feature_std_mean": float(std.mean()),
        "feature_std_max": float(std.max()),
        "first_layer_rms": float(np.sqrt(np.mean(first**2))),
    }
