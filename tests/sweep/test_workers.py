import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overparam.sweep.workers import OwnProcess, available_cores, shares


@given(st.sets(st.integers(0, 63), min_size=1), st.integers(1, 80))
def test_every_core_is_used_and_shared_only_when_there_are_too_few(cores, n_workers):
    parts = shares(sorted(cores), n_workers)
    assert len(parts) == n_workers
    assert all(parts)
    if n_workers <= len(cores):
        assert sorted(core for part in parts for core in part) == sorted(cores)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
    else:
        assert set().union(*parts) == cores


@pytest.mark.skipif(sys.platform != "linux", reason="cores are set on Linux only")
def test_a_worker_keeps_to_its_cores():
    core = available_cores()[-1]
    worker = OwnProcess(frozenset({core}))
    assert worker.submit(os.sched_getaffinity, 0).result() == {core}
    worker.stop(now=False)


def test_a_revived_worker_works():
    worker = OwnProcess(frozenset(available_cores()))
    first = worker.submit(os.getpid).result()
    os.kill(first, 9)
    assert worker.revive(OSError())
    assert worker.submit(os.getpid).result() != first
    worker.stop(now=True)
