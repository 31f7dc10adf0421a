"""Lines are called by what differs between their runs."""

import pytest

import overparam as op
from overparam.errors import ConfigError
from overparam.plots.curves import told_apart


SMALL = {"input_dim": 3, "teacher_width": 2, "width": 3, "samples_per_epoch": 20}


def legends(figures):
    return {
        name: [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        for name, figure in figures.items()
    }


def test_several_runs_are_called_by_the_fields_that_differ(tmp_path):
    runs = [
        op.run(
            "planted", runs=tmp_path, epochs=2, progress=False, balance_every=n, **SMALL
        )
        for n in (2, None)
    ]
    told = legends(op.analyse(runs, "balance", progress=False).figures)
    wanted = ["balance every 2", "no balance"]
    assert told == {"neurons": wanted, "along": wanted}


def test_equal_configs_and_those_of_many_differences_have_no_labels():
    one = {"seed": 0, "width": 3, "init": "a", "scale": 1.0}
    assert told_apart([one, one]) == []
    other = {"seed": 1, "width": 4, "init": "b", "scale": 0.5}
    assert told_apart([one, other]) == []
    assert told_apart([one, other | {"init": "a", "scale": 1.0}]) == [
        "seed 0, width 3",
        "seed 1, width 4",
    ]


def test_a_network_without_neurons_is_refused_and_listed(key):
    none = op.two_layer(3, 4, 1, key=key)
    none = op.TwoLayer(none.weights[:, :0], none.readout[:0])
    with pytest.raises(ConfigError, match="no neurons: there is none to balance"):
        op.analyse(none, "balance", progress=False)
    listed = op.analyse(none).tables["analyses"].rows_by_key("analysis")
    assert listed["balance"][0][0] == "no"
