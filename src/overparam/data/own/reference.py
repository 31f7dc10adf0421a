"""What names data in a config; standard library only, but for a path.

A name of the catalogue stands for files that are the same everywhere. Data of one's own
are named with the beginning of the digest of their content, so that another content is
another run.
"""

import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ...checks import one_of, written
from ...errors import ConfigError
from ..files.official import OFFICIAL, Official


if TYPE_CHECKING:
    from .description import Description


OWN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}@[0-9a-f]{12}")
"""A name and the beginning of a digest."""


def reference(text: str, *, built_in: Sequence[str] = tuple(OFFICIAL)) -> str:
    """The data that a text names, as a run stores it.

    Args:
        text: A name; `name@digest`; or a path, which has a `.` or a `/`, and whose data
            are kept under the name of the file.
        built_in: Names that stand for themselves.

    Raises:
        ConfigError: There are no data of that name.
        DataError: A file cannot be read or used.
    """
    if not isinstance(text, str):
        raise ConfigError(f"A data set has a name, or a path, got {written(text)}.")
    if text in built_in or OWN.fullmatch(text):
        return text
    from .description import described, own_names

    if is_path(text):
        from .adding import add_file

        return add_file(text).reference
    from .registered import DATASETS, kept_as

    if DATASETS.own(text) is not None:
        return kept_as(text)
    try:
        one_of([*built_in, *own_names(), *DATASETS.brought()], dataset=text)
    except ConfigError as error:
        raise ConfigError(
            f"{error} Add one of your own with `overparam data add NAME FILE`, or give "
            "the path of its file."
        ) from None
    return described(text).reference


def sizes_of(text: str) -> tuple[int, int] | None:
    """Training samples and numbers of an input; `None` of what is not at hand."""
    about = _about(text)
    return None if about is None else (about.n_train, math.prod(about.shape))


def shape_of(text: str) -> tuple[int, ...] | None:
    """Shape of one input; `None` of what is not at hand."""
    about = _about(text)
    return None if about is None else about.shape


def held_notes(text: str | None) -> list[str]:
    """What is to be said of data on which a network was trained elsewhere."""
    about = None if text is None else _about(text)
    if about is None or isinstance(about, Official) or not about.drawn:
        return []
    return [
        f"{about.drawn} Analyses look at the other {about.n_train}: if the network was "
        "trained on all of them, add the data with a copy of the file as the test "
        "part."
    ]


def _about(text: str) -> "Official | Description | None":
    if text in OFFICIAL:
        return OFFICIAL[text]
    from .description import described, is_kept

    name = text.partition("@")[0]
    if not is_kept(name) or described(name).reference != text:
        return None
    return described(name)


def check_samples(
    text: str, n_train: int | None, *, held_out: Callable[[int], int] | None = None
) -> None:
    """Refuse more training samples than there are, before anything is loaded.

    Args:
        text: Which data.
        n_train: The samples that are asked for; `None` asks for all.
        held_out: How many of the samples of a file validate, where some do.

    Raises:
        ConfigError: If the data are at hand and have fewer.
    """
    found = sizes_of(text)
    if found is None or n_train is None:
        return
    most = found[0] - (held_out(found[0]) if held_out else 0)
    if n_train > most:
        which = " that do not validate" if most < found[0] else ""
        raise ConfigError(
            f"`n_train` must be at most {most}, the training samples of {text}{which}; "
            f"got {n_train}."
        )


def check_classes(text: str, classes: Sequence[int]) -> None:
    """Refuse classes that data do not have, before anything is loaded.

    Args:
        text: Which data.
        classes: Numbers of the classes that are asked for; empty asks for all.

    Raises:
        ConfigError: If the data are at hand, and have fewer or numbers as targets.
    """
    about = _about(text)
    if about is None or not classes:
        return
    if isinstance(about, Official):
        n_classes = about.n_classes
    elif about.task == "regression":
        raise ConfigError(
            f"The targets of {text} are numbers, and `classes` need labels: add the "
            "data with `--task classification` if they are."
        )
    else:
        n_classes = about.n_outputs
    if max(classes) >= n_classes:
        raise ConfigError(
            f"`classes` must be of 0 to {n_classes - 1}, the classes of {text}; got "
            f"{max(classes)}."
        )


def is_own(text: str) -> bool:
    """Whether a reference is that of data of one's own."""
    return bool(OWN.fullmatch(text))


def is_path(text: str) -> bool:
    """Whether a text is a path rather than a name."""
    return "." in text or "/" in text
