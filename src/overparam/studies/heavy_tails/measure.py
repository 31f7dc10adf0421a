"""What is recorded along training: fit, tails and compressibility."""

import numpy as np

from ...analysis.pruning.accuracy import scores
from ...analysis.pruning.networks import pruning_curves
from ...analysis.tails.estimators import block_index, characteristic_index
from ...analysis.tails.report import LARGEST_SAMPLE
from ...errors import ConfigError
from ...networks.layers import parameters
from ...networks.network import Network
from ...objectives.losses import LOSSES
from ...training.plan import Record
from .config import HeavyTails
from .data import Data


RECORDED_ERROR = 0.1
"""Allowed relative squared error of the recorded pruning ratio, that of the paper."""
INDICES = {"tail_block": block_index, "tail_characteristic": characteristic_index}
"""Recorded tail indices."""


def fit(network: Network, data: Data, config: HeavyTails) -> Record:
    """Loss and accuracy on both parts, in data order and without randomness."""
    record: Record = {}
    for name, part in data.parts.items():
        loss, accuracy = scores(network, part, loss=LOSSES[config.loss])
        record |= {f"{name}_loss": loss, f"{name}_accuracy": accuracy}
    return record


def layers(network: Network) -> Record:
    """For every hidden layer: norm, largest column, pruning ratio, tail indices."""
    found = parameters(network)
    record: Record = {}
    for name, curve in pruning_curves(network).items():
        total = float(curve.cumulative[-1])
        largest = float(curve.squared_sizes.max())
        ratio = curve.count_for_error(RECORDED_ERROR) / len(curve)
        values = {
            "norm": total**0.5,
            "largest_share": largest / total if total else np.nan,
            "pruning_ratio": ratio,
        }
        # A fixed choice of entries in random order: a record depends on no other.
        entries = np.asarray(found[name]).ravel()
        chosen = np.random.default_rng(0).permutation(entries.size)[:LARGEST_SAMPLE]
        for label, index in INDICES.items():
            try:
                values[label] = index(entries[chosen])
            except ConfigError:  # Too few of them, constant, or of one sign.
                values[label] = np.nan
        record |= {f"{name}.{key}": float(value) for key, value in values.items()}
    return record
