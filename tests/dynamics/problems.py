"""Small problems that the tests of the loop share."""

import jax
import jax.numpy as jnp
import optax

from overparam import two_layer
from overparam.data import PlantedStream, Table, teacher
from overparam.dynamics import Descent
from overparam.training import Plan, Training


PLAN = Plan(n_steps=60, batch_size=5, record_every=20)


def stream(seed: int = 1) -> PlantedStream:
    return PlantedStream(teacher(6, 3, 2, dtype="float64", key=jax.random.key(seed)))


def table(n_samples: int = 23) -> Table:
    x = jax.random.normal(jax.random.key(5), (n_samples, 6), jnp.float64)
    return Table(x, stream().teacher(x))


def training(
    *, width: int = 7, rate: float = 0.05, seed: int = 2, **kwargs
) -> Training:
    given = {
        "dynamics": Descent("half-squared-error", optax.sgd, learning_rate=rate),
        "network": two_layer(6, width, 2, dtype="float64", key=jax.random.key(seed)),
        "source": stream(),
        "key": jax.random.key(seed),
    }
    return Training(**(given | kwargs))
