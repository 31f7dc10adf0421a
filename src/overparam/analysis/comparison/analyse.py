"""The analysis `compare`: did independently trained networks learn the same neurons?"""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...errors import ConfigError
from ...keys import purpose_key
from ...plots.figure import COLOURS, panels
from ...training.plan import Progress, silent
from ..declaration import Findings
from ..shallow import shallow_at_rest
from ..subject import Subject, titles
from .distances import pooled
from .nulls import PermutationTest, generator, permutation_test
from .options import CompareOptions
from .pairs import View, alignments, compare, noise_floor, travelled
from .populations import Neurons, check_several, populations, spaces_of


SIGNIFICANT = 0.01
"""p-value from which a distance is told from none."""


def analyse(
    subjects: Sequence[Subject], options: CompareOptions, progress: Progress = silent
) -> Findings:
    """Distances between all pairs of stored networks.

    Raises:
        ConfigError: If two networks are one, or cannot be compared.
    """
    _check_data(subjects, options)
    x = subjects[0].data(options.dataset).train.x
    networks = [_network_at(subject, options.epoch, x) for subject in subjects]
    names = [subject.name for subject in subjects]
    _check_outputs(networks)
    _check_different(networks, names)
    options, told = _representable(networks, options)
    rng = generator(purpose_key(options.seed, "probes"))
    order = rng.permutation(len(x))
    view = View(
        inputs=x[jnp.asarray(order[: options.n_inputs])],
        probes=x[jnp.asarray(order[: options.n_probes])],
        options=options,
        key=purpose_key(options.seed, "permutations"),
    )
    starts = [
        _network_at(subject, 0, x) if 0 in subject.moments else None
        for subject in subjects
    ]
    rows: list[dict[str, Any]] = []
    chosen = list(itertools.combinations(range(len(names)), 2))
    for done, (i, j) in enumerate(chosen):
        progress(done, len(chosen))
        start = starts[i]
        away = {} if start is None else travelled(networks[i], start, view)
        for row in compare(networks[i], networks[j], view):
            rows.append({"a": names[i], "b": names[j]} | _with_ratio(row, away))
    floor = [
        {"a": name, "b": "its other half"} | _with_ratio(row, {})
        for name, network in zip(names, networks, strict=True)
        for row in (noise_floor(network, view) if options.halves else [])
    ]
    kernel = alignments(networks, view)
    aligned = pl.DataFrame(
        {"network": names} | {name: kernel[:, i] for i, name in enumerate(names)}
    )
    table = pl.DataFrame(rows, infer_schema_length=None)
    return Findings(
        tables={
            "distances": table,
            "halves": pl.DataFrame(floor, infer_schema_length=None),
            "alignment": aligned,
        },
        figures={"null": _null_figure(networks[:2], view, titles(subjects[:2]))},
        notes=[*told, *_notes(table, rows, len(x), options)],
    )


def check(subject: Subject, options: CompareOptions) -> None:
    """Refuse a network without neurons to compare, or without inputs for it."""
    x = subject.data(options.dataset).train.x
    check_several(len(_network_at(subject, options.epoch, x).readout))


def _network_at(subject: Subject, epoch: int | None, x: Any) -> Neurons:
    network = subject.at(epoch)
    # Runs of other precision look at the same inputs.
    network = jax.tree.map(lambda leaf: leaf.astype(x.dtype), network)
    return shallow_at_rest(network, x)


def _representable(
    networks: Sequence[Neurons], options: CompareOptions
) -> tuple[CompareOptions, list[str]]:
    """Options without the spaces in which some of the networks have no neurons.

    Raises:
        ConfigError: If no space is left.
    """
    known = [spaces_of(network) for network in networks]
    left = tuple(r for r in options.representations if all(r in k for k in known))
    if not left:
        raise ConfigError(
            "Neurons without input weights that are directions can be compared in the "
            f"representations {', '.join(known[0])} only."
        )
    if left == options.representations:
        return options, []
    note = (
        "Neurons that are not directions of the inputs are compared in the "
        f"representations {', '.join(left)} only."
    )
    return dataclasses.replace(options, representations=left), [note]


def _with_ratio(
    row: dict[str, Any], away: dict[tuple[str, str], PermutationTest]
) -> dict[str, Any]:
    """The row with the distance travelled and the effect size rho.

    A ratio has no meaning where its denominator may be zero.
    """
    test = away.get((row["representation"], row["weighting"]))
    if test is None:
        return row | {"travelled": None, "travelled_p": None, "rho": None}
    moved = test.p_upper <= SIGNIFICANT and test.statistic > 0
    return row | {
        "travelled": test.statistic,
        "travelled_p": test.p_upper,
        "rho": row["mmd"] / test.statistic if moved else None,
    }


def _null_figure(networks: Sequence[Any], view: View, caption: str) -> Figure:
    spaces = view.options.representations
    caption += f"; {view.options.n_permutations} relabellings; line: observed"
    figure, axes = panels(1, len(spaces), width=2.8, height=2.6, caption=caption)
    for axis, space in zip(axes[0], spaces, strict=True):
        pair = populations(networks, space, inputs=view.inputs, probes=view.probes)
        test = permutation_test(
            pooled(*pair), n_permutations=view.options.n_permutations, key=view.key
        )
        axis.hist(test.null, bins=40, color="0.75")
        axis.axvline(test.statistic, color=COLOURS[1])
        axis.set_title(f"{space}: p = {test.p_upper:.3g}")
        axis.set_xlabel("squared distance")
        axis.ticklabel_format(axis="x", scilimits=(0, 0))
    return figure


def _notes(
    table: pl.DataFrame,
    rows: Sequence[dict[str, Any]],
    n_inputs: int,
    options: CompareOptions,
) -> list[str]:
    repelled = table.filter(pl.col("p_lower") <= SIGNIFICANT)
    notes = []
    if n_inputs < max(options.n_inputs, options.n_probes):
        notes.append(f"Neurons are looked at on the {n_inputs} inputs there are.")
    if any(row["travelled"] is not None and row["rho"] is None for row in rows):
        notes.append(
            "Where `rho` is missing a network did not move measurably from its start "
            f"(`travelled` below 0 or `travelled_p` above {SIGNIFICANT}): there is no "
            "distance to divide by."
        )
    if len(repelled):
        notes.append(
            "Where `p_lower` is small the neurons of each network repel each other: "
            "the permutation null is conservative there."
        )
    if rows and rows[0]["travelled"] is None:
        notes.append(
            "The runs kept no initial network (epoch 0): there is no effect size."
        )
    return notes


def _check_data(subjects: Sequence[Subject], options: CompareOptions) -> None:
    configs = (s.run.config for s in subjects if not s.has_other_data)
    named = {str(config["dataset"]) for config in configs if "dataset" in config}
    if options.dataset is None and len(named) > 1:
        listed = ", ".join(sorted(named))
        raise ConfigError(
            f"The runs have different data sets ({listed}): choose the inputs with "
            "`--dataset`."
        )


def _check_different(networks: Sequence[Neurons], names: Sequence[str]) -> None:
    for (one, a), (other, b) in itertools.combinations(
        zip(networks, names, strict=True), 2
    ):
        leaves = [jax.tree.leaves(network) for network in (one, other)]
        if len(leaves[0]) == len(leaves[1]) and all(map(np.array_equal, *leaves)):
            raise ConfigError(
                f"The networks of `{a}` and `{b}` are one and the same: there is no "
                "distance to estimate."
            )


def _check_outputs(networks: Sequence[Any]) -> None:
    outputs = {network.readout.shape[1] for network in networks}
    if len(outputs) > 1:
        found = ", ".join(str(n) for n in np.sort(list(outputs)))
        raise ConfigError(
            f"Networks to compare must have equally many outputs, got {found}."
        )
