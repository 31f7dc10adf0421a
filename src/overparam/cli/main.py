"""The command line: finds the verb, and turns errors into a sentence and a code."""

import importlib
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from ..errors import Interrupted, OverparamError


VERBS: Mapping[str, str] = MappingProxyType(
    {
        "list": "studies, reproductions, analyses, data sets",
        "run": "run one study: overparam run planted --width 240",
        "describe": "facts of a study's problem before training",
        "sweep": "run a grid: overparam sweep planted width=60,120 seed=0..9",
        "watch": "how far the runs of a folder are, live",
        "table": "gather stored runs into one table (csv, parquet, json)",
        "plot": "draw stored runs: median and band over seeds",
        "analyse": "look at stored networks: overparam analyse RUN prune",
        "compare": "what differs between two stored runs",
        "reproduce": "a published figure with its claims",
        "report": "stored runs as one HTML page",
        "export": "stored runs for TensorBoard, MLflow or W&B",
        "data": "list, fetch and verify data sets",
        "doctor": "versions, devices, threads, data found",
        "cite": "BibTeX of a study's source and of overparam",
        "completion": "completion script for bash, zsh or fish",
    }
)

_USAGE = """usage: overparam VERB ...

A workbench for people who study over-parameterised neural networks.

{verbs}

Examples:
  overparam run planted --width 240
  overparam reproduce planted-learning-rate --scale laptop

`overparam VERB --help` tells the options of a verb."""


def run_command(argv: Sequence[str]) -> int:
    """Run one command; data goes to stdout, everything else to stderr.

    Returns:
        The exit code: 0 done, 1 a run failed, 2 bad usage or config, 3 data missing, 4
        a sweep finished with failures, 130 interrupted, 143 terminated.
    """
    if not argv or argv[0] in ("-h", "--help"):
        print(usage())
        return 0 if argv else 2
    if argv[0] == "--version":
        from importlib.metadata import version

        print(f"overparam {version('overparam')}")
        return 0
    verb, arguments = argv[0], list(argv[1:])
    if verb not in VERBS:
        listed = ", ".join(VERBS)
        return _complain(f"There is no verb {verb!r}; the verbs are {listed}.", 2)
    try:
        module = importlib.import_module(f".verbs.{verb}", __package__)
        return module.main(arguments)
    except OverparamError as error:
        return _complain(str(error), error.exit_code)
    except Interrupted as interrupt:
        return _complain(str(interrupt), interrupt.exit_code)
    except KeyboardInterrupt:
        return _complain("Interrupted.", 130)
    except BrokenPipeError:
        # The reader of our output (`head`, a pager) has what it wanted.
        sys.stderr.close()
        return 0


def usage() -> str:
    """The help text of the command itself."""
    width = max(len(verb) for verb in VERBS)
    verbs = "\n".join(f"  {verb:<{width}}  {text}" for verb, text in VERBS.items())
    return _USAGE.format(verbs=verbs)


def _complain(sentence: str, code: int) -> int:
    print(f"overparam: {sentence}", file=sys.stderr)
    return code
