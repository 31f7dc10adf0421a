"""Offline runs of W&B: `FOLDER/wandb/offline-run-*`, to be sent by `wandb sync`."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

from ..store.read import StoredRun
from .export import Writer
from .series import points


@contextlib.contextmanager
def opening(folder: Path) -> Iterator[Writer]:
    """A writer of offline runs."""
    import wandb  # pyright: ignore[reportMissingImports]

    # Nothing of this process: what ran then is in the run, not here.
    quiet = wandb.Settings(
        mode="offline",
        console="off",
        silent=True,
        disable_git=True,
        save_code=False,
        x_disable_stats=True,
        x_disable_meta=True,
    )

    def write(run: StoredRun) -> None:
        tags = [run.study, run.status]
        with wandb.init(
            project=f"overparam-{run.study}",
            name=run.path.name,
            dir=str(folder),
            config={**run.config, "environment": run.environment},
            notes="\n".join([*filter(None, [run.error]), *run.notes]),
            tags=tags,
            reinit="finish_previous",
            settings=quiet,
        ) as made:
            by_step = itertools.groupby(points(run), key=lambda point: point.step)
            for step, at_step in by_step:
                made.log({point.name: point.value for point in at_step}, step=step)
            made.summary.update({**run.summary, "status": run.status})
            if run.error is not None:
                made.finish(exit_code=1)

    yield write
    wandb.teardown()
