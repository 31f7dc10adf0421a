"""`overparam export RUNS --to ...`: stored runs in the formats of other tools."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

from ...errors import StoreError
from ..arguments import parse
from ..show import tell, tell_unverified


@dataclass(frozen=True, kw_only=True)
class Exporting:
    """Write stored runs for TensorBoard, MLflow or W&B, after the fact and offline.

    Examples:
      overparam export runs --to tensorboard --out events
      overparam export runs --to mlflow --out tracked --study planted
    """

    runs: tyro.conf.Positional[Path] = Path("runs")
    """Folder of all runs."""
    to: Literal["tensorboard", "mlflow", "wandb"]
    """The tool; each needs the extra of its name."""
    out: Path
    """A new folder to write to."""
    study: str | None = None
    """Only the runs of this study."""


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return {"": [Exporting]}


def main(argv: Sequence[str]) -> int:
    """Export runs."""
    exporting = parse(Exporting, argv, prog="overparam export")
    from ...export.export import TARGETS, export
    from ...store.tables import gather

    gathered = gather(exporting.runs, study=exporting.study)
    if gathered.frame.is_empty():
        raise StoreError(f"`{exporting.runs}` holds no finished run to export.")
    # Offline means that nobody is told, unless the user wants it.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    number, damaged = export(gathered.runs, to=exporting.to, folder=exporting.out)
    left_out = [*gathered.unreadable, *damaged]
    for unreadable in left_out:
        tell(f"left out: {unreadable.reason}")
    tell_unverified(gathered.runs)
    look = TARGETS[exporting.to].look.format(folder=exporting.out)
    tell(f"{number} runs in {exporting.out}; look at them with `{look}`.")
    n_damaged = sum(unreadable.damaged for unreadable in left_out)
    if n_damaged:
        tell(f"overparam: Left out for damage: {n_damaged} of the runs.")
    return int(n_damaged > 0)
