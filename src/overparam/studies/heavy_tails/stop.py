"""When a run ends: the published rules, and what makes them safe."""

from collections.abc import Callable, Sequence

from ...training.plan import Record, Status
from .config import HeavyTails


INTERPOLATION_LOSS = 5e-5
"""Training loss below which a network interpolates, as published."""
BINARY_FLOOR = 0.53
"""Training accuracy at or below which two classes are at chance level."""
FLOOR_FACTOR = 1.25
"""The same for more classes, as a multiple of 1 / n_classes."""


def stop_rule(
    config: HeavyTails, n_classes: int
) -> Callable[[Sequence[Record]], Status | None]:
    """`converged` once the rule has held `consecutive` times; `stopped` at chance."""
    floor = BINARY_FLOOR if n_classes == 2 else FLOOR_FACTOR / n_classes

    def until(records: Sequence[Record]) -> Status | None:
        recent = records[-config.consecutive :]
        if len(recent) == config.consecutive and all(_met(config, r) for r in recent):
            return "converged"
        last, patience = records[-1], config.patience
        late = patience is not None and last["step"] >= patience
        return "stopped" if late and last["train_accuracy"] <= floor else None

    return until


def _met(config: HeavyTails, record: Record) -> bool:
    if config.stop_when == "never" or record["step"] == 0:
        return False
    loss, accuracy = record["train_loss"], record["train_accuracy"]
    if config.stop_when == "interpolation":
        return loss < INTERPOLATION_LOSS and accuracy == 1
    below = config.max_train_loss is None or loss < config.max_train_loss
    return accuracy >= config.target_train_accuracy and below
