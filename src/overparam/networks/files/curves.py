"""Functions of one number in a graph, known by their values whatever they are made of.

A GELU of ONNX before version 20 is five to eight operators, which differ from exporter
to exporter. Each function that a few arithmetic operators make of a value and of single
constants is evaluated on a grid and compared with the activations of the house.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType

import jax.numpy as jnp
import numpy as np
from scipy.special import erf, expit

from ...catalogue import ACTIVATIONS
from .chain import Activation


_FAR = np.geomspace(8.0, 1e4, 60)[1:]
GRID = np.concatenate([-_FAR[::-1], np.linspace(-8.0, 8.0, 161), _FAR])
_TOLERANCE = 1e-5
"""A few roundings in float32; the two GELUs differ by 5e-4."""

_OPERATORS: Mapping[str, Callable[..., np.ndarray]] = MappingProxyType(
    {
        "Add": np.add,
        "Sub": np.subtract,
        "Mul": np.multiply,
        "Div": np.divide,
        "Pow": np.power,
        "Neg": np.negative,
        "Erf": erf,
        "Tanh": np.tanh,
        "Sigmoid": expit,
        "Relu": lambda z: np.maximum(z, 0),
        "Max": np.maximum,
    }
)


class Curves:
    """Values of a graph that are functions of another value, on the grid."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[str, np.ndarray]] = {}

    def add(
        self,
        operator: str,
        inputs: Sequence[str],
        output: str,
        constants: Mapping[str, np.ndarray],
    ) -> tuple[tuple[str], Activation | None] | None:
        """Note what an operator makes of its inputs.

        Returns:
            The value that the output is an activation of, and which; `None` as the
            activation is the value itself, and `None` alone no function of the house.
        """
        if operator not in _OPERATORS:
            return None
        roots, arguments = set(), []
        for name in inputs:
            if name in constants:
                if constants[name].size != 1:
                    return None
                arguments.append(np.float64(constants[name].item()))
                continue
            root, values = self._of.get(name, (name, GRID))
            roots.add(root)
            arguments.append(values)
        if len(roots) != 1:
            return None
        try:
            with np.errstate(all="ignore"):
                found = _OPERATORS[operator](*arguments)
        except (TypeError, ValueError):  # Another number of inputs.
            return None
        (root,) = roots
        self._of[output] = root, found
        for name, values in self._known.items():
            if np.allclose(found, values, rtol=_TOLERANCE, atol=_TOLERANCE):
                return (root,), Activation(name)
        return ((root,), None) if np.array_equal(found, GRID) else None

    @cached_property
    def _known(self) -> Mapping[str, np.ndarray]:
        """The activations of the house on the grid."""
        grid = jnp.asarray(GRID, "float32")
        names = [name for name in ACTIVATIONS if name != "linear"]
        return {name: np.asarray(ACTIVATIONS[name](grid), float) for name in names}
