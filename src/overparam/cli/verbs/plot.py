"""`overparam plot RUNS`: median and band of a column over stored runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from ...errors import ConfigError
from ..arguments import parse
from ..show import shown, tell, tell_unverified


if TYPE_CHECKING:
    import polars as pl

    from ...report.differences import Spread


@dataclass(frozen=True, kw_only=True)
class Plotting:
    """Draw a column of the records of stored runs: median and 10-90 % band over seeds.

    Runs that end at different steps are drawn one by one.

    Examples:
      overparam plot runs --study planted --y risk --by width --log-y
      overparam plot runs --study planted --y risk --by width optimiser
      overparam plot runs --study planted --x epoch --y loss --by learning_rate
    """

    runs: tyro.conf.Positional[Path] = Path("runs")
    """Folder of all runs."""
    study: str
    """The study whose runs are drawn."""
    x: str = "step"
    """Column of the horizontal axis."""
    y: str = "loss"
    """Column of the vertical axis."""
    by: tuple[str, ...] = ()
    """Columns whose values get a colour each."""
    log_x: bool = False
    """Logarithmic horizontal axis."""
    log_y: bool = False
    """Logarithmic vertical axis."""
    out: Path | None = None
    """File name without suffix (STUDY-Y-over-X-by-BY); .png and .svg are written."""

    @property
    def target(self) -> Path:
        """Where to draw: by default each question has a file of its own."""
        if self.out is not None:
            return self.out
        by = f"-by-{'-'.join(self.by)}" if self.by else ""
        return Path(f"{self.study}-{self.y}-over-{self.x}{by}".replace("/", "_"))


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return {"": [Plotting]}


def main(argv: Sequence[str]) -> int:
    """Draw stored runs."""
    plotting = parse(Plotting, argv, prog="overparam plot")
    import polars as pl

    from ...plots.curves import check_columns, draw
    from ...plots.figure import panels, save
    from ...report.differences import unlike
    from ...store.read import read_run
    from ...store.tables import gather

    gathered = gather(plotting.runs, study=plotting.study, metrics="records")
    for unreadable in gathered.unreadable:
        tell(f"left out: {unreadable.reason}")
    tell_unverified(gathered.runs)
    records = gathered.frame
    if records.is_empty():
        raise ConfigError(
            f"`{plotting.runs}` holds no finished run of {plotting.study!r}."
        )
    x, y, by = plotting.x, plotting.y, plotting.by
    check_columns(records, x=x, y=y, by=by)
    finite = pl.all_horizontal(pl.col(x, y).cast(pl.Float64).is_finite())
    drawn = records.filter(finite)
    _check_scales(drawn, plotting)
    runs = drawn.unique("path", maintain_order=True)
    folder = plotting.runs / plotting.study
    configs = [read_run(folder / Path(path).name).config for path in runs["path"]]
    differing = unlike(configs, runs.select(by).rows() if by else [None] * len(runs))
    if differing:
        raise ConfigError(_no_median(differing))
    figure, axes = panels(width=6, height=4, caption=f"{plotting.study}: stored runs")
    pooled = draw(axes[0, 0], drawn, x=x, y=y, by=by, alike=True)
    axes[0, 0].set_xscale("log" if plotting.log_x else "linear")
    axes[0, 0].set_yscale("log" if plotting.log_y else "linear")
    if len(drawn) < len(records):
        tell(
            f"{len(records) - len(drawn)} records without a finite number are left out."
        )
    if not pooled and len(runs) > 1:
        tell("The runs end at different places: each is a line.")
    for path in save(figure, plotting.target):
        tell(f"drawn: {path}")
    return 0


def _check_scales(records: "pl.DataFrame", plotting: Plotting) -> None:
    logarithmic = {plotting.x: plotting.log_x, plotting.y: plotting.log_y}
    for name, is_log in logarithmic.items():
        if records.is_empty():
            raise ConfigError(f"`{name}` has no finite value to draw.")
        if is_log and not (records[name] > 0).any():
            raise ConfigError(
                f"`{name}` has no positive value: draw it without a logarithmic axis."
            )


def _no_median(differing: "Sequence[Spread]") -> str:
    told = [
        f"`{spread.name}` ({', '.join(shown(value) for value, _ in spread.values[:4])}"
        f"{', ...' if len(spread.values) > 4 else ''})"
        for spread in differing
    ]
    return (
        f"Runs of one colour differ in {', '.join(told)}, and a median is over seeds "
        "only: name these columns with `--by`, or give a folder of fewer runs."
    )
