"""Stored runs as objects: records, summary, network, figures."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from ..errors import ConfigError
from ..report import notebook
from ..store.read import StoredRun
from ..store.status import no_network
from ..store.tables import gather, to_pandas
from .choosing import fitting


if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    from matplotlib.figure import Figure

    from ..analysis.declaration import Findings
    from ..networks.files.named import NamedWeights
    from ..networks.network import Network


@dataclass(frozen=True, repr=False)
class Run:
    """One stored run.

    Attributes:
        stored: Its files: path, id, seconds, arrays, environment.

    Example:
        ```python
        run = op.run("planted", **small)
        run.frame, run.summary["risk"], run.kept(0)
        ```
    """

    stored: StoredRun

    @property
    def study(self) -> str:
        """Name of the study."""
        return self.stored.study

    @property
    def config(self) -> Mapping[str, Any]:
        """Every field of the config."""
        return self.stored.config

    @property
    def status(self) -> str:
        """How the run ended."""
        return self.stored.status

    @property
    def summary(self) -> Mapping[str, Any]:
        """Scalars of the whole run."""
        return self.stored.summary

    @property
    def notes(self) -> Sequence[str]:
        """Sentences to read with the result."""
        return self.stored.notes

    @property
    def frame(self) -> "pl.DataFrame":
        """The records, a row each."""
        return self.stored.metrics

    @property
    def network(self) -> "Network":
        """The trained network, in the precision that JAX has where it is asked for.

        Raises:
            ConfigError: If the run kept none, or weights that are no network.
        """
        from ..networks.files.named import as_network

        return as_network(self.weights)

    @property
    def weights(self) -> "Network | NamedWeights":
        """The network, or the named weights of a file that holds none.

        Raises:
            ConfigError: If the run kept none.
        """
        if self.stored.network is None:
            run = self.stored
            raise ConfigError(no_network(run.path, run.status, run.error))
        from ..networks.files.serialise import weights_from_arrays

        return weights_from_arrays(*self.stored.network)

    @property
    def kept_steps(self) -> Sequence[int]:
        """Steps whose networks were kept."""
        return self.stored.kept_steps

    def kept(self, step: int) -> "Network":
        """The network of a kept step; 0 is the start.

        Raises:
            StoreError: If it was not kept.
        """
        from ..networks.files.serialise import from_arrays

        return from_arrays(*self.stored.kept(step))

    def to_pandas(self) -> "pd.DataFrame":
        """The records as a frame of pandas."""
        return to_pandas(self.frame)

    def analyse(self, name: str | None = None, /, **options: Any) -> "Findings":
        """Look at the network; the options are those of `overparam.analyse`."""
        from .front import analyse

        return analyse(self, name, **options)

    def plot(self, y: str, **options: Any) -> "Figure":
        """Draw a column of the records; the options are those of `Runs.plot`."""
        return Runs([self]).plot(y, **options)

    def __repr__(self) -> str:
        return f"Run({self.study}/{self.stored.path.name}, {self.status})"

    def _repr_html_(self) -> str:
        facts = {"status": self.status, "seconds": self.stored.seconds}
        title = f"{self.study}/{self.stored.path.name}"
        return notebook.values(title, facts | dict(self.summary))


class Runs(Sequence[Run]):
    """Stored runs, in an order.

    Example:
        ```python
        run = op.run("planted", **small)
        op.open("runs").where(study="planted").table
        ```
    """

    def __init__(self, runs: Iterable[Run]) -> None:
        self._runs = tuple(runs)

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> "Runs": ...
    def __getitem__(self, index: int | slice) -> "Run | Runs":
        chosen = self._runs[index]
        return chosen if isinstance(chosen, Run) else Runs(chosen)

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    def where(self, **values: Any) -> "Runs":
        """The runs that have these values, of config, summary, `study`, `status`, `id`.

        Args:
            values: By name; a list or a range holds alternatives, a tuple is one value.

        Raises:
            ConfigError: If no run has something of such a name.
        """
        wanted = {name: alternatives(value) for name, value in values.items()}
        fits = fitting([run.stored for run in self], wanted)
        return Runs(run for run, fit in zip(self, fits, strict=True) if fit)

    @property
    def frame(self) -> "pl.DataFrame":
        """The records of all runs, each beside the config of its run."""
        return gather(self._paths(), metrics="records").frame

    @property
    def table(self) -> "pl.DataFrame":
        """A row for each run: config, status, summary."""
        return gather(self._paths()).frame

    def to_pandas(self) -> "pd.DataFrame":
        """The records as a frame of pandas."""
        return to_pandas(self.frame)

    def plot(
        self,
        y: str,
        *,
        x: str = "step",
        by: str | Sequence[str] = (),
        log_x: bool = False,
        log_y: bool = False,
    ) -> "Figure":
        """Draw a column of the records: median and band over seeds.

        Runs that end at different places are drawn one by one.

        Args:
            y: Column of the vertical axis.
            x: Column of the horizontal axis.
            by: Columns whose values get a colour each.
            log_x: Whether the horizontal axis is logarithmic.
            log_y: Whether the vertical axis is logarithmic.

        Raises:
            ConfigError: If a column is missing or holds nothing to draw, or runs of one
                colour differ in more than their seeds.
        """
        from .drawing import draw_records

        gathered = gather(self._paths(), metrics="records")
        if gathered.frame.is_empty():
            raise ConfigError(f"There is nothing to draw in {self!r}.")
        columns: list[Any] = list(by) if isinstance(by, list | tuple) else [by]
        return draw_records(gathered, x=x, y=y, by=columns, log_x=log_x, log_y=log_y)[0]

    def analyse(self, name: str | None = None, /, **options: Any) -> "Findings":
        """Look at the networks; the options are those of `overparam.analyse`."""
        from .front import analyse

        return analyse(self, name, **options)

    def __repr__(self) -> str:
        kinds = Counter(f"{run.study} {run.status}" for run in self)
        told = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
        return f"Runs({told or 'none'})"

    def _repr_html_(self) -> str:
        table = self.table
        same = [n for n in table.columns if table[n].n_unique() < 2 and n != "id"]
        told = table if len(self) < 2 else table.drop(same)
        return notebook.values(repr(self), {}) + notebook.frame(told)

    def _paths(self) -> list[Path]:
        return [run.stored.path for run in self]


def alternatives(value: Any) -> list[Any]:
    """The values that are meant: a list or a range holds several, a tuple is one."""
    one = isinstance(value, str | bytes | tuple | Mapping)
    one = one or not isinstance(value, Iterable)
    one = one or getattr(value, "shape", None) == ()  # A number as an array.
    return [value] if one else list(value)
