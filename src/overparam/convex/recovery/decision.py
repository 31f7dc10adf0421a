"""Was the planted model recovered? Decided by certificates, not by tolerances."""

from typing import Literal

import equinox as eqx
import numpy as np

from ...errors import ConfigError
from ..solvers.solution import Solution, assess
from .isometry import STRICT, Isometry, neural_isometry
from .planted import PlantedWeights
from .uniqueness import OptimalFace, length_range, optimal_face, tied_face


Verdict = Literal["proven", "proven-not", "non-unique", "undecided"]

# Relative distance of the planted outputs to the labels that rounding makes.
_FITTED = 1e-9


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

    A multiplier that satisfies the planted equations exactly and is strictly feasible
    elsewhere proves it: the one of least norm, or the nearest to the dual optimum. If
    it is an equality elsewhere, the planted weights are optimal, and a linear programme
    tells whether others are. A primal value below the planted norm proves the contrary.

    Raises:
        ConfigError: If the programme is not a minimum-norm programme.

    Example:
        ```python
        patterns = op.convex.patterns_of(x, rng.normal(size=(30, 3)))
        program = op.convex.convex_program(
            x, x @ np.ones(3), patterns=patterns, network="skip"
        )
        planted = op.convex.plant(program, np.ones((1, 3)))
        op.convex.decide_recovery(op.convex.solve(program), planted).verdict
        ```
    """
    program = solution.program
    if program.penalty is not None:
        raise ConfigError("recovery is decided for fit=minimum-norm, got penalised.")
    missing = float(np.linalg.norm(program.y - program.groups.apply(planted.weights)))
    if not missing <= _FITTED * np.linalg.norm(program.y):
        # What rounding alone makes of the labels: all of those that no sample sees.
        seen = program.groups.select(np.flatnonzero(planted.groups)).spectral_norms()
        lengths = np.linalg.norm(planted.weights[planted.groups], axis=1)
        rounding = np.finfo(float).eps * len(program.y) * float(seen @ lengths)
        if not missing <= rounding:
            # Nothing here speaks about labels that the planted model does not have.
            distance = planted.distance(solution.weights)
            return Decision("undecided", (distance, distance))
    if solution.primal + _shortfall(solution) < planted.value * (1 - STRICT):
        return Decision("proven-not", distance_range(solution, planted))
    certificates = [
        neural_isometry(program, planted),
        neural_isometry(
            program, planted, near=solution.dual, cone_dual=solution.cone_dual
        ),
    ]
    if any(certificate.holds for certificate in certificates):
        if program.merged_all_ones:
            # The skip block and an all-ones neuron share the planted weights.
            return Decision("non-unique", (0.0, planted.value))
        return Decision("proven", (0.0, 0.0))
    for certificate in certificates:
        others = _tied_optima(solution, planted, certificate)
        if others is not None:
            return Decision("non-unique", others)
    distance = planted.distance(solution.weights)
    return Decision("undecided", (distance, distance))


def _shortfall(solution: Solution) -> float:
    r"""What weights that miss labels or cones may need on top of `primal`.

    To first order the multipliers times what is missed; the double covers the rest.
    """
    program = solution.program
    missing = np.linalg.norm(program.y - solution.predictions)
    needed = float(np.linalg.norm(solution.dual) * missing)
    if solution.cone_dual is not None:
        rows = program.signs * program.groups.activations(
            solution.weights, program.n_skip
        )
        needed += float(np.sum(solution.cone_dual * np.maximum(0, -rows)))
    return 2 * needed


def _tied_optima(
    solution: Solution, planted: PlantedWeights, certificate: Isometry
) -> tuple[float, float] | None:
    """Distances of all optima if the planted weights are one of many, else `None`."""
    if not certificate.solvable or certificate.largest > 1 + STRICT:
        return None
    point = assess(
        solution.program,
        planted.weights,
        certificate.multiplier,
        certificate.cone_dual,
        tolerance=STRICT,
        iterations=0,
    )
    face = tied_face(point, slack=2 * STRICT)
    return None if face.unique else distance_range(point, planted, face)


def distance_range(
    solution: Solution, planted: PlantedWeights, face: OptimalFace | None = None
) -> tuple[float, float]:
    """Distances to the planted weights of the solution, or of a segment of optima.

    Only the range of a single planted group is explored.
    """
    distance = planted.distance(solution.weights)
    chosen = planted.groups.nonzero()[0]
    face = face or optimal_face(solution)
    if face.unique or len(chosen) != 1:
        return distance, distance
    g = int(chosen[0])
    ends = []
    for length in length_range(solution, face, g):
        weights = solution.weights.copy()
        weights[g] = length * face.directions[g]
        ends.append(planted.distance(weights))
    return min(ends), max(ends)
