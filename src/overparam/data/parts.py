"""Parts of a labelled data set that hold its classes as the whole does."""

from collections.abc import Sequence

import numpy as np

from ..errors import ConfigError
from .dataset import Dataset, Split
from .subset_rules import SubsetRule


MOST_DEVIATIONS = 6.0
"""Standard deviations by which a class count may differ from that of a random part; in
files without order one of 5e8 counts does."""


def take(split: Split, n: int, *, rule: SubsetRule = "auto", what: str) -> Split:
    """`n` samples.

    Args:
        split: Samples in file order.
        n: How many of them.
        rule: `first` of the file; `stratified`, as many of every class as it has of
            the whole, its first ones; or `auto`, the first where their classes are as
            in files without order, and else stratified.
        what: The samples in a sentence ("training").

    Raises:
        ConfigError: If there are fewer samples, if the part would hold one class only,
            or if `first` would cut a file that is sorted by class.
    """
    part = split.subset(n)
    if _is_cut(split, [part], rule, what):
        part = split.stratified(n)
    check_classes(part, what=what)
    return part


def hold_out(
    split: Split, n: int, *, rule: SubsetRule = "auto", what: str
) -> tuple[Split, Split]:
    """All samples but `n`, and those `n`: the last ones, in the file or of each class.

    Args and errors are those of `take`.
    """
    parts = split.hold_out(n)
    if _is_cut(split, parts, rule, what):
        parts = split.hold_out_stratified(n)
    for part in parts:
        check_classes(part, what=what)
    return parts


def classes_of(dataset: Dataset) -> int:
    """Number of classes of data whose targets are labels.

    Raises:
        ConfigError: They are numbers.
    """
    if dataset.n_classes is None:
        raise ConfigError(
            f"The targets of {dataset.name} are numbers, and classes are needed: add "
            "the data with `--task classification` if they are labels."
        )
    return dataset.n_classes


def check_classes(split: Split, *, what: str) -> None:
    """A part holds several classes, numbers, or nothing at all.

    Raises:
        ConfigError: If it holds one class.
    """
    if not split.has_classes:
        return
    if len(split) and len(np.unique(split.y)) < 2:
        raise ConfigError(
            f"`labels` must contain at least 2 classes in every part, got 1 in the "
            f"{len(split)} {what} samples; ask for more samples."
        )


def _is_cut(split: Split, parts: Sequence[Split], rule: SubsetRule, what: str) -> bool:
    """Whether parts in file order will not do, so that they must be stratified."""
    if not split.has_classes:
        if rule == "stratified":
            raise ConfigError(
                "`subsets=stratified` needs classes, and the targets are numbers."
            )
        return False
    if rule == "stratified":
        return True
    odd = [part for part in parts if not _is_like(part, split)]
    if odd and rule == "first":
        raise ConfigError(
            f"The {what} samples are sorted by class: {len(odd[0])} of {len(split)} in "
            f"file order hold {len(np.unique(odd[0].y))} of "
            f"{len(np.unique(split.y))} classes in other shares; use "
            "`subsets=stratified`."
        )
    return bool(odd)


def _is_like(part: Split, whole: Split) -> bool:
    """Whether the class counts of a part are those of a random part of its size."""
    n, total = len(part), len(whole)
    if n in (0, total):
        return True
    classes, counts = np.unique(whole.y, return_counts=True)
    if len(np.unique(part.y)) < min(2, len(classes)):
        return False
    found = np.searchsorted(np.sort(part.y), classes, side="right")
    found = np.diff(found, prepend=0)
    share = counts / total
    # The hypergeometric law of drawing without replacement.
    variance = n * share * (1 - share) * (total - n) / (total - 1)
    return bool(
        np.all(np.abs(found - n * share) <= MOST_DEVIATIONS * np.sqrt(variance))
    )
