"""From files to a kept data set."""

from pathlib import Path
from typing import Any

from ...errors import ConfigError
from .description import NAME, Description, check_name
from .kept import keep
from .options import Reading
from .reading import read


def add_data(
    name: str, *files: str | Path, force: bool = False, **options: Any
) -> Description:
    """Read files, check them, and keep them as a data set of that name.

    Args:
        name: What to call it.
        files: An `.npz` (`x`, `y`, perhaps `x_test`, `y_test`), arrays of inputs and
            targets (`.npy`, IDX), tables (CSV, Parquet), series (UCR text, `.ts`) or
            folders of class folders of PNG; a second part is the test part.
        force: Whether to replace one of this name with another content.
        options: `label`, `size`, `task`, `test_fraction`, `seed`, as on the command
            line.

    Returns:
        What is known of it; `reference` is what a config stores.

    Raises:
        ConfigError: The name or an option will not do.
        DataError: A file is missing, damaged, or holds what no network takes.

    Example:
        ```python
        np.savez("mine.npz", x=np.asarray(x), y=np.asarray(labels))
        op.data.add_data("mine", "mine.npz").reference
        op.load_data("mine").train.x.shape
        ```
    """
    check_name(name)
    how = Reading(**options)
    paths = [Path(file).expanduser() for file in files]
    dataset, was_split = read(paths, name, how)
    return keep(
        dataset,
        files=tuple(path.name for path in paths),
        test_fraction=how.test_fraction if was_split else None,
        seed=how.seed if was_split else None,
        force=force,
    )


def add_file(text: str) -> Description:
    """The data set in one file, under the name of that file.

    Raises:
        ConfigError: The name will not do, or is that of another content.
        DataError: For what `add_data` refuses.
    """
    path = Path(text)
    name = path.name.partition(".")[0]
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"`{path.name}` gives no name of a data set: write `overparam data add "
            f"NAME {path}`."
        )
    return add_data(name, path)
