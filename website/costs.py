"""What the published size of each reproduction costs, from parts of some of its runs.

    python website/costs.py [NAME ...] [--most 6]

Runs that differ in their seed, or in a rate, penalty, level or the like, are taken to
cost the same. Of the others some are measured, of each method and data evenly spaced
from the smallest to the largest, and each stands for its neighbours. A long run is
drawn out in a straight line from two parts of it, each compiled before it is timed.
Writes `costs.json` beside the reproductions, which the pages of the results and
`overparam reproduce --dry-run` show.
"""

import argparse
import datetime
import itertools
import json
import math
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import overparam as op
from overparam.processes import keep_compiled
from overparam.progress import counted
from overparam.reproductions.registry import COSTS, REPRODUCTIONS
from overparam.studies.registry import study


TABLE = COSTS
LONG_ENOUGH = 0.7
"""Processor seconds from which a part tells what a step costs."""
TOO_LONG = 5.0
"""Processor seconds from which a whole run is not done again without compilation."""


@dataclass(frozen=True)
class Length:
    """How long a run is, and how it is made shorter."""

    whole: int
    least: int
    """The shortest part that is measured."""
    shortened: Callable[[int], Mapping[str, Any]]
    """The fields that change for a part."""


def planted(config: Any) -> Length:
    """Its epochs, none of which ends it."""
    shortened = {"stop_below": 0.0}
    return Length(config.epochs, 1, lambda epochs: shortened | {"epochs": epochs})


def features(config: Any) -> Length:
    """An exact readout passes over the images once, as it were."""
    exact = config.train == "readout" and config.exact
    short = {"keep": "", "epochs": 0 if exact else 1, "first_all": 0}
    images = 55_000 * (1 if exact else config.epochs + config.first_all)
    return Length(images, 1024, lambda images: short | {"n_train": images})


def images(config: Any) -> Length:
    """The images that its epochs take."""
    short = {"keep": "", "epochs": 1, "final_epochs": 0}
    return Length(
        50_000 * (config.epochs + config.final_epochs),
        2000,
        lambda images: short | {"train_per_class": images // 10},
    )


def steps(config: Any) -> Length | None:
    """The steps of a training, with as many records in proportion."""
    if getattr(config, "method", "training") != "training":
        return None  # A programme or a search is solved as a whole.

    def shortened(n_steps: int) -> Mapping[str, Any]:
        short: dict[str, Any] = {"n_steps": n_steps}
        if hasattr(config, "records"):
            n_records = round(config.records * n_steps / config.n_steps)
            short |= {"records": max(n_records, 2), "keep": "2"}
        if hasattr(config, "evaluate_every"):
            short |= {"evaluate_every": min(config.evaluate_every, n_steps)}
        return short

    told = hasattr(config, "records") or hasattr(config, "evaluate_every")
    # Else a part has as many records as the whole, and a shorter one one a step.
    least = 16 if told else max(16, config.n_steps // config.record_every)
    return Length(config.n_steps, least, shortened)


LENGTHS = {"planted": planted, "features": features, "images": images}
UNITS = {"planted": "epochs", "features": "images", "images": "images"}
MOST = {"features": 55_000, "images": 50_000}
"""The longest part: no epoch has more images than there are."""


@dataclass(frozen=True)
class Setting:
    """Runs of a grid that are taken to cost the same, by the middle one of them."""

    study: str
    fields: Mapping[str, Any]
    n_runs: int

    def config(self) -> Any:
        return study(self.study).config_class()(**self.fields)

    @property
    def kind(self) -> str:
        """All that is no number: methods and data, which cost what they cost."""
        told = {n: v for n, v in self.fields.items() if type(v) not in (int, float)}
        return json.dumps(told, sort_keys=True)

    @property
    def size(self) -> int:
        """The product of its whole numbers: what costs more comes later."""
        told = vars(self.config()) | {"seed": 1}
        return math.prod(v for v in told.values() if type(v) is int and v > 0)

    def seconds(self, changes: Mapping[str, Any]) -> float:
        """Of the processor, for a run with these fields changed.

        A part is done twice, for its compilation would be drawn out with its steps.
        """
        found = []
        while len(found) < 2 and (changes or not found or found[0] < TOO_LONG):
            with tempfile.TemporaryDirectory() as runs:
                start = time.process_time()
                fields = {**self.fields, **changes}
                op.run(self.study, runs=runs, progress=False, **fields)
                found.append(time.process_time() - start)
        return min(found)

    def measured(self) -> tuple[float, int]:
        """Processor seconds of a whole run, and on what part: 0 for all of it."""
        length = LENGTHS.get(self.study, steps)(self.config())
        if length is None or length.whole <= length.least:
            return self.seconds({}), 0
        most = MOST.get(self.study, length.whole)
        part, spent = length.least, self.seconds(length.shortened(length.least))
        while True:
            factor = min(max(round(2 * LONG_ENOUGH / spent), 4), 64)
            longer = min(part * factor, length.whole, most)
            if longer == length.whole:
                return self.seconds({}), 0
            more = self.seconds(length.shortened(longer))
            if more - spent > LONG_ENOUGH or longer == most:
                break
            part, spent = longer, more
        slope = max(more - spent, 0.0) / (longer - part)
        return more + slope * (length.whole - longer), longer


def settings(name: str) -> list[Setting]:
    """Those of the published size, from the smallest to the largest."""
    wanted = REPRODUCTIONS[name].reproduction()
    found: dict[str, list[Mapping[str, Any]]] = {}
    for fields in wanted.grid("paper"):
        sizes = {k: v for k, v in fields.items() if not isinstance(v, float)}
        key = json.dumps({**sizes, "seed": 0}, sort_keys=True)
        found.setdefault(key, []).append(fields)
    made = [
        Setting(wanted.study, runs[len(runs) // 2], len(runs))
        for runs in found.values()
    ]
    return sorted(made, key=lambda setting: setting.size)


def cost(name: str, most: int) -> dict[str, Any]:
    """The entry of a reproduction, from about that many settings."""
    of_grid = settings(name)
    by_kind: dict[str, list[Setting]] = {}
    for setting in of_grid:
        by_kind.setdefault(setting.kind, []).append(setting)
    total, dearest, parts = 0.0, 0.0, []
    for alike in by_kind.values():
        # Each kind is measured, the larger ones in more places.
        n_measured = math.ceil(most * len(alike) / len(of_grid))
        n_measured = min(n_measured, len(alike))
        edges = [round(i * len(alike) / n_measured) for i in range(n_measured + 1)]
        for low, high in itertools.pairwise(edges):
            setting = alike[(low + high) // 2]
            seconds, part = setting.measured()
            total += seconds * sum(each.n_runs for each in alike[low:high])
            dearest = max(dearest, seconds)
            parts.append(part)
            print(
                f"  {seconds:8.2f} s from {part or 'all'}: {setting.fields}", flush=True
            )
    return {
        "processor_hours": float(f"{total / 3600:.2g}"),
        "runs": sum(setting.n_runs for setting in of_grid),
        "dearest_run_seconds": float(f"{dearest:.2g}"),
        "measured": _told(parts, of_grid),
        "version": op.__version__,
        "date": str(datetime.datetime.now(datetime.UTC).date()),
    }


def _told(parts: list[int], of_grid: list[Setting]) -> str:
    """On what a cost was measured."""
    short, told = [part for part in parts if part], []
    if short:
        lengths = [f"{part:,}" for part in sorted({min(short), max(short)})]
        told.append(f"{' to '.join(lengths)} {UNITS.get(of_grid[0].study, 'steps')}")
    if len(short) < len(parts):
        told.append("whole runs")
    some = f"{len(parts)} of " if len(parts) < len(of_grid) else ""
    return f"{some}{counted(len(of_grid), 'setting')}: {' and '.join(told)}"


def main() -> None:
    """Measure what is named, or all, and add it to the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", default=list(REPRODUCTIONS))
    parser.add_argument("--most", type=int, default=6, help="settings to measure")
    arguments = parser.parse_args()
    for name in arguments.names:
        entry = cost(name, arguments.most)
        print(name, entry, flush=True)
        known = json.loads(TABLE.read_text()) if TABLE.exists() else {}
        known[name] = entry
        ordered = {each: known[each] for each in REPRODUCTIONS if each in known}
        TABLE.write_text(json.dumps(ordered, indent=1) + "\n")


if __name__ == "__main__":
    keep_compiled()
    main()
