"""What is drawn does not depend on the precision it is used in."""

import ast
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse.linalg import eigsh

import overparam
from overparam import two_layer
from overparam.data import (
    CircleTeacher,
    Split,
    gaussian_mixture,
    sample_student,
    sample_teacher,
)
from overparam.data.sources.augment import RESNET_NORMALISATION, ImageSource
from overparam.data.sources.mixture import direction
from overparam.drawing import arpack_start, uniform, uniform_each
from overparam.networks import mlp, random_features
from overparam.noise import isotropic_stable, symmetric_stable
from overparam.studies.recovery.config import Recovery
from overparam.studies.timescales.config import Timescales
from overparam.studies.timescales.problem import inputs, student_points, teacher_points


SOURCE = Path(overparam.__file__).parent


def mixture(dtype, key):
    mean = direction(5, dtype=dtype, key=key)
    return gaussian_mixture(mean, 30, 20, key=key)


def images(dtype, key):
    """Twenty crops and flips."""
    pictures = np.arange(4 * 8 * 8 * 3, dtype=np.uint8).reshape(4, 8, 8, 3)
    split = Split(pictures, np.arange(4))
    source = ImageSource(split, RESNET_NORMALISATION, augment=True, dtype=dtype)
    drawn = source.draw(key, jnp.asarray(0, jnp.int32), 10, 2)
    return jax.vmap(source.batch)(drawn)


DRAWN = {
    "two-layer": lambda dtype, key: two_layer(5, 7, 2, dtype=dtype, key=key),
    "mlp": lambda dtype, key: mlp((5, 7, 2), bias=True, dtype=dtype, key=key),
    "features": lambda dtype, key: random_features(
        "truncated", 5, 7, dtype=dtype, key=key
    ),
    "mixture": mixture,
    "images": images,
}
STABLE = {
    "symmetric": partial(symmetric_stable, 1.75, (500,)),
    "isotropic": partial(isotropic_stable, 1.5, (99, 5)),
}


@pytest.mark.parametrize("name", DRAWN)
def test_precision_changes_rounding_alone(name, key):
    double = jax.tree.leaves(DRAWN[name]("f8", key))
    with jax.enable_x64(False):
        single = jax.tree.leaves(DRAWN[name]("f4", key))
    for one, other in zip(single, double, strict=True):
        # A few roundings of float32; the mean direction adds a normalisation.
        np.testing.assert_allclose(one, other, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("name", STABLE)
def test_precision_refines_stable_draws(name, key):
    one, other = (
        np.asarray(STABLE[name](dtype=d, key=key)) for d in ("float32", "float64")
    )
    # The 31 bits of float32 leave 1/(2 n) of relative freedom in the nearest of n
    # distances to the pole; the formula itself is good to 2e-5 (see its own test).
    np.testing.assert_allclose(one, other, rtol=5e-5, atol=1e-5)


@pytest.mark.parametrize("draw", [inputs, student_points, teacher_points])
@pytest.mark.parametrize("problem", ["circle", "torus"])
def test_timescales_draws_the_same_numbers_with_and_without_64_bits(draw, problem):
    fields = {"problem": problem, "n_samples": 40, "width": 8, "teacher_width": 16}
    wide = draw(Timescales(precision="float64", seed=3, **fields))
    with jax.enable_x64(False):
        narrow = draw(Timescales(precision="float32", seed=3, **fields))
    assert narrow.dtype == np.float64
    np.testing.assert_array_equal(wide, narrow)


def test_points_of_circle_and_torus_do_not_depend_on_the_flag(key):
    draws = (
        lambda: CircleTeacher(100.0).sample(9, key=key),
        lambda: sample_teacher(9, gamma=100.0, key=key),
        lambda: sample_student(9, key=key),
    )
    for draw in draws:
        wide = draw()
        with jax.enable_x64(False):
            np.testing.assert_array_equal(wide, draw())


def test_recovery_starts_from_the_same_weights_in_both_precisions():
    from overparam.studies.recovery.problem import Problem

    common = {"n_samples": 6, "input_dim": 3, "method": "training", "fit": "penalised"}
    starts = []
    for precision in ("float32", "float64"):
        trial = Problem.of(Recovery(precision=precision, **common))
        starts.append(jax.tree.leaves(trial.training().network))
    for one, other in zip(*starts, strict=True):
        np.testing.assert_array_equal(one, np.asarray(other, np.float32))


def test_real_numbers_are_drawn_in_one_place():
    """A sampler that is given the working type draws other numbers in another one."""
    real = {"normal", "uniform", "truncated_normal", "exponential", "gamma", "laplace"}
    real |= {"bernoulli"}  # a coin is a uniform number that is compared
    at_home = {SOURCE / "drawing.py", SOURCE / "data" / "sources" / "normal.py"}
    for path in set(SOURCE.rglob("*.py")) - at_home:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in real:
                assert ast.unparse(node.value) != "jax.random", path


def test_arpack_gives_the_same_again_where_it_draws_another_start():
    matrix = np.diag(np.arange(1.0, 51.0))
    found = []
    for _ in range(3):
        # An eigenvector as a start is an invariant subspace at once.
        options = arpack_start(50) | {"v0": np.eye(50)[0]}
        found.append(eigsh(matrix, k=2, **options)[1])
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_several_shapes_are_drawn_as_each_alone():
    keys = jax.random.split(jax.random.key(0), 3)
    shapes, bounds = [(3, 3, 4, 5), (7,), (2, 3)], [0.5, 1 / 3, 2.0]
    together = jax.jit(
        lambda k: uniform_each(list(k), shapes, "float64", bounds=bounds)
    )
    for drawn, key, shape, bound in zip(
        together(keys), keys, shapes, bounds, strict=True
    ):
        alone = uniform(key, shape, "float64", bound=bound)
        np.testing.assert_array_equal(drawn, alone)
