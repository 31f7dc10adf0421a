"""The answer of a reproduction: made from the stored runs of its grid, and stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..checks import written
from ..errors import ConfigError, StoreError
from ..report import notebook
from ..store.read import StoredRun
from ..store.run import attempts
from ..sweeping.jobs import Job
from .keeping import keep_answer
from .precision import precision


if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

    from ..plots.animation import Animation
    from ..reproductions.reproduction import Claim, Reproduction, Scale
    from ..store.tables import Gathered, Rows


@dataclass(frozen=True, kw_only=True, repr=False)
class Reproduced:
    """What came out of a reproduction."""

    reproduction: "Reproduction"
    scale: "Scale"
    claims: "Sequence[Claim]"
    """What holds and what does not."""
    tables: "Mapping[str, pl.DataFrame]"
    figures: "Mapping[str, Figure]"
    animations: "Mapping[str, Animation]"
    """Stored as `.gif`; `save` writes `.mp4`, too."""
    runs: Sequence[StoredRun]
    """The stored runs that it was made from."""
    folder: Path
    """Where all of this is stored."""

    def __repr__(self) -> str:
        holding = sum(claim.holds is True for claim in self.claims)
        told = f"{holding} of {len(self.claims)} claims hold"
        if undecided := sum(claim.holds is None for claim in self.claims):
            told += f", {undecided} not decided"
        return f"Reproduced({self.reproduction.title!r}, {self.scale}, {told})"

    @property
    def verdicts(self) -> list[tuple[str, str, str, str]]:
        """What is claimed, what was published and measured, and whether it holds."""
        undecided = "not decided at this scale"
        words = {True: "holds", False: "does not hold", None: undecided}
        return [
            (c.sentence, c.published, c.measured, words[c.holds]) for c in self.claims
        ]

    @property
    def headings(self) -> tuple[str, str, str, str]:
        """What stands above the verdicts."""
        return f"claim ({self.reproduction.source})", "published", "measured", "verdict"

    def _repr_html_(self) -> str:
        return notebook.joined(
            notebook.tag("b", self.reproduction.title),
            notebook.table(self.headings, self.verdicts),
            *map(notebook.image, self.figures.values()),
        )


def answer(
    name: str,
    wanted: "Reproduction",
    *,
    scale: "Scale",
    jobs: Sequence[Job],
    root: Path,
) -> Reproduced:
    """Answer a reproduction from the runs of its grid, and store the answer.

    Args:
        name: Of the reproduction.
        wanted: The reproduction itself.
        scale: Of the grid.
        jobs: The runs, all of them done.
        root: Folder of all runs; the answer lies in its `reproductions`.

    Raises:
        ConfigError: If what the reproduction gives is of another kind than it declares.
        StoreError: If a run is damaged; the answer that was stored stays as it was.
    """
    from ..reproductions.reproduction import Claim, Results

    paths = list(dict.fromkeys(attempts(job.path)[-1] for job in jobs))
    runs, records = _whole(paths, "summary"), _whole(paths, "records")
    frame, of_steps = _typed(runs.frame), _typed(records.frame)
    results = Results(scale=scale, runs=frame, records=of_steps, stored=runs.runs)
    with precision(*(run.config for run in runs.runs)):
        reproduced = Reproduced(
            reproduction=wanted,
            scale=scale,
            tables=wanted.tables(results),
            figures=wanted.figures(results),
            animations=wanted.animations(results),
            claims=wanted.claims(results),
            runs=runs.runs,
            folder=root / "reproductions" / name / scale,
        )
    for claim in reproduced.claims:
        if not isinstance(claim, Claim):
            raise ConfigError(
                f"The claims of `{name}` must be `Claim`s, got {written(claim)}."
            )
    content = {
        "title": wanted.title,
        "source": wanted.source,
        "study": wanted.study,
        "scale": scale,
        "runs": [run.reference for run in reproduced.runs],
        "claims": reproduced.claims,
    }
    path = reproduced.folder / "claims.json"
    keep_answer(
        path, content, reproduced.tables, reproduced.figures, reproduced.animations
    )
    return reproduced


def _whole(paths: Sequence[Path], rows: "Rows") -> "Gathered":
    """The table of all runs: an answer from fewer would be one to another question."""
    from ..store.tables import gather

    gathered = gather(paths, metrics=rows)
    for unreadable in gathered.unreadable:
        raise StoreError(unreadable.reason)
    return gathered


def _typed(frame: "pl.DataFrame") -> "pl.DataFrame":
    """A measure that no run has, as all of them diverged, is a column of numbers."""
    import polars as pl

    return frame.with_columns(pl.col(pl.Null).cast(pl.Float64))
