"""Analyses of stored networks, by name; nothing heavy is imported until one is asked.

An analysis is an options dataclass (standard library only) and a function
`analyse(subjects, options) -> Findings`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ..store.read import StoredRun
from .registry import load


if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

    from ..networks.network import Network


@dataclass(frozen=True)
class Subject:
    """A stored run under analysis."""

    run: StoredRun

    @property
    def title(self) -> str:
        """Which run it is, for captions."""
        return f"run {self.run.path.name} of {self.run.study}"

    @property
    def network(self) -> "Network":
        """The trained network.

        Raises:
            ConfigError: If the run kept none.
        """
        from ..networks.serialise import from_arrays

        if self.run.network is None:
            raise ConfigError(f"The run `{self.run.path}` holds no network to analyse.")
        return from_arrays(*self.run.network)


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
    """`module:function`, from subjects and options to findings."""
    most_subjects: int | None = 1
    """How many runs it takes at most; `None` takes any number."""
    least_subjects: int = 1
    """How many runs it needs."""

    def options_class(self) -> type[Any]:
        """The class of the options."""
        return load(self.options)

    def analyse(self) -> Callable[[Sequence[Subject], Any], Findings]:
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
        listed = ", ".join(ANALYSES)
        raise ConfigError(f"There is no analysis {name!r}; choose from {listed}.")
    return ANALYSES[name]
