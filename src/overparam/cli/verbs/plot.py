"""`overparam plot RUNS`: median and band of a column over stored runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import ConfigError
from ...plots.styles import drawn_for
from ...store.files import figure_name
from ...store.find import no_run
from ..arguments import Drawing, OfRuns, parse_all
from ..show import tell, tell_unverified


@dataclass(frozen=True, kw_only=True)
class Plotting(OfRuns):
    """Draw a column of the records of stored runs: median and 10-90 % band over seeds.

    Runs that end at different steps are drawn one by one. Against a field, such as
    `--x width`, the last record of every run is drawn.

    Examples:
      overparam plot runs --study planted --y risk --by width --log-y
      overparam plot runs --study planted --y risk --by width optimiser
      overparam plot runs --study planted --y risk --where width=120,240 seed=0..9
      overparam plot runs --study planted --x width --y risk --log-y
      overparam plot runs --study planted --x epoch --y loss --by learning_rate
      overparam plot runs --study planted --y risk --by width --style paper
    """

    study: str
    """The study whose runs are drawn."""
    x: str = "step"
    """Column of the horizontal axis."""
    y: str = "loss"
    """Column of the vertical axis."""
    by: tuple[str, ...] = ()
    """Columns whose values get a colour each."""
    where: tuple[str, ...] = ()
    """Only runs with these values, as `width=120,240` or `seed=0..9`."""
    log_x: bool = False
    """Logarithmic horizontal axis."""
    log_y: bool = False
    """Logarithmic vertical axis."""
    out: Path | None = None
    """File name without suffix (STUDY-Y-over-X-by-BY); .png and .svg are written."""

    def __post_init__(self) -> None:
        if self.out is not None:
            figure_name(self.out)

    @property
    def target(self) -> Path:
        """Where to draw: by default each question has a file of its own."""
        if self.out is not None:
            return self.out
        by = f"-by-{'-'.join(self.by)}" if self.by else ""
        return Path(f"{self.study}-{self.y}-over-{self.x}{by}".replace("/", "_"))


_FORM: list[type[Any]] = [Plotting, Drawing]


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return {"": _FORM}


def main(argv: Sequence[str]) -> int:
    """Draw stored runs."""
    plotting, drawing = parse_all(
        _FORM, argv, prog="overparam plot", description=Plotting.__doc__ or ""
    )
    from ...plots.figure import save
    from ...running.choosing import chosen
    from ...running.drawing import draw_records
    from ...store.tables import gather

    gathered = gather(plotting.runs, study=plotting.study, metrics="records")
    for unreadable in gathered.unreadable:
        tell(f"left out: {unreadable.reason}")
    gathered = chosen(gathered, plotting.where)
    tell_unverified(gathered.runs)
    if gathered.runs and gathered.frame.is_empty():
        raise ConfigError("These runs hold no records: `overparam table` shows them.")
    if gathered.frame.is_empty():
        raise ConfigError(no_run(plotting.runs, plotting.study, wanted="finished run"))
    figure, notes = draw_records(
        gathered,
        x=plotting.x,
        y=plotting.y,
        by=plotting.by,
        log_x=plotting.log_x,
        log_y=plotting.log_y,
    )
    for note in notes:
        tell(note)
    with drawn_for(drawing.style):
        written = save(figure, plotting.target)
    for path in written:
        tell(f"drawn: {path}")
    return 0
