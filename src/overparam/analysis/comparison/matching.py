"""Which teacher neurons a student has found."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from ...checks import in_range
from ...errors import ConfigError
from ...networks.activations import ODD
from ...networks.finite import check_finite
from ...networks.two_layer import TwoLayer


FOUND = 0.99
"""Cosine from which a neuron counts as found (a choice of the study `planted`)."""


@dataclass(frozen=True, kw_only=True)
class Matching:
    """Student neurons against teacher neurons, by the angle of their input weights."""

    cosines: Float[np.ndarray, "teacher_width width"]
    """Cosine of each teacher neuron with each student neuron; 0 for a zero neuron."""
    cover: Float[np.ndarray, " teacher_width"]
    """Largest cosine over the student's neurons."""
    lost: Int[np.ndarray, " n_lost"]
    """Teacher neurons that no student neuron covers."""
    lost_masses: Float[np.ndarray, " n_lost"]
    """Masses (norm of the output weights times norm of the input weights) of these."""
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
    teacher: TwoLayer, student: TwoLayer, *, threshold: float = FOUND
) -> Matching:
    """Match the neurons of a student with those of its teacher.

    Where the activation is odd, opposite input weights make the same neuron, and
    cosines are taken without their signs.

    Args:
        teacher: Network whose neurons are looked for.
        student: Network of any width.
        threshold: Cosine from which a neuron counts as found.

    Raises:
        ConfigError: If input dimensions differ or weights are not finite.
    """
    in_range(-1, 1, threshold=threshold)
    _check(teacher, student)
    cosines = _directions(teacher).T @ _directions(student)
    if teacher.activation in ODD:
        cosines = np.abs(cosines)
    cover = cosines.max(axis=1, initial=-1)
    lost = np.flatnonzero(cover < threshold)
    surplus = cosines.max(axis=0, initial=-1) < threshold
    return Matching(
        cosines=cosines,
        cover=cover,
        lost=lost,
        lost_masses=neuron_masses(teacher)[lost],
        surplus_mass=float(neuron_masses(student)[surplus].sum()),
    )


def neuron_masses(network: TwoLayer) -> Float[np.ndarray, " width"]:
    r"""$\|u_j\| \|v_j\|$ of every neuron, times the output scale."""
    readout = np.asarray(network.readout, np.float64)
    weights = np.asarray(network.weights, np.float64)
    norms = np.linalg.norm(readout, axis=1) * np.linalg.norm(weights, axis=0)
    return float(network.scale) * norms


def _directions(network: TwoLayer) -> Float[np.ndarray, "input_dim width"]:
    weights = np.asarray(network.weights, np.float64)
    norms = np.linalg.norm(weights, axis=0)
    return weights / np.where(norms > 0, norms, 1)


def _check(teacher: TwoLayer, student: TwoLayer) -> None:
    for network in (teacher, student):
        if network.skip:
            raise ConfigError(
                "Neurons are matched for networks without skip connection only."
            )
        check_finite(network)
    dimensions = student.weights.shape[0], teacher.weights.shape[0]
    if dimensions[0] != dimensions[1]:
        raise ConfigError(
            "Student and teacher must share the input dimension, "
            f"got {dimensions[0]} and {dimensions[1]}."
        )
