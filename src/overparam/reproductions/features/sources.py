"""The wide networks that the features reproductions share, and tables made of them."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from ...analysis.resampling.efficiency import Splits, efficiency
from ...analysis.resampling.options import ResampleOptions
from ...analysis.resampling.refit import Sample, fit_sample
from ...analysis.shallow import shallow, shallow_at_rest
from ...store.read import StoredRun
from ...studies.contract import as_subject
from ..reproduction import Results, Scale


SEEDS = (1234, 5555, 1, 2, 3, 4)
"""The reference's two seeds first."""
DEFAULT_PENALTY = 0.1
CONCENTRATING_PENALTY = 10.0
"""Readout penalties of the reference's default and of its `w10` runs."""
EPOCHS = 20
KEPT = "1,3,10"


def source(scale: Scale, **changes: Any) -> Mapping[str, Any]:
    """Config of a wide network that is trained fully, its early epochs kept."""
    common: dict[str, Any] = {"dataset": "mnist", "epochs": EPOCHS, "keep": KEPT}
    if scale == "smoke":
        common |= {"dataset": "digits", "epochs": 2, "keep": "1,", "width": 40}
    return common | changes


@functools.lru_cache(maxsize=64)
def efficiency_of(
    run: StoredRun, epoch: int | None, options: ResampleOptions
) -> pl.DataFrame:
    """Accuracy against k for one stored network; computed once per process."""
    subject = as_subject(run)
    data = subject.data()
    assert data.test is not None
    network = shallow(shallow_at_rest(subject.at(epoch), data.train.x))
    fit = fit_sample(Sample(*data.train), options.n_fit)
    return efficiency(network, Splits(fit, Sample(*data.test)), options).frame


def trained(penalty: float, epoch: int) -> str:
    """What a network is called that was trained with a readout penalty."""
    return f"readout penalty {penalty:g}, epoch {epoch}"


def caption(results: Results, what: str) -> str:
    """Data set, training, seeds, in one line."""
    first = results.runs.row(0, named=True)
    seeds: Sequence[int] = results.runs["seed"].unique().sort().to_list()
    return (
        f"{first['dataset']}, {first['activation']}, standardised, standard scale, "
        f"batch {first['batch_size']}, Adam {first['learning_rate']:g}, "
        f"{first['epochs']} epochs, seeds {', '.join(map(str, seeds))}; {what}"
    )
