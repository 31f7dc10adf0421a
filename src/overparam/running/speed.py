"""What this machine reaches on a small piece of each study, beside the docs' numbers.

Each piece is the one that a page of `docs/benchmarks` measures; a test compares the
numbers here with those of the pages.
"""

import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..convex.programs.patterns import patterns_of
from ..convex.programs.program import convex_program
from ..convex.solvers.interior_point import solve
from ..data.source import Table
from ..drawing import normal
from ..dynamics.descent import Descent
from ..dynamics.noisy_descent import NoisyDescent, torch_sgd
from ..limits.kernels.empirical import tangent_kernel
from ..networks.convolutional.resnet import resnet
from ..networks.deep import mlp
from ..networks.initialise import two_layer
from ..networks.linear import LinearReadout
from ..noise.heavy_tailed import HeavyTailNoise
from ..objectives.penalties import L2Penalty
from ..studies.registry import study
from ..training.plan import Plan, Training, Watch
from ..training.single import train
from .precision import precision


REFERENCE_MACHINE = "two cores (x86_64) that other work shared, jax 0.10.2 on CPU"
"""Where the numbers of the docs were measured."""

Clock = Literal["wall", "processor"]
Tick = tuple[float, float]
"""Seconds of the clock, and of the processor."""


@dataclass(frozen=True)
class Probe:
    """A small piece of a study that is timed several times over."""

    what: str
    ticks: Callable[[], list[Tick]]
    """Does it several times, and gives the times before, between and after."""
    per: int
    """How many of what is stated lie between two ticks."""
    docs_ms: float
    page: str
    clock: Clock = "processor"


@dataclass(frozen=True)
class Reached:
    """What this machine reaches on a piece, in milliseconds."""

    study: str
    what: str
    here_ms: float
    docs_ms: float
    clock: Clock
    compilation_s: float
    """How much longer the first time took."""
    peak_memory_gb: float
    """The most memory that this process has used up to here."""
    page: str

    @property
    def ratio(self) -> float:
        """Time here over the time of the docs."""
        return self.here_ms / self.docs_ms


def reached() -> Iterator[Reached]:
    """Measure every piece; takes about twenty seconds once programs are compiled."""
    for name, probe in PROBES.items():
        with precision():  # The pages are of float32 where nothing else is said.
            ticks = np.array(probe.ticks())
        spent = np.diff(ticks[:, 0 if probe.clock == "wall" else 1])
        first = np.diff(ticks[:, 0])
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        unit = 1 if sys.platform == "darwin" else 1024  # Bytes there, else kilobytes.
        yield Reached(
            study=name,
            what=probe.what,
            here_ms=1e3 * float(spent[1:].min()) / probe.per,
            docs_ms=probe.docs_ms,
            clock=probe.clock,
            compilation_s=max(float(first[0] - first[1:].min()), 0.0),
            peak_memory_gb=most * unit / 1e9,
            page=probe.page,
        )


def _now() -> Tick:
    return time.perf_counter(), time.process_time()


def _called(call: Callable[[], Any], times: int) -> list[Tick]:
    ticks = [_now()]
    for _ in range(times):
        jax.block_until_ready(call())
        ticks.append(_now())
    return ticks


def _trained(training: Training, plan: Plan) -> list[Tick]:
    """A tick at the start and at every record."""
    ticks = [_now()]
    train(training, plan, watch=Watch(progress=lambda *_, **__: ticks.append(_now())))
    return ticks


def _of_study(name: str, *, record_every: int, **fields: Any) -> list[Tick]:
    entry = study(name)
    with precision(fields):
        training, plan = entry.function("training")(entry.config_class()(**fields))
        training = replace(training, keep_steps=())
        return _trained(training, replace(plan, record_every=record_every))


def _planted() -> list[Tick]:
    return _of_study("planted", record_every=1000, epochs=20, stop_below=0.0)


def _timescales() -> list[Tick]:
    fields = {"data": "lattice", "limits": (), "width": 1024, "precision": "float64"}
    return _of_study("timescales", record_every=200, n_steps=1000, **fields)


def _features() -> list[Tick]:
    n_samples, width = 12_800, 1000
    x = normal(jax.random.key(0), (n_samples, width), jnp.float32)
    descent = Descent(
        "cross-entropy",
        optax.adam,
        learning_rate=1e-3,
        penalty=L2Penalty({"readout": 5e-5}),
    )
    network = LinearReadout(readout=jnp.zeros((width, 10)))
    return _classified(descent, network, x, batch_size=128, record_every=100, records=5)


def _heavy_tails() -> list[Tick]:
    x = normal(jax.random.key(0), (60_000, 784), jnp.float32)
    descent = Descent("cross-entropy", torch_sgd, learning_rate=0.01)
    noise = HeavyTailNoise("shared", 1.75, 0.003)
    noisy = NoisyDescent(descent, noise, 0.01, jax.random.key(1))
    network = mlp((784, 1000, 10), key=jax.random.key(0))
    return _classified(noisy, network, x, batch_size=5000, record_every=4, records=5)


def _images() -> list[Tick]:
    x = normal(jax.random.key(0), (512, 32, 32, 3), jnp.float32)
    descent = Descent("cross-entropy", optax.sgd, learning_rate=0.01, momentum=0.9)
    network = resnet(20, key=jax.random.key(0))
    return _classified(descent, network, x, batch_size=128, record_every=2, records=3)


def _classified(
    dynamics: Any, network: Any, x: jax.Array, *, batch_size: int, **lengths: int
) -> list[Tick]:
    """A training on random inputs of ten classes."""
    source = Table(x, jnp.arange(len(x), dtype=jnp.int32) % 10)
    every = lengths["record_every"]
    return _trained(
        Training(
            dynamics=dynamics, network=network, source=source, key=jax.random.key(2)
        ),
        Plan(
            n_steps=every * lengths["records"],
            batch_size=batch_size,
            record_every=every,
        ),
    )


def _recovery() -> list[Tick]:
    n, d = 200, 50
    rng = np.random.default_rng(1)
    x = rng.standard_normal((n, d)) / np.sqrt(n)
    direction = rng.standard_normal(d)
    patterns = patterns_of(x, rng.standard_normal((n, d)))
    y = x @ direction / np.linalg.norm(direction)
    # A programme keeps what it has computed, so that every solve has its own.
    fresh = [convex_program(x, y, patterns=patterns, network="skip") for _ in range(4)]
    return _called(lambda: solve(fresh.pop(), tolerance=1e-6), len(fresh))


def _lazy() -> list[Tick]:
    network = two_layer(784, 4096, 10, scaling="ntk", key=jax.random.key(0))
    x = normal(jax.random.key(1), (2000, 784), jnp.float32)
    return _called(lambda: tangent_kernel(network, x), 3)


PROBES: Mapping[str, Probe] = {
    "planted": Probe(
        "epoch of 1000 steps, width 120, batch 10",
        _planted,
        1,
        22.3,
        "planted",
        clock="wall",
    ),
    "features": Probe(
        "step of Adam on the readout, width 1000, batch 128",
        _features,
        100,
        0.254,
        "readout",
    ),
    "heavy-tails": Probe(
        "noisy step, 784-1000-10, type 1, batch 5000",
        _heavy_tails,
        4,
        197.0,
        "heavy_tails",
    ),
    "timescales": Probe(
        "variable projection on the circle, width 1024",
        _timescales,
        200,
        0.535,
        "timescales",
    ),
    "images": Probe("step of ResNet-20, batch 128", _images, 2, 532.0, "images"),
    "recovery": Probe(
        "gated skip programme, 200 x 50, gap 1e-6", _recovery, 1, 22.0, "recovery"
    ),
    "lazy": Probe(
        "tangent kernel, 784-4096-10, 2000 samples", _lazy, 1, 595.0, "kernels"
    ),
}
