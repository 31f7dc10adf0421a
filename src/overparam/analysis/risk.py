"""What a network is judged by: an exact risk, or the loss on samples."""

import contextlib

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ..errors import ConfigError
from ..limits.population import Covariance, population_loss, risk
from ..networks.network import Network
from ..networks.two_layer import TwoLayer
from ..networks.view import TwoLayerView, two_layer_view
from ..objectives.labels import is_classes
from ..objectives.losses import LOSSES, Loss, cross_entropy, half_squared_error
from .subject import Subject


Student = Network | TwoLayerView
"""A function whose floating arrays are its weights."""


class ExactRisk(eqx.Module):
    """The population risk under Gaussian inputs of a student with a two-layer view.

    Attributes:
        teacher: The network that labels.
        covariance: Covariance of the inputs; `None` is the identity.

    Example:
        ```python
        teacher = op.data.teacher(3, 2, 1, key=key)
        risk = op.analysis.ExactRisk(teacher)
        assert abs(risk.value(teacher)) < 1e-12
        ```
    """

    teacher: TwoLayer
    covariance: Covariance | None = None

    @property
    def label(self) -> str:
        """What it is, for axes and notes."""
        return "exact risk"

    def __call__(self, student: Student) -> Float[Array, ""]:
        """The risk in JAX, differentiable."""
        plain = two_layer_view(student).plain()
        return population_loss(plain, self.teacher, covariance=self.covariance)

    def value(self, student: Student) -> float:
        """The risk to float64 rounding."""
        plain = two_layer_view(student).plain()
        return risk(plain, self.teacher, covariance=self.covariance)


class EmpiricalLoss(eqx.Module):
    """The loss of any student on samples, without penalty.

    Attributes:
        x: Inputs.
        y: Targets: numbers, or classes.
        loss: Loss of outputs and targets.
        source: What the samples are of; empty where they are the run's own.
        n_all: How many training samples there are, if more than these.
    """

    x: Float[Array, "n *input"]
    y: Array
    loss: Loss = eqx.field(static=True)
    source: str = eqx.field(static=True, default="")
    n_all: int = eqx.field(static=True, default=0)

    @property
    def label(self) -> str:
        """What it is, for axes and notes."""
        names = [name for name, loss in LOSSES.items() if loss is self.loss]
        of = f" of {self.source}" if self.source else ""
        number = f"{len(self.x)} of {self.n_all}" if self.n_all else len(self.x)
        return f"{names[0] if names else 'loss'} on {number} samples{of}"

    def __call__(self, student: Student) -> Float[Array, ""]:
        """The loss in JAX."""
        return self.loss(student(self.x), self.y)

    def value(self, student: Student) -> float:
        """The loss in float64."""
        with jax.enable_x64(True):
            judge, student = doubled((self, student))
            return float(judge(student))


Risk = ExactRisk | EmpiricalLoss


def judged(
    subject: Subject, student: Student, *, n_samples: int, dataset: str | None = None
) -> Risk:
    """What a student is judged by.

    Where something is planted, inputs are Gaussian and the risk has a closed form, that
    is the exact one; else the loss on training samples. Other data that are named or
    given win over what was planted.

    Args:
        subject: The run.
        student: Its network, or the two-layer view of it.
        n_samples: Most samples of the loss.
        dataset: A data set to take the loss on; `None` for what the run was about.

    Raises:
        ConfigError: If neither is known.
    """
    if dataset is None and not subject.has_other_data:
        with contextlib.suppress(ConfigError):
            planted = subject.teacher()
            if planted.gaussian and isinstance(planted.network, TwoLayer):
                exact = ExactRisk(planted.network, planted.covariance)
                exact.value(student)  # Refuses what has no closed form.
                return exact
    x, y = subject.samples(n_samples, dataset)
    given = "the data given" if subject.has_other_data else ""
    n_all = len(subject.data(dataset).train.y)
    return EmpiricalLoss(
        x,
        y,
        loss_on(subject, y),
        source=dataset or given,
        n_all=n_all if n_all > len(x) else 0,
    )


def loss_on(subject: Subject, targets: Array, *, mean: bool = False) -> Loss:
    """The loss of a run on targets that it takes; else the usual one of such targets.

    A squared loss takes numbers, and classes as their unit vectors; any other takes
    classes alone.

    Args:
        subject: The run.
        targets: Numbers, or classes.
        mean: Whether to take the mean over samples where the run took their sum.
    """
    classes = is_classes(targets)
    with contextlib.suppress(ConfigError):
        objective = subject.objective()
        if mean and objective.sums:
            return half_squared_error
        if classes or objective.name == "squared":
            return objective.loss
    return cross_entropy if classes else half_squared_error


def doubled(tree: PyTree) -> PyTree:
    """Every number in float64, under its flag; classes stay whole numbers."""

    def double(leaf: Array) -> Array:
        exact = jnp.issubdtype(leaf.dtype, jnp.integer)
        return jnp.asarray(leaf, None if exact else jnp.float64)

    return jax.tree.map(double, tree)
