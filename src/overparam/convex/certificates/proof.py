r"""A search written down: the tree of cones, and why each of its leaves is bounded.

The file (`.npz`) holds the problem, the multiplier $l$, and for either sign of it the
basis in which directions are written, the preorder of the tree below every orthant (the
edge that is cut, or a leaf), where edges are cut, and for every leaf $r$ and $\\alpha$
(see `cones.py`). `overparam.checker` reads it and believes nothing of it.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt16

from ...errors import ConfigError
from .activation import ConeSearch
from .bounds import ROUNDING
from .branch_and_price import MOST_DIMENSION, GlobalOptimum
from .cones import LEAF


_MOST_BYTES = 4e9
# Cones beyond those of the search: its orthants, if they were not looked at.
_MORE = 10_000


def write_proof(
    found: GlobalOptimum,
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, " n"],
    *,
    penalty: float,
    skip: bool,
    file: str | Path,
) -> int:
    """Write what a search has proven; the number of leaves.

    Raises:
        ConfigError: If the tree is too large to be written, or was hardly begun.
    """
    if x.shape[1] > MOST_DIMENSION:
        raise ConfigError(
            f"Proofs are written in at most {MOST_DIMENSION} dimensions, got "
            f"{x.shape[1]}."
        )
    path = Path(file)
    n_bytes = found.n_nodes * (4 * x.shape[1] + 2 * len(x) + 9)
    if n_bytes > _MOST_BYTES:
        raise ConfigError(
            f"The proof has about {found.n_nodes} cones and would need "
            f"{n_bytes / 1e9:.1f} GB; ask for a larger gap."
        )
    # For the bound that was reached all cones are closed, those left open as leaves.
    search = ConeSearch(x, found.dual, target=found.size * (1 + ROUNDING))
    budget = 2 * found.n_nodes + _MORE
    arrays: dict[str, Any] = {"x": x, "y": y, "dual": found.dual}
    arrays |= {"penalty": float(penalty), "skip": bool(skip)}
    arrays |= {"unit": np.ldexp(1.0, search.exponent), "leaf": LEAF}
    n_leaves = 0
    signs = (("plus", 1), ("minus", -1))
    for (name, sign), side in zip(signs, search.sides, strict=True):
        trees = [side.tree(cone, search.target, budget) for cone in side.roots()]
        if not all(len(codes) for codes, *_ in trees):
            raise ConfigError(
                "The search was too short for a proof; give it more time."
            )
        parts = [np.concatenate(part) for part in zip(*trees, strict=True)]
        parts[3] = _of_all(parts[3], search.used[sign * found.dual < 0])
        named = zip(("codes", "shares", "r", "alpha"), parts, strict=True)
        arrays |= {f"{name}_{part}": array for part, array in named}
        arrays[f"{name}_basis"] = side.basis
        n_leaves += len(parts[2])
    with path.open("wb") as opened:
        np.savez_compressed(opened, **arrays)
    return n_leaves


def _of_all(
    levels: UInt16[np.ndarray, "leaves used"], used: Bool[np.ndarray, " negative"]
) -> UInt16[np.ndarray, "leaves negative"]:
    """Levels of all samples with negative multipliers; zero of those left out."""
    spread = np.zeros((len(levels), len(used)), np.uint16)
    spread[:, used] = levels
    return spread
