"""The wide networks that the features reproductions share, and tables made of them."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from ...analysis.resampling.refit import Sample
from ...store.read import StoredRun
from ...studies.analyses import Subject
from ...studies.features.efficiency import Splits, efficiency
from ...studies.features.resample_options import ResampleOptions
from ...studies.features.subject import fit_sample, inputs_of, network_at
from ..reproduction import Results, Scale


SEEDS = (1234, 5555, 1, 2, 3, 4)
"""The reference's two seeds first."""
DEFAULT_PENALTY = 0.1
CONCENTRATING_PENALTY = 10.0
"""Readout penalties of the reference's default and of its `w10` runs."""
EPOCHS = 20
KEPT = (1, 3, 10)


def source(scale: Scale, **changes: Any) -> Mapping[str, Any]:
    """Config of a wide network that is trained fully, its early epochs kept."""
    common: dict[str, Any] = {"dataset": "mnist", "epochs": EPOCHS, "keep_epochs": KEPT}
    if scale == "smoke":
        common |= {"dataset": "digits", "epochs": 2, "keep_epochs": (1,), "width": 40}
    return common | changes


def subject_of(results: Results, **wanted: Any) -> Subject:
    """The stored run with these config values.

    Raises:
        LookupError: If there is none in the results.
    """
    for run in results.stored:
        if all(run.config[name] == value for name, value in wanted.items()):
            return Subject(run)
    raise LookupError(f"No run of the reproduction has {wanted}.")


@functools.lru_cache(maxsize=64)
def efficiency_of(
    run: StoredRun, epoch: int | None, options: ResampleOptions
) -> pl.DataFrame:
    """Accuracy against k for one stored network; computed once per process."""
    subject = Subject(run)
    inputs = inputs_of(subject, None)
    network = network_at(subject, epoch, inputs)
    assert inputs.y is not None
    assert inputs.test_x is not None
    assert inputs.test_y is not None
    fit = fit_sample(inputs, options.n_fit)
    test = Sample(inputs.test_x, inputs.test_y)
    return efficiency(network, Splits(fit, test), options)


def caption(results: Results, what: str) -> str:
    """Data set, training, seeds, in one line."""
    first = results.runs.row(0, named=True)
    seeds: Sequence[int] = results.runs["seed"].unique().sort().to_list()
    return (
        f"{first['dataset']}, {first['activation']}, standardised, standard scale, "
        f"batch {first['batch_size']}, Adam {first['learning_rate']:g}, "
        f"{first['epochs']} epochs, seeds {', '.join(map(str, seeds))}; {what}"
    )
