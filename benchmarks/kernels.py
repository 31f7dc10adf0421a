"""Kernels of networks against Jacobians, and against the products in their formulas.

Usage: python benchmarks/kernels.py

Processor seconds of one process, without compilation, and the ratios of those that were
measured in turn; times of different machines mean nothing. It writes the table
`docs/benchmarks/kernels.md`.
"""

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import overparam as op
from overparam.limits import tangent_kernel, wide_kernels, wide_mlp


TABLE = Path(__file__).parent.parent / "docs" / "benchmarks" / "kernels.md"
NOTE = """\
# Tangent kernels

    python benchmarks/kernels.py

Processor seconds without compilation, faster of two; ours and the other way in turn
in one process. Read the ratios, because other work shared the machine. A Jacobian of
2000 samples would take {jacobian:.0f} GB, so that it is measured at a few; the process
took {memory:.1f} GB at most.

| what | the other way, s | ours, s | ratio | target | met |
|---|---|---|---|---|---|
{rows}
"""

INPUTS, WIDTH, OUTPUTS = 784, 4096, 10
MOST_WAITED = 60
"""Seconds until it begins, whatever other threads do."""


def by_jacobian(network: op.TwoLayer, x: jax.Array) -> Callable[[], Any]:
    moving, fixed = eqx.partition(network, eqx.is_inexact_array)

    @jax.jit
    def kernel(weights: Any, x: jax.Array) -> jax.Array:
        jacobian = jax.jacobian(lambda w: eqx.combine(w, fixed)(x))(weights)
        parts = [leaf.reshape(len(x), -1) for leaf in jax.tree.leaves(jacobian)]
        return sum(part @ part.T for part in parts) / OUTPUTS

    return lambda: kernel(moving, x)


def products(network: op.TwoLayer, x: jax.Array) -> Callable[[], Any]:
    """One product with the weights and three Gram matrices."""

    @jax.jit
    def run(weights: jax.Array, x: jax.Array) -> jax.Array:
        z = x @ weights
        hidden, slopes = jnp.maximum(z, 0), jnp.where(z > 0, 1.0, 0.0)
        return hidden @ hidden.T + (x @ x.T) * (slopes @ slopes.T)

    return lambda: run(network.weights, x)


def passes(x: np.ndarray, *, hidden: int, tile: int = 500) -> Callable[[], Any]:
    """The product of inputs, and the angles and roots of every hidden layer."""

    @jax.jit
    def run(left: jax.Array, right: jax.Array) -> jax.Array:
        cosines = left @ right.T
        tangent = cosines
        for _ in range(hidden):
            angles = jnp.pi - jnp.arccos(jnp.clip(cosines, -1, 1))
            roots = jnp.sqrt((1 - cosines) * (1 + cosines))
            tangent = tangent * angles / jnp.pi
            cosines = (roots + angles * cosines) / jnp.pi
            tangent = tangent + cosines
        return jnp.stack([cosines, tangent])

    unit = x / np.linalg.norm(x, axis=1, keepdims=True)

    def whole() -> np.ndarray:
        found = np.empty((2, len(x), len(x)))
        with jax.enable_x64(True):
            for i in range(0, len(x), tile):
                for j in range(i, len(x), tile):
                    part = np.asarray(run(unit[i : i + tile], unit[j : j + tile]))
                    found[:, i : i + tile, j : j + tile] = part
                    found[:, j : j + tile, i : i + tile] = part.swapaxes(1, 2)
        return found

    return whole


def seconds(run: Callable[[], Any]) -> float:
    # What the run before held is freed by another thread, late: wait until all rest.
    for _ in range(MOST_WAITED):
        begun = time.process_time()
        time.sleep(1)
        if time.process_time() - begun < 1e-3:
            break
    begun = time.process_time()
    jax.block_until_ready(run())
    return time.process_time() - begun


def row(
    what: str,
    other: Callable[[], Any],
    ours: Callable[[], Any],
    *,
    faster: float | None = None,
    within: float | None = None,
) -> str:
    """Ratio of the other way to ours, or of ours to it where that is the bound."""
    for run in (other, ours):
        jax.block_until_ready(run())
    theirs, own = (
        min(pair)
        for pair in zip(
            *[(seconds(other), seconds(ours)) for _ in range(2)], strict=True
        )
    )
    if faster is not None:
        ratio, target, met = theirs / own, f"{faster:g} x", theirs / own >= faster
    else:
        ratio, target = own / theirs, f"below {within:g}"
        met = within is not None and ratio <= within
    answer = "yes" if met else "no"
    return f"| {what} | {theirs:.3g} | {own:.3g} | {ratio:.2f} | {target} | {answer} |"


def main() -> None:
    rng = np.random.default_rng(0)
    network = op.two_layer(INPUTS, WIDTH, OUTPUTS, scaling="ntk", key=jax.random.key(0))
    x = jnp.asarray(rng.normal(size=(2000, INPUTS)), jnp.float32)
    few = x[:8]
    images = rng.normal(size=(5000, INPUTS))
    wide = wide_mlp(4, weight_variance=2.0)
    sizes = f"{INPUTS}-{WIDTH}-{OUTPUTS}"
    rows = [
        row(
            f"{sizes}, 8 samples: contracted Jacobian",
            by_jacobian(network, few),
            lambda: tangent_kernel(network, few),
            faster=20,
        ),
        row(
            f"{sizes}, 2000 samples: products of its formula",
            products(network, x),
            lambda: tangent_kernel(network, x),
            within=3,
        ),
        row(
            "closed form, 4 layers, 5000 x 5000: its product and passes",
            passes(images, hidden=3),
            lambda: wide_kernels(wide, images),
            within=1.5,
        ),
    ]
    report = NOTE.format(
        jacobian=4e-9 * 2000 * OUTPUTS * WIDTH * (INPUTS + OUTPUTS),
        memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        rows="\n".join(rows),
    )
    print(report)
    TABLE.write_text(report)


if __name__ == "__main__":
    main()
