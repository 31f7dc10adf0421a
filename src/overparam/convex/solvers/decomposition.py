r"""Cone decomposition: a gated optimum as a ReLU network with the same outputs.

A gated weight z of the pattern D need not lie in the cone K of its pattern. Any two
$u, v \in K$ with $D X (u - v) = D X z$ are ReLU neurons that do what z does. The pair
of least norm is the optimum of an exact minimum-norm programme with this one pattern.
With a witness c, $S X c > 0$, the pair $z + \tau c, \tau c$ bounds its norm by
$\|z\| + 2 \tau \|c\|$, where $\tau = \max_k (-S X z)_k / (S X c)_k$.

Reference: Mishkin, Sahiner, Pilanci 2022 (arXiv 2202.01331), Theorem 3.1 and
Proposition 3.2.
"""

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ...errors import ConfigError
from ...networks.network import Network
from ..maps import network_of
from ..programs.groups import Weights
from ..programs.program import Program, convex_program, over_patterns
from .centres import ConeLift
from .interior_point import solve
from .solution import Solution


# Groups with less than this fraction of the largest norm are left out.
_NEGLIGIBLE = 1e-9


class Decomposition(eqx.Module):
    """Weights of an exact programme that predict as a gated solution does.

    Attributes:
        program: The exact programme over the active patterns.
        weights: Its weights (the skip block first, then u above v).
        objective: Their objective, at least that of the gated solution.
        bound: What the witnesses prove before the pairs are optimised.
        gated: Objective of the gated solution.
    """

    program: Program = eqx.field(static=True)
    weights: Weights
    objective: float
    bound: float
    gated: float

    @property
    def network(self) -> Network:
        """The ReLU network."""
        return network_of(self.program, self.weights)


def decompose(solution: Solution) -> Decomposition:
    """The ReLU network that a gated solution becomes, block by block.

    Args:
        solution: An optimum of a gated plain or skip programme.

    Raises:
        ConfigError: If the programme is not gated, is normalised, was not solved, or
            an active pattern has no interior.
    """
    program, first = solution.program, solution.program.n_skip
    if program.exact or program.network == "normalised":
        raise ConfigError("only gated plain or skip solutions are decomposed.")
    if not solution.solved:
        raise ConfigError(
            f"a solution with status {solution.status} cannot be decomposed; solve "
            "with more iterations."
        )
    sizes = solution.group_norms
    active = np.flatnonzero(sizes[first:] > _NEGLIGIBLE * sizes.max(initial=0))
    # The exact programme over the active patterns of the gated one.
    kept = np.zeros(len(program.patterns.masks), bool)
    # A pattern, if there is one, even where only the skip block is active.
    kept[active if len(active) else slice(1)] = True
    exact = over_patterns(program, program.patterns.subset(kept), relaxation="exact")
    start = np.zeros((exact.groups.n_groups, exact.groups.dimension))
    start[:first] = solution.weights[:first]
    for g in active:
        place = exact.patterns.index(program.patterns.masks[g])
        if place is None:
            raise ConfigError(
                "an active pattern has no interior, so that no ReLU neuron has it; "
                "sample the patterns anew."
            )
        start[first + place] = solution.weights[first + g]
    lifted = ConeLift(exact)(start)
    weights = lifted.copy()
    count = len(exact.patterns.masks)
    for i in range(count):
        pair = np.array([first + i, first + count + i])
        weights[pair] = _shorter(exact, i, lifted[pair])
    return Decomposition(
        program=exact,
        weights=weights,
        objective=exact.objective(weights),
        bound=exact.objective(lifted),
        gated=solution.primal,
    )


def _shorter(
    exact: Program, i: int, lifted: Float[np.ndarray, "2 d"]
) -> Float[np.ndarray, "2 d"]:
    """The pair of least norm with the output of a given one."""
    x, mask = exact.groups.x, exact.patterns.masks[i]
    single = convex_program(
        x,
        mask * (x @ (lifted[0] - lifted[1])),
        patterns=exact.patterns.subset(np.arange(len(exact.patterns.masks)) == i),
        relaxation="exact",
    )
    found = solve(single)
    total = np.linalg.norm(lifted, axis=1).sum()
    better = found.status in ("optimal", "inaccurate") and found.primal < total
    return found.weights if better else lifted
