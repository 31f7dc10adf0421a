"""Data that are given and not drawn, with one number as a target."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ...convex.programs.program import with_bias
from ...data.catalogue import load_data
from ...data.dataset import Dataset, Split
from ...data.parts import take
from ...errors import ConfigError
from .config import Recovery


@dataclass(frozen=True, kw_only=True)
class Given:
    """Both parts of data in which nothing is planted.

    Attributes:
        x: Inputs to train on.
        y: Their targets.
        x_test: Inputs that were kept away.
        y_test: Their targets.
        has_classes: Whether targets are two classes, -1 and 1.
    """

    x: Float[np.ndarray, "n d"]
    y: Float[np.ndarray, " n"]
    x_test: Float[np.ndarray, "m d"]
    y_test: Float[np.ndarray, " m"]
    has_classes: bool


def load_given(config: Recovery) -> Given:
    """The data of a config.

    Raises:
        ConfigError: If targets are several numbers or classes, or more samples are
            asked for than there are.
        DataError: If the data are not at hand.
    """
    dataset = load_data(str(config.dataset)).flat()
    dataset = dataset.standardised() if config.standardise_inputs else dataset.scaled()
    train, test = dataset.train, dataset.test
    if config.n_train is not None:
        train = take(train, config.n_train, what="training")
    if config.n_test is not None:
        test = take(test, config.n_test, what="test")
    if train.x.shape != (config.n_samples, config.input_dim):
        raise ConfigError(
            f"The data {config.dataset} have {len(train)} samples of "
            f"{train.x.shape[1]} inputs: set `n_samples` and `input_dim` to that."
        )
    (x, y), (x_test, y_test) = (_numbers(dataset, part) for part in (train, test))
    if config.bias:
        x, x_test = with_bias(x), with_bias(x_test)
    has_classes = dataset.n_classes is not None
    return Given(x=x, y=y, x_test=x_test, y_test=y_test, has_classes=has_classes)


def _numbers(
    dataset: Dataset, part: Split
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, " n"]]:
    """Inputs and targets of a part in float64, two classes as -1 and 1."""
    n_outputs = dataset.n_classes or part.y.shape[1]
    if n_outputs != (1 if dataset.n_classes is None else 2):
        what = "numbers to a target" if dataset.n_classes is None else "classes"
        raise ConfigError(
            f"The programme fits one number or two classes, and {dataset.name} has "
            f"{n_outputs} {what}."
        )
    y = part.y[:, 0] if dataset.n_classes is None else 2 * part.y - 1
    return np.asarray(part.x, np.float64), np.asarray(y, np.float64)
