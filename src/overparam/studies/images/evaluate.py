"""What is recorded after every epoch: accuracies with the own and the exact readout."""

from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float64
from numpy import ndarray

from ...data.dataset import Split
from ...data.parts import take
from ...data.sources.augment import Pixels
from ...networks.network import Network
from ...objectives.labels import check_labels
from ...readouts.shifted import solve_shifted
from ...training.plan import Record
from .problem import Problem


BLOCK = 500
"""Images that are evaluated at once."""


@dataclass(frozen=True)
class Scored:
    """Features in float64 and classes of one part."""

    features: Float64[ndarray, "n width"]
    labels: ndarray

    def accuracy(self, readout: Float64[ndarray, "width n_classes"]) -> float:
        """Share of images whose largest output is that of their class."""
        if not len(self.labels):
            return float("nan")
        found = np.argmax(self.features @ readout, axis=1)
        return float(np.mean(found == self.labels))

    def loss(
        self, readout: Float64[ndarray, "width n_classes"], scale: float, penalty: float
    ) -> float:
        """The loss of training, penalty term included."""
        outputs = scale * (self.features @ readout)
        outputs[np.arange(len(self.labels)), self.labels] -= 1
        return float(np.mean(outputs**2) / (2 * penalty) + np.mean(readout**2) / 2)


def measure(problem: Problem, network: Network) -> Record:
    """Losses and accuracies of a network between two epochs."""
    config, parts = problem.config, problem.parts
    n_resolve = min(config.resolve_images, len(parts.train))
    train = take(parts.train, n_resolve, what="resolved")
    seen, test, validation = (
        scored(problem.images.pixels, network, split)
        for split in (train, parts.test, parts.validation)
    )
    scale, penalty = network.scale, config.penalty
    own = np.asarray(network.readout, np.float64)
    full, condition = exact_readout(seen, own.shape[1], scale=scale, penalty=penalty)
    return {
        "test_accuracy": test.accuracy(own),
        "test_accuracy_full": test.accuracy(full),
        "validation_accuracy": validation.accuracy(own),
        "validation_accuracy_full": validation.accuracy(full),
        "train_accuracy": seen.accuracy(own),
        "train_accuracy_full": seen.accuracy(full),
        "fixed_loss": seen.loss(own, scale, penalty),
        "fixed_loss_full": seen.loss(full, scale, penalty),
        "readout_norm": float(np.linalg.norm(own)),
        "readout_distance": float(np.linalg.norm(own - full) / np.linalg.norm(full)),
        "condition": condition,
    }


def exact_readout(
    seen: Scored, n_classes: int, *, scale: float, penalty: float
) -> tuple[Float64[ndarray, "width n_classes"], float]:
    """The ridge readout of all features seen, and the condition of its system."""
    features, n = seen.features, len(seen.labels)
    check_labels(seen.labels, n_classes, n_samples=len(features))
    width = features.shape[1]
    gram = scale / n * (features.T @ features)
    # Divergence is a status: the numbers of such a network are none.
    if not np.isfinite(gram).all():
        return np.full((width, n_classes), np.nan), float("nan")
    condition = float(np.linalg.cond(gram + penalty * np.eye(width)))
    moment = features.T @ np.eye(n_classes)[seen.labels] / n
    return solve_shifted(gram, moment, (penalty,)).solutions[0], condition


def scored(pixels: Pixels, network: Network, split: Split) -> Scored:
    """Features of a part in evaluation, in blocks and in file order."""
    width = network.readout.shape[0]
    features = np.zeros((len(split), width))
    for start in range(0, len(split), BLOCK):
        block = split.x[start : start + BLOCK]
        # One compiled shape: a last short block is filled up.
        filled = np.zeros((min(BLOCK, len(split)), *block.shape[1:]), np.uint8)
        filled[: len(block)] = block
        found = np.asarray(_features(network, pixels, filled))
        features[start : start + len(block)] = found[: len(block)]
    return Scored(features, split.y)


@eqx.filter_jit
def _features(network: Network, pixels: Pixels, x: ndarray) -> Float[Array, "n width"]:
    return network.features(pixels.normalised(jnp.asarray(x)))
