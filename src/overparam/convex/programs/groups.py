r"""The linear maps of a convex programme: predictions $f = \sum_g A_g z_g$.

`MaskedGroups` has $A_g = \mathrm{diag}(m_g) X$ and never forms them; `BasisGroups` has
explicit blocks with orthonormal columns, for normalised neurons. The weights of group
g are row g of a matrix $Z$ of shape `(groups, d)`.
"""

import abc
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int


Samples = Float[np.ndarray, " n"]
Square = Float[np.ndarray, "n n"]
Weights = Float[np.ndarray, "groups d"]
PerGroup = Float[np.ndarray, " groups"]
PerSample = Float[np.ndarray, "groups n"]


# Most memory for the matrices A A^T of normalised groups, whose weighted sums are then
# a few times faster than products of the blocks.
_PROJECTOR_BYTES = 2**29


class Groups(abc.ABC):
    """Linear maps $A_g$ of all groups, with what the solvers ask of them."""

    x: Float[np.ndarray, "n d"]
    masks: PerSample

    @property
    @abc.abstractmethod
    def n_groups(self) -> int:
        """Number of groups."""

    @property
    @abc.abstractmethod
    def dimension(self) -> int:
        """Number of weights of a group."""

    @abc.abstractmethod
    def apply(self, z: Weights) -> Samples:
        r"""Predictions $\sum_g A_g z_g$."""

    @abc.abstractmethod
    def outputs(self, z: Weights) -> PerSample:
        r"""$A_g z_g$ of every group."""

    @abc.abstractmethod
    def adjoint(self, dual: Samples) -> Weights:
        r"""$A_g^T l$ of every group."""

    @abc.abstractmethod
    def schur(self, weights: PerGroup, tails: Weights) -> Square:
        r"""$\sum_g c_g A_g (I + 2 w_g w_g^T) A_g^T$ for weights c and tails w."""

    @abc.abstractmethod
    def activations(self, z: Weights, first: int) -> PerSample:
        r"""Pre-activations $X w$ of the groups from `first` on (the cone rows)."""

    @abc.abstractmethod
    def activations_adjoint(self, v: PerSample, first: int) -> Weights:
        """The adjoint of `activations`."""

    @abc.abstractmethod
    def cone_hessian(self, v: PerSample, first: int) -> Float[np.ndarray, "cones d d"]:
        r"""$\sum_k v_{gk} x_k x_k^T$ in the coordinates of the groups from `first`."""

    @abc.abstractmethod
    def cone_gradient(self, v: PerSample, z: Weights, first: int) -> Weights:
        """`cone_hessian` times z, exact to rounding of the rows of z themselves.

        Those may be small where the Hessian is large. The rows are those it is summed
        from: `activations` rounds differently where transforms have large entries.
        """

    @abc.abstractmethod
    def block_schur(self, factors: Float[np.ndarray, "groups d d"]) -> Square:
        r"""$\sum_g (F_g A_g^T)^T (F_g A_g^T)$."""

    @abc.abstractmethod
    def neurons(self, z: Weights) -> Weights:
        """The weights of the groups in the coordinates of the inputs."""

    @abc.abstractmethod
    def coordinates(self, neurons: Weights) -> Weights:
        """The inverse of `neurons`."""

    @abc.abstractmethod
    def select(self, kept: Int[np.ndarray, " kept"]) -> "Groups":
        """Some of the groups."""

    @abc.abstractmethod
    def spectral_norms(self) -> PerGroup:
        r"""$\|A_g\|_2$ of every group."""

    @property
    @abc.abstractmethod
    def row_sizes(self) -> PerSample:
        """Norms of the rows of $|X| |T_g|$ at least; one row if all groups agree.

        Rounding enters the predictions and the dual constraints in proportion to them.
        """

    @abc.abstractmethod
    def distortion(self) -> PerGroup:
        r"""How far $\|A_g z\| / \|z\|$ is from one where weights stand for outputs.

        Zero where they do not.
        """

    @abc.abstractmethod
    def stacked(self) -> Float[np.ndarray, "groups_d n"]:
        """All $A_g^T$ one below the other."""

    @abc.abstractmethod
    def scaled(self, factor: float) -> "Groups":
        """The same groups of inputs divided by a power of two."""

    def gram(self) -> Square:
        r"""$\sum_g A_g A_g^T$."""
        zeros = np.zeros((self.n_groups, self.dimension))
        return self.schur(np.ones(self.n_groups), zeros)


@dataclass(frozen=True, eq=False)
class MaskedGroups(Groups):
    r"""$A_g = \mathrm{diag}(m_g) X$ with masks in {-1, 0, 1}.

    $A_g A_g^T = (X X^T) \circ (m_g m_g^T)$, hence every Schur matrix is the Hadamard
    product of two matrix products, whose cost does not depend on the dimension.

    Attributes:
        x: Inputs, shape `(n, d)`.
        masks: One mask a row, shape `(groups, n)`.
    """

    x: Float[np.ndarray, "n d"]
    masks: PerSample

    @property
    def n_groups(self) -> int:
        return self.masks.shape[0]

    @property
    def dimension(self) -> int:
        return self.x.shape[1]

    @cached_property
    def inner_products(self) -> Square:
        """Gram matrix $X X^T$ of the inputs."""
        return self.x @ self.x.T

    def apply(self, z: Weights) -> Samples:
        # One product for all groups, as a mask only selects samples.
        return np.einsum("gn,gn->n", self.masks, z @ self.x.T)

    def outputs(self, z: Weights) -> PerSample:
        return self.masks * (z @ self.x.T)

    def adjoint(self, dual: Samples) -> Weights:
        return (self.masks * dual[None]) @ self.x

    def schur(self, weights: PerGroup, tails: Weights) -> Square:
        roots = np.sqrt(weights)[:, None]
        scaled = roots * self.masks
        matrix = self.inner_products * (scaled.T @ scaled)
        if np.any(tails):
            along = scaled * (tails @ self.x.T)
            matrix += 2 * (along.T @ along)
        return matrix

    def activations(self, z: Weights, first: int) -> PerSample:
        return z[first:] @ self.x.T

    def activations_adjoint(self, v: PerSample, first: int) -> Weights:
        return v @ self.x

    def cone_hessian(self, v: PerSample, first: int) -> Float[np.ndarray, "cones d d"]:
        d = self.dimension
        return (v @ self._outer_products).reshape(-1, d, d)

    def cone_gradient(self, v: PerSample, z: Weights, first: int) -> Weights:
        return (v * self.activations(z, first)) @ self.x

    def block_schur(self, factors: Float[np.ndarray, "groups d d"]) -> Square:
        n, d = self.x.shape
        schur = np.zeros((n, n))
        # Samples outside of a pattern have zeros in its block: on average half of the
        # rows and a quarter of the product are left. Groups with equal supports, as a
        # pattern's u and v, share one product.
        members: dict[bytes, list[int]] = {}
        for g, mask in enumerate(self.masks != 0):
            members.setdefault(np.packbits(mask).tobytes(), []).append(g)
        for some in members.values():
            rows = np.flatnonzero(self.masks[some[0]])
            half = factors[np.asarray(some)].reshape(-1, d) @ self.x[rows].T
            schur[np.ix_(rows, rows)] += half.T @ half
        return schur

    def neurons(self, z: Weights) -> Weights:
        return z

    def coordinates(self, neurons: Weights) -> Weights:
        return neurons.copy()

    def select(self, kept: Int[np.ndarray, " kept"]) -> "MaskedGroups":
        return MaskedGroups(self.x, self.masks[kept])

    def spectral_norms(self) -> PerGroup:
        rows = [np.linalg.norm(mask[:, None] * self.x, 2) for mask in self.masks]
        return np.asarray(rows)

    @cached_property
    def row_sizes(self) -> PerSample:  # pyright: ignore[reportIncompatibleMethodOverride]
        return np.linalg.norm(self.x, axis=1)[None]

    def distortion(self) -> PerGroup:
        return np.zeros(self.n_groups)

    def stacked(self) -> Float[np.ndarray, "groups_d n"]:
        return (self.masks[:, None] * self.x.T).reshape(-1, len(self.x))

    def scaled(self, factor: float) -> "MaskedGroups":
        return MaskedGroups(self.x / factor, self.masks)

    @cached_property
    def _outer_products(self) -> Float[np.ndarray, "n dd"]:
        n, d = self.x.shape
        return (self.x[:, :, None] * self.x[:, None, :]).reshape(n, d * d)


@dataclass(frozen=True, eq=False)
class BasisGroups(Groups):
    r"""$A_g = \mathrm{diag}(m_g) X T_g$ for neurons whose outputs are normalised.

    $T_g$ makes $A_g$ orthonormal on the range of $D_g X$; coordinates in its null space
    are kept apart, and $A_g$ is zero there.

    Attributes:
        x: Inputs, shape `(n, d)`.
        masks: One mask a row, shape `(groups, n)`.
        transforms: $T_g$, shape `(groups, d, rank)`.
        inverses: Their left inverses on the row space, shape `(groups, rank, d)`.
        kept: 1 for coordinates in the range and 0 for the others, `(groups, rank)`.
        distortions: Bounds of $\|A_g^T A_g - I\|$ there.
    """

    x: Float[np.ndarray, "n d"]
    masks: PerSample
    transforms: Float[np.ndarray, "groups d rank"]
    inverses: Float[np.ndarray, "groups rank d"]
    kept: Weights
    distortions: PerGroup

    @property
    def n_groups(self) -> int:
        return self.masks.shape[0]

    @property
    def dimension(self) -> int:
        return self.transforms.shape[2]

    @cached_property
    def blocks(self) -> Float[np.ndarray, "n groups rank"]:
        """All $A_g$ explicitly."""
        blocks = self.masks[:, :, None] * (self.x @ self._ranges)
        return np.ascontiguousarray(blocks.transpose(1, 0, 2))

    def apply(self, z: Weights) -> Samples:
        return np.einsum("gn,gn->n", self.masks, self._hidden(z))

    def outputs(self, z: Weights) -> PerSample:
        return self.masks * self._hidden(z)

    def adjoint(self, dual: Samples) -> Weights:
        pulled = (self.masks * dual[None]) @ self.x
        return self.kept * (pulled[:, None] @ self.transforms)[:, 0]

    def schur(self, weights: PerGroup, tails: Weights) -> Square:
        # The projectors change in their weights only, and are symmetric: where half of
        # each fits into memory, a step costs one product of a vector and a matrix.
        if 4 * self.n_groups * len(self.x) ** 2 <= _PROJECTOR_BYTES:
            matrix = np.empty((len(self.x), len(self.x)))
            rows, columns = np.triu_indices(len(self.x))
            matrix[rows, columns] = weights @ self._projectors
            matrix[columns, rows] = matrix[rows, columns]
        else:
            scaled = np.sqrt(weights)[:, None] * self.blocks
            scaled = scaled.reshape(len(self.x), -1)
            matrix = scaled @ scaled.T
        if np.any(tails):
            along = np.sqrt(weights)[:, None] * self.outputs(tails)
            matrix += 2 * (along.T @ along)
        return matrix

    @cached_property
    def _projectors(self) -> Float[np.ndarray, "groups pairs"]:
        """The upper triangles of all $A_g A_g^T$, one a row."""
        n = len(self.x)
        pairs = np.ravel_multi_index(np.triu_indices(n), (n, n))
        packed = np.empty((self.n_groups, len(pairs)))
        for row, mask, transform in zip(packed, self.masks, self._ranges, strict=True):
            block = mask[:, None] * (self.x @ transform)
            (block @ block.T).ravel().take(pairs, out=row)
        return packed

    @property
    def _ranges(self) -> Float[np.ndarray, "groups d rank"]:
        """The transforms without the coordinates in the null space."""
        return self.transforms * self.kept[:, None]

    def activations(self, z: Weights, first: int) -> PerSample:
        return self.neurons(z)[first:] @ self.x.T

    def activations_adjoint(self, v: PerSample, first: int) -> Weights:
        return ((v @ self.x)[:, None] @ self.transforms[first:])[:, 0]

    def cone_hessian(self, v: PerSample, first: int) -> Float[np.ndarray, "cones d d"]:
        rows = self._rows[first:]
        return rows.transpose(0, 2, 1) @ (v[:, :, None] * rows)

    def cone_gradient(self, v: PerSample, z: Weights, first: int) -> Weights:
        rows = self._rows[first:]
        pulled = v * (rows @ z[first:, :, None])[:, :, 0]
        return (pulled[:, None] @ rows)[:, 0]

    def block_schur(self, factors: Float[np.ndarray, "groups d d"]) -> Square:
        n = self.x.shape[0]
        schur = np.zeros((n, n))
        for g in range(self.n_groups):
            block = self.blocks[:, g]
            rows = np.flatnonzero(block.any(axis=1))
            half = factors[g] @ block[rows].T
            schur[np.ix_(rows, rows)] += half.T @ half
        return schur

    def neurons(self, z: Weights) -> Weights:
        return (self.transforms @ z[:, :, None])[:, :, 0]

    def coordinates(self, neurons: Weights) -> Weights:
        return (self.inverses @ neurons[:, :, None])[:, :, 0]

    def select(self, kept: Int[np.ndarray, " kept"]) -> "BasisGroups":
        return BasisGroups(
            self.x,
            self.masks[kept],
            self.transforms[kept],
            self.inverses[kept],
            self.kept[kept],
            self.distortions[kept],
        )

    def spectral_norms(self) -> PerGroup:
        return 1 + self.distortions

    def distortion(self) -> PerGroup:
        return self.distortions

    @cached_property
    def row_sizes(self) -> PerSample:  # pyright: ignore[reportIncompatibleMethodOverride]
        return np.linalg.norm(self.transforms, axis=2) @ np.abs(self.x).T

    def stacked(self) -> Float[np.ndarray, "groups_d n"]:
        return self.blocks.reshape(len(self.x), -1).T

    def scaled(self, factor: float) -> "BasisGroups":
        return self

    def _hidden(self, z: Weights) -> PerSample:
        return self.neurons(self.kept * z) @ self.x.T

    @cached_property
    def _rows(self) -> Float[np.ndarray, "groups n d"]:
        return self.x @ self.transforms
