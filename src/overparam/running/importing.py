"""Networks of files as stored runs."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..catalogue import IMPORTED
from ..checks import path_of
from ..data.own.reference import shape_of
from ..errors import ConfigError
from ..store.encode import tensors
from ..store.find import runs_folder
from ..store.read import StoredRun, read_run
from ..studies.imported.config import Imported
from .execute import Executed, execute


if TYPE_CHECKING:
    from ..analysis.subject import Subject
    from ..networks.files.load import Loaded
    from ..networks.files.named import NamedWeights
    from ..networks.network import Network
    from .runs import Run


@dataclass(frozen=True, kw_only=True)
class Importing:
    """Store the network of a file as a run, so that every analysis can look at it.

    Files: `.safetensors`, `.npz`, `.pt` or `.pth` (weights only), `.onnx`. Nothing of
    a file is run. The run is known by the digest of the file, and found again.

    Examples:
      overparam import mlp.safetensors --dataset mnist
      overparam import net.pt --start start.pt --dataset mnist --penalty 1e-4
    """

    activation: str | None = None
    """Activation of the hidden layers, where the file does not say it; `none` is relu
    there."""
    name: str = ""
    """What the network is called."""
    dataset: str | None = None
    """Data set that it was trained on: a name of `overparam data list`, or a path."""
    inputs: Literal["scaled", "standardised"] = "scaled"
    """How the inputs were prepared: pixels in [0, 1], or standardised by channel."""
    loss: Literal["auto", "cross-entropy", "squared"] = "auto"
    """Loss that was minimised; `auto` is cross-entropy for classes."""
    penalty: float = 0.0
    """Weight decay of the mean loss over samples: half of this times the sum of squares
    of all weights. `certificate` has a sum over n samples, and n times this."""
    start: Path | None = None
    """File of the network before training."""
    convention: Literal["auto", "torch", "keras"] = "auto"
    """Matrices (outputs, inputs) or (inputs, outputs); `auto` takes what fits."""
    pools: str = ""
    """Convolutions that a 2 x 2 maximum follows, by number from 0 (`0,1,3`), or `none`;
    empty takes what the names say."""
    order: str = ""
    """Names of the layers from the inputs on, separated by commas."""

    def read(self, files: Sequence[Path | str]) -> "Loaded":
        """The network of files, as it is to be read."""
        from ..networks.files.load import read_network

        return read_network(
            files,
            activation=self.activation,
            convention=self.convention,
            pools=_numbers(self.pools),
            order=_words(self.order),
        )


def import_network(
    files: Path | str | Sequence[Path | str],
    /,
    *,
    runs: Path | str | None = None,
    force: bool = False,
    **options: Any,
) -> "Run":
    """Store the network of a file as a run, or find it where it is stored.

    Args:
        files: A file, or the parts of one network.
        runs: Folder of all runs; that of OVERPARAM_RUNS, or `runs`, if `None`.
        force: Store into a new attempt if it is stored already.
        options: Those of `overparam import`: `activation`, `name`, `dataset`, `inputs`,
            `loss`, `penalty`, `start`, `convention`, `pools`, `order`.

    Raises:
        ConfigError: If an option is not valid, or something must be told.
        DataError: If a file is damaged or holds more than weights.

    Example:
        ```python
        weights = {"0.weight": np.ones((8, 3)), "2.weight": np.ones((1, 8))}
        np.savez("mlp.npz", **weights)
        op.import_network("mlp.npz", name="ones").analyse("prune").summary
        ```
    """
    from .front import named_options
    from .runs import Run

    root = runs_folder() if runs is None else path_of(runs, name="runs")
    single = isinstance(files, str | Path)
    importing = Importing(**named_options(Importing, options))
    done = import_files([files] if single else files, importing, root, force=force)
    return Run(read_run(done.path))


def import_files(
    files: Sequence[Path | str], importing: Importing, root: Path, *, force: bool
) -> Executed:
    """The same with options that are held."""
    from ..networks.layers import check_start, parameters
    from ..studies.imported.run import run_of

    loaded = importing.read(files)
    start = None if importing.start is None else importing.read([importing.start])
    if start is not None:
        check_start(start.weights, loaded.weights)
    weights = [array for array in parameters(loaded.weights).values() if array.ndim > 1]
    wide = any(array.dtype == "float64" for array in weights)
    config = Imported(
        digest=loaded.digest,
        start_digest="" if start is None else start.digest,
        name=importing.name,
        activation=importing.activation or "",
        convention=importing.convention,
        pools=importing.pools,
        order=importing.order,
        dataset=importing.dataset,
        inputs=importing.inputs,
        loss=importing.loss,
        penalty=importing.penalty,
        form="images" if weights[0].ndim == 4 else "vectors",
        precision="float64" if wide else "float32",
    )
    _check_inputs(loaded.weights, config)
    shown = ", ".join(Path(file).name for file in files)
    run = run_of(loaded, start, shown)
    return execute(IMPORTED, config, root, force=force, run=run)


def _check_inputs(weights: "Network | NamedWeights", config: Imported) -> None:
    """A network takes the inputs of the data that it is said to be of."""
    import jax

    from ..networks.network import Network, output_shape

    shape = None if config.dataset is None else shape_of(config.dataset)
    if shape is not None and isinstance(weights, Network):
        each = shape if config.form == "images" else (math.prod(shape),)
        x = jax.ShapeDtypeStruct((1, *each), config.precision)
        output_shape(weights, x, of=f"`{config.dataset}` has")


def keep_networks(
    networks: "Mapping[str, Network]", source: StoredRun, root: Path
) -> list[Executed]:
    """Store networks that an analysis made of a run as runs, on the data of that run.

    They are known by their weights, and found again.
    """
    from ..networks.files.load import Loaded
    from ..networks.files.serialise import to_arrays
    from ..studies.contract import as_subject
    from ..studies.imported.run import run_of

    subject, done = as_subject(source), []
    told = _told_of_data(subject) if networks else {}
    for name, network in networks.items():
        arrays, description = to_arrays(network)
        content = tensors(arrays) + json.dumps(description, sort_keys=True).encode()
        config = Imported(
            digest=hashlib.sha256(content).hexdigest(),
            name=f"{name} of {source.path.name}",
            convention="keras",
            precision="float64" if network.readout.dtype == "float64" else "float32",
            **told,
        )
        loaded = Loaded(network, (), config.digest)
        run = run_of(loaded, None, f"{source.study}/{source.path.name}")
        done.append(execute(IMPORTED, config, root, run=run))
    return done


def _told_of_data(subject: "Subject") -> dict[str, Any]:
    """What an import says so that its data are those of a run, told by the test part.

    Nothing where it cannot be said: then analyses of the import ask for data.
    """
    import numpy as np

    from ..studies.imported.problem import data

    dataset = subject.run.config.get("dataset")
    test = None if dataset is None else subject.data().test
    if test is None:
        return {}
    for inputs in ("scaled", "standardised"):
        told = {"dataset": dataset, "inputs": inputs}
        try:
            found = data(Imported(digest="", convention="keras", **told), {}).test
        except ConfigError:  # Data that are drawn, such as a mixture, have no file.
            return {}
        assert found is not None  # A data set of the catalogue has a test part.
        same = found.x[:1].shape == test.x[:1].shape and len(found.y) >= len(test.y)
        if same and np.allclose(found.x[:1], test.x[:1], atol=1e-6):
            return told
    return {}


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _numbers(text: str) -> tuple[int, ...] | None:
    if not text:
        return None
    words = () if text == "none" else _words(text)
    if not all(word.isdecimal() and len(word) < 7 for word in words):
        raise ConfigError(
            f"`pools` must be whole numbers separated by commas, or `none`, got "
            f"{text!r}."
        )
    return tuple(int(word) for word in words)
