"""What XLA is told about the programs of the training loop on a CPU."""

# Operations of a small program that are split over the cores cost more than they save:
# the weights move from cache to cache. Measured with jax 0.10.2 on two cores for 1000
# small steps: 19 ms become 16, and draws in another thread no longer hold them up.
_NO_SPLITTING = "cpu-parallel-task-assigner"

# XLA for CPUs drops optimisation barriers before it fuses operations, and with them the
# choice of what is kept in memory (`networks/product.py`).
_KEEP_BARRIERS = "cse_barrier_expander"

# Newer XLA turns a loop of little work into one kernel, whose compiler knows no
# barriers and fails.
_NO_KERNELS_OF_LOOPS = "small-while-loop-hoisting"


def compiler_options(*, one_core: bool) -> dict[str, str]:
    """Options of `jax.jit`; `one_core` keeps a small program on one core.

    Example:
        ```python
        options = op.training.compiler_options(one_core=True)
        jax.jit(jnp.sin, compiler_options=options)(x).shape
        ```
    """
    passes = [_KEEP_BARRIERS, _NO_KERNELS_OF_LOOPS]
    if one_core:
        passes.append(_NO_SPLITTING)
    return {"xla_disable_hlo_passes": ",".join(passes)}
