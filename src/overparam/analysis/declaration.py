"""What an analysis declares beside its code; the standard library only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..by_name import load
from ..checks import written
from ..errors import ConfigError, OverparamError
from ..field_values import check_kinds
from ..last_resort import last_words
from ..progress import counted


if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

    from ..networks.network import Network


@dataclass(frozen=True, kw_only=True, repr=False)
class Findings:
    """What an analysis found.

    Example:
        ```python
        import polars as pl

        found = op.Findings(tables={"norms": pl.DataFrame({"norm": [1.0, 2.0]})})
        ```
    """

    tables: "Mapping[str, pl.DataFrame]"
    """Tables by name; the first one is printed."""
    figures: "Mapping[str, Figure]" = field(default_factory=dict)
    """Figures by name."""
    summary: Mapping[str, Any] = field(default_factory=dict)
    """Scalars worth reading first."""
    notes: Sequence[str] = ()
    """Sentences to read with them."""
    networks: "Mapping[str, Network]" = field(default_factory=dict)
    """Networks that it made, by name; they are stored as runs of their own."""

    def __repr__(self) -> str:
        from ..report.notebook import MOST_ROWS
        from ..report.values import shown

        tables, figures = ", ".join(self.tables), ", ".join(self.figures)
        lines = [f"  {name}: {shown(value)}" for name, value in self.summary.items()]
        if self.tables and not self.summary:
            # It is all there is to read; of others it would hide the summary.
            (first, *_) = self.tables.values()
            rows = [first.columns, *first.head(MOST_ROWS).rows()]
            texts = [[shown(value) for value in row] for row in rows]
            widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
            for row in texts:
                cells = map(str.ljust, row, widths)
                lines.append(("  " + "  ".join(cells)).rstrip())
            if (more := first.height - MOST_ROWS) > 0:
                lines.append(f"  ... and {counted(more, 'more row')}")
        lines += [f"  note: {note}" for note in self.notes]
        kept = f"tables: {tables}; figures: {figures or 'none'}"
        return "\n".join([f"Findings({kept})", *lines])

    def _repr_html_(self) -> str:
        from ..report import notebook

        first = [*self.tables.values()][:1]
        return notebook.joined(
            notebook.values("", self.summary),
            *map(notebook.frame, first),
            *map(notebook.image, self.figures.values()),
            *(notebook.tag("p", note) for note in self.notes),
        )


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """One question to any network: where its code is, and what is said of it.

    The module `code` holds `analyse(subjects, options, progress) -> Findings` and
    `check(subject, options)`, which refuses in one sentence what it cannot look at,
    before any long work.

    Example:
        ```python
        @dataclass(frozen=True)
        class Options:
            layer: str = "weights"

        question = "How large is a weight?"
        op.Analysis(name="largest", question=question, options=Options, code="mine")
        ```
    """

    name: str
    """As on the command line."""
    question: str
    """The question in one line."""
    options: type[Any]
    """The class of its options."""
    code: str
    """The module of its code."""
    most_subjects: int | None = 1
    """How many runs it takes at most; `None` takes any number."""
    least_subjects: int = 1
    """How many runs it needs."""
    unit: str = "part"
    """What its progress counts."""

    def analyse(self) -> Callable[..., Findings]:
        """The function `analyse(subjects, options, progress)`."""
        return load(f"{self.code}:analyse")

    def refusal(self, subjects: Sequence[Any], options: Any = None) -> str | None:
        """Why the analysis does not apply to these subjects; `None` if it does."""
        if len(subjects) < self.least_subjects:
            return f"It takes at least {self.least_subjects} runs."
        if self.most_subjects is not None and len(subjects) > self.most_subjects:
            return f"It takes at most {self.most_subjects} run."
        try:
            for subject in subjects:
                self.check()(subject, options or self.options())
        except OverparamError as error:
            return str(error)
        except Exception as error:  # What other analyses say is told all the same.
            return last_words(error)[0]
        return None

    def check(self) -> Callable[..., None]:
        """The function `check(subject, options)`."""
        return load(f"{self.code}:check")


def adopt(name: str, value: Any) -> Analysis:
    """An analysis of one's own.

    Raises:
        ConfigError: If it is none, or its options are none of the command line.
    """
    if not isinstance(value, Analysis):
        message = f"The analysis `{name}` must be an `Analysis`, got {written(value)}."
        raise ConfigError(message)
    if value.name != name:
        raise ConfigError(
            f"The analysis `{name}` calls itself {written(value.name)}: give it one "
            "name."
        )
    check_kinds(value.options)
    return value
