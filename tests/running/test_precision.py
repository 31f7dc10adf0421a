import jax
import pytest
import scipy.linalg  # noqa: F401 - It brings a BLAS of its own.
from threadpoolctl import threadpool_info, threadpool_limits

from overparam.running.precision import precision


def threads():
    libraries = [each for each in threadpool_info() if each["user_api"] == "blas"]
    return {each["num_threads"] for each in libraries}


@pytest.mark.parametrize("told", [None, "2"])
def test_blas_keeps_to_one_thread_in_the_block_alone(monkeypatch, told):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    if told is not None:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", told)
    with threadpool_limits(2, user_api="blas"):
        before = threads()
        with precision({"precision": "float64"}):
            assert jax.config.read("jax_enable_x64")
            assert threads() == (before if told else {1})
        assert threads() == before != {1}
