"""Network, dynamics and loop of a run of `heavy-tails`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from ...analysis.classification import chance_notes
from ...data.dataset import class_notes, scale_notes
from ...data.source import Table
from ...data.train_test import TrainTest
from ...dynamics.descent import Descent
from ...dynamics.noisy_descent import NoisyDescent, PowerDecay, torch_sgd
from ...errors import ConfigError
from ...keys import purpose_key
from ...memory import Need, check_memory, itemsize
from ...networks.convolutional.vgg import vgg11
from ...networks.deep import mlp
from ...networks.initialise import two_layer
from ...networks.layers import hidden_layers
from ...networks.network import Network
from ...noise.heavy_tailed import HeavyTailNoise, add_noise
from ...objectives.losses import LOSSES
from ...objectives.objective import Objective
from ...training.plan import Plan, Record, Status, Training, Trajectory
from . import measure
from .config import HeavyTails
from .data import Data, load_data
from .stop import stop_rule


@dataclass
class Problem:
    """Data, network and dynamics of one run, each from a key of its own."""

    config: HeavyTails
    data: Data

    @staticmethod
    def of(config: HeavyTails) -> "Problem":
        """The data; the network is made when it is asked for."""
        return Problem(config, load_data(config))

    @cached_property
    def network(self) -> Network:
        """The initial network."""
        config, data = self.config, self.data
        check_memory(*_arrays(config, data))
        key = purpose_key(config.seed, "initialisation")
        if config.network != "mlp":
            wide = 2 if config.network == "vgg11-wide" else 1
            return vgg11(
                data.n_classes,
                channels=data.train.x.shape[3],
                multiplier=wide * config.multiplier,
                dtype=config.precision,
                key=key,
            )
        input_dim = data.train.x.shape[1]
        if config.parametrisation == "mean-field":
            return two_layer(
                input_dim,
                config.width,
                data.n_classes,
                scaling="mean-field",
                activation=config.activation,
                dtype=config.precision,
                key=key,
            )
        hidden = (config.width,) * (config.depth - 1)
        return mlp(
            (input_dim, *hidden, data.n_classes),
            activation=config.activation,
            init=config.init,
            bias=config.bias,
            dtype=config.precision,
            key=key,
        )

    @cached_property
    def noise(self) -> HeavyTailNoise:
        """The noise of a step."""
        config = self.config
        # As arrays, so that a sweep over them compiles one program.
        noise = HeavyTailNoise(
            config.noise,
            jnp.asarray(config.alpha, config.precision),
            jnp.asarray(config.sigma, config.precision),
            unit=config.noise_unit,
            layers=config.patterns,
            rescale=config.rescale_noise,
            isotropic_scale=config.isotropic_scale,
        )
        hidden_layers(self.network, patterns=config.patterns)
        return noise

    @property
    def rate(self) -> float | PowerDecay:
        """The step size eta, a number or a schedule."""
        config = self.config
        if config.decay_exponent == 0:
            return config.learning_rate
        return PowerDecay(config.learning_rate, config.decay_exponent, config.width)

    def dynamics(self) -> NoisyDescent | Descent:
        """SGD, with noise where there is any."""
        config = self.config
        mean_field = config.parametrisation == "mean-field"
        extras = {"momentum": config.momentum, "weight_decay": config.penalty}
        settings: dict[str, Any] = {"learning_rate": self.rate}
        settings |= {name: value for name, value in extras.items() if value}
        descent = Descent(
            config.loss,
            torch_sgd,
            rates={"weights": config.width} if mean_field else {},
            trained=("weights",) if mean_field else (),
            **settings,
        )
        if config.noise == "none" or config.noise_when == "after":
            return descent
        key = purpose_key(config.seed, "noise")
        return NoisyDescent(descent, self.noise, self.rate, key)

    def training(self) -> Training:
        """What the loop trains."""
        config = self.config
        return Training(
            dynamics=self.dynamics(),
            network=self.network,
            source=Table(*self.data.train),
            key=purpose_key(config.seed, "training"),
            data_key=purpose_key(config.seed, "batches"),
            observe=lambda step, network: (
                measure.fit(network, self.data, config) | measure.layers(network)
            ),
            keep_steps=config.keep_steps,
            until=stop_rule(config, self.data.n_classes),
            record_start=True,
        )

    def plan(self) -> Plan:
        """How long to train and how often to look."""
        config = self.config
        batch_size = config.batch_size or self.data.train.x.shape[0]
        return Plan(
            n_steps=config.n_steps,
            batch_size=batch_size,
            record_every=config.record_every,
        )

    def final_network(self, trajectory: Trajectory) -> Network:
        """The trained network; after a divergence the last one that was finite."""
        after = self.config.noise != "none" and self.config.noise_when == "after"
        if not after or trajectory.status == "diverged":
            return trajectory.network
        # The control: the clean network plus one draw of the accumulated scale.
        scale = self.accumulated(self.additions(trajectory))
        one_draw = HeavyTailNoise(
            self.config.noise,
            self.config.alpha,
            scale,
            unit=self.config.noise_unit,
            layers=self.config.patterns,
            rescale=False,
            isotropic_scale=self.config.isotropic_scale,
        )
        drawn = one_draw.draw(
            trajectory.network,
            learning_rate=1.0,
            step=jnp.zeros((), jnp.int32),
            key=purpose_key(self.config.seed, "noise"),
        )
        return add_noise(trajectory.network, drawn)

    def steps(self, trajectory: Trajectory) -> int:
        """Number of gradient steps."""
        return int(trajectory.records[-1]["step"])

    def additions(self, trajectory: Trajectory) -> int:
        """Number of noises in the final network: none followed the last step."""
        return max(0, self.steps(trajectory) - 1)

    def scales(self, n_steps: int) -> Float64[ndarray, " n_steps"]:
        """The noise scale of every step."""
        if self.config.noise == "none":
            return np.zeros(n_steps)
        scale = jax.jit(jax.vmap(lambda step: self.noise.scale(self.rate, step)))
        return np.asarray(scale(np.arange(n_steps, dtype=np.int32)), np.float64)

    def accumulated(self, n_additions: int) -> float:
        r"""Scale of the sum of the noises: $(\sum_t s_t^\alpha)^{1/\alpha}$."""
        powers = self.scales(n_additions) ** self.config.alpha
        return float(np.sum(powers) ** (1 / self.config.alpha))

    def metrics(self, trajectory: Trajectory) -> dict[str, np.ndarray]:
        """The records, with the noise scale of each and what has accumulated."""
        columns = trajectory.columns()
        n_steps = self.steps(trajectory)
        scales = self.scales(n_steps) * (self.config.noise_when == "training")
        powers = np.cumsum(scales**self.config.alpha) ** (1 / self.config.alpha)
        # A record at step K has seen K - 1 additions.
        sums = np.concatenate([[0.0, 0.0], powers])[: n_steps + 1]
        steps = columns["step"].astype(int)
        columns["noise_scale"] = np.append(0.0, scales)[steps]
        columns["accumulated_scale"] = sums[steps]
        return columns

    def notes(self, status: Status, trajectory: Trajectory, final: Record) -> list[str]:
        """What the user should read with the result."""
        notes = []
        if status == "diverged":
            notes.append(
                f"The run diverged by step {self.steps(trajectory)}; its network and "
                "pruning table are those of the last record with finite weights and "
                "losses."
            )
        else:
            notes += chance_notes(final["train_accuracy"], self.data.train.y)
        if not self.config.standardised:
            notes += scale_notes(np.asarray(self.data.train.x))
        notes += class_notes(self.data.n_classes, len(self.data.train.y))
        chance = math.log(self.data.n_classes)
        if status == "converged" and final["train_loss"] > chance:
            notes.append(
                f"The run met its target with a training loss of "
                f"{final['train_loss']:.3g}, above log C = {chance:.3g}: a lucky "
                "crossing; set `consecutive` or `max_train_loss`."
            )
        return notes


def _arrays(config: HeavyTails, data: Data) -> list[Need]:
    """The largest arrays of a run besides its data."""
    size, width = itemsize(config.precision), ("`width`", config.width)
    if config.network != "mlp":
        wide = 2 if config.network == "vgg11-wide" else 1
        widest = ("512 x `multiplier`", round(512 * wide * config.multiplier))
        layers = ("3 x 3 x 6 layers", 54)
        return [Need("filters and gradient", (widest, widest, layers), size, 2)]
    inputs = ("inputs", data.train.x.shape[1])
    layers = ("`depth` - 2", config.depth - 2)
    batch = config.batch_size or data.train.x.shape[0]
    rows = max(batch, data.test.x.shape[0], data.train.x.shape[0])
    return [
        Need("weights and their gradient", (inputs, width), size, 2),
        Need("hidden weights and their gradient", (width, width, layers), size, 2),
        Need("hidden neurons", (("samples", rows), width), size),
    ]


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
    """The noisy descent.

    Raises:
        ConfigError: If the network is no end of one, because noise came after it.
    """
    if config.noise != "none" and config.noise_when == "after":
        raise ConfigError(
            "Noise was added after the training: no training ends at the network."
        )
    problem = Problem.of(config)
    return problem.training(), problem.plan()
