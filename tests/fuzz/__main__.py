"""`make fuzz`: every fuzzer at full length; a line per finding, exit 1 if there is any.

The same numbers are tried in every run; `SEED` of the environment gives others, `TRIES`
the part of them.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any


sys.path.append(str(Path(__file__).parent))

import command_lines
import configs
import stores


FUZZERS: Mapping[str, tuple[Callable[[int, int], Iterator[Any]], int]] = {
    "configs": (configs.attack, 10_000),
    "command lines": (command_lines.attack, 1_000),
    "damaged stores": (stores.attack, 500),
}


def main() -> int:
    """Run all fuzzers."""
    seed, part = int(os.environ.get("SEED", "0")), float(os.environ.get("TRIES", "1"))
    total = 0
    for name, (attack, n) in FUZZERS.items():
        tries, found = max(1, round(part * n)), 0
        for finding in attack(tries, seed):
            found += 1
            print(f"{name}: {finding}", flush=True)
        print(f"{name}: {found} findings in {tries} tries (seed {seed}).", flush=True)
        total += found
    return int(total > 0)


if __name__ == "__main__":
    sys.exit(main())
