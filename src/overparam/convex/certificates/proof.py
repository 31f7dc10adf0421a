r"""A search written down: its tree, and why each of its leaves is bounded.

The file (`.npz`) holds the problem, the multiplier $l$, and for either sign of it the
basis in which directions are written and the preorder of the tree. Of a tree of cones
below every orthant (`cones.py`): the edge that is cut, or a leaf; where edges are cut;
for every leaf $r$ and $\\alpha$. Of a tree of signs (`signs.py`): the sample whose sign
is fixed, or a leaf; for every leaf $\\log \\delta_0$ and of each sample $\\log
\\delta$, m or $\\alpha$. `overparam.checker` reads it and believes nothing of it.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from ...errors import ConfigError
from ...store.files import write_file
from .activation import ConeSide, in_units
from .bounds import ROUNDING
from .branch_and_price import GlobalOptimum, kind_of_search
from .sign_search import SignSearch, SignSide, leaf_of
from .signed import best_weights, signed_activation


_MOST_BYTES = 4e9
# Nodes beyond those of the search: its orthants, if they were not looked at.
_MORE = 10_000
# Logarithm of the delta of samples that are too small to count.
_NOTHING = -138.0


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

    A bound that needs no division is that of a tree of signs with one leaf.

    Raises:
        ConfigError: If the tree is too large to be written, or was hardly begun.
        StoreError: If the file cannot be written; one that was there stays whole.
    """
    (n, d), target = x.shape, found.size * (1 + ROUNDING)
    undivided = signed_activation(x, found.dual) <= target
    kind = SignSearch if undivided else kind_of_search(x)
    n_bytes = found.n_nodes * (2 * n + 6 if kind is SignSearch else 2 * n + 4 * d + 9)
    if n_bytes > _MOST_BYTES and not undivided:
        raise ConfigError(
            f"The proof has about {found.n_nodes} nodes and would need "
            f"{n_bytes / 1e9:.1f} GB; ask for a larger gap."
        )
    # For the bound that was reached all nodes are closed, those left open as leaves.
    search = kind(x, found.dual, target=target)
    budget = 2 * found.n_nodes + _MORE
    arrays: dict[str, Any] = {"x": x, "y": y, "dual": found.dual}
    arrays |= {"penalty": float(penalty), "skip": bool(skip)}
    leaf = search.sides[0].LEAF
    arrays |= {"unit": np.ldexp(1.0, search.exponent), "leaf": leaf}
    n_leaves = 0
    signs = (("plus", 1), ("minus", -1))
    for (name, sign), side in zip(signs, search.sides, strict=True):
        of = sign * found.dual, search.used, search.target, budget
        if undivided:
            parts = _undivided(x, *of[:2])
        elif isinstance(side, ConeSide):
            parts = _cones(side, *of)
        else:
            parts = _signs(side, *of)
        if not len(parts["codes"]):
            raise ConfigError(
                "The search was too short for a proof; give it more time."
            )
        arrays[f"{name}_basis"] = side.basis
        arrays |= {f"{name}_{part}": array for part, array in parts.items()}
        n_leaves += int(np.sum(parts["codes"] == leaf))
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    write_file(Path(file), content.getvalue())
    return n_leaves


def _cones(
    side: ConeSide,
    dual: Float[np.ndarray, " n"],
    used: Bool[np.ndarray, " n"],
    target: float,
    budget: int,
) -> dict[str, np.ndarray]:
    trees = [side.tree(cone, target, budget) for cone in side.roots()]
    if not all(len(codes) for codes, *_ in trees):
        return {"codes": np.zeros(0)}
    names = ("codes", "shares", "r", "alpha")
    parts = [np.concatenate(part) for part in zip(*trees, strict=True)]
    # Levels of all samples with negative multipliers; zero of those left out.
    spread = np.zeros((len(parts[3]), int(np.sum(dual < 0))), np.uint16)
    spread[:, used[dual < 0]] = parts[3]
    return dict(zip(names, [*parts[:3], spread], strict=True))


def _signs(
    side: SignSide,
    dual: Float[np.ndarray, " n"],
    used: Bool[np.ndarray, " n"],
    target: float,
    budget: int,
) -> dict[str, np.ndarray]:
    codes, leaves = side.tree(target, budget)
    samples = _in_order(dual, used)
    codes[codes != side.LEAF] = samples[codes[codes != side.LEAF]]
    return {"codes": codes, "leaves": _of_all(leaves, dual, samples)}


def _undivided(
    x: Float[np.ndarray, "n d"],
    dual: Float[np.ndarray, " n"],
    used: Bool[np.ndarray, " n"],
) -> dict[str, np.ndarray]:
    """The tree of one leaf, in the same coordinates as the bound that it proves."""
    _, inputs, multipliers, *_ = in_units(x, dual)
    alpha, delta = best_weights(inputs, multipliers)
    free = np.zeros(len(delta) - 1, np.int8)
    weights = np.concatenate([free, alpha])
    leaf = leaf_of(delta[0], free, np.log(delta[1:]), weights)[None]
    codes = np.array([SignSide.LEAF], np.int32)
    return {"codes": codes, "leaves": _of_all(leaf, dual, _in_order(dual, used))}


def _in_order(
    dual: Float[np.ndarray, " n"], used: Bool[np.ndarray, " n"]
) -> Int[np.ndarray, " used"]:
    """Samples with positive multipliers, then those with negative ones, as rows are."""
    return np.concatenate(
        [np.flatnonzero(used & (sign * dual > 0)) for sign in (1, -1)]
    )


def _of_all(
    leaves: Float[np.ndarray, "leaves used_and_one"],
    dual: Float[np.ndarray, " n"],
    samples: Int[np.ndarray, " used"],
) -> Float[np.ndarray, "leaves n_and_one"]:
    """Leaves with a column for every sample; those left out are next to nothing."""
    spread = np.zeros((len(leaves), 1 + len(dual)))
    spread[:, 1:][:, dual > 0] = _NOTHING
    spread[:, 0], spread[:, 1 + samples] = leaves[:, 0], leaves[:, 1:]
    return spread
