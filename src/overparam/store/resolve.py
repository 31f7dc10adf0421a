"""Finding the run a user means, by folder or by the first characters of its id."""

import os
from pathlib import Path
from shlex import quote

from ..errors import StoreError
from .find import attempt_of, find_runs, is_there
from .identity import is_run_name
from .read import read_run


def resolve_run(root: Path | str, text: str) -> Path:
    """The folder of the run that `text` means.

    Args:
        root: Folder of all runs.
        text: A folder, an id, or the beginning of exactly one id. Without an attempt
            number, the latest attempt is meant.

    Raises:
        StoreError: If no run, or more than one, is meant.

    Example:
        ```python
        run = op.run("planted", **small)
        op.store.resolve_run("runs", run.stored.path.name[:6])
        ```
    """
    path = Path(text)
    if is_there(path / "config.json"):
        # The folder that one is in is called `.`.
        return path if is_run_name(path.name) else Path(os.path.abspath(path))
    runs = find_runs(root)
    beginning, _, number = text.partition(".")
    matching = [path for path in runs if path.name.startswith(beginning)]
    if number:
        matching = [path for path in matching if str(attempt_of(path)) == number]
    meant = _meant(matching)
    if len(meant) > 1:
        # A copy of a study's folder under another name holds none of its own runs.
        matching = [path for path in matching if _at_home(path)] or matching
        meant = _meant(matching)
    if len(meant) == 1:
        return max(matching, key=attempt_of)
    if not matching:
        raise StoreError(
            f"No run under `{root}` has an id that starts with {text!r}: "
            f"`overparam table {quote(str(root))}` lists the {len(runs)} there are."
        )
    names = sorted(f"{folder.name}/{id}" for folder, id in meant)
    listed = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    message = f"{text!r} is the beginning of {len(names)} ids ({listed}): give more."
    raise StoreError(message)


def _meant(paths: list[Path]) -> set[tuple[Path, str]]:
    """Folder and id, which all attempts at a run share."""
    return {(path.parent, path.name.partition(".")[0]) for path in paths}


def _at_home(path: Path) -> bool:
    try:
        return read_run(path).study == path.parent.name
    except StoreError:
        return False
