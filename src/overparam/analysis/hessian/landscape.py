"""Noise-free descent of a risk, and ways out of where it ends."""

import dataclasses
from dataclasses import dataclass
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize

from ...checks import at_least, in_range
from ...networks.two_layer import TwoLayer
from ...networks.view import TwoLayerView
from ..risk import Risk, Student
from .curvature import Surface


_LBFGS_PAIRS = 20

Neurons = TypeVar("Neurons", TwoLayer, TwoLayerView)


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


def split_neuron(network: Neurons, neuron: int, *, share: float = 0.5) -> Neurons:
    r"""The same function with one more neuron: $u \to (1 - c) u$ and a copy with $c u$.

    A minimum can be a saddle of the wider network, where the two may part.

    Args:
        network: A two-layer network without skip connection, or a view.
        neuron: Which neuron; the copy becomes the last one.
        share: Part $c$ of its output weights that the copy takes.

    Reference: Fukumizu and Amari, Local minima and plateaus in hierarchical structures
        of multilayer perceptrons, Neural Networks 13 (2000), section 3.
    """
    in_range(0, network.weights.shape[1] - 1, neuron=neuron)
    in_range(0, 1, share=share)
    output = network.readout[neuron]
    readout = network.readout.at[neuron].set((1 - share) * output)
    copy = network.weights[:, neuron : neuron + 1]
    more = {}
    if isinstance(network, TwoLayerView) and network.bias is not None:
        bias = network.bias
        more["bias"] = jnp.concatenate([bias, bias[neuron : neuron + 1]])
    return dataclasses.replace(
        network,
        weights=jnp.concatenate([network.weights, copy], axis=1),
        readout=jnp.concatenate([readout, (share * output)[None]], axis=0),
        **more,
    )


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
        starts = [_moved(student, direction, by) for by in (-step, step)]
        ends = [settle(start, risk, n_steps=n_steps) for start in starts]
        return min(ends, key=lambda end: end.risk)


def _moved(network: Student, direction: Student, by: float) -> Student:
    return jax.tree.map(lambda w, d: w.astype(d.dtype) + by * d, network, direction)
