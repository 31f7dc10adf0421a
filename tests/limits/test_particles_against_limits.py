"""Particles of finite networks against the two limit equations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.analysis.density.energy import circle_energy, uniform_floor
from overparam.data import (
    Batch,
    CircleTeacher,
    lattice_inputs,
    uniform_angles,
    unit_vectors,
)
from overparam.dynamics import Ridge, VarPro, normalise
from overparam.limits import CircleGrid, projected, ultra_fast
from overparam.networks import ThresholdReLU, TwoLayer
from overparam.readouts import CircleProblem, DenseProblem, SampledMoments


TAU = 2.0**-10
TIMES = (0.1, 0.25, 0.5, 1.0)
TEACHER = CircleTeacher(100.0)

# Of an independent implementation: width, penalty, then the distance to the
# ultra-fast and to the projected diffusion at the four times; tolerance 10 %.
RELU = {
    (256, 1e-2): ([0.0456, 0.0536, 0.0616, 0.0718], [0.0392, 0.0475, 0.0580, 0.0843]),
    (256, 1e-3): ([0.0251, 0.0318, 0.0398, 0.0566], [0.0161, 0.0210, 0.0265, 0.0480]),
    (256, 1e-4): ([0.0159, 0.0249, 0.0422, 0.0643], [0.0054, 0.0058, 0.0085, 0.0211]),
    (64, 1e-4): ([0.0222, 0.0293, 0.0444, 0.0648], [0.0164, 0.0165, 0.0178, 0.0277]),
}
# relu(w.x + 1/2), to the ultra-fast diffusion.
THRESHOLD = {
    (256, 1e-2): [0.0447, 0.0505, 0.0553, 0.0596],
    (256, 1e-3): [0.0195, 0.0215, 0.0214, 0.0210],
    (256, 1e-4): [0.0067, 0.0071, 0.0073, 0.0067],
    (256, 1e-5): [0.0043, 0.0044, 0.0044, 0.0045],
    (64, 1e-4): [0.0169, 0.0171, 0.0171, 0.0169],
}


@pytest.fixture(scope="module")
def limits():
    grid = CircleGrid(TEACHER.density, 4096)
    fast = ultra_fast(grid, TIMES).densities
    seen = projected(TEACHER.fourier, TIMES, particles=1024).angles
    return grid.angles, fast, seen


def angles_at(rule, network, data, times):
    """Angles of the features at physical times, by plain steps."""
    state = rule.init(network, key=jax.random.key(0))

    @jax.jit
    def advance(state, n_steps):
        def one(_, state):
            return rule.step(state, data, key=jax.random.key(0))[0]

        return jax.lax.fori_loop(0, n_steps, one, state)

    done, found = 0, []
    for time in times:
        steps = round(time / TAU)
        state = advance(state, steps - done)
        done = steps
        found.append(np.arctan2(*np.asarray(state.network.weights)[::-1]))
    return found


def inputs_and_targets(threshold: float | None):
    x, v = lattice_inputs(4096), unit_vectors(TEACHER.lattice(4096))
    shift = threshold or 0.0
    y = [np.maximum(part @ v.T + shift, 0).mean(1) for part in np.split(x, 16)]
    return x, np.concatenate(y)


def start(width: int):
    weights = jnp.asarray(unit_vectors(uniform_angles(width)).T)
    return {"weights": weights, "readout": jnp.zeros((width, 1)), "scale": 1 / width}


@pytest.mark.parametrize(("case", "expected"), RELU.items())
def test_plain_relu_follows_the_projected_diffusion(case, expected, limits):
    width, penalty = case
    grid, fast, seen = limits
    rule = VarPro(Ridge(penalty, 1.0), TAU, problem=CircleProblem, retract=normalise)
    data = SampledMoments(*inputs_and_targets(None))
    found = angles_at(rule, TwoLayer(**start(width)), data, TIMES)
    to_fast = [
        circle_energy(a, grid, second_weights=f)
        for a, f in zip(found, fast, strict=True)
    ]
    to_seen = [circle_energy(a, p) for a, p in zip(found, seen, strict=True)]
    np.testing.assert_allclose(to_fast, expected[0], rtol=0.1)
    np.testing.assert_allclose(to_seen, expected[1], rtol=0.1)
    # The plain diffusion is the negative control while the penalty's bias is small.
    if penalty < 1e-2:
        assert np.all(np.array(to_seen) < to_fast)


@pytest.mark.slow
@pytest.mark.parametrize(("case", "expected"), THRESHOLD.items())
def test_relu_with_a_threshold_follows_the_ultra_fast_diffusion(case, expected, limits):
    width, penalty = case
    grid, fast, _ = limits
    x, y = inputs_and_targets(0.5)
    data = Batch(jnp.asarray(x), jnp.asarray(y)[:, None])
    rule = VarPro(Ridge(penalty, 1.0), TAU, problem=DenseProblem, retract=normalise)
    found = angles_at(rule, ThresholdReLU(**start(width)), data, TIMES)
    to_fast = [
        circle_energy(a, grid, second_weights=f)
        for a, f in zip(found, fast, strict=True)
    ]
    np.testing.assert_allclose(to_fast, expected, rtol=0.1)
    # Little is left above the floor that atoms have against any density.
    if (width, penalty) in ((64, 1e-4), (256, 1e-5)):
        assert max(to_fast) < 1.15 * uniform_floor(width)
