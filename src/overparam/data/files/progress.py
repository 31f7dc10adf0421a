"""How far a download is, told on stderr."""

import sys
from collections.abc import Callable


Progress = Callable[[str, int, int], None]
"""Called with a file's name, its bytes so far and in all (0 where unknown)."""

MB = 1_000_000


def report_on_stderr() -> Progress:
    """A line that renews itself on a terminal, otherwise a plain line every 10 %."""
    shown = {}

    def report(name: str, done: int, total: int) -> None:
        whole = total or 100 * MB
        live = sys.stderr.isatty()
        part = done * (100 if live else 10) // whole
        if shown.get(name) == part:
            return
        shown[name] = part
        of_total = (
            f" of {total / MB:.1f} MB, {100 * done // total} %" if total else " MB"
        )
        line = f"downloading {name}: {done / MB:.1f}{of_total}"
        last = done == total
        end = "\n" if last or not live else ""
        print(f"\r{line}" if live else line, end=end, file=sys.stderr, flush=True)

    return report
