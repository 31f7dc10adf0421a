"""Which of the named arrays of a file belong to one layer, and what they are of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .arrays import Arrays
from .chain import NoChainError


_ROLES = {
    "weight": "weights",
    "weights": "weights",
    "kernel": "weights",
    "w": "weights",
    "bias": "bias",
    "biases": "bias",
    "b": "bias",
    "gamma": "gain",
    "scale": "gain",
    "beta": "shift",
    "running_mean": "mean",
    "moving_mean": "mean",
    "mean": "mean",
    "running_var": "variance",
    "moving_variance": "variance",
    "var": "variance",
}
_WRAPPERS = re.compile(r"(?<![^.])(module|_orig_mod)\.")
_LAST = re.compile(r"^(?:(?P<layer>.*)[./_])?(?P<role>[a-zA-Z_]+?)[._]?(?P<n>\d*)$")


@dataclass(eq=False)
class LayerState:
    """The arrays of one layer by what they are."""

    name: str
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    is_kernel: bool = False
    """Whether its weights are called kernel, as those of Keras and Flax are."""
    is_weight: bool = False
    """Whether they are called weight, as those of PyTorch are."""

    @property
    def weights(self) -> np.ndarray:
        """Its matrix or kernel."""
        return self.arrays["weights"]


def without_prefix(arrays: Mapping[str, np.ndarray]) -> Arrays:
    """The arrays without what all their names begin with, and without wrappers."""
    plain = {name.removesuffix(":0"): array for name, array in arrays.items()}
    plain = {_WRAPPERS.sub("", name): array for name, array in plain.items()}
    while True:
        split = [re.split(r"[./]", name, maxsplit=1) for name in plain]
        firsts = {parts[0] for parts in split}
        # A layer alone keeps its name.
        if len(firsts) > 1 or any(len(p) < 2 or p[1] in _ROLES for p in split):
            return plain
        plain = {p[1]: a for p, a in zip(split, plain.values(), strict=True)}


def groups_of(arrays: Arrays) -> list[LayerState]:
    """The arrays by layer, in the order in which layers are first named.

    Raises:
        NoChainError: If a layer has two arrays of a kind.
    """
    found: dict[str, LayerState] = {}
    before: LayerState | None = None
    for name, array in arrays.items():
        layer, role, word = _place(name, array)
        if word is None and role == "bias" and before is not None:
            group = before  # A vector that follows a matrix, in a list without names.
        else:
            group = found.setdefault(layer, LayerState(layer))
        if role in group.arrays:
            raise NoChainError(f"the layer `{layer}` has several arrays of a kind")
        group.arrays[role] = array
        group.is_kernel |= word == "kernel"
        group.is_weight |= word == "weight"
        before = group
    return list(found.values())


def _place(name: str, array: np.ndarray) -> tuple[str, str, str | None]:
    """The layer of an array, what it is of it, and by which word that was told."""
    match = _LAST.match(name)
    # `running_mean` is one word, `fc1_weight` is two.
    for word in sorted(_ROLES, key=len, reverse=True):
        if match and re.search(rf"(^|[./_]){word}$", name):
            return name[: -len(word)].rstrip("./_"), _ROLES[word], word
    if match and match["n"]:
        word = match["role"].lower().strip("_")
        if word in _ROLES:
            return f"{match['layer'] or ''}{match['n']}", _ROLES[word], word
    return name, "weights" if array.ndim > 1 else "bias", None
