"""A database of MLflow: `FOLDER/mlflow.db`, one experiment per study.

MLflow keeps its older folders of files without further care, so that a database, which
is a file too, is what it should be given.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from ..store.json_values import encodable
from ..store.read import StoredRun
from .export import Writer
from .series import ended, points, settings, summary_numbers


# Limits of MLflow for one call, and for the value of a parameter or tag.
_MOST_METRICS = 1000
_MOST_PARAMETERS = 100
_MOST_LETTERS = 5000

_NOT_IN_NAMES = re.compile(r"[^\w.\- /]")


@contextlib.contextmanager
def opening(folder: Path) -> Iterator[Writer]:
    """A writer of runs into a database."""
    from mlflow.entities import Metric, Param  # pyright: ignore[reportMissingImports]
    from mlflow.tracking import MlflowClient  # pyright: ignore[reportMissingImports]

    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    experiments: dict[str, str] = {}

    def write(run: StoredRun) -> None:
        if run.study not in experiments:
            artifacts = (folder / "artifacts" / run.study).as_uri()
            experiments[run.study] = client.create_experiment(
                run.study, artifact_location=artifacts
            )
        end = round(1000 * ended(run))
        begin = end - round(1000 * (run.seconds or 0))
        tags = {
            "status": run.status,
            "run": encodable(str(run.path)),
            "notes": "\n".join(run.notes),
        }
        tags |= {"error": run.error} if run.error else {}
        tags = {name: value[:_MOST_LETTERS] for name, value in tags.items()}
        made = client.create_run(
            experiments[run.study],
            start_time=begin,
            run_name=run.path.name,
            tags=tags,
        )
        name = made.info.run_id
        fields = [Param(n, v[:_MOST_LETTERS]) for n, v in settings(run).items()]
        for start in range(0, len(fields), _MOST_PARAMETERS):
            client.log_batch(name, params=fields[start : start + _MOST_PARAMETERS])
        numbers = [Metric(_name(p.name), p.value, end, p.step) for p in points(run)]
        numbers += [
            Metric(f"summary/{_name(n)}", value, end, 0)
            for n, value in summary_numbers(run).items()
        ]
        for start in range(0, len(numbers), _MOST_METRICS):
            client.log_batch(name, metrics=numbers[start : start + _MOST_METRICS])
        failed = run.error is not None
        client.set_terminated(name, "FAILED" if failed else "FINISHED", end_time=end)

    yield write


def _name(text: str) -> str:
    return _NOT_IN_NAMES.sub("_", text)
