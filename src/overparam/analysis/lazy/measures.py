"""How far a network went from its start: its tangent kernel, weights and neurons."""

import math
from collections.abc import Iterable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ...limits.kernels.layered import preactivations
from ...networks.convolutional.resnet import ResNet
from ...networks.convolutional.vgg import VGG, NormalisedVGG
from ...networks.layers import parameters
from ...networks.network import Network


Kernel = Float[np.ndarray, "n n"]


def relative_change(now: np.ndarray, before: np.ndarray) -> float:
    r"""$\|a - b\|_F / \|b\|_F$; NaN where the second is 0 or not finite."""
    norm = float(np.linalg.norm(np.asarray(before, np.float64)))
    if not (norm and math.isfinite(norm)):
        return math.nan
    moved = np.asarray(now, np.float64) - np.asarray(before, np.float64)
    return float(np.linalg.norm(moved)) / norm


def alignment(one: Kernel, other: Kernel) -> float:
    r"""$\langle A, B \rangle / (\|A\|_F \|B\|_F)$; NaN where one is 0 or not finite."""
    one, other = (np.asarray(each, np.float64) for each in (one, other))
    norms = float(np.linalg.norm(one) * np.linalg.norm(other))
    if not (norms and math.isfinite(norms)):
        return math.nan
    return float((one * other).sum()) / norms


def label_alignment(kernel: Kernel, targets: Float[np.ndarray, "n n_outputs"]) -> float:
    r"""Alignment of the centred kernel with $Y Y^\top$ of centred targets.

    NaN where the targets are constant: rounding is all that is left of them.

    Reference: Cortes, Mohri, Rostamizadeh, JMLR 13 (2012), definition 4.
    """
    kernel = np.asarray(kernel, np.float64)
    if not np.isfinite(kernel).all():
        return math.nan
    rows = kernel - kernel.mean(axis=0)
    centred = rows - rows.mean(axis=1, keepdims=True)
    targets = np.asarray(targets, np.float64)
    residual = np.where(np.ptp(targets, axis=0) > 0, targets - targets.mean(axis=0), 0)
    return alignment(centred, residual @ residual.T)


def weight_changes(now: Network, start: Network) -> dict[str, float]:
    """Relative change of the weights of every layer, by name."""
    before, after = parameters(start), parameters(now)
    return {
        name: relative_change(np.asarray(after[name]), np.asarray(before[name]))
        for name in before
        if name in after and after[name].shape == before[name].shape
    }


def trained_fields(networks: Iterable[Network], start: Network) -> tuple[str, ...]:
    """Fields whose weights moved from the start in one of the networks; empty for all.

    What no step moved does not train, whatever kept it: its derivatives are no part of
    the kernel that the training follows.
    """
    names = set().union(*(moved_weights(network, start) for network in networks))
    fields, every = (
        {name.partition(".")[0] for name in each} for each in (names, parameters(start))
    )
    return () if fields >= every else tuple(sorted(fields))


def moved_weights(network: Network, start: Network) -> set[str]:
    """Names of the weights that are other numbers than those of the start."""
    now = parameters(network)
    return {
        name
        for name, first in parameters(start).items()
        if name in now and not np.array_equal(now[name], first)
    }


def active(
    network: Network, x: Float[Array, "n *input"]
) -> Bool[np.ndarray, "n width"]:
    """Which hidden neurons have a positive input, by sample; of others the features.

    The feature that is 1 for an output bias is no neuron.
    """
    found = preactivations(network, x)
    if found is None:
        features = network.features(x)
        match network:
            case VGG(kernels=kernels) | NormalisedVGG(kernels=kernels):
                features = features[:, : kernels[-1].shape[-1]]
            case ResNet(blocks=blocks):
                features = features[:, : blocks[-1].kernels[-1].shape[-1]]
        found = [features]
    return np.asarray(jnp.concatenate(found, axis=1) > 0)
