"""What is said of an error that nobody foresaw: one sentence, and where the rest is.

Only the standard library is imported here.
"""

import os
import tempfile
import traceback

from .checks import shortened


PREFIX = "overparam_with_"
"""Before the name of a file of one's own: the name of its module, which is that of no
other."""


def last_words(error: BaseException) -> tuple[str, str]:
    """A sentence about an error that names the file its traceback was written to.

    Where it came through a file of one's own, the innermost line of it is named. Where
    no file can be written, the traceback is the second of the two.
    """
    what, ask = "Something unforeseen happened", "please report it with its traceback"
    for frame, line in traceback.walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__")).startswith(PREFIX):
            what = f"`{frame.f_code.co_filename}` failed in line {line}"
            ask = "see the traceback"
    what = f"{what} ({brief(error)})"
    text = "".join(traceback.format_exception(error))
    try:
        number, path = tempfile.mkstemp(prefix="overparam-", suffix=".txt")
        with os.fdopen(number, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError:
        return f"{what}; {ask}, which follows.", text
    return f"{what}; {ask} in `{path}`.", ""


def brief(error: BaseException) -> str:
    """An error in one line of one sentence: some libraries write a page."""
    first = str(error).strip().partition("\n")[0].partition(". ")[0]
    name = type(error).__name__
    return f"{name}: {shortened(first)}".removesuffix(": ").removesuffix(".")
