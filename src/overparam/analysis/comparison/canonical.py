r"""Two-layer networks as functions: one form for all networks that are equal.

A positively homogeneous network is $f(x) = \int \psi(w^\top x)\, d\nu(w)$ for a vector
measure $\nu$ on the unit sphere, with one atom per neuron.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.sparse.csgraph import connected_components

from ...checks import arrays_by_shape, positive
from ...errors import ConfigError
from ...networks.finite import check_finite
from ...networks.two_layer import TwoLayer, check_homogeneous
from .distances import squared_distances


_LEAST_SHARE = 1e-100


@arrays_by_shape
@dataclass(frozen=True, kw_only=True)
class SphereMeasure:
    """A sum of vector masses at points of the unit sphere, in float64."""

    atoms: Float[np.ndarray, "n_atoms input_dim"]
    """Unit directions $v_j / b_j$ of the input weights."""
    masses: Float[np.ndarray, "n_atoms n_outputs"]
    """Masses $b_j u_j$ times the output scale."""

    @property
    def total_variation(self) -> float:
        """Sum of the norms of the masses: the path norm times the output scale."""
        return float(np.linalg.norm(self.masses, axis=1).sum())


def sphere_measure(network: TwoLayer) -> SphereMeasure:
    """The measure of a network: one atom per neuron with input weights other than 0.

    Raises:
        ConfigError: If the activation is not homogeneous or weights are not finite.

    Example:
        ```python
        measure = op.analysis.sphere_measure(network)
        assert np.allclose(np.linalg.norm(measure.atoms, axis=1), 1)
        ```
    """
    check_homogeneous(network, "sphere_measure")
    check_finite(network)
    weights = np.asarray(network.weights, np.float64).T
    readout = float(network.scale) * np.asarray(network.readout, np.float64)
    norms = np.linalg.norm(weights, axis=1)
    alive = norms > 0
    norms = norms[alive, None]
    return SphereMeasure(atoms=weights[alive] / norms, masses=norms * readout[alive])


def canonical(network: TwoLayer, *, tolerance: float = 1e-6) -> TwoLayer:
    """The same function in a form that equal functions share.

    Input weights have norm 1, neurons that point the same way are one, neurons without
    mass are gone, neurons are sorted by direction and the output scale is 1.

    Args:
        network: A two-layer network with a positively homogeneous activation.
        tolerance: Angle (in radians) below which directions count as equal, and the
            rounding of coordinates before they are sorted.

    Raises:
        ConfigError: As `sphere_measure`, or if a merged weight overflows.

    Example:
        ```python
        twice = op.TwoLayer(2 * network.weights, network.readout / 2)
        one, other = op.analysis.canonical(network), op.analysis.canonical(twice)
        assert jnp.allclose(one.weights, other.weights, atol=1e-5)
        ```
    """
    positive(tolerance=tolerance)
    dtype = network.readout.dtype
    measure = sphere_measure(network)
    # Chords: cosines of small angles round to 1.
    near = squared_distances(measure.atoms, measure.atoms) < tolerance**2
    n_groups, labels = connected_components(near)
    members = np.eye(n_groups)[labels].T
    sizes = np.linalg.norm(measure.masses, axis=1, keepdims=True)
    # Weighted by size, so that a tiny neuron does not turn a large one; the floor, of
    # which a square is above 0, gives a group of zero masses a direction.
    shares = np.maximum(sizes / (sizes.max(initial=0) or 1), _LEAST_SHARE)
    atoms = members @ (shares * measure.atoms)
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    masses = members @ measure.masses
    epsilon = float(jnp.finfo(dtype).eps)
    sizes = np.linalg.norm(masses, axis=1)
    # What is left when masses cancel is rounding of the largest of them.
    alive = sizes > 10 * epsilon * sizes.max(initial=0)
    atoms, masses = atoms[alive], masses[alive]
    # Adding 0 turns -0 into 0, which sorts alike.
    rounded = np.round(atoms / tolerance) + 0.0
    order = np.lexsort(rounded.T[::-1])
    largest = float(np.abs(masses).max(initial=0))
    if largest > float(jnp.finfo(dtype).max):
        raise ConfigError(f"A merged neuron of mass {largest:.3g} overflows {dtype}.")
    return TwoLayer(
        weights=jnp.asarray(atoms[order].T, dtype),
        readout=jnp.asarray(masses[order], dtype),
        activation=network.activation,
    )
