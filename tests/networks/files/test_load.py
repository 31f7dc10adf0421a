"""Files and modules of PyTorch, NumPy and Keras against what wrote them."""

from itertools import pairwise

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from overparam import NamedWeights, load_network
from overparam.errors import ConfigError
from overparam.networks import MLP, TwoLayer
from overparam.networks.convolutional.resnet import ResNet
from overparam.networks.convolutional.vgg import VGG, NormalisedVGG
from overparam.networks.files.load import read_network


torch = pytest.importorskip("torch")
nn = torch.nn

import torch_modules as modules  # noqa: E402 (PyTorch may be missing)


RNG = np.random.default_rng(0)
VECTORS = RNG.standard_normal((7, 6)).astype(np.float32)
IMAGES = RNG.standard_normal((4, 8, 8, 3)).astype(np.float32)

MODULES = {
    "one hidden layer": (lambda: modules.dense((6, 5, 3), nn.ReLU), MLP, "relu"),
    "no biases": (
        lambda: modules.dense((6, 5, 3), nn.Tanh, bias=False),
        TwoLayer,
        "tanh",
    ),
    "depth 3": (lambda: modules.dense((6, 5, 4, 3), nn.GELU), MLP, "exact-gelu"),
    "depth 4": (lambda: modules.dense((6, 5, 4, 7, 3), nn.Sigmoid), MLP, "sigmoid"),
    "normalised": (lambda: modules.normalised(before=True), MLP, "relu"),
    "normalised late": (lambda: modules.normalised(before=False), MLP, "relu"),
    "vgg": (lambda: modules.VGG(norm=False), VGG, None),
    "vgg with norms": (lambda: modules.VGG(norm=True), NormalisedVGG, None),
    "resnet": (modules.ResNet, ResNet, None),
}


def made(name):
    torch.manual_seed(0)
    make, kind, activation = MODULES[name]
    module = make()
    images = kind in (VGG, NormalisedVGG, ResNet)
    x = IMAGES if images else VECTORS
    module = modules.trained(module, images=images)
    given = torch.tensor(x.transpose(0, 3, 1, 2) if images else x)
    with torch.no_grad():
        return module, kind, activation, x, module(given).numpy()


def state(module):
    return {name: tensor.numpy() for name, tensor in module.state_dict().items()}


# Rounding of float32, through at most nine layers with numbers around 1.
@pytest.mark.parametrize("name", MODULES)
def test_outputs_are_those_of_the_module_from_any_file(name, tmp_path):
    module, kind, activation, x, wanted = made(name)
    save_file(state(module), tmp_path / "a.safetensors")
    np.savez(tmp_path / "a.npz", **state(module))
    torch.save(module.state_dict(), tmp_path / "a.pt")
    found = [load_network(module)]
    for file in ("a.safetensors", "a.npz", "a.pt"):
        found.append(load_network(tmp_path / file, activation=activation))
    for network in found:
        assert type(network) is kind
        np.testing.assert_allclose(network(x), wanted, atol=1e-5)
    # One program: what differs would be another reading of the same weights.
    for network in found[1:]:
        pairs = zip(*map(jax.tree.leaves, (network, found[0])), strict=True)
        assert all(np.array_equal(one, other) for one, other in pairs)


def test_a_module_is_left_as_it_is():
    module = modules.VGG(norm=True).train()
    before = {name: value.copy() for name, value in state(module).items()}
    network = load_network(module)
    assert module.training
    with torch.no_grad():
        module.classifier.weight += 1
    np.testing.assert_array_equal(network.readout[:-1], before["classifier.weight"].T)


PREFIXES = ["module.", "_orig_mod.module.", "model.", "net.backbone.", "a/"]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_prefixes_go(prefix, tmp_path):
    module, _, _, x, wanted = made("depth 3")
    named = {prefix + name: array for name, array in state(module).items()}
    save_file(named, tmp_path / "a.safetensors")
    network = load_network(tmp_path / "a.safetensors", activation="exact-gelu")
    np.testing.assert_allclose(network(x), wanted, atol=1e-5)


def test_a_checkpoint_gives_its_state(tmp_path):
    module, _, _, x, wanted = made("one hidden layer")
    whole = {"epoch": 3, "state_dict": module.state_dict(), "optimizer": {"lr": 1.0}}
    torch.save(whole, tmp_path / "a.pth")
    np.testing.assert_allclose(load_network(tmp_path / "a.pth")(x), wanted, atol=1e-5)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
def test_numbers_of_16_bits_come_up_exactly(kind, suffix, tmp_path):
    from safetensors.torch import save_file as save

    module = modules.dense((6, 5, 3), nn.ReLU).to(getattr(torch, kind))
    path = tmp_path / f"a.{suffix}"
    (save if suffix == "safetensors" else torch.save)(module.state_dict(), path)
    network = load_network(path)
    assert network.readout.dtype == np.float32
    wanted = module[0].weight.detach().float().numpy().T
    np.testing.assert_array_equal(network.layers[0], wanted)


def test_float64_stays(tmp_path):
    module = modules.dense((6, 5, 3), nn.Tanh).double()
    np.savez(tmp_path / "a.npz", **state(module))
    network = load_network(tmp_path / "a.npz", activation="tanh")
    x = VECTORS.astype(np.float64)
    wanted = module(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(network(x), wanted, atol=1e-13)


def keras(tmp_path, sizes, *, names=("kernel", "bias")):
    """Matrices (inputs, outputs), and the outputs of their relu network."""
    arrays, hidden = {}, VECTORS[:, : sizes[0]]
    for index, shape in enumerate(pairwise(sizes)):
        weights = RNG.standard_normal(shape).astype(np.float32)
        bias = RNG.standard_normal(shape[1]).astype(np.float32)
        arrays[f"layer_{index}/{names[0]}"] = weights
        arrays[f"layer_{index}/{names[1]}"] = bias
        hidden = np.maximum(hidden, 0) if index else hidden
        hidden = hidden @ weights + bias
    np.savez(tmp_path / "a.npz", **arrays)
    return tmp_path / "a.npz", hidden


@pytest.mark.parametrize("sizes", [(6, 5, 3), (6, 6, 6)])
def test_matrices_of_keras_are_known_by_shape_or_name(sizes, tmp_path):
    path, wanted = keras(tmp_path, sizes)
    np.testing.assert_allclose(load_network(path)(VECTORS), wanted, atol=1e-4)


def test_where_nothing_tells_the_convention_it_is_asked_for(tmp_path):
    path, wanted = keras(tmp_path, (6, 6, 6), names=("w", "b"))
    with pytest.raises(ConfigError, match="say `--convention torch` or"):
        load_network(path)
    network = load_network(path, convention="keras")
    np.testing.assert_allclose(network(VECTORS), wanted, atol=1e-4)
    other = load_network(path, convention="torch")
    np.testing.assert_array_equal(other.layers[0], network.layers[0].T)


@pytest.mark.parametrize("turned", [False, True])
def test_without_biases_the_order_of_the_file_tells_the_convention(turned, tmp_path):
    first, last = RNG.standard_normal((6, 5)), RNG.standard_normal((5, 3))
    arrays = [w.T if turned else w for w in (first, last)]
    np.savez(tmp_path / "a.npz", *arrays)
    network = load_network(tmp_path / "a.npz", activation="linear")
    assert network.weights.dtype == np.float64
    x = VECTORS.astype(np.float64)
    np.testing.assert_allclose(network(x), x @ first @ last, rtol=1e-12)


def test_arrays_without_names_are_matrices_and_their_biases(tmp_path):
    path, wanted = keras(tmp_path, (6, 5, 3))
    np.savez(tmp_path / "b.npz", *np.load(path).values())
    network = load_network(tmp_path / "b.npz")
    np.testing.assert_allclose(network(VECTORS), wanted, atol=1e-4)


def test_keras_counts_its_layers_from_the_one_without_a_number(tmp_path):
    """`dense`, `dense_1`, ..., `dense_11`, in whatever order a file has them."""
    weights = RNG.standard_normal((12, 6, 6))
    arrays = {f"dense_{i}/kernel": w for i, w in enumerate(weights) if i}
    arrays["dense/kernel"] = weights[0]
    np.savez(tmp_path / "a.npz", **dict(sorted(arrays.items())))
    network = load_network(tmp_path / "a.npz")
    found = [*network.layers, network.readout]
    np.testing.assert_array_equal(found, weights)


def test_where_nothing_tells_the_order_it_is_asked_for(tmp_path):
    module = modules.dense((6, 6, 6), nn.ReLU)
    names = {"0": "read", "2": "answer"}
    arrays = {names[n[0]] + n[1:]: array for n, array in state(module).items()}
    save_file(arrays, tmp_path / "a.safetensors")
    with pytest.raises(ConfigError, match="in several orders: say `--order`"):
        load_network(tmp_path / "a.safetensors")
    network = load_network(tmp_path / "a.safetensors", order=["read", "answer"])
    np.testing.assert_array_equal(network.layers[0], arrays["read.weight"].T)
    with pytest.raises(ConfigError, match="must name every layer once"):
        load_network(tmp_path / "a.safetensors", order=["read"])


def test_shapes_tell_an_order_that_names_do_not(tmp_path):
    module, _, _, x, wanted = made("one hidden layer")
    names = {"0": "z", "2": "a"}
    arrays = {names[n[0]] + n[1:]: array for n, array in state(module).items()}
    save_file(arrays, tmp_path / "a.safetensors")
    network = load_network(tmp_path / "a.safetensors")
    np.testing.assert_allclose(network(x), wanted, atol=1e-5)


def test_where_names_do_not_tell_the_maxima_they_are_asked_for(tmp_path):
    module, _, _, x, wanted = made("vgg")
    numbers = {"features.0": "a1", "features.3": "a2", "features.5": "a3"}
    arrays = {}
    for name, array in state(module).items():
        layer, part = name.rsplit(".", 1)
        arrays[f"{numbers.get(layer, layer)}.{part}"] = array
    del arrays["classifier.bias"]
    save_file(arrays, tmp_path / "a.safetensors")
    network = load_network(tmp_path / "a.safetensors", pools=(0, 2))
    bias = state(module)["classifier.bias"]
    found = np.asarray(network(x)) + bias
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert load_network(tmp_path / "a.safetensors", pools=()).pooled == ()
    with pytest.raises(ConfigError, match="from 0, and there are 3; got 3"):
        load_network(tmp_path / "a.safetensors", pools=(1, 3))


@pytest.mark.parametrize(
    ("places", "said"), [((0, 2), "none"), ((0, 3), "0,1"), ((0, 3, 5), "0,2")]
)
def test_a_note_says_which_maxima_were_read_from_the_names(tmp_path, places, said):
    arrays = {
        f"features.{place}.weight": np.ones((2, 2 if number else 1, 3, 3), "f")
        for number, place in enumerate(places)
    }
    save_file(arrays | {"fc.weight": np.ones((3, 2), "f")}, tmp_path / "a.safetensors")
    notes = read_network(tmp_path / "a.safetensors").notes
    assert any(f"in the names, here {said};" in note for note in notes)


def test_what_is_no_chain_comes_as_named_matrices(tmp_path):
    module = modules.Attention()
    save_file(state(module), tmp_path / "a.safetensors")
    for source in (module, tmp_path / "a.safetensors"):
        weights = load_network(source)
        assert isinstance(weights, NamedWeights)
        assert weights.reason
        wanted = module.output.weight.detach().numpy().T
        np.testing.assert_array_equal(weights.arrays["output.weight"], wanted)


REASONS = {
    "two activations": (
        lambda: nn.Sequential(
            nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 3)
        ),
        "several activations, relu, tanh",
    ),
    "a slope": (
        lambda: nn.Sequential(nn.Linear(6, 5), nn.LeakyReLU(0.2), nn.Linear(5, 3)),
        "slope 0.2",
    ),
    "a wide window": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 5, padding=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4, 2),
        ),
        "5 x 5",
    ),
    "all pixels": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 2)
        ),
        "all pixels, and not their average",
    ),
    "an unknown layer": (
        lambda: nn.Sequential(nn.Linear(6, 5), nn.ELU(), nn.Linear(5, 3)),
        "the layer ELU",
    ),
}


@pytest.mark.parametrize("name", REASONS)
def test_the_reason_why_it_is_no_chain_is_told(name):
    make, reason = REASONS[name]
    assert reason in load_network(make()).reason


def test_a_sum_with_a_constant_is_no_residual():
    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(6, 5), nn.Linear(5, 3)

        def forward(self, x):
            return self.last(torch.relu(self.first(x)) + 1)

    assert isinstance(load_network(Shifted()), NamedWeights)


def test_logits_are_left_of_a_classifier_that_ends_with_a_softmax():
    module = nn.Sequential(*modules.dense((6, 5, 3), nn.ReLU), nn.LogSoftmax(-1))
    network = load_network(module)
    logits = module[:-1](torch.tensor(VECTORS)).detach().numpy()
    np.testing.assert_allclose(network(VECTORS), logits, atol=1e-5)
