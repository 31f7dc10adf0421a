"""The planted model as a point of the convex programme."""

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float

from ...errors import ConfigError
from ..programs.cones import norms
from ..programs.groups import Weights
from ..programs.program import Program


class PlantedWeights(eqx.Module):
    """Planted neurons in the coordinates of a programme.

    Attributes:
        weights: Their weights, zero in every other group.
        groups: Which groups hold a planted neuron.
    """

    weights: Weights
    groups: Bool[np.ndarray, " groups"]

    @property
    def value(self) -> float:
        """Sum of the norms of the planted groups."""
        return float(norms(self.weights).sum())

    def distance(self, weights: Weights) -> float:
        r"""$\sqrt{\sum_g \|z_g - \hat z_g\|^2}$ over the planted groups g."""
        return float(np.linalg.norm((weights - self.weights)[self.groups]))


def plant(program: Program, directions: Float[np.ndarray, "k d"]) -> PlantedWeights:
    """Put planted neurons in their groups; neurons that share a pattern are summed.

    A skip network has one planted linear neuron; the others have ReLU neurons, in
    normalised networks each with output norm one.

    Raises:
        ConfigError: If the programme lacks a planted pattern, or several linear
            neurons are planted.

    Example:
        ```python
        patterns = op.convex.patterns_of(x, rng.normal(size=(30, 3)))
        program = op.convex.convex_program(
            x, x @ np.ones(3), patterns=patterns, network="skip"
        )
        planted = op.convex.plant(program, np.ones((1, 3)))
        ```
    """
    groups = program.groups
    weights = np.zeros((groups.n_groups, groups.dimension))
    if program.network == "skip":
        if len(directions) != 1:
            raise ConfigError(
                "condition NIC-L needs a linear planted neuron, got "
                f"{len(directions)} ReLU neurons."
            )
        weights[0] = directions[0]
    else:
        for direction in directions:
            hidden = program.groups.x @ direction
            g = program.patterns.index(hidden >= 0)
            if g is None:
                raise ConfigError(
                    "the programme lacks the pattern of a planted neuron; include it "
                    "among the patterns."
                )
            if program.network == "plain":
                weights[g] += direction
            else:
                active = np.maximum(hidden, 0)
                # The columns of the block are orthonormal, so its adjoint inverts it.
                weights[g] += groups.adjoint(active / np.linalg.norm(active))[g]
    return PlantedWeights(weights, norms(weights) > 0)
