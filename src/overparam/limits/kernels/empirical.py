r"""Tangent kernels of networks of finite width.

$$T(x, x')_{kk'} = \sum_\theta \frac{\partial f_k}{\partial \theta}(x)
\frac{\partial f_{k'}}{\partial \theta}(x')$$

Fully connected networks take a few matrix products, layer by layer (`layered.py`). Of
any other network the Jacobians of two blocks of inputs are held at one time.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...checks import at_least, counts, one_of
from ...errors import ConfigError, SolverError
from ...memory import Need, check_memory
from ...networks.network import Network
from ..lanczos import largest_eigenvalues
from .derivatives import Derivatives, Inputs, slices
from .layered import Term


BLOCK_BYTES = 2**28
"""What a block of rows may hold of Jacobians, or of inputs and signals of layers."""

Told = Callable[[int, int], None]
"""Told what is done, and how much there is."""

# Up to this size the whole matrix costs less than Lanczos iterations.
_DENSE = 200
_ROUNDINGS = 10
"""Roundings of the largest eigenvalue below which no residual can be brought."""


def tangent_kernel(
    network: Network,
    x: Inputs,
    others: Inputs | None = None,
    *,
    outputs: Literal["full", "traced"] = "traced",
    trained: tuple[str, ...] = (),
    block_bytes: int = BLOCK_BYTES,
    progress: Told = lambda done, total: None,
) -> Float[np.ndarray, "n k"] | Float[np.ndarray, "n k n_outputs n_outputs"]:
    r"""$T(x, x') = \partial_\theta f(x)\, \partial_\theta f(x')^\top$ of a network.

    Between two sets of inputs, in the network's own type.

    A network that takes moments of its batch is one function of all of `x`, and of all
    of `others`; moments that it carries are constants.

    Args:
        network: Any network.
        x: Inputs of the rows.
        others: Inputs of the columns; `None` for those of the rows.
        outputs: `full` for every pair of outputs, `traced` for the trace over them
            divided by their number.
        trained: Fields of the network whose weights count; empty for all.
        block_bytes: Memory of one block; a few are held.
        progress: Told the pairs of blocks that are done, and how many there are.

    Raises:
        ConfigError: If it is no network, weights, inputs or the kernel are not finite,
            a field is unknown, the inputs do not fit the network, or the kernel does
            not fit into memory.

    Example:
        ```python
        kernel = op.limits.tangent_kernel(network, x)
        assert np.allclose(kernel, kernel.T)  # (20, 20)
        ```
    """
    one_of(("full", "traced"), outputs=outputs)
    counts(block_bytes=block_bytes)
    traced, same = outputs == "traced", others is None
    left = Derivatives.of(network, x, trained=trained, name="x")
    right = left
    if others is not None:
        right = Derivatives.of(network, others, trained=trained, name="others")
    kernel, most_rows = _room(left, right, traced=traced, block_bytes=block_bytes)
    rows = slices(len(left.x), most_rows)
    columns = slices(len(right.x), most_rows)
    total = len(rows) * (len(rows) + 1) // 2 if same else len(rows) * len(columns)
    done = 0
    for i, at in enumerate(rows):
        held = left.terms(np.arange(len(left.x))[at], traced=traced)
        for j, across in enumerate(columns):
            if same and j < i:
                # The mirror image of a block above the diagonal.
                turned = kernel[across, at].swapaxes(0, 1)
                kernel[at, across] = turned if traced else turned.swapaxes(2, 3)
                continue
            diagonal = same and j == i
            chosen = np.arange(len(right.x))[across]
            other = held if diagonal else right.terms(chosen, traced=traced)
            kernel[at, across] = _finite(np.asarray(_product(held, other)))
            progress(done := done + 1, total)
    if traced:
        kernel /= left.n_outputs
    return kernel


def leading_eigenvalues(
    network: Network,
    x: Inputs,
    *,
    count: int = 10,
    trained: tuple[str, ...] = (),
    tolerance: float = 1e-6,
    block_rows: int = 512,
    progress: Callable[[int], None] = lambda done: None,
) -> Float[np.ndarray, " count"]:
    r"""The largest eigenvalues of the full tangent kernel $J J^\top$, descending.

    Lanczos iterations on products $J (J^\top v)$: the kernel of all pairs of samples
    and outputs is not formed. Equal eigenvalues count as often as they occur.

    Args:
        network: Any network.
        x: Inputs.
        count: Number of eigenvalues, at most that of samples times outputs.
        trained: Fields of the network whose weights count; empty for all.
        tolerance: Relative accuracy, down to rounding of the largest one.
        block_rows: Inputs that are propagated at one time.
        progress: Told the number of products that were formed.

    Raises:
        ConfigError: As `tangent_kernel`, or if there are not so many eigenvalues.
        SolverError: If the iterations do not converge.

    Example:
        ```python
        largest, second = op.limits.leading_eigenvalues(network, x, count=2)
        assert largest >= second
        ```
    """
    counts(count=count, block_rows=block_rows)
    at_least(0, tolerance=tolerance)
    at = Derivatives.of(network, x, trained=trained, name="x")
    size = len(at.x) * at.n_outputs
    if count > size:
        raise ConfigError(
            f"`count` must be at most {size}, samples times outputs, got {count}."
        )
    if size <= max(_DENSE, 10 * count):
        whole = tangent_kernel(network, x, outputs="full", trained=trained)
        flat = whole.swapaxes(1, 2).reshape(size, size).astype(np.float64)
        return np.linalg.eigvalsh(flat)[::-1][:count]
    formed = 0

    def product(vector: np.ndarray) -> np.ndarray:
        nonlocal formed
        shaped = vector.reshape(len(at.x), at.n_outputs)
        moved = _finite(at.product(shaped, block_rows=block_rows))
        progress(formed := formed + 1)
        return moved.ravel()

    floor = _ROUNDINGS * float(np.finfo(at.x.dtype).eps)
    found = largest_eigenvalues(product, size, count, tolerance=tolerance, floor=floor)
    if found is None:
        raise SolverError(
            f"The {count} largest eigenvalues of a tangent kernel of {size} rows did "
            f"not converge to {tolerance:g}; ask for fewer or a larger `tolerance`."
        )
    return found[0]


def _room(
    left: Derivatives, right: Derivatives, *, traced: bool, block_bytes: int
) -> tuple[np.ndarray, int]:
    """An empty kernel, and how many rows a block has."""
    n_outputs, dtype = left.n_outputs, np.dtype(left.x.dtype)
    pairs = () if traced else (n_outputs, n_outputs)
    sizes = [("rows", len(left.x)), ("columns", len(right.x))]
    row_bytes, n_pairs = left.row_bytes(traced=traced), math.prod(pairs)
    sizes += [("pairs of outputs", n_pairs)] * (not traced)
    check_memory(
        Need("the tangent kernel", sizes, dtype.itemsize),
        Need("derivatives", [("bytes of an input", row_bytes)], 1, copies=3),
    )
    # The product of two blocks is one as well.
    most = math.isqrt(block_bytes // (dtype.itemsize * n_pairs))
    rows = max(1, min(block_bytes // row_bytes, most))
    return np.empty((len(left.x), len(right.x), *pairs), dtype), rows


def _finite(found: np.ndarray) -> np.ndarray:
    if not np.isfinite(found).all():
        raise ConfigError(
            "The tangent kernel at these inputs is beyond the range of its type: "
            "divide inputs or weights, or take a network of float64."
        )
    return found


@jax.jit
def _product(left: Sequence[Term], right: Sequence[Term]) -> Array:
    total: Any = 0.0
    for one, other in zip(left, right, strict=True):
        if one.signals.ndim == 2:
            part = one.signals @ other.signals.T
        else:
            part = jnp.einsum("ikm,jlm->ijkl", one.signals, other.signals)
        if one.inputs is not None and other.inputs is not None:
            gram = one.inputs @ other.inputs.T
            part = part * gram.reshape(*gram.shape, *[1] * (part.ndim - 2))
        total = total + part
    return total
