"""Stored runs as subjects of analyses, with what their studies say of them."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from ..analysis.contract import Contract
from ..analysis.subject import Subject
from ..errors import ConfigError
from ..store.read import StoredRun
from .registry import Study, declared


def as_subject(run: StoredRun) -> Subject:
    """A stored run with the contract of its study; an unknown study has none."""
    entry = declared(run.study)
    return Subject(run) if entry is None else Subject(run, contract(entry, run))


def contract(entry: Study, run: StoredRun) -> Contract:
    """What a study says of one of its runs; nothing is computed before it is asked."""

    def bound(name: str) -> Any:
        # What is stored is not drawn again: a random number generator may change.
        given = () if name in ("objective", "training") else (run.arrays,)
        return entry.function(name)(stored_config(entry, run.config), *given)

    return Contract(**{name: partial(bound, name) for name in entry.gives})


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
