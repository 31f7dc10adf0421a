"""What a run of heavy-tails was about."""

from collections.abc import Mapping

import numpy as np

from ...data.train_test import TrainTest
from ...objectives.losses import LOSSES
from ...objectives.objective import Objective
from ...training.plan import Plan, Training
from .config import HeavyTails
from .data import load_data
from .run import Problem


def data(config: HeavyTails, stored: Mapping[str, np.ndarray]) -> TrainTest:
    """The samples, which the config determines."""
    del stored
    return TrainTest(*load_data(config))


def objective(config: HeavyTails) -> Objective:
    """The loss; weight decay is half the sum of squares of what is trained."""
    fields = ("weights",) if config.parametrisation == "mean-field" else ()
    decay = config.penalty / 2
    return Objective(
        loss=LOSSES[config.loss],
        name=config.loss,
        penalty="l2" if decay else "none",
        penalties=dict.fromkeys(fields or ("layers", "readout", "biases"), decay),
    )


def training(config: HeavyTails) -> tuple[Training, Plan]:
    """The noisy descent, without what is added after it."""
    problem = Problem(config, load_data(config))
    return problem.training(), problem.plan()
