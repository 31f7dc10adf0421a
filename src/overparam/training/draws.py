"""Draws ahead of the training: the next samples are made while these are used.

Random numbers take half of a small training. A thread draws the next piece while the
network trains on this one, which hides them where there is a second core to compute on.
What is drawn does not depend on it.
"""

import math
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from ..cores import n_threads
from .chunk import Extent, Shared, Stream, draw_blocks
from .compilation import compiler_options


# Two pieces are held at a time; they should stay in the cache of the processor.
_MOST_BYTES = 16_000_000
_draw_blocks = eqx.filter_jit(  # pyright: ignore[reportCallIssue]
    draw_blocks, compiler_options=compiler_options(one_core=True)
)


@dataclass(frozen=True)
class Piece:
    """Some steps that are drawn, and then trained on, in one call."""

    first_step: int
    extent: Extent


def piece_extent(
    n_steps: int, batch_size: int, *, streams: Sequence[Stream], most_steps: int
) -> Extent:
    """The largest equal pieces of `n_steps` steps whose samples fit the cache.

    Args:
        n_steps: Steps between two records.
        batch_size: Samples of a step.
        streams: Where the samples come from.
        most_steps: Steps after which one wants to be back in Python.
    """
    per_draw = min(stream.source.steps_per_draw(batch_size) for stream in streams)
    block = largest_divisor(n_steps, at_most=min(per_draw, most_steps))
    one = Extent(1, block, batch_size)
    drawn = eqx.filter_eval_shape(draw_blocks, streams[0], jnp.int32(0), one)
    n_bytes = sum(math.prod(a.shape) * a.dtype.itemsize for a in jax.tree.leaves(drawn))
    at_most = max(1, min(_MOST_BYTES // max(n_bytes, 1), most_steps // block))
    return Extent(largest_divisor(n_steps // block, at_most=at_most), block, batch_size)


class Draws:
    """What a stream gives, piece after piece; drawn ahead where a core is free."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._thread = None
        if n_threads() > 1:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="draws")
        self._ahead: tuple[Piece, Future[PyTree]] | None = None

    def take(self, piece: Piece, *, then: Piece | None) -> Shared:
        """The draws of `piece`; those of the piece `then` may be begun."""
        if self._ahead is not None and self._ahead[0] == piece:
            drawn = self._ahead[1].result()
        else:
            drawn = _draw(self._stream, piece)
        self._ahead = None
        if self._thread is not None and then is not None:
            # JAX keeps this flag per thread.
            x64 = jax.config.jax_enable_x64  # pyright: ignore[reportAttributeAccessIssue]
            future = self._thread.submit(_draw_in_thread, self._stream, then, x64)
            self._ahead = then, future
        return Shared(self._stream.source, drawn)

    def close(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)


def largest_divisor(number: int, *, at_most: int) -> int:
    """The largest divisor of `number` that is not above `at_most`."""
    return next(d for d in range(min(number, at_most), 0, -1) if number % d == 0)


def _draw(stream: Stream, piece: Piece) -> PyTree:
    return _draw_blocks(stream, jnp.int32(piece.first_step), piece.extent)


def _draw_in_thread(stream: Stream, piece: Piece, x64: bool) -> PyTree:
    with jax.enable_x64(x64):
        return jax.block_until_ready(_draw(stream, piece))
