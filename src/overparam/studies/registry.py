"""The studies by name; nothing heavy is imported until one is asked for."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ..catalogue import load
from ..errors import ConfigError
from ..field_values import unknown


@dataclass(frozen=True, kw_only=True)
class Study:
    """Where a study lives, and what the command line says of it.

    A config is a frozen dataclass of plain values whose module imports the standard
    library only. `run(config, context)` gives an `Outcome`.
    """

    question: str
    """The question in one line."""
    citation: str
    """Key of its source in `overparam.citations`."""
    config: str
    """`module:class` of the config."""
    run: str
    """`module:function` of the run."""
    describe: str
    """`module:function` from a config to facts known before training."""
    data: str | None = None
    """`module:function` from a config and the stored arrays to a `TrainTest`."""
    teacher: str | None = None
    """`module:function` from both to a `Teacher`, where one was planted."""
    objective: str | None = None
    """`module:function` from a config to the `Objective`."""
    training: str | None = None
    """`module:function` from a config to a `Training` and its `Plan`."""
    limit: str | None = None
    """`module:function` from a config and the stored arrays to the limit."""
    absent: Mapping[str, Any] = field(default_factory=dict)
    """Values of fields for stored runs that lack them, where not today's defaults."""
    published_tables: Mapping[str, str] = field(default_factory=dict)
    """By analysis, `module:function` from runs of this study and its first table to
    the table that a published script writes."""
    published: str | None = None
    """`module:name` of the `Preset` with the defaults of a published script, if any."""
    shapes: tuple[str, ...] = ()
    """Fields that decide the shapes of the compiled program."""
    batchable: tuple[str, ...] = ()
    """Fields in which runs may differ that are faster in one compiled batch."""
    run_together: str | None = None
    """`module:function` from such configs and a context to an outcome for each."""

    def config_class(self) -> type[Any]:
        """The class of the config."""
        return load(self.config)

    def function(self) -> Callable[..., Any]:
        """The function `run(config, context)`."""
        return load(self.run)


STUDIES: Mapping[str, Study] = MappingProxyType(
    {
        "planted": Study(
            question="Does width help to recover a planted teacher?",
            citation="livni2014",
            config="overparam.studies.planted.config:Planted",
            run="overparam.studies.planted.run:run",
            describe="overparam.studies.planted.run:describe",
            data="overparam.studies.planted.problem:data",
            teacher="overparam.studies.planted.problem:teacher",
            objective="overparam.studies.planted.problem:objective",
            training="overparam.studies.planted.problem:training",
            shapes=(
                "input_dim",
                "n_outputs",
                "teacher_width",
                "width",
                "activation",
                "input_decay",
                "batch_size",
                "samples_per_epoch",
                "train",
                "dynamics",
                "optimiser",
                "penalty_form",
                "balance_every",
            ),
            # These runs see the same samples, which are drawn once.
            batchable=("learning_rate", "init_scale", "readout_rate", "stop_below"),
            run_together="overparam.studies.planted.run:run_together",
        ),
        "features": Study(
            question="Are random, learned or resampled features enough, how many?",
            citation="fang2019",
            config="overparam.studies.features.config:Features",
            run="overparam.studies.features.run:run",
            describe="overparam.studies.features.run:describe",
            published="overparam.studies.features.published:PUBLISHED",
            data="overparam.studies.features.problem:data",
            objective="overparam.studies.features.problem:objective",
            # Runs of versions without the rule took the first.
            absent={"subsets": "first"},
            shapes=("dataset", "width", "n_train", "n_validation", "batch_size"),
        ),
        "heavy-tails": Study(
            question="Does heavy-tailed noise in SGD make wide networks compressible?",
            citation="wan2024",
            config="overparam.studies.heavy_tails.config:HeavyTails",
            run="overparam.studies.heavy_tails.run:run",
            published="overparam.studies.heavy_tails.published:PUBLISHED",
            describe="overparam.studies.heavy_tails.run:describe",
            data="overparam.studies.heavy_tails.problem:data",
            objective="overparam.studies.heavy_tails.problem:objective",
            training="overparam.studies.heavy_tails.problem:training",
            absent={"subsets": "first"},
            published_tables={
                "prune": "overparam.studies.heavy_tails.reference:reference_table"
            },
            shapes=(
                "dataset",
                "labels",
                "n_train",
                "n_test",
                "network",
                "multiplier",
                "width",
                "depth",
                "bias",
                "activation",
                "batch_size",
                "evaluate_every",
                "parametrisation",
                "noise",
                "noise_layers",
            ),
        ),
        "timescales": Study(
            question="How fast are features learned under a nearly optimal readout?",
            citation="barboni2025",
            config="overparam.studies.timescales.config:Timescales",
            run="overparam.studies.timescales.run:run",
            describe="overparam.studies.timescales.run:describe",
            data="overparam.studies.timescales.problem:data",
            teacher="overparam.studies.timescales.problem:teacher",
            objective="overparam.studies.timescales.problem:objective",
            shapes=(
                "problem",
                "feature",
                "width",
                "samples",
                "data",
                "dynamics",
                "inner",
                "inner_steps",
                "solver",
                "steps",
                "records",
            ),
        ),
        "images": Study(
            question="Does variable projection train a ResNet as well as descent?",
            citation="barboni2025",
            config="overparam.studies.images.config:Images",
            run="overparam.studies.images.run:run",
            published="overparam.studies.images.published:PUBLISHED",
            describe="overparam.studies.images.run:describe",
            data="overparam.studies.images.problem:data",
            objective="overparam.studies.images.problem:objective",
            shapes=(
                "problem",
                "network",
                "multiplier",
                "dynamics",
                "readout",
                "batch_size",
                "epochs",
                "train_per_class",
            ),
        ),
        "recovery": Study(
            question="When is the global optimum of a ReLU network the planted model?",
            citation="wang2022",
            config="overparam.studies.recovery.config:Recovery",
            run="overparam.studies.recovery.run:run",
            describe="overparam.studies.recovery.run:describe",
            data="overparam.studies.recovery.problem:data",
            teacher="overparam.studies.recovery.problem:teacher",
            objective="overparam.studies.recovery.problem:objective",
            shapes=("n_samples", "dimension", "network", "program", "method", "width"),
        ),
    }
)


def study(name: str) -> Study:
    """The study called `name`.

    Raises:
        ConfigError: If there is none.
    """
    if name not in STUDIES:
        raise ConfigError(unknown(name, STUDIES, what="study"))
    return STUDIES[name]


def defaults(config_class: type[Any]) -> dict[str, Any]:
    """The default of every field that has one."""
    return {
        field.name: field.default
        for field in dataclasses.fields(config_class)
        if field.default is not dataclasses.MISSING
    }
