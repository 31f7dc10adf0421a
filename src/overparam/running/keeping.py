"""An answer beside the runs: tables, figures, and facts that vouch for them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
        ConfigError: If the name of one leads out of the folder.
        StoreError: If the disk refuses.
    """
    from ..plots.figure import save
    from ..store.tables import write_table

    folder, written, animations = path.parent, [], animations or {}
    for name in (*tables, *figures, *animations):
        check_plain(name, what="A table, figure or animation")
    for name, frame in tables.items():
        written.append(folder / f"{name}.csv")
        write_table(frame, written[-1])
    for name, figure in figures.items():
        written += save(figure, folder / name)
    for name, animation in animations.items():
        written.append(animation.save(folder / f"{name}.gif"))
    files = {each.name: plain(stamp_of(each.read_bytes())) for each in written}
    write_sealed(path, {**facts, "files": files})
