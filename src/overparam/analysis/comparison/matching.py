"""Which teacher neurons a student has found."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from ...checks import arrays_by_shape, in_range
from ...errors import ConfigError
from ...networks.activations import traits
from ...networks.finite import check_finite
from ...networks.network import Network
from ...networks.radial import SIDE
from ...networks.view import TwoLayerView, two_layer_view


FOUND = 0.99
"""Cosine from which a neuron counts as found (a choice of the study `planted`)."""


@arrays_by_shape
@dataclass(frozen=True, kw_only=True)
class Matching:
    """Student neurons against teacher neurons, by the angle of their input weights."""

    cosines: Float[np.ndarray, "teacher_width width"]
    """Cosine of each teacher neuron with each student neuron; 0 for a zero neuron."""
    masses: Float[np.ndarray, " teacher_width"]
    """Mass of each teacher neuron: norm of the output weights times that of the input
    weights."""
    cover: Float[np.ndarray, " teacher_width"]
    """Largest cosine over the student's neurons."""
    lost: Int[np.ndarray, " n_lost"]
    """Teacher neurons that no student neuron covers."""
    lost_masses: Float[np.ndarray, " n_lost"]
    """Masses of these."""
    surplus_mass: float
    """Total mass of student neurons whose best cosine is below the threshold."""

    @cached_property
    def assignment(self) -> Int[np.ndarray, " teacher_width"]:
        """Student neuron of each teacher neuron in the one-to-one assignment with the
        largest sum of cosines; -1 where the student is too narrow."""
        # Training needs no assignment, and this import takes .2 to .4 s.
        from scipy.optimize import linear_sum_assignment

        rows, columns = linear_sum_assignment(self.cosines, maximize=True)
        assignment = np.full(self.cosines.shape[0], -1)
        assignment[rows] = columns
        return assignment


def match_neurons(
    teacher: Network | TwoLayerView,
    student: Network | TwoLayerView,
    *,
    threshold: float = FOUND,
) -> Matching:
    """Match the neurons of a student with those of its teacher.

    Where the activation is odd, opposite input weights make the same neuron, and
    cosines are taken without their signs. A hidden bias is one more input weight, and
    points of radial features are compared on the torus. Skip weights are one linear
    neuron per output, which comes last and can be found in those of the same output.

    Args:
        teacher: Network whose neurons are looked for.
        student: Network of any width.
        threshold: Cosine from which a neuron counts as found.

    Raises:
        ConfigError: If input dimensions or kinds of neurons differ, a network has no
            two-layer view, or weights are not finite.

    Example:
        ```python
        teacher = op.data.teacher(3, 2, 1, key=key)
        assert len(op.analysis.match_neurons(teacher, teacher).lost) == 0
        ```
    """
    in_range(-1, 1, threshold=threshold)
    check_finite(teacher)
    check_finite(student)
    views = two_layer_view(teacher), two_layer_view(student)
    _check(*views)
    biased = any(view.bias is not None for view in views)
    planted, found = (_directions(view, biased) for view in views)
    cosines = planted.T @ found
    if traits(views[0].activation).odd:
        cosines = np.abs(cosines)
    cosines = _with_linear(cosines, *views)
    # Of the hidden neurons, then of the linear ones.
    masses, surplus_masses = (
        np.append(
            neuron_masses(view),
            abs(float(view.scale)) * np.linalg.norm(_linear(view), axis=0),
        )
        for view in views
    )
    cover = cosines.max(axis=1, initial=-1)
    lost = np.flatnonzero(cover < threshold)
    surplus = cosines.max(axis=0, initial=-1) < threshold
    return Matching(
        cosines=cosines,
        masses=masses,
        cover=cover,
        lost=lost,
        lost_masses=masses[lost],
        surplus_mass=float(surplus_masses[surplus].sum()),
    )


def neuron_masses(network: Network | TwoLayerView) -> Float[np.ndarray, " width"]:
    r"""$\|u_j\| \|v_j\|$ of every neuron, times the size of the output scale.

    A hidden bias belongs to the input weights, a fixed threshold does not; a radial
    neuron has no size but that of its output weights.
    """
    view = two_layer_view(network)
    readout = np.asarray(view.readout, np.float64)
    norms = np.linalg.norm(readout, axis=1)
    if view.length is None:
        weights = _weights(view, view.bias is not None and view.trained_bias)
        norms = norms * np.linalg.norm(weights, axis=0)
    return abs(float(view.scale)) * norms


def _weights(view: TwoLayerView, biased: bool) -> Float[np.ndarray, "_ width"]:
    weights = np.asarray(view.weights, np.float64)
    if not biased:
        return weights
    bias = np.zeros(weights.shape[1]) if view.bias is None else view.bias
    return np.concatenate([weights, np.asarray(bias, np.float64)[None]])


def _linear(view: TwoLayerView) -> Float[np.ndarray, "input_dim n_linear"]:
    if view.skip is None:
        return np.zeros((view.weights.shape[0], 0))
    return np.asarray(view.skip, np.float64)


def _directions(view: TwoLayerView, biased: bool) -> Float[np.ndarray, "_ width"]:
    if view.length is None:
        return _unit(_weights(view, biased))
    # A point of the torus is a point on one circle per coordinate.
    angles = 2 * np.pi / SIDE * np.asarray(view.weights, np.float64)
    return _unit(np.concatenate([np.cos(angles), np.sin(angles)]))


def _unit(vectors: Float[np.ndarray, "dim n"]) -> Float[np.ndarray, "dim n"]:
    norms = np.linalg.norm(vectors, axis=0)
    return vectors / np.where(norms > 0, norms, 1)


def _with_linear(
    cosines: Float[np.ndarray, "n m"], teacher: TwoLayerView, student: TwoLayerView
) -> Float[np.ndarray, "n_all m_all"]:
    planted, found = _unit(_linear(teacher)), _unit(_linear(student))
    n, m = cosines.shape
    whole = np.zeros((n + planted.shape[1], m + found.shape[1]))
    whole[:n, :m] = cosines
    if planted.shape == found.shape:
        whole[n:, m:] = np.diag(np.sum(planted * found, axis=0))
    return whole


def _check(teacher: TwoLayerView, student: TwoLayerView) -> None:
    dimensions = student.weights.shape[0], teacher.weights.shape[0]
    if dimensions[0] != dimensions[1]:
        raise ConfigError(
            "Student and teacher must share the input dimension, "
            f"got {dimensions[0]} and {dimensions[1]}."
        )
    if (teacher.length is None) != (student.length is None):
        raise ConfigError(
            "Student and teacher must both have radial neurons or neither, got "
            f"{student.activation} and {teacher.activation}."
        )
