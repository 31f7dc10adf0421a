"""Densities of kept features of any run that planted some in the plane."""

import itertools
import math

import jax
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image
from PIL.ImageSequence import all_frames

import overparam as op
from overparam.analysis.density.circular import circle_w2
from overparam.analysis.resampling.smoothing import circle_density
from overparam.errors import ConfigError


SMALL = {"input_dim": 2, "n_outputs": 1, "teacher_width": 3, "width": 8, "epochs": 2}
SMALL |= {"samples_per_epoch": 20, "keep": "every 1"}
SCALES = {"width": 6, "n_samples": 16, "teacher_width": 16, "n_steps": 4, "records": 3}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


def angles(weights):
    return np.arctan2(weights[1], weights[0])


def test_neurons_of_two_inputs_stand_beside_those_of_their_teacher(root):
    run = op.run("planted", runs=root, progress=False, **SMALL)
    found = run.analyse("density", transport=True, steps=(0, 2, 4), progress=False)
    table = found.tables["snapshots"]
    assert table.columns == ["step", "teacher_w2"]
    assert table["step"].to_list() == [0, 2, 4]
    teacher = angles(run.stored.arrays["teacher.weights"].astype(float))
    for step, distance in table.rows():
        student = angles(np.asarray(run.kept(step).weights, float))
        assert distance == pytest.approx(circle_w2(student, teacher), rel=1e-6)
    student, planted = found.figures["density"].axes[0].get_lines()
    assert planted.get_label() == "teacher"
    grid = planted.get_xdata()
    smoothed = circle_density(teacher, grid, bandwidth=0.04)
    np.testing.assert_allclose(planted.get_ydata(), smoothed, rtol=1e-6)
    plt.close("all")


@pytest.mark.parametrize(
    ("limits", "labels"),
    [
        ((), []),
        (("ultra-fast",), ["ultra-fast"]),
        (("projected",), ["projected, smoothed"]),
    ],
)
def test_limits_that_a_run_solved_are_drawn(limits, labels, root):
    fields = SCALES | {"limits": limits, "cells": 16, "particles": 60, "harmonics": 2}
    run = op.run("timescales", runs=root, progress=False, **fields)
    found = run.analyse("density", steps=(0, 4), progress=False)
    drawn = [line.get_label() for line in found.figures["density"].axes[0].get_lines()]
    assert drawn == ["student, smoothed", *labels, "teacher"]
    times = found.tables["snapshots"]["time"]
    assert times.to_list() == [0, 4 * run.config["time_step"]]
    plt.close("all")


@pytest.mark.parametrize("problem", ["circle", "torus"])
def test_an_animation_has_a_frame_for_every_kept_step(problem, root, tmp_path):
    fields = SCALES | {"limits": (), "problem": problem}
    run = op.run("timescales", runs=root, progress=False, **fields)
    path = tmp_path / "features.gif"
    found = run.analyse("density", steps=(0,), animation=path, progress=False)
    assert f"The animation is in {path}." in found.notes
    with Image.open(path) as image:
        assert image.n_frames == len(run.stored.kept_steps) == 3
        frames = [np.asarray(frame.convert("RGB")) for frame in all_frames(image)]
    # Features move, and the step stands above them.
    assert all((a != b).any() for a, b in itertools.pairwise(frames))
    plt.close("all")


def test_point_masses_of_the_circle_are_smoothed_as_the_student(root):
    fields = SCALES | {"limits": (), "gamma": math.inf}
    run = op.run("timescales", runs=root, progress=False, **fields)
    found = run.analyse("density", steps=(0,), progress=False)
    (teacher,) = found.figures["density"].axes[0].get_lines()[1:]
    assert np.isfinite(teacher.get_ydata()).all()
    plt.close("all")


def test_what_has_no_features_in_the_plane_is_a_sentence(root):
    three = op.run("planted", runs=root, progress=False, **SMALL | {"input_dim": 3})
    with pytest.raises(ConfigError, match="features have 3 entries: they are no point"):
        three.analyse("density", progress=False)
    network = op.two_layer(2, 4, 1, scaling="ntk", key=jax.random.key(0))
    with pytest.raises(ConfigError, match="has no planted teacher"):
        op.analyse(network, "density", progress=False)
