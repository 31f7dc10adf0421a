"""All distances between the neurons of two networks, with their nulls."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .distances import BANDWIDTHS, alignment, pooled, wasserstein
from .nulls import (
    PermutationTest,
    bootstrap_interval,
    halves,
    permutation_test,
)
from .options import CompareOptions
from .populations import Neurons, Population, populations, responses
from .sliced import sliced_wasserstein


LARGEST_ASSIGNMENT = 2000
"""Neurons up to which the exact Wasserstein distance is computed."""
SLICED_PERMUTATIONS = 199
"""Relabellings of the sliced distance (or fewer, if fewer are asked for)."""


@dataclass(frozen=True)
class View:
    """What neurons are looked at with, and how carefully."""

    inputs: Float[Array, "n input_dim"]
    probes: Float[Array, "n_probes input_dim"]
    options: CompareOptions
    key: PRNGKeyArray


def compare(a: Neurons, b: Neurons, view: View) -> list[dict[str, Any]]:
    """One row per representation and weighting."""
    return [
        {"representation": representation, "weighting": weighting}
        | _measures(one, other, view)
        for representation, weighting, (one, other) in _each([a, b], view)
    ]


def noise_floor(a: Neurons, view: View) -> list[dict[str, Any]]:
    """The same measures for two random halves of one network."""
    return [
        {"representation": representation, "weighting": weighting}
        | _measures(*halves(whole, key=view.key), view)
        for representation, weighting, (whole,) in _each([a], view)
    ]


def travelled(
    a: Neurons, start: Neurons, view: View
) -> dict[tuple[str, str], PermutationTest]:
    r"""$\hat M^2$ from the initial neurons, by representation and weighting.

    A neuron and its own start are a pair: the null exchanges the two.
    """
    return {
        (representation, weighting): permutation_test(
            pooled(*pair),
            n_permutations=view.options.n_permutations,
            paired=True,
            key=view.key,
        )
        for representation, weighting, pair in _each([a, start], view)
    }


def _each(
    networks: Sequence[Neurons], view: View
) -> Iterator[tuple[str, str, list[Population]]]:
    """The networks as populations, in every representation and weighting asked for."""
    for representation in view.options.representations:
        for weighting in view.options.weighting:
            found = populations(
                networks,
                representation,
                inputs=view.inputs,
                probes=view.probes,
                weighting=weighting,
            )
            yield representation, weighting, found


def alignments(networks: Sequence[Neurons], view: View) -> Float[np.ndarray, "n n"]:
    """Kernel alignment of the features of every pair of networks."""
    features = [responses(network, view.probes) for network in networks]
    return np.array([[alignment(a, b) for b in features] for a in features])


def _measures(a: Population, b: Population, view: View) -> dict[str, Any]:
    options = view.options
    both = pooled(a, b)
    test = permutation_test(both, n_permutations=options.n_permutations, key=view.key)
    interval = bootstrap_interval(both, n_resamples=options.n_bootstrap, key=view.key)
    sliced = sliced_wasserstein(
        a,
        b,
        n_permutations=min(options.n_permutations, SLICED_PERMUTATIONS),
        key=view.key,
    )
    energy = permutation_test(
        pooled(a, b, kernel="energy"),
        n_permutations=options.n_permutations,
        key=view.key,
    )
    equal = len(a.points) == len(b.points) <= LARGEST_ASSIGNMENT
    uniform = not np.ptp(a.weights) and not np.ptp(b.weights)
    return {
        "mmd": test.statistic,
        "low": interval.low,
        "high": interval.high,
        "null_std": test.null_std,
        "null_95": test.null_upper,
        "p_upper": test.p_upper,
        "p_lower": test.p_lower,
        "mmd_three_widths": pooled(a, b, bandwidths=BANDWIDTHS).statistic(),
        "energy": energy.statistic,
        "energy_p": energy.p_upper,
        "sliced": sliced.statistic,
        "sliced_p": sliced.p_upper,
        "wasserstein": wasserstein(a, b) if equal and uniform else None,
    }
