"""What is stored of a network of a file."""

from collections.abc import Callable
from typing import Any

from ...data.own.reference import held_notes
from ...networks.files.load import Loaded
from ...networks.layers import parameters
from ..study import Context, Outcome


def run_of(
    loaded: Loaded, start: Loaded | None, file: str
) -> Callable[[Any, Context], Outcome]:
    """What makes the outcome of an import, in the place of a training.

    Args:
        loaded: What was read.
        start: The same before training.
        file: Names of the files, as the summary has them.
    """

    def run(config: Any, context: Context) -> Outcome:
        del context
        arrays = parameters(loaded.weights)
        return Outcome(
            status="finished",
            metrics={},
            summary={
                "file": file,
                "network": type(loaded.weights).__name__,
                "activation": getattr(loaded.weights, "activation", None),
                "parameters": sum(int(array.size) for array in arrays.values()),
            },
            network=loaded.weights,
            kept={} if start is None else {0: start.weights},
            notes=[*loaded.notes, *held_notes(config.dataset)],
        )

    return run
