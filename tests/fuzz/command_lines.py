"""Random command lines: each ends with an answer, or with one sentence and a code.

`attack(n, seed)` tries `n` lines of a seeded generator in this process, in an empty
folder of its own with one small stored run, and yields what did not end so. Nothing is
trained: `run`, `sweep` and `reproduce` stop where they would begin to.
"""

import contextlib
import io
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from overparam.cli.main import VERBS, run_command
from overparam.cli.verbs.completion import completed
from overparam.errors import ConfigError
from overparam.field_values import field_names
from overparam.studies.registry import STUDIES


# Calls of Python functions after which a line counts as hanging: describing the
# smallest problems takes some millions.
MOST_CALLS = 100_000_000
# One line in so many gets a process of its own, with an odd environment.
PROCESS_EVERY = 200

SMALLEST = {
    "planted": "--input-dim 6 --width 4 --teacher-width 2 --n-outputs 2",
    "features": "--width 5 --n-train 140",
    "heavy-tails": "--width 4 --n-steps 3 --n-train 20 --n-test 20",
    "timescales": "--width 8 --n-samples 16 --teacher-width 8 --n-steps 3 --cells 16",
    "recovery": "--n-samples 8 --input-dim 3",
    "lazy": "--n-train 12 --n-test 8 --input-dim 3 --width 4 --n-steps 3",
}
STORED = "--epochs 1 --samples-per-epoch 20"

NUMBERS = ["0", "1", "-1", "2", "3.5", "1e-3", "1e4", "1_000", "1000000000", "1e11"]
NUMBERS += [str(2**63), str(2**63 - 1), "9" * 400, "9" * 5000, "1e999", "1e-999", "nan"]
NUMBERS += ["inf", "-inf", "-0.0", "0x10", "٣", "１２", "1e", "1e999999999999"]
WORDS = ["", " ", "none", "None", "true", "no", "--", "-", "---", "=", "a=b", "\udcff"]
WORDS += [
    "a\nb",
    "\x1b[31m",
    "\U0001f4a5",
    "planted",
    "balance",
    "(",
    ")",
    "()",
    "[1,2]",
]
WORDS += ["(1,2", "1,,2", ",", "x" * 10_000, "../..", ".", "/dev/full", "/dev/null"]
WORDS += ["..", "here", "/"]
WORDS += ["/proc/self/mem", "/nonexistent/file.csv", "table.csv", "a.parquet", "runs"]
RANGES = [
    "0..9",
    "0...9",
    "0..",
    "..9",
    "9..0",
    "a..b",
    "0..9..2",
    "0..9..20",
    "0..9..0",
]
RANGES += ["1e-3..1e-1", "0..1e999999", "0..1..1e-999999", "nan..1", "0..inf", "(0..3)"]
ENVIRONMENTS: list[dict[str, str]] = [
    {"COLUMNS": "0"},
    {"COLUMNS": "1"},
    {"COLUMNS": "abc", "LINES": "-1"},
    {"TERM": "dumb"},
    {"TERM": "", "NO_COLOR": "1"},
    {"LANG": "C", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    {"PYTHONIOENCODING": "ascii"},
    {"TMPDIR": "/nonexistent"},
    {"HOME": "/nonexistent", "XDG_CACHE_HOME": "/nonexistent"},
    {"MPLCONFIGDIR": "/nonexistent"},
    {"OVERPARAM_RUNS": ""},
    {"OVERPARAM_RUNS": "/dev/null"},
    {"OVERPARAM_DATA": "/nonexistent"},
    {"NPROC": "many"},
    {"NPROC": "-1"},
    {"JAX_COMPILATION_CACHE_DIR": "/dev/null"},
]


@dataclass(frozen=True)
class Finding:
    """A command line that did not end as it should."""

    line: tuple[str, ...]
    what: str
    detail: str
    environment: tuple[tuple[str, str], ...] = ()


def attack(n: int, seed: int) -> Iterator[Finding]:
    """Try `n` command lines; equal seeds give equal lines."""
    rng = random.Random(seed)
    with _workplace():
        names = [path.name for path in Path("runs/planted").iterdir()]
        for number in range(n):
            line = tuple(_line(rng, names))
            if number % PROCESS_EVERY == PROCESS_EVERY - 1:
                environment = rng.choice(ENVIRONMENTS)
                ended = _in_a_process(rng.choice(QUICK), environment)
                yield from _judged(*ended, tuple(environment.items()))
            else:
                yield from _judged(line, *_in_this_process(line))


# What a process of its own is asked: nothing that imports JAX, for speed.
QUICK: list[tuple[str, ...]] = [
    ("list",),
    ("--help",),
    ("run", "planted", "--help"),
    ("table", "runs"),
    ("sweep", "planted", "seed=0..9", "--dry-run"),
    ("data", "list"),
    ("completion", "fish"),
]


def _line(rng: random.Random, names: Sequence[str]) -> list[str]:
    make = rng.choice([_with_flags, _with_flags, _grid, _grid, _nonsense, _description])
    if make is _description and rng.random() < 0.9:  # It costs a second.
        make = _with_flags
    return make(rng, names)


def _value(rng: random.Random) -> str:
    return rng.choice(rng.choice([NUMBERS, NUMBERS, WORDS, RANGES]))


def _with_flags(rng: random.Random, names: Sequence[str]) -> list[str]:
    """A verb and a subject with some of its flags, most with a hostile value."""
    words = completed()
    verb = rng.choice(list(VERBS))
    subject = rng.choice(list(words[verb]) or [""])
    line = [verb]
    if verb in ("analyse", "compare"):
        line += rng.choices([*names, "runs", _value(rng)], k=rng.randint(1, 2))
    line += [subject] if subject else []
    if verb in ("table", "plot", "report", "export", "watch"):
        line += ["runs"] * (rng.random() < 0.8)
        line += {"plot": ["--study", "planted"], "watch": ["--once"]}.get(verb, [])
    known = words[verb].get(subject) or ["--json"]
    for _ in range(rng.randint(0, 3)):
        flag, value = rng.choice(known), _value(rng)
        line += rng.choice([[flag], [flag, value], [f"{flag}={value}"], [value]])
    return _harmless(line)


def _grid(rng: random.Random, names: Sequence[str]) -> list[str]:
    """A sweep of hostile values."""
    study = rng.choice(list(STUDIES))
    fields = field_names(STUDIES[study].config_class())
    texts = [
        f"{rng.choice(fields)}{rng.choice(['=', '=', '=', '', '=='])}{_value(rng)}"
        for _ in range(rng.randint(0, 3))
    ]
    return ["sweep", study, *texts, *["--dry-run"] * (rng.random() < 0.8)]


def _nonsense(rng: random.Random, names: Sequence[str]) -> list[str]:
    """Any words at all."""
    known = [*VERBS, *STUDIES, *names, "--help", "--json", "--runs", "-h", "--version"]
    return _harmless(
        [rng.choice([rng.choice(known), _value(rng)]) for _ in range(rng.randint(0, 5))]
    )


def _description(rng: random.Random, names: Sequence[str]) -> list[str]:
    """The smallest problem of a study, but for one number."""
    study = rng.choice(list(SMALLEST))
    fields = field_names(STUDIES[study].config_class())
    flag = "--" + rng.choice(fields).replace("_", "-")
    words = SMALLEST[study].split()
    kept = [
        w for p in zip(words[::2], words[1::2], strict=True) if p[0] != flag for w in p
    ]
    return ["describe", study, *kept, flag, rng.choice(NUMBERS)]


def _harmless(line: list[str]) -> list[str]:
    # Nothing is fetched, and nobody is watched for ever.
    if line[:2] == ["data", "fetch"]:
        return [*line, "nothing-of-this-name"]
    if line[:1] == ["watch"] and "--once" not in line:
        return [*line, "--once"]
    return line


@contextlib.contextmanager
def _workplace() -> Iterator[None]:
    before = Path.cwd()
    stop = ConfigError("Nothing is run here.")
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        os.chdir(folder)
        stack.callback(os.chdir, before)
        stack.enter_context(mock.patch.dict(os.environ, {"OVERPARAM_RUNS": "runs"}))
        line = ("run", "planted", *SMALLEST["planted"].split(), *STORED.split())
        code, _, error = _in_this_process(line)
        assert code == 0, error
        for place in ("run.execute", "sweep.run_jobs", "reproduce.run_jobs"):
            module = __import__("overparam.cli.verbs", fromlist=[place.split(".")[0]])
            __import__(f"{module.__name__}.{place.split('.')[0]}")
            patched = mock.patch(f"{module.__name__}.{place}", side_effect=stop)
            stack.enter_context(patched)
        yield


class _TooMuchError(BaseException):
    """More work than any of these lines should be."""


def _in_this_process(line: Sequence[str]) -> tuple[int | str, str, str]:
    """Code (or what escaped), stdout and stderr."""
    out, error = io.StringIO(), io.StringIO()
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"
        if calls > MOST_CALLS:
            raise _TooMuchError

    before = sys.getprofile()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        sys.setprofile(count)
        try:
            code: int | str = run_command(list(line))
        except BaseException as escaped:
            if isinstance(escaped, KeyboardInterrupt):
                raise
            code = f"{type(escaped).__name__}: {escaped}"
        finally:
            sys.setprofile(before)
    return code, out.getvalue(), error.getvalue()


def _in_a_process(
    line: Sequence[str], environment: dict[str, str]
) -> tuple[tuple[str, ...], int | str, str, str]:
    ended = subprocess.run(
        [sys.executable, "-m", "overparam", *line],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    code: int | str = ended.returncode
    return (
        tuple(line),
        f"signal {-code}" if code < 0 else code,
        ended.stdout,
        ended.stderr,
    )


def _judged(
    line: tuple[str, ...],
    code: int | str,
    out: str,
    error: str,
    environment: tuple[tuple[str, str], ...] = (),
) -> Iterator[Finding]:
    sentences = [text for text in error.splitlines() if text.startswith("overparam: ")]
    told = len(sentences) == 1 and sentences[0] == error.rstrip("\n").splitlines()[-1]
    what = None
    if isinstance(code, str):
        what = "escaped"
    elif "Traceback" in error or "Something unforeseen" in error:
        what = "a traceback"
    elif code == 0 and sentences:
        what = "code 0 with a complaint"
    elif code != 0 and not told and not out.startswith("usage:"):
        what = "a code without one sentence"
    if what is not None:
        yield Finding(line, what, f"{code}: {error[-2000:]}", environment)
