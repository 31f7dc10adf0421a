"""Which samples a part of a data set takes; standard library only, for configs."""

from typing import Literal


SubsetRule = Literal["auto", "first", "stratified"]

SORTED_BY_CLASS = ("ecg5000",)
"""Data sets whose files hold one class after the other."""


def resolved_rule(rule: SubsetRule, *, is_sorted: bool, takes_some: bool) -> SubsetRule:
    """The rule as a config stores it: one name for every choice of samples.

    Args:
        rule: As given.
        is_sorted: Whether the files are sorted by class: then `auto` means
            `stratified`, and else `first` is what `auto` does.
        takes_some: Whether less than everything is taken, so that a rule matters.
    """
    if not takes_some:
        return "auto"
    if is_sorted:
        return "stratified" if rule == "auto" else rule
    return "auto" if rule == "first" else rule
