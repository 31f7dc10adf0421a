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


def keep_answer(
    path: Path,
    facts: Mapping[str, Any],
    tables: "Mapping[str, pl.DataFrame]",
    figures: "Mapping[str, Figure]",
) -> None:
    """Write tables and figures, and at `path` beside them the facts with their stamps.

    Raises:
        ConfigError: If the name of a table or figure leads out of the folder.
        StoreError: If the disk refuses.
    """
    from ..plots.figure import save
    from ..store.tables import write_table

    folder, written = path.parent, []
    for name in (*tables, *figures):
        check_plain(name, what="A table or figure")
    for name, frame in tables.items():
        written.append(folder / f"{name}.csv")
        write_table(frame, written[-1])
    for name, figure in figures.items():
        written += save(figure, folder / name)
    files = {each.name: plain(stamp_of(each.read_bytes())) for each in written}
    write_sealed(path, {**facts, "files": files})
