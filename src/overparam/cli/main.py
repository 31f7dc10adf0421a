"""The command line: finds the verb, and turns errors into a sentence and a code."""

import contextlib
import importlib
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ..errors import ConfigError, Interrupted, OverparamError, PluginWarning
from ..field_values import unknown
from ..last_resort import brief, last_words
from ..plugins import load_environment, load_file
from ..processes import STOP, mend_compilation_cache
from ..store.json_values import printable
from .folding import folded
from .streams import NOBODY_READS, flush_output, give_output_up, is_of_a_stream


VERBS: Mapping[str, str] = MappingProxyType(
    {
        "list": "studies, analyses and reproductions",
        "run": "run one study: overparam run planted --width 240",
        "describe": "facts of a study's problem before training",
        "sweep": "run a grid: overparam sweep planted width=60,120 seed=0..9",
        "watch": "how far the runs of a folder are, live",
        "import": "store the network of a file: overparam import mlp.safetensors",
        "table": "gather stored runs into one table (csv, parquet, json)",
        "plot": "draw stored runs: median and band over seeds",
        "analyse": "look at stored networks: overparam analyse RUN prune",
        "verify": "check a stored proof of optimality: overparam verify proof.npz",
        "pack": "finished runs as one file, read as before",
        "unpack": "the folders of packed runs again",
        "compare": "what differs between two stored runs",
        "reproduce": "a published figure with its claims",
        "translate": "a published command line as ours, with what differs",
        "new": "a package with a study of your own: overparam new study NAME",
        "report": "stored runs as one HTML page",
        "export": "runs for TensorBoard, MLflow, W&B; a network for PyTorch, ONNX",
        "data": "list, fetch and verify data sets",
        "doctor": "versions, devices, threads, data found",
        "cite": "BibTeX of a study's source and of overparam",
        "completion": "completion script for bash, zsh or fish",
    }
)

_USAGE = """usage: overparam VERB ...

A workbench for people who study over-parameterised neural networks.

{verbs}

Five things to try:
  overparam run planted --width 240                         a first run, stored
  overparam sweep planted width=60,120 seed=0..9 --jobs 2   many runs
  overparam plot runs --study planted --y risk --by width   what they say
  overparam analyse RUN all                                 a look at a network
  overparam reproduce planted-learning-rate --jobs 2        a published figure

`overparam VERB --help` tells the options of a verb. `--with FILE.py`, anywhere, \
loads a file of your own first: studies, analyses, activations, networks, data."""


def run_command(argv: Sequence[str]) -> int:
    """Run one command; data goes to stdout, everything else to stderr.

    Returns:
        The exit code: 0 done, 1 a run failed or cannot be found or read, 2 bad usage
        or config, 3 data missing, 4 a sweep finished with failures, 130 interrupted,
        141 nobody reads the output, 143 terminated.
    """
    try:
        with _warnings_in_lines():
            code = _run(argv)
        flush_output()
        STOP.obey()  # A script must not take what was stopped for done, and go on.
        return code
    except OverparamError as error:
        return _complain(str(error), error.exit_code)
    except Interrupted as interrupt:
        return _complain(str(interrupt), interrupt.exit_code)
    except KeyboardInterrupt:
        return _complain("Interrupted.", 130)
    except BrokenPipeError:
        # The reader of our output (`head`, a pager) has what it wanted.
        give_output_up()
        return NOBODY_READS
    except SystemExit:
        raise
    except BaseException as error:  # A panic in Rust is no `Exception`.
        if isinstance(error, OSError) and (sentence := _of_the_system(error)):
            return _complain(sentence, 1)
        if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
            return _complain(f"The memory does not suffice ({brief(error)}).", 1)
        sentence, more = last_words(error)
        return _complain(sentence, 1, more=more)


def _run(argv: Sequence[str]) -> int:
    argv, files = _without_files(argv)
    if not argv or argv[0] in ("-h", "--help"):
        print(usage())
        return 0 if argv else 2
    if argv[0] == "--version":
        from importlib.metadata import version

        print(f"overparam {version('overparam')}")
        return 0
    verb, arguments = argv[0], list(argv[1:])
    if verb not in VERBS:
        # Who types `help` or `version` means the flag.
        raise ConfigError(unknown(verb, [*VERBS, "--help", "--version"], what="verb"))
    load_environment()
    for file in files:
        load_file(file)
    module = importlib.import_module(f".verbs.{verb}", __package__)
    try:
        return module.main(arguments)
    except SystemExit as stop:  # Help was printed.
        return stop.code if isinstance(stop.code, int) else 0


def _without_files(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """The line without `--with FILE.py`, and the files."""
    words, files, rest = [], [], list(argv)
    while rest:
        word = rest.pop(0)
        flag, equals, file = word.partition("=")
        if word == "--":
            return [*words, word, *rest], files
        if flag != "--with":
            words.append(word)
        elif equals or rest:
            files.append(file if equals else rest.pop(0))
        else:
            raise ConfigError("`--with` needs a value: a Python file.")
    return words, files


@contextlib.contextmanager
def _warnings_in_lines() -> Iterator[None]:
    """What cannot be loaded is a line for a person; what can be mended is mended."""
    with warnings.catch_warnings():
        mend_compilation_cache(_say)
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any) -> None:
            if issubclass(category, PluginWarning):
                _say(str(message))
            else:
                others(message, category, *place)

        warnings.showwarning = show
        yield


def _of_the_system(error: OSError) -> str | None:
    """What the operating system refused, in one sentence, if it is no fault of ours."""
    reason = error.strerror or str(error)
    if error.filename is not None:
        return f"`{error.filename}` cannot be used ({reason})."
    if isinstance(error, FileNotFoundError):
        return "The current folder does not exist any more; go to one that does."
    if is_of_a_stream(error):
        give_output_up()
        return f"The output cannot be written ({reason})."
    return None


def usage() -> str:
    """The help text of the command itself."""
    width = max(len(verb) for verb in VERBS)
    verbs = "\n".join(f"  {verb:<{width}}  {text}" for verb, text in VERBS.items())
    return folded(_USAGE.format(verbs=verbs))


def _complain(sentence: str, code: int, *, more: str = "") -> int:
    _say(sentence)
    print(more, file=sys.stderr, end="")
    try:
        flush_output()
    except OSError:
        give_output_up()
    return code


def _say(sentence: str) -> None:
    # A name may hold anything, line ends and the commands of a terminal too.
    print(f"overparam: {printable(sentence)}", file=sys.stderr)
