"""Laws by which neurons are drawn from a network, and how concentrated they are."""

from typing import Literal, get_args

import numpy as np
from jaxtyping import Array, Float

from ...errors import ConfigError
from ...networks.network import Network
from ...readouts.feature_cache import cache_features, wide_gram
from ..shallow import (
    FeatureMoments,
    Shallow,
    feature_moments,
    readout_norms,
    shallow,
    weight_norms,
)


LawName = Literal[
    "uniform",
    "norm",
    "importance",
    "squared",
    "norm-product",
    "raw-importance",
    "leverage",
    "custom",
]
LAWS: tuple[LawName, ...] = get_args(LawName)

Probabilities = Float[np.ndarray, " width"]

LEVERAGE_RIDGE = 1e-3
"""Ridge of the leverage scores, relative to the mean squared feature."""


def sampling_law(
    network: Network | Shallow,
    kind: LawName,
    *,
    data: Float[Array, "n input_dim"],
    moments: FeatureMoments | None = None,
) -> Probabilities:
    r"""Probabilities of drawing each neuron.

    With $s_j$ the standard deviation of feature j as it enters the readout and
    $\sigma_j$ the one before a standardisation: `uniform`; `norm` $\|u_j\|$;
    `importance` $s_j \|u_j\|$; `squared` $(s_j \|u_j\|)^2$ (the reference's);
    `norm-product` $\|u_j\| \|w_j\|$; `raw-importance` $\sigma_j \|u_j\|$; `leverage`
    (ridge leverage scores of the features). A feature that is constant on `data` is
    never drawn.

    Args:
        network: A two-layer network.
        kind: Name of the law.
        data: Inputs on which features are measured, normally the training set.
        moments: Moments of the features, when they are known already.

    Raises:
        ConfigError: If the name is unknown, no neuron varies or all importances are
            zero.

    Example:
        ```python
        law = op.analysis.sampling_law(network, "norm", data=x)
        assert np.isclose(law.sum(), 1)
        ```
    """
    if kind not in LAWS[:-1]:
        listed = ", ".join(LAWS)
        raise ConfigError(f"`sampling` must be one of {listed}, got {kind!r}.")
    source = shallow(network)
    found = feature_moments(source, data) if moments is None else moments
    if not (found.std > 0).any():
        if not len(found.std):
            raise ConfigError("The network has no neurons: there is none to draw.")
        raise ConfigError(
            f"None of the {len(found.std)} neurons varies on the data: there is none "
            "to draw."
        )
    norms = readout_norms(source)
    if kind == "uniform":
        strengths = np.ones_like(norms)
    elif kind == "leverage":
        strengths = leverage_scores(source, data)
    else:
        strengths = {
            "norm": norms,
            "importance": found.std * norms,
            "squared": (found.std * norms) ** 2,
            "norm-product": norms * weight_norms(source),
            "raw-importance": found.raw_std * norms,
        }[kind]
    return custom_law(np.where(found.std > 0, strengths, 0.0))


def custom_law(weights: Float[np.ndarray, " width"]) -> Probabilities:
    """Probabilities proportional to given weights.

    Raises:
        ConfigError: If a weight is negative or not finite, or all are zero.
    """
    weights = np.asarray(weights, np.float64)
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        raise ConfigError(
            "`law` must be non-negative with a positive sum; entry "
            f"{wrong[0]} is {weights[wrong[0]]:g}."
        )
    if weights.sum() == 0:
        raise ConfigError(
            "all importances are zero: the readout of this network is zero."
        )
    return weights / weights.sum()


def effective_share(strengths: Float[np.ndarray, " width"]) -> float:
    r"""$(\sum_j a_j)^2 / (m \sum_j a_j^2)$: 1 when all are equal, 1/m for one alone."""
    strengths = np.asarray(strengths, np.float64)
    squares = float(np.sum(strengths**2))
    if squares == 0:
        return 0.0
    return float(np.sum(strengths)) ** 2 / (len(strengths) * squares)


def leverage_scores(
    network: Shallow, data: Float[Array, "n input_dim"]
) -> Float[np.ndarray, " width"]:
    r"""Ridge leverage scores of the features, the diagonal of $G (G + \lambda I)^{-1}$.

    $\lambda$ is `LEVERAGE_RIDGE` times the mean squared feature.

    Reference: Alaoui and Mahoney 2015, arXiv 1411.0306, for columns of a kernel.
    """
    G = wide_gram(cache_features(network, data))  # pyright: ignore[reportArgumentType]
    ridge = LEVERAGE_RIDGE * float(np.trace(G)) / len(G)
    inverse = np.linalg.inv(G + ridge * np.eye(len(G)))
    return np.clip(1 - ridge * np.diag(inverse), 0.0, 1.0)
