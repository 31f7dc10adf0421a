"""Networks without their surplus neurons, nothing retrained."""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ...checks import in_range
from ...limits.population import Covariance, risk
from ...networks.network import Network
from ...networks.two_layer import TwoLayer
from ...networks.view import TwoLayerView, two_layer_view
from ...objectives.objective import Loss
from ...training.plan import Progress, silent
from ..comparison.canonical import canonical
from ..comparison.matching import neuron_masses


def merged(view: TwoLayerView, *, tolerance: float) -> TwoLayerView:
    """The same function with neurons that point the same way made one.

    Args:
        view: A view with a positively homogeneous activation.
        tolerance: Angle in radians below which directions count as equal.

    Raises:
        ConfigError: As `canonical`.
    """
    neurons = view.alone.plain()
    n_inputs, n_outputs = view.weights.shape[0], view.readout.shape[1]
    if view.offsets is not None:
        # Offsets add up as masses do, which are output weights times these norms.
        norms = jnp.linalg.norm(neurons.weights, axis=0)[:, None]
        offsets = jnp.where(norms > 0, view.offsets / norms, 0)
        readout = jnp.concatenate([neurons.readout, offsets], axis=1)
        neurons = dataclasses.replace(neurons, readout=readout)
    joined = canonical(neurons, tolerance=tolerance)
    # The readout holds the output scale already.
    skip, output_bias = (
        None if part is None else view.scale * part
        for part in (view.skip, view.output_bias)
    )
    return TwoLayerView(
        weights=joined.weights[:n_inputs],
        readout=joined.readout[:, :n_outputs],
        offsets=None if view.offsets is None else joined.readout[:, n_outputs:],
        bias=None if view.bias is None else joined.weights[n_inputs],
        skip=skip,
        output_bias=output_bias,
        activation=view.activation,
        trained_bias=view.trained_bias,
    )


def heaviest(network: Network | TwoLayerView, count: int) -> TwoLayerView:
    r"""The `count` neurons of largest mass $\|u_j\| \|v_j\|$, in their order.

    Args:
        network: A network with a two-layer view; what is no neuron of it stays.
        count: How many to keep.
    """
    view = two_layer_view(network)
    in_range(0, view.weights.shape[1], count=count)
    return view.select(np.sort(_by_mass(view)[:count]))


def pruned_risks(
    student: Network | TwoLayerView,
    teacher: TwoLayer,
    counts: Sequence[int],
    *,
    covariance: Covariance | None = None,
    progress: Progress = silent,
) -> Float[np.ndarray, " n_counts"]:
    """The exact risk of the heaviest neurons of a student.

    Args:
        student: The network that is pruned.
        teacher: The network that labels.
        counts: Numbers of neurons to keep.
        covariance: Covariance of the Gaussian inputs; `None` is the identity.
        progress: Told before every count.
    """
    # In NumPy: JAX would compile the selection of every count.
    view = jax.tree.map(np.asarray, two_layer_view(student))
    order = _by_mass(view)
    risks = []
    for done, count in enumerate(counts):
        progress(done, len(counts))
        in_range(0, len(order), count=count)
        kept = view.select(np.sort(order[:count])).plain()
        risks.append(risk(kept, teacher, covariance=covariance))
    return np.array(risks)


def pruned_losses(
    network: Network | TwoLayerView,
    counts: Sequence[int],
    x: Float[Array, "n *input"],
    y: Array,
    *,
    loss: Loss,
    progress: Progress = silent,
) -> Float[np.ndarray, " n_counts"]:
    """The loss over samples of the heaviest neurons of a network.

    Neurons join one by one, so that all counts together cost what the whole network
    does; outputs are summed in float64.

    Args:
        network: A network with a two-layer view.
        counts: Numbers of neurons to keep.
        x: Inputs.
        y: Targets, numbers or classes.
        loss: Loss of outputs and targets.
        progress: Told before every count.
    """
    view = two_layer_view(network)
    width = view.weights.shape[1]
    order = _by_mass(view)
    features = np.asarray(view.features(x), np.float64)
    readout = float(view.scale) * np.asarray(view.readout, np.float64)
    offsets = np.zeros_like(readout)
    if view.offsets is not None:
        offsets += float(view.scale) * np.asarray(view.offsets, np.float64)
    none = np.zeros(0, int)
    outputs = np.asarray(view.select(none)(x), np.float64)
    evaluate = jax.jit(loss)
    losses, kept = {}, 0
    for done, count in enumerate(sorted(set(counts))):
        progress(done, len(set(counts)))
        in_range(0, width, count=count)
        joining = order[kept:count]
        outputs = outputs + features[:, joining] @ readout[joining]
        outputs = outputs + offsets[joining].sum(axis=0)
        kept = count
        losses[count] = float(evaluate(jnp.asarray(outputs, view.readout.dtype), y))
    return np.array([losses[count] for count in counts])


def _by_mass(view: TwoLayerView) -> Int[np.ndarray, " width"]:
    return np.argsort(neuron_masses(view), kind="stable")[::-1]
