"""The exact population risk against samples, differences and itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree

from overparam import two_layer
from overparam.errors import ConfigError
from overparam.limits import (
    linear_part,
    mean_output,
    plateau_levels,
    population_loss,
    risk,
    risk_gradient,
    signal_power,
)
from overparam.limits.gaussian import MOMENTS
from overparam.networks import NormalisedTwoLayer, TwoLayer


SEEDS = st.integers(0, 2**31 - 1)
SIZES = st.tuples(
    st.integers(2, 8), st.integers(1, 9), st.integers(1, 6), st.integers(1, 4)
)
FEW = settings(max_examples=4)
ONCE = settings(max_examples=2)
# A standard error is exceeded 4 times once in 16 000 draws.
STANDARD_ERRORS = 4
N_SAMPLES = 100_000


def _pair(seed, sizes, activation="relu"):
    """A student and a teacher of random sizes, and a random covariance."""
    input_dim, width, teacher_width, n_outputs = sizes
    # NumPy draws: JAX would compile for every shape.
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return jnp.asarray(rng.normal(size=shape) / np.sqrt(shape[0]))

    student, teacher = (
        TwoLayer(normal(input_dim, m), normal(m, n_outputs), activation)
        for m in (width, teacher_width)
    )
    root = rng.normal(size=(input_dim, input_dim))
    return student, teacher, jnp.asarray(root.T @ root)


def _samples(seed, covariance):
    rng = np.random.default_rng(seed)
    draws = rng.standard_normal((N_SAMPLES, len(covariance)))
    return jnp.asarray(draws @ np.linalg.cholesky(np.asarray(covariance)).T)


def _assert_mean(samples, expected):
    samples = np.asarray(samples)
    error = samples.std(axis=0) / np.sqrt(len(samples))
    gap = np.abs(samples.mean(axis=0) - expected)
    # Up to 4 outputs at a time: still below one false alarm in 4000.
    assert np.all(gap <= STANDARD_ERRORS * error + 1e-12)


@pytest.mark.parametrize("activation", list(MOMENTS))
@FEW
@given(seed=SEEDS, sizes=SIZES)
def test_risk_is_the_mean_over_samples(activation, seed, sizes):
    student, teacher, covariance = _pair(seed, sizes, activation)
    x = _samples(seed, covariance)
    losses = ((student(x) - teacher(x)) ** 2).sum(axis=1) / 2
    _assert_mean(losses, risk(student, teacher, covariance=covariance))


@pytest.mark.parametrize("activation", list(MOMENTS))
@FEW
@given(seed=SEEDS, sizes=SIZES)
def test_moments_of_a_network_are_means_over_samples(activation, seed, sizes):
    network, _, covariance = _pair(seed, sizes, activation)
    x = _samples(seed, covariance)
    y = network(x)
    _assert_mean((y**2).sum(axis=1), signal_power(network, covariance=covariance))
    _assert_mean(y, mean_output(network, covariance=covariance))
    direction = jnp.asarray(np.random.default_rng(seed).normal(size=len(covariance)))
    expected = direction @ covariance @ linear_part(network, covariance=covariance)
    _assert_mean((x @ direction)[:, None] * y, np.asarray(expected))


@FEW
@given(seed=SEEDS, sizes=SIZES)
def test_plateaus_are_the_risks_of_least_squares(seed, sizes):
    _, teacher, covariance = _pair(seed, sizes)
    x = np.asarray(_samples(seed, covariance))
    y = np.asarray(teacher(jnp.asarray(x)))
    levels = plateau_levels(teacher, covariance=covariance)

    def residual(design):
        fitted = design @ np.linalg.lstsq(design, y, rcond=None)[0]
        return ((y - fitted) ** 2).sum() / (2 * len(y))

    # 100 000 samples: a relative standard error of about 0.3 % of the signal.
    tolerance = 0.02 * levels.zero
    assert residual(x) == pytest.approx(levels.linear, abs=tolerance)
    affine = np.column_stack([x, np.ones(len(x))])
    assert residual(affine) == pytest.approx(levels.affine, abs=tolerance)
    assert (y**2).sum() / (2 * len(y)) == pytest.approx(levels.zero, abs=tolerance)


@FEW
@given(seed=SEEDS, sizes=SIZES)
def test_gradient_is_the_mean_gradient_over_samples(seed, sizes):
    student, teacher, covariance = _pair(seed, sizes)
    x = _samples(seed, covariance)
    gradient = risk_gradient(student, teacher, covariance=covariance)
    rng = np.random.default_rng(seed)
    for _ in range(5):
        direction = jax.tree.map(
            lambda w: jnp.asarray(rng.normal(size=w.shape)), student
        )
        outputs, change = jax.jvp(lambda n: n(x), (student,), (direction,))
        per_sample = ((outputs - teacher(x)) * change).sum(axis=1)
        expected = (gradient.weights * direction.weights).sum()
        expected += (gradient.readout * direction.readout).sum()
        _assert_mean(per_sample, expected)


@ONCE
@given(seed=SEEDS, sizes=SIZES, scale=st.floats(0.1, 2))
def test_closed_gradient_equals_automatic_differentiation(seed, sizes, scale):
    student, teacher, covariance = _pair(seed, sizes)
    weights = student.weights.at[:, 0].set(0).at[:, -1].set(2 * teacher.weights[:, 0])
    student = TwoLayer(weights, student.readout, scale=scale)
    closed = risk_gradient(student, teacher, covariance=covariance)
    automatic = jax.jit(jax.grad(population_loss))(
        student, teacher, covariance=covariance
    )
    size = 1 + np.abs(closed.weights).max() + np.abs(closed.readout).max()
    # Parallel neurons: angles of rounding size, 1e-8, enter with opposite signs.
    np.testing.assert_allclose(automatic.weights, closed.weights, atol=1e-11 * size)
    np.testing.assert_allclose(automatic.readout, closed.readout, atol=1e-11 * size)


def _kernel(a, b, xp):
    """E[relu(a x) relu(b x)] for single neurons."""
    rows = xp.stack([a, b])
    gram = rows @ rows.T
    squares = xp.diagonal(gram)
    return MOMENTS["relu"].covariance(gram, squares, squares, xp)[0, 1]


@pytest.mark.parametrize("angle", [1e-3, 1.0, np.pi - 1e-3])
@FEW
@given(seed=SEEDS, norms=st.tuples(st.floats(0.2, 5), st.floats(0.2, 5)))
def test_kernel_gradient_equals_central_differences(angle, seed, norms):
    plane, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(4, 2)))
    a = norms[0] * plane[:, 0]
    b = norms[1] * (np.cos(angle) * plane[:, 0] + np.sin(angle) * plane[:, 1])
    gradient = jax.grad(_kernel)(jnp.asarray(a), jnp.asarray(b), jnp)
    step = 1e-5 * norms[0]
    differences = [
        (_kernel(a + step * e, b, np) - _kernel(a - step * e, b, np)) / (2 * step)
        for e in np.eye(4)
    ]
    # Relative to the largest gradient at this norm, |b| / 2.
    np.testing.assert_allclose(gradient, differences, atol=1e-6 * norms[1] / 2)


@pytest.mark.parametrize("supplement", [1e-1, 1e-3])
def test_kernel_gradient_keeps_its_digits_between_nearly_opposite_neurons(supplement):
    a = jnp.asarray([1.0, 0.0])
    b = jnp.asarray([-np.cos(supplement), np.sin(supplement)])
    gradient = jax.grad(_kernel)(a, b, jnp)
    # sin s - s cos s by its series: the plain difference loses the digits.
    along = supplement**3 / 3 - supplement**5 / 30 + supplement**7 / 840
    across = supplement * np.sin(supplement)
    expected = np.array([along, across]) / (2 * np.pi)
    assert np.linalg.norm(gradient - expected) < 1e-6 * np.linalg.norm(expected)


@FEW
@given(seed=SEEDS)
def test_kernel_gradient_is_right_at_its_singular_points(seed):
    a = jnp.asarray(np.random.default_rng(seed).normal(size=5))
    zero = jnp.zeros(5)
    gradient = jax.grad(_kernel)
    np.testing.assert_allclose(gradient(a, a, jnp), a / 2, atol=1e-12)
    np.testing.assert_allclose(gradient(a, 3 * a, jnp), 3 * a / 2, atol=1e-12)
    total = jax.grad(lambda v: _kernel(v, v, jnp))(a)
    np.testing.assert_allclose(total, a, atol=1e-12)
    np.testing.assert_allclose(gradient(a, -a, jnp), 0, atol=1e-7)
    for pair in ((zero, a), (a, zero), (zero, zero)):
        np.testing.assert_array_equal(gradient(*pair, jnp), 0)


@ONCE
@given(seed=SEEDS, input_dim=st.integers(6, 9))
def test_hessian_equals_differences_of_the_gradient(seed, input_dim):
    # From six dimensions on, angles below 1e-2 do not occur: differences are smooth.
    student, teacher, _ = _pair(seed, (input_dim, 5, 3, 2))
    rng = np.random.default_rng(seed)
    direction = jax.tree.map(lambda w: jnp.asarray(rng.normal(size=w.shape)), student)
    gradient = jax.grad(lambda n: population_loss(n, teacher))
    product = jax.jit(lambda n, d: jax.jvp(gradient, (n,), (d,))[1])(student, direction)
    step = 1e-5

    def gradient_at(s):
        moved = jax.tree.map(lambda w, d: w + s * d, student, direction)
        return risk_gradient(moved, teacher)

    ahead, behind = gradient_at(step), gradient_at(-step)
    weights = (ahead.weights - behind.weights) / (2 * step)
    readout = (ahead.readout - behind.readout) / (2 * step)
    # Second differences: the error is step^2 over the square of the least angle.
    np.testing.assert_allclose(product.weights, weights, atol=1e-5)
    np.testing.assert_allclose(product.readout, readout, atol=1e-5)


@ONCE
@given(seed=SEEDS)
def test_hessian_at_the_teacher_is_positive_semidefinite(seed):
    _, teacher, _ = _pair(seed, (5, 1, 4, 2))
    flat, rebuild = ravel_pytree(teacher)
    hessian = jax.jit(jax.hessian(lambda w: population_loss(rebuild(w), teacher)))(flat)
    eigenvalues = np.linalg.eigvalsh(hessian)
    assert eigenvalues[0] > -1e-9 * eigenvalues[-1]
    # Each neuron can be rescaled at no cost: one flat direction each.
    assert np.sum(eigenvalues < 1e-9 * eigenvalues[-1]) == 4


def _with(network, weights):
    return TwoLayer(weights, network.readout, network.activation)


@FEW
@given(seed=SEEDS, sizes=SIZES)
def test_risk_of_a_permuted_rescaled_split_copy_is_zero(seed, sizes):
    _, teacher, covariance = _pair(seed, sizes)
    rng = np.random.default_rng(seed)
    width = teacher.weights.shape[1]
    parents = np.concatenate([rng.permutation(width), rng.integers(0, width, 3)])
    shares = rng.uniform(0.1, 1, len(parents))
    shares /= np.bincount(parents, shares)[parents]
    factors = jnp.asarray(rng.uniform(0.1, 10, len(parents)))
    copy = TwoLayer(
        teacher.weights[:, parents] * factors[None, :],
        teacher.readout[parents] * (jnp.asarray(shares) / factors)[:, None],
    )
    size = signal_power(teacher, covariance=covariance)
    assert risk(copy, teacher, covariance=covariance) <= 1e-13 * max(size, 1)


def test_risk_is_exact_without_float64_in_jax(key):
    with jax.enable_x64(False):
        planted = two_layer(20, 6, 3, key=key)
        split = TwoLayer(
            jnp.concatenate([planted.weights, planted.weights], axis=1),
            jnp.concatenate([planted.readout, planted.readout]) / 2,
        )
        assert split.weights.dtype == "float32"
        assert risk(split, planted) <= 1e-13


@FEW
@given(seed=SEEDS, sizes=SIZES, noise=st.floats(0, 3), scale=st.floats(0.1, 2))
def test_scale_noise_and_covariance_enter_as_defined(seed, sizes, noise, scale):
    student, teacher, covariance = _pair(seed, sizes)
    plain = risk(student, teacher, covariance=covariance)
    scaled = TwoLayer(student.weights, student.readout / scale, scale=scale)
    options = {"covariance": covariance, "label_noise": noise}
    n_outputs = sizes[-1]
    expected = plain + n_outputs * noise**2 / 2
    assert risk(scaled, teacher, **options) == pytest.approx(expected)
    assert float(population_loss(scaled, teacher, **options)) == pytest.approx(expected)
    root = jnp.linalg.cholesky(covariance).T
    whitened = [_with(n, root @ n.weights) for n in (student, teacher)]
    assert risk(*whitened) == pytest.approx(plain)


@FEW
@given(seed=SEEDS, sizes=SIZES)
def test_the_zero_network_has_the_risk_of_the_first_plateau(seed, sizes):
    student, teacher, _ = _pair(seed, sizes)
    zero = jax.tree.map(jnp.zeros_like, student)
    levels = plateau_levels(teacher)
    assert risk(zero, teacher) == pytest.approx(levels.zero)
    assert levels.zero >= levels.linear >= levels.affine > -1e-12


def test_signal_power_of_random_teachers_is_half_the_number_of_outputs():
    keys = jax.random.split(jax.random.key(1), 100)
    planted = jax.vmap(lambda k: two_layer(30, 20, 10, dtype="float64", key=k))(keys)
    powers = [
        signal_power(TwoLayer(weights, readout))
        for weights, readout in zip(planted.weights, planted.readout, strict=True)
    ]
    _assert_mean(np.asarray(powers), 5.0)


def _network(input_dim=4, width=3, n_outputs=2, **options):
    key = jax.random.key(0)
    return two_layer(input_dim, width, n_outputs, dtype="float64", key=key, **options)


@pytest.mark.parametrize(
    ("student", "message"),
    [
        (
            _network(5),
            "Student and teacher must share the input dimension, got 5 and 4.",
        ),
        (
            _network(n_outputs=3),
            "Student and teacher must share the number of outputs, got 3 and 2.",
        ),
        (
            _network(activation="erf"),
            "Student and teacher must share the activation, got erf and relu.",
        ),
        (_network(activation="gelu"), "No closed form .* for gelu; use one of relu"),
        (
            TwoLayer(jnp.ones((4, 3)), jnp.ones((3, 2)).at[2, 0].set(jnp.nan)),
            r"`network` contains non-finite weights \(first at `readout\[2, 0\]`\).",
        ),
        (
            TwoLayer(jnp.ones((4, 3)), jnp.ones((7, 2)), skip=True),
            "without skip connection, got TwoLayer with one.",
        ),
        (
            NormalisedTwoLayer(jnp.ones((4, 3)), jnp.ones((3, 2))),
            "without skip connection, got NormalisedTwoLayer.",
        ),
    ],
)
def test_networks_without_a_risk_are_refused(student, message):
    with pytest.raises(ConfigError, match=message):
        risk(student, _network())


def test_wrong_covariance_noise_and_activation_are_refused():
    network = _network()
    with pytest.raises(ConfigError, match=r"`covariance` must have shape \(4, 4\)"):
        risk(network, network, covariance=np.eye(3))
    with pytest.raises(ConfigError, match="`label_noise` must be at least 0, got -1"):
        risk(network, network, label_noise=-1)
    leaky = _network(activation="leaky-relu")
    with pytest.raises(ConfigError, match="needs relu networks, got leaky-relu"):
        risk_gradient(leaky, leaky)
