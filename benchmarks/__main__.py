"""Every benchmark in a process of its own, one after the other, then one table.

    python benchmarks                        # hours, on an idle machine
    python benchmarks --only recovery sweep
    python benchmarks --table                # only gathers what the pages say

Each benchmark writes its page of `docs/benchmarks`. The table of all targets is
`docs/benchmarks/targets.md`. One that fails is told, and the rest goes on.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from targets import PAGE, gathered


HERE = Path(__file__).parent
BENCHMARKS = {
    file.stem: file
    for file in sorted(HERE.glob("*.py"))
    if file.name != "__main__.py" and 'if __name__ == "__main__"' in file.read_text()
}


def main() -> int:
    """Run, gather, and tell by the exit code whether all benchmarks ran."""
    parser = argparse.ArgumentParser(
        prog="python benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = {"nargs": "+", "choices": list(BENCHMARKS), "default": list(BENCHMARKS)}
    parser.add_argument("--only", metavar="NAME", help="these benchmarks", **names)
    parser.add_argument("--table", action="store_true", help="run none")
    arguments = parser.parse_args()
    failed = []
    for name in [] if arguments.table else dict.fromkeys(arguments.only):
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, BENCHMARKS[name]], check=False).returncode:
            failed.append(name)
    PAGE.write_text(gathered())
    print(gathered(), end="")
    if failed:
        print(f"Failed: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
