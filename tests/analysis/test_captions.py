"""The caption of every figure says which runs it is of."""

import pytest

import overparam as op


SIZES = {"dataset": "digits", "activation": "relu", "standardise": False}
SIZES |= {"width": 12, "epochs": 1}
ASKED = {
    "balance": {},
    "prune": {},
    "resample": {"n_features": (4,), "n_draws": 2},
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")
    return [op.run("features", seed=s, runs=runs, **SIZES) for s in range(2)]


def captions(found):
    assert found.figures
    return {
        n: f.caption.get_text().replace("\n", " ") for n, f in found.figures.items()
    }


@pytest.mark.parametrize("name", ASKED)
def test_a_figure_names_its_run(name, pair):
    run = pair[0]
    for caption in captions(run.analyse(name, **ASKED[name])).values():
        assert f"run {run.stored.path.name} of features" in caption


@pytest.mark.parametrize("name", ["compare", "balance", "prune"])
def test_a_figure_names_all_its_runs(name, pair):
    few = {"n_permutations": 99, "n_bootstrap": 20} if name == "compare" else {}
    for caption in captions(op.analyse(pair, name, **few)).values():
        assert all(f"run {run.stored.path.name} of features" in caption for run in pair)
