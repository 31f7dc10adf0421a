r"""What is minimised: ReLU training as a group lasso over activation patterns.

$\min_z \sum_g b_g \|z_g\| + \tfrac12 \|f - y\|^2$ (penalised) or subject to $f = y$
(minimum norm), with $f = \sum_g A_g z_g$. The groups are

* one block $X w_0$ without cone if the network has a skip connection,
* `gated`: one block $D_i X z_i$ per pattern,
* `exact`: blocks $D_i X u_i$ and $-D_i X v_i$ with $S_i X u_i, S_i X v_i \ge 0$.

The exact programme has the same minimum as training the network itself with the
patterns at hand; the gated one drops the cones.

Reference: Pilanci, Ergen 2020 (arXiv 2002.10553); Wang et al. 2022
(arXiv 2209.15265), section 2.
"""

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from ...checks import arrays_by_shape, one_of, positive
from ...errors import ConfigError, DataError
from .bases import basis_groups, line_sizes
from .cones import norms
from .groups import BasisGroups, Groups, MaskedGroups, PerGroup, PerSample, Weights
from .patterns import Patterns, interior_gates


Architecture = Literal["plain", "skip", "normalised"]
Relaxation = Literal["exact", "gated"]
Fit = Literal["minimum-norm", "penalised"]

# Largest entries beyond which squares overflow, or underflow below the inverse.
_LARGEST = 2.0**500


@arrays_by_shape
@dataclass(frozen=True, eq=False)
class Program:
    r"""A group lasso over activation patterns.

    Attributes:
        groups: The linear maps $A_g$.
        y: Labels, shape `(n,)`.
        patterns: The activation patterns of the ReLU blocks.
        network: `plain`, `skip` or `normalised`.
        relaxation: `exact` (with cones) or `gated` (without).
        penalty: $\beta$ of the penalised fit, `None` for the minimum norm.
        merged_all_ones: A gated all-ones pattern equals the skip block; it was left
            out, and the skip weights stand for the sum of both.
        idle: Cone rows that are taken for granted, shape `(cones, n)`.

    Example:
        ```python
        patterns = op.convex.enumerate_patterns(x)
        program = op.convex.convex_program(x, y[:, 0], patterns=patterns, penalty=1.0)
        op.convex.solve(program.with_penalty(2.0)).gap
        ```
    """

    groups: Groups
    y: Float[np.ndarray, " n"]
    patterns: Patterns
    network: Architecture = "plain"
    relaxation: Relaxation = "gated"
    penalty: float | None = None
    merged_all_ones: bool = False
    idle: Bool[np.ndarray, "cones n"] | None = None

    @property
    def kappa(self) -> float:
        """1 for the squared loss, 0 for the equality constraint."""
        return 0.0 if self.penalty is None else 1.0

    @property
    def n_skip(self) -> int:
        """Number of blocks (0 or 1) before the ReLU blocks."""
        return int(self.network == "skip")

    @property
    def exact(self) -> bool:
        """Whether the ReLU blocks have cones."""
        return self.relaxation == "exact"

    @cached_property
    def bounds(self) -> PerGroup:
        """Penalty weights $b_g$."""
        return np.full(self.groups.n_groups, self.penalty or 1.0)

    @cached_property
    def signs(self) -> PerSample:
        """Cone signs of the ReLU blocks, shape `(cones, n)`; empty if gated.

        Idle rows have sign zero.
        """
        signs = 2.0 * self.patterns.masks - 1.0
        signs = np.concatenate([signs, signs]) if self.exact else signs[:0]
        return signs if self.idle is None else np.where(self.idle, 0, signs)

    @cached_property
    def penalised(self) -> Float[np.ndarray, "groups d"] | None:
        """1 where a coordinate is penalised, 0 in the null space of a pattern.

        `None` if all coordinates are.
        """
        if not isinstance(self.groups, BasisGroups) or not self.exact:
            return None
        return None if self.groups.kept.all() else self.groups.kept

    def group_norms(self, z: Weights) -> PerGroup:
        r"""$\|z_g\|$ over the penalised coordinates."""
        return norms(z if self.penalised is None else self.penalised * z)

    def objective(self, z: Weights) -> float:
        """Penalty plus squared loss (the penalty alone for the minimum norm)."""
        penalty = float(self.bounds @ self.group_norms(z))
        if self.penalty is None:
            return penalty
        residual = self.y - self.groups.apply(z)
        return penalty + 0.5 * float(residual @ residual)

    def realised(self, z: Weights) -> tuple[Float[np.ndarray, " n"], PerGroup]:
        """What the network of these weights predicts and pays for.

        Its neurons are on where they are positive, whatever the pattern of their group
        says, and a normalised neuron pays for its outputs.
        """
        first = self.n_skip
        if self.exact:
            hidden = np.maximum(self.groups.activations(z, first), 0)
            half = len(hidden) // 2
            predictions = hidden[:half].sum(axis=0) - hidden[half:].sum(axis=0)
            if first:
                predictions += self.groups.x @ z[0]
        else:
            hidden = self.groups.outputs(z)[first:]
            predictions = self.groups.apply(z)
        paid = norms(hidden) if self.network == "normalised" else norms(z)
        return predictions, paid

    def violation(self, z: Weights) -> PerGroup:
        r"""Per cone: the most negative $S_g X z_g$, as a nonnegative number."""
        if not self.exact:
            return np.zeros(0)
        rows = self.signs * self.groups.activations(z, self.n_skip)
        return np.maximum(0, -rows.min(axis=1))

    def dual_blocks(
        self, dual: Float[np.ndarray, " n"], cone_dual: PerSample | None = None
    ) -> Weights:
        r"""$A_g^T l + X^T S_g \mu_g$: its norms must not exceed $b_g$."""
        blocks = self.groups.adjoint(dual)
        if cone_dual is not None:
            blocks[self.n_skip :] += self.groups.activations_adjoint(
                self.signs * cone_dual, self.n_skip
            )
        return blocks

    def with_penalty(self, penalty: float) -> "Program":
        """The same programme with another penalty."""
        return dataclasses.replace(self, penalty=penalty)


def convex_program(
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, " n"],
    *,
    patterns: Patterns,
    network: Architecture = "plain",
    relaxation: Relaxation = "gated",
    penalty: float | None = None,
) -> Program:
    r"""The convex programme of a two-layer ReLU network over given patterns.

    Args:
        x: Inputs, shape `(n, d)`. Append a column of ones for a (penalised) bias.
        y: Labels, shape `(n,)`.
        patterns: Activation patterns of the same samples.
        network: `plain`, `skip` (plus a linear block) or `normalised` (every neuron's
            output on the data has norm one).
        relaxation: `exact` or `gated`.
        penalty: $\beta > 0$ of $\tfrac12\|f-y\|^2 + \beta\sum_g \|z_g\|$; `None` asks
            for the minimum norm subject to $f = y$.

    Raises:
        ConfigError: If the penalty is not positive or the patterns do not fit.
        DataError: If inputs or labels are not finite or of the wrong shape.

    Example:
        ```python
        patterns = op.convex.enumerate_patterns(x)
        program = op.convex.convex_program(
            x, y[:, 0], patterns=patterns, relaxation="exact", penalty=1.0
        )
        ```
    """
    one_of(["plain", "skip", "normalised"], network=network)
    one_of(["exact", "gated"], relaxation=relaxation)
    positive(penalty=penalty)
    check_data(x, y)
    if patterns.n_samples != len(x):
        raise ConfigError(
            f"the patterns are of {patterns.n_samples} samples, the data have {len(x)}."
        )
    live = np.asarray(x.any(axis=1))
    patterns = _distinct(patterns, live)
    merged = False
    if network == "skip" and relaxation == "gated":
        kept = patterns.without(np.ones(len(x), bool))
        merged, patterns = len(kept.masks) < len(patterns.masks), kept
    if relaxation == "exact":
        # The patterns whose cone has interior, with gates inside it. Which cones are
        # thin is judged with columns of one size, so that units do not decide it.
        columns = line_sizes(x, axis=0)
        scaled = Patterns(patterns.masks, patterns.gates * columns, patterns.complete)
        inside = interior_gates(x / columns, scaled)
        patterns = Patterns(inside.masks, inside.gates / columns, inside.complete)
    if not len(patterns.masks) and network != "skip":
        raise ConfigError("`patterns` must hold a non-zero pattern, got none.")
    masks = patterns.masks.astype(float)
    if network == "normalised":
        groups = basis_groups(x, masks, exact=relaxation == "exact")
    else:
        skip = np.ones((int(network == "skip"), len(x)))
        copies = [masks, -masks] if relaxation == "exact" else [masks]
        groups = MaskedGroups(x, np.concatenate([skip, *copies]))
    idle = None
    if relaxation == "exact" and not live.all():
        idle = np.tile(~live, (2 * len(masks), 1))
    return Program(groups, y, patterns, network, relaxation, penalty, merged, idle)


def over_patterns(
    program: Program, patterns: Patterns, *, relaxation: Relaxation | None = None
) -> Program:
    """The same programme over other patterns, exact or gated as before if not given."""
    built = convex_program(
        program.groups.x,
        program.y,
        patterns=patterns,
        network=program.network,
        relaxation=relaxation or program.relaxation,
        penalty=program.penalty,
    )
    # The all-ones pattern that a gated programme left out is not among its patterns.
    merged = built.merged_all_ones or (program.merged_all_ones and not built.exact)
    return dataclasses.replace(built, merged_all_ones=merged)


def _distinct(patterns: Patterns, live: Bool[np.ndarray, " n"]) -> Patterns:
    """The patterns without the one that is off wherever inputs are not zero.

    Zero inputs belong to every pattern and tell none apart. If all inputs are zero, one
    pattern stands for the network, which is zero.
    """
    if live.all():
        return patterns.without(np.zeros(len(live), bool))
    if not live.any():
        return patterns.subset(np.arange(len(patterns.masks)) < 1)
    masks = patterns.masks | ~live
    kept = np.zeros(len(masks), bool)
    kept[np.unique(masks, axis=0, return_index=True)[1]] = True
    kept &= patterns.masks[:, live].any(axis=1)
    return Patterns(masks, patterns.gates, patterns.complete).subset(kept)


def with_bias(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d_plus_1"]:
    """The inputs with a column of ones; its weight is penalised like the others.

    Example:
        `assert (op.convex.with_bias(np.asarray(x))[:, 3] == 1).all()`
    """
    return np.hstack([x, np.ones((len(x), 1))])


def check_data(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, " n"]) -> None:
    """Inputs and labels are finite float64 arrays of matching shapes and fair sizes."""
    if x.ndim != 2 or 0 in x.shape or not np.all(np.isfinite(x)):
        raise DataError(f"`x` must be a finite (n, d) matrix, got shape {x.shape}.")
    if y.shape != x.shape[:1] or not np.all(np.isfinite(y)):
        raise DataError(
            f"`y` must have n_samples = {len(x)} finite entries, got shape {y.shape}."
        )
    if x.dtype != np.float64 or y.dtype != np.float64:
        raise ConfigError(
            f"the convex programmes need float64 data, got x of {x.dtype} and y of "
            f"{y.dtype}; convert them by `np.asarray(x, np.float64)`."
        )
    _check_size("x", np.abs(x).max())
    _check_size("y", np.abs(y).max())


def _check_size(name: str, largest: float) -> None:
    if largest and not 1 / _LARGEST <= largest <= _LARGEST:
        raise DataError(
            f"the largest entry of `{name}` is {largest:.0e}, and float64 does not "
            "hold its square; rescale the data."
        )
