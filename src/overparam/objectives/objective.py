"""What a training minimises: a loss of outputs and targets, and what is added to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .losses import Loss


@dataclass(frozen=True, kw_only=True)
class Objective:
    r"""$\ell(f(X), Y) + \sum_k c_k \|\theta_k\|^2$, or another form of penalty.

    Attributes:
        loss: Of outputs and targets of a batch.
        name: Kind of the loss.
        sums: Whether the loss is the sum over samples, and not their mean.
        factor: Of a squared loss: how many times half the squared error it is.
        penalties: Coefficient $c_k$ of every penalised field of the network.
        penalty: Form of the penalty; `l2` is the sum of squares above, `path-norm` what
            it is once neurons are balanced; `output-norms` is $c$ times the sum of the
            sizes of normalised neurons.

    Example:
        ```python
        loss = op.objectives.half_squared_error
        op.Objective(loss=loss, name="squared", penalties={"weights": 1e-3})
        ```
    """

    loss: Loss
    name: Literal["squared", "cross-entropy", "hinge"]
    sums: bool = False
    factor: float = 1.0
    penalties: Mapping[str, float] = field(default_factory=dict)
    penalty: Literal["none", "l2", "path-norm", "output-norms", "ridge"] = "none"
