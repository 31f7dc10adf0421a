"""The network of a stored run as a file that others read."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..export.export import new_folder
from ..store.files import write_file
from ..store.read import StoredRun
from .precision import precision
from .runs import Run


if TYPE_CHECKING:
    from ..networks.network import Network

FORMATS = ("torch", "onnx")
"""What a network is written for."""
ONNX_FILE = "network.onnx"


def export_network(run: StoredRun, *, to: str, folder: Path) -> list[Path]:
    """Write the trained network of a run into a new folder; the files.

    Args:
        run: The run.
        to: `torch`, a state as safetensors and the module that loads it, or `onnx`.
        folder: A folder that is empty or does not exist.

    Raises:
        ConfigError: If the run holds no such network, or the folder holds something.
    """
    with precision(run.config):
        files = network_files(Run(run).network, to=to)
    with new_folder(folder):
        for name, content in files.items():
            write_file(folder / name, content)
    return [folder / name for name in files]


def network_files(network: "Network", *, to: str) -> dict[str, bytes]:
    """The files of a network, by name; arguments and errors as in `export_network`."""
    from ..networks.files.lines import line_of
    from ..networks.files.write_onnx import onnx_bytes
    from ..networks.files.write_torch import torch_files

    if to not in FORMATS:
        raise ConfigError(f"`to` must be one of {', '.join(FORMATS)}, got {to!r}.")
    line = line_of(network)
    return torch_files(line) if to == "torch" else {ONNX_FILE: onnx_bytes(line)}
