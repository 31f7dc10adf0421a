"""A network that is read has the outputs of its file, or there is none and a reason."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.testing import assert_allclose
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional

from overparam import NamedWeights, load_network
from overparam.errors import ConfigError, DataError
from overparam.networks.files.load import read_network


def images(*layers):
    mean = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)]
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), *layers, *mean)


class Forward(nn.Module):
    """Two linear layers, or a convolution and a linear layer, in a function."""

    def __init__(self, forward, *, convolution=False):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1) if convolution else nn.Linear(6, 6)
        self.last = nn.Linear(4 if convolution else 6, 2)
        self.free = nn.Parameter(torch.ones(6, 6))
        self.function = forward

    def forward(self, x):
        return self.function(self, x)


class Wrapped(nn.Module):
    """A part of it is called as that of a wrapper is."""

    def __init__(self):
        super().__init__()
        self.module = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(torch.relu(self.module(x)))


def doubled():
    module = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2))
    module[0].register_forward_hook(lambda module, given, found: 2 * found)
    return module


def turned_maximum():
    module = images(nn.MaxPool2d(2), nn.BatchNorm2d(4), nn.ReLU())
    nn.init.constant_(module[2].weight, -1)
    return module


def in_place(self, x):
    hidden = self.first(x)
    hidden.relu_()
    return self.last(torch.tanh(hidden))


def pooled(function):
    return Forward(
        lambda self, x: self.last(function(torch.relu(self.first(x))).mean((2, 3))),
        convolution=True,
    )


def plain():
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2))


READ = {
    "a part called module": Wrapped,
    "without activations": lambda: nn.Sequential(
        nn.Linear(6, 5), nn.Linear(5, 4), nn.Identity(), nn.Linear(4, 2)
    ),
    "compiled on devices": lambda: nn.DataParallel(
        torch.compile(plain(), backend="eager")
    ),
    "wrapped inside": lambda: nn.Sequential(
        nn.DataParallel(nn.Linear(6, 5)), nn.ReLU(), nn.Linear(5, 2)
    ),
    "by keyword": lambda: Forward(
        lambda self, x: self.last(functional.relu(input=self.first(x)))
    ),
    "same": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3, padding="same"), *images(nn.ReLU())[1:]
    ),
    "maximum": lambda: pooled(lambda x: functional.max_pool2d(x, kernel_size=2)),
    "dropped in training alone": lambda: Forward(
        lambda self, x: self.last(
            functional.dropout(torch.relu(self.first(x)), training=self.training)
        )
    ),
    "shape of the batch": lambda: Forward(
        lambda self, x: self.last(torch.relu(self.first(x)).view(x.shape[0], -1))
    ),
}
REFUSED = {
    "hooks": doubled,
    "flattened batch": lambda: Forward(
        lambda self, x: self.last(torch.relu(self.first(x))).flatten()
    ),
    "rows of another size": lambda: Forward(
        lambda self, x: self.last(torch.relu(self.first(x)).view(6, -1).view(-1, 6))
    ),
    "parameters": lambda: Forward(lambda self, x: self.last(torch.relu(x @ self.free))),
    "a number is added": lambda: Forward(
        lambda self, x: self.last(1 + torch.relu(self.first(x)))
    ),
    "a factor in a sum": lambda: Forward(
        lambda self, x: self.last(torch.add(self.first(x), x, alpha=2))
    ),
    "in place": lambda: Forward(in_place),
    "maximum with padding": lambda: images(nn.ReLU(), nn.MaxPool2d(2, 2, padding=1)),
    "maximum of the rest": lambda: images(nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)),
    "maximum of every other": lambda: pooled(
        lambda x: functional.max_pool2d(x, 2, 2, dilation=2)
    ),
    "maximum before a norm": turned_maximum,
    "every other pixel": lambda: images(nn.ReLU(), nn.AvgPool2d(1, 2)),
    "averages of averages": lambda: images(nn.ReLU(), nn.AvgPool2d(3, 1)),
    "dropped at all times": lambda: Forward(
        lambda self, x: self.last(functional.dropout(torch.relu(self.first(x))))
    ),
    "a sum of a function": lambda: Forward(
        lambda self, x: self.last(
            functional.avg_pool2d(self.first(x).relu(), 7, divisor_override=1).flatten(
                1
            )
        ),
        convolution=True,
    ),
    "a sum of a layer": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(7, divisor_override=1),
        nn.Flatten(),
        nn.Linear(4, 2),
    ),
    "averages with padding": lambda: pooled(
        lambda x: functional.avg_pool2d(x, 3, 1, padding=1)
    ),
    "averages of quarters": lambda: Forward(
        lambda self, x: self.last(
            functional.adaptive_avg_pool2d(self.first(x).relu(), 2).view(-1, 4)
        ),
        convolution=True,
    ),
    "averages of quarters by a layer": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d((1, 2)),
        nn.Flatten(),
        nn.Linear(4, 2),
    ),
    "averages of a part": lambda: Forward(
        lambda self, x: self.last(
            functional.avg_pool2d(self.first(x).relu(), x.shape[-1] // 2).flatten(1)
        ),
        convolution=True,
    ),
    "averages of as many as channels": lambda: Forward(
        lambda self, x: self.last(
            functional.avg_pool2d(self.first(x).relu(), x.shape[1]).flatten(1)
        ),
        convolution=True,
    ),
    "along the rows of an image": lambda: Forward(
        lambda self, x: self.last(self.first(x).relu()), convolution=True
    ),
}


@pytest.mark.parametrize("name", READ)
def test_modules_are_read_as_they_compute(name):
    torch.manual_seed(0)
    module = READ[name]().eval()
    is_images = name in ("same", "maximum")
    x = torch.randn(3, 3, 7, 7) if is_images else torch.randn(5, 6)
    network = load_network(module)
    with torch.no_grad():
        expected = module(x).numpy()
    given = x.permute(0, 2, 3, 1) if is_images else x
    # Rounding of float32 in sums of some dozen numbers.
    assert_allclose(network(given.numpy()), expected, atol=1e-5)


@pytest.mark.parametrize("name", REFUSED)
def test_modules_that_compute_something_else_give_a_reason(name):
    assert isinstance(load_network(REFUSED[name]().eval()), NamedWeights)


def test_the_size_of_an_average_is_told():
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d((7, 6)),
        nn.Flatten(),
        nn.Linear(4, 2),
    )
    found = read_network(module)
    x = torch.randn(3, 3, 7, 6, generator=torch.Generator().manual_seed(0))
    wanted = module(x).detach().numpy()
    assert_allclose(found.weights(x.permute(0, 2, 3, 1).numpy()), wanted, atol=1e-5)
    assert "7 x 6 pixels is taken to be one over the whole image" in found.notes[0]


ROWS = {
    "by their width": lambda x: x.view(-1, 4),
    "by another size": lambda x: x.view(x.shape[1], -1),
    "squeezed": lambda x: x.squeeze(),
}


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_rows_of_single_pixels_are_said(rows):
    def forward(self, x):
        return self.last(rows(self.first(x).relu()))

    notes = read_network(Forward(forward, convolution=True)).notes
    assert any("to be of one pixel where they are made rows" in note for note in notes)


def test_modules_that_cannot_be_read_give_a_sentence():
    with pytest.raises(DataError, match="no matrix of weights"):
        load_network(nn.Linear(3, 2, dtype=torch.complex64))
    old = nn.Linear(3, 2)
    old.weight_of_a_hook = old.weight * 2  # As weight normalisation leaves it.
    with pytest.raises(ConfigError, match="cannot be copied"):
        load_network(old)


RNG = np.random.default_rng(0)
W1, B1, W2, B2 = (
    RNG.normal(size=shape).astype(np.float32) for shape in ((6, 6), (6,), (6, 2), (2,))
)
KERNEL, MATRIX = (
    RNG.normal(size=shape).astype(np.float32) for shape in ((4, 3, 3, 3), (4, 2))
)
NODE = helper.make_node


def graph(*nodes, shape=(None, 6), functions=(), opset=17, **constants):
    constants = {"W1": W1, "B1": B1, "W2": W2, "B2": B2} | constants
    used = {name for node in nodes for name in node.input}
    value = helper.make_tensor_value_info
    return helper.make_model(
        helper.make_graph(
            nodes,
            "graph",
            [value("x", TensorProto.FLOAT, shape)],
            [value("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(v, k) for k, v in constants.items() if k in used],
        ),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=8,
        functions=functions,
    ).SerializeToString()


def dense(*first, **options):
    """What makes `r` of `x`, and a linear layer."""
    return graph(*first, NODE("Gemm", ["r", "W2", "B2"], ["y"]), **options)


def hidden(*middle, **options):
    """The same with a linear layer before, which makes `a`."""
    return dense(NODE("Gemm", ["x", "W1", "B1"], ["a"]), *middle, **options)


def pixels(*middle, **constants):
    """What makes `e` of a convolution `c`."""
    return graph(
        NODE("Conv", ["x", "kernel"], ["c"], pads=[1] * 4),
        *middle,
        NODE("GlobalAveragePool", ["e"], ["p"]),
        NODE("Flatten", ["p"], ["f"]),
        NODE("Gemm", ["f", "matrix"], ["y"]),
        shape=(None, 3, None, None),
        kernel=KERNEL,
        matrix=MATRIX,
        **constants,
    )


def rows_of(*last, shape, **constants):
    """A convolution and a maximum, which makes `d`, a matrix of what makes `f`."""
    return graph(
        NODE("Conv", ["x", "kernel"], ["a"], pads=[1] * 4),
        NODE("Relu", ["a"], ["r"]),
        NODE("MaxPool", ["r"], ["d"], **MAXIMUM),
        *last,
        NODE("MatMul", ["f", "matrix"], ["y"]),
        shape=(None, 3, *shape),
        kernel=KERNEL,
        matrix=MATRIX,
        **constants,
    )


MAXIMUM = {"kernel_shape": [2, 2], "strides": [2, 2]}
BY_WIDTH = (NODE("Reshape", ["d", "form"], ["f"]),)
FORM = {"form": np.array([-1, 4])}
AVERAGE = [
    NODE("AveragePool", ["d"], ["e"], kernel_shape=[3, 2]),
    NODE("Flatten", ["e"], ["f"]),
]


def number(value):
    return np.array(value, np.float32)


RELU = NODE("Relu", ["a"], ["r"])
GELU = [
    NODE("Div", ["a", "root"], ["b"]),
    NODE("Erf", ["b"], ["c"]),
    NODE("Add", ["one", "c"], ["d"]),
    NODE("Mul", ["a", "d"], ["e"]),
    NODE("Mul", ["e", "half"], ["r"]),
]
NUMBERS = {"root": number(2**0.5), "one": number(1), "half": number(0.5)}
TANH_GELU = [
    NODE("Pow", ["a", "three"], ["b"]),
    NODE("Mul", ["b", "small"], ["c"]),
    NODE("Add", ["a", "c"], ["d"]),
    NODE("Mul", ["d", "factor"], ["e"]),
    NODE("Tanh", ["e"], ["g"]),
    NODE("Add", ["g", "one"], ["h"]),
    NODE("Mul", ["half", "h"], ["i"]),
    NODE("Mul", ["i", "a"], ["r"]),
]
TANH_NUMBERS = NUMBERS | {
    "three": number(3),
    "small": number(0.044715),
    "factor": number((2 / np.pi) ** 0.5),
}
GRAPHS = {
    "factors": dense(NODE("Gemm", ["x", "W1", "B1"], ["a"], alpha=0.5, beta=2.0), RELU),
    "a bias of one number": dense(
        NODE("Gemm", ["x", "W1", "one"], ["a"]), RELU, **NUMBERS
    ),
    "an added number": dense(
        NODE("MatMul", ["x", "W1"], ["m"]),
        NODE("Add", ["one", "m"], ["a"]),
        RELU,
        **NUMBERS,
    ),
    "shared constants": dense(
        NODE("Identity", ["B1"], ["same"]),
        NODE("Gemm", ["x", "W1", "same"], ["a"]),
        RELU,
    ),
    "constants of 16 bits": dense(
        NODE("Cast", ["half_W1"], ["wide"], to=TensorProto.FLOAT),
        NODE("Gemm", ["x", "wide"], ["a"]),
        RELU,
        half_W1=W1.astype(np.float16),
    ),
    "constants rounded to 16 bits": dense(
        NODE("Cast", ["large"], ["half_large"], to=TensorProto.FLOAT16),
        NODE("Cast", ["half_large"], ["wide"], to=TensorProto.FLOAT),
        NODE("Gemm", ["x", "wide"], ["a"]),
        RELU,
        large=1000 * W1,
    ),
    "gelu in parts": hidden(*GELU, **NUMBERS),
    "gelu by tanh in parts": hidden(*TANH_GELU, **TANH_NUMBERS),
    "maximum with zero": hidden(
        NODE("Constant", [], ["zero"], value_float=0.0),
        NODE("Max", ["a", "zero"], ["r"]),
    ),
}
NO_NETWORK = {
    "matrix before": dense(NODE("MatMul", ["W1", "x"], ["a"]), RELU, shape=(6, 6)),
    "gemm of a constant": dense(NODE("Gemm", ["W1", "x"], ["a"]), RELU, shape=(6, 6)),
    "bias of samples": dense(
        NODE("Gemm", ["x", "W1", "column"], ["a"]),
        RELU,
        shape=(6, 6),
        column=B1[:, None],
    ),
    "bias of pixels": pixels(
        NODE("Add", ["c", "row"], ["d"]), NODE("Relu", ["d"], ["e"]), row=B1[:4]
    ),
    "whole numbers": hidden(
        NODE("Cast", ["a"], ["i"], to=TensorProto.INT32),
        NODE("Cast", ["i"], ["f"], to=TensorProto.FLOAT),
        NODE("Relu", ["f"], ["r"]),
    ),
    "nearly gelu": hidden(*GELU, **NUMBERS | {"root": number(1.4)}),
    "another slope far out": hidden(
        NODE("Sub", ["a", "nine"], ["b"]),
        NODE("Relu", ["a"], ["c"]),
        NODE("Relu", ["b"], ["d"]),
        NODE("Add", ["c", "d"], ["r"]),
        nine=number(9),
    ),
    "constants beyond 16 bits": dense(
        NODE("Cast", ["large"], ["wide"], to=TensorProto.FLOAT16),
        NODE("Gemm", ["x", "wide"], ["a"]),
        RELU,
        large=1e6 * W1,
    ),
    "dropped at all times": hidden(
        NODE("Relu", ["a"], ["b"]),
        NODE("Dropout", ["b", "share", "always"], ["r"]),
        share=number(0.5),
        always=np.array(True),
    ),
    "rows of another size": dense(
        NODE("Reshape", ["x", "three"], ["a"]),
        NODE("Gemm", ["a", "small"], ["b"]),
        NODE("Relu", ["b"], ["c"]),
        NODE("Gemm", ["c", "small"], ["r"]),
        three=np.array([-1, 3]),
        small=W1[:3, :3],
        W2=W2[:3],
    ),
    "rows of pixels": graph(
        NODE("Conv", ["x", "kernel"], ["c"], pads=[1] * 4),
        NODE("Relu", ["c"], ["d"]),
        NODE("Flatten", ["d"], ["f"], axis=2),
        NODE("Gemm", ["f", "matrix"], ["y"]),
        shape=(None, 3, 2, 2),
        kernel=KERNEL,
        matrix=MATRIX,
    ),
    "rows by the width of the image": rows_of(
        NODE("Flatten", ["d"], ["f"], axis=-1), shape=(8, 8)
    ),
    "rows by the number of channels": rows_of(*BY_WIDTH, shape=(4, 4), **FORM),
    "along the rows of an image": rows_of(NODE("Identity", ["d"], ["f"]), shape=(8, 8)),
    "squeezed rows": rows_of(NODE("Squeeze", ["d"], ["f"]), shape=(8, 8)),
    "averages of a part": rows_of(*AVERAGE, shape=(10, 5)),
    "averages of a part of the height": rows_of(*AVERAGE, shape=(10, None)),
    "values of 16 bits": hidden(
        NODE("Cast", ["a"], ["h"], to=TensorProto.FLOAT16),
        NODE("Cast", ["h"], ["b"], to=TensorProto.FLOAT),
        NODE("Relu", ["b"], ["r"]),
    ),
    "inputs of 16 bits": dense(
        NODE("Cast", ["x"], ["h"], to=TensorProto.BFLOAT16),
        NODE("Cast", ["h"], ["b"], to=TensorProto.FLOAT),
        NODE("Gemm", ["b", "W1", "B1"], ["a"]),
        RELU,
    ),
    "averages of every other": pixels(
        NODE("Relu", ["c"], ["d"]),
        NODE("AveragePool", ["d"], ["e"], kernel_shape=[2, 2], dilations=[2, 2]),
    ),
    "made of itself": hidden(NODE("Relu", ["r"], ["s"]), NODE("Dropout", ["s"], ["r"])),
    "maximum of the rest": pixels(
        NODE("Relu", ["c"], ["d"]),
        NODE("MaxPool", ["d"], ["e"], ceil_mode=1, **MAXIMUM),
    ),
    "maximum with padding": pixels(
        NODE("Relu", ["c"], ["d"]),
        NODE("MaxPool", ["d"], ["e"], auto_pad="SAME_UPPER", **MAXIMUM),
    ),
    "maximum of every other": pixels(
        NODE("Relu", ["c"], ["d"]),
        NODE("MaxPool", ["d"], ["e"], dilations=[2, 2], **MAXIMUM),
    ),
    "averages of averages": pixels(
        NODE("Relu", ["c"], ["d"]),
        NODE("AveragePool", ["d"], ["e"], kernel_shape=[3, 3]),
    ),
    "every other pixel": pixels(
        NODE("Relu", ["c"], ["d"]),
        NODE("AveragePool", ["d"], ["e"], kernel_shape=[1, 1], strides=[2, 2]),
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_are_read_as_they_compute(name, tmp_path):
    (tmp_path / "net.onnx").write_bytes(GRAPHS[name])
    x = RNG.normal(size=(5, 6)).astype(np.float32)
    session = onnxruntime.InferenceSession(GRAPHS[name])
    assert_allclose(
        load_network(tmp_path / "net.onnx")(x),
        session.run(None, {"x": x})[0],
        rtol=1e-5,
        atol=1e-5,  # Rounding of float32.
    )


@pytest.mark.parametrize("name", NO_NETWORK)
def test_graphs_that_compute_something_else_give_a_reason(name, tmp_path):
    (tmp_path / "net.onnx").write_bytes(NO_NETWORK[name])
    assert isinstance(load_network(tmp_path / "net.onnx"), NamedWeights)


def test_a_graph_that_means_something_else_by_its_names_is_refused(tmp_path):
    turned = helper.make_function(
        "",
        "Relu",
        ["X"],
        ["Y"],
        [NODE("Neg", ["X"], ["Y"])],
        [onnx.OperatorSetIdProto()],
    )
    (tmp_path / "net.onnx").write_bytes(hidden(RELU, functions=[turned]))
    with pytest.raises(DataError, match="defines the operator `Relu`"):
        load_network(tmp_path / "net.onnx")
    (tmp_path / "net.onnx").write_bytes(hidden(RELU, NODE("Tanh", ["a"], ["r"])))
    with pytest.raises(DataError, match="two operators make the value `r`"):
        load_network(tmp_path / "net.onnx")


IMAGES = {
    "rows of one pixel": (rows_of(*BY_WIDTH, shape=(3, 2), **FORM), (3, 2)),
    "squeezed to one pixel": (
        rows_of(NODE("Squeeze", ["d"], ["f"]), shape=(2, 3)),
        (2, 3),
    ),
    "averages of all": (rows_of(*AVERAGE, shape=(6, 5)), (6, 5)),
}


@pytest.mark.parametrize("name", IMAGES)
def test_a_told_size_of_images_leaves_nothing_to_say(name, tmp_path):
    content, size = IMAGES[name]
    (tmp_path / "net.onnx").write_bytes(content)
    found = read_network(tmp_path / "net.onnx")
    x = RNG.normal(size=(3, 3, *size)).astype(np.float32)
    wanted = onnxruntime.InferenceSession(content).run(None, {"x": x})[0]
    assert_allclose(found.weights(x.transpose(0, 2, 3, 1)), wanted, atol=1e-5)
    assert not found.notes


def test_a_size_of_images_that_is_not_told_is_said(tmp_path):
    for last, form in ((BY_WIDTH, FORM), (AVERAGE, {})):
        content = rows_of(*last, shape=(None, None), **form)
        (tmp_path / "net.onnx").write_bytes(content)
        (note,) = read_network(tmp_path / "net.onnx").notes
        assert "taken to be" in note
