"""overparam: a workbench for people who study over-parameterised neural networks.

The public API; names are imported when they are first used, so that `import overparam`
costs nothing.
"""

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from .data.catalogue import load as load_data  # noqa: F401
    from .data.source import Batch as Batch
    from .data.source import Source as Source
    from .data.source import Table as Table
    from .dynamics.descent import Descent as Descent
    from .dynamics.dynamics import Dynamics as Dynamics
    from .networks.initialise import two_layer as two_layer
    from .networks.network import Network as Network
    from .networks.two_layer import NormalisedTwoLayer as NormalisedTwoLayer
    from .networks.two_layer import TwoLayer as TwoLayer
    from .objectives.batch_loss import BatchLoss as BatchLoss
    from .running.front import analyse as analyse
    from .running.front import open as open
    from .running.front import reproduce as reproduce
    from .running.front import run as run
    from .running.front import sweep as sweep
    from .store.read import read_run as read_run
    from .store.tables import table as table
    from .store.tables import to_pandas as to_pandas
    from .training.loop import train as train
    from .training.loop import train_together as train_together
    from .training.plan import Plan as Plan
    from .training.plan import Training as Training
    from .training.plan import Trajectory as Trajectory
    from .training.plan import Watch as Watch


__version__ = version("overparam")

_WHERE = {
    "load_data": "data.catalogue:load",
    "Batch": "data.source",
    "Source": "data.source",
    "Table": "data.source",
    "BatchLoss": "objectives.batch_loss",
    "Descent": "dynamics.descent",
    "Dynamics": "dynamics.dynamics",
    "Plan": "training.plan",
    "Training": "training.plan",
    "Trajectory": "training.plan",
    "Watch": "training.plan",
    "train": "training.loop",
    "train_together": "training.loop",
    "two_layer": "networks.initialise",
    "Network": "networks.network",
    "NormalisedTwoLayer": "networks.two_layer",
    "TwoLayer": "networks.two_layer",
    "analyse": "running.front",
    "open": "running.front",
    "read_run": "store.read",
    "reproduce": "running.front",
    "run": "running.front",
    "sweep": "running.front",
    "table": "store.tables",
    "to_pandas": "store.tables",
}

__all__ = ["__version__", *_WHERE]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'overparam' has no attribute {name!r}")
    module, _, original = _WHERE[name].partition(":")
    return getattr(importlib.import_module(f".{module}", __name__), original or name)


def __dir__() -> list[str]:
    return sorted(__all__)
