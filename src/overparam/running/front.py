"""Run, sweep and open from Python; the command line does the same."""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..analysis.catalogue import analysis
from ..analysis.declaration import Findings
from ..checks import counts, path_of
from ..errors import ConfigError, OverparamError
from ..field_values import field_name, field_value
from ..networks.files.named import NamedWeights
from ..networks.network import Network
from ..processes import noting_interrupts
from ..progress import Reporter
from ..reproductions.registry import reproduction
from ..spellings import as_spelled, first_spellings
from ..store.find import is_there, runs_folder
from ..store.read import read_run, read_runs
from ..store.run import attempts
from ..studies.registry import study as study_called
from ..sweeping.grid import by_field, product
from ..sweeping.jobs import SweepResult
from .analysing import (
    analyse_runs,
    analyse_subjects,
    as_subject,
    keep_findings,
    listing,
    other_data,
    refusals,
    subjects_of,
)
from .execute import execute
from .grid import jobs_of, run_jobs
from .importing import keep_networks
from .reproducing import Reproduced, answer
from .runs import Run, Runs, alternatives


if TYPE_CHECKING:
    from ..data.dataset import Dataset
    from ..data.train_test import TrainTest
    from ..reproductions.reproduction import Scale


def run(
    study: str,
    /,
    *,
    runs: Path | str | None = None,
    force: bool = False,
    progress: bool = True,
    **fields: Any,
) -> Run:
    """Run a study and store the outcome, or find it where it is stored.

    A run that was cut off goes on where it was.

    Args:
        study: Name of the study.
        runs: Folder of all runs; that of OVERPARAM_RUNS, or `runs`, if `None`.
        force: Run again into a new attempt if the outcome is stored already.
        progress: Whether to show how far it is.
        fields: Fields of the study's config.

    Raises:
        ConfigError: If there is no such study or field, or a value is not valid.
        OverparamError: Whatever the study raised; it is stored with the run.

    Example:
        ```python
        run = op.run("planted", **small)
        run.frame, run.network
        ```
    """
    with noting_interrupts() as stop:
        declared = study_called(study)
        kind = declared.config_class()
        for name in fields:
            field_name(kind, name)  # Refuses what is no field.
        fields = as_spelled(fields, first_spellings(kind))
        config = kind(**fields)
        with Reporter(study, unit=declared.unit(config), shown=progress) as reporter:
            done = execute(
                study,
                config,
                _root(runs),
                force=force,
                progress=reporter,
                stop_requested=stop,
            )
    return Run(read_run(done.path))


def sweep(
    study: str,
    /,
    *,
    runs: Path | str | None = None,
    jobs: int | None = None,
    threads: int | None = None,
    cluster: str | None = None,
    progress: bool = True,
    **values: Any,
) -> Runs:
    """Run every combination of values; what is stored is not run again.

    Args:
        study: Name of the study.
        runs: Folder of all runs; that of OVERPARAM_RUNS, or `runs`, if `None`.
        jobs: Number of processes (1), or of runs at a time on a cluster (all it has).
        threads: Threads of each process; their share of the cores if `None`.
        cluster: Run on a cluster instead: `dask:ADDRESS` or `slurm`.
        progress: Whether to show how far it is.
        values: Of the fields of the study's config: a list, a range or an array holds
            several, a tuple is one value.

    Returns:
        The runs in the order of the grid, whose last field varies fastest. Of those
        that failed a warning tells.

    Raises:
        ConfigError: If a config is not valid; nothing has been run.

    Example:
        ```python
        runs = op.sweep("planted", **small | {"width": [8, 9]})
        assert len(runs) == 2
        ```
    """
    _check_given(jobs=jobs, threads=threads)
    with noting_interrupts() as stop:
        given = {name: alternatives(value) for name, value in values.items()}
        axes = by_field(given, study_called(study).config_class())
        for name, axis in axes.items():
            if not axis:
                raise ConfigError(f"`{name}` has no value; give some, such as [1, 2].")
        made = jobs_of(study, product(axes), _root(runs))
        with Reporter(study, unit="run", shown=progress) as reporter:
            result = run_jobs(
                made,
                n_jobs=jobs,
                n_threads=threads,
                cluster=cluster,
                reporter=reporter,
                stop_requested=stop,
            )
    if result.failures:
        warnings.warn(_failed(result), stacklevel=2)
    stored = (path for job in made for path in attempts(job.path)[-1:])
    ended = [path for path in stored if is_there(path / "status.json")]
    return Runs(Run(read_run(path)) for path in ended)


def open(runs: Path | str | None = None, /) -> Runs:
    """The stored runs of a folder, of each the latest attempt.

    Args:
        runs: Folder of all runs; that of OVERPARAM_RUNS, or `runs`, if `None`.

    Raises:
        StoreError: If there is no such folder.

    Example:
        ```python
        run = op.run("planted", **small)
        op.open("runs").where(study="planted", width=8)[0].network
        ```
    """
    found, left_out = read_runs(_root(runs), attempts="latest")
    if left_out:
        warnings.warn(
            f"{len(left_out)} runs are left out, the first of them: "
            f"{left_out[0].reason}",
            stacklevel=2,
        )
    return Runs(map(Run, found))


def analyse(
    subject: "Run | Network | NamedWeights | Iterable[Run | Network | NamedWeights]",
    name: str | None = None,
    /,
    *,
    data: "Dataset | TrainTest | None" = None,
    start: "Network | NamedWeights | None" = None,
    store: bool = True,
    progress: bool = True,
    **options: Any,
) -> Findings:
    """Look at a network: of a stored run, or any other.

    Args:
        subject: A run, a network or named weights; several where the analysis takes
            several.
        name: Name of the analysis; `None` lists which apply, and why the others do
            not.
        data: What to score with instead of the run's own data.
        start: The network before training, for one that no run stored: `lazy` and
            `compare` hold it against its start.
        store: Whether findings in stored runs are kept beside them, in a folder of
            their question, and networks among them as runs; where `data` is given they
            are not.
        progress: Whether to show how far it is.
        options: Of the analysis, as on the command line.

    Raises:
        ConfigError: If there is no such analysis or option, or it refuses the network.

    Example:
        ```python
        found = op.analyse(network, "prune")
        found.summary, found.tables["pruning"]
        ```
    """
    one = isinstance(subject, Run | Network | NamedWeights | str | Mapping)
    alone = one or not isinstance(subject, Iterable)
    subjects: list[Any] = [subject] if alone else list(cast("Iterable[Any]", subject))
    if not subjects:
        raise ConfigError("There is no run or network to analyse: the list is empty.")
    if start is not None and len(subjects) > 1:
        raise ConfigError(
            f"`start` is of one network, got {len(subjects)} of them: analyse each "
            "alone."
        )
    stored = [each.stored for each in subjects if isinstance(each, Run)]
    if name is None:
        if options:
            listed = ", ".join(f"`{option}`" for option in options)
            raise ConfigError(f"Name the analysis that takes {listed}.")
        subjects_of(stored)  # Refuses a run that is named twice.
        refused = refusals([as_subject(each, data, start) for each in subjects])
        return Findings(tables={"analyses": listing(refused)})
    asked = analysis(name)
    kind = asked.options
    chosen = kind(**named_options(kind, options))
    with Reporter(name, unit=asked.unit, shown=progress) as reporter:
        if data is not None or start is not None or len(stored) < len(subjects):
            given = [as_subject(each, data, start) for each in subjects]
            return analyse_subjects(name, given, chosen, reporter)
        findings = analyse_runs(name, stored, chosen, reporter)
    notes = [*other_data(stored), *findings.notes]
    findings = replace(findings, notes=notes)
    if store:
        root = stored[0].path.parents[1]
        keep_findings(findings, name, stored, chosen, root)
        keep_networks(findings.networks, stored[0], root)
    return findings


def reproduce(
    name: str,
    /,
    *,
    scale: "Scale" = "laptop",
    runs: Path | str | None = None,
    jobs: int | None = None,
    cluster: str | None = None,
    progress: bool = True,
) -> Reproduced:
    """Run the grid of a published figure, draw it, and check its claims.

    Args:
        name: Name of the reproduction.
        scale: `smoke` takes seconds, `laptop` up to half an hour or so on two cores,
            `paper` has the published sizes.
        runs: Folder of all runs; that of OVERPARAM_RUNS, or `runs`, if `None`.
        jobs: Number of processes (1), or of runs at a time on a cluster (all it has).
        cluster: Run on a cluster instead: `dask:ADDRESS` or `slurm`.
        progress: Whether to show how far it is.

    Raises:
        ConfigError: If there is no such reproduction or scale.
        OverparamError: If runs failed.

    Example:
        ```python
        made = op.reproduce("recovery-noise", scale="smoke")
        made.claims[0].sentence, made.claims[0].measured
        ```
    """
    from ..reproductions.reproduction import SCALES

    wanted, root = reproduction(name), _root(runs)
    if scale not in SCALES:
        listed = ", ".join(SCALES)
        raise ConfigError(f"`scale` must be one of {listed}, got {scale!r}.")
    _check_given(jobs=jobs)
    reporting = Reporter(name, unit="run", shown=progress)
    with noting_interrupts() as stop, reporting as reporter:
        made = jobs_of(wanted.study, wanted.grid(scale), root)
        result = run_jobs(
            made, n_jobs=jobs, cluster=cluster, reporter=reporter, stop_requested=stop
        )
    if result.failures:
        raise OverparamError(_failed(result))
    return answer(name, wanted, scale=scale, jobs=made, root=root)


def _root(runs: Path | str | None) -> Path:
    return runs_folder() if runs is None else path_of(runs, name="runs")


def _check_given(**numbers: int | None) -> None:
    counts(**{name: n for name, n in numbers.items() if n is not None})


def named_options(kind: type[Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a class from keywords, each as its field takes it."""
    return {name: field_value(kind, name, value) for name, value in options.items()}


def _failed(result: SweepResult) -> str:
    first = result.failures[0]
    return (
        f"{len(result.failures)} of {result.state.total} runs failed, the first of "
        f"them (`{first.job.path}`): {first.sentence}"
    )
