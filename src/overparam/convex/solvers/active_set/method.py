r"""Exact programmes by an augmented Lagrangian, with Newton steps on the active set.

With multipliers $z_g$ of the dual constraints (the primal weights) and a factor
$\sigma$, a round minimises
$\tfrac{\kappa}{2}\|l\|^2 - y^T l + \tfrac{1}{2\sigma} \sum_g \|z_g^+(l)\|^2$ over l,
where $z_g^+ = \sigma (1 - b_g / \|p_g\|)_+ p_g$ and $p_g$ is the projection of
$A_g^T l + z_g / \sigma$ on the cone, and then takes $z^+$ for z. The Hessian
$\kappa I + \sum_g A_g M_g A_g^T$ sums over the groups with $z_g^+ \ne 0$, each in the
few dimensions of the face of its cone; an interior-point method factors all groups in
all dimensions.

The multipliers of an earlier projection prove $z_g^+ = 0$ for as long as
$\|A_g^T l + X^T S_g \mu_g\| \le b_g$. Only the other groups are projected again: they
are the working set, and no group is left out of what is certified.

Reference: Li, Sun, Toh 2018, A highly efficient semismooth Newton augmented Lagrangian
method for solving Lasso problems.
"""

from typing import NamedTuple

import numpy as np
import scipy.linalg
from jaxtyping import Float

from ...programs.cones import norms
from ...programs.groups import MaskedGroups, PerGroup, Samples, Square, Weights
from ...programs.program import Program
from ..bounds import EqualityRepair, scaled_dual
from ..newton import Candidate
from ..solution import RESIDUAL, Solution, network_value
from .projection import project


# Newton steps of a round, halvings of one, and the part of the promised decrease that
# it must make.
_STEPS, _HALVINGS, _DECREASE = 50, 20, 1e-4
_ROUNDING = 1e-14
# A round ends where less than these parts of the labels, and of the relative change of
# the weights, is missing.
_MISSING, _CHANGE = 1e-2, 0.1
# The first factor relative to the sizes of labels and bounds, and its growth.
_FACTOR, _GROWTH = 16.0, 3.0
# The part of the groups that is proven to be zero at the first dual point.
_ZERO = 0.9
# Shift of a Hessian without $\kappa$, relative to its mean eigenvalue for the first
# factor and to what is missing; its least. A larger one keeps the first steps short.
_SHIFT, _LEAST = 1e-3, 1e-14
# Columns of the root of a Hessian that are multiplied at a time.
_PANEL = 2000
_TINY = float(np.finfo(float).tiny)


class ActivePoint(NamedTuple):
    r"""A dual point of a round, and what follows from it.

    Attributes:
        dual: $l$.
        projected: $p_g$; zero where it is proven to be short.
        kept: $(1 - b_g / \|p_g\|)_+$.
        weights: $z_g^+$.
        value: What the round minimises.
        missing: Minus its gradient, what is missing to the labels.
    """

    dual: Samples
    projected: Weights
    kept: PerGroup
    weights: Weights
    value: float
    missing: Samples


class ActiveState(NamedTuple):
    r"""A dual point, the weights, $\sigma$, and the equations that led here."""

    dual: Samples
    weights: Weights
    factor: float
    system: "ActiveSystem | None" = None


class ActiveSetMethod:
    r"""Rounds and certificates for one exact programme of plain or skip networks.

    Attributes:
        multipliers: $\mu_g$ of the last projections.
        factor: The first $\sigma$.
    """

    def __init__(self, program: Program, repair: EqualityRepair | None) -> None:
        assert isinstance(program.groups, MaskedGroups)
        self.program, self.groups = program, program.groups
        self.repair = repair
        self.multipliers = np.zeros_like(program.signs)
        self._size = max(float(np.linalg.norm(program.y)), _TINY)
        share = self._size / np.sqrt(self.groups.n_groups)
        self.factor = _FACTOR * share / program.bounds.max()
        self._faces: dict[int, tuple[bytes, Weights]] = {}

    def start(self, near: Solution | None = None) -> ActiveState:
        """Zero weights and a multiple of the labels."""
        assert near is None
        program = self.program
        zeros = np.zeros((self.groups.n_groups, self.groups.dimension))
        self._at(program.y, zeros, self.factor)
        blocks = program.dual_blocks(program.y, self.multipliers)
        used = np.quantile(program.group_norms(blocks) / program.bounds, _ZERO)
        multiple = 1 / max(float(used), _TINY)
        self.multipliers *= multiple
        return ActiveState(multiple * program.y, zeros, self.factor)

    def certify(self, state: ActiveState) -> Candidate:
        """Bounds that hold at any iterate, and the points that give them.

        The upper bound is infinite where the labels are not fitted.
        """
        program, weights = self.program, state.weights
        if self.repair is not None and state.system is not None:
            # The second time corrects what the shift left of the first.
            for _ in range(2):
                weights = state.system.restore_equality(weights)
        dual = scaled_dual(program, state.dual, self.multipliers)
        upper, residual, _ = network_value(program, weights, dual.dual)
        upper = upper if residual <= RESIDUAL else np.inf
        return Candidate(weights, upper, dual.dual, dual.cone_dual, dual.value)

    def step(self, state: ActiveState) -> ActiveState:
        """One round."""
        weights, factor, system = state.weights, state.factor, state.system
        point = self._at(state.dual, weights, factor)
        for _ in range(_STEPS):
            missing = float(np.linalg.norm(point.missing)) / self._size
            size = max(float(np.linalg.norm(point.weights)), _TINY)
            change = float(np.linalg.norm(point.weights - weights)) / size
            if missing <= min(_MISSING, _CHANGE * change):
                break
            system = ActiveSystem(self, point, factor, missing)
            direction = system.solve(point.missing)
            following = self._lower(point, direction, weights, factor)
            if following is None:
                break
            point = following
        return ActiveState(point.dual, point.weights, _GROWTH * factor, system)

    def face(self, g: int) -> Weights:
        """An orthonormal basis of the face that a group was projected on."""
        x, first = self.groups.x, self.program.n_skip
        if g < first:
            return np.eye(x.shape[1])
        used = self.multipliers[g - first] > 0
        key, known = used.tobytes(), self._faces.get(g)
        if known is None or known[0] != key:
            whole = np.asarray(scipy.linalg.qr(x[used].T, check_finite=False)[0])
            known = self._faces[g] = key, whole[:, int(np.count_nonzero(used)) :]
        return known[1]

    def _lower(
        self, point: ActivePoint, direction: Samples, weights: Weights, factor: float
    ) -> ActivePoint | None:
        """The first of ever shorter steps that lowers the value enough."""
        slope, length = float(point.missing @ direction), 1.0
        rounding = _ROUNDING * abs(point.value)
        for _ in range(_HALVINGS):
            found = self._at(point.dual + length * direction, weights, factor)
            if found.value <= point.value - _DECREASE * length * slope + rounding:
                return found
            length /= 2
        return None

    def _at(self, dual: Samples, weights: Weights, factor: float) -> ActivePoint:
        program, groups, first = self.program, self.groups, self.program.n_skip
        pulled = groups.adjoint(dual)
        blocks = pulled.copy()
        blocks[first:] += (program.signs * self.multipliers) @ groups.x
        doubtful = (norms(blocks) > program.bounds) | weights.any(axis=1)
        projected = np.where(doubtful[:, None], pulled + weights / factor, 0)
        cones = np.flatnonzero(doubtful[first:])
        signs, places = program.signs[cones], first + cones
        project(
            groups.inner_products,
            min(groups.x.shape),
            program.signs,
            signs * (projected[places] @ groups.x.T),
            self.multipliers,
            cones,
        )
        projected[places] += (signs * self.multipliers[cones]) @ groups.x
        kept = np.maximum(0, 1 - program.bounds / np.maximum(norms(projected), _TINY))
        following = (factor * kept)[:, None] * projected
        value = float(np.vdot(following, following)) / (2 * factor)
        value += 0.5 * program.kappa * float(dual @ dual) - float(program.y @ dual)
        missing = program.y - program.kappa * dual - groups.apply(following)
        return ActivePoint(dual, projected, kept, following, value, missing)


class ActiveSystem:
    r"""The Hessian at a point, by roots $M_g = F_g F_g^T$ of its active groups."""

    def __init__(
        self, method: ActiveSetMethod, point: ActivePoint, factor: float, missing: float
    ) -> None:
        self._groups, self._labels = method.groups, method.program.y
        self._active = np.flatnonzero(point.kept)
        self._roots: list[Float[np.ndarray, "d face"]] = []
        for g in self._active:
            face, kept = method.face(int(g)), np.sqrt(point.kept[g])
            along = face.T @ point.projected[g]
            along /= np.linalg.norm(along)
            # The root of k I + (1 - k) a a^T for a unit vector a.
            root = kept * face + (1 - kept) * np.outer(face @ along, along)
            self._roots.append(np.sqrt(factor) * root)
        hessian = self._sum()
        mean = float(np.trace(hessian)) / len(hessian)
        # Across the weights of a group a larger factor curves no more: what only they
        # reach would stay missing under a shift that grows with it.
        part = _SHIFT * min(1.0, missing) * method.factor / factor
        shift = max(_LEAST, part) * mean
        hessian[np.diag_indices_from(hessian)] += method.program.kappa or shift or 1.0
        self._factor = scipy.linalg.cho_factor(hessian, check_finite=False)

    def solve(self, v: Samples) -> Samples:
        """The Newton step for what is missing."""
        return scipy.linalg.cho_solve(self._factor, v, check_finite=False)

    def restore_equality(self, weights: Weights) -> Weights:
        """Move the predictions to the labels, along the faces of the active groups."""
        missing = self._labels - self._groups.apply(weights)
        pulled = self._groups.adjoint(self.solve(missing))
        restored = weights.copy()
        for g, root in zip(self._active, self._roots, strict=True):
            restored[g] += root @ (root.T @ pulled[g])
        return restored

    def _sum(self) -> Square:
        """The Hessian, whose root is multiplied in panels of whole groups."""
        x, masks = self._groups.x, self._groups.masks
        hessian = np.zeros((len(x), len(x)))
        panel, width = [], 0
        for g, root in zip(self._active, self._roots, strict=True):
            rows = np.flatnonzero(masks[g])
            block = np.zeros((len(x), root.shape[1]))
            block[rows] = masks[g, rows, None] * (x[rows] @ root)
            panel.append(block)
            width += root.shape[1]
            if width >= _PANEL or g == self._active[-1]:
                columns = np.concatenate(panel, axis=1)
                hessian += columns @ columns.T
                panel, width = [], 0
        return hessian
