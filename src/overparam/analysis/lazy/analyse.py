"""The analysis `lazy`: a network against its start, and against what stays linear."""

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import jax.numpy as jnp
import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...data.source import Batch
from ...data.train_test import TrainTest
from ...errors import ConfigError
from ...limits.kernels.empirical import tangent_kernel
from ...networks.convolutional.batch_norm import settled
from ...networks.layers import check_start
from ...networks.network import Network
from ...networks.stateful import Stateful, train_outputs
from ...plots.figure import COLOURS, legend, panels
from ...training.plan import Progress, silent
from ..declaration import Findings
from ..subject import Subject, Unstored
from . import measures
from .options import LazyOptions
from .predictors import (
    Outputs,
    error_of,
    in_type_of,
    linearised_end,
    targets,
    wide_outputs,
)


Made = TypeVar("Made")

_LEGENDS = {
    "kernel_change": "tangent kernel, relative change",
    "misalignment": "tangent kernel, 1 - alignment with start",
    "flipped": "neurons that switched",
    "weights_change": "weights, relative change",
}
"""What is drawn along the training."""


def analyse(
    subjects: Sequence[Subject], options: LazyOptions, progress: Progress = silent
) -> Findings:
    """Kernel, weights and neurons along the training, and test errors side by side.

    Raises:
        ConfigError: If the run has no data with targets, or kept no start.
    """
    subject = subjects[0]
    data = subject.data(options.dataset)
    batch = in_type_of(
        subject.network, subject.samples(options.n_samples, options.dataset)
    )
    path = {step: settled(each, batch.x) for step, each in _path(subject).items()}
    start = path[0]
    trained = measures.trained_fields(path.values(), start)
    table = _along(path, batch, data.n_classes, trained, progress)
    weights = pl.DataFrame(
        {"layer": name, "relative_change": change}
        for name, change in measures.weight_changes(subject.network, start).items()
    )
    notes = [_NO_VERDICT]
    moved = measures.moved_weights(subject.network, start)
    if subject.contract.training is None and not moved:
        notes.append(
            "The start has the weights of the network: a `state_dict()` in memory "
            "follows the training, and has to be saved or copied before it."
        )
    if table["label_alignment"].is_nan().any():
        notes.append(
            "There is no alignment with the targets where these or the kernel are "
            "constant over the samples."
        )
    if subject.run.status == "diverged":
        notes.append(
            "The run diverged: its network is that of the last record before, of step "
            f"{subject.last_step:g}."
        )
    if trained:
        listed = ", ".join(trained)
        notes.append(f"Kernels count what the training moved alone: {listed}.")
    if len(batch.x) < len(data.train.x):
        notes.append(
            f"Kernels are those of the first {len(batch.x)} of {len(data.train.x)} "
            "training samples (`n_samples`)."
        )
    if isinstance(start, Stateful):
        notes.append(
            f"Kernels and the start take the running moments of {len(batch.x)} "
            "training samples: those of a start have seen none."
        )
    lazy = None
    if options.linearise:
        lazy = _attempted(
            lambda: linearised_end(subject, progress), "linearised network", notes
        )
    errors = _errors(subject, start, data, lazy, trained, options, notes)
    last = table.row(-1, named=True)
    summary = {
        "relative change of the tangent kernel": last["kernel_change"],
        "alignment of the tangent kernel with its start": last["kernel_alignment"],
        "alignment with the targets, start": table["label_alignment"][0],
        "alignment with the targets, end": last["label_alignment"],
        "neurons that switched, share": last["flipped"],
    }
    caption = subject.title
    if lazy is not None:
        part, tested = _tested(subject, data, options)
        # At training samples two networks that fit are near each other anyway.
        distance = _distance(subject.network, lazy, start, tested.x)
        summary[
            f"distance to the linearised network on {part} samples, of the way gone"
        ] = distance
        if math.isfinite(distance):
            caption += f"; distance to the linearised network {distance:.3g}"
        if isinstance(start, Stateful):
            notes.append(
                "The linearised network takes moments of what it is shown, as in "
                "training."
            )
    for row in errors.iter_rows(named=True):
        summary[f"{row['measure']}, {row['predictor']}"] = row["value"]
    return Findings(
        tables={"lazy": table, "weights": weights, "errors": errors},
        figures={"lazy": _figure(table, errors, caption)},
        summary=summary,
        notes=notes,
    )


def check(subject: Subject, options: LazyOptions) -> None:
    """Refuse a run without a start of its weights, or samples that have targets."""
    if isinstance(subject.run, Unstored) and subject.run.start is None:
        raise ConfigError(
            "A network alone has no start to compare it with: give `start=`, the "
            "network before training."
        )
    if 0 not in subject.run.kept_steps:
        raise ConfigError(
            "The run kept no start to compare its network with: a training keeps one "
            "(`--force` makes an older run again), and of a file `import` keeps that "
            "which `--start` names."
        )
    if subject.run.status == "diverged" and not subject.last_step:
        raise ConfigError(
            "The run diverged before its second record, and the network that it kept "
            "is its start: lower the rate of learning, or record more often."
        )
    check_start(subject.start(), subject.network)
    subject.samples(1, options.dataset)


_FAR_APART, _ROUNDED = 30.0, 1e8
"""Factors between errors that a linear axis shows as one, and that rounding makes."""

_NO_VERDICT = (
    "A kernel change of 0 and a distance of 0 to the linearised network are the lazy "
    "limit; no threshold divides it from learning features."
)


def _path(subject: Subject) -> dict[int | None, Network]:
    """The networks from the start to the trained one, by step where that is known."""
    last = None if subject.last_step is None else round(subject.last_step)
    steps = sorted(step for step in subject.run.kept_steps if step not in (0, last))
    kept = {step: subject.kept(step) for step in steps}
    return {0: subject.start(), **kept, last: subject.network}


def _along(
    path: dict[int | None, Network],
    batch: Batch,
    n_classes: int | None,
    trained: tuple[str, ...],
    progress: Progress,
) -> pl.DataFrame:
    y = targets(batch, n_classes)
    start = path[0]
    first = tangent_kernel(start, batch.x, trained=trained)
    was_active = measures.active(start, batch.x)
    rows = []
    for number, (step, network) in enumerate(path.items()):
        progress(number, len(path))
        kernel = first
        if step != 0:
            kernel = tangent_kernel(network, batch.x, trained=trained)
        moved = list(measures.weight_changes(network, start).values())
        switched = measures.active(network, batch.x) != was_active
        rows.append(
            {
                "step": step,
                "kernel_change": measures.relative_change(kernel, first),
                "kernel_alignment": measures.alignment(kernel, first),
                "label_alignment": measures.label_alignment(kernel, y),
                "weights_change": max(filter(math.isfinite, moved), default=math.nan),
                "flipped": float(switched.mean()) if switched.size else 0.0,
            }
        )
    progress(len(path), len(path))
    return pl.DataFrame(rows, infer_schema_length=None)


def _errors(
    subject: Subject,
    start: Network,
    data: TrainTest,
    lazy: Outputs | None,
    trained: tuple[str, ...],
    options: LazyOptions,
    notes: list[str],
) -> pl.DataFrame:
    """Errors of the network, of its start and of what stays linear."""
    kind = "half squared error" if data.n_classes is None else "share of wrong classes"
    part, tested = _tested(subject, data, options)
    outputs = {"start": start(tested.x), "network": subject.network(tested.x)}
    if lazy is not None:
        outputs["linearised network"] = lazy(tested.x)
    wide = _attempted(
        lambda: wide_outputs(
            start, data, tested.x, n_samples=options.n_wide, trained=trained
        ),
        "predictor of infinite width",
        notes,
    )
    if wide is not None:
        outputs["infinite width"] = jnp.asarray(wide)
        n_samples = len(data.train.x)
        taken = "all" if n_samples <= options.n_wide else f"{options.n_wide} of the"
        notes.append(
            f"Infinite width is kernel regression on {taken} {n_samples} training "
            "samples, trained for ever."
        )
    return pl.DataFrame(
        {
            "predictor": name,
            "measure": f"{kind} on {part} samples",
            "value": error_of(found, tested, data.n_classes),
        }
        for name, found in outputs.items()
    )


def _tested(
    subject: Subject, data: TrainTest, options: LazyOptions
) -> tuple[str, Batch]:
    """The samples on which predictors are compared, and what they are called."""
    part = "training" if data.test is None else "test"
    tested = data.train if data.test is None else data.test
    batch = Batch(*(p[: options.n_test] for p in tested))
    return part, in_type_of(subject.network, batch)


def _attempted(make: Callable[[], Made], what: str, notes: list[str]) -> Made | None:
    """What can be made; else a note that says why there is none."""
    try:
        return make()
    except ConfigError as error:
        notes.append(f"There is no {what}: {error}")
        return None


def _distance(end: Network, lazy: Outputs, start: Network, x: jnp.ndarray) -> float:
    """Between the ends of a network and of its linearised one, over the way gone."""
    # In training, as the linearised one: no running moments stand between them.
    at_end, at_start = (np.asarray(train_outputs(each, x)[0]) for each in (end, start))
    gone = float(np.linalg.norm(at_end - at_start))
    apart = float(np.linalg.norm(at_end - np.asarray(lazy(x))))
    return apart / gone if gone else float("nan")


def _figure(table: pl.DataFrame, errors: pl.DataFrame, caption: str) -> Figure:
    figure, axes = panels(1, 2, width=4.5, height=3.6, caption=caption)
    along, bars = axes[0]
    drawn = table.with_columns(misalignment=1 - pl.col("kernel_alignment"))
    unknown = table["step"].null_count()
    at = range(len(table)) if unknown else table["step"]
    for colour, (column, label) in zip(COLOURS, _LEGENDS.items(), strict=False):
        along.plot(at, drawn[column], "o-", markersize=3, color=colour, label=label)
    along.set_xlabel("kept network" if unknown else "step")
    if unknown:
        along.set_xticks(at)
    low, high = along.get_ylim()
    along.set_ylim(low, high + 0.4 * (high - low))  # Room for the legend.
    legend(along, loc="upper left")
    names = errors["predictor"].to_list()
    values = errors["value"].to_numpy()
    least, most = values.min(), values.max()
    if _FAR_APART * least < most < _ROUNDED * least:
        bars.set_xscale("log")
    else:
        bars.update_datalim([(0, 0)])  # The margin is one of all that is seen.
    bars.plot(values, range(len(names)), "o", color=COLOURS[0], clip_on=False)
    bars.set_yticks(range(len(names)), names)
    bars.set_ylim(len(names) - 0.5, -0.5)
    if bars.get_xscale() == "linear":
        bars.set_xlim(left=0)
        bars.locator_params(axis="x", nbins=5)
    bars.set_xlabel(errors["measure"][0])
    return figure
