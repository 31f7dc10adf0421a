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
_PARTS = re.compile(
    r"(^|[./])parametrizations[./]|(weight|bias|kernel)_(orig|mask|g|v|u)$"
)
"""What PyTorch computes a weight from: it is no weight itself."""
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
    is_moving: bool = False
    """Whether its moments are called moving, as those of Keras are."""

    @property
    def weights(self) -> np.ndarray:
        """Its matrix or kernel."""
        return self.arrays["weights"]

    @property
    def is_norm(self) -> bool:
        """Whether it is a normalisation that keeps its moments."""
        return {"mean", "variance"} <= self.arrays.keys()


def without_prefix(arrays: Mapping[str, np.ndarray]) -> Arrays:
    """The arrays without what all their names begin with, and without wrappers.

    Raises:
        NoChainError: If two names differ by a wrapper alone.
    """
    plain: Arrays = {}
    for name, array in arrays.items():
        short = _WRAPPERS.sub("", name.removesuffix(":0"))
        if short in plain:
            raise NoChainError(f"two arrays are called `{short}` but for a wrapper")
        plain[short] = array
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
        NoChainError: If a layer has two arrays of a kind, or a name says of one array
            alone what it is.
    """
    places = {name: _place(name, array) for name, array in arrays.items()}
    unsaid = [name for name, (_, _, word) in places.items() if word is None]
    part = next((name for name in unsaid if _PARTS.search(name)), None)
    if part is not None:
        raise NoChainError(f"`{part}` is a part of what a weight is computed from")
    vague = [name for name in unsaid if arrays[name].ndim < 2]
    if vague and len(unsaid) < len(places):
        raise NoChainError(f"`{vague[0]}` is called neither weight nor bias")
    # A list without names, in which a vector follows its matrix.
    stems = {stem_of(name) for name in unsaid}
    listed = len(unsaid) == len(places) and len(stems) == 1
    if listed:
        places = dict(sorted(places.items(), key=lambda place: numbers_of(place[0])))
    found: dict[str, LayerState] = {}
    before: LayerState | None = None
    for name, (layer, role, word) in places.items():
        array = arrays[name]
        if listed and role == "bias" and before is not None:
            group = before
        else:
            group = found.setdefault(layer, LayerState(layer))
        if role in group.arrays:
            raise NoChainError(f"the layer `{layer}` has several arrays of a kind")
        group.arrays[role] = array
        group.is_kernel |= word == "kernel"
        group.is_weight |= word == "weight"
        group.is_moving |= word is not None and word.startswith("moving")
        before = group
    return list(found.values())


def stem_of(name: str) -> str:
    """A name but for the numbers in it."""
    return re.sub(r"\d+", "#", name)


def numbers_of(name: str) -> tuple[int, ...]:
    """The numbers in a name, which count layers."""
    # Of more digits no file has layers.
    return tuple(int(digits[-18:]) for digits in re.findall(r"\d+", name))


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
