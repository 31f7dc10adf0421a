"""How runs compute, as a block and never as a setting of the process."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any


def precision(*configs: Mapping[str, Any]) -> contextlib.AbstractContextManager[None]:
    """A block in which JAX computes as the configs ask, in the widest precision of all.

    In a narrower one the weights of a stored run would be rounded. BLAS keeps to one
    thread in it, unless OPENBLAS_NUM_THREADS says otherwise: beside those of XLA its
    threads wait in a loop, which doubles the processor time on two cores already.
    """
    return _block(any(c.get("precision") == "float64" for c in configs))


@contextlib.contextmanager
def _block(is_double: bool) -> Iterator[None]:
    import jax

    with contextlib.ExitStack() as stack:
        if "OPENBLAS_NUM_THREADS" not in os.environ:
            import scipy.linalg  # noqa: F401 - Only what is loaded is limited.
            from threadpoolctl import threadpool_limits

            stack.enter_context(threadpool_limits(1, user_api="blas"))
        stack.enter_context(jax.enable_x64(is_double))
        yield
