"""Training steps of ResNet-20 and VGG11 against PyTorch, both float32, same run.

    python benchmarks/images.py [--networks resnet20 vgg11] [--batch-size 128]

Milliseconds per step (wall and processor, minimum of the repeats) and their ratios, for
each network in a process of its own. PyTorch's threads spin while they wait, which
a busy machine counts as processor time: on an idle one alone this writes the page
`docs/benchmarks/images.md`, elsewhere it prints.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

from overparam.data import Batch
from overparam.dynamics import Descent, StochasticVarPro
from overparam.networks import resnet, vgg11
from overparam.readouts import Gram


STEPS = 2
"""Steps of one timed call of ours: they run inside the compiled loop."""
TITLES = {"resnet20": "ResNet-20", "vgg11": "VGG11", "vgg11-wide": "VGG11-wide"}
TABLE = Path(__file__).parent.parent / "docs" / "benchmarks" / "images.md"
PAGE = """\
# Training steps of ResNet-20 and VGG11 against PyTorch

Batch {batch_size}, float32, SGD with momentum: forward, backward and update. Each
network in one process with PyTorch {torch}, jax {jax}, nothing else on the machine.
Milliseconds per step by the clock, and of the processor (CPU, all cores together),
minimum of {repeats}. Targets are at most 1.3 times PyTorch's for ResNet-20 and 1.0
for VGG11.

| network | ours | PyTorch | ratio | ours, CPU | PyTorch, CPU | ratio, CPU |
|---|---|---|---|---|---|---|
{rows}

Written by `python benchmarks/images.py`.
"""


def best(call: Callable[[], Any], repeats: int) -> tuple[float, float]:
    call()
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return 1e3 * min(walls), 1e3 * min(cpus)


def ours(name: str, batch_size: int, dynamics: str) -> Callable[[], Any]:
    key = jax.random.key(0)
    networks = {
        "resnet20": lambda: resnet(20, key=key),
        "vgg11": lambda: vgg11(key=key),
        "vgg11-wide": lambda: vgg11(multiplier=2, key=key),
    }
    network = networks[name]()
    settings = {"learning_rate": 0.01, "momentum": 0.9}
    rule = Descent("cross-entropy", optax.sgd, **settings)
    if dynamics == "varpro":
        rule = StochasticVarPro(1e-3, Gram(), **settings)
    shape = (STEPS * batch_size, 32, 32, 3)
    x = jax.random.normal(key, shape, jnp.float32)
    y = jnp.arange(shape[0], dtype=jnp.int32) % 10
    state = rule.init(network, key=key)
    dynamic, static = eqx.partition(state, eqx.is_array)
    batches = jax.tree.map(
        lambda leaf: leaf.reshape(STEPS, batch_size, *leaf.shape[1:]), Batch(x, y)
    )

    def step(carry: Any, batch: Batch) -> tuple[Any, Any]:
        moved, info = rule.step(eqx.combine(carry, static), batch, key=key)
        return eqx.filter(moved, eqx.is_array), info

    steps = jax.jit(lambda carry: jax.lax.scan(step, carry, batches))
    return lambda: jax.block_until_ready(steps(dynamic))


def theirs(name: str, batch_size: int) -> Callable[[], Any]:
    import torch
    from torch import nn

    torch.set_num_threads(2)
    module = torch_resnet(nn) if name == "resnet20" else torch_vgg(nn, name)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9)
    x = torch.randn(batch_size, 3, 32, 32)
    y = torch.arange(batch_size) % 10

    def call() -> None:
        optimiser.zero_grad()
        nn.functional.cross_entropy(module(x), y).backward()
        optimiser.step()

    return call


def torch_vgg(nn: Any, name: str) -> Any:
    factor = 2 if name == "vgg11-wide" else 1
    layers: list[Any] = []
    before = 3
    for index, width in enumerate((64, 128, 256, 256, 512, 512, 512, 512)):
        layers.append(nn.Conv2d(before, factor * width, 3, padding=1, bias=False))
        layers.append(nn.ReLU())
        if index in (0, 1, 3, 5, 7):
            layers.append(nn.MaxPool2d(2))
        before = factor * width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(before, 10, bias=False))


def torch_resnet(nn: Any) -> Any:
    class Block(nn.Module):
        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(before, after, 3, stride, 1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
                nn.Conv2d(after, after, 3, 1, 1, bias=False),
                nn.BatchNorm2d(after),
            )
            self.shortcut = nn.Sequential()
            if before != after:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(before, after, 1, stride, bias=False),
                    nn.BatchNorm2d(after),
                )

        def forward(self, x: Any) -> Any:
            return nn.functional.relu(self.body(x) + self.shortcut(x))

    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    before = 16
    for width in (16, 32, 64):
        for _ in range(3):
            layers.append(Block(before, width, 2 if before != width else 1))
            before = width
    pool = nn.AdaptiveAvgPool2d(1)
    return nn.Sequential(*layers, pool, nn.Flatten(), nn.Linear(64, 10, bias=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--networks", nargs="+", choices=list(TITLES), default=["resnet20", "vgg11"]
    )
    parser.add_argument("--dynamics", choices=["descent", "varpro"], default="descent")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only, options)))
    elif importlib.util.find_spec("torch") is None:
        print("Skipped: the comparison needs PyTorch (`pip install overparam[torch]`).")
    else:
        idle = os.getloadavg()[0] < 1
        report = page(options)
        print(report)
        if idle and options == parser.parse_args([]):
            TABLE.write_text(report)


def measure(name: str, options: argparse.Namespace) -> list[float]:
    """Wall and processor milliseconds of a step: ours, and PyTorch's."""
    mine = best(ours(name, options.batch_size, options.dynamics), options.repeats)
    other = best(theirs(name, options.batch_size), options.repeats)
    return [*(time / STEPS for time in mine), *other]


def page(options: argparse.Namespace) -> str:
    """The page, every network measured in a process of its own."""
    import torch

    rows = []
    for name in options.networks:
        command = [sys.executable, __file__, *sys.argv[1:], "--only", name]
        told = subprocess.run(command, capture_output=True, text=True, check=True)
        wall, cpu, wall_torch, cpu_torch = json.loads(told.stdout.splitlines()[-1])
        rows.append(
            f"| {TITLES[name]} | {wall:.0f} | {wall_torch:.0f} | "
            f"{wall / wall_torch:.2f} | {cpu:.0f} | {cpu_torch:.0f} | "
            f"{cpu / cpu_torch:.2f} |"
        )
    return PAGE.format(
        **vars(options),
        rows="\n".join(rows),
        torch=torch.__version__,
        jax=jax.__version__,
    )


if __name__ == "__main__":
    main()
