"""Networks against PyTorch modules with the same weights, on real images."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from safetensors.numpy import save_file

from overparam.data import Batch
from overparam.data.sources.augment import RESNET_NORMALISATION, ImageSource
from overparam.dynamics import Descent
from overparam.errors import ConfigError, DataError
from overparam.networks import load_torch, resnet, vgg11
from overparam.networks.files.torch_weights import from_torch, to_torch
from overparam.networks.stateful import train_features


torch = pytest.importorskip("torch")
nn = torch.nn


class TorchBlock(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.shortcut = nn.Sequential()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x):
        hidden = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(hidden)) + self.shortcut(x))


class TorchResNet(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = self._stage(16, 16, n, 1)
        self.layer2 = self._stage(16, 32, n, 2)
        self.layer3 = self._stage(32, 64, n, 2)
        self.linear = nn.Linear(64, 10, bias=False)

    def _stage(self, before, after, n, stride):
        first = TorchBlock(before, after, stride)
        return nn.Sequential(
            first, *(TorchBlock(after, after, 1) for _ in range(n - 1))
        )

    def forward(self, x):
        hidden = torch.relu(self.bn1(self.conv1(x)))
        hidden = self.layer3(self.layer2(self.layer1(hidden)))
        return self.linear(hidden.mean((2, 3)))


class TorchVGG(nn.Module):
    def __init__(self, widths):
        super().__init__()
        layers, before = [], 3
        for index, width in enumerate(widths):
            layers += [nn.Conv2d(before, width, 3, padding=1, bias=False), nn.ReLU()]
            if index in (0, 1, 3, 5, 7):
                layers.append(nn.MaxPool2d(2))
            before = width
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Linear(before, 10, bias=False))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


@pytest.fixture(scope="module")
def images(real_data):
    data = real_data("cifar-10")
    source = ImageSource(data.train.subset(8), RESNET_NORMALISATION, dtype="float64")
    return source.pixels.normalised(source.table.x), source.table.y


def as_torch(x):
    return torch.tensor(np.asarray(x).transpose(0, 3, 1, 2).copy())


def state(module):
    return {name: value.numpy() for name, value in module.state_dict().items()}


def pair(kind, dtype):
    torch.manual_seed(0)
    if kind == "resnet":
        module = TorchResNet(3)
        like = resnet(20, dtype=dtype, key=jax.random.key(3))
    else:
        module = TorchVGG((16, 32, 64, 64, 128, 128, 128, 128))
        like = vgg11(multiplier=0.25, dtype=dtype, key=jax.random.key(3))
    module = module.to(getattr(torch, dtype))
    if kind == "resnet":
        # Running moments that are not the initial ones.
        module(torch.randn(16, 3, 32, 32, dtype=getattr(torch, dtype)))
    return module.eval(), from_torch(state(module), like)


# The issue asks for 1e-4 in float32; float64 shows that nothing else differs.
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 1e-4), ("float64", 1e-10)]
)
@pytest.mark.parametrize("kind", ["resnet", "vgg"])
def test_a_network_built_in_pytorch_has_the_same_outputs(
    kind, dtype, tolerance, images
):
    module, network = pair(kind, dtype)
    x = images[0].astype(dtype)
    with torch.no_grad():
        wanted = module(as_torch(x)).numpy()
    np.testing.assert_allclose(network(x), wanted, atol=tolerance)


@pytest.mark.parametrize("kind", ["resnet", "vgg"])
def test_an_exported_file_loads_in_pytorch_and_comes_back_exactly(kind, tmp_path):
    from safetensors.torch import load_file

    module, network = pair(kind, "float32")
    save_file(to_torch(network), tmp_path / "weights.safetensors")
    loaded = load_file(tmp_path / "weights.safetensors")
    missing = module.load_state_dict(loaded, strict=False)
    assert not missing.unexpected_keys
    assert all(name.endswith("num_batches_tracked") for name in missing.missing_keys)
    back = load_torch(tmp_path / "weights.safetensors", network)
    # A power of two as output scale is undone exactly.
    for ours, theirs in zip(
        jax.tree.leaves(network), jax.tree.leaves(back), strict=True
    ):
        assert np.array_equal(ours, theirs)


def test_five_steps_of_momentum_are_those_of_pytorch(images):
    module, network = pair("resnet", "float64")
    x, y = images
    descent = Descent(
        "cross-entropy",
        optax.sgd,
        learning_rate=0.05,
        momentum=0.9,
    )
    # Ours moves U where f = U Phi / 64, theirs moves U / 64: rates differ by 64^2.
    descent_rates = Descent(
        descent.objective,
        optax.sgd,
        **descent.settings,
        rates={"readout": 64.0**2},
    )
    state_ = descent_rates.init(network, key=jax.random.key(0))
    step = jax.jit(lambda s: descent_rates.step(s, Batch(x, y), key=jax.random.key(0)))
    optimiser = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9)
    module.train()
    targets = torch.tensor(np.asarray(y), dtype=torch.long)
    for _ in range(5):
        state_, info = step(state_)
        loss = nn.functional.cross_entropy(module(as_torch(x)), targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        assert float(info.loss) == pytest.approx(loss.item(), rel=1e-8)
    ours = to_torch(state_.network)
    # Five nonlinear steps multiply rounding errors; 1e-8 is the document's bound.
    for name, value in state(module).items():
        if not name.endswith("num_batches_tracked"):
            np.testing.assert_allclose(ours[name], value, rtol=1e-7, atol=1e-8)


def test_training_features_are_those_of_pytorch_in_training_mode(images):
    module, network = pair("resnet", "float64")
    features, _ = train_features(network, images[0])
    module.train()
    with torch.no_grad():
        wanted = module(as_torch(images[0])).numpy()
    found = network.scale * np.asarray(features @ network.readout)
    np.testing.assert_allclose(found, wanted, atol=1e-10)


def test_missing_and_misshapen_weights_are_named():
    _, network = pair("vgg", "float32")
    arrays = to_torch(network)
    with pytest.raises(ConfigError, match=r"lack `features.3.weight`"):
        from_torch(
            {k: v for k, v in arrays.items() if k != "features.3.weight"}, network
        )
    wrong = arrays | {"classifier.0.weight": np.zeros((3, 128), np.float32)}
    with pytest.raises(ConfigError, match=r"shape \(128, 3\), expected \(128, 10\)"):
        from_torch(wrong, network)


def test_a_prefix_of_a_parallel_module_is_ignored():
    _, network = pair("vgg", "float32")
    arrays = {f"module.{k}": v for k, v in to_torch(network).items()}
    x = jnp.ones((1, 32, 32, 3), jnp.float32)
    assert np.array_equal(from_torch(arrays, network)(x), network(x))


@pytest.mark.parametrize("content", [None, b"", b"\xff" * 40])
def test_a_file_that_holds_no_weights_is_refused(tmp_path, key, content):
    file = tmp_path / "weights.safetensors"
    if content is not None:
        file.write_bytes(content)
    network = vgg11(2, multiplier=1 / 64, key=key)
    with pytest.raises(DataError, match=r"`.*weights\.safetensors` (cannot|is)"):
        load_torch(file, network)
