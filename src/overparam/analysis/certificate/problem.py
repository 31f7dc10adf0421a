r"""The convexified problem of a run: $\tfrac12\|F - Y\|^2 + \tfrac\beta2 \sum w^2$."""

import contextlib
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Array, Float

from ...convex.certificates.several_outputs import outputs_objective
from ...convex.maps import network_objective
from ...errors import ConfigError
from ...networks.view import TwoLayerView, check_inputs
from ...objectives.labels import check_labels, is_classes
from ...objectives.objective import Objective
from ..subject import Subject
from .options import CertificateOptions


@dataclass(frozen=True)
class CertifiedProblem:
    """What is certified, and what is to be said of it."""

    x: Float[np.ndarray, "n d"]
    """Inputs; a last column of ones carries the biases."""
    y: Float[np.ndarray, "n n_outputs"]
    """Targets."""
    penalty: float
    r"""$\beta$."""
    normalised: bool
    """Whether neurons pay for their outputs on the data, not for weights."""
    notes: list[str]

    def objective(self, view: TwoLayerView) -> float:
        """The objective of a network once it is balanced."""
        network, penalty = view.plain(), self.penalty
        if self.y.shape[1] > 1:
            return outputs_objective(network, self.x, self.y, penalty=penalty)[0]
        return network_objective(
            network, self.x, self.y[:, 0], penalty=penalty, normalised=self.normalised
        )


def problem_of(
    subject: Subject, view: TwoLayerView, options: CertificateOptions
) -> CertifiedProblem:
    """The problem that a run solved, or the one of squares that options name.

    Raises:
        ConfigError: If there is no penalty on every weight, or there are no targets.
    """
    x, y, n_there = _samples(subject, options)
    check_inputs(view.weights, x)
    notes = []
    if len(x) < n_there:
        notes.append(
            f"Certified is the problem on the first {len(x)} of {n_there} samples."
        )
    if y.ndim == 1:
        n_outputs = view.readout.shape[1]
        if not is_classes(y):
            y = y[:, None]
        else:
            check_labels(y, n_outputs)
            y = np.eye(n_outputs)[y]
            notes.append("Targets of classes are their unit vectors.")
    if y.shape[1] != view.readout.shape[1]:
        raise ConfigError(
            f"The network has {view.readout.shape[1]} outputs, the targets have "
            f"{y.shape[1]}."
        )
    objective = None
    # A network alone has none, and is certified for the penalty that is named.
    with contextlib.suppress(ConfigError):
        objective = subject.objective()
    normalised = objective is not None and objective.penalty == "output-norms"
    if normalised and y.shape[1] > 1:
        raise ConfigError(
            "The certificate of networks that pay for their outputs needs one output, "
            f"got {y.shape[1]}."
        )
    if (constant := held_constant(view)) is not None:
        y = y - view.scale * np.asarray(constant, np.float64)
        notes.append(
            "The output bias is held at its value: certified is the problem of the "
            "neurons on the targets less it."
        )
    if view.bias is not None:
        x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    if options.penalty is None:
        if subject.contract.objective is None:
            raise ConfigError(
                "Nothing says what the network was trained on; name the `--penalty` of "
                "the problem with half the squared error, a sum over samples."
            )
        penalty = own_penalty(subject.objective(), view, len(x))
    else:
        penalty = options.penalty
        told = "Certified is half the squared error with the penalty that was named"
        if objective is not None:
            told += f"; the network was trained on {_trained_on(objective)}"
        notes.append(f"{told}.")
    if objective is None or not objective.sums:
        notes.append(
            f"The penalty {penalty:.4g} is that of the sum over samples: {len(x)} "
            f"(samples) x {penalty / len(x):.4g}, the penalty of their mean, as of a "
            "weight decay."
        )
    return CertifiedProblem(
        x=x,
        y=np.asarray(y, np.float64),
        penalty=penalty,
        normalised=normalised,
        notes=notes,
    )


def held_constant(view: TwoLayerView) -> Float[Array, " n_outputs"] | None:
    """What is added to the outputs and no weight of the problem, if anything.

    Hidden biases are weights of an input of ones. Skip weights take it too, and are
    penalised with what they make of it: the output bias is one of them.
    """
    among_skips = view.skip is not None and view.bias is not None
    return None if among_skips else view.constant


def _trained_on(objective: Objective) -> str:
    """The loss and the penalty with its coefficients, in words."""
    coefficients = {f"{c:.4g}" for c in objective.penalties.values()}
    told = ", ".join(f"{n} {c:.4g}" for n, c in objective.penalties.items())
    if len(coefficients) == 1:
        (told,) = coefficients
    times = f" (times {told})" if told and objective.penalty != "none" else ""
    kind = "sum" if objective.sums else "mean"
    return (
        f"the {objective.name} loss, a {kind} over samples, with the penalty "
        f"`{objective.penalty}`{times}"
    )


def own_penalty(objective: Objective, view: TwoLayerView, n_samples: int) -> float:
    r"""$\beta$ of what was trained, for a sum over samples of half the squared error.

    Coefficients $c_w$ of the input weights and $c_u$ of the readout are one
    $2 \sqrt{c_w c_u}$ once neurons are rescaled; the output scale is part of the
    readout.

    Raises:
        ConfigError: If the loss is not squared, or a weight is not penalised.
    """
    if objective.name != "squared":
        raise ConfigError(
            f"The network was trained on the {objective.name} loss; name the "
            "`--penalty` of the problem with half the squared error."
        )
    found = objective.penalties
    weights = found.get("weights", found.get("layers", 0.0))
    readout = found.get("readout", 0.0)
    if objective.penalty == "output-norms":
        return readout
    biased = view.bias is not None and found.get("biases", 0.0) != weights
    if objective.penalty == "ridge" or not (weights > 0 and readout > 0) or biased:
        raise ConfigError(
            "The objective of the run has no positive penalty on every weight; name "
            "one with `--penalty`."
        )
    # Equal coefficients without rounding.
    both = weights if weights == readout else math.sqrt(weights * readout)
    samples = 1 if objective.sums else n_samples
    return 2 * both * samples / (objective.factor * abs(view.scale))


def _samples(
    subject: Subject, options: CertificateOptions
) -> tuple[np.ndarray, np.ndarray, int]:
    """Inputs as vectors in float64, targets, and how many samples there are."""
    arrays = subject.run.arrays
    own = options.dataset is None and not subject.has_other_data
    if own and {"x", "y"} <= set(arrays):
        x, y, n = arrays["x"], arrays["y"], options.n_samples
    else:
        train = subject.data(options.dataset).train
        x, y, n = train.x, train.y, options.n_samples
        if not y.size:
            raise ConfigError("The inputs have no targets: name a data set that has.")
    inputs = np.asarray(x[:n], np.float64).reshape(len(x[:n]), -1)
    return inputs, np.asarray(y[:n]), len(x)
