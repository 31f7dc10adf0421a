"""An answer beside the runs: tables, figures, and facts that vouch for them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..checks import written
from ..errors import ConfigError
from ..store.files import stamp_of, write_sealed
from ..store.identity import check_plain
from ..store.json_values import plain


if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

    from ..plots.animation import Animation


def keep_answer(
    path: Path,
    facts: Mapping[str, Any],
    tables: "Mapping[str, pl.DataFrame]",
    figures: "Mapping[str, Figure]",
    animations: "Mapping[str, Animation] | None" = None,
) -> None:
    """Write tables, figures and animations, and at `path` the facts with their stamps.

    Raises:
        ConfigError: If one is of another kind, or its name leads out of the folder.
        StoreError: If the disk refuses.
    """
    import polars as pl
    from matplotlib.figure import Figure

    from ..plots.animation import Animation
    from ..plots.figure import save
    from ..store.tables import write_table

    folder, kept = path.parent, []
    animations = {} if animations is None else animations
    _check(tables, pl.DataFrame, "tables")
    _check(figures, Figure, "figures")
    _check(animations, Animation, "animations")
    for name, frame in tables.items():
        kept.append(folder / f"{name}.csv")
        write_table(frame, kept[-1])
    for name, figure in figures.items():
        kept += save(figure, folder / name)
    for name, animation in animations.items():
        kept.append(animation.save(folder / f"{name}.gif"))
    files = {each.name: plain(stamp_of(each.read_bytes())) for each in kept}
    write_sealed(path, {**facts, "files": files})


def _check(given: Any, kind: type[Any], what: str) -> None:
    """Refuse what is no mapping from plain names to values of a kind."""
    if not isinstance(given, Mapping):
        message = f"The {what} must be a mapping from names, got {written(given)}."
        raise ConfigError(message)
    for name, value in given.items():
        check_plain(name, what=f"One of the {what}")
        if not isinstance(value, kind):
            raise ConfigError(
                f"The {what} must be of the kind `{kind.__name__}`, got "
                f"{written(value)} for `{name}`."
            )
