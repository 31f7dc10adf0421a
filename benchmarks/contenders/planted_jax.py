"""The planted training in overparam as users run it, and its parts alone."""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from overparam import Context
from overparam.data import PlantedStream, standard_normal
from overparam.studies.planted.config import Planted
from overparam.studies.planted.problem import Problem
from overparam.studies.planted.run import run_together
from overparam.training import Plan, Watch, compiler_options, train


RATES = (1e-4, 1e-3, 1e-2, 1e-1)


def ours(n_epochs: int) -> list[float]:
    """Seconds per epoch of the study, with its records and the exact risk."""
    training = Problem.of(Planted()).training()
    plan = _plan(n_epochs + 1)
    ticks = []
    train(
        training,
        plan,
        watch=Watch(progress=lambda *_, **__: ticks.append(time.perf_counter())),
    )
    # The first interval would hold the compilation.
    return np.diff(ticks).tolist()


def four_rates(n_epochs: int) -> list[float]:
    """Seconds of the learning-rate test of `n_epochs`, compilation included."""
    start = time.perf_counter()
    fields = {"epochs": n_epochs, "stop_below": 0.0}
    run_together([Planted(learning_rate=rate, **fields) for rate in RATES], Context())
    return [time.perf_counter() - start]


def numbers(n_epochs: int) -> list[float]:
    """Seconds per epoch of the normal numbers alone."""

    def body(key: Array, step: Array) -> tuple[Array, Array]:
        x = standard_normal(
            jax.random.fold_in(key, step), (500, 150), dtype=jnp.float32
        )
        # The sum keeps the compiler from drawing only what is looked at.
        return key, x.sum()

    return _timed(
        lambda key: jax.lax.scan(body, key, jnp.arange(20))[1],
        jax.random.key(0),
        n_epochs,
    )


def labels(n_epochs: int) -> list[float]:
    """Seconds per epoch of the teacher's products alone."""
    stream = _stream()
    x = jax.random.normal(jax.random.key(0), (500, 150))

    def body(x: Array, step: Array) -> tuple[Array, Array]:
        y = stream.teacher(x)
        # The next input depends on this output, so that no product is dropped.
        return x + 1e-9 * y.sum(), y[0, 0]

    return _timed(lambda x: jax.lax.scan(body, x, jnp.arange(20))[1], x, n_epochs)


def steps(n_epochs: int) -> list[float]:
    """Seconds per epoch of the student's steps alone, on samples in the cache."""
    problem = Problem.of(Planted())
    drawn = _stream().draw(jax.random.key(0), jnp.int32(0), 50, 10)
    dynamics = problem.training().dynamics
    state = dynamics.init(problem.student, key=jax.random.key(0))

    def step(state, batch):
        state, info = dynamics.step(state, batch, key=jax.random.key(0))
        return state, info.loss

    def draw(state, _):
        return jax.lax.scan(step, state, drawn)

    return _timed(lambda s: jax.lax.scan(draw, s, None, 20), state, n_epochs)


def _stream() -> PlantedStream:
    return PlantedStream(Problem.of(Planted()).teacher)


def _plan(n_epochs: int) -> Plan:
    steps = Planted().steps_per_epoch
    return Plan(n_steps=n_epochs * steps, batch_size=10, record_every=steps)


def _timed(function: Callable, argument: object, n_epochs: int) -> list[float]:
    # As the loop compiles a small training.
    compiled = jax.jit(function, compiler_options=compiler_options(one_core=True))
    jax.block_until_ready(compiled(argument))
    seconds = []
    for _ in range(n_epochs):
        start = time.perf_counter()
        jax.block_until_ready(compiled(argument))
        seconds.append(time.perf_counter() - start)
    return seconds
