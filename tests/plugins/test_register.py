"""What a program registers: used like what is built in, or refused in a sentence."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import overparam as op
from overparam import by_name
from overparam.catalogue import ACTIVATIONS, STUDIES, catalogue
from overparam.errors import ConfigError, PluginWarning
from overparam.networks.activations import traits
from overparam.running.own_code import own_code
from overparam.sweeping import Job


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    for each in (STUDIES, ACTIVATIONS, catalogue("dataset")):
        monkeypatch.setattr(each, "_own", {})
    yield
    vars(STUDIES).pop("_points", None)


def squared_relu(z):
    return jnp.maximum(z, 0) ** 2


def absolute(z):
    return jnp.abs(z)


def test_an_activation_is_trained_and_stored_with_its_name(key):
    op.register("squared-relu", activation=squared_relu)
    network = op.two_layer(3, 4, 1, activation="squared-relu", key=key)
    x = jax.random.normal(key, (8, 3), jnp.float32)
    history = op.train(
        network,
        op.Table(x, x[:, :1]),
        op.Descent("half-squared-error", optax.adam, learning_rate=1e-2),
        n_steps=20,
        batch_size=8,
        record_every=10,
        key=key,
        progress=False,
    )
    assert history.records[-1]["loss"] < history.records[0]["loss"]
    back = op.networks.from_arrays(*op.networks.to_arrays(history.network))
    expected = np.maximum(np.asarray(x @ network.weights), 0) ** 2
    np.testing.assert_allclose(network.features(x), expected, rtol=1e-6)
    assert back.activation == "squared-relu"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("relu", (True, False, False)),
        ("leaky-relu", (True, False, False)),
        ("linear", (True, True, False)),
        ("tanh", (False, True, False)),
        ("erf", (False, True, False)),
        ("gelu", (False, False, False)),
        ("sigmoid", (False, False, True)),
        ("squared-relu", (False, False, False)),
        ("absolute", (True, False, False)),
        ("gaussian", (False, False, False)),  # A kernel, no activation.
    ],
)
def test_what_holds_of_an_activation_is_found_out(name, expected):
    op.register("squared-relu", activation=squared_relu)
    op.register("absolute", activation=absolute)
    assert traits(name) == expected


def test_a_cell_that_is_run_again_replaces_what_it_registered():
    op.register("mine", activation=absolute)
    op.register("mine", activation=absolute)
    with pytest.raises(ConfigError, match="activation `mine` is there already"):
        op.register("mine", activation=squared_relu)


def test_a_script_is_not_for_worker_processes():
    study = op.Study(question="?", code="__main__", config="Lost")
    STUDIES._own["lost"] = by_name.Own(study, "__main__:", None, registered=True)
    job = Job(study="planted", config={}, root="", id="")
    assert not own_code([job]), "Who does not ask for it may go on."
    with pytest.raises(ConfigError, match="code cannot be read again"):
        own_code([Job(study="lost", config={}, root="", id="")])


def test_an_activation_of_a_script_is_refused_before_a_sweep_that_asks_for_it():
    op.register("square", activation=lambda z: z**2)
    config = {"activation": "square"}
    with pytest.raises(ConfigError, match=r"`square` cannot be sent .*: move it to"):
        own_code([Job(study="planted", config=config, root="", id="")])


class Point:
    """An entry point, as `importlib.metadata` gives them."""

    dist = None

    def __init__(self, name, value):
        self.name, self.value = name, value
        self.module = value.partition(":")[0]

    def load(self):
        return by_name.load(self.value)


def test_entry_points_that_cannot_be_used_are_left_out_with_a_line_each(monkeypatch):
    points = [
        Point("planted", "overparam.nowhere:STUDY"),
        Point("broken", "overparam.nowhere:STUDY"),
        Point("wrong", "overparam.checks:written"),
        Point("up/and-away", "overparam.nowhere:STUDY"),
        Point("broken", "overparam.elsewhere:STUDY"),
    ]
    monkeypatch.setattr(by_name, "entry_points", lambda group: points)
    monkeypatch.setattr(STUDIES, "_broken", {})
    vars(STUDIES).pop("_points", None)
    with pytest.warns(PluginWarning) as told:
        assert "features" in list(STUDIES)
    sentences = sorted(str(warning.message) for warning in told)
    assert len(sentences) == 5
    assert all("overparam." in sentence for sentence in sentences)
    with pytest.raises(ConfigError, match=r"`broken` of .* cannot be loaded"):
        STUDIES["broken"]


def test_a_data_set_is_used_by_its_name_and_kept_with_the_digest_of_its_content(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    op.register("signs", dataset=lambda: op.dataset(x, np.sign(x[:, 0]).astype(int)))
    found = op.load_data("signs")
    assert found.name.startswith("signs@")
    assert found.n_classes == 2
    run = op.run(
        "features",
        dataset="signs",
        width=4,
        batch_size=8,
        train="readout",
        runs=tmp_path,
        progress=False,
    )
    assert run.config["dataset"] == found.name
