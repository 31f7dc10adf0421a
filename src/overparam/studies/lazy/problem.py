"""Data, network and dynamics of a run of `lazy`, each from a key of its own."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float

from ...analysis.contract import Teacher
from ...analysis.lazy import measures
from ...analysis.lazy.predictors import targets
from ...data.catalogue import load_data
from ...data.dataset import Dataset, Split
from ...data.parts import classes_of, take
from ...data.source import Batch, Table
from ...data.sources.planted import PlantedStream
from ...data.train_test import TrainTest, batch_of
from ...dynamics.descent import Descent
from ...errors import ConfigError
from ...keys import purpose_key
from ...limits import population
from ...limits.gaussian import MOMENTS
from ...limits.kernels.empirical import leading_eigenvalues, tangent_kernel
from ...limits.kernels.linearised import linearised
from ...limits.kernels.wide import WideLayer, WideMLP
from ...memory import Need, check_memory, itemsize
from ...networks.deep import MLP, mlp
from ...networks.initialise import output_scale, two_layer
from ...networks.network import Network
from ...networks.two_layer import TwoLayer
from ...objectives.losses import half_squared_error
from ...objectives.objective import Objective
from ...training.plan import Plan, Record, Training, below
from ..planted_teacher import planted_teacher, stored_teacher, teacher_seed
from .config import Lazy


_MOST_FOR_STEP = 500
"""Samples at which the largest eigenvalue is estimated."""


@dataclass(frozen=True)
class Problem:
    """Data, teacher and network of one run."""

    config: Lazy
    data: TrainTest
    teacher: TwoLayer | None

    @staticmethod
    def of(config: Lazy) -> "Problem":
        """Load or draw the data.

        Raises:
            ConfigError: If more samples are asked for than there are, or more memory.
            DataError: If files are missing or damaged.
        """
        if config.dataset != "planted":
            return Problem(config, _from_files(config), None)
        check_memory(*_arrays(config, config.input_dim, config.n_outputs))
        seed, planted = teacher_seed(config), planted_teacher(config)
        parts = []
        for purpose, n in (("data", config.n_train), ("test data", config.n_test)):
            drawn = PlantedStream(planted).draw(
                purpose_key(seed, purpose), jnp.zeros((), jnp.int32), 1, n
            )
            parts.append(Batch(drawn.x[0], drawn.y[0]))
        return Problem(config, TrainTest(*parts), planted)

    @property
    def test(self) -> Batch:
        """The test samples."""
        assert self.data.test is not None  # Every data set has some.
        return self.data.test

    @cached_property
    def network(self) -> Network:
        """The network before training.

        Raises:
            ConfigError: If it needs more memory than there is.
        """
        config = self.config
        d = self.data.train.x.shape[1]
        n_outputs = self.data.n_classes or self.data.train.y.shape[1]
        check_memory(*_arrays(config, d, n_outputs))
        key = purpose_key(config.seed, "initialisation")
        if config.depth > 2:
            drawn: Network = mlp(
                (d, *(config.width,) * (config.depth - 1), n_outputs),
                init="he",
                activation=config.activation,
                dtype=config.precision,
                key=key,
            )
        else:
            drawn = two_layer(
                d,
                config.width // 2 if config.zero_start else config.width,
                n_outputs,
                scaling=config.scaling,
                activation=config.activation,
                dtype=config.precision,
                key=key,
            )
            drawn = _doubled(drawn, config) if config.zero_start else drawn
        return dataclasses.replace(drawn, scale=drawn.scale * config.scale)

    @property
    def wide(self) -> WideMLP:
        """The network of infinite width that the law of the start tends to.

        Gains are those of weights that train as they are, at the width of the run.
        """
        config, start = self.config, self.network
        readout, hidden = (config.train != part for part in ("features", "readout"))
        if isinstance(start, MLP):
            fans = [weights.shape[0] for weights in start.layers]
            layers = [WideLayer(2.0, 0.0, fan * hidden, 0.0) for fan in fans]
            variance = 2.0
        else:
            d = self.data.train.x.shape[1]
            layers = [WideLayer(1.0, 0.0, d * float(hidden), 0.0)]
            own = output_scale(config.scaling, config.width)
            variance = 1.0 if config.scaling == "standard" else own**2 * config.width
        last = WideLayer(
            config.scale**2 * variance,
            0.0,
            start.scale**2 * config.width * readout,
            0.0,
        )
        return WideMLP((*layers, last), config.activation)

    @cached_property
    def step_size(self) -> float:
        """The step size of the weights.

        Raises:
            ConfigError: If the kernel is zero.
        """
        x = self.data.train.x[:_MOST_FOR_STEP]
        largest = leading_eigenvalues(
            self.network, x, count=1, trained=self.config.trained, tolerance=1e-3
        )[0] / len(x)
        if not largest > 0:
            raise ConfigError(
                "The tangent kernel at the start is zero: no weight moves an output; "
                "raise `width`."
            )
        return self.config.learning_rate / float(largest)

    def training(self) -> Training:
        """What the loop trains."""
        config = self.config
        return Training(
            dynamics=Descent(
                "half-squared-error",
                optax.sgd,
                learning_rate=self.step_size,
                trained=config.trained,
            ),
            network=self.network,
            source=Table(self.data.train.x, self.data.train.y),
            key=purpose_key(config.seed, "training"),
            data_key=purpose_key(config.seed, "batches"),
            observe=self._observe,
            record_start=True,
            keep_steps=config.keep_steps,
            until=below("train_loss", config.stop_below),
        )

    def linear_training(self, n_steps: int) -> tuple[Training, Plan]:
        """The training of the linearised network, on the same batches."""
        training = dataclasses.replace(
            self.training(),
            network=linearised(self.network),
            observe=lambda step, network: {},
            record_start=False,
            until=lambda records: None,
            keep_steps=(),
        )
        return training, dataclasses.replace(self.plan(), n_steps=n_steps)

    def plan(self) -> Plan:
        """How long to train and how often to look."""
        return Plan(
            n_steps=self.config.n_steps,
            batch_size=self.config.batch_size or self.config.n_train,
            record_every=self.config.record_every,
        )

    @cached_property
    def _start(self) -> tuple[np.ndarray, np.ndarray]:
        """Kernel and active neurons of the start."""
        x = self.data.train.x[: self.config.n_kernel]
        return self.kernel(self.network), measures.active(self.network, x)

    def kernel(self, network: Network) -> Float[np.ndarray, "k k"]:
        """The traced tangent kernel at the first training samples."""
        x = self.data.train.x[: self.config.n_kernel]
        return tangent_kernel(network, x, trained=self.config.trained)

    def change(self, network: Network) -> Record:
        """How far a network went from its start."""
        first, was_active = self._start
        batch = Batch(*(part[: self.config.n_kernel] for part in self.data.train))
        kernel = self.kernel(network)
        moved = measures.weight_changes(network, self.network).values()
        switched = measures.active(network, batch.x) != was_active
        return {
            "kernel_change": measures.relative_change(kernel, first),
            "kernel_alignment": measures.alignment(kernel, first),
            "label_alignment": measures.label_alignment(
                kernel, targets(batch, self.data.n_classes)
            ),
            "weights_change": max(moved),
            "flipped": float(switched.mean()),
        }

    def risk(self, network: Network) -> float | None:
        """The exact risk of a two-layer network, where a teacher is planted."""
        if self.teacher is None or not isinstance(network, TwoLayer):
            return None
        if self.config.activation not in MOMENTS:
            return None
        return population.risk(network, self.teacher)

    def _observe(self, step: int, network: Network) -> Record:
        train, test = self.data.train, self.test
        risk = self.risk(network)
        return {
            "train_loss": float(half_squared_error(network(train.x), train.y)),
            "test_loss": float(half_squared_error(network(test.x), test.y)),
            **({} if risk is None else {"risk": risk}),
            **self.change(network),
        }


def _doubled(network: TwoLayer, config: Lazy) -> TwoLayer:
    """Every neuron twice, the second time with the opposite readout, of one law."""
    weights, readout = network.weights, network.readout
    if config.scaling == "standard":
        readout = readout / jnp.sqrt(jnp.asarray(2, readout.dtype))
    return dataclasses.replace(
        network,
        weights=jnp.concatenate([weights, weights], axis=1),
        readout=jnp.concatenate([readout, -readout]),
        scale=output_scale(config.scaling, config.width),
    )


def _from_files(config: Lazy) -> TrainTest:
    dataset = load_data(config.dataset).flat()
    if config.classes:
        dataset = _of_classes(dataset, config.kept_classes)
    dataset = dataset.standardised() if config.standardise_inputs else dataset.scaled()
    if config.n_train > len(dataset.train):
        raise ConfigError(
            f"`n_train` must be at most {len(dataset.train)}, the training samples of "
            f"{config.dataset}; got {config.n_train}."
        )
    n_test = min(config.n_test, len(dataset.test))
    if not n_test:
        raise ConfigError(f"{config.dataset} has no test samples to compare on.")
    parts = [
        batch_of(take(part, n, what=what), config.precision)
        for part, n, what in (
            (dataset.train, config.n_train, "training"),
            (dataset.test, n_test, "test"),
        )
    ]
    return TrainTest(*parts, n_classes=dataset.n_classes)


def _of_classes(dataset: Dataset, kept: list[int]) -> Dataset:
    """The samples of some classes, which are numbered anew."""
    classes_of(dataset)  # Refuses numbers.

    def chosen(split: Split) -> Split:
        part = split.where(np.isin(split.y, kept))
        return Split(part.x, np.searchsorted(kept, part.y).astype(part.y.dtype))

    return dataclasses.replace(
        dataset,
        train=chosen(dataset.train),
        test=chosen(dataset.test),
        n_classes=len(kept),
    )


def _arrays(config: Lazy, input_dim: int, n_outputs: int) -> list[Need]:
    """The largest arrays of a run."""
    size = itemsize(config.precision)
    inputs, width = ("`input_dim`", input_dim), ("`width`", config.width)
    train, test = ("`n_train`", config.n_train), ("`n_test`", config.n_test)
    outputs = ("`n_outputs`", n_outputs)
    planted = config.dataset == "planted"
    both = ("`width` + `teacher_width`", config.width + config.teacher_width)
    needs = [
        Need("weights, their gradient and their start", (inputs, width), size, 3),
        Need("readout, its gradient and its start", (width, outputs), size, 3),
        Need("hidden weights", (width, width, ("depth", config.depth - 2)), size, 3),
        Need("hidden neurons on the samples", (train, width), size, 2),
        Need("hidden neurons on the test samples", (test, width), size),
        Need("samples", (train, inputs), size),
        Need("test samples", (test, inputs), size),
        Need("the kernel of infinite width", (train, train), 8 * config.infinite_width),
    ]
    if planted:
        teacher = ("`teacher_width`", config.teacher_width)
        needs += [
            Need("the teacher's weights", (inputs, teacher), size),
            Need("the teacher's readout", (teacher, outputs), size),
            Need("the exact risk", (both, both), 8, 2),
        ]
    return needs


def data(config: Lazy, stored: Mapping[str, np.ndarray]) -> TrainTest:
    """The samples, which the config determines."""
    del stored
    return Problem.of(config).data


def teacher(config: Lazy, stored: Mapping[str, np.ndarray]) -> Teacher:
    """What was planted: the teacher that the run stored.

    Raises:
        ConfigError: If the data are no planted ones.
    """
    if config.dataset != "planted":
        raise ConfigError("The data of the run are none of a planted teacher.")
    return Teacher(network=stored_teacher(config, stored))


def objective(config: Lazy) -> Objective:
    """Half the squared error."""
    del config
    return Objective(
        loss=half_squared_error, name="squared", penalty="none", penalties={}
    )


def training(config: Lazy) -> tuple[Training, Plan]:
    """The training of the network itself."""
    problem = Problem.of(config)
    return problem.training(), problem.plan()
