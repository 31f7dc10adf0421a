r"""How far a trained two-layer ReLU network is from the optimum of its own problem.

The problem is $\tfrac12 \|f - y\|^2 + \tfrac\beta2 \sum w^2$. For any $l$ and
$\sigma(l) = \max_{\|u\| \le 1} |l^T (X u)_+|$ (with a skip connection also
$\|X^T l\|$), every $c \in [0, \beta/\sigma(l)]$ gives the lower bound
$c\,y^T l - \tfrac12 c^2 \|l\|^2$ of the optimum over networks of any width. Normalised
networks pay $\beta$ for every unit of output instead, and $\sigma(l) = \max_u |l^T (X
u)_+| / \|(X u)_+\|$. Three tiers say how near the bound is known to be:

* `certified`: the best network found is proven optimal up to the gap asked for, by the
  convex programme over *all* activation patterns, or by a search over directions
  (`branch_and_price.py`; plain and skip networks), or by what follows;
* `bounded`: a valid bound that is farther away: of a search that its limits ended, or
  of several outputs one by one (`several_outputs.py`), or of an eigenvalue
  (normalised: $\max(\|l_+\|, \|l_-\|)$, as outputs are nonnegative);
* `estimate`: the smallest objective that was found, which is no bound for the network.

All numbers are computed from the arrays that the solver returns, whatever its status:
the objectives are those of networks, and the bounds hold for any multipliers. Samples
that are zero add the same constant to all of them.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ...checks import positive
from ...errors import ConfigError, DataError
from ...networks.two_layer import TwoLayer
from ..maps import network_objective, network_of, network_patterns
from ..programs.arrangement import THIN, snapped_rows, unit_rows
from ..programs.bases import line_sizes
from ..programs.patterns import (
    Patterns,
    enumerate_patterns,
    number_of_patterns,
    patterns_of,
)
from ..programs.program import Architecture, check_data, convex_program
from ..solvers.bounds import relative_gap
from ..solvers.interior_point import solve
from ..solvers.solution import INACCURATE, Solution
from .activation import SearchLimits
from .bounds import ROUNDING, dual_value, loose_bound
from .branch_and_price import GlobalOptimum, Watch, searchable, solve_global
from .multipliers import better_multipliers


Tier = Literal["certified", "bounded", "estimate"]
Proof = Literal["enumeration", "search", "outputs", "eigenvalue"]
"""Where a bound comes from, the strongest first."""

MOST_ENUMERATED = 4000
"""Most activation patterns for which the certified tier is computed."""
_FEW_PATTERNS = 100
"""Activation patterns up to which their programme is cheaper than a search."""
MOST_ENTRIES = 10**8
"""Most entries (samples times unknowns) of a programme that is solved: 0.8 GB."""
# Distance of any unit vector to a cell of the enumeration; thin cells are left out.
_COVERED = 10 * THIN
# Width of cells that rounding does not make.
_RESOLVED = 1e-12
# Distance of unit rows that are put on one line, so that no cell between them is left.
_SNAPPED = 1e-7
# Least singular value of the unit rows, as a fraction of the largest, that is no null
# direction yet hides no cell of normalised neurons.
_SPREAD = 1e-6


class NetworkCertificate(eqx.Module):
    """Bounds of the optimum of a network's problem.

    Attributes:
        objective: Objective of the balanced network, an upper bound of the optimum.
        lower: Lower bound of the optimum over networks of any width.
        tier: How near `lower` is known to be: `certified` or `bounded`.
        proof: Where `lower` comes from; of several outputs, the weakest of theirs.
        estimate: Smallest objective found over the patterns at hand; not a bound
            unless `certified`.
        best_known: The smallest objective of any network found on the way.
        n_patterns: Number of patterns whose programme was solved; 0 where it would
            be too large, or a search did without.
        found: What the search found, which holds its multiplier; `None` without one.
        out_of_nodes: Whether one of the searches of several outputs ended by its nodes.
    """

    objective: float
    lower: float
    tier: Tier
    proof: Proof
    estimate: float
    best_known: float
    n_patterns: int
    found: GlobalOptimum | None = None
    out_of_nodes: bool = False

    @property
    def gap(self) -> float:
        """Relative distance of `objective` to `lower`."""
        return relative_gap(self.objective, self.lower)

    @property
    def estimated_gap(self) -> float:
        """Relative distance of `objective` to the best known objective."""
        return relative_gap(self.objective, self.best_known)


def certify_network(
    network: TwoLayer,
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, " n"],
    *,
    penalty: float,
    patterns: Patterns | None = None,
    normalised: bool = False,
    search: SearchLimits | None = None,
    gap: float = 1e-2,
    enumerated: bool = True,
    watch: Watch = lambda found: None,
) -> NetworkCertificate:
    r"""Bound the distance of a network to the global optimum of its problem.

    Args:
        network: A plain or skip ReLU network with one output.
        x: Training inputs, shape `(n, d)`.
        y: Training labels, shape `(n,)`.
        penalty: $\beta$.
        patterns: Patterns to solve over besides those of the network where they cannot
            all be enumerated.
        normalised: Whether neurons pay for their outputs on the data, not for weights.
        search: When to end a search over directions, which is made where dimensions
            are few and patterns many, or not enough for a proof; `None` makes none.
        gap: Relative gap that is to be proven.
        enumerated: Whether few patterns may do without a search.
        watch: Told the best bound of the moment.

    Reference: Wang et al. 2022 (arXiv 2209.15265), the dual in section 2.

    Example:
        ```python
        found = op.convex.certify_network(network, x, y[:, 0], penalty=1.0)
        found.gap, found.tier
        ```
    """
    positive(penalty=penalty, gap=gap)
    check_data(x, y)
    if normalised and network.skip:
        raise ConfigError("a normalised network has no skip connection.")
    architecture: Architecture = "skip" if network.skip else "plain"
    if normalised:
        architecture = "normalised"
    options = {"penalty": penalty, "normalised": normalised}
    objective = network_objective(network, x, y, **options)
    if not np.isfinite(objective):
        raise DataError(
            f"the objective of the network is {objective}; a network that diverged has "
            "no certificate."
        )
    # No network changes its output on samples that are zero.
    live = x.any(axis=1)
    inputs, constant = x[live], 0.5 * float(y[~live] @ y[~live])
    estimate, lower, n_patterns = 0.5 * float(y @ y), constant, 0
    found: GlobalOptimum | None = None
    proof: Proof = "enumeration"
    searching = search is not None and not normalised and searchable(inputs)
    few = not len(inputs) or number_of_patterns(inputs) <= _FEW_PATTERNS
    enumerating = not searching or (enumerated and few)
    if enumerating:
        estimate, lower, proof, n_patterns = _by_programme(
            network, inputs, y[live], penalty, architecture, patterns
        )
        estimate, lower = estimate + constant, lower + constant
    reached = tier_of(min(objective, estimate), lower, gap=gap)
    # Rounding and thin cells may leave the programme of all patterns without a proof.
    if searching and not (enumerating and reached == "certified"):
        found = solve_global(
            x,
            y,
            penalty=penalty,
            skip=network.skip,
            gap=gap,
            limits=search,
            watch=watch,
        )
        estimate = min(estimate, found.objective)
        if found.lower >= lower:
            lower, proof = found.lower, "search" if found.n_nodes else "eigenvalue"
    best_known = min(objective, estimate)
    return NetworkCertificate(
        objective=objective,
        lower=lower,
        tier=tier_of(best_known, lower, gap=gap),
        proof=proof,
        estimate=estimate,
        best_known=best_known,
        n_patterns=n_patterns,
        found=found,
    )


def _by_programme(
    network: TwoLayer,
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, " n"],
    penalty: float,
    architecture: Architecture,
    patterns: Patterns | None,
) -> tuple[float, float, Proof, int]:
    """The estimate and the bound of a programme over patterns, all if they are few.

    Then the proof of the bound, and the number of patterns that were solved.
    """
    normalised = architecture == "normalised"
    # A normalised neuron does not know the units of the columns; its cells do.
    columns = _column_sizes(x) if normalised else np.ones(x.shape[1])
    x = x / columns
    lined = snapped_rows(x, within=_SNAPPED)
    own = _patterns_at_hand(network, lined, patterns, columns)
    estimate, proven, duals = 0.5 * float(y @ y), 0.0, [y]
    proof: Proof = "enumeration"
    fits = 2 * len(own.masks) * x.size <= MOST_ENTRIES
    if len(x) and fits and (architecture == "skip" or own.masks.any()):
        program = convex_program(
            lined,
            y,
            patterns=own,
            network=architecture,
            relaxation="exact",
            penalty=penalty,
        )
        solution = solve(program)
        best = network_of(program, solution.weights)
        assert isinstance(best, TwoLayer)  # The programme is exact.
        # Zero weights are a network, too.
        found = network_objective(best, x, y, penalty=penalty, normalised=normalised)
        estimate = min(estimate, found)
        if own.complete:
            proven = _proven(solution, own, x)
        residual = y - solution.predictions
        duals += [solution.dual, residual]
    lower = proven
    if relative_gap(estimate, proven) > INACCURATE:
        # Any multiplier gives a bound; the best is taken.
        *_, closest = better_multipliers(x, y, penalty=penalty, network=architecture)
        bounds = [
            loose_bound(x, y, dual, penalty=penalty, network=architecture)
            for dual in (*duals, closest)
            if np.isfinite(dual).all()
        ]
        lower = max(proven, *bounds)
        proof = "enumeration" if lower == proven > 0 else "eigenvalue"
    return estimate, lower, proof, len(own.masks) if fits else 0


def tier_of(best_known: float, lower: float, *, gap: float) -> Tier:
    """Whether the best network is proven optimal up to the gap."""
    return "certified" if relative_gap(best_known, lower) <= gap else "bounded"


def sum_of(
    certificates: Sequence[NetworkCertificate], *, gap: float
) -> NetworkCertificate:
    """What certificates of problems say of their sum, which no neuron shares.

    It is `certified` where all are, or where the sum is within `gap`.
    """
    objective, lower, estimate, best_known = (
        sum(getattr(one, name) for one in certificates)
        for name in ("objective", "lower", "estimate", "best_known")
    )
    proofs: list[Proof] = [one.proof for one in certificates]
    all_certified = all(one.tier == "certified" for one in certificates)
    return NetworkCertificate(
        objective=objective,
        lower=lower,
        tier="certified" if all_certified else tier_of(best_known, lower, gap=gap),
        proof=max(proofs, key=get_args(Proof).index),
        estimate=estimate,
        best_known=best_known,
        n_patterns=sum(one.n_patterns for one in certificates),
    )


def _column_sizes(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " d"]:
    """Powers of two that bring the columns of the unit rows to about one size."""
    columns = line_sizes(x, axis=0)
    return columns * line_sizes(unit_rows(x / columns), axis=0)


def _patterns_at_hand(
    network: TwoLayer,
    x: Float[np.ndarray, "n d"],
    others: Patterns | None,
    columns: Float[np.ndarray, " d"],
) -> Patterns:
    """All patterns of samples that are not zero if they are few, else some.

    The inputs were divided by `columns`, the directions were not.
    """
    if not len(x) or number_of_patterns(x) <= MOST_ENUMERATED:
        return enumerate_patterns(x)
    gates = network_patterns(network, x * columns).gates
    if others is not None:
        gates = np.concatenate([others.gates, gates])
    return patterns_of(x, gates * columns)


def _proven(solution: Solution, own: Patterns, x: Float[np.ndarray, "n d"]) -> float:
    r"""The lower bound that the multipliers of all patterns prove.

    In the cell of pattern i $l^T (X u)_+ \le q_i^T u$ with $q_i = X^T D_i l + X^T S_i
    \mu_i$, for the inputs of the programme; others differ by at most $\sum_k |l_k|
    \|x_k - x_k'\|$. A unit vector in no enumerated cell leaves one by less than
    $\delta$, where the inequality fails by at most $\delta \sum_k (|l_k| + \mu_{ik})
    \|x_k\|$. Without thin cells $\delta$ is rounding.

    Outputs of normalised neurons jump between cells: their bound is the solver's, and
    no cell may be thin, nor hidden because the columns are nearly dependent.
    """
    program, dual = solution.program, solution.dual
    lined, y = program.groups.x, program.y
    kept = len(program.patterns.masks) == own.masks.any(axis=1).sum()
    finer = enumerate_patterns(lined, thin=_RESOLVED)
    resolved = kept and len(finer.masks) == len(own.masks)
    if program.network == "normalised":
        certain = resolved and np.array_equal(lined, x) and _independent(x)
        # Python's maximum drops what is no number behind the first.
        return max(0.0, solution.lower) if certain else 0.0
    assert solution.cone_dual is not None  # An exact programme has cones.
    cone_dual = np.maximum(solution.cone_dual, 0)
    weight = np.broadcast_to(np.abs(dual), (program.groups.n_groups, len(y))).copy()
    weight[program.n_skip :] += cone_dual
    sizes = program.group_norms(program.dual_blocks(dual, cone_dual))
    outside = ROUNDING if resolved else _COVERED
    sizes += outside * (weight @ np.linalg.norm(x, axis=1))
    sizes += np.abs(dual) @ np.linalg.norm(x - lined, axis=1)
    return dual_value(y, dual, size=float((sizes / program.bounds).max()))


def _independent(x: Float[np.ndarray, "n d"]) -> bool:
    """Whether the unit rows span every direction well or, but for rounding, not."""
    singular = np.linalg.svd(unit_rows(x), compute_uv=False)
    rounding = max(x.shape) * np.finfo(float).eps * singular[0]
    spanned = singular[singular > rounding]
    return bool(spanned[-1] > _SPREAD * singular[0])
