"""The analysis `certificate`: bounds on the distance of a network to its optimum."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from ...convex.certificates.certificate import NetworkCertificate, certify_network
from ...convex.certificates.several_outputs import certify_outputs
from ...convex.programs.patterns import Patterns
from ...convex.solvers.bounds import relative_gap
from ...errors import ConfigError
from ...networks.view import TwoLayerView
from ...training.plan import Progress, silent
from ..declaration import Findings
from ..subject import Subject
from .options import CertificateOptions
from .problem import CertifiedProblem, problem_of


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
    """Bound the distance to the global optimum, each number with its tier.

    Raises:
        ConfigError: If the network is no two-layer ReLU network, or its problem has no
            penalty on every weight.
    """
    progress(0, 1)
    subject = subjects[0]
    view = _view(subject)
    problem = problem_of(subject, view, options)
    has_offset = view.output_bias is not None
    view = replace(view, output_bias=None)
    found = _certified(subject, view, problem)
    rows = [(found.tier, found.lower, found.gap)]
    if found.tier != "certified" and found.n_patterns:
        rows.append(("estimate", found.best_known, found.estimated_gap))
    table = pl.DataFrame(
        rows, ["tier", "optimum at least", "relative gap"], orient="row"
    )
    tables = {"certificate": table}
    # Other moments have other output biases: each would be another problem.
    if len(subject.moments) > 1 and not has_offset:
        tables["along"] = _along(subject, problem, found)
    return Findings(
        tables=tables,
        summary={
            "objective of the balanced network": found.objective,
            f"lower bound ({found.tier})": found.lower,
            f"relative gap ({found.tier})": found.gap,
            "penalty": problem.penalty,
        },
        notes=[f"{tier}: {SENTENCES[tier]}." for tier in table["tier"]] + problem.notes,
    )


def _along(
    subject: Subject, problem: CertifiedProblem, found: NetworkCertificate
) -> pl.DataFrame:
    """Every kept network against the bound, which is one for all of them."""
    rows = []
    for moment in subject.moments:
        objective = problem.objective(subject.neurons(moment))
        gap = relative_gap(objective, found.lower)
        rows.append((moment, objective, gap))
    return pl.DataFrame(rows, ["epoch", "objective", "relative gap"], orient="row")


def check(subject: Subject, options: CertificateOptions) -> None:
    """Refuse a network whose optimum is not bounded."""
    problem_of(subject, _view(subject), options)


def _view(subject: Subject) -> TwoLayerView:
    view = subject.neurons()
    if view.activation != "relu":
        raise ConfigError(
            f"The certificate needs a two-layer ReLU network, got one with "
            f"{view.activation}."
        )
    return view


def _certified(
    subject: Subject, view: TwoLayerView, problem: CertifiedProblem
) -> NetworkCertificate:
    network, arrays = view.plain(), subject.run.arrays
    if problem.y.shape[1] > 1:
        return certify_outputs(network, problem.x, problem.y, penalty=problem.penalty)
    patterns = None
    if {"masks", "gates"} <= set(arrays) and arrays["masks"].shape[1] == len(problem.x):
        patterns = Patterns(arrays["masks"].astype(bool), arrays["gates"])
    return certify_network(
        network,
        problem.x,
        problem.y[:, 0],
        penalty=problem.penalty,
        patterns=patterns,
        normalised=problem.normalised,
    )
