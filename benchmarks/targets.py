"""What was asked of the speed, and what the stored pages of the benchmarks say.

`python benchmarks --table` gathers `docs/benchmarks/targets.md` from the pages beside
it. A target that no page has a number for is not measured.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pages import PAGES, rows


PAGE = PAGES / "targets.md"
NUMBER = re.compile(r"\d+\.?\d*(?:e[-+]?\d+)?")
HEAD = """\
# Targets

What was asked of the speed, beside what the benchmarks measured. *Margin* says how many
times better a number is than asked, so below one the target is missed. The page of a
row says how its number was measured. `make bench` runs every benchmark and writes this
page; `python benchmarks --table` only gathers it. `overparam doctor --speed` tells what
the machine at hand reaches.
"""
TABLE = """
## {}

| page | what | target | measured | margin | met |
|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Target:
    """A number that was asked for, and where the measured one stands."""

    page: str
    row: str
    """How the row begins, its cells joined by ` | `."""
    columns: str
    """Where the number stands; of several (`a or b`) the smallest counts, of several
    numbers in one the last."""
    asked: str
    """The least or the most, with its unit: `>= 20 x`."""

    def measured(self, text: str) -> float | None:
        """The number on the page, if it is there."""
        columns = self.columns.split(" or ")
        for row in rows(text):
            named = " | ".join(row.values()).startswith(self.row)
            if named and set(columns) <= row.keys():
                done, of, asked = row.get("proven", "").partition(" of ")
                if of and done != asked:  # Time was spent, and nothing reached.
                    return math.inf
                found = [NUMBER.findall(row[column]) for column in columns]
                return min((float(some[-1]) for some in found if some), default=None)
        return None

    def line(self, text: str) -> str:
        """The row of the gathered table."""
        sign, asked, unit = self.asked.split(maxsplit=2)
        found, told = self.measured(text), ["not measured", "", ""]
        if found is not None:
            ratio = found / float(asked) if sign == ">=" else float(asked) / found
            met = "yes" if ratio >= 1 else "**no**"
            told = [_told(found, unit), f"{ratio:.2f}", met]
            if math.isinf(found):
                told = ["not proven", "", met]
        what = f"{self.row.strip(' |').replace(' | ', ', ')}: {self.columns}"
        page = f"[{self.page}]({self.page}.md)" if text else self.page
        parts = page, what, f"{sign} {_told(float(asked), unit)}", *told
        return f"| {' | '.join(parts)} |"


def _told(value: float, unit: str) -> str:
    """A number with its unit as people read it: 28.1 s rather than 28100 ms."""
    if unit == "ms" and value >= 1000:
        value, unit = value / 1000, "s"
    return f"{value:g} {unit}"


def targets() -> Iterator[Target]:
    """Every target, in the order of the pages."""
    for page, asked in TARGETS.items():
        for target in asked:
            yield Target(page, *target)


def gathered() -> str:
    """The page of all targets, of the pages as they are stored."""
    met, missed = [], []
    for target in targets():
        page = PAGES / f"{target.page}.md"
        line = target.line(page.read_text() if page.exists() else "")
        (met if line.endswith("| yes |") else missed).append(f"{line}\n")
    parts = {"Missed, or not measured": missed, "Met": met}
    tables = (TABLE.format(name) + "".join(some) for name, some in parts.items())
    told = f"\n{len(met)} of {len(met) + len(missed)} targets are met.\n"
    return HEAD + told + "".join(tables)


_PROVEN = "median, most or of the processor"
_COMMAND = "`overparam run timescales --{}width 1024 --n-steps 32000`"
TARGETS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "planted": (
        ("overparam: records", "exercise / this", ">= 20 x"),
        ("overparam: records", "careful / this", ">= 0.77 x"),
    ),
    "sweep": (
        ("count 100,000 runs, none stored", "measured", "<= 2 s"),
        ("machinery, 1 process", "measured", "<= 50 ms per run"),
        ("machinery, 2 processes", "measured", "<= 50 ms per run"),
        ("1 process of one thread", "gain of 2 processes", ">= 1.7 x"),
        *(
            (f"100,000 runs, {command}", f"{where}, {unit}", f"<= {most} {unit}")
            for command in ("table", "watch", "dry run", "report")
            for where in ("folders", "packed")
            for unit, most in (("s", 20), ("GB", 2))
        ),
    ),
    "clusters": (("200 of 3 epochs", "gain", ">= 1.8 x"),),
    "heavy_tails": (
        ("1e6 symmetric stable values", "ratio", ">= 4 x"),
        ("1e6 positive stable values", "ratio", ">= 5 x"),
        *(
            (f"iteration 784-{case}, published way, {of}", "ratio", f">= {least} x")
            for case, least in (
                ("5000-10, batch 5000, type 2", 2),
                ("1000-10, batch 5000, type 1", 2.5),
            )
            for of in ("wall", "CPU")
        ),
        ("pruning curve, 11 levels", "ratio", ">= 10 x"),
    ),
    "images": (
        ("ResNet-20", "ratio", "<= 1.3 x"),
        ("ResNet-20", "ratio, CPU", "<= 1.3 x"),
        ("VGG11", "ratio", "<= 1 x"),
        ("VGG11", "ratio, CPU", "<= 1 x"),
    ),
    "timescales": (
        ("circle step, M = 32; PyTorch float64", "ratio", ">= 20 x"),
        ("circle step, M = 128; PyTorch float64", "ratio", ">= 20 x"),
        ("circle step, M = 1024; PyTorch float64", "ratio", ">= 50 x"),
        ("circle step, M = 100 000", "ours, ms", "<= 1000 ms"),
        (_COMMAND.format(""), "ours, ms", "<= 300000 ms"),
        ("risk of `direct` minus dense", "ours, ms", "<= 1000 x 1e-12"),
        ("torus step, M = 1024, float64 in both", "ratio", ">= 3 x"),
        ("torus step, M = 1024, float64: `auto`", "ratio", ">= 2.5 x"),
        ("torus step, M = 1024, float32 in both", "ratio", ">= 2 x"),
        ("torus step, M = 1024, float32: `auto`", "ratio", ">= 2.5 x"),
        (_COMMAND.format("problem torus --"), "ours, ms", f"<= {32_000 * 70} ms"),
        (
            _COMMAND.format("problem torus --precision float32 --"),
            "ours, ms",
            f"<= {32_000 * 35} ms",
        ),
        ("diffusion, gamma 100, t = 31.25", "ratio", ">= 10 x"),
        ("diffusion, gamma 1000, 4096 cells", "ours, ms", "<= 5000 ms"),
        ("projected diffusion, 1024 particles", "ours, ms", "<= 10000 ms"),
    ),
    "commands": (
        ("`overparam run timescales`", "kept or kept, of the processor", "<= 6 s"),
        (
            "`overparam run images --epochs 1`",
            "kept or kept, of the processor",
            "<= 12 s",
        ),
    ),
    "recovery": (
        ("gated skip | 200 x 50", "ratio", ">= 100 x"),
        ("gated normalised | 200 x 50", "ratio", ">= 20 x"),
        ("exact skip | 200 x 50", "ratio", ">= 20 x"),
        ("gated skip | 400 x 100", "ratio", ">= 200 x"),
        ("minimum norm", "active set, s", "<= 6 s"),
        ("minimum norm", "ratio", ">= 4.5 x"),
        ("penalty 0.01", "active set, s", "<= 6 s"),
        ("penalty 0.01", "ratio", ">= 4.5 x"),
    ),
    "pyscnn": (
        ("ours, as it is", "times faster", ">= 10 x"),
        ("ours, as it is", "lines", "<= 3 lines"),
    ),
    "kernels": (
        ("784-4096-10, 8 samples", "ratio", ">= 20 x"),
        ("784-4096-10, 2000 samples", "ratio", "<= 3 x"),
        ("closed form, 4 layers", "ratio", "<= 1.5 x"),
    ),
    "certificates-planted": tuple(
        (f"{problem} | {gap} |", _PROVEN, f"<= {seconds} s")
        for problem, gap, seconds in (
            ("50, 5, 0.1", 0.001, 20),
            ("40, 8, 0.1", 0.001, 20),
            ("5000, 2, 0.1", 0.01, 60),
            ("1000, 3, 0.1", 0.01, 60),
            ("200, 5, 0.1", 0.01, 60),
            ("50, 8, 0.1", 0.01, 60),
            ("60, 10, 0.05", 0.01, 600),
        )
    ),
    "certificates-real": tuple(
        (f"{data}, 100, {d}, 0.1 |", _PROVEN, "<= 300 s")
        for data in ("diabetes", "breast cancer")
        for d in (3, 5, 8)
    ),
    "certificates-root": tuple(
        target
        for size in ("20, 5", "60, 10", "60, 20", "100, 10")
        for target in (
            (f"{size} |", "most above CVXPY's", "<= 0.02 of it"),
            (f"{size} |", "ratio", ">= 100 x"),
        )
    ),
    # More than the samples whose patterns can be enumerated.
    "certificates-largest": tuple(
        (f"{d} |", "most samples proven to 1e-2", f">= {least} samples")
        for d, least in ((2, 2001), (3, 64), (5, 17), (8, 13), (10, 12), (20, 12))
    ),
}
