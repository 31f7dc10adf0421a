"""What a certificate shows and says, at every tier."""

import functools
import math
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from overparam.analysis.certificate.analyse import _distance, analyse
from overparam.analysis.certificate.options import CertificateOptions
from overparam.checker import verify
from overparam.convex.certificates.branch_and_price import GlobalOptimum
from overparam.errors import ConfigError
from overparam.networks import TwoLayer

from .test_problem import objective, run_of


@functools.cache  # Many tests look at one answer.
def found_of(n, d, n_outputs=1, *, penalty="l2", **options):
    rng = np.random.default_rng(n)
    x, y = rng.standard_normal((n, d)), rng.standard_normal((n, n_outputs))
    x[0] = 0
    network = TwoLayer(
        jnp.asarray(rng.standard_normal((d, 5))),
        jnp.asarray(rng.standard_normal((5, n_outputs))),
    )
    run = run_of(network, jnp.asarray(x), jnp.asarray(y), objective(penalty=penalty))
    return analyse([run], CertificateOptions(penalty=0.2, **options))


CASES = {
    "enumeration": ({"n": 6, "d": 2}, "certified"),
    "search": ({"n": 25, "d": 3}, "certified"),
    "outputs": ({"n": 8, "d": 2, "n_outputs": 2}, "bounded"),
    "eigenvalue": ({"n": 1100, "d": 20}, "bounded"),
}


@pytest.mark.parametrize("proof", CASES)
def test_the_bound_is_drawn_at_every_tier(proof):
    options, tier = CASES[proof]
    found = found_of(**options)
    assert found.summary["proof"] == proof
    lower = found.summary[f"lower bound ({tier})"]
    (axes,) = found.figures["bound"].axes
    lines = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
    assert lines["lower bound"][-1] == lower
    reached = found.summary["objective of the balanced network"]
    assert lines["objective of the network"][0] == reached
    assert np.all(np.diff(lines["lower bound"]) >= -1e-12 * lower)
    assert any(note.startswith(tier) for note in found.notes)
    # A tier qualifies the bound, and never how near the network is.
    qualified = [name for name in found.summary if f"({tier})" in name]
    assert qualified == [f"lower bound ({tier})"]


def test_the_clock_of_the_figure_starts_at_the_first_bound():
    (axes,) = found_of(30, 5, nodes=100).figures["bound"].axes
    (line,) = (x for x in axes.get_lines() if x.get_label() == "lower bound")
    assert line.get_xdata()[0] == axes.get_xlim()[0] == 0


def test_an_estimate_is_no_lower_bound():
    table = found_of(30, 5, nodes=1).tables["certificate"]
    assert table["tier"].to_list() == ["bounded", "estimate"]
    lower, none = table["optimum at least"]
    assert none is None
    assert (table["optimum at most"] > lower).all()


def test_the_gap_of_a_row_is_that_of_the_network():
    found = found_of(25, 3)
    (row,) = found.tables["certificate"].to_dicts()
    reached = found.summary["objective of the balanced network"]
    lower, upper = row["optimum at least"], row["optimum at most"]
    assert row["gap of the network"] == pytest.approx((reached - lower) / lower)
    assert upper < reached  # the row of the optimum alone would say another gap


@pytest.mark.parametrize("proof", CASES)
def test_how_near_the_network_is_stands_in_a_sentence(proof):
    found = found_of(**CASES[proof][0])
    if any("vacuous" in note for note in found.notes):
        # No percentage is printed that only tells how poor the bound is.
        (told,) = [n for n in found.notes if "the bound does not tell" in n]
        assert f"{100 * found.summary['relative gap to the bound']:.3g}" not in told
        return
    (told,) = [n for n in found.notes if n.startswith("The balanced network is")]
    rows = found.tables["certificate"].to_dicts()
    reached = found.summary["objective of the balanced network"]
    # The optimum lies between both ends, so that the distance to it does.
    ends = sorted(
        float(word.replace(",", "")) for word in told.split() if word[0].isdigit()
    )
    above = [
        100 * (reached / rows[0][f"optimum at {end}"] - 1) for end in ("most", "least")
    ]
    assert ends == pytest.approx(above, rel=1e-2)


def test_a_network_that_is_the_best_found_is_at_most_so_far():
    known = {"tier": "bounded", "lower": 1.0}
    near = SimpleNamespace(gap=0.01, objective=1.01, best_known=1.01, **known)
    (told,) = _distance(near)
    assert told.startswith("The balanced network is at most 1 % above the optimum")
    far = SimpleNamespace(gap=93.9, objective=94.9, best_known=1.5, **known)
    (told,) = _distance(far)
    assert "6,227 to 9,390 % above" in told
    poor = SimpleNamespace(gap=93.9, objective=94.9, best_known=47.45, **known)
    (told,) = _distance(poor)
    assert "at least 100 % above" in told
    assert told.endswith("the bound does not tell.")
    best = SimpleNamespace(gap=93.9, objective=94.9, best_known=94.9, **known)
    (told,) = _distance(best)
    assert "%" not in told
    nothing = SimpleNamespace(gap=math.inf, objective=2.0, best_known=0.0)
    assert _distance(nothing) == []


def test_a_bound_that_tells_nothing_says_so():
    (note,) = [n for n in found_of(1100, 20).notes if "vacuous" in n]
    assert "inputs of 20 dimensions are too many" in note
    assert not [n for n in found_of(6, 2).notes if "vacuous" in n]


def test_a_search_asks_for_more_of_what_ended_it():
    for n_outputs in (1, 2):
        found = found_of(40, 5, n_outputs, nodes=2)
        (note,) = [n for n in found.notes if "vacuous" in n]
        assert "more `--nodes`" in note


def test_no_node_is_open_before_there_is_one():
    known = {"neurons": None, "objective": 2.0, "lower": 1.0, "dual": None, "size": 1.0}
    before, along = (
        GlobalOptimum(**known, n_nodes=n, n_open=n, proven=False) for n in (0, 3)
    )
    assert "open" not in before.progress
    assert along.progress == {"best": 2.0, "bound": 1.0, "open": 3}


def test_a_search_that_had_no_time_asks_for_more():
    found = found_of(40, 5, seconds=1e-3)
    assert found.summary["proof"] == "eigenvalue"
    (note,) = [n for n in found.notes if "vacuous" in n]
    assert "give the search more `--seconds`" in note
    assert not any("without a search" in note for note in found.notes)


@pytest.mark.parametrize(("n", "d"), [(2, 1), (6, 2)])
def test_few_patterns_are_searched_where_a_proof_is_asked_for(tmp_path, n, d):
    file = tmp_path / "proof.npz"
    summary = found_of(n, d, proof=str(file)).summary
    assert summary["proof"] in ("search", "eigenvalue")
    lower = summary["lower bound (certified)"]
    assert verify(file).lower == pytest.approx(lower, rel=1e-5)
    # Each gap is at most that asked for, 1e-2.
    without = found_of(n, d).summary["lower bound (certified)"]
    assert lower == pytest.approx(without, rel=1.1e-2)


def test_what_was_found_outlives_a_proof_that_cannot_be_written(tmp_path):
    found = found_of(8, 2, 2, proof=str(tmp_path / "proof.npz"))
    assert found.summary["proof"] == "outputs"
    assert any(note.startswith("No proof was written. Only a") for note in found.notes)
    with pytest.raises(ConfigError, match="folder of the proof"):
        found_of(6, 2, proof=str(tmp_path / "none" / "proof.npz"))
    with pytest.raises(ConfigError, match="is a folder"):
        found_of(6, 2, proof=str(tmp_path))
    # No system has names of a thousand letters.
    found = found_of(25, 3, proof=str(tmp_path / ("a" * 1000)))
    assert found.summary["proof"] == "search"
    assert any("cannot be written" in note for note in found.notes)


def test_normalised_networks_of_several_outputs_are_refused():
    with pytest.raises(ConfigError, match="needs one output, got 2"):
        found_of(6, 2, n_outputs=2, penalty="output-norms")
