"""The order of layers in files, against the modules: told or asked for, not guessed."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from overparam import NamedWeights, load_network
from overparam.errors import ConfigError


torch = pytest.importorskip("torch")
nn = torch.nn

import torch_modules as modules  # noqa: E402 (PyTorch may be missing)


RNG = np.random.default_rng(0)
X = RNG.standard_normal((7, 6)).astype(np.float32)
IMAGES = RNG.standard_normal((4, 8, 8, 3)).astype(np.float32)


def state(module):
    return {name: tensor.numpy() for name, tensor in module.state_dict().items()}


def outputs(module, x=X):
    with torch.no_grad():
        return module.eval()(torch.tensor(x)).numpy()


def moved(module):
    """With normalisations whose parameters and moments are not the first ones."""
    torch.manual_seed(0)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            with torch.no_grad():
                layer.weight.uniform_(0.5, 1.5)
                layer.bias.normal_()
                layer.running_mean.normal_()
                layer.running_var.uniform_(0.5, 2)
    return module


# Rounding of float32 through at most nine layers, as in the tests of other files.
@pytest.mark.parametrize("sizes", [(6,) * 10, (6, *(5,) * 9, 3)], ids=["square", "end"])
def test_more_layers_than_orders_are_tried_come_by_number(sizes, tmp_path):
    module = modules.dense(sizes, nn.ReLU)
    save_file(state(module), tmp_path / "a.safetensors")
    network = load_network(tmp_path / "a.safetensors")
    np.testing.assert_allclose(network(X), outputs(module), atol=1e-5)


def test_numbers_come_before_the_order_of_a_file_that_is_sorted_by_name(tmp_path):
    module = modules.dense((6,) * 6, nn.ReLU)
    named = {
        f"Dense_{8 + index}/{name}": array
        for index, layer in enumerate(module[::2])
        for name, array in (
            ("kernel", layer.weight.detach().numpy().T),
            ("bias", layer.bias.detach().numpy()),
        )
    }
    np.savez(tmp_path / "a.npz", **dict(sorted(named.items())))
    network = load_network(tmp_path / "a.npz")
    np.testing.assert_allclose(network(X), outputs(module), atol=1e-5)


def test_a_list_of_many_arrays_is_read_by_its_numbers(tmp_path):
    module = modules.dense((6,) * 8, nn.ReLU)
    arrays = {f"arr_{i}": array for i, array in enumerate(state(module).values())}
    save_file(arrays, tmp_path / "a.safetensors")
    network = load_network(tmp_path / "a.safetensors", convention="torch")
    np.testing.assert_allclose(network(X), outputs(module), atol=1e-5)


class Named(nn.Module):
    """Linear layers and normalisations under names, made in another order than used."""

    def __init__(self, *names):
        super().__init__()
        self.names = names
        for name in sorted(names, key=lambda name: name.startswith("bn")):
            kind = nn.BatchNorm1d(6) if name.startswith("bn") else nn.Linear(6, 6)
            setattr(self, name, kind)

    def forward(self, x):
        for name in self.names[:-1]:
            x = getattr(self, name)(x)
            x = torch.relu(x) if name.startswith("bn") else x
        return getattr(self, self.names[-1])(x)


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_norms_go_to_the_layers_of_their_numbers(suffix, tmp_path):
    module = moved(Named("fc1", "bn1", "fc2", "bn2", "fc3"))
    path = tmp_path / f"a.{suffix}"
    save = torch.save if suffix == "pt" else save_file
    save(module.state_dict() if suffix == "pt" else state(module), path)
    np.testing.assert_allclose(load_network(path)(X), outputs(module), atol=1e-5)


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_norms_without_numbers_are_asked_for(suffix, tmp_path):
    names = ("one", "bn_a", "two", "bn_b", "three")
    module = moved(Named(*names))
    path = tmp_path / f"a.{suffix}"
    save = torch.save if suffix == "pt" else save_file
    save(module.state_dict() if suffix == "pt" else state(module), path)
    with pytest.raises(ConfigError, match="may come in several orders: say `--order`"):
        load_network(path)
    network = load_network(path, order=names)
    np.testing.assert_allclose(network(X), outputs(module), atol=1e-5)


def images(*layers):
    module = nn.Sequential()
    module.features = nn.Sequential(*layers)
    module.pool = nn.AdaptiveAvgPool2d(1)
    module.flat = nn.Flatten()
    module.classifier = nn.Linear(3, 5)
    return moved(module)


def convolution():
    return nn.Conv2d(3, 3, 3, padding=1)


def test_convolutions_without_numbers_are_asked_for(tmp_path):
    torch.manual_seed(0)
    module = images(*(layer for _ in range(3) for layer in (convolution(), nn.ReLU())))
    names = {"features.0": "stem", "features.2": "middle", "features.4": "deep"}
    arrays = {}
    for name, array in state(module).items():
        layer, part = name.rsplit(".", 1)
        arrays[f"{names.get(layer, layer)}.{part}"] = array
    save_file(arrays, tmp_path / "a.safetensors")
    given = {"pools": (), "convention": "torch"}
    with pytest.raises(ConfigError, match="may come in several orders"):
        load_network(tmp_path / "a.safetensors", **given)
    order = ("stem", "middle", "deep", "classifier")
    network = load_network(tmp_path / "a.safetensors", order=order, **given)
    wanted = outputs(module, IMAGES.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(network(IMAGES), wanted, atol=1e-5)


def test_room_for_an_activation_before_a_norm_is_seen_among_convolutions(tmp_path):
    layers = [
        layer
        for _ in range(2)
        for layer in (convolution(), nn.ReLU(), nn.BatchNorm2d(3))
    ]
    torch.save(images(*layers).state_dict(), tmp_path / "a.pt")
    weights = load_network(tmp_path / "a.pt", convention="torch")
    assert isinstance(weights, NamedWeights)
    assert "not each followed by a ReLU" in weights.reason


def test_a_maximum_is_seen_where_only_some_convolutions_are_normalised(tmp_path):
    first = [convolution(), nn.ReLU(), nn.MaxPool2d(2)]
    last = [convolution(), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2)]
    module = images(*first, *last)
    torch.save(module.state_dict(), tmp_path / "a.pt")
    network = load_network(tmp_path / "a.pt", convention="torch")
    wanted = outputs(module, IMAGES.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(network(IMAGES), wanted, atol=1e-5)


@pytest.mark.parametrize("pooled", [(), (0, 2)])
def test_maxima_are_seen_where_all_layers_are_counted_together(pooled, tmp_path):
    module = modules.trained(modules.VGG(norm=True, widths=(4, 6, 8), pooled=pooled))
    kinds = {4: "convolution", 1: "norm"}
    arrays = {}
    for name, array in state(module).items():
        layer, part = name.rsplit(".", 1)
        number = layer.rpartition(".")[2]
        if number.isdecimal():
            weights = state(module)[f"{layer}.weight"]
            layer = f"{kinds[weights.ndim]}{number}"
        arrays[f"{layer.replace('classifier', 'linear20')}.{part}"] = array
    save_file(arrays, tmp_path / "a.safetensors")
    network = load_network(tmp_path / "a.safetensors")
    assert network.pooled == pooled
    wanted = outputs(module, IMAGES.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(network(IMAGES), wanted, atol=1e-5)


def test_moments_under_the_names_of_keras_have_its_epsilon(tmp_path):
    first, last, width = (RNG.standard_normal(s) for s in ((6, 5), (5, 3), (4, 5)))
    gain, shift, mean, variance = *width[:3], width[3] ** 2
    arrays = {
        "dense/kernel": first,
        "bn/gamma": gain,
        "bn/beta": shift,
        "bn/moving_mean": mean,
        "bn/moving_variance": variance,
        "out/kernel": last,
    }
    np.savez(tmp_path / "a.npz", **arrays)
    # Keras adds 1e-3: https://keras.io/api/layers/normalization_layers
    x = X.astype(np.float64)
    hidden = (x @ first - mean) / np.sqrt(variance + 1e-3) * gain + shift
    wanted = np.maximum(hidden, 0) @ last
    network = load_network(tmp_path / "a.npz")
    np.testing.assert_allclose(network(x), wanted, rtol=1e-12, atol=1e-12)


MATRICES = {"1.weight": RNG.standard_normal((5, 6)), "2.weight": np.ones((1, 5))}
NO_CHAINS = {
    "whole numbers": ({"2.bias": np.ones(1, int)}, "`2.bias` holds no floating"),
    "truths": ({"1.mask": np.ones((5, 6), bool)}, "`1.mask` holds no floating"),
    "a slope": ({"act.slope": np.ones(5)}, "`act.slope` is called neither"),
    "a noise": ({"log_sigma": np.ones(1)}, "`log_sigma` is called neither"),
    "a wrapper": ({"module.1.weight": np.ones((5, 6))}, "called `1.weight` but for"),
    "no numbers": ({"0.weight": np.ones((6, 0))}, "has the shape (6, 0), no numbers"),
}


@pytest.mark.parametrize("name", NO_CHAINS)
def test_what_is_beside_the_layers_is_not_left_out_unsaid(name, tmp_path):
    more, reason = NO_CHAINS[name]
    np.savez(tmp_path / "a.npz", **MATRICES, **more)
    weights = load_network(tmp_path / "a.npz")
    assert isinstance(weights, NamedWeights)
    assert reason in weights.reason


def test_single_numbers_that_count_batches_are_left_out(tmp_path):
    arrays = MATRICES | {"num_batches_tracked": np.asarray(3)}
    np.savez(tmp_path / "a.npz", **arrays)
    assert not isinstance(load_network(tmp_path / "a.npz"), NamedWeights)


@pytest.mark.parametrize("bias", [False, True])
def test_masks_of_pruning_are_no_layers(bias, tmp_path):
    from torch.nn.utils import parametrizations, prune

    for change in (
        lambda layer: prune.random_unstructured(layer, "weight", 0.5),
        parametrizations.weight_norm,
    ):
        module = modules.dense((6, 6, 6), nn.ReLU, bias=bias)
        change(module[0])
        change(module[2])
        torch.save(module.state_dict(), tmp_path / "a.pt")
        weights = load_network(tmp_path / "a.pt", convention="torch")
        assert isinstance(weights, NamedWeights)
        assert "is a part of what a weight is computed from" in weights.reason


@pytest.mark.parametrize("kind", [">f8", "longdouble"])
def test_wide_numbers_of_any_kind_are_float64(kind, tmp_path):
    arrays = {name: array.astype(kind) for name, array in MATRICES.items()}
    np.savez(tmp_path / "a.npz", **arrays)
    network = load_network(tmp_path / "a.npz")
    np.testing.assert_array_equal(network.weights, MATRICES["1.weight"].T)


def test_kernels_of_other_sizes_are_named_weights_whatever_their_order(tmp_path):
    module = nn.ModuleDict(
        {
            "stem": nn.Conv2d(3, 8, 3),
            "norm": nn.BatchNorm2d(8),
            "head": nn.Conv2d(8, 4, 1),
            "classifier": nn.Linear(4, 2),
        }
    )
    save_file(state(module), tmp_path / "net.safetensors")
    assert isinstance(load_network(tmp_path / "net.safetensors"), NamedWeights)


def test_matrices_by_names_of_their_own_are_layers(tmp_path):
    weights, readout = RNG.standard_normal((5, 6)), RNG.standard_normal((2, 5))
    np.savez(tmp_path / "net.npz", weights=weights, readout=readout)
    network = load_network(tmp_path / "net.npz", activation="relu")
    expected = np.maximum(X @ weights.T, 0) @ readout.T
    np.testing.assert_allclose(network(X.astype(float)), expected, rtol=1e-5, atol=1e-5)
