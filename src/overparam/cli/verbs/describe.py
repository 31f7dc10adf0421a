"""`overparam describe STUDY`: facts of the problem, known before training."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import ConfigError
from ...studies.registry import STUDIES, load, study
from ..arguments import parse_all, take_name
from ..platform import prepare_jax, set_precision
from ..show import print_json, print_values


@dataclass(frozen=True, kw_only=True)
class Describing:
    """How to print."""

    json: bool = False
    """Print as JSON."""


def main(argv: Sequence[str]) -> int:
    """Describe a study's problem."""
    able = [name for name, entry in STUDIES.items() if entry.describe]
    if argv and argv[0] in ("-h", "--help"):
        print(f"usage: overparam describe {{{','.join(able)}}} [options of the study]")
        return 0
    name = take_name(argv, what="study", choices=list(STUDIES))
    reference = study(name).describe
    if reference is None:
        raise ConfigError(f"The study {name} has nothing to describe before a run.")
    kind = study(name).config_class()
    config, describing = parse_all(
        [kind, Describing],
        argv[1:],
        prog=f"overparam describe {name}",
        description=kind.__doc__ or "",
    )
    prepare_jax()
    set_precision(config)
    facts = load(reference)(config)
    print_json(facts) if describing.json else print_values(facts)
    return 0
