"""`overparam cite NAME`: BibTeX of a study's source and of overparam itself."""

from collections.abc import Sequence
from typing import Any

from ...citations import citations
from ...reproductions.registry import REPRODUCTIONS
from ...studies.registry import STUDIES, study
from ..arguments import take_name
from ..folding import folded


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject: none."""
    return {name: [] for name in ("overparam", *STUDIES, *REPRODUCTIONS)}


def main(argv: Sequence[str]) -> int:
    """Print citations."""
    if not argv or argv[0] in ("-h", "--help"):
        print(folded(f"usage: overparam cite NAME\n\nNames:\n{', '.join(forms())}"))
        return 0 if argv else 2
    name = take_name(argv, what="name to cite", choices=forms())
    cited = citations("overparam")
    if name in REPRODUCTIONS:
        name = REPRODUCTIONS[name].reproduction().study
    if name in STUDIES:
        cited += citations(study(name).citation)
    print("\n\n".join(cited))
    return 0
