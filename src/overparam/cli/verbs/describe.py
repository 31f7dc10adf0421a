"""`overparam describe STUDY`: facts of the problem, known before training."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from ...processes import keep_compiled
from ...running.precision import precision
from ...studies.registry import STUDIES, study
from ..arguments import overview
from ..show import print_json, print_values
from .run import forms, parse_run


__all__ = ["Describing", "forms", "main"]


@dataclass(frozen=True, kw_only=True)
class Describing:
    """How to print."""

    json: bool = False
    """Print as JSON."""


def main(argv: Sequence[str]) -> int:
    """Describe a study's problem."""
    if not argv or argv[0] in ("-h", "--help"):
        print(
            overview(
                "describe STUDY [options of `overparam run STUDY`]",
                {name: entry.question for name, entry in STUDIES.items()},
                examples=["describe planted --width 240"],
            )
        )
        return 0 if argv else 2
    # The command line of `run`, so that a verb is all there is to change.
    name, (config, running, *_) = parse_run("describe", argv)
    keep_compiled()
    with precision(dataclasses.asdict(config)):
        facts = study(name).function("describe")(config)
    print_json(facts) if running.json else print_values(facts)
    return 0
