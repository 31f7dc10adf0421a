"""Runs done together are stored as if each had been done alone."""

import numpy as np
import pytest

from overparam.errors import Interrupted
from overparam.running import execute as executing
from overparam.running import jobs_of, run_jobs, work
from overparam.running.batches import with_batches
from overparam.store import attempts, open_run, read_run
from overparam.studies.planted.config import Planted
from overparam.studies.registry import defaults


SMALL = {"input_dim": 6, "n_outputs": 2, "teacher_width": 2, "width": 4, "epochs": 3}
SMALL |= {"samples_per_epoch": 200}
RATES = (0.1, 0.03, 0.01)


def grid(root, *, seeds=(0,), **changes):
    settings = [
        SMALL | changes | {"learning_rate": rate, "seed": seed}
        for seed in seeds
        for rate in RATES
    ]
    return jobs_of("planted", settings, root)


def stored(jobs):
    return [read_run(attempts(job.path)[-1]) for job in jobs]


def alone(root, **changes):
    jobs = grid(root, **changes)
    for job in jobs:
        work(job.study, job.config, job.root)
    return stored(jobs)


@pytest.mark.parametrize("changes", [{}, {"init_scale": 0.2, "label_noise": 0.1}])
def test_a_batch_stores_what_separate_runs_store(tmp_path, changes):
    """The program is another one, so that sums may round in another order: some
    hundred steps of float32, whose precision is 1e-7, agree to 1e-4."""
    jobs = grid(tmp_path / "together", **changes)
    result = run_jobs(jobs, n_jobs=1)
    assert result.statuses == {"finished": 3}
    separate = alone(tmp_path / "alone", **changes)
    for one, other in zip(stored(jobs), separate, strict=True):
        assert (one.id, one.config, one.status) == (
            other.id,
            other.config,
            other.status,
        )
        assert one.metrics.columns == other.metrics.columns
        for name in set(one.metrics.columns) - {"seconds"}:
            a, b = one.metrics[name].to_numpy(), other.metrics[name].to_numpy()
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5, err_msg=name)
        for name, weights in one.network[0].items():
            np.testing.assert_allclose(
                weights, other.network[0][name], rtol=1e-3, atol=1e-5
            )
        assert one.notes == other.notes


def test_the_first_job_of_a_batch_stores_all_of_it(tmp_path):
    jobs = with_batches(grid(tmp_path), n_jobs=1)
    assert len(jobs[0].batch) == 3
    work(jobs[0].study, jobs[0].config, jobs[0].root, batch=jobs[0].batch)
    assert [run.status for run in stored(jobs)] == ["finished"] * 3


def test_runs_of_other_seeds_or_shapes_are_not_put_together(tmp_path):
    jobs = grid(tmp_path, seeds=(0, 1)) + grid(tmp_path, width=5)
    batched = with_batches(jobs, n_jobs=1)
    assert {len(job.batch) for job in batched} == {3}
    for job in batched:
        for config in job.batch:
            same = config.keys() - {"learning_rate"}
            assert all(config[name] == job.config[name] for name in same)


def test_no_process_is_left_without_work_for_a_batch(tmp_path):
    jobs = grid(tmp_path, seeds=(0, 1))
    assert all(job.batch for job in with_batches(jobs, n_jobs=2))
    assert not any(job.batch for job in with_batches(jobs, n_jobs=3))


def test_a_study_without_batches_has_none(tmp_path):
    jobs = jobs_of("timescales", [{"seed": 0}, {"seed": 1}], tmp_path)
    assert not any(job.batch for job in with_batches(jobs, n_jobs=1))


def test_what_is_finished_or_held_by_others_is_left_out(tmp_path):
    jobs = with_batches(grid(tmp_path), n_jobs=1)
    first = jobs[0]
    work(first.study, first.config, first.root)
    before = (first.path / "status.json").read_bytes()
    held = open_run(tmp_path, "planted", jobs[1].config, defaults(Planted))
    with held:
        last = jobs[2]
        status = work(last.study, last.config, last.root, batch=last.batch)
    assert status == "finished"
    assert (first.path / "status.json").read_bytes() == before
    assert not (jobs[1].path / "status.json").exists()


def test_one_that_diverges_does_so_alone(tmp_path):
    settings = [SMALL | {"learning_rate": rate} for rate in (0.1, 1e6)]
    jobs = jobs_of("planted", settings, tmp_path)
    result = run_jobs(jobs, n_jobs=1)
    assert result.statuses == {"finished": 1, "diverged": 1}


def test_a_batch_that_fails_is_done_one_by_one(tmp_path, monkeypatch):
    def broken(configs, context):
        raise RuntimeError("It does not compile.")

    monkeypatch.setattr("overparam.studies.planted.run.run_together", broken)
    jobs = grid(tmp_path)
    result = run_jobs(jobs, n_jobs=1)
    assert result.statuses == {"finished": 3}


def test_an_interrupted_batch_goes_on_from_its_checkpoint(tmp_path):
    jobs = with_batches(grid(tmp_path), n_jobs=1)
    configs = [Planted(**fields) for fields in jobs[0].batch]
    asked = iter([None, 143])
    with pytest.raises(Interrupted, match="after 40 of 60 steps"):
        executing.execute_together(
            "planted", configs, tmp_path, stop_requested=lambda: next(asked)
        )
    assert not any((job.path / "status.json").exists() for job in jobs)
    [checkpoint] = tmp_path.rglob("*.checkpoint")
    steps = []
    executing.execute_together(
        "planted", configs, tmp_path, stop_requested=lambda: steps.append(1)
    )
    # One of the three epochs was left, and is asked about once.
    assert len(steps) == 1
    assert not checkpoint.exists()
    separate = alone(tmp_path / "alone")
    for one, other in zip(stored(jobs), separate, strict=True):
        assert one.summary["risk"] == pytest.approx(other.summary["risk"], rel=1e-4)
