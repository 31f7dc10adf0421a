"""Strict numerics for every test; real data sets for those that ask for them."""

import functools
import gc
import os
import signal
import time
from pathlib import Path


os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")
# Set, it keeps the command line from switching the persistent cache on.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", "")

import hypothesis
import jax
import pytest
from jax._src.interpreters import mlir

from overparam.by_name import load
from overparam.catalogue import KINDS
from overparam.data import load_data
from overparam.data.files.locate import locate
from overparam.data.files.official import OFFICIAL


# A shell that starts the tests in the background has it ignored, and so would every
# process that the tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Python's search for garbage goes through every compiled program, again and again.
gc.set_threshold(50_000, 20, 50)

# No test cuts the power, and waiting for the disk is most of the time of storing a run.
os.fsync = lambda _: None

# JAX makes a context of MLIR for every program, which takes more than half of the time
# of a small one, be it compiled already; ours share one.
mlir.make_ir_context = functools.cache(mlir.make_ir_context)

# The first example compiles, and other work shares the cores. With a `SEED` the tests
# look for new examples; without, a failure is of the change that is tested.
hypothesis.settings.register_profile(
    "overparam", deadline=None, derandomize="SEED" not in os.environ
)
hypothesis.settings.load_profile("overparam")

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")


@pytest.fixture(autouse=True)
def precision():
    """The command line sets JAX's float64 flag and cache; give every test ours."""
    yield
    jax.config.update("jax_enable_x64", True)


def give_up_programs() -> None:
    """Forget compiled programs where there are many.

    Each holds pieces of memory, of which Linux gives a process 65,530; XLA crashes
    where it gets no more.
    """
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > 25_000:
        gc.unfreeze()
        jax.clear_caches()
        gc.collect()


@pytest.fixture(autouse=True)
def few_programs_in_a_file():
    """Counting them takes as long as a small test; only others compile many."""
    start = time.monotonic()
    yield
    if time.monotonic() - start > 1:
        give_up_programs()


@pytest.fixture(scope="module", autouse=True)
def few_programs():
    """Compiled programs are given up in time, and not searched for garbage before.

    With all that lives on they are millions of objects, and to search them took a tenth
    of the time of the tests.
    """
    yield
    mlir.make_ir_context.cache_clear()  # It keeps the constants of its programs.
    give_up_programs()
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def catalogues():
    """What a module registers is forgotten after it."""
    all_ = [load(place) for place in KINDS.values()]
    before = [dict(catalogue._own) for catalogue in all_]
    yield
    for catalogue, own in zip(all_, before, strict=True):
        catalogue._own = own


@pytest.fixture
def key() -> jax.Array:
    return jax.random.key(0)


@pytest.fixture(scope="session")
def real_data():
    """`real_data(name)`: the real data set; else a skip, with CI=true a failure."""

    def find(name: str):
        if name == "digits" or locate(OFFICIAL[name]):
            return load_data(name)
        reason = f"{name} is not there; set OVERPARAM_DATA (see `bash .ci/data`)."
        in_ci = os.environ.get("CI") == "true"  # `.ci/data` may lack Fashion-MNIST.
        (pytest.fail if in_ci and name != "fashion-mnist" else pytest.skip)(reason)

    return find
