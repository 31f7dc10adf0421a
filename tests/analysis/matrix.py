"""A tiny run of every study and main variant, and what every analysis makes of it.

`python tests/analysis/matrix.py > docs/analyses.md` writes the page whose cells the
tests compare with what they find. Shapes are shared, to compile little.
"""

import re
import tempfile
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from overparam import Analysis
from overparam.analysis.catalogue import ANALYSES
from overparam.errors import OverparamError
from overparam.running.execute import execute
from overparam.running.precision import precision
from overparam.store import read_run
from overparam.studies.contract import as_subject
from overparam.studies.registry import study


_PLANTED = {
    "input_dim": 10,
    "n_outputs": 2,
    "teacher_width": 3,
    "width": 12,
    "batch_size": 20,
    "samples_per_epoch": 200,
    "epochs": 2,
}
_FEATURES = {"width": 12, "epochs": 2, "n_train": 200, "n_validation": 50}
_HEAVY = {
    "width": 20,
    "n_train": 60,
    "n_test": 60,
    "batch_size": 20,
    "max_steps": 10,
    "evaluate_every": 5,
    "stop_when": "never",
}
_SCALES = {
    "width": 50,
    "samples": 64,
    "teacher_width": 64,
    "steps": 16,
    "records": 5,
    "keep": "3",
    "cells": 64,
    "particles": 240,
    "harmonics": 8,
}
_IMAGES = {
    "network": "resnet8",
    "multiplier": 0.25,
    "train_per_class": 4,
    "test_per_class": 2,
    "batch_size": 10,
    "epochs": 1,
}
_RECOVERY = {"n_samples": 12, "dimension": 3, "n_patterns": 8}
_TRAINED = _RECOVERY | {
    "method": "training",
    "fit": "penalised",
    "penalty": 0.05,
    "width": 40,
    "n_steps": 100,
}
_SOLVED = _RECOVERY | {"program": "exact", "fit": "penalised", "penalty": 0.05}


_LAZY = {
    "input_dim": 10,
    "n_train": 40,
    "n_test": 20,
    "width": 12,
    "n_steps": 10,
    "evaluate_every": 5,
}


def _planted(**changes: Any) -> tuple[str, dict[str, Any]]:
    return "planted", _PLANTED | changes


def _features(**changes: Any) -> tuple[str, dict[str, Any]]:
    return "features", _FEATURES | changes


def _heavy(**changes: Any) -> tuple[str, dict[str, Any]]:
    return "heavy-tails", _HEAVY | changes


def _scales(**changes: Any) -> tuple[str, dict[str, Any]]:
    return "timescales", _SCALES | changes


def _lazy(**changes: Any) -> tuple[str, dict[str, Any]]:
    return "lazy", _LAZY | changes


def _images(**changes: Any) -> tuple[str, dict[str, Any]]:
    return "images", _IMAGES | changes


VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "planted": _planted(),
    "planted, erf": _planted(activation="erf"),
    "planted, leaky ReLU, label noise": _planted(
        activation="leaky-relu", label_noise=0.1
    ),
    "planted, penalty, balanced": _planted(penalty=1e-3, balance_every=1),
    "planted, path norm": _planted(penalty=1e-3, penalty_form="path-norm"),
    "planted, readout only": _planted(train="readout"),
    "planted, flow": _planted(dynamics="flow"),
    "planted, Adam, kept": _planted(
        optimiser="adam", learning_rate=1e-3, keep="every 1"
    ),
    "planted, coloured inputs, float64": _planted(input_decay=1.0, precision="float64"),
    "features": _features(),
    "features, exact ridge": _features(train="readout", readout="ridge"),
    "features, exact logistic": _features(train="readout", ridge=1e-3),
    "features, ReLU, not standardised": _features(
        activation="relu", standardise=False, keep="1,"
    ),
    "features, mean field": _features(
        activation="relu", standardise=False, scaling="mean-field"
    ),
    "features, repopulated": _features(repopulate_every=1, jitter=0.1),
    "heavy-tails": _heavy(),
    "heavy-tails, biases": _heavy(bias=True, noise="isotropic"),
    "heavy-tails, depth 4": _heavy(depth=4, noise="entrywise"),
    "heavy-tails, mean field, hinge": _heavy(
        loss="hinge", parametrisation="mean-field"
    ),
    "heavy-tails, no noise": _heavy(noise="none", weight_decay=1e-3),
    "heavy-tails, sigmoid": _heavy(activation="sigmoid", momentum=0.9),
    "heavy-tails, digits": _heavy(dataset="digits", n_train=200, n_test=200),
    "timescales": _scales(),
    "timescales, two scales": _scales(dynamics="two-timescale", ratio=4.0),
    "timescales, threshold": _scales(feature="relu-threshold"),
    "timescales, population": _scales(data="population"),
    "timescales, torus": _scales(problem="torus"),
    "timescales, lattice": _scales(data="lattice"),
    "images": _images(),
    "images, descent": _images(dynamics="descent"),
    "images, Shampoo": _images(dynamics="shampoo"),
    "recovery": ("recovery", _RECOVERY),
    "recovery, plain, exact": ("recovery", _SOLVED | {"network": "plain"}),
    "recovery, skip, exact": ("recovery", _RECOVERY | {"program": "exact"}),
    "recovery, normalised": ("recovery", _RECOVERY | {"network": "normalised"}),
    "recovery, bias": ("recovery", _SOLVED | {"network": "plain", "bias": True}),
    "recovery, columns": ("recovery", _SOLVED | {"patterns": "column-generation"}),
    "recovery, trained, plain": ("recovery", _TRAINED | {"network": "plain"}),
    "recovery, trained, skip": ("recovery", _TRAINED),
    "recovery, trained, normalised": (
        "recovery",
        _TRAINED | {"network": "normalised"},
    ),
    "lazy": _lazy(),
    "lazy, doubled, scaled": _lazy(scale=10.0, zero_start=True, keep="every 5"),
    "lazy, mean field, readout only": _lazy(scaling="mean-field", train="readout"),
    "lazy, digits, depth 3": _lazy(dataset="digits", scaling="standard", depth=3),
}

OPTIONS: dict[str, dict[str, Any]] = {
    "lazy": {"n_samples": 20, "n_test": 20, "n_wide": 40},
    "hessian": {"n_steps": 3, "count": 2},
    "tails": {"n_resamples": 3},
    "resample": {
        "n_features": (2,),
        "n_draws": 2,
        "n_fit": 50,
        "random": ("unit",),
        "sampling": ("uniform", "leverage"),
    },
    "compare": {
        "n_permutations": 99,
        "n_bootstrap": 3,
        "n_probes": 10,
        "n_inputs": 50,
    },
    "prune": {"errors": (0.1,), "ratios": (0.5,)},
    "density": {"steps": (0, 16)},
    "certificate": {"seconds": 1e-3},
}
"""Small options of analyses whose defaults are for real runs."""


WORKS = "yes"
"""What the page says of a cell that works."""


def row(variant: str, root: Path) -> dict[str, str]:
    """What every analysis says of a variant: `WORKS`, or the sentence it refuses with.

    Args:
        variant: Name of the variant.
        root: Folder of the runs.
    """
    name, fields = VARIANTS[variant]
    kind = study(name).config_class()
    done = [execute(name, kind(**fields, seed=seed), root) for seed in (3, 4)]
    runs = [read_run(each.path) for each in done]
    found = {}
    for analysis, entry in ANALYSES.items():
        given = runs[: entry.least_subjects]
        with precision(*(run.config for run in given)):
            found[analysis] = _cell(entry, [as_subject(run) for run in given])
    return found


def _cell(entry: Analysis, subjects: list[Any]) -> str:
    options = entry.options(**OPTIONS.get(entry.name, {}))
    try:
        for subject in subjects:
            entry.check()(subject, options)
        findings = entry.analyse()(subjects, options)
    except OverparamError as error:
        return re.sub("`[0-9a-f]{12}`", "RUN", str(error))
    assert findings.tables
    return WORKS


def page(rows: Mapping[str, Mapping[str, str]]) -> str:
    """The page of the documentation."""
    reasons = dict.fromkeys(
        cell for row in rows.values() for cell in row.values() if cell != WORKS
    )
    letters = {reason: str(number) for number, reason in enumerate(reasons, start=1)}
    lines = [" | ".join(["run", *ANALYSES]), " | ".join(["---"] * (len(ANALYSES) + 1))]
    lines += [
        " | ".join([name, *(letters.get(cell, WORKS) for cell in row.values())])
        for name, row in rows.items()
    ]
    table = "\n".join(f"| {line} |" for line in lines)
    works = sum(cell == WORKS for row in rows.values() for cell in row.values())
    listed = "\n".join(
        textwrap.fill(
            f"{letter}. {reason}",
            _WIDTH,
            subsequent_indent=" " * 4,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for reason, letter in letters.items()
    )
    return _PAGE.format(
        table=table, reasons=listed, works=works, cells=len(rows) * len(ANALYSES)
    )


_WIDTH = 88
"""Of a line, as of all pages."""
_PAGE = """# Which analysis applies to what

`overparam analyse RUN` lists the analyses that apply to a run, and says why the others
do not. `overparam analyse RUN all` runs those that do. This table is of tiny runs of
every study and main variant. Each is taken through every analysis, `compare` with a run
of another seed. Of its {cells} cells {works} work. The others refuse with the sentence
of their number.

{table}

Why not:

{reasons}
"""


def documented(text: str) -> dict[str, dict[str, str]]:
    """The cells that a page tells of."""
    listed = re.findall(r"^(\d+)\. (.*(?:\n {4}.*)*)", text, flags=re.MULTILINE)
    reasons = {number: " ".join(reason.split()) for number, reason in listed}
    reasons[WORKS], rows = WORKS, {}
    for line in text.splitlines():
        if line.startswith("| ") and "---" not in line:
            name, *cells = line.strip("| ").split(" | ")
            rows[name] = dict(zip(ANALYSES, cells, strict=True))
    rows.pop("run", None)
    return {
        name: {analysis: reasons[cell] for analysis, cell in row.items()}
        for name, row in rows.items()
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(page({name: row(name, Path(folder)) for name in VARIANTS}), end="")
