from hypothesis import given, settings
from hypothesis import strategies as st

from overparam.sweeping import Job
from overparam.sweeping.queue import ShapeQueue


def job(number, shape):
    return Job(study="s", config={}, root="r", id=str(number), shape=shape)


@given(st.lists(st.sampled_from("abcd"), min_size=1), st.integers(1, 5))
@settings(max_examples=50)
def test_every_job_is_taken_once_and_workers_change_shape_rarely(shapes, n_workers):
    queue = ShapeQueue(job(i, shape) for i, shape in enumerate(shapes))
    last = [None] * n_workers
    taken, changes = [], 0
    while queue:
        worker = len(taken) % n_workers
        busy = last[:worker] + last[worker + 1 :]
        next_job = queue.take(last[worker], busy)
        changes += next_job.shape != last[worker]
        last[worker] = next_job.shape
        taken.append(next_job)
    assert sorted(int(j.id) for j in taken) == list(range(len(shapes)))
    # Once a worker leaves a shape none of it is left: at most one start per pair.
    assert changes <= n_workers * len(set(shapes))


def test_workers_begin_with_different_shapes():
    queue = ShapeQueue(job(i, shape) for i, shape in enumerate("aaabbb"))
    first = queue.take(None, [])
    assert queue.take(None, [first.shape]).shape != first.shape


def test_jobs_of_one_shape_keep_their_order():
    queue = ShapeQueue(job(i, "a") for i in range(5))
    assert [queue.take("a", []).id for _ in range(5)] == list("01234")
