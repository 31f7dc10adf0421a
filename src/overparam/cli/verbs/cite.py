"""`overparam cite NAME`: BibTeX of a study's source and of overparam itself."""

import shutil
import textwrap
from collections.abc import Sequence
from typing import Any

from ...citations import citations
from ...reproductions.registry import REPRODUCTIONS
from ...studies.registry import STUDIES, study
from ..arguments import take_name


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject: none."""
    return {name: [] for name in ("overparam", *STUDIES, *REPRODUCTIONS)}


def main(argv: Sequence[str]) -> int:
    """Print citations."""
    if not argv or argv[0] in ("-h", "--help"):
        names = textwrap.fill(
            ", ".join(forms()),
            shutil.get_terminal_size().columns,
            break_on_hyphens=False,
        )
        print(f"usage: overparam cite NAME\n\nNames:\n{names}")
        return 0 if argv else 2
    name = take_name(argv, what="name to cite", choices=forms())
    cited = citations("overparam")
    if name in REPRODUCTIONS:
        name = REPRODUCTIONS[name].reproduction().study
    if name in STUDIES:
        cited += citations(study(name).citation)
    print("\n\n".join(cited))
    return 0
