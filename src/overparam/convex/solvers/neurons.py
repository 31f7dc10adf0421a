r"""The penalised problem as a lasso over single neurons, for any number of samples.

The optimum over networks of any width is
$\min \tfrac12 \|\sum_j \alpha_j s_j (X u_j)_+ - y\|^2 + \beta \sum_j \alpha_j$ over
unit vectors $u_j$, signs and $\alpha \ge 0$ (with a skip connection also neurons $X
u$). New neurons are the local maxima of $|l^T (X u)_+|$ for the residual $l$
(`ascent.py`), and after each round all coefficients are optimal for the neurons at
hand. Neurons of one sign that point nearly the same way are also joined: on one pattern
that is exact, and it is what makes the method converge fast.

Reference: Bach 2017, Breaking the curse of dimensionality with convex neural networks,
section 2.4 (conditional gradients); Holloway 1974 for full correction.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ...checks import arrays_by_shape
from ..programs.arrangement import unit_rows
from .ascent import ascend, signed_rows
from .compiled import least_norm


# Cosine above which neurons are joined, and violations above which they are added.
_NEAR = 0.9
_EXCESS = 1e-9
# Distance up to which new neurons are the same; most of one sign in a round.
_SAME = 1e-7
_ADDED = 20
# Random starts of a wide search, with fewer where each costs more, and of others.
_WORK = 2e5
_MOST_STARTS, _LEAST_STARTS = 200, 20
_FEW_STARTS = 8


@arrays_by_shape
@dataclass(frozen=True, eq=False)
class UnitNeurons:
    """Neurons with their coefficients: a network of the problem.

    Attributes:
        directions: Unit vectors, shape `(neurons, d)`.
        signs: Of the outputs; 0 marks a neuron without ReLU.
        sizes: Nonnegative coefficients, what each pays.
    """

    directions: Float[np.ndarray, "neurons d"]
    signs: Float[np.ndarray, " neurons"]
    sizes: Float[np.ndarray, " neurons"]

    def outputs(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n neurons"]:
        """What each puts out at size one."""
        hidden = x @ self.directions.T
        return np.where(self.signs == 0, hidden, np.maximum(hidden, 0) * self.signs)

    def residual(
        self, x: Float[np.ndarray, "n d"], y: Float[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        """What is missing to the labels, the multiplier of the problem."""
        return y - self.outputs(x) @ self.sizes

    def objective(
        self, x: Float[np.ndarray, "n d"], y: Float[np.ndarray, " n"], penalty: float
    ) -> float:
        """Half the squared residual and what the neurons pay."""
        missing = self.residual(x, y)
        return 0.5 * float(missing @ missing) + penalty * float(self.sizes.sum())

    def with_more(
        self, directions: Float[np.ndarray, "k d"], signs: Float[np.ndarray, " k"]
    ) -> "UnitNeurons":
        """New neurons of size zero beside these."""
        return dataclasses.replace(
            self,
            directions=np.concatenate([self.directions, directions]),
            signs=np.concatenate([self.signs, signs]),
            sizes=np.concatenate([self.sizes, np.zeros(len(signs))]),
        )


def no_neurons(dimension: int) -> UnitNeurons:
    """The network of width zero."""
    return UnitNeurons(np.zeros((0, dimension)), np.zeros(0), np.zeros(0))


def corrected(
    neurons: UnitNeurons,
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, " n"],
    penalty: float,
) -> UnitNeurons:
    """The neurons with the best sizes; those of size zero are dropped.

    Outputs are brought to one size, or normal equations lose all digits of the small
    ones; still no sizes are taken that are worse than those at hand.
    """
    outputs = neurons.outputs(x)
    norms = np.linalg.norm(outputs, axis=0)
    norms[norms == 0] = 1
    unit = outputs / norms
    sizes, used = neurons.sizes * norms, neurons.sizes > 0
    least_norm(unit.T @ unit, unit.T @ y - penalty / norms, sizes, used)
    better = dataclasses.replace(neurons, sizes=sizes / norms)
    with np.errstate(over="ignore", invalid="ignore"):
        reached = better.objective(x, y, penalty)
    if not reached <= neurons.objective(x, y, penalty):
        better = neurons
    used = better.sizes > 0
    return dataclasses.replace(
        better,
        directions=better.directions[used],
        signs=better.signs[used],
        sizes=better.sizes[used],
    )


def improved(
    neurons: UnitNeurons,
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, " n"],
    penalty: float,
    *,
    skip: bool,
    wide: bool,
    rng: np.random.Generator,
) -> tuple[UnitNeurons, float]:
    r"""One round: the violating neurons of the residual, joined ones, full correction.

    A wide search starts from many random directions, any other from those at hand.

    Returns:
        The better network, and the largest $|l^T (X u)_+|$ that was met, for the
        residual l of the given one.
    """
    dual = neurons.residual(x, y)
    n_starts = _FEW_STARTS
    if wide:
        n_starts = int(np.clip(_WORK / x.size, _LEAST_STARTS, _MOST_STARTS))
    worst, larger = 0.0, neurons
    for sign in (1.0, -1.0):
        rows, n_plus = signed_rows(x, sign * dual)
        own = neurons.directions[neurons.signs == sign]
        starts = np.concatenate([rng.standard_normal((n_starts, x.shape[1])), own])
        found, values = ascend(rows, n_plus, starts)
        worst = max(worst, float(values.max()))
        new = _apart(found, values, penalty * (1 + _EXCESS))
        new = np.concatenate([new, _joined(neurons, sign)])
        larger = larger.with_more(new, np.full(len(new), sign))
    if skip:
        pulled = x.T @ dual
        size = float(np.linalg.norm(pulled))
        worst = max(worst, size)
        whole = _sum(neurons, neurons.signs == 0)
        new = unit_rows(np.stack([pulled, whole]))
        new = new[new.any(axis=1)]
        larger = larger.with_more(new, np.zeros(len(new)))
    return corrected(larger, x, y, penalty), worst


def _sum(neurons: UnitNeurons, some: np.ndarray) -> Float[np.ndarray, " d"]:
    return neurons.sizes[some] @ neurons.directions[some]


def _joined(neurons: UnitNeurons, sign: float) -> Float[np.ndarray, "k d"]:
    """For each neuron of a sign the direction of the sum of those near it, if any."""
    own = np.flatnonzero(neurons.signs == sign)
    near = neurons.directions[own] @ neurons.directions[own].T > _NEAR
    near = np.unique(near[near.sum(axis=1) > 1], axis=0)
    sums = np.stack([_sum(neurons, own[some]) for some in near]) if len(near) else None
    if sums is None:
        return np.zeros((0, neurons.directions.shape[1]))
    return unit_rows(sums)


def _apart(
    found: Float[np.ndarray, "k d"], values: Float[np.ndarray, " k"], least: float
) -> Float[np.ndarray, "some d"]:
    """The directions with the largest values above `least`, each once."""
    kept: list[np.ndarray] = []
    for i in np.argsort(-values):
        if values[i] <= least or len(kept) == _ADDED:
            break
        if all(np.abs(found[i] - other).max() > _SAME for other in kept):
            kept.append(found[i])
    return np.array(kept).reshape(-1, found.shape[1])
