"""`overparam verify FILE`: check a stored proof, independently of what wrote it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from ...checker import verify
from ..arguments import parse
from ..show import print_json, print_values


@dataclass(frozen=True, kw_only=True)
class Verifying:
    """Check a proof that `overparam analyse RUN certificate --proof FILE` wrote.

    Every bound of it is recomputed; the smallest objective that any network can have is
    printed, to be held against the objective of one.

    Examples:
      overparam verify proof.npz
      overparam verify proof.npz --json
    """

    file: tyro.conf.Positional[Path]
    """The stored proof."""
    json: bool = False
    """Print as JSON."""


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb."""
    return {"": [Verifying]}


def main(argv: Sequence[str]) -> int:
    """Check one file."""
    options = parse(Verifying, argv, prog="overparam verify")
    start = time.perf_counter()
    found = verify(options.file)
    said = {
        "networks": "with a skip connection" if found.skip else "plain",
        "no network is below": found.lower,
        "bound of the multiplier over the penalty": found.size / found.penalty,
        "penalty": found.penalty,
        "samples": found.n_samples,
        "dimension": found.dimension,
        "leaves": found.n_leaves,
        "seconds": time.perf_counter() - start,
    }
    print_json(said) if options.json else print_values(said)
    return 0
