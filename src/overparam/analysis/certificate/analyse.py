"""The analysis `certificate`: bounds on the distance of a network to its optimum."""

import math
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ...convex.certificates.activation import SearchLimits
from ...convex.certificates.branch_and_price import GlobalOptimum, searchable
from ...convex.certificates.certificate import NetworkCertificate, certify_network
from ...convex.certificates.proof import write_proof
from ...convex.certificates.several_outputs import certify_outputs
from ...convex.programs.patterns import Patterns
from ...convex.solvers.bounds import relative_gap
from ...errors import ConfigError, StoreError
from ...networks.view import TwoLayerView
from ...processes import STOP
from ...training.plan import Progress, silent
from ..declaration import Findings
from ..subject import Subject
from .options import CertificateOptions
from .problem import CertifiedProblem, held_constant, problem_of


if TYPE_CHECKING:
    from matplotlib.figure import Figure

SENTENCES = {
    "certified": "the lower bound is proven to be within the gap of the optimum over "
    "networks of any width",
    "bounded": "a bound that is valid for any width but farther than the gap asked for",
    "estimate": "the smallest objective that was found; NOT a bound for the network",
}
PROOFS = {
    "enumeration": "by the programme over all activation patterns",
    "search": "by a search over cones of directions, or over signs of samples",
    "outputs": "by a search for each direction of the outputs, as if no neuron served "
    "two of them",
    "eigenvalue": "by an eigenvalue",
}
LEAST_SHARE = 1e-3
"""Of a gap: a network nearer than that to the best one found counts as the best."""
VACUOUS = 1.0
"""Relative distance to the best network above which a bound tells nothing."""


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
    if options.proof is not None:
        _check_file(Path(options.proof))
    progress(0, 1)
    subject = subjects[0]
    view = _view(subject)
    problem = problem_of(subject, view, options)
    holds = held_constant(view) is not None
    if holds:
        view = replace(view, output_bias=None, offsets=None)
    bounds = Bounds(options.seconds, progress)
    with STOP.listening():
        found = _certified(subject, view, problem, options, bounds)
    notes = _vacuous(found, problem, options) + problem.notes
    if options.proof is not None:
        # What was found is told, whether or not it can be written.
        try:
            _write_proof(found, problem, view, options.proof)
        except (ConfigError, StoreError) as error:
            notes.append(f"No proof was written. {error}")
    rows: list[tuple[str, float | None, float, float]]
    rows = [(found.tier, found.lower, found.best_known, found.gap)]
    if found.tier != "certified" and (found.n_patterns or found.found is not None):
        rows.append(("estimate", None, found.best_known, found.estimated_gap))
    table = pl.DataFrame(
        rows,
        ["tier", "optimum at least", "optimum at most", "gap of the network"],
        orient="row",
        infer_schema_length=None,
    )
    tables = {"certificate": table}
    # Other moments have other output biases: each would be another problem.
    if len(subject.course()) > 1 and not holds:
        tables["along"] = _along(subject, problem, found)
    return Findings(
        tables=tables,
        summary={
            "objective of the balanced network": found.objective,
            f"lower bound ({found.tier})": found.lower,
            "relative gap to the bound": found.gap,
            "penalty": problem.penalty,
            "samples": len(problem.x),
            "proof": found.proof,
            **_size(found),
        },
        figures={"bound": bounds.figure(found)},
        notes=[
            f"{tier}: {SENTENCES[tier]}"
            + (f", {PROOFS[found.proof]}." if tier == found.tier else ".")
            for tier in table["tier"]
        ]
        + _distance(found)
        + notes,
    )


def _check_file(proof: Path) -> None:
    """Refuse before a search what no proof could be written to after it."""
    if os.path.isdir(proof):
        raise ConfigError(f"`{proof}` is a folder; name a file in it for the proof.")
    if not os.path.isdir(proof.absolute().parent):
        raise ConfigError(f"The folder of the proof `{proof}` does not exist.")


def _distance(found: NetworkCertificate) -> list[str]:
    """How near the network itself is to the optimum, in a sentence."""
    most = found.gap
    if not 0 < most < math.inf:
        return []
    least = found.objective / found.best_known - 1
    if _tells_nothing(found):
        if least <= LEAST_SHARE:
            return ["How far the network is from the optimum, the bound does not tell."]
        return [
            f"The balanced network is at least {_percent(least)} % above the optimum "
            "over networks of any width; how far it is, the bound does not tell."
        ]
    told = "at most" if least <= LEAST_SHARE * most else f"{_percent(least)} to"
    return [
        f"The balanced network is {told} {_percent(most)} % above the optimum over "
        "networks of any width."
    ]


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.3g}" if percent < 1000 else f"{percent:,.0f}"


def _tells_nothing(found: NetworkCertificate) -> bool:
    """Whether the bound is too far from the best network to judge any by it."""
    far = relative_gap(found.best_known, found.lower)
    return found.tier != "certified" and far > VACUOUS


def _vacuous(
    found: NetworkCertificate, problem: CertifiedProblem, options: CertificateOptions
) -> list[str]:
    """That a bound says nothing of the network, and why it is so far away."""
    if not _tells_nothing(found):
        return []
    # A search without a bound of its own leaves that of the eigenvalue.
    if found.proof != "eigenvalue" or found.found is not None:
        n_nodes = 0 if found.found is None else found.found.n_nodes
        ended = options.nodes is not None and n_nodes >= options.nodes
        ended = ended or found.out_of_nodes
        why = f"give the search more `--{'nodes' if ended else 'seconds'}`"
    elif not searchable(problem.x):
        why = (
            f"{len(problem.x)} inputs of {problem.x.shape[1]} dimensions are too many "
            "for a search; take fewer samples (`--n-samples`)"
        )
    else:
        why = "a larger `--penalty` has a nearer one"
    return [
        "The bound is vacuous: it is below half of the smallest objective that was "
        f"found, and does not tell a good network from a poor one; {why}."
    ]


def _along(
    subject: Subject, problem: CertifiedProblem, found: NetworkCertificate
) -> pl.DataFrame:
    """Every kept network and the last against the bound, which is one for them."""
    rows = []
    for moment, kept in subject.course().items():
        objective = problem.objective(subject.neurons(kept))
        gap = relative_gap(objective, found.lower)
        rows.append((moment, objective, gap))
    return pl.DataFrame(
        rows,
        [subject.unit, "objective", "relative gap"],
        orient="row",
        infer_schema_length=None,
    )


def check(subject: Subject, options: CertificateOptions) -> None:
    """Refuse a network whose optimum is not bounded."""
    problem_of(subject, _view(subject), options)


def _view(subject: Subject) -> TwoLayerView:
    view = subject.neurons()
    if not view.trained_bias:
        raise ConfigError(
            "The certificate bounds networks whose biases are weights; this one has a "
            "fixed threshold."
        )
    if view.activation != "relu":
        raise ConfigError(
            f"The certificate needs a two-layer ReLU network, got one with "
            f"{view.activation}."
        )
    return view


def _size(found: NetworkCertificate) -> dict[str, int]:
    """How large the proof of a search is."""
    if found.found is None:
        return {"activation patterns": found.n_patterns} if found.n_patterns else {}
    return {"nodes": found.found.n_nodes, "open nodes": found.found.n_open}


class Bounds:
    """The lower bounds along a search: told, drawn, and where Control-C is heard."""

    def __init__(self, seconds: float, progress: Progress) -> None:
        self.start, self.seconds, self.progress = time.monotonic(), seconds, progress
        self.times: list[float] = []
        self.lower: list[float] = []

    def __call__(self, found: GlobalOptimum) -> None:
        """Note a bound, and end the search if that is asked for."""
        self.times.append(time.monotonic() - self.start)
        self.lower.append(found.lower)
        total = math.ceil(self.seconds)
        self.progress(min(int(self.times[-1]), total), total, **found.progress)
        if STOP() is not None:
            raise KeyboardInterrupt

    def figure(self, found: NetworkCertificate) -> "Figure":
        """The bound, against time where it was searched, below the objectives."""
        from ...plots.figure import panels

        told = f"Relative gap {found.gap:.2g} of the network to the lower bound"
        if _tells_nothing(found):
            told = "The lower bound is too far away to judge the network by it"
        figure, axes = panels(caption=f"{told} ({found.tier}, {PROOFS[found.proof]}).")
        axes = axes[0, 0]
        if found.found is not None and self.times:
            lower = [*self.lower, found.lower]
            # What comes before the first bound is compilation.
            times = np.array([*self.times, self.times[-1]]) - self.times[0]
            axes.plot(times, lower, drawstyle="steps-post", label="lower bound")
            axes.set_xlabel("seconds since the first bound")
            axes.set_xlim(left=0)
        else:
            axes.axhline(found.lower, label="lower bound")
            axes.set_xticks([])
        axes.axhline(found.objective, color="C3", label="objective of the network")
        axes.axhline(found.best_known, color="C2", ls="--", label="best network found")
        axes.axhspan(found.lower, found.objective, alpha=0.1, color="C7", label="gap")
        axes.set_ylabel("objective")
        axes.legend()
        return figure


def _write_proof(
    found: NetworkCertificate,
    problem: CertifiedProblem,
    view: TwoLayerView,
    file: str,
) -> None:
    if found.found is None:
        raise ConfigError(
            "Only a search for one output has a proof to write; this bound is "
            f"{PROOFS[found.proof]}."
        )
    write_proof(
        found.found,
        problem.x,
        problem.y[:, 0],
        penalty=problem.penalty,
        skip=view.skip is not None,
        file=file,
    )


def _certified(
    subject: Subject,
    view: TwoLayerView,
    problem: CertifiedProblem,
    options: CertificateOptions,
    watch: Bounds,
) -> NetworkCertificate:
    limits = SearchLimits(seconds=options.seconds, nodes=options.nodes)
    network, arrays = view.plain(), subject.run.arrays
    if problem.y.shape[1] > 1:
        return certify_outputs(
            network,
            problem.x,
            problem.y,
            penalty=problem.penalty,
            search=limits,
            gap=options.gap,
            watch=watch,
        )
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
        search=limits,
        gap=options.gap,
        # Only a search has a proof to write.
        enumerated=options.proof is None,
        watch=watch,
    )
