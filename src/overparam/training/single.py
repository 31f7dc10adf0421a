"""One training, from its parts or from a `Training` and a `Plan`."""

import dataclasses
from collections.abc import Callable, Collection, Sequence
from typing import Any, overload

from jaxtyping import PRNGKeyArray

from ..data.dataset import Dataset
from ..data.source import Source, Table
from ..data.train_test import batch_of
from ..dynamics.dynamics import Dynamics
from ..errors import ConfigError
from ..field_values import unknown
from ..networks.network import Network
from ..progress import Reporter
from .loop import train_together
from .plan import Plan, Record, Status, Training, Trajectory, Watch


@overload
def train(
    training: Training, plan: Plan, /, *, watch: Watch | None = None
) -> Trajectory: ...
@overload
def train(
    network: Network,
    source: Source | Dataset,
    dynamics: Dynamics,
    /,
    *,
    n_steps: int,
    batch_size: int,
    record_every: int,
    key: PRNGKeyArray,
    data_key: PRNGKeyArray | None = ...,
    observe: Callable[[int, Network], Record] = ...,
    until: Callable[[Sequence[Record]], Status | None] = ...,
    record_start: bool = ...,
    keep_steps: Collection[int] = ...,
    progress: bool = True,
) -> Trajectory: ...
def train(
    subject: Training | Network,
    on: Plan | Source | Dataset,
    dynamics: Dynamics | None = None,
    /,
    *,
    watch: Watch | None = None,
    progress: bool = True,
    **settings: Any,
) -> Trajectory:
    """Train one network: `train(network, source, dynamics, ...)`.

    `train(training, plan)` is the same of parts that are held together.

    Args:
        subject: The network, or the training.
        on: Where its batches come from, a data set whose training part is visited in a
            new order every epoch, or the plan.
        dynamics: How it moves.
        watch: Progress, checkpoints, interruption; with a training and a plan.
        progress: Whether to show how far it is; of a training and a plan `watch` says.
        settings: The other fields of `Plan` and `Training`, such as `n_steps`,
            `batch_size`, `record_every`, `key`, `observe` and `keep_steps`.

    Returns:
        Records, status, the trained network and those that were kept.

    Raises:
        ConfigError: If what is given is neither, or a setting is unknown or missing.
        Interrupted: If `watch` asks to stop; the checkpoint has been written.
        StoreError: If the checkpoint belongs to another training.

    Example:
        ```python
        rule = op.Descent("half-squared-error", optax.adam, learning_rate=1e-2)
        lengths = dict(n_steps=10, batch_size=5, record_every=5)
        history = op.train(network, op.Table(x, y), rule, key=key, **lengths)
        assert history.records[-1]["loss"] < history.records[0]["loss"]
        ```
    """
    if isinstance(subject, Training) and isinstance(on, Plan) and not settings:
        return train_together([subject], on, watch=watch)[0]
    if isinstance(on, Plan) or not isinstance(subject, Network) or dynamics is None:
        raise ConfigError(
            "`train` takes a network, a source and a dynamics with their settings, or "
            f"a `Training` and a `Plan`, got {type(subject).__name__} and "
            f"{type(on).__name__}."
        )
    if isinstance(on, Dataset):
        on = Table(*batch_of(on.train, subject.readout.dtype))
    lengths = _settings(Plan)
    parts = {n: d for n, d in _settings(Training).items() if n not in _HELD}
    for name in settings:
        if name not in lengths | parts:
            raise ConfigError(unknown(name, [*lengths, *parts], what="setting"))
    for name, optional in (lengths | parts).items():
        if not optional and name not in settings:
            raise ConfigError(f"`train` needs `{name}`: write `{name}=...`.")
    plan = Plan(**{name: v for name, v in settings.items() if name in lengths})
    others = {name: v for name, v in settings.items() if name in parts}
    training = Training(network=subject, source=on, dynamics=dynamics, **others)
    with Reporter("training", shown=progress) as reporter:
        return train_together([training], plan, watch=Watch(progress=reporter))[0]


_HELD = ("network", "source", "dynamics")


def _settings(kind: type[Any]) -> dict[str, bool]:
    """The fields of a class, and whether each may be left out."""
    missing = dataclasses.MISSING
    return {f.name: f.default is not missing for f in dataclasses.fields(kind)}
