"""Stored networks are data: every class comes back, and nothing else is called."""

import ast
import copy
import dataclasses
import json
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import overparam
from overparam.catalogue import NETWORKS as CLASSES
from overparam.errors import StoreError
from overparam.limits.kernels.linearised import Linearised
from overparam.networks import (
    GatedTwoLayer,
    LinearReadout,
    Network,
    NormalisedTwoLayer,
    RadialFeatures,
    SkipNeuron,
    StandardisedTwoLayer,
    ThresholdReLU,
    TwoLayer,
    from_arrays,
    mlp,
    resnet,
    to_arrays,
    vgg11,
)
from overparam.networks.biased import Biased
from overparam.networks.convolutional.batch_norm import BatchNorm, Moments
from overparam.networks.convolutional.vgg import NormalisedVGG
from overparam.networks.files.registered import class_named, name_of


SOURCE = Path(overparam.__file__).parent
BY_PLACE = json.loads(
    Path(__file__).with_name("descriptions_by_place.json").read_text()
)
"""Descriptions as runs hold them that name classes by their modules."""
NETWORKS = sorted(n for n in CLASSES.built_in if issubclass(class_named(n), Network))


def numbers(*shape: int) -> jax.Array:
    return jnp.asarray(1.0 + np.arange(np.prod(shape)).reshape(shape))


def shaped(make, *sizes, **options) -> Network:
    """What `make` makes, with other weights: those that it draws take long."""
    shapes = eqx.filter_eval_shape(make, *sizes, key=jax.random.key(0), **options)
    return jax.tree.map(lambda leaf: numbers(*leaf.shape), shapes)


def example(name: str) -> Network:
    hidden, readout = numbers(2, 3), numbers(3, 1)
    examples = {
        "two-layer": lambda: TwoLayer(
            hidden, numbers(5, 1), activation="tanh", scale=0.5, skip=True
        ),
        "normalised-two-layer": lambda: NormalisedTwoLayer(hidden, readout),
        "standardised-two-layer": lambda: StandardisedTwoLayer(
            hidden, readout, mean=numbers(3), std=numbers(3)
        ),
        "threshold-relu": lambda: ThresholdReLU(hidden, readout),
        "radial-features": lambda: RadialFeatures(hidden, readout),
        "linear-readout": lambda: LinearReadout(readout),
        "mlp": lambda: shaped(mlp, (2, 3, 4, 1), bias=True),
        "vgg": lambda: shaped(vgg11, 2, multiplier=1 / 64),
        "normalised-vgg": lambda: NormalisedVGG(
            kernels=(numbers(3, 3, 1, 2),),
            norms=(BatchNorm(numbers(2), numbers(2)),),
            readout=numbers(3, 2),
            statistics=(Moments(numbers(2), numbers(2)),),
            pooled=(0,),
        ),
        "resnet": lambda: shaped(resnet, 8, n_outputs=2, multiplier=1 / 16),
        "gated-two-layer": lambda: GatedTwoLayer(hidden, hidden, readout),
        "biased": lambda: Biased(GatedTwoLayer(hidden, hidden, readout)),
        "linearised": lambda: Linearised(
            moving=ThresholdReLU(hidden, readout), fixed=ThresholdReLU(hidden, readout)
        ),
        "skip-neuron": lambda: SkipNeuron(hidden, numbers(2, 1), numbers(4, 1)),
    }
    return examples[name]()


def stored(name: str) -> tuple[dict[str, np.ndarray], dict]:
    """Arrays and description as they come from a file."""
    arrays, description = to_arrays(example(name))
    return arrays, json.loads(json.dumps(description))


def nodes(value):
    """Every object and list of a description."""
    if isinstance(value, dict | list):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from nodes(item)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_registered_network_comes_back_equal(name):
    arrays, description = stored(name)
    assert description["class"] == name
    assert eqx.tree_equal(from_arrays(arrays, description), example(name))


@pytest.mark.parametrize("name", sorted(BY_PLACE))
def test_places_of_classes_in_stored_descriptions_stay_names_of_them(name):
    back = from_arrays(stored(name)[0], BY_PLACE[name])
    assert eqx.tree_equal(back, example(name))


def test_a_field_of_several_classes_holds_the_one_that_is_named():
    network = Biased(TwoLayer(numbers(2, 3), numbers(3, 1)))
    assert eqx.tree_equal(from_arrays(*to_arrays(network)), network)


def test_optional_arrays_may_be_absent():
    network = StandardisedTwoLayer(numbers(2, 3), numbers(3, 1))
    assert eqx.tree_equal(from_arrays(*to_arrays(network)), network)


def test_every_network_class_of_the_package_is_registered():
    """A class that is not could be stored and never read again."""
    bases = {}
    for path in SOURCE.rglob("*.py"):
        place = ".".join(("overparam", *path.relative_to(SOURCE).with_suffix("").parts))
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                names = {b.id for b in node.bases if isinstance(b, ast.Name)}
                bases[f"{place}:{node.name}"] = names
    found = {"Network"}
    for _ in range(3):  # Networks, those derived from them, and so on.
        found |= {p.split(":")[1] for p, names in bases.items() if names & found}
    networks = {p for p, names in bases.items() if names & found}
    abstract = {
        "overparam.networks.stateful:Stateful",
        "overparam.networks.network:Wrapped",  # Stored as what it wraps.
    }
    registered = set(CLASSES.built_in.values())
    assert networks - abstract <= registered


def test_registered_names_are_those_of_their_classes():
    for name in CLASSES.built_in:
        assert name_of(class_named(name)) == name


REFUSED = {
    "a function of the package": {
        "class": "overparam.sweeping.run:_attempt",
        "fields": {
            "work": {
                "class": "overparam.studies.registry:load",
                "fields": {"reference": "builtins:exec"},
            }
        },
    },
    "a builtin": {"class": "builtins:exec", "fields": {"source": "1"}},
    "an attribute behind a class": {
        "class": "overparam.networks.two_layer:TwoLayer.features",
        "fields": {},
    },
    "another class of a module of networks": {
        "class": "overparam.networks.convolutional.batch_norm:Normaliser",
        "fields": {"statistics": [], "training": True},
    },
    "an abstract network": {
        "class": "overparam.networks.network:Network",
        "fields": {},
    },
    "a value class": {"class": "moments", "fields": {"mean": None, "variance": None}},
    "no class": {"fields": {}},
    "no fields": {"class": "two-layer"},
    "fields in a list": {"class": "two-layer", "fields": [1]},
    "a class that is no text": {"class": ["two-layer"], "fields": {}},
    "nothing": None,
    "a list": [],
    "a text": "two-layer",
}


@pytest.mark.parametrize("description", REFUSED.values(), ids=REFUSED)
def test_what_is_no_registered_network_is_refused(description):
    with pytest.raises(StoreError, match="stored network"):
        from_arrays({}, description)


def refusal(arrays, description) -> str:
    """The sentence that refuses a description; empty where a network comes back."""
    try:
        assert isinstance(from_arrays(arrays, description), Network)
    except StoreError as error:
        return str(error)
    return ""


def deep(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


WRONG = [
    None,
    True,
    1,
    -(10**400),
    float("nan"),
    float("inf"),
    "",
    "exec",
    "a" * 10**6,
    "\x1b[2J",
    [],
    [None],
    deep(100_000),
    {},
    {"array": "readout"},
    {"array": ["readout"]},
    {"array": "nowhere"},
    {"class": "two-layer", "fields": {}},
    {"class": "overparam.studies.registry:load", "fields": {"reference": "os:abort"}},
]


@pytest.mark.parametrize("name", NETWORKS)
def test_anything_in_the_place_of_anything_gives_one_sentence_or_a_network(name):
    """No value of a file may end in a traceback, wherever it stands."""
    arrays, description = stored(name)
    places = [
        (i, key)
        for i, node in enumerate(nodes(description))
        for key in (node if isinstance(node, dict) else range(len(node)))
    ]
    # Of a deep network the first places are like the others.
    for i, key in places[:40]:
        for wrong in WRONG:
            damaged = copy.deepcopy(description)
            list(nodes(damaged))[i][key] = wrong
            sentence = refusal(arrays, damaged)
            assert "\n" not in sentence
            assert len(sentence) < 500


@pytest.mark.parametrize("name", NETWORKS)
def test_fields_are_neither_missing_nor_unknown(name):
    arrays, description = stored(name)
    kind = class_named(name)
    later = {f.name for f in dataclasses.fields(kind) if f.metadata.get("later")}
    for field in description["fields"].keys() - later:
        damaged = copy.deepcopy(description)
        del damaged["fields"][field]
        with pytest.raises(StoreError, match=f"`{field}` is missing"):
            from_arrays(arrays, damaged)
    description["fields"]["width"] = 10**12
    with pytest.raises(StoreError, match="no field 'width'"):
        from_arrays(arrays, description)


@pytest.mark.parametrize("name", NETWORKS)
def test_arrays_are_those_that_the_fields_declare(name):
    arrays, description = stored(name)
    for path, array in arrays.items():
        rest = {other: value for other, value in arrays.items() if other != path}
        with pytest.raises(StoreError, match=f"`{path}` is missing"):
            from_arrays(rest, description)
        for wrong in (
            array[None],
            array[..., 0],
            array.astype(np.int32),
            array.astype(np.complex64),
            array.astype(object),
            array.astype(str),
        ):
            with pytest.raises(StoreError, match=f"`{path}` must be floating"):
                from_arrays(arrays | {path: wrong}, description)
    with pytest.raises(StoreError, match="no field holds its array 'other'"):
        from_arrays(arrays | {"other": numbers(1)}, description)


@pytest.mark.parametrize("name", sorted({*NETWORKS} - {"linear-readout", "linearised"}))
def test_arrays_must_fit_each_other(name):
    arrays, description = stored(name)
    readout = min(arrays, key=lambda path: not path.endswith("readout"))
    for path in {readout, min(arrays), max(arrays)}:
        # What comes in is free, what goes out is taken in by the next array.
        axis = 0 if path == readout else -1
        longer = np.concatenate([arrays[path]] * 2, axis=axis)
        with pytest.raises(StoreError, match="damaged"):
            from_arrays(arrays | {path: longer}, description)


def test_an_activation_that_is_not_here_is_asked_for_and_no_damage():
    arrays, description = stored("mlp")
    description["fields"]["activation"] = "of-a-file"
    with pytest.raises(StoreError, match=r"'of-a-file', which is not here: .*`--with`"):
        from_arrays(arrays, description)


def test_two_fields_cannot_swap_their_arrays():
    arrays, description = stored("gated-two-layer")
    fields = description["fields"]
    fields["gates"], fields["weights"] = fields["weights"], fields["gates"]
    with pytest.raises(StoreError, match="`gates` must be the array `gates`"):
        from_arrays(arrays, description)


def test_long_lists_end_at_the_first_array_that_is_not_there():
    arrays, description = stored("mlp")
    description["fields"]["layers"] = [{"array": "layers.0"}] * 10**6
    with pytest.raises(StoreError, match=r"`layers.1` must be the array"):
        from_arrays(arrays, description)


class Foreign(TwoLayer):
    """A user's own class, with a field that no file can hold."""

    law: object = eqx.field(static=True, default=print)


def test_weights_of_a_foreign_class_are_kept_and_the_class_is_named():
    network = Foreign(numbers(2, 3), numbers(3, 1))
    arrays, description = to_arrays(network)
    assert arrays.keys() == {"weights", "readout"}
    json.dumps(description)
    with pytest.raises(StoreError, match=r"unknown class .*Foreign"):
        from_arrays(arrays, description)
