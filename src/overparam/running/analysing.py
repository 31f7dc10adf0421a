"""An analysis of runs, or of any network, from its options to stored findings."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..analysis.catalogue import ANALYSES, analysis
from ..analysis.declaration import Findings
from ..by_name import load
from ..errors import ConfigError, StoreError
from ..store.identity import id_of
from ..store.json_values import plain
from ..store.read import StoredRun
from ..studies.registry import STUDIES
from .keeping import keep_answer
from .precision import precision
from .runs import Run


if TYPE_CHECKING:
    import polars as pl

    from ..analysis.subject import Subject
    from ..data.dataset import Dataset
    from ..data.train_test import TrainTest
    from ..networks.files.named import NamedWeights
    from ..networks.network import Network


def analyse_runs(
    name: str,
    stored: Sequence[StoredRun],
    options: Any,
    progress: Callable[..., None],
) -> Findings:
    """What an analysis finds in stored runs.

    Args:
        name: Of the analysis.
        stored: The runs, each once.
        options: Of the analysis' own class.
        progress: Told how far it is.

    Raises:
        ConfigError: If the runs are too few or too many, or the analysis refuses them.
    """
    findings = analyse_subjects(name, subjects_of(stored), options, progress)
    studies = {run.study for run in stored}
    entry = STUDIES.get(studies.pop()) if len(studies) == 1 else None
    if entry is None or name not in entry.published_tables:
        return findings
    (first, *_) = findings.tables.values()
    # The table that a published script writes of such runs.
    reference = load(entry.published_tables[name])(stored, first)
    return replace(findings, tables={**findings.tables, "reference": reference})


def subjects_of(stored: Sequence[StoredRun]) -> "list[Subject]":
    """Stored runs as an analysis looks at them.

    Raises:
        ConfigError: If one of them is there twice.
    """
    from ..studies.contract import as_subject

    times = Counter(run.path.resolve() for run in stored)
    for path, number in times.items():
        if number > 1:
            raise ConfigError(f"The run `{path.name}` is named {number} times.")
    return [as_subject(run) for run in stored]


def refusals(subjects: "Sequence[Subject]") -> dict[str, str | None]:
    """Why each analysis does not apply to these subjects; `None` where it does."""
    with precision(*(subject.run.config for subject in subjects)):
        return {name: entry.refusal(subjects) for name, entry in ANALYSES.items()}


def listing(refused: Mapping[str, str | None]) -> "pl.DataFrame":
    """The same as a table: a row for each analysis."""
    import polars as pl

    rows = [
        (name, "no" if why else "yes", why or ANALYSES[name].question)
        for name, why in refused.items()
    ]
    columns = ["analysis", "applies", "question, or why not"]
    return pl.DataFrame(rows, dict.fromkeys(columns, pl.String), orient="row")


def analyse_subjects(
    name: str,
    subjects: "Sequence[Subject]",
    options: Any,
    progress: Callable[..., None],
) -> Findings:
    """The same of subjects, which need not be stored."""
    entry, options = analysis(name), _settled(options)
    number, most = len(subjects), entry.most_subjects
    if number < entry.least_subjects or (most is not None and number > most):
        wanted = f"at least {entry.least_subjects}"
        if most is not None:
            least = entry.least_subjects
            wanted = str(most) if least == most else f"{least} to {most}"
        runs = "run" if wanted in ("1", "at least 1") else "runs"
        named = "RUN " * entry.least_subjects
        raise ConfigError(
            f"`{name}` takes {wanted} {runs}, got {number}: write `overparam analyse "
            f"{named}{name}`, where RUN is the folder of a run or the beginning of its "
            "id; in Python networks may be among them, in a list."
        )
    shared = Counter(subject.name for subject in subjects)
    numbers: Counter[str] = Counter()
    told_apart = []
    for subject in subjects:
        called = subject.name
        # Ids of two folders may be equal.
        if shared[called] > 1:
            numbers[called] += 1
            subject = replace(subject, called=f"{called} ({numbers[called]})")
        told_apart.append(subject)
    with precision(*(subject.run.config for subject in subjects)):
        # Of several runs those that cannot be looked at are left out by the analysis.
        for subject in told_apart if number == entry.least_subjects else ():
            entry.check()(subject, options)
        return entry.analyse()(told_apart, options, progress)


def keep_findings(
    findings: Findings,
    name: str,
    stored: Sequence[StoredRun],
    options: Any,
    root: Path,
) -> Path:
    """Store findings in a folder of their own question; the folder."""
    question = {
        "analysis": name,
        "options": plain(_settled(options)),
        "runs": [run.reference for run in stored],
    }
    if (origin := ANALYSES.origin(name)) is not None:
        question["plugins"] = [plain(origin)]
    # A folder for one question: the runs as a person reads them, and a digest.
    names = [run.path.name for run in stored]
    told = "-".join(names) if len(names) <= 3 else f"{names[0]}-and-{len(names) - 1}"
    folder = root / "analyses" / name / f"{told}-{id_of('analysis', question)}"
    said = {"summary": findings.summary, "notes": list(findings.notes)}
    facts = {**question, **said}
    keep_answer(folder / "analysis.json", facts, findings.tables, findings.figures)
    return folder


def as_subject(
    network: "Run | Network | NamedWeights",
    data: "Dataset | TrainTest | None" = None,
    start: "Network | NamedWeights | None" = None,
) -> "Subject":
    """A run, or any network, as an analysis looks at it.

    Args:
        network: A run with what its study says of it, or a network alone.
        data: What to score with, inputs as the network takes them, in the place of a
            run's own; what it was trained to minimise was on those, and is left out.
        start: A network alone before training; a run has its own.

    Raises:
        ConfigError: If `network` or `data` cannot be looked at, or `start` is of a
            run, or has other weights.
    """
    from ..analysis.subject import Subject, Unstored
    from ..data.train_test import TrainTest, batch_of, check_given
    from ..networks.files.named import NamedWeights
    from ..networks.layers import check_start, parameters
    from ..networks.network import Network
    from ..studies.contract import as_subject

    if isinstance(network, Run):
        if start is not None:
            raise ConfigError("`start` is for a network alone: a run keeps its own.")
        subject = as_subject(network.stored)
    elif not isinstance(network, Network | NamedWeights):
        raise ConfigError(
            "What is analysed must be a run, a network, or several in a list, got an "
            f"object of type {type(network).__name__}: `overparam.open(FOLDER)` gives "
            "stored runs, `overparam.load_network(FILE)` a network of "
            "weights, `overparam.wrap(MODULE)` one of an equinox module with features."
        )
    else:
        # Its weights would be rounded in a narrower precision.
        dtypes = {str(array.dtype) for array in parameters(network).values()}
        if not dtypes:
            raise ConfigError(
                f"The {type(network).__name__} has no weights of a floating type: give "
                "them as float32 or float64."
            )
        if complex_ := sorted(each for each in dtypes if each.startswith("complex")):
            raise ConfigError(
                f"The {type(network).__name__} has weights of the type {complex_[0]}: "
                "give real ones."
            )
        if isinstance(network, Network) and network.readout.ndim != 2:
            raise ConfigError(
                f"The readout of the {type(network).__name__} has the shape "
                f"{network.readout.shape}, as of several networks in one: give them "
                "one by one, in a list."
            )
        precision = {"precision": max(dtypes)}
        if start is not None:
            if not isinstance(start, Network | NamedWeights):
                raise ConfigError(
                    "`start` must be a network, got an object of type "
                    f"{type(start).__name__}: `overparam.load_network(FILE)` gives "
                    "that of a file."
                )
            check_start(start, network)
        subject = Subject(Unstored(network, config=precision, start=start))
    if data is None:
        return subject
    check_given(data)

    def given() -> TrainTest:
        dtype = subject.network.readout.dtype
        test = None if data.test is None else batch_of(data.test, dtype)
        return TrainTest(batch_of(data.train, dtype), test, n_classes=data.n_classes)

    contract = replace(subject.contract, data=given)
    return replace(subject, contract=contract, has_other_data=True)


def _settled(options: Any) -> Any:
    """The options with the data that they name told by content."""
    named = getattr(options, "dataset", None)
    if named is None:
        return options
    from ..analysis.subject import settled_data

    return replace(options, dataset=settled_data(named))


def other_data(stored: Sequence[StoredRun]) -> list[str]:
    """What to say of data that are no longer those of a run: an analysis reads them."""
    from ..data.files.fingerprint import fingerprint_at_hand

    notes = []
    for run in stored:
        for name in {file.partition("/")[0] for file in run.data}:
            try:
                run.check_data(fingerprint_at_hand(name))
            except StoreError as error:
                notes.append(str(error))
    return notes
