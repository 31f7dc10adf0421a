"""Was the planted model recovered? Decided by certificates, not by tolerances."""

from typing import Literal

import equinox as eqx

from ..errors import ConfigError
from .isometry import STRICT, neural_isometry
from .planted import PlantedWeights
from .solution import Solution
from .uniqueness import length_range, optimal_face


Verdict = Literal["proven", "proven-not", "non-unique", "undecided"]


# Relative distance of two optima that is no inaccuracy of weights known to the root of
# a gap of 1e-7.
_APART = 1e-2


class Decision(eqx.Module):
    r"""What is proven about the recovery of the planted model.

    It speaks about the patterns in the programme: with sampled patterns about those.

    Attributes:
        verdict: `proven` (the planted weights are the only optimum), `proven-not`
            (other weights have a smaller norm), `non-unique` (the planted weights are
            an optimum among others), or `undecided`.
        distance: Least and largest distance of an optimum to the planted weights, over
            the planted groups.
    """

    verdict: Verdict
    distance: tuple[float, float]

    @property
    def recovered(self) -> bool | None:
        """Whether the planted model is the only optimum; `None` if undecided."""
        return None if self.verdict == "undecided" else self.verdict == "proven"


def decide_recovery(solution: Solution, planted: PlantedWeights) -> Decision:
    """Decide whether noiseless planted weights are the only minimum-norm solution.

    From the dual optimum the nearest multiplier that satisfies the planted equations
    exactly is taken; if it is strictly feasible elsewhere, recovery is proven. If the
    primal value is below the planted norm, the contrary is proven.

    Raises:
        ConfigError: If the programme is not a minimum-norm programme.
    """
    program = solution.program
    if program.penalty is not None:
        raise ConfigError("recovery is decided for fit=minimum-norm, got penalised.")
    distance = planted.distance(solution.weights)
    if solution.primal < planted.value * (1 - STRICT):
        return Decision("proven-not", distance_range(solution, planted))
    certificate = neural_isometry(
        program, planted, near=solution.dual, cone_dual=solution.cone_dual
    )
    if not certificate.holds:
        tied = certificate.solvable and abs(certificate.largest - 1) <= STRICT
        if tied and distance > _APART * planted.value:
            # The planted weights are optimal, and so are others far from them.
            low, high = distance_range(solution, planted)
            return Decision("non-unique", (0.0, max(high, low)))
        return Decision("undecided", (distance, distance))
    if program.merged_all_ones:
        # The skip block and an all-ones neuron share the planted weights as they like.
        return Decision("non-unique", (0.0, planted.value))
    return Decision("proven", (0.0, 0.0))


def distance_range(solution: Solution, planted: PlantedWeights) -> tuple[float, float]:
    """Distances to the planted weights of the solution, or of a segment of optima.

    Only the range of a single planted group is explored.
    """
    distance = planted.distance(solution.weights)
    chosen = planted.groups.nonzero()[0]
    face = optimal_face(solution)
    if face.unique or len(chosen) != 1:
        return distance, distance
    g = int(chosen[0])
    ends = []
    for length in length_range(solution, face, g):
        weights = solution.weights.copy()
        weights[g] = length * face.directions[g]
        ends.append(planted.distance(weights))
    return min(ends), max(ends)
