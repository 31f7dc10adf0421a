"""Which samples a part of a data set takes; standard library only, for configs."""

from typing import Literal

from .own.reference import is_own


SubsetRule = Literal["auto", "first", "stratified"]

SORTED_BY_CLASS = ("ecg5000",)
"""Data sets whose files hold one class after the other."""


def sorted_by_class(dataset: str) -> bool | None:
    """Whether files hold one class after the other; `None` of data of one's own."""
    return None if is_own(dataset) else dataset in SORTED_BY_CLASS


def resolved_rule(
    rule: SubsetRule, *, is_sorted: bool | None, takes_some: bool
) -> SubsetRule:
    """The rule as a config stores it: one name for every choice of samples.

    Args:
        rule: As given.
        is_sorted: Whether the files are sorted by class: then `auto` means
            `stratified`, and else `first` is what `auto` does. Where that is not
            known (`None`) the rule stays.
        takes_some: Whether less than everything is taken, so that a rule matters.
    """
    if not takes_some:
        return "auto"
    if is_sorted is None:
        return rule
    if is_sorted:
        return "stratified" if rule == "auto" else rule
    return "auto" if rule == "first" else rule
