"""The Hessian of the exact risk against closed forms, differences and itself."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree
from numpy.testing import assert_allclose

from overparam.analysis import ExactRisk, smallest_curvatures
from overparam.analysis.hessian.curvature import Surface
from overparam.analysis.risk import EmpiricalLoss
from overparam.errors import ConfigError
from overparam.limits import risk, risk_gradient
from overparam.networks import MLP, LinearReadout, TwoLayer, mlp, two_layer_view
from overparam.objectives import cross_entropy, half_squared_error


SEEDS = st.integers(0, 2**31 - 1)
FEW = settings(max_examples=2)


def _network(seed, *, input_dim=4, width=3, n_outputs=2):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(input_dim, width)) / np.sqrt(input_dim)
    readout = rng.normal(size=(width, n_outputs)) / np.sqrt(width)
    return TwoLayer(jnp.asarray(weights), jnp.asarray(readout))


@FEW
@given(seed=SEEDS)
def test_the_curvatures_of_one_found_neuron_are_the_closed_form(seed):
    """f = u psi(v x): E[f' f'^T] has these eigenvalues where student is teacher."""
    network = _network(seed, input_dim=5, width=1, n_outputs=3)
    v = float(jnp.sum(network.weights**2))
    u = float(jnp.sum(network.readout**2))
    expected = sorted([0.0, (u + v) / 2] + [v / 2] * 2 + [u / 2] * 4)
    found = smallest_curvatures(network, ExactRisk(network), count=7)
    # Angles of parallel neurons lose half of the digits.
    assert_allclose(found.values, expected[:7], atol=1e-7)
    assert found.gradient_norm <= 1e-12


@pytest.mark.parametrize("isotropic", [True, False])
@FEW
@given(seed=SEEDS)
def test_the_hessian_is_the_difference_of_closed_form_gradients(isotropic, seed):
    student, teacher = _network(seed), _network(seed + 1, width=2)
    covariance = None if isotropic else np.diag([2.0, 1.0, 0.7, 0.3])
    flat, unravel = ravel_pytree(student)
    step = 1e-5

    def gradient(at):
        student = unravel(jnp.asarray(at))
        found = risk_gradient(student, teacher, covariance=covariance)
        return ravel_pytree(TwoLayer(found.weights, found.readout))[0]

    columns = [
        (gradient(flat + step * unit) - gradient(flat - step * unit)) / (2 * step)
        for unit in np.eye(flat.size)
    ]
    hessian = Surface(student, ExactRisk(teacher, covariance)).matrix()
    # Error of a central difference: its square 1e-10, and rounding 1e-16 / 1e-5.
    assert_allclose(hessian, np.stack(columns), atol=1e-7 * np.abs(hessian).max())


def test_lanczos_agrees_with_the_whole_matrix():
    student = _network(0, input_dim=12, width=30, n_outputs=4)
    teacher = _network(1, input_dim=12, width=6, n_outputs=4)
    values = np.linalg.eigvalsh(Surface(student, ExactRisk(teacher)).matrix())
    assert len(values) == 480
    found = smallest_curvatures(student, ExactRisk(teacher), count=3)
    # The residual is 1e-5 of the largest; errors are of its square where gaps are.
    assert_allclose(found.values, values[:3], atol=1e-5 * values[-1])


@pytest.mark.parametrize("count", [1, 3, 12])
def test_equal_curvatures_count_as_often_as_they_occur(count):
    # Over samples of a linear readout each curvature is one of each of 20 outputs.
    x, y = _samples(4, 200, 30, 20)
    student = LinearReadout(jnp.ones((30, 20)))
    found = smallest_curvatures(
        student, EmpiricalLoss(x, y, half_squared_error), count=count
    )
    values = np.linalg.eigvalsh(np.asarray(x).T @ np.asarray(x) / len(x))
    # Errors are of the square of the residual, 1e-5 of the largest, over gaps.
    expected = np.repeat(values, 20)[:count]
    assert_allclose(found.values, expected, atol=1e-7 * values[-1])


def test_the_direction_has_the_curvature_along_it():
    student, teacher = _network(2), _network(3, width=5)
    found = smallest_curvatures(student, ExactRisk(teacher), count=1)
    flat = ravel_pytree(found.direction)[0]
    assert float(jnp.linalg.norm(flat)) == pytest.approx(1)
    step = 1e-3

    def along(by):
        moved = jax.tree.map(lambda w, d: w + by * d, student, found.direction)
        return risk(moved, teacher)

    second = (along(step) - 2 * along(0.0) + along(-step)) / step**2
    # Its error: fourth derivatives times step^2, rounding 1e-16 / step^2.
    assert second == pytest.approx(found.values[0], abs=1e-4)


def test_more_curvatures_than_weights_are_refused():
    network = _network(0)
    with pytest.raises(ConfigError, match="`count` must be below the 18 weights"):
        smallest_curvatures(network, ExactRisk(network), count=18)


def _samples(seed, n, input_dim, n_outputs):
    rng = np.random.default_rng(seed)
    shapes = ((n, input_dim), (n, n_outputs))
    return [jnp.asarray(rng.normal(size=shape)) for shape in shapes]


def test_the_loss_over_samples_of_a_linear_readout_has_the_hessian_of_least_squares():
    x, y = _samples(0, 20, 3, 2)
    surface = Surface(
        LinearReadout(y[:3], scale=0.5), EmpiricalLoss(x, y, half_squared_error)
    )
    gram = np.asarray(x).T @ np.asarray(x) / len(x)
    assert_allclose(surface.matrix(), 0.25 * np.kron(gram, np.eye(2)), atol=1e-12)


@pytest.mark.parametrize("kind", ["view", "deep"])
def test_the_hessian_over_samples_is_the_difference_of_gradients(kind):
    x, y = _samples(1, 10, 3, 2)
    sizes = (3, 4, 2) if kind == "view" else (3, 4, 3, 2)
    rng = np.random.default_rng(2)
    shaped = eqx.filter_eval_shape(
        mlp, sizes, activation="tanh", bias=True, key=jax.random.key(0)
    )
    network = jax.tree.map(lambda w: jnp.asarray(rng.normal(size=w.shape)), shaped)
    student = two_layer_view(network) if kind == "view" else network
    surface = Surface(student, EmpiricalLoss(x, y, half_squared_error))
    step = 1e-5
    columns = [
        surface.value_and_gradient(surface.start + step * unit)[1]
        - surface.value_and_gradient(surface.start - step * unit)[1]
        for unit in np.eye(surface.size)
    ]
    # Error of a central difference: its square 1e-10, and rounding 1e-16 / 1e-5.
    hessian = np.stack(columns) / (2 * step)
    assert_allclose(surface.matrix(), hessian, atol=1e-7 * np.abs(hessian).max())


def test_classes_stay_whole_numbers_and_float32_is_doubled():
    x, _ = _samples(3, 10, 3, 2)
    student = MLP((jnp.ones((3, 2), "float32"),), jnp.eye(2, dtype="float32"))
    classes = jnp.asarray([0, 1] * 5)
    risk = EmpiricalLoss(x.astype("float32"), classes, cross_entropy)
    surface = Surface(student, risk)
    assert surface.start.dtype == np.float64
    # Both neurons are equal, and so are the outputs: one bit per sample.
    assert surface.value_and_gradient(surface.start)[0] == pytest.approx(np.log(2))


def _mean_output(outputs, targets):
    del targets
    return jnp.mean(outputs)


def test_a_loss_without_curvature_has_none():
    student = LinearReadout(jnp.ones((21, 20)))  # Lanczos, not the whole matrix.
    x = jnp.ones((3, 21))
    found = smallest_curvatures(student, EmpiricalLoss(x, x, _mean_output), count=2)
    assert_allclose(found.values, 0)
    norm = np.linalg.norm(np.asarray(found.direction.readout))
    assert norm == pytest.approx(1)
    assert found.gradient_norm == pytest.approx(np.sqrt(21 / 20))
