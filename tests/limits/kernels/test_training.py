"""Training on a kernel against an integrator, explicit steps and Gaussian processes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import DotProduct
from sklearn.kernel_ridge import KernelRidge

from overparam.errors import ConfigError
from overparam.limits import KernelTraining, wide_kernels, wide_mlp


RNG = np.random.default_rng(0)
X, OTHERS = RNG.normal(size=(7, 3)), RNG.normal(size=(4, 3))
Y, START, START_AT = (RNG.normal(size=(n, 2)) for n in (7, 7, 4))
WIDE = wide_mlp(3, activation="erf", weight_variance=2.0, bias_variance=0.5)
KERNELS, CROSS = wide_kernels(WIDE, X), wide_kernels(WIDE, OTHERS, X)
BOTH = np.concatenate([KERNELS.tangent, CROSS.tangent])
STARTS = np.concatenate([START, START_AT])


def predicted(fitted):
    return np.concatenate(
        [
            fitted.at_samples(Y, START),
            fitted.outputs(CROSS.tangent, Y, start=START, start_at=START_AT),
        ]
    )


def slope(outputs):
    """Of gradient flow on 1/(2n) |f - y|^2."""
    return BOTH @ (Y - outputs[:7]) / 7


def test_flow_is_the_solution_of_its_equation():
    solved = solve_ivp(
        lambda t, f: slope(f.reshape(11, 2)).ravel(),
        (0, 5),
        STARTS.ravel(),
        rtol=1e-10,
        atol=1e-12,
    )
    found = predicted(KernelTraining(KERNELS.tangent).flow(time=5.0))
    # The integrator's local errors add up.
    assert_allclose(found.ravel(), solved.y[:, -1], rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_descent_is_its_steps(momentum):
    rate = 0.5
    outputs, velocity = STARTS, np.zeros_like(STARTS)
    for _ in range(50):
        velocity = momentum * velocity - slope(outputs)
        outputs = outputs - rate * velocity
    fitted = KernelTraining(KERNELS.tangent).descent(
        learning_rate=rate, n_steps=50, momentum=momentum
    )
    assert_allclose(predicted(fitted), outputs, rtol=1e-10, atol=1e-11)


def test_nothing_moves_in_no_time():
    training = KernelTraining(KERNELS.tangent)
    for fitted in (
        training.flow(time=0),
        training.descent(learning_rate=0.1, n_steps=0),
    ):
        assert_allclose(predicted(fitted), STARTS, rtol=1e-13, atol=1e-14)


def test_the_end_is_kernel_regression():
    fitted = KernelTraining(KERNELS.tangent).converged()
    regression = KernelRidge(alpha=1e-14, kernel="precomputed")
    regression.fit(KERNELS.tangent, Y - START)
    expected = START_AT + regression.predict(CROSS.tangent)
    found = predicted(fitted)
    # The condition of the kernel times rounding.
    assert_allclose(found[7:], expected, rtol=1e-7, atol=1e-8)
    assert_allclose(found[:7], Y, rtol=1e-9)
    assert fitted.jitter == 0
    late = predicted(KernelTraining(KERNELS.tangent).flow(time=1e9))
    assert_allclose(late, found, rtol=1e-7, atol=1e-8)


def test_equal_samples_need_a_jitter_that_is_told():
    kernel = wide_kernels(WIDE, np.concatenate([X, X[:1]])).tangent
    fitted = KernelTraining(kernel).converged()
    assert 0 < fitted.jitter < 1e-12 * np.linalg.norm(kernel)
    y = np.concatenate([Y, Y[:1]])
    assert_allclose(fitted.at_samples(y), y, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n_twice", [1, 7])
def test_equal_samples_of_different_targets_are_one_of_their_mean(n_twice):
    y = np.concatenate([Y, 1 - 2 * Y[:n_twice]])
    means = Y.copy()
    means[:n_twice] = (Y[:n_twice] + y[7:]) / 2
    once = KernelTraining(KERNELS.tangent).converged()
    twice = np.concatenate([X, X[:n_twice]])
    fitted = KernelTraining(wide_kernels(WIDE, twice).tangent).converged()
    # The condition of the kernel of different samples times rounding.
    assert_allclose(fitted.at_samples(y)[:7], means, rtol=1e-9, atol=1e-9)
    cross = wide_kernels(WIDE, OTHERS, twice).tangent
    expected = once.outputs(CROSS.tangent, means)
    assert_allclose(fitted.outputs(cross, y), expected, rtol=1e-9, atol=1e-9)


def test_with_the_readout_alone_variances_are_those_of_a_gaussian_process():
    wide = wide_mlp(2, activation="linear", trained=[1])
    x, others = X[:2], OTHERS
    at, cross = wide_kernels(wide, x), wide_kernels(wide, others, x)
    own = np.diag(wide_kernels(wide, others).covariance)
    fitted = KernelTraining(at.tangent).converged()
    mean = fitted.outputs(cross.tangent, Y[:2])
    variance = fitted.variance(
        cross.tangent,
        variances=own,
        covariance=at.covariance,
        cross_covariance=cross.covariance,
    )
    process = GaussianProcessRegressor(
        DotProduct(0.0, "fixed"),
        optimizer=None,
        alpha=1e-13,
    ).fit(x / np.sqrt(3), Y[:2])
    expected, deviation = process.predict(others / np.sqrt(3), return_std=True)
    assert_allclose(mean, expected, rtol=1e-9, atol=1e-10)
    assert_allclose(variance, deviation[:, 0] ** 2, rtol=1e-7, atol=1e-10)


def test_variances_are_those_of_linear_networks_that_start_at_random():
    fitted = KernelTraining(KERNELS.tangent).flow(time=3.0)
    joint = wide_kernels(WIDE, np.concatenate([X, OTHERS])).covariance
    found = fitted.variance(
        CROSS.tangent,
        variances=np.diag(joint)[7:],
        covariance=KERNELS.covariance,
        cross_covariance=CROSS.covariance,
    )
    # What training makes of starts is linear in them: its matrix, column by column.
    moved = np.concatenate(
        [
            fitted.outputs(
                CROSS.tangent,
                np.zeros((7, 1)),
                start=unit[:7, None],
                start_at=unit[7:, None],
            )
            for unit in np.eye(11)
        ],
        axis=1,
    )
    assert_allclose(found, np.diag(moved @ joint @ moved.T), rtol=1e-10)


def test_a_kernel_of_all_pairs_of_outputs_mixes_them():
    mixing = np.array([[2.0, 0.5], [0.5, 1.0]])
    full = np.einsum("ij,kl->ijkl", KERNELS.tangent, mixing)
    cross = np.einsum("ij,kl->ijkl", CROSS.tangent, mixing)
    found = KernelTraining(full).flow(time=2.0).outputs(cross, Y)
    # In the eigenvectors of the mixing outputs are alone.
    values, vectors = np.linalg.eigh(mixing)
    parts = [
        KernelTraining(value * KERNELS.tangent)
        .flow(time=2.0)
        .outputs(value * CROSS.tangent, Y @ vectors[:, i : i + 1])
        for i, value in enumerate(values)
    ]
    assert_allclose(found, np.concatenate(parts, axis=1) @ vectors.T, rtol=1e-10)


def test_whole_numbers_and_lists_are_numbers():
    kernel, y = [[2, 1], [1, 2]], [[3], [0]]
    found = KernelTraining(np.array(kernel)).flow(time=2.0).at_samples(y)
    # Of equal and of opposite targets, whose eigenvalues are 3 and 1.
    same, apart = 1.5 * (1 - np.exp(-3)), 1.5 * (1 - np.exp(-1))
    assert_allclose(found[:, 0], [same + apart, same - apart], rtol=1e-14)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: KernelTraining(CROSS.tangent), "samples with themselves"),
        (lambda: KernelTraining(KERNELS.tangent * np.nan), "must be finite"),
        (lambda: KernelTraining(np.triu(KERNELS.tangent)), "must be symmetric"),
        (lambda: KernelTraining(np.zeros(3)), "must have the shape"),
        (lambda: KernelTraining(np.zeros((0, 0))), "holds no samples"),
        (lambda: KernelTraining(np.diag([2.0, -1.0])), "negative eigenvalue.* got -1"),
        (lambda: KernelTraining(1e-310 * np.eye(2)).converged(), "is zero, or too"),
        (
            lambda: KernelTraining(np.eye(2)).descent(learning_rate=1, n_steps=2.5),
            "`n_steps` must be a whole number.* got 2.5",
        ),
        (
            lambda: KernelTraining(np.eye(7)).flow(time=1).at_samples(Y * np.nan),
            "`y` must be finite",
        ),
        (
            lambda: KernelTraining(np.eye(7)).flow(time=1).at_samples(Y, START[:, :1]),
            r"`start` must have the shape \(7, 2\) .* got \(7, 1\)",
        ),
        (
            lambda: (
                KernelTraining(np.eye(7))
                .flow(time=1)
                .outputs(CROSS.tangent, Y, start_at=START_AT[:, 0])
            ),
            r"`start_at` must have the shape \(4, 2\) .* got \(4,\)",
        ),
        (
            lambda: (
                KernelTraining(np.eye(7))
                .flow(time=1)
                .variance(
                    CROSS.tangent,
                    variances=np.ones(3),
                    covariance=KERNELS.covariance,
                    cross_covariance=CROSS.covariance,
                )
            ),
            r"of the same inputs, got the shapes \(4, 7\), \(4, 7\) and \(3,\)",
        ),
        (
            lambda: KernelTraining(KERNELS.tangent).descent(
                learning_rate=100.0, n_steps=3
            ),
            "The descent diverges: `learning_rate` must be below .* got 100",
        ),
        (lambda: KernelTraining(KERNELS.tangent).flow(time=-1), "`time` must be at"),
        (
            lambda: KernelTraining(KERNELS.tangent).flow(time=np.inf),
            "`time` must be finite and at least 0, got inf",
        ),
        (
            lambda: KernelTraining(KERNELS.tangent).flow(time=1).at_samples(Y[:3]),
            "a row for each sample",
        ),
        (
            lambda: (
                KernelTraining(KERNELS.tangent)
                .flow(time=1)
                .outputs(CROSS.tangent[:, :2], Y)
            ),
            "`cross` must have 7 columns.* got 2",
        ),
    ],
)
def test_bad_input_gets_a_sentence(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_kernels_of_near_inputs_are_symmetric_and_train():
    # Angles from 1e-7 on have half of their digits, by either order of two inputs.
    angles = np.concatenate([RNG.uniform(0, 6, 60) + 10.0**-k for k in range(2, 8)])
    angles = np.concatenate([angles, angles[:60] + 1e-7])
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    kernel = wide_kernels(wide_mlp(2), x).tangent
    assert (kernel == kernel.T).all()
    fitted = KernelTraining(kernel).flow(time=10.0)
    values, vectors = np.linalg.eigh(kernel)
    decay = vectors @ (np.exp(-10 / len(x) * values)[:, None] * vectors.T)
    y = np.sin(3 * angles)[:, None]
    assert_allclose(fitted.at_samples(y), y - decay @ y, atol=1e-6)
