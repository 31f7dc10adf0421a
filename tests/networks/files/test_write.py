"""Networks that are written, in ONNX Runtime, in PyTorch, and read again."""

from itertools import pairwise

import jax
import numpy as np
import pytest

from overparam import load_network, two_layer
from overparam.errors import ConfigError
from overparam.networks import (
    MLP,
    RadialFeatures,
    StandardisedTwoLayer,
    TwoLayer,
    resnet,
    vgg11,
)
from overparam.networks.convolutional.batch_norm import BatchNorm, Moments
from overparam.networks.convolutional.vgg import VGG, NormalisedVGG
from overparam.running.exporting import network_files


RNG = np.random.default_rng(0)
KEY = jax.random.key(0)
VECTORS = RNG.standard_normal((7, 6)).astype(np.float32)
IMAGES = RNG.standard_normal((3, 8, 8, 3)).astype(np.float32)


def numbers(*shape):
    return jax.numpy.asarray(0.3 * RNG.standard_normal(shape).astype(np.float32))


def norm(width):
    moments = Moments(numbers(width), numbers(width) ** 2 + 0.5)
    return BatchNorm(numbers(width) + 1, numbers(width)), moments


def mlp(sizes, activation="relu"):
    weights = [numbers(*pair) for pair in pairwise(sizes[:-1])]
    return MLP(
        layers=tuple(weights),
        readout=numbers(sizes[-2] + 1, sizes[-1]),
        biases=tuple(numbers(width) for width in sizes[1:-1]),
        activation=activation,
        scale=0.5,
    )


def normalised_vgg():
    norms, statistics = zip(*(norm(width) for width in (4, 5)), strict=True)
    return NormalisedVGG(
        kernels=(numbers(3, 3, 3, 4), numbers(3, 3, 4, 5)),
        norms=norms,
        readout=numbers(6, 2),
        statistics=statistics,
        pooled=(0,),
    )


def residual():
    small = resnet(8, n_outputs=2, multiplier=1 / 4, key=KEY)
    # Other moments and gains than the first ones.
    return jax.tree.map(
        lambda leaf: leaf + 0.1 * abs(numbers(*leaf.shape)) if leaf.ndim == 1 else leaf,
        small,
    )


NETWORKS = {
    "mlp": lambda: mlp((6, 5, 3)),
    "deep": lambda: mlp((6, 5, 4, 3), "tanh"),
    "exact gelu": lambda: mlp((6, 5, 3), "exact-gelu"),
    "gelu": lambda: mlp((6, 5, 3), "gelu"),
    "erf": lambda: mlp((6, 5, 3), "erf"),
    "leaky": lambda: mlp((6, 5, 3), "leaky-relu"),
    "two-layer": lambda: two_layer(6, 5, 3, scaling="ntk", key=KEY),
    "standardised": lambda: StandardisedTwoLayer(
        numbers(6, 5), numbers(5, 3), numbers(5), numbers(5) ** 2 + 0.5
    ),
    "vgg": lambda: VGG(
        kernels=(numbers(3, 3, 3, 4), numbers(3, 3, 4, 5)),
        readout=numbers(6, 2),
        biases=(numbers(4), numbers(5)),
        pooled=(0, 1),
    ),
    "vgg with norms": normalised_vgg,
    "resnet": residual,
}


def inputs(network):
    images = not hasattr(network, "activation")
    x = IMAGES if images else VECTORS
    return x, x.transpose(0, 3, 1, 2) if images else x


# Rounding of float32, through at most nine layers with numbers around 1.
@pytest.mark.parametrize("name", NETWORKS)
def test_onnx_runtime_has_the_same_outputs(name, tmp_path):
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    network = NETWORKS[name]()
    x, given = inputs(network)
    content = network_files(network, to="onnx")["network.onnx"]
    onnx.checker.check_model(onnx.load_model_from_string(content), full_check=True)
    session = runtime.InferenceSession(content)
    (found,) = session.run(None, {"input": given})
    wanted = np.asarray(network(x))
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    (tmp_path / "a.onnx").write_bytes(content)
    back = load_network(tmp_path / "a.onnx")
    np.testing.assert_allclose(back(x), wanted, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_module_that_is_written_loads_its_state(name, tmp_path):
    torch = pytest.importorskip("torch")
    network = NETWORKS[name]()
    x, given = inputs(network)
    for file, content in network_files(network, to="torch").items():
        (tmp_path / file).write_bytes(content)
    names = {"__file__": str(tmp_path / "module.py")}
    exec(compile((tmp_path / "module.py").read_text(), "module.py", "exec"), names)
    with torch.no_grad():
        found = names["module"](torch.tensor(given)).numpy()
    wanted = np.asarray(network(x))
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    # The state says neither the activation nor what follows the last convolution.
    told = {
        "activation": getattr(network, "activation", None),
        "pools": getattr(network, "pooled", None),
    }
    back = load_network(tmp_path / "weights.safetensors", **told)
    np.testing.assert_allclose(back(x), wanted, atol=1e-5)
    if name != "erf":
        np.testing.assert_allclose(load_network(names["module"])(x), wanted, atol=1e-5)


def test_what_has_neurons_beside_its_layers_is_refused():
    skip = TwoLayer(numbers(6, 5), numbers(11, 1), skip=True)
    radial = RadialFeatures(numbers(6, 5), numbers(5, 1))
    for network, what in ((skip, "skip weights"), (radial, "radial neurons")):
        with pytest.raises(ConfigError, match=f"with {what} is no chain of layers"):
            network_files(network, to="torch")


def test_the_usual_vgg_keeps_the_images_of_old_size():
    network = vgg11(2, multiplier=1 / 64, key=KEY)
    with pytest.raises(ConfigError, match="at least 32 x 32"):
        network(IMAGES)
