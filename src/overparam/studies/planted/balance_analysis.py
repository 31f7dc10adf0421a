"""The analysis `balance`: a stored network against the best rescaling of itself."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...analysis.balance import (
    balance,
    balance_residual,
    check_homogeneous,
    conserved,
    path_norm,
)
from ...analysis.penalties import PowerPenalty
from ...plots.figure import COLOURS, panels
from ..analyses import Findings, Subject
from .balance_options import BalanceOptions


def analyse(subjects: Sequence[Subject], options: BalanceOptions) -> Findings:
    """Norms, residuals and the penalty before and after balancing.

    Raises:
        ConfigError: If the network is not two-layer and homogeneous.
    """
    network = check_homogeneous(subjects[0].network, "balance")
    penalty = PowerPenalty(p=options.p, q=options.q, mu=options.mu, nu=options.nu)
    residual = balance_residual(network, penalty)
    neurons = pl.DataFrame(
        {
            "neuron": np.arange(network.readout.shape[0]),
            "readout_norm": np.linalg.norm(network.readout, axis=1),
            "weights_norm": np.linalg.norm(network.weights, axis=0),
            "conserved": np.asarray(conserved(network)),
            "residual": np.asarray(residual.per_neuron),
        }
    )
    summary = {
        "path norm": float(path_norm(network)),
        "penalty": float(penalty(network)),
        "penalty after balancing": float(penalty(balance(network, penalty))),
        "largest residual (0 is balanced)": float(residual.maximum),
    }
    return Findings(
        tables={"neurons": neurons},
        figures={"neurons": _figure(neurons, subjects[0])},
        summary=summary,
    )


def _figure(neurons: pl.DataFrame, subject: Subject) -> Figure:
    caption = f"run {subject.run.path.name} of {subject.run.study}"
    figure, axes = panels(width=4.5, height=4.2, caption=caption)
    inputs, outputs = neurons["weights_norm"], neurons["readout_norm"]
    axes[0, 0].scatter(inputs, outputs, s=12, color=COLOURS[0])
    most = max(inputs.max(), outputs.max())  # pyright: ignore
    axes[0, 0].plot([0, most], [0, most], color="0.5", linestyle=":")
    axes[0, 0].set_xlabel("norm of the input weights of a neuron")
    axes[0, 0].set_ylabel("norm of its output weights")
    axes[0, 0].set_title("On the dotted line a neuron is balanced for L2")
    return figure
