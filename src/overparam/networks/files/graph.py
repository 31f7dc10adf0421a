"""A graph of layers with sums in it as a line of layers with residual blocks."""

from collections.abc import Mapping
from dataclasses import dataclass

from .chain import Layer, Line, NoChainError, Residual


@dataclass(frozen=True)
class Node:
    """One value of a graph: a layer of one value, or the sum of two."""

    inputs: tuple[str, ...]
    layer: Layer | NoChainError | None = None
    """`None` is a sum, or with one input that input itself; an error is raised where
    the value is needed."""


def line_between(nodes: Mapping[str, Node], start: str, end: str) -> Line:
    """The layers that make the value `end` of the value `start`.

    Args:
        nodes: What every value is made by.
        start: Name of the input.
        end: Name of a value.

    Raises:
        NoChainError: If values are used in another way than in residual blocks.
    """
    found: list[Layer] = []
    seen: set[str] = set()
    while end != start:
        if end in seen:
            raise NoChainError(f"the value `{end}` is made of itself")
        seen.add(end)
        if end not in nodes:
            raise NoChainError("what it computes does not come from its one input")
        node = nodes[end]
        if isinstance(node.layer, NoChainError):
            raise node.layer
        if len(node.inputs) == 1:
            found += [node.layer] if node.layer is not None else []
            (end,) = node.inputs
            continue
        before = [_straight(nodes, value) for value in node.inputs]
        end = next((value for value in before[0] if value in before[1]), "")
        if not end:
            raise NoChainError("a sum is not that of a block and its shortcut")
        lines = [line_between(nodes, end, value) for value in node.inputs]
        inner, shortcut = sorted(lines, key=len, reverse=True)
        found.append(Residual(inner, shortcut))
    return tuple(reversed(found))


def _straight(nodes: Mapping[str, Node], value: str) -> dict[str, None]:
    """A value and those before it, back to the last sum or the input."""
    values = {value: None}
    while value in nodes and len(nodes[value].inputs) == 1:
        (value,) = nodes[value].inputs
        if value in values:
            break
        values[value] = None
    return values
