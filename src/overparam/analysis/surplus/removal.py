"""Students without their surplus neurons, judged by the exact risk."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ...checks import in_range
from ...limits.population import Covariance, risk
from ...networks.two_layer import TwoLayer
from ...training.plan import Progress, silent
from ..comparison.matching import neuron_masses
from ..shallow import select_neurons


def heaviest(network: TwoLayer, count: int) -> TwoLayer:
    r"""The `count` neurons of largest mass $\|u_j\| \|v_j\|$, in their order.

    Args:
        network: A two-layer network without skip connection.
        count: How many to keep.
    """
    in_range(0, network.weights.shape[1], count=count)
    order = np.argsort(neuron_masses(network), kind="stable")[::-1]
    chosen = np.sort(order[:count])
    kept = select_neurons(network, chosen, readout=network.readout[chosen])
    assert isinstance(kept, TwoLayer)
    return kept


def pruned_risks(
    student: TwoLayer,
    teacher: TwoLayer,
    counts: Sequence[int],
    *,
    covariance: Covariance | None = None,
    progress: Progress = silent,
) -> Float[np.ndarray, " n_counts"]:
    """The exact risk of the heaviest neurons of a student, nothing retrained.

    Args:
        student: The network that is pruned.
        teacher: The network that labels.
        counts: Numbers of neurons to keep.
        covariance: Covariance of the Gaussian inputs; `None` is the identity.
        progress: Told before every count.
    """
    risks = []
    for done, count in enumerate(counts):
        progress(done, len(counts))
        kept = heaviest(student, count)
        risks.append(risk(kept, teacher, covariance=covariance))
    return np.array(risks)
