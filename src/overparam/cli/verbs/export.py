"""`overparam export RUNS --to ...`: runs or a network in the formats of others."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import tyro

from ...errors import ConfigError, StoreError
from ...processes import keep_compiled
from ...progress import counted
from ...running.exporting import FORMATS, export_network
from ...store.find import no_run, runs_folder
from ...store.read import read_run
from ...store.resolve import resolve_run
from ..arguments import parse
from ..show import tell, tell_unverified


@dataclass(frozen=True, kw_only=True)
class Exporting:
    """Write stored runs for TensorBoard, MLflow or W&B, after the fact and offline.

    With `torch` or `onnx` it is the network of one run: the state of a PyTorch module
    with the lines that load it, or an ONNX file.

    Examples:
      overparam export 3f2a --to torch --out mine
      overparam export runs --to tensorboard --out events
      overparam export runs --to mlflow --out tracked --study planted
    """

    runs: tyro.conf.Positional[Path] = field(default_factory=runs_folder)
    """Folder of all runs, which OVERPARAM_RUNS changes; for a network that of its run,
    or the beginning of its id."""
    to: Literal["tensorboard", "mlflow", "wandb", "torch", "onnx"]
    """The tool; all but `torch` need the extra of their name."""
    out: Path
    """A new folder to write to."""
    study: str | None = None
    """Only the runs of this study."""

    def __post_init__(self) -> None:
        if self.out.suffix in (".onnx", ".pt", ".pth", ".safetensors"):
            raise ConfigError(
                f"`out` is a new folder, in which files have their own names; got "
                f"`{self.out}`: leave the ending out."
            )


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return {"": [Exporting]}


def main(argv: Sequence[str]) -> int:
    """Export runs."""
    exporting = parse(Exporting, argv, prog="overparam export")
    if exporting.to in FORMATS:
        run = read_run(resolve_run(runs_folder(), str(exporting.runs)))
        keep_compiled()
        tell_unverified([run])
        files = export_network(run, to=exporting.to, folder=exporting.out)
        tell(
            f"the network of {run.study}/{run.path.name}: {', '.join(map(str, files))}"
        )
        return 0
    from ...export.export import TARGETS, export
    from ...store.tables import gather

    gathered = gather(exporting.runs, study=exporting.study)
    if gathered.frame.is_empty():
        raise StoreError(no_run(exporting.runs, exporting.study, wanted="finished run"))
    # Offline means that nobody is told, unless the user wants it.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    number, damaged = export(gathered.runs, to=exporting.to, folder=exporting.out)
    left_out = [*gathered.unreadable, *damaged]
    for unreadable in left_out:
        tell(f"left out: {unreadable.reason}")
    tell_unverified(gathered.runs)
    look = TARGETS[exporting.to].look.format(folder=exporting.out)
    tell(f"{counted(number, 'run')} in {exporting.out}; look there with `{look}`.")
    n_damaged = sum(unreadable.damaged for unreadable in left_out)
    if n_damaged:
        tell(f"overparam: Left out for damage: {n_damaged} of the runs.")
    return int(n_damaged > 0)
