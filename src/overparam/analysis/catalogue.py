"""Analyses of stored networks, by name; nothing heavy is imported until one is asked.

An analysis is an options dataclass (standard library only) and a function
`analyse(subjects, options, progress) -> Findings`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import ConfigError
from ..field_values import unknown
from ..store.read import StoredRun
from .registry import load


if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from matplotlib.figure import Figure

    from ..networks.network import Network


Found = TypeVar("Found")


@dataclass(frozen=True)
class Subject:
    """A stored run under analysis."""

    run: StoredRun

    @property
    def title(self) -> str:
        """Which run it is, for captions."""
        return f"run {self.run.path.name} of {self.run.study}"

    def must_be_of(self, study: str, what: str) -> None:
        """The run is one of this study; `what` names the analysis.

        Fields and arrays of other studies mean other things under the same names.

        Raises:
            ConfigError: If it is not.
        """
        if self.run.study != study:
            raise ConfigError(
                f"`{what}` looks at runs of the study {study}; `{self.run.path}` is "
                f"one of {self.run.study}."
            )

    @property
    def network(self) -> "Network":
        """The trained network, all its weights finite.

        Raises:
            ConfigError: If the run kept none, or one with other weights.
        """
        if self.run.network is None:
            raise ConfigError(f"The run `{self.run.path}` holds no network to analyse.")
        return self.rebuilt(self.run.network[0])

    def rebuilt(self, arrays: "Mapping[str, np.ndarray]") -> "Network":
        """The network with these weights in the place of its last ones.

        Raises:
            ConfigError: If a weight is not finite.
        """
        from ..networks.files.serialise import from_arrays
        from ..networks.finite import check_finite

        assert self.run.network is not None
        network = from_arrays(arrays, self.run.network[1])
        check_finite(network, name=f"the network of {self.title}")
        return network


def networks_of(
    subjects: Sequence[Subject], find: Callable[[Subject], Found]
) -> tuple[list[Subject], list[Found], list[str]]:
    """What is found in every run that has it, those runs, and a note of each other.

    Raises:
        ConfigError: If there is no such run.
    """
    kept, found, notes = [], [], []
    for subject in subjects:
        try:
            found.append(find(subject))
            kept.append(subject)
        except ConfigError as error:
            if len(subjects) == 1:
                raise
            notes.append(f"Left out is {subject.title}: {error}")
    if not kept:
        raise ConfigError(f"None of the {len(subjects)} runs can be used. {notes[0]}")
    return kept, found, notes


def nearest_note(
    what: str, asked: Iterable[float], kept: Collection[float]
) -> list[str]:
    """Which moments of a run were asked for and are not stored, in a sentence."""
    absent = [str(moment) for moment in asked if moment not in kept]
    if not absent:
        return []
    listed = ", ".join(absent)
    return [f"The run kept no network of the {what} {listed}: the nearest are shown."]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What an analysis found."""

    tables: "Mapping[str, pl.DataFrame]"
    """Tables by name; the first one is printed."""
    figures: "Mapping[str, Figure]" = field(default_factory=dict)
    """Figures by name."""
    summary: Mapping[str, Any] = field(default_factory=dict)
    """Scalars worth reading first."""
    notes: Sequence[str] = ()
    """Sentences to read with them."""


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """Where an analysis lives, and what the command line says of it."""

    question: str
    """The question in one line."""
    options: str
    """`module:class` of its options."""
    function: str
    """`module:function`, from subjects, options and progress to findings."""
    most_subjects: int | None = 1
    """How many runs it takes at most; `None` takes any number."""
    least_subjects: int = 1
    """How many runs it needs."""

    def options_class(self) -> type[Any]:
        """The class of the options."""
        return load(self.options)

    def analyse(self) -> Callable[..., Findings]:
        """The function itself."""
        return load(self.function)


ANALYSES: Mapping[str, Analysis] = MappingProxyType(
    {
        "balance": Analysis(
            question="Is every neuron balanced, and how much penalty would it save?",
            options="overparam.studies.planted.balance_options:BalanceOptions",
            function="overparam.studies.planted.balance_analysis:analyse",
            most_subjects=None,
        ),
        "neurons": Analysis(
            question="Which planted neurons has a student found, which are lost?",
            options="overparam.studies.planted.neurons_options:NeuronsOptions",
            function="overparam.studies.planted.neurons_analysis:analyse",
        ),
        "hessian": Analysis(
            question="Is a student stuck in a minimum of the exact risk?",
            options="overparam.studies.planted.hessian_options:HessianOptions",
            function="overparam.studies.planted.hessian_analysis:analyse",
        ),
        "surplus": Analysis(
            question="How many neurons of a student does its function need?",
            options="overparam.studies.planted.surplus_options:SurplusOptions",
            function="overparam.studies.planted.surplus_analysis:analyse",
        ),
        "prune": Analysis(
            question="How much can be removed, and what does it cost?",
            options="overparam.studies.heavy_tails.prune_options:PruneOptions",
            function="overparam.studies.heavy_tails.prune_analysis:analyse",
            most_subjects=None,
        ),
        "tails": Analysis(
            question="How heavy are the tails of the hidden weights?",
            options="overparam.studies.heavy_tails.tails_options:TailsOptions",
            function="overparam.studies.heavy_tails.tails_analysis:analyse",
        ),
        "resample": Analysis(
            question="How few neurons drawn from a wide network are enough?",
            options="overparam.studies.features.resample_options:ResampleOptions",
            function="overparam.studies.features.resample_analysis:analyse",
        ),
        "compare": Analysis(
            question="Did independently trained networks learn the same neurons?",
            options="overparam.studies.features.compare_options:CompareOptions",
            function="overparam.studies.features.compare_analysis:analyse",
            most_subjects=None,
            least_subjects=2,
        ),
        "certificate": Analysis(
            question="How far is a ReLU network from the optimum of its problem?",
            options=(
                "overparam.studies.recovery.certificate_options:CertificateOptions"
            ),
            function="overparam.studies.recovery.certificate_analysis:analyse",
        ),
        "density": Analysis(
            question="How does the distribution of features move beside its limits?",
            options="overparam.studies.timescales.density_options:DensityOptions",
            function="overparam.studies.timescales.density_analysis:analyse",
        ),
    }
)


def analysis(name: str) -> Analysis:
    """The analysis called `name`.

    Raises:
        ConfigError: If there is none.
    """
    if name not in ANALYSES:
        raise ConfigError(unknown(name, ANALYSES, what="analysis"))
    return ANALYSES[name]
