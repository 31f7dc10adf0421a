"""Stored runs as subjects of analyses, with what their studies say of them."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from ..analysis.subject import Contract, Subject
from ..catalogue import load
from ..errors import ConfigError
from ..store.read import StoredRun
from .registry import STUDIES, Study


def as_subject(run: StoredRun) -> Subject:
    """A stored run with the contract of its study; an unknown study has none."""
    entry = STUDIES.get(run.study)
    return Subject(run) if entry is None else Subject(run, contract(entry, run))


def contract(entry: Study, run: StoredRun) -> Contract:
    """What a study says of one of its runs; nothing is computed before it is asked."""

    def bound(reference: str, *, stored: bool) -> Any:
        given = (run.arrays,) if stored else ()
        return load(reference)(stored_config(entry, run.config), *given)

    # What is stored is not drawn again: a random number generator may change.
    references = {
        "data": (entry.data, True),
        "teacher": (entry.teacher, True),
        "objective": (entry.objective, False),
        "training": (entry.training, False),
        "limit": (entry.limit, True),
    }
    return Contract(
        **{
            name: partial(bound, reference, stored=stored)
            for name, (reference, stored) in references.items()
            if reference is not None
        }
    )


def stored_config(entry: Study, fields: Mapping[str, Any]) -> Any:
    """The config of a stored run, also of one that lacks the fields of later versions.

    Raises:
        ConfigError: If it has a field of another version, or a value that this one
            refuses.
    """
    try:
        return entry.config_class()(**{**entry.absent, **fields})
    except TypeError as error:
        raise ConfigError(
            f"The config of the run is of another version of overparam: {error}."
        ) from None
