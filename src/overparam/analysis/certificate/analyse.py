"""The analysis `certificate`: bounds on the distance of a network to its optimum."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from ...convex.certificates.certificate import NetworkCertificate, certify_network
from ...convex.programs.patterns import Patterns
from ...errors import ConfigError
from ...networks.two_layer import TwoLayer
from ...training.plan import Progress, silent
from ..declaration import Findings
from ..subject import Subject
from .options import CertificateOptions


SENTENCES = {
    "certified": "all activation patterns were enumerated and their optimum was found",
    "certified-loose": "a bound that is valid for any width but far from tight",
    "estimate": "over sampled patterns; NOT a bound for the network",
}


def analyse(
    subjects: Sequence[Subject],
    options: CertificateOptions,
    progress: Progress = silent,
) -> Findings:
    """Bound the distance to the global optimum, each number with its tier."""
    progress(0, 1)
    run, network = subjects[0].run, subjects[0].network
    if not isinstance(network, TwoLayer):
        raise ConfigError(
            "the certificate needs a two-layer ReLU network, got "
            f"{type(network).__name__}."
        )
    arrays = run.arrays
    if "x" not in arrays or "y" not in arrays:
        raise ConfigError(
            f"The run `{run.path}` holds no training data `x` and `y` to certify with."
        )
    penalty = options.penalty or _penalty(run.config)
    patterns = None
    if "masks" in arrays and "gates" in arrays:
        patterns = Patterns(arrays["masks"].astype(bool), arrays["gates"])
    labels = np.asarray(arrays["y"], np.float64).reshape(len(arrays["x"]), -1)
    if labels.shape[1] != 1:
        raise ConfigError(f"the certificate needs one output, got {labels.shape[1]}.")
    found = certify_network(
        network,
        np.asarray(arrays["x"], np.float64),
        labels[:, 0],
        penalty=penalty,
        patterns=patterns,
        normalised=run.config.get("network") == "normalised",
    )
    return Findings(
        tables={"certificate": _table(found)},
        summary={
            "objective of the balanced network": found.objective,
            f"lower bound ({found.tier})": found.lower,
            f"relative gap ({found.tier})": found.gap,
            "penalty": penalty,
        },
        notes=[f"{tier}: {SENTENCES[tier]}." for tier in _table(found)["tier"]],
    )


def check(subject: Subject, options: CertificateOptions) -> None:
    """Refuse a network whose optimum is not bounded."""
    del options
    if not isinstance(subject.network, TwoLayer):
        raise ConfigError(
            "the certificate needs a two-layer ReLU network, got "
            f"{type(subject.network).__name__}."
        )


def _table(found: NetworkCertificate) -> pl.DataFrame:
    rows = [(found.tier, found.lower, found.gap)]
    if found.tier != "certified":
        rows.append(("estimate", found.best_known, found.estimated_gap))
    return pl.DataFrame(
        rows, ["tier", "optimum at least", "relative gap"], orient="row"
    )


def _penalty(config: dict) -> float:
    penalty = config.get("penalty")
    if config.get("fit") == "penalised" and penalty is None:
        return 1e-3
    if not penalty:
        raise ConfigError(
            "the run's objective has no penalty; name one with --penalty."
        )
    return float(penalty)
