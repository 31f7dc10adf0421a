"""The study `timescales` through the API and the command line."""

import dataclasses
import math
import re

import equinox as eqx
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from overparam import Context
from overparam.analysis.density.energy import torus_energy
from overparam.cli.main import run_command
from overparam.errors import ConfigError, Interrupted, SolverError
from overparam.reproductions.registry import REPRODUCTIONS
from overparam.store import find_runs, read_run
from overparam.studies.timescales.config import Timescales
from overparam.studies.timescales.limits import Limits
from overparam.studies.timescales.run import describe, record_steps, run


SMALL = {
    "width": 16,
    "n_samples": 128,
    "teacher_width": 64,
    "n_steps": 40,
    "records": 5,
    "keep": "3",
    "cells": 64,
    "particles": 120,
    "harmonics": 4,
    "data": "lattice",
}
COMMAND = [
    word
    for name, value in SMALL.items()
    for word in (f"--{name.replace('_', '-')}", str(value))
]


def config(**fields) -> Timescales:
    return Timescales(**{**SMALL, **fields})


def outcome(**fields):
    return run(config(**fields), Context())


@pytest.fixture(scope="module")
def plain():
    return outcome()


def test_a_run_records_what_the_study_promises(plain):
    assert plain.status == "finished"
    columns = {"step", "time", "loss", "risk", "risk_data", "risk_penalty", "rises"}
    columns |= {"teacher_distance", "teacher_w1", "teacher_w2", "floor", "speed"}
    columns |= {"ultra_fast_distance", "projected_distance", "readout_min"}
    assert columns <= set(plain.metrics)
    assert_allclose(plain.metrics["step"], [0, 10, 20, 30, 40])
    assert_allclose(plain.metrics["time"], np.arange(0, 50, 10) / 1024)
    assert_allclose(
        plain.metrics["risk"],
        plain.metrics["risk_data"] + plain.metrics["risk_penalty"],
    )
    assert np.all(np.diff(plain.metrics["risk"]) < 0)
    assert "projected diffusion; both are drawn" in plain.notes[0]


def test_the_stored_network_has_its_own_optimal_readout(plain):
    # A further projection changes nothing: the recorded risk is that of the network.
    network = plain.network
    again = outcome(n_steps=1, records=2)
    assert network.readout.shape == (16, 1)
    assert again.network is not None
    gram_free = plain.metrics["risk"][-1]
    assert 0 < gram_free < plain.metrics["risk"][0]
    assert plain.metrics["readout_min"][-1] == float(network.readout.min())


@pytest.mark.parametrize("solver", ["dense", "prefix", "cg", "direct"])
def test_all_solvers_give_one_trajectory(solver, plain):
    other = outcome(solver=solver)
    for name in ("risk", "teacher_distance", "ultra_fast_distance"):
        # Conjugate gradients stop at a residual of 1e-11; distances have a floor.
        assert_allclose(other.metrics[name], plain.metrics[name], rtol=1e-8, atol=1e-8)


def test_limits_are_compared_at_equal_physical_time():
    coarse = outcome(time_step=2.0**-9, n_steps=20, records=5)
    fine = outcome(time_step=2.0**-10, n_steps=40, records=5)
    assert_allclose(coarse.metrics["time"], fine.metrics["time"])
    for name in ("ultra_fast_energy", "projected_energy"):
        assert_allclose(coarse.metrics[name], fine.metrics[name], rtol=1e-6)
    # The particles differ by their time step only, of first order.
    assert_allclose(coarse.metrics["risk"], fine.metrics["risk"], rtol=0.02)


@pytest.mark.parametrize(
    "fields",
    [
        {"feature": "relu-threshold"},
        {"problem": "torus", "gamma": math.inf},
        {"problem": "torus", "feature": "cosine", "solver": "cg", "time_step": 1e-4},
        {"dynamics": "two-timescale", "inner": "implicit", "ratio": 100.0},
        {"data": "sampled", "precision": "float32", "seed": 3},
        {"centre": 0.0},
        {"data": "population"},
    ],
    ids=str,
)
def test_every_kind_of_run_finishes(fields):
    found = outcome(**fields)
    assert found.status == "finished"
    assert np.all(np.isfinite(found.metrics["teacher_distance"]))


def test_a_seed_fixes_a_run_and_another_changes_it():
    one, same = (outcome(data="sampled", seed=1, limits=()) for _ in range(2))
    other = outcome(data="sampled", seed=2, limits=())
    assert_array_equal(one.metrics["risk"], same.metrics["risk"])
    assert not np.allclose(one.metrics["risk"], other.metrics["risk"])


def test_a_time_step_that_is_too_large_is_named(plain):
    found = outcome(penalty=1e-6, time_step=0.5, limits=())
    assert found.status == "diverged" or found.summary["fraction_of_rises"] > 0
    assert any("is above the stable step estimated at start" in n for n in found.notes)
    assert "A smaller" not in " ".join(plain.notes)


def test_two_time_scales_tell_their_ratio():
    slow = outcome(dynamics="two-timescale")
    note = "ratio 1.02: the readout is not fast here; expect a lag behind variable"
    assert any(note in text for text in slow.notes)
    assert slow.summary["time_ratio"] == 1e-3 * 1024
    message = r"`ratio` 50 with penalty 0.001 is unstable \(needs below .*\); lower it"
    with pytest.raises(ConfigError, match=message):
        outcome(dynamics="two-timescale", ratio=50.0)


def test_networks_are_kept_at_records(plain):
    steps = record_steps(config())
    kept = config().keep_steps
    assert kept <= set(steps)
    assert {0, 40} <= kept
    assert config(keep="17,").keep_steps == {0, 40} | {
        min(steps, key=lambda step: abs(step - 17))
    }
    assert list(plain.kept) == sorted(kept)
    # As the trained network, they have the readout that is best for their features.
    assert eqx.tree_equal(plain.kept[40], plain.network)
    assert plain.arrays["limit.ultra_fast"].shape == (len(kept), 64)


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path, plain):
    asked = iter([None, None, 130])
    context = Context(
        checkpoints=tmp_path,
        stop_requested=lambda: next(asked, None),
        checkpoint_seconds=0.0,
    )
    with pytest.raises(Interrupted, match="the same command goes on from there"):
        run(config(), context)
    resumed = run(config(), dataclasses.replace(context, stop_requested=lambda: None))
    for name in set(plain.metrics) - {"seconds"}:
        assert_array_equal(resumed.metrics[name], plain.metrics[name])
    assert eqx.tree_equal(resumed.kept, plain.kept)


def test_a_description_tells_the_stable_step_before_training():
    facts = describe(config(dynamics="two-timescale"))
    assert facts["ratio of the time scales"] == 1.024
    # Even features on the population have the largest eigenvalue 2/pi^2.
    # 128 samples have a second moment that is 10 % off.
    found = facts["largest kernel eigenvalue at the start"]
    assert_allclose(found, 2 / math.pi**2, rtol=0.1)
    assert 0 < facts["stable time step, estimated at the start"] < 1


BAD = {
    "`penalty` must be positive, got 0.0; the limit penalty -> 0 is the diffusion": {
        "penalty": 0.0
    },
    "`width` must be at least 1, got 0.": {"width": 0},
    "`gamma` must be positive, got -1.0; use `gamma=inf` for point masses.": {
        "gamma": -1.0
    },
    "`solver=prefix` needs bias-free ReLU features on the circle; use `dense`": {
        "solver": "prefix",
        "feature": "relu-threshold",
    },
    "`cells` must be at least 8, got 4.": {"cells": 4},
    "`particles` must be at least 30 x `harmonics` = 900, got 256.": {
        "particles": 256,
        "harmonics": 30,
    },
    "`feature` on the circle must be `relu` or `relu-threshold`, got 'laplace'.": {
        "feature": "laplace"
    },
    "`data=population` needs bias-free ReLU": {
        "data": "population",
        "problem": "torus",
    },
    "`solver=dense` needs finite data": {"data": "population", "solver": "dense"},
    "`gamma` inf has no limit equation on the circle": {"gamma": math.inf},
    "`cells` must be at least 64, got 49.": {"problem": "torus", "cells": 49},
    "`cells` on the torus must be the square of a whole number, got 65.": {
        "problem": "torus",
        "cells": 65,
    },
    "`centre` must be a finite number, got nan.": {"centre": math.nan},
}


@pytest.mark.parametrize(("sentence", "fields"), BAD.items(), ids=list(BAD))
def test_bad_values_get_one_sentence(sentence, fields):
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        config(**fields)


def test_single_precision_warns_when_the_penalty_is_small():
    found = outcome(precision="float32", penalty=1e-5, limits=())
    assert any("float32 loses about 1e-7/penalty" in note for note in found.notes)


def test_a_penalty_that_rounding_swallows_is_named():
    found = outcome(penalty=1e-14, limits=())
    assert any("float64 loses about 1e-16/penalty" in note for note in found.notes)
    with pytest.raises(SolverError, match="is below what float32 resolves"):
        outcome(solver="dense", precision="float32", penalty=1e-30, limits=())


def test_only_plain_relu_has_a_projected_limit():
    limits = Limits.of(config(feature="relu-threshold"), [0, 40])
    assert limits.projected is None
    assert limits.ultra_fast is not None


def test_torus_runs_are_compared_with_the_ultra_fast_diffusion(tmp_path, capsys):
    fields = {"problem": "torus", "gamma": "10", "penalty": "1e-2", "cells": "256"}
    fields |= {"width": "64", "n_samples": "512", "n_steps": "100"}
    flags = [word for name, value in fields.items() for word in (f"--{name}", value)]
    runs = ["--runs", str(tmp_path)]
    assert run_command(["run", "timescales", *COMMAND, *flags, *runs]) == 0
    (path,) = find_runs(tmp_path)
    run = read_run(path)
    arrays, distances = run.arrays, run.metrics["ultra_fast_distance"].to_numpy()
    assert arrays["limit.ultra_fast"].shape == (3, 256)
    # Particles move with the diffusion: those that stay where they were end further.
    still = torus_energy(
        run.kept(0)[0]["weights"].T,
        arrays["limit.points"],
        second_weights=arrays["limit.ultra_fast"][-1].astype(float),
        chordal=True,
    )
    assert distances[-1] < 0.8 * still
    pytest.importorskip("ot")
    options = ["--steps", "0", "100", "--transport"]
    assert run_command(["analyse", str(path), "density", *options, *runs]) == 0
    assert "ultra_fast_w2" in capsys.readouterr().out


def test_point_masses_have_no_limit_equation():
    limits = Limits.of(config(problem="torus", gamma=math.inf), [0, 40])
    assert limits.ultra_fast is None


def test_cells_that_miss_the_teacher_are_told():
    limits = Limits.of(config(problem="torus", gamma=1000.0, cells=256), [0])
    assert "The cells see a teacher of mass" in limits.notes()[0]
    assert Limits.of(config(), [0]).notes() == []


def test_the_command_line_takes_the_published_spellings(tmp_path, capsys):
    spelled = ["--lmbda", "1e-2", "--student_width", "8", "--epochs", "20"]
    runs = ["--runs", str(tmp_path)]
    assert run_command(["run", "timescales", *COMMAND, *spelled, *runs]) == 0
    (path,) = find_runs(tmp_path)
    stored = read_run(path).config
    assert (stored["penalty"], stored["width"], stored["n_steps"]) == (1e-2, 8, 20)
    assert run_command(["run", "timescales", "--lamda", "1e-2"]) == 2
    assert "--lambda" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", [name for name in REPRODUCTIONS if name.startswith("timescales-")]
)
def test_every_reproduction_runs_at_smoke_scale(name, tmp_path, capsys):
    if REPRODUCTIONS[name].reproduction().study != "timescales":
        pytest.fail("A reproduction of this name must belong to this study.")
    runs = str(tmp_path)
    assert run_command(["reproduce", name, "--scale", "smoke", "--runs", runs]) == 0
    assert "not decided at this scale" in capsys.readouterr().out
    folder = tmp_path / "reproductions" / name / "smoke"
    assert list(folder.glob("*.png"))
    assert bool(list(folder.glob("*.gif"))) == name.endswith("-animation")


def test_what_cannot_be_trained_is_refused_before_its_limits(monkeypatch):
    def never(*_):
        raise AssertionError("the limits of so many steps take for ever")

    monkeypatch.setattr(Limits, "of", never)
    with pytest.raises(ConfigError, match=r"at most 2\^31 - 1 steps"):
        run(Timescales(width=4, n_steps=10**15), Context())
