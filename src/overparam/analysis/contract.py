"""What a study says of one of its runs, for analyses that do not know the study."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ..checks import arrays_by_shape
from ..data.train_test import TrainTest
from ..errors import ConfigError
from ..limits import population
from ..networks.network import Network
from ..networks.view import two_layer_view
from ..training.plan import Plan, Training


@arrays_by_shape
@dataclass(frozen=True, kw_only=True)
class Teacher:
    """What was planted.

    Attributes:
        network: The network that labels.
        covariance: Of the inputs; `None` is the identity.
        gaussian: Whether inputs are Gaussian without mean, so that risks are exact.
        density: Of the angles of features in the plane, where it is known.

    Example:
        ```python
        teacher = op.Teacher(network=op.data.teacher(3, 2, 1, key=key))
        teacher.risk(network)
        ```
    """

    network: Network
    covariance: Float[np.ndarray, "input_dim input_dim"] | None = None
    gaussian: bool = True
    density: Callable[[np.ndarray], np.ndarray] | None = None

    def risk(self, network: Network) -> float:
        """The exact risk of a student, half the mean squared error without noise.

        Raises:
            ConfigError: If it has no closed form.
        """
        if not self.gaussian:
            raise ConfigError(
                "The inputs are not Gaussian: their risk has no closed form."
            )
        student, planted = (
            two_layer_view(each).plain() for each in (network, self.network)
        )
        return population.risk(student, planted, covariance=self.covariance)


@dataclass(frozen=True, kw_only=True)
class Flow:
    """A distribution of features in the plane by a limit equation, at kept steps.

    Attributes:
        name: Of the equation.
        places: Angles on the circle or points of the torus: those of cells, or of
            particles with a row for each kept step that was reached.
        densities: Of the cells, a row for each kept step; `None` for particles.
    """

    name: str
    places: np.ndarray
    densities: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What a study gives back of one of its runs; `None` where there is no such thing.

    Each is a function without arguments: nothing is drawn or read before it is asked.
    """

    data: Callable[[], TrainTest] | None = None
    """What was trained on and tested with."""
    teacher: Callable[[], Teacher] | None = None
    """What was planted, where its exact risk is known."""
    objective: Callable[[], Any] | None = None
    """What was minimised."""
    training: Callable[[], tuple[Training, Plan]] | None = None
    """The training itself, to be done again beside the run."""
    limit: Callable[[], Sequence[Flow]] | None = None
    """Where its features go as the width grows and time scales separate."""
