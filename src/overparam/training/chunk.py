"""One compiled chunk of steps for one network or for many.

Everything here is traced by JAX once and then runs without Python. Trees of a network
hold arrays beside what is static (activations, scales); control flow of JAX carries
arrays alone, hence the partitions before it and the combinations after it.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PRNGKeyArray, PyTree

from ..data.source import Source
from ..dynamics.dynamics import Dynamics, Info, State
from ..networks.network import Network, output_shape
from ..networks.product import is_small
from .compilation import compiler_options


class Stream(eqx.Module):
    """A source and the key of its draws."""

    source: Source
    key: PRNGKeyArray


class Shared(eqx.Module):
    """A source that all members share, and what `draw_blocks` drew from it."""

    source: Source
    drawn: PyTree


class Member(eqx.Module):
    """One network in training: everything a chunk of steps needs.

    Attributes:
        dynamics: Training rule.
        state: Its state.
        key: Key of the rule's own random numbers (noise, dropout).
        stream: Its batches; `None` when all members share what was drawn.
        active: Whether it still trains; an inactive member is passed through.
    """

    dynamics: Dynamics
    state: State
    key: PRNGKeyArray
    stream: Stream | None
    active: Bool[Array, ""]


class Moved(eqx.Module):
    """What a chunk of steps did to a group.

    Attributes:
        infos: Infos averaged over the steps.
        finite: Whether all weights are finite.
    """

    infos: Info
    finite: Bool[Array, "..."]


class Group(eqx.Module):
    """Members of equal shapes, stacked along a leading axis where there are several.

    Attributes:
        member: The only member, or all of them stacked.
        size: How many there are; a single one is not stacked, which saves copies.
    """

    member: Member
    size: int = eqx.field(static=True)

    def at(self, part: PyTree, index: int) -> PyTree:
        """Entry `index` of a part of the group (states, infos)."""
        if self.size == 1:
            return part
        return jax.tree.map(lambda a: a[index] if eqx.is_array(a) else a, part)


@dataclasses.dataclass(frozen=True)
class Extent:
    """The static sizes of a chunk: `n_blocks` draws of `n_steps` batches each."""

    n_blocks: int
    n_steps: int
    batch_size: int

    @property
    def total(self) -> int:
        """Number of steps in all."""
        return self.n_blocks * self.n_steps


def draw_blocks(stream: Stream, first_step: Int[Array, ""], extent: Extent) -> PyTree:
    """What `n_blocks` draws give; leaves lead with `(n_blocks, n_steps)`.

    A program of its own (`draws`), so that another thread can draw the next blocks
    while the network trains on these.
    """
    firsts = first_step + extent.n_steps * jnp.arange(extent.n_blocks, dtype=jnp.int32)
    return jax.lax.map(lambda step: _draw(stream, step, extent), firsts)


def advance(
    groups: tuple[Group, ...],
    shared: Shared | None,
    first_step: Int[Array, ""],
    extent: Extent,
) -> tuple[tuple[State, ...], tuple[Moved, ...]]:
    """Advance every group by `n_blocks * n_steps` steps in one program.

    On a CPU the members of a group run one after the other inside the program
    (`lax.map`), because batching brings nothing there; on an accelerator they run as
    one batch (`vmap`).

    Returns:
        States of each group after the chunk, and what there is to tell of them.
    """
    # The option is one of the whole program: no part of it may need more cores.
    one_core = all(
        is_small(extent.batch_size, n_weights(group.member) // group.size)
        for group in groups
    )
    return _compiled(one_core=one_core)(groups, shared, first_step, extent)


@functools.cache
def _compiled(*, one_core: bool) -> Any:
    # Kept by option: a new `filter_jit` would compile everything again.
    on_cpu = jax.default_backend() == "cpu"
    options = compiler_options(one_core=one_core) if on_cpu else None
    return eqx.filter_jit(  # pyright: ignore[reportCallIssue]
        _advance, compiler_options=options
    )


def step_work(member: Member, stream: Stream, batch_size: int) -> float:
    """Floating-point operations of one step, as XLA counts them before it compiles."""

    def step(member: Member, stream: Stream) -> tuple[State, Info]:
        drawn = _draw(stream, jnp.int32(0), Extent(1, 1, batch_size))
        batch = stream.source.batch(jax.tree.map(lambda leaf: leaf[0], drawn))
        return _one_step(member.dynamics, member.state, batch, member.key)

    jitted: Any = eqx.filter_jit(step)
    return jitted.lower(member, stream).lowered.cost_analysis()["flops"]


def check_inputs(network: Network, stream: Stream, batch_size: int) -> None:
    """Refuse a stream whose inputs a network does not take.

    Raises:
        ConfigError: If it does not.
    """
    drawn = _draw(stream, jnp.int32(0), Extent(1, 1, batch_size))
    x = stream.source.batch(jax.tree.map(lambda leaf: leaf[0], drawn)).x
    output_shape(network, x)


def n_weights(member: Member) -> int:
    """Number of weights of a network in training."""
    leaves = jax.tree.leaves(eqx.filter(member.state.network, eqx.is_array))
    return sum(leaf.size for leaf in leaves)


def _advance(
    groups: tuple[Group, ...],
    shared: Shared | None,
    first_step: Int[Array, ""],
    extent: Extent,
) -> tuple[tuple[State, ...], tuple[Moved, ...]]:
    def block(
        states: tuple[State, ...], inputs: tuple[Int[Array, ""], PyTree]
    ) -> tuple[tuple[State, ...], tuple[Info, ...]]:
        index, drawn = inputs
        step = first_step + index * extent.n_steps

        def run(member: Member) -> tuple[State, Info]:
            if member.stream is not None:
                # Drawn in here a block at a time, so that only one block of samples of
                # each member is in memory.
                own = _draw(member.stream, step, extent)
                return _steps(member, member.stream.source, own, step)
            assert shared is not None
            return _steps(member, shared.source, drawn, step)

        moved = [
            _for_each(run, dataclasses.replace(group.member, state=state), group.size)
            for group, state in zip(groups, states, strict=True)
        ]
        return tuple(state for state, _ in moved), tuple(info for _, info in moved)

    indices = jnp.arange(extent.n_blocks, dtype=jnp.int32)
    drawn = None if shared is None else shared.drawn
    before = tuple(group.member.state for group in groups)
    # All groups go through one scan: XLA may then overlap what they do.
    states, means = _scan(block, before, (indices, drawn))
    moved = tuple(
        Moved(mean, _finite(state.network, group.size))
        for group, state, mean in zip(groups, states, means, strict=True)
    )
    return states, moved


def _finite(network: Network, size: int) -> Bool[Array, "..."]:
    """Whether all weights are finite, for each member of a group.

    Found inside the program: one flag comes back to Python instead of all weights.
    """
    leaves = jax.tree.leaves(eqx.filter(network, eqx.is_inexact_array))
    first = 0 if size == 1 else 1
    flags = [jnp.all(jnp.isfinite(a), axis=tuple(range(first, a.ndim))) for a in leaves]
    return jnp.all(jnp.stack(flags), axis=0)


def group(members: Sequence[Member]) -> Group:
    """Members of equal structure as one group."""
    if len(members) == 1:
        return Group(members[0], 1)
    dynamic = [eqx.filter(member, eqx.is_array) for member in members]
    static = eqx.filter(members[0], eqx.is_array, inverse=True)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *dynamic)
    return Group(eqx.combine(stacked, static), len(members))


def signature(member: Member) -> Any:
    """Equal for two members that can be stacked: same structure, shapes and types.

    What is static must be equal too, since a program holds it once for the group.
    """
    dynamic, static = eqx.partition(member, eqx.is_array)
    leaves, structure = jax.tree.flatten(dynamic)
    kept, static_structure = jax.tree.flatten(static)
    shapes = tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves)
    return structure, shapes, tuple(kept), static_structure


def _draw(stream: Stream, step: Int[Array, ""], extent: Extent) -> Any:
    return stream.source.draw(stream.key, step, extent.n_steps, extent.batch_size)


def _for_each(
    run: Callable[[Member], tuple[State, Info]], stacked: Member, size: int
) -> tuple[State, Info]:
    """What `run` makes of every member of a group, stacked as the group is."""
    if size == 1:
        return run(stacked)
    dynamic, static = eqx.partition(stacked, eqx.is_array)

    def guarded(leaves: PyTree) -> PyTree:
        """A member that has stopped costs nothing: its state passes, infos are NaN."""
        member = eqx.combine(leaves, static)
        moved = jax.eval_shape(lambda: eqx.filter(run(member), eqx.is_array))
        held = jax.tree.map(lambda a: jnp.full(a.shape, jnp.nan, a.dtype), moved[1])
        return jax.lax.cond(
            member.active,
            lambda: eqx.filter(run(member), eqx.is_array),
            lambda: (eqx.filter(member.state, eqx.is_array), held),
        )

    # Under `vmap` the condition becomes a selection: what a member that has stopped
    # would do is computed with the others, and dropped.
    if jax.default_backend() == "cpu":
        state, infos = jax.lax.map(guarded, dynamic)
    else:
        state, infos = eqx.filter_vmap(guarded)(dynamic)
    return eqx.combine(state, static.state), infos


def _untraced_step(
    dynamics: Dynamics, state: State, batch: Any, key: PRNGKeyArray
) -> tuple[State, Info]:
    return dynamics.step(state, batch, key=key)


_one_step: Any = eqx.filter_jit(  # pyright: ignore[reportCallIssue]
    _untraced_step, inline=True
)
"""A step, traced once for all programs that have it."""


def _steps(
    member: Member, source: Source, drawn: PyTree, first: Int[Array, ""]
) -> tuple[State, Info]:
    """One member trained on the batches of one draw."""

    def step(state: State, inputs: tuple[Int[Array, ""], PyTree]) -> tuple[State, Info]:
        offset, piece = inputs
        # The key follows from the number of the step alone: a resumed run, whose chunks
        # begin elsewhere, gets the same.
        key = jax.random.fold_in(member.key, first + offset)
        return _one_step(member.dynamics, state, source.batch(piece), key)

    n_steps = jax.tree.leaves(drawn)[0].shape[0]
    offsets = jnp.arange(n_steps, dtype=jnp.int32)
    return _scan(step, member.state, (offsets, drawn))


def _scan(
    step: Callable[[Any, Any], tuple[Any, Any]], state: Any, inputs: PyTree
) -> tuple[Any, Any]:
    """The state after `step` on each input in turn, and the means of its infos."""
    dynamic, static = eqx.partition(state, eqx.is_array)

    def body(carry: PyTree, each: PyTree) -> tuple[PyTree, Any]:
        state, info = step(eqx.combine(carry, static), each)
        return eqx.filter(state, eqx.is_array), info

    dynamic, infos = jax.lax.scan(body, dynamic, inputs)
    means = jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), infos)
    return eqx.combine(dynamic, static), means
