"""Finding the run a user means, by folder or by the first characters of its id."""

from pathlib import Path

from ..errors import StoreError
from .read import find_runs


def resolve_run(root: Path | str, text: str) -> Path:
    """The folder of the run that `text` means.

    Args:
        root: Folder of all runs.
        text: A folder, an id, or the beginning of exactly one id. Without an attempt
            number, the latest attempt is meant.

    Raises:
        StoreError: If no run, or more than one, is meant.
    """
    if (Path(text) / "config.json").exists():
        return Path(text)
    runs = find_runs(root)
    beginning, _, number = text.partition(".")
    matching = [path for path in runs if path.name.startswith(beginning)]
    if number:
        matching = [path for path in matching if str(_attempt(path)) == number]
    meant = {(path.parent, path.name.partition(".")[0]) for path in matching}
    if len(meant) == 1:
        return max(matching, key=_attempt)
    if not matching:
        raise StoreError(
            f"No run under `{root}` has an id that starts with {text!r}: "
            f"`overparam table {root}` lists the {len(runs)} there are."
        )
    names = sorted(f"{folder.name}/{id}" for folder, id in meant)
    listed = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    message = f"{text!r} is the beginning of {len(names)} ids ({listed}): give more."
    raise StoreError(message)


def _attempt(path: Path) -> int:
    return int(path.name.partition(".")[2] or 1)
