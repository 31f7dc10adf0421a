"""Data sets that code of one's own makes, by name."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ...by_name import Catalogue
from ...checks import written
from ...errors import ConfigError
from ..dataset import Dataset
from ..files.official import OFFICIAL
from .description import TAKEN, described, is_kept
from .kept import keep


DATASETS: Catalogue[Callable[[], Dataset]] = Catalogue(
    "dataset",
    "datasets",
    OFFICIAL,
    adopt="overparam.data.own.registered:adopt",
    reserved=TAKEN,
)
"""What is built in, and functions that make others."""

_MADE = "made by registered code"
"""In the place of the files that a kept data set comes from."""


def adopt(name: str, value: Any) -> Any:
    """A data set of one's own: a function without arguments that makes it.

    Raises:
        ConfigError: If it is none.
    """
    if not callable(value) or isinstance(value, type):
        raise ConfigError(
            f"The dataset `{name}` must be a function without arguments, got "
            f"{written(value)}."
        )
    return value


def kept_as(name: str) -> str:
    """The reference of a registered data set, which is made and kept under its name.

    Raises:
        ConfigError: If there are other data of that name, or the code makes none.
    """
    if is_kept(name) and described(name).files != (_MADE,):
        raise ConfigError(
            f"There are kept data `{name}` beside registered ones: remove the first "
            f"by `overparam data remove {name}`, or register under another name."
        )
    made = DATASETS[name]()
    if not isinstance(made, Dataset):
        raise ConfigError(
            f"The dataset `{name}` must make what `overparam.dataset` gives, got "
            f"{written(made)}."
        )
    return keep(replace(made, name=name), files=(_MADE,), force=True).reference
