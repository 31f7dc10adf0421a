"""Networks kept along a run: of this format, and of runs stored before it."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from storing import record, store

from overparam.errors import StoreError
from overparam.store import StoredRun, read_run, run_id
from overparam.studies import registry


SCHEMA_2 = Path(__file__).parent / "schema_2"


def old(study: str) -> StoredRun:
    [path] = (SCHEMA_2 / study).iterdir()
    return read_run(path)


def test_kept_networks_are_read_as_they_were_stored(tmp_path):
    about = {"class": "two-layer"}
    kept = {
        20: ({"weights": np.ones((2, 3)), "a.b": np.zeros(2)}, about),
        0: ({"weights": np.zeros((2, 3)), "a.b": np.ones(2)}, about),
        200: ({"weights": np.full((2, 3), 7.0), "a.b": np.ones(2)}, about),
    }
    stored = read_run(store(tmp_path, outcome=record(kept=kept)))
    assert stored.kept_steps == (0, 20, 200)
    for step, (arrays, description) in kept.items():
        found, described = stored.kept(step)
        assert described == description
        assert found.keys() == arrays.keys()
        for name, array in arrays.items():
            assert_array_equal(found[name], array)
    with pytest.raises(StoreError, match="step 5; it has 0, 20, 200"):
        stored.kept(5)


def test_a_run_that_kept_nothing_says_so(tmp_path):
    with pytest.raises(StoreError, match="it has none"):
        read_run(store(tmp_path)).kept(0)


def test_students_stacked_among_the_arrays_are_found():
    run = old("planted")
    assert run.kept_steps == (0, 20, 40)
    for index, step in enumerate(run.kept_steps):
        arrays, _ = run.kept(step)
        assert_array_equal(arrays["weights"], run.arrays["snapshot.weights"][index])
        assert_array_equal(arrays["readout"], run.arrays["snapshot.readout"][index])
    assert run.network is not None
    last, description = run.network
    assert_array_equal(run.kept(40)[0]["weights"], last["weights"])
    assert run.kept(40)[1] == description


def test_networks_of_epochs_among_the_arrays_are_found_by_their_steps():
    run = old("features")
    per_epoch = 100 // 20
    assert run.kept_steps == tuple(per_epoch * epoch for epoch in range(4))
    assert run.kept(5)[0].keys() == {"weights", "readout", "mean", "std"}
    assert_array_equal(run.kept(5)[0]["weights"], run.arrays["epoch_1.weights"])


def test_features_without_readouts_are_no_networks():
    assert old("timescales").kept_steps == ()


@pytest.mark.parametrize("study", ["planted", "features", "timescales"])
def test_runs_that_kept_networks_before_are_found_again(study):
    run = old(study)
    kind = registry.study(study).config_class()
    fields = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in run.config.items()
    }
    config = dataclasses.asdict(kind(**fields))
    assert run.verified
    assert run_id(study, config, registry.defaults(kind)) == run.id
