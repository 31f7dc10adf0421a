"""Images and initial network of one run of the study `features`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
import optax
from jaxtyping import Array, Float

from ...data.catalogue import load_data
from ...data.parts import check_classes, classes_of, hold_out, take
from ...data.source import Batch, Table
from ...data.train_test import TrainTest, batch_of
from ...dynamics.descent import Descent, as_leaves
from ...dynamics.optimisers.decoupled import decoupled
from ...dynamics.optimisers.schedules import StepDecay
from ...dynamics.stochastic_varpro import StochasticVarPro
from ...errors import ConfigError
from ...keys import purpose_key
from ...memory import Need, check_memory, itemsize
from ...networks.feature_laws import random_features, truncated_normal
from ...networks.initialise import output_scale
from ...networks.network import Network
from ...networks.standardised import StandardisedTwoLayer, with_moments
from ...networks.two_layer import TwoLayer
from ...objectives.losses import LOSSES
from ...objectives.objective import Objective
from ...objectives.penalties import L2Penalty
from ...readouts.rules import Gram
from ...training.plan import Plan, Training
from .config import Features


OPTIMISERS = {"adam": optax.adam, "sgd": optax.sgd}


@dataclass(frozen=True)
class Problem:
    """The three splits of the images of a config, and the network before training."""

    config: Features
    train: Batch
    validation: Batch
    test: Batch
    n_classes: int | None
    """`None` where targets are numbers, which are fitted by the squared error."""

    @staticmethod
    def of(config: Features) -> "Problem":
        """Load and split the images of a config.

        Raises:
            ConfigError: If more images are asked for than there are, or a part holds
                one class only.
            DataError: If the files are missing or damaged.
        """
        dataset = load_data(config.dataset).flat()
        logistic = config.exact and config.readout == "logistic"
        if logistic or config.train == "features":
            classes_of(dataset)
        dataset = (
            dataset.standardised() if config.standardise_inputs else dataset.scaled()
        )
        rule = config.subsets
        train, validation = hold_out(
            dataset.train,
            config.held_out(len(dataset.train)),
            rule=rule,
            what="training and validation",
        )
        if config.n_train is not None:
            if config.n_train > len(train):
                raise ConfigError(
                    f"`n_train` must be at most {len(train)}, the images of "
                    f"{config.dataset} that do not validate; got {config.n_train}."
                )
            train = take(train, config.n_train, rule=rule, what="training")
        if config.takes_steps and config.batch_size > len(train):
            raise ConfigError(
                f"`batch_size` must be at most {len(train)}, the training samples "
                f"that do not validate; got {config.batch_size}."
            )
        test = dataset.test
        check_classes(test, what="test")
        if config.shuffle_test_labels:
            key = purpose_key(config.seed, "shuffled test labels")
            test = replace(test, y=np.asarray(jax.random.permutation(key, test.y)))
        parts = [
            batch_of(split, config.precision) for split in (train, validation, test)
        ]
        return Problem(config, *parts, n_classes=dataset.n_classes)

    @property
    def n_outputs(self) -> int:
        """Classes, or numbers of a target."""
        return self.n_classes or self.train.y.shape[1]

    @property
    def loss(self) -> str:
        """What is minimised, without penalties."""
        return "half-squared-error" if self.n_classes is None else "cross-entropy"

    @property
    def input_dim(self) -> int:
        """Number of inputs."""
        return self.train.x.shape[1]

    @property
    def steps_per_epoch(self) -> int:
        """Full batches of one pass."""
        # A readout that is solved has none, whatever `batch_size` says.
        return max(len(self.train.y) // self.config.batch_size, 1)

    def splits(self) -> dict[str, Batch]:
        """The splits that hold anything, by name."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in splits.items() if len(split.y)}

    def initial_network(self) -> Network:
        """The network before training, its readout drawn so that all scalings agree.

        Raises:
            ConfigError: If training it needs more memory than there is.
        """
        config, n_outputs = self.config, self.n_outputs
        check_memory(*_arrays(config, self.input_dim, n_outputs))
        weights = random_features(
            config.init,
            self.input_dim,
            config.width,
            dtype=config.precision,
            key=purpose_key(config.seed, "first layer"),
        )
        scale = output_scale(config.scaling, config.width)
        readout = truncated_normal(
            (config.width, n_outputs),
            dtype=config.precision,
            key=purpose_key(config.seed, "readout"),
        )
        if not config.standardise:
            return TwoLayer(
                weights=weights,
                readout=readout / scale,
                activation=config.activation,
                scale=scale,
            )
        return StandardisedTwoLayer(
            weights=weights,
            readout=readout / scale,
            activation=config.activation,
            scale=scale,
            stop_gradient_moments=config.stop_gradient_moments,
        )

    @property
    def stages(self) -> list[range]:
        """Epochs in which all layers move, cut where neurons are drawn anew."""
        last = self.config.epochs_of_all
        every = self.config.repopulate_every or max(last, 1)
        starts = range(0, max(last, 1), every)
        return [range(start, min(start + every, last)) for start in starts]

    def training(self, network: Network, epochs: range) -> tuple[Training, Plan]:
        """The training of all layers in some epochs, from a network."""
        config, per_epoch = self.config, self.steps_per_epoch
        batches = purpose_key(config.seed, "batches")
        if epochs.start:
            batches = jax.random.fold_in(batches, epochs.start)
        # The start of a later stage is the end of the one before, with neurons drawn
        # anew.
        first = epochs.start + (epochs.start > 0)
        kept = [e for e in config.kept_epochs if first <= e <= epochs.stop]
        training = Training(
            dynamics=_dynamics(self, network),
            network=network,
            source=Table(*self.train),
            key=purpose_key(config.seed, "training"),
            data_key=batches,
            record_start=epochs.start == 0,
            keep_steps=[(epoch - epochs.start) * per_epoch for epoch in kept],
            keep_as=lambda network: frozen(network, self.train.x),
        )
        plan = Plan(
            n_steps=len(epochs) * per_epoch,
            batch_size=config.batch_size,
            record_every=per_epoch,
        )
        return training, plan


def data(config: Features, stored: Mapping[str, np.ndarray]) -> TrainTest:
    """The images; labels that were permuted as a check are as they were."""
    del stored
    found = Problem.of(replace(config, shuffle_test_labels=False))
    return TrainTest(found.train, found.test, found.n_classes)


def objective(config: Features) -> Objective:
    """Loss of the targets, and the penalties of the layers that move."""
    scale = output_scale(config.scaling, config.width)
    problem = Problem.of(config)
    penalties = {
        "weights": config.feature_penalty / config.width,
        "readout": config.readout_penalty * scale**2 / problem.n_outputs,
    }
    if config.exact:
        penalties = {"readout": (config.ridge or 0) * scale**2 / 2}
    return Objective(
        loss=LOSSES[problem.loss],
        name="squared" if problem.n_classes is None else "cross-entropy",
        penalty="l2",
        penalties=penalties,
    )


def training(config: Features) -> tuple[Training, Plan]:
    """The training of the first layer, with the readout or under its optimum.

    Raises:
        ConfigError: If only the readout moved, or neurons were drawn anew on the way.
    """
    problem = Problem.of(config)
    first, *others = problem.stages
    if not first:
        raise ConfigError("Only the readout was fitted: no layers were trained.")
    if others:
        raise ConfigError("Neurons were drawn anew on the way: it is no one training.")
    return problem.training(problem.initial_network(), first)


def _arrays(config: Features, input_dim: int, n_classes: int) -> list[Need]:
    """The largest arrays of a run besides the images."""
    size, width = itemsize(config.precision), ("`width`", config.width)
    gram = config.train == "features" or (config.exact and config.readout == "ridge")
    return [
        Need("weights and their gradient", (("inputs", input_dim), width), size, 2),
        Need("the readout", (width, ("classes", n_classes)), size, 2),
        Need(
            "hidden neurons on a batch",
            (("`batch_size`", config.batch_size), width),
            size * config.takes_steps,
            2,
        ),
        Need("the Gram matrix", (width, width), size * gram),
    ]


def frozen(network: Network, x: Float[Array, "n input_dim"]) -> Network:
    """The network as a function of one image: with the exact moments of `x`."""
    if isinstance(network, StandardisedTwoLayer):
        return with_moments(network, x)
    return network


def _dynamics(problem: Problem, network: Network) -> Descent | StochasticVarPro:
    """How the first layer moves: with the readout, or under its optimum."""
    config = problem.config
    if config.train != "features":
        return descent(problem, network, parts=("weights", "readout"))
    assert config.ridge is not None
    return StochasticVarPro(
        # The readout's problem there is that of `ridge_path` with this penalty.
        config.ridge * network.scale,
        Gram(),
        optimiser=_DECOUPLED[config.optimiser],
        learning_rate=_rate(problem, passed=0),
        coefficients=as_leaves(penalties(config, network, ("weights",))),
    )


def _rate(problem: Problem, *, passed: int) -> Any:
    """The step size, after so many epochs of its decay."""
    config = problem.config
    rate = config.learning_rate * config.decay**passed
    if config.decay == 1:
        return rate
    return StepDecay(rate, config.decay, problem.steps_per_epoch)


def descent(problem: Problem, network: Network, *, parts: tuple[str, ...]) -> Descent:
    """The training rule of a problem for some parts of the network."""
    config = problem.config
    name = config.optimiser if "weights" in parts else config.readout
    optimiser: Any = OPTIMISERS[name]
    passed = 0 if "weights" in parts else config.epochs_before_readout
    settings: dict[str, Any] = {"learning_rate": _rate(problem, passed=passed)}
    coefficients = penalties(config, network, parts)
    penalty = L2Penalty(coefficients) if any(coefficients.values()) else None
    if config.penalty_form == "decoupled" and penalty is not None:
        optimiser = _DECOUPLED[name]
        settings["coefficients"] = dict(penalty.coefficients)
        penalty = None
    return Descent(
        problem.loss,
        optimiser,
        penalty=penalty,
        trained=parts,
        **settings,
    )


def penalties(
    config: Features, network: Network, parts: tuple[str, ...]
) -> Mapping[str, float]:
    r"""Coefficients of the squared norms: $c_w / m$ and $c_u s^2 / K$.

    The output scale $s$ enters squared, so that the penalty of a function does not
    depend on how its scale is shared between $s$ and the readout.
    """
    width, n_classes = network.readout.shape
    coefficients = {
        "weights": config.feature_penalty / width,
        "readout": config.readout_penalty * network.scale**2 / n_classes,
    }
    return {part: coefficients[part] for part in parts}


# One function object per name, so that the compiled step is found again.
_DECOUPLED = {
    name: lambda learning_rate, coefficients, name=name: decoupled(
        learning_rate, optimiser=name, coefficients=coefficients
    )
    for name in OPTIMISERS
}
