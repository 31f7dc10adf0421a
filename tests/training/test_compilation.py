"""The options of the compiler still do what they are for, on this version of JAX."""

import jax
import jax.numpy as jnp
import pytest

from overparam.training import compiler_options


def _compiled(*, one_core: bool) -> str:
    def program(x):
        kept = jax.lax.optimization_barrier(jnp.sin(x))
        return kept * jnp.flip(kept)

    options = compiler_options(one_core=one_core)
    jitted = jax.jit(program, compiler_options=options)
    return jitted.lower(jnp.ones((1000, 1000))).compile().as_text()


@pytest.mark.parametrize("one_core", [True, False])
def test_barriers_are_kept(one_core):
    assert "opt-barrier" in _compiled(one_core=one_core)


def test_nothing_is_split_over_cores():
    assert 'outer_dimension_partitions":["' not in _compiled(one_core=True)


@pytest.mark.parametrize("one_core", [True, False])
def test_a_loop_of_little_work_may_have_barriers(one_core):
    def body(_, x):
        return jax.lax.optimization_barrier(2 * x) + 1

    options = compiler_options(one_core=one_core)
    looped = jax.jit(lambda x: jax.lax.fori_loop(0, 4, body, x))
    compiled = looped.lower(jnp.ones(3)).compile(compiler_options=options)
    assert compiled(jnp.ones(3)).tolist() == [31, 31, 31]
