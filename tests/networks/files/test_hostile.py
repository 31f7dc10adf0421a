"""Files that lie, are damaged or hold code: one sentence, and nothing is run."""

import io
import json
import os
import pickle
import struct
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save

from overparam import NamedWeights, load_network
from overparam.errors import ConfigError, DataError, OverparamError


GOOD = {
    "0.weight": np.ones((5, 6), np.float32),
    "0.bias": np.ones(5, np.float32),
    "2.weight": np.ones((3, 5), np.float32),
}


class Touch:
    """Unpickled it would make a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def header(**entries):
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text


def entry(shape, *offsets, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def zipped(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


FILES = {
    "empty.safetensors": b"",
    "empty.npz": b"",
    "truncated.safetensors": save(GOOD)[:-7],
    "longer.safetensors": save(GOOD) + b"0" * 8,
    "no header.safetensors": b"\xff" * 40,
    "other words.safetensors": struct.pack("<Q", 4) + b"null",
    "large header.safetensors": struct.pack("<Q", 2**62) + b"{}",
    "shape.safetensors": header(w=entry([10**9, 10**9], 0, 4)) + b"0" * 4,
    "overlap.safetensors": header(v=entry([2], 0, 8), w=entry([2], 4, 12)) + b"0" * 12,
    "type.safetensors": header(w=entry([1, 1], 0, 1, dtype="F8_E4M3")) + b"0",
    "negative.safetensors": header(w=entry([-1, -4], 0, 16)) + b"0" * 16,
    "text.npz": b"no archive at all",
    "truncated.npz": npz(**GOOD)[:-30],
    "shape.npz": zipped(
        **{"w.npy": npy(np.ones((2, 3))).replace(b"(2, 3)", b"(9**9,")}
    ),
    "announced.npz": zipped(
        **{"w.npy": npy(np.ones((2, 3))).replace(b"(2, 3), ", b"(99999,)")}
    ),
    "words.npz": npz(w=np.array([["a", "b"]])),
    "wrong.safetensors": npz(**GOOD),
    "wrong.npz": save(GOOD),
    "whole numbers.npz": npz(w=np.ones((3, 4), int)),
    "vectors.npz": npz(w=np.ones(4, np.float32)),
    "nothing.npz": npz(),
    "nan.safetensors": save(GOOD | {"0.bias": np.full(5, np.nan, np.float32)}),
    "infinite.npz": npz(**GOOD | {"2.weight": np.full((3, 5), np.inf)}),
}


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_one_sentence(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(FILES[name])
    with pytest.raises(DataError) as caught:
        load_network(path)
    sentence = str(caught.value)
    assert name in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert len(sentence) < 500


@pytest.mark.parametrize("name", ["a.h5", "a.bin", "a", "a.pkl"])
def test_other_formats_are_refused_by_name(name, tmp_path):
    (tmp_path / name).write_bytes(b"0")
    with pytest.raises(ConfigError, match=r"ends in \.safetensors, \.npz"):
        load_network(tmp_path / name)


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    for path in (tmp_path / "none.npz", tmp_path / "pipe.npz", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            load_network(path)
    with pytest.raises(ConfigError, match="Name a file"):
        load_network([])


def test_arrays_of_objects_are_not_unpickled(tmp_path):
    made = tmp_path / "made"
    array = np.array([[Touch(made)]], dtype=object)
    content = zipped(**{"w.npy": npy(array, allow_pickle=True)})
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match="pickled objects"):
        load_network(tmp_path / "a.npz")
    assert not made.exists()


def test_what_unpacks_to_more_than_the_memory_is_not_unpacked(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", w=np.zeros((1000, 1000)))
    # Room for the array alone is not enough: its bytes are there as well.
    for there in (10**6, 16 * 10**6):
        monkeypatch.setattr("overparam.networks.files.arrays.memory", lambda n=there: n)
        with pytest.raises(DataError, match="unpacks to 8000128 bytes, too many"):
            load_network(tmp_path / "a.npz")
    monkeypatch.setattr("overparam.networks.files.arrays.memory", lambda: 100)
    with pytest.raises(DataError, match="is larger than the memory"):
        load_network(tmp_path / "a.npz")


def test_two_arrays_of_a_name_are_refused(tmp_path):
    for second in ("0.weight.npy", "0.weight"):
        members = {"0.weight.npy": npy(GOOD["0.weight"]), second: npy(GOOD["2.weight"])}
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("0.weight.npy", npy(GOOD["0.weight"]))
            with warnings.catch_warnings(action="ignore"):
                archive.writestr(second, members[second])
        with pytest.raises(DataError, match=r"two arrays `0\.weight`"):
            load_network(tmp_path / "a.npz")


def test_no_more_is_unpacked_than_an_archive_announces(tmp_path):
    content = bytearray(zipped(**{"0.weight.npy": npy(np.zeros((2000, 2000)))}))
    size = content.rfind(b"PK\x01\x02") + 24
    content[size : size + 4] = struct.pack("<I", 200)
    (tmp_path / "a.npz").write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="is damaged"):
            load_network(tmp_path / "a.npz")
        # A hundredth of what lies there.
        assert tracemalloc.get_traced_memory()[1] < 320_000
    finally:
        tracemalloc.stop()


def test_a_file_of_pytorch_takes_no_memory_that_it_has_no_bytes_for(tmp_path):
    torch = pytest.importorskip("torch")
    plain = _saved(torch, {"0.weight": torch.zeros(2000, 2000)})
    with zipfile.ZipFile(io.BytesIO(plain)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    # As pickles write `bytearray(1)`.
    makes = b"\x80\x02cbuiltins\nbytearray\nK\x01\x85R."
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, makes if name.endswith("data.pkl") else content)
    for content in (zipped(**members), stored.getvalue(), makes):
        (tmp_path / "a.pt").write_bytes(content)
        with pytest.raises(
            DataError, match="it is packed, as PyTorch writes no weights"
        ):
            load_network(tmp_path / "a.pt")
    spread = _saved(torch, {"w": torch.ones(1).expand(10**6, 10**6)})
    (tmp_path / "a.pt").write_bytes(spread)
    with pytest.raises(DataError, match="8000000000000 bytes of numbers, more than"):
        load_network(tmp_path / "a.pt")


def pickles(made):
    torch = pytest.importorskip("torch")
    from torch_modules import dense

    whole, state = io.BytesIO(), io.BytesIO()
    module = dense((6, 5, 3), torch.nn.ReLU)
    torch.save(module, whole)
    torch.save({"w": torch.ones(2, 2), "code": Touch(made)}, state)
    return {
        "plain": pickle.dumps(Touch(made)),
        "among weights": state.getvalue(),
        "a whole module": whole.getvalue(),
        "another archive": zipped(**{"archive/data.pkl": pickle.dumps(Touch(made))}),
        "text": b"no pickle",
        "safetensors": save(GOOD),
        "a list": _saved(torch, [torch.ones(2, 2)]),
        "a number": _saved(torch, 3),
        "no weights": _saved(torch, {"epoch": 3}),
        "sparse": _saved(torch, {"w": torch.eye(3).to_sparse()}),
        "truncated": _saved(torch, module.state_dict())[:-100],
    }


def _saved(torch, value):
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize("suffix", ["pt", "pth"])
def test_no_pickle_runs_code(suffix, tmp_path, recwarn):
    made = tmp_path / "made"
    for content in pickles(made).values():
        path = tmp_path / f"a.{suffix}"
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            load_network(path)
        assert "\n" not in str(caught.value)
        assert not made.exists()
        assert not [told for told in recwarn if "weights_only" in str(told.message)]


def model(nodes=None, *, domain="", tensors=None):
    """An ONNX file of one linear layer with an activation, or of these nodes."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    tensors = [onnx.numpy_helper.from_array(a, n) for n, a in GOOD.items()] + [
        *(tensors or [])
    ]
    nodes = nodes or [
        ("Gemm", ["x", "0.weight", "0.bias"], {"transB": 1}),
        ("Relu", ["value_0"], {}),
        ("Gemm", ["value_1", "2.weight"], {"transB": 1}),
    ]
    made = [
        helper.make_node(name, inputs, [f"value_{i}"], domain=domain, **given)
        for i, (name, inputs, given) in enumerate(nodes)
    ]
    graph = helper.make_graph(
        made,
        "graph",
        [helper.make_tensor_value_info("x", kind, ["n", 6])],
        [helper.make_tensor_value_info(made[-1].output[0], kind, ["n", 3])],
        tensors,
    )
    return helper.make_model(graph)


def external(location):
    onnx = pytest.importorskip("onnx")
    tensor = onnx.TensorProto(name="far", data_type=onnx.TensorProto.FLOAT)
    tensor.dims.extend([2, 2])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def announced(dims):
    onnx = pytest.importorskip("onnx")
    tensor = onnx.TensorProto(name="large", data_type=onnx.TensorProto.FLOAT)
    tensor.dims.extend(dims)
    tensor.raw_data = b"0000"
    return tensor


def graphs():
    return {
        "keeps `far` in another file": model(tensors=[external("secret.bin")]),
        "`far` in another file": model(tensors=[external("/etc/passwd")]),
        "operator `Run` of `mine`": model([("Run", ["x"], {})], domain="mine"),
        "`large` announces the shape (1000000000,)": model(
            tensors=[announced([10**9])]
        ),
        "`large` announces the shape (-1, -1)": model(tensors=[announced([-1, -1])]),
    }


@pytest.mark.parametrize("index", range(5))
def test_graphs_reach_for_nothing(index, tmp_path, monkeypatch):
    expected, made = list(graphs().items())[index]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.bin").write_bytes(bytes(16))
    (tmp_path / "a.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(DataError) as caught:
        load_network("a.onnx")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("n_bytes", [1, 40, 200])
def test_truncated_graphs_are_refused(n_bytes, tmp_path):
    (tmp_path / "a.onnx").write_bytes(model().SerializeToString()[:-n_bytes])
    with pytest.raises(OverparamError) as caught:
        load_network(tmp_path / "a.onnx")
    assert "\n" not in str(caught.value)


def test_operators_that_make_large_arrays_are_not_run(tmp_path):
    onnx = pytest.importorskip("onnx")
    shape = onnx.numpy_helper.from_array(np.array([10**9, 10**9]), "shape")
    nodes = [("ConstantOfShape", ["shape"], {}), ("Add", ["x", "value_0"], {})]
    made = model(nodes, tensors=[shape])
    (tmp_path / "a.onnx").write_bytes(made.SerializeToString())
    assert isinstance(load_network(tmp_path / "a.onnx"), NamedWeights)
