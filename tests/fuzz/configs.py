"""Random configs: each is refused in one sentence, or runs to a status that is true.

`attack(n, seed)` builds `n` configs of a seeded generator and yields what did not end
so. Most have hostile values and are built only. One in `RUN_EVERY` is a small problem
with any of the listed choices, and is run.
"""

import dataclasses
import json
import math
import random
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import jax
import numpy as np

from overparam import Context, Outcome
from overparam.errors import OverparamError
from overparam.store import run_id
from overparam.store.json_values import plain
from overparam.studies.registry import STUDIES, Study, defaults


# Building takes microseconds, running compiles.
RUN_EVERY = 50

STATUSES = {"finished", "converged", "diverged", "stopped", "max_iterations"}
STATUSES |= {"optimal", "infeasible", "undecided", "unbounded"}

# Sizes of the problems that are run; every other field is free.
SMALL: Mapping[str, dict[str, Any]] = {
    "planted": {
        "input_dim": 6,
        "n_outputs": 2,
        "teacher_width": 2,
        "width": 4,
        "samples_per_epoch": 20,
        "batch_size": 10,
        "epochs": 2,
    },
    "features": {
        "dataset": "digits",
        "width": 5,
        "n_train": 140,
        "n_validation": 40,
        "epochs": 2,
    },
    "heavy-tails": {
        "dataset": "digits",
        "labels": "normal-vs-rest",
        "network": "mlp",
        "width": 4,
        "n_steps": 4,
        "evaluate_every": 2,
        "n_train": 60,
        "n_test": 40,
    },
    "timescales": {
        "width": 8,
        "n_samples": 16,
        "teacher_width": 8,
        "n_steps": 4,
        "records": 3,
        "cells": 64,
        "particles": 8,
        "keep": "2",
        "harmonics": 3,
        "limits": (),
    },
    "recovery": {
        "n_samples": 8,
        "input_dim": 3,
        "width": 5,
        "n_steps": 20,
        "n_test": 10,
        "n_patterns": 8,
        "max_iterations": None,
    },
    "lazy": {
        "dataset": "planted",
        "classes": "",
        "standardise_inputs": False,
        "input_dim": 3,
        "n_outputs": 2,
        "teacher_width": 2,
        "n_train": 12,
        "n_test": 8,
        "width": 4,
        "n_steps": 4,
        "evaluate_every": 2,
        "n_kernel": 5,
    },
}
RUNNABLE = [name for name in STUDIES if name in SMALL]

INTEGERS = [
    0,
    1,
    -1,
    2,
    3,
    7,
    2**31,
    2**32,
    2**53 + 1,
    2**63 - 1,
    2**63,
    2**64,
    10**400,
]
FLOATS = [0.0, -0.0, 1.0, 0.5, -1.0, 1e-3, 1e-12, 1e-300, 5e-324, 1e3, 1e12, 1e300]
FLOATS += [math.inf, -math.inf, math.nan, 1.75, 2.0]
ODD = [None, True, "", "x" * 1000, "a\nb", "\udcff", (), (1, 2), [1], {}, b"1", 1j]
ODD += [np.float64(1.0), np.int64(3), np.array(1.0), np.array([1, 2]), object]
# What names data: of the catalogue, kept ones, paths, and nearly these.
TEXTS = ["digits", "mnist", "mine", "mine@0123456789ab", "mine@", "@0123456789ab"]
TEXTS += ["missing.npz", "missing.npz@0123456789ab", "../mine", ".", "..", "/", "~"]
TEXTS += ["/dev/null", "/dev/zero", "a\0.npz", "x" * 300 + ".npz", " digits", "DIGITS"]
MODEST = {int: [0, 1, 2, 3, 5], float: [0.0, 1e-3, 1e-2, 0.1, 0.5, 1.0, 1.5]}


@dataclass(frozen=True)
class Finding:
    """A config that ended neither in a sentence nor in a status that is true."""

    study: str
    fields: dict[str, Any]
    what: str


def attack(n: int, seed: int) -> Iterator[Finding]:
    """Try `n` configs; equal seeds give equal configs."""
    rng = random.Random(seed)
    for number in range(n):
        if number % RUN_EVERY == RUN_EVERY - 1:
            name = rng.choice(RUNNABLE)
            fields = SMALL[name] | _changes(
                rng, STUDIES[name], MODEST, keep=SMALL[name]
            )
        else:
            name = rng.choice(list(STUDIES))
            fields = _changes(rng, STUDIES[name], {int: INTEGERS, float: FLOATS})
            if fields and rng.random() < 0.3:
                fields[rng.choice(list(fields))] = rng.choice(ODD)
        try:
            config = STUDIES[name].config_class()(**fields)
            what = _unstable(name, config)
            if number % RUN_EVERY == RUN_EVERY - 1:
                what = what or _untrue(_run(STUDIES[name], config))
        except OverparamError as error:
            what = _no_sentence(error)
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
        if what:
            yield Finding(name, fields, what)


def _changes(
    rng: random.Random,
    study: Study,
    numbers: Mapping[type, list[Any]],
    keep: Mapping[str, Any] = types.MappingProxyType({}),
) -> dict[str, Any]:
    hints = typing.get_type_hints(study.config_class())
    free = [name for name in hints if name not in keep]
    chosen = rng.sample(free, k=min(len(free), rng.randint(0, 5)))
    return {name: _value(rng, hints[name], numbers) for name in chosen}


def _value(rng: random.Random, hint: Any, numbers: Mapping[type, list[Any]]) -> Any:
    """A value of the type that a field is annotated with, odd as it may be."""
    if typing.get_origin(hint) is Literal:
        return rng.choice(typing.get_args(hint))
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return _value(rng, rng.choice(typing.get_args(hint)), numbers)
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)[0]
        return tuple(_value(rng, inner, numbers) for _ in range(rng.randint(0, 3)))
    if hint is type(None):
        return None
    if hint is bool:
        return rng.random() < 0.5
    return rng.choice(numbers.get(hint, TEXTS + ODD if hint is str else ODD))


def _no_sentence(error: OverparamError) -> str | None:
    text = str(error)
    if len(text.splitlines()) != 1 or not text.endswith((".", ")", "`")):
        return f"no sentence: {text!r}"
    return f"a sentence of {len(text)} characters" if len(text) > 1000 else None


def _unstable(name: str, config: Any) -> str | None:
    """A config that was accepted can be stored, found again and built from that."""
    given = defaults(type(config))
    fields = dataclasses.asdict(config)
    stored = json.loads(json.dumps(plain(fields)))
    if run_id(name, fields, given) != run_id(name, stored, given):
        return "its id is not that of what is stored"
    again = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in stored.items()
    }
    return None if type(config)(**again) == config else "it is not what is stored"


def _run(study: Study, config: Any) -> Outcome:
    # As the command line does it.
    wants = getattr(config, "precision", "float32") == "float64"
    with jax.enable_x64(wants):
        return study.function("run")(config, Context())


def _untrue(outcome: Outcome) -> str | None:
    """What contradicts the status of a run."""
    if outcome.status not in STATUSES:
        return f"the status {outcome.status!r}"
    json.dumps(plain({"summary": outcome.summary, "notes": list(outcome.notes)}))
    lengths = {len(column) for column in outcome.metrics.values()}
    if len(lengths) > 1:
        return f"columns of lengths {lengths}"
    if outcome.status in ("diverged", "infeasible"):
        return None
    losses = np.asarray(outcome.metrics.get("loss", [0.0]), float)
    if "exact" in outcome.metrics:  # Of an exact readout the objective is told.
        exact = np.asarray(outcome.metrics["exact"]) == 1
        losses = np.where(exact, outcome.metrics["objective"], losses)
    losses = losses[1:]
    if not np.isfinite(losses).all():
        return f"{outcome.status} with a loss that is not finite"
    leaves = jax.tree.leaves(outcome.network)
    weights = [leaf for leaf in leaves if isinstance(leaf, jax.Array)]
    if not all(np.isfinite(np.asarray(leaf)).all() for leaf in weights):
        return f"{outcome.status} with weights that are not finite"
    return None
