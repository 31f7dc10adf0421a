"""What is said of an error that nobody foresaw: one sentence, and where the rest is.

Only the standard library is imported here.
"""

import os
import tempfile
import traceback

from .checks import shortened


def last_words(error: BaseException) -> tuple[str, str]:
    """A sentence about an error that names the file its traceback was written to.

    Where no file can be written, the traceback is the second of the two.
    """
    what = f"Something unforeseen happened ({brief(error)})"
    text = "".join(traceback.format_exception(error))
    try:
        number, path = tempfile.mkstemp(prefix="overparam-", suffix=".txt")
        with os.fdopen(number, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError:
        return f"{what}; its traceback follows, please report it.", text
    return f"{what}; please report it with its traceback in `{path}`.", ""


def brief(error: BaseException) -> str:
    """An error in one line of one sentence: some libraries write a page."""
    first = str(error).strip().partition("\n")[0].partition(". ")[0]
    name = type(error).__name__
    return f"{name}: {shortened(first)}".removesuffix(": ").removesuffix(".")
