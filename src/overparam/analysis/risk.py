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
from ..networks.view import TwoLayerView
from ..objectives.objective import Loss
from .subject import Subject


Student = Network | TwoLayerView
"""A function whose floating arrays are its weights."""


class ExactRisk(eqx.Module):
    """The population risk of a `TwoLayer` student under Gaussian inputs.

    Attributes:
        teacher: The network that labels.
        covariance: Covariance of the inputs; `None` is the identity.
    """

    teacher: TwoLayer
    covariance: Covariance | None = None

    @property
    def label(self) -> str:
        """What it is, for axes and notes."""
        return "exact risk"

    def __call__(self, student: Student) -> Float[Array, ""]:
        """The risk in JAX, differentiable."""
        assert isinstance(student, TwoLayer)
        return population_loss(student, self.teacher, covariance=self.covariance)

    def value(self, student: Student) -> float:
        """The risk to float64 rounding."""
        assert isinstance(student, TwoLayer)
        return risk(student, self.teacher, covariance=self.covariance)


class EmpiricalLoss(eqx.Module):
    """The loss of any student on samples, without penalty.

    Attributes:
        x: Inputs.
        y: Targets: numbers, or classes.
        loss: Loss of outputs and targets.
    """

    x: Float[Array, "n *input"]
    y: Array
    loss: Loss = eqx.field(static=True)

    @property
    def label(self) -> str:
        """What it is, for axes and notes."""
        return f"loss on {len(self.x)} samples"

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
) -> tuple[Student, Risk]:
    """A student and what it is judged by, in the form that fits each other.

    Where something is planted, inputs are Gaussian and the risk has a closed form, that
    is the exact one of the student as a `TwoLayer`; else the loss on training samples.

    Args:
        subject: The run.
        student: Its network, or the two-layer view of it.
        n_samples: Most samples of the loss.
        dataset: A data set to take the loss on; `None` for what the run was about.

    Raises:
        ConfigError: If neither is known.
    """
    if dataset is None and isinstance(student, TwoLayerView):
        with contextlib.suppress(ConfigError):
            planted = subject.teacher()
            if planted.gaussian and isinstance(planted.network, TwoLayer):
                exact = ExactRisk(planted.network, planted.covariance)
                plain = student.plain()
                exact.value(plain)  # Refuses what has no closed form.
                return plain, exact
    x, y = subject.samples(n_samples, dataset)
    return student, EmpiricalLoss(x, y, subject.objective().loss)


def doubled(tree: PyTree) -> PyTree:
    """Every number in float64, under its flag; classes stay whole numbers."""

    def double(leaf: Array) -> Array:
        exact = jnp.issubdtype(leaf.dtype, jnp.integer)
        return jnp.asarray(leaf, None if exact else jnp.float64)

    return jax.tree.map(double, tree)
