"""Does over-parameterised training find the global optimum? Asked of proven optima."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...analysis.intervals import Interval, median_interval, sign_test, wilson
from ...plots.figure import COLOURS, panels, shared_legend
from ...progress import counted
from .. import told
from ..reproduction import Claim, Reproduction, Results, Scale


class Shape(NamedTuple):
    """A size of problems; the penalty is that of inputs of variance one."""

    n: int
    d: int
    penalty: float


SHAPES: Mapping[Scale, tuple[Sequence[Shape], int]] = {
    "smoke": ((Shape(12, 2, 0.1),), 1),
    "laptop": ((Shape(20, 3, 0.1), Shape(20, 3, 0.01), Shape(50, 5, 0.1)), 6),
    "paper": (
        (
            Shape(20, 3, 0.1),
            Shape(20, 3, 0.01),
            Shape(50, 5, 0.1),
            Shape(200, 3, 0.1),
            Shape(40, 8, 0.1),
        ),
        30,
    ),
}
"""Problems of every scale, and seeds of each."""
WIDTHS = (0.5, 1.0, 2.0, 4.0)
"""Neurons per sample."""
TRAININGS: Mapping[str, Mapping[str, Any]] = {
    "adam": {"n_steps": 20_000},
    "sgd": {"n_steps": 100_000, "learning_rate": 0.5},
    "lbfgs": {"n_steps": 1000},
}
REACHED = 1e-2
"""Relative distance to the optimum up to which it counts as reached."""
_GAP = 1e-3
# Most distance that is drawn, of trainings that diverged.
_FARTHEST = 100.0
_SOLVERS = {"sampled": "sampled patterns", "column-generation": "column generation"}
_NAMES = {"adam": "Adam", "sgd": "SGD", "lbfgs": "L-BFGS", **_SOLVERS}


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """Per problem a proof, two programmes, and trainings of every width."""
    shapes, n_seeds = SHAPES[scale]
    return [
        {
            "network": "plain",
            "program": "exact",
            "fit": "penalised",
            "n_samples": shape.n,
            "input_dim": shape.d,
            # Inputs of the study have variance 1/n, which divides the objective by n.
            "penalty": shape.penalty / shape.n,
            "n_planted": 2,
            "noise": 0.1,
            "seed": seed,
            **method,
        }
        for shape in shapes
        for seed in range(n_seeds)
        for method in _methods(shape, short=scale == "smoke")
    ]


def _methods(shape: Shape, *, short: bool) -> Iterator[Mapping[str, Any]]:
    yield {"method": "global", "tolerance": _GAP, "max_iterations": 10_000_000}
    for patterns in _SOLVERS:
        yield {"method": "interior-point", "patterns": patterns}
    for optimiser, options in TRAININGS.items():
        for per_sample in WIDTHS:
            training = {"method": "training", "optimiser": optimiser, **options}
            if optimiser == "sgd":
                training["batch_size"] = shape.n // 5
            if short:
                training["n_steps"] = 200
            yield {**training, "width": int(per_sample * shape.n)}


def distances(runs: pl.DataFrame) -> pl.DataFrame:
    """How far every network is from the optimum of its problem, at least and at most.

    The optimum lies between the proven bound of the problem and the smallest objective
    of all networks. A training that diverged is infinitely far.
    """
    problem = ["n_samples", "input_dim", "penalty", "seed"]
    objective = pl.coalesce("objective", "primal").fill_null(np.inf)
    runs = runs.with_columns(reached=objective)
    optimum = runs.group_by(problem).agg(
        bound=pl.col("lower_bound").filter(pl.col("method") == "global").max(),
        best=pl.col("reached").min(),
    )
    how = (
        pl.when(pl.col("method") == "training")
        .then("optimiser")
        .when(pl.col("method") == "global")
        .then(pl.lit("global"))
        .otherwise("patterns")
    )
    return (
        runs.join(optimum, on=problem)
        .select(
            *problem,
            how=how,
            width=pl.when(pl.col("method") == "training").then("width"),
            objective="reached",
            bound="bound",
            nearest=pl.col("reached") / pl.col("best") - 1,
            # Nothing is known of a problem whose search told no bound.
            farthest=(pl.col("reached") / pl.col("bound") - 1).fill_null(np.inf),
        )
        .sort(*problem, "how", "width")
    )


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Every distance, and how often the optimum is reached."""
    found = distances(results.runs)
    rows = []
    for shape in SHAPES[results.scale][0]:
        of_shape = _of(found, shape)
        for (how, width), some in of_shape.group_by(["how", "width"]):
            rows.append(
                {
                    "n_samples": shape.n,
                    "input_dim": shape.d,
                    "penalty": shape.penalty,
                    "how": how,
                    "width": width,
                    "reached": str(_share(some)),
                    "distance": str(_distance(some)),
                }
            )
    shares = pl.DataFrame(rows, infer_schema_length=None)
    by = ["n_samples", "input_dim", "penalty", "how", "width"]
    return {"distances": found, "reached": shares.sort(by)}


def figures(results: Results) -> Mapping[str, Figure]:
    """Distance to the proven optimum against width, and how often it is reached."""
    shapes, n_seeds = SHAPES[results.scale]
    found = distances(results.runs)
    text = (
        f"Plain networks, two planted neurons, noise 0.1, {counted(n_seeds, 'seed')}. "
        "Distances are relative, and at most what is shown: the optimum is proven to "
        f"{_GAP:g}. Medians and 95 % intervals; a training that diverged is drawn at "
        f"{_FARTHEST:g}. Adam at 2e-3, SGD at 0.5 in batches of n/5, L-BFGS."
    )
    figure, axes = panels(2, len(shapes), width=3.6, caption=text)
    for column, shape in enumerate(shapes):
        top, below = axes[:, column]
        of_shape = _of(found, shape)
        top.set_title(f"n = {shape.n}, d = {shape.d}, penalty {shape.penalty:g}")
        for colour, how in zip(COLOURS, [*TRAININGS, *_SOLVERS], strict=False):
            trained = of_shape.filter(pl.col("how") == how)
            label = _NAMES[how]
            if how in _SOLVERS:
                level, share = _distance(trained).estimate, _share(trained).estimate
                top.axhline(level, color=colour, linestyle="--", label=label)
                below.axhline(share, color=colour, linestyle="--", label=label)
                continue
            by_width = [
                trained.filter(pl.col("width") == int(share * shape.n))
                for share in WIDTHS
            ]
            levels = [_distance(some) for some in by_width]
            shares = [_share(some) for some in by_width]
            for axis, intervals in ((top, levels), (below, shares)):
                # Lines of one place would hide each other.
                shift = 1.06 ** (list(TRAININGS).index(how) - 1)
                middle = np.array([i.estimate for i in intervals])
                ends = np.array([[i.low, i.high] for i in intervals]).T
                axis.errorbar(
                    np.array(WIDTHS) * shift,
                    middle,
                    yerr=np.abs(ends - middle),
                    color=colour,
                    marker="o",
                    markersize=4,
                    capsize=2,
                    label=label,
                )
        top.axhline(REACHED, color="0.6", linestyle=":", label=f"{REACHED:g}: reached")
        top.set(xscale="log", yscale="log", xlabel="width / n")
        below.set(xscale="log", ylim=(-0.05, 1.05), xlabel="width / n")
        for axis in (top, below):
            axis.set_xticks(WIDTHS, [f"{share:g}" for share in WIDTHS])
            axis.minorticks_off()
    axes[0, 0].set_ylabel("distance to the optimum, at most")
    axes[1, 0].set_ylabel(f"share within {REACHED:g}")
    shared_legend(figure, axes[0, 0])
    return {"recovery_global": figure}


def claims(results: Results) -> Sequence[Claim]:
    """Width helps training; who reaches the optimum, and who does not."""
    found = distances(results.runs)
    proofs = found.filter(pl.col("how") == "global")
    proven = int((proofs["farthest"] <= _GAP * (1 + 1e-6)).sum())
    widest = proofs["farthest"].max()
    proof = Claim(
        sentence=f"every optimum is proven to a relative gap of {_GAP:g}",
        published="ours",
        measured=f"{told.rate(proven, len(proofs), 'problem')}, widest gap "
        f"{widest:.2g}",
        holds=_if_decided(proven == len(proofs), results.scale),
    )
    return [
        proof,
        _reaches(found, "column-generation", results.scale, always=True),
        _reaches(found, "sampled", results.scale, always=False),
        *(_reaches_wide(found, how, results.scale) for how in TRAININGS),
        *(_wider_is_nearer(found, how, results.scale) for how in TRAININGS),
    ]


def _reaches(found: pl.DataFrame, how: str, scale: Scale, *, always: bool) -> Claim:
    some = found.filter(pl.col("how") == how)
    rate, most = _share(some), _share(some, at="nearest")
    # That one does not reach it is as sure only of the nearest that it may be.
    reach = True if rate.estimate == 1 else False if most.estimate < 1 else None
    kind = "always" if always else "do not always"
    return Claim(
        sentence=f"programmes of {_SOLVERS[how]} {kind} reach the optimum",
        published="ours",
        measured=f"share {rate}, distance {_distance(some)}",
        holds=None if reach is None else _if_decided(reach == always, scale),
    )


def _reaches_wide(found: pl.DataFrame, how: str, scale: Scale) -> Claim:
    wide = found.filter(
        pl.col("how") == how, pl.col("width") == WIDTHS[-1] * pl.col("n_samples")
    )
    rate, most = _share(wide), _share(wide, at="nearest")
    # More than half do for sure, or even of those that may it is no more than half.
    sure, never = rate.lies(above=0.5), most.lies(above=0.5) is False
    return Claim(
        sentence=(
            f"over-parameterised training finds the global optimum: {how} of width "
            f"{WIDTHS[-1]:g} n reaches it to {REACHED:g} in more than half of the runs"
        ),
        published="a common statement, which could not be tested exactly",
        measured=f"share {rate}, distance {_distance(wide)}",
        holds=_if_decided(bool(sure), scale) if sure or never else None,
    )


def _wider_is_nearer(found: pl.DataFrame, how: str, scale: Scale) -> Claim:
    problem = ["n_samples", "input_dim", "penalty", "seed"]
    some = found.filter(pl.col("how") == how)
    narrow, wide = (
        some.filter(pl.col("width") == share * pl.col("n_samples"))
        for share in (WIDTHS[0], WIDTHS[-1])
    )
    pairs = narrow.join(wide, on=problem, suffix="_wide")
    # By their order, as a training that diverged is infinitely far.
    one, other = (pairs[name].to_numpy() for name in ("objective", "objective_wide"))
    gains = (one > other).astype(int) - (one < other)
    p = sign_test(gains) if len(gains) else 1.0
    nearer = int((gains > 0).sum())
    return Claim(
        sentence=f"{how}: networks of width {WIDTHS[-1]:g} n end nearer than n/2",
        published="ours",
        measured=f"{told.rate(nearer, len(gains), 'pair')}, sign test p = {p:.2g}",
        holds=None if p > 0.05 else _if_decided(gains.sum() > 0, scale),
    )


def _of(found: pl.DataFrame, shape: Shape) -> pl.DataFrame:
    return found.filter(
        pl.col("n_samples") == shape.n,
        pl.col("input_dim") == shape.d,
        pl.col("penalty") == shape.penalty / shape.n,
    )


def _share(some: pl.DataFrame, at: str = "farthest") -> Interval:
    """How many reach the optimum for sure, or at the `nearest` may."""
    return wilson(int((some[at] <= REACHED).sum()), len(some))


def _distance(some: pl.DataFrame) -> Interval:
    """The median; diverged trainings count as the farthest number that is drawn."""
    return median_interval(some["farthest"].clip(upper_bound=_FARTHEST).to_list())


def _if_decided(holds: bool, scale: Scale) -> bool | None:
    return bool(holds) if scale != "smoke" else None


REPRODUCTION = Reproduction(
    title="How often training and programmes reach the proven global optimum",
    source="ours",
    study="recovery",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
