"""Noise-free descent of a risk, and ways out of where it ends."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from scipy.optimize import minimize

from ...checks import at_least, in_range
from ...networks.layers import path_name
from ...networks.view import two_layer_view
from ..risk import Risk, Student
from .curvature import Surface


_LBFGS_PAIRS = 20

_OF_OUTPUTS = ("readout", "offsets")
_OF_NO_NEURON = ("skip", "skip_weights", "output_bias")
"""Fields of a view or network by what their axes are: others have neurons last."""


@dataclass(frozen=True, kw_only=True)
class Settled:
    """Where noise-free descent ends."""

    network: Any
    """The student in float64."""
    risk: float
    """Its risk."""
    gradient_norm: float
    """Norm of the gradient that is left."""
    n_steps: int
    """Steps taken."""


def settle(
    student: Student, risk: Risk, *, n_steps: int = 1000, tolerance: float = 1e-9
) -> Settled:
    """Descend a risk without noise (L-BFGS) until the gradient vanishes.

    Args:
        student: Where to start.
        risk: What is descended.
        n_steps: Most steps.
        tolerance: Largest entry of the gradient at which to stop.
    """
    at_least(1, n_steps=n_steps)
    with jax.enable_x64(True):
        surface = Surface(student, risk)
        found = minimize(
            surface.value_and_gradient,
            surface.start,
            jac=True,
            method="L-BFGS-B",
            options={
                "maxiter": n_steps,
                "maxfun": 2 * n_steps + 20,
                "maxcor": _LBFGS_PAIRS,
                "gtol": tolerance,
                "ftol": 0.0,
            },
        )
        return Settled(
            network=surface.network(found.x),
            risk=max(float(found.fun), 0.0),
            gradient_norm=float(np.linalg.norm(found.jac)),
            n_steps=int(found.nit),
        )


def split_neuron(network: Student, neuron: int, *, share: float = 0.5) -> Any:
    r"""The same function with one more neuron: $u \to (1 - c) u$ and a copy with $c u$.

    A minimum can be a saddle of the wider network, where the two may part.

    Args:
        network: A network with a two-layer view, or a view.
        neuron: Which neuron; the copy becomes the last of the hidden ones.
        share: Part $c$ of its output weights that the copy takes.

    Reference: Fukumizu and Amari, Local minima and plateaus in hierarchical structures
        of multilayer perceptrons, Neural Networks 13 (2000), section 3.
    """
    width = two_layer_view(network).weights.shape[1]
    in_range(0, width - 1, neuron=neuron)
    in_range(0, 1, share=share)

    def split(path: tuple[Any, ...], leaf: Array) -> Array:
        name = path_name(path).rpartition(".")[2]
        if name in _OF_OUTPUTS:
            output = leaf[neuron]
            kept = leaf.at[neuron].set((1 - share) * output)
            # Rows of skip weights come after those of the neurons.
            parts = [kept[:width], (share * output)[None], kept[width:]]
            return jnp.concatenate(parts)
        if name in _OF_NO_NEURON:
            return leaf
        return jnp.concatenate([leaf, leaf[..., neuron : neuron + 1]], axis=-1)

    return jax.tree_util.tree_map_with_path(split, network)


def escape(
    student: Student,
    direction: Student,
    risk: Risk,
    *,
    step: float = 0.1,
    n_steps: int = 1000,
) -> Settled:
    """Follow a direction both ways, and settle.

    Args:
        student: A saddle or minimum, such as a split one.
        direction: That of its smallest curvature (`Curvatures.direction`).
        risk: What is descended.
        step: Length of the step along the direction.
        n_steps: Most steps of the descent after it.

    Returns:
        The better of the two ends.
    """
    with jax.enable_x64(True):
        starts = [
            jax.tree.map(
                lambda w, d, by=by: w.astype(d.dtype) + by * d, student, direction
            )
            for by in (-step, step)
        ]
        ends = [settle(start, risk, n_steps=n_steps) for start in starts]
        return min(ends, key=lambda end: end.risk)
