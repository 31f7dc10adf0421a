"""Event files of TensorBoard: `FOLDER/STUDY/ID`, scalars by step and the settings."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from ..store.read import StoredRun
from .export import Writer
from .series import ended, is_number, points, settings, summary_numbers


@contextlib.contextmanager
def opening(folder: Path) -> Iterator[Writer]:
    """A writer of runs as event files."""
    # It warns of every value that is no number, without saying which.
    logging.getLogger("tensorboardX.x2num").setLevel(logging.ERROR)

    def write(run: StoredRun) -> None:
        from tensorboardX import SummaryWriter  # pyright: ignore[reportMissingImports]
        from tensorboardX.summary import (  # pyright: ignore[reportMissingImports]
            hparams,
        )

        place = folder / run.study / run.path.name
        with SummaryWriter(str(place), write_to_disk=True) as events:
            when = ended(run)
            for point in points(run):
                events.add_scalar(point.name, point.value, point.step, when)
            rows = "\n".join(f"| {n} | {v} |" for n, v in settings(run).items())
            events.add_text("config", f"| field | value |\n|-|-|\n{rows}", 0, when)
            told = "\n\n".join([run.status, *filter(None, [run.error]), *run.notes])
            events.add_text("status", told, 0, when)
            # What the page of hyper-parameters shows, in the same file as the rest.
            results = {f"summary/{n}": v for n, v in summary_numbers(run).items()}
            numbers = {n: v for n, v in run.config.items() if is_number(v)}
            words = {n: v for n, v in settings(run).items() if n not in numbers}
            assert events.file_writer is not None
            for summary in hparams(numbers | words, results):
                events.file_writer.add_summary(summary, 0, when)
            for name, value in results.items():
                events.add_scalar(name, value, 0, when)

    yield write
