r"""Finite volumes on a periodic grid for $-\mathrm{div}(\nu \nabla p)$.

$(Lp)_i = \sum_{j \sim i} k_{ij} (p_i - p_j)$ up to sign, with the arithmetic mean of
$\nu$ over neighbouring cells as mobility: second order, symmetric, and exact in mass.
"""

import abc
import math

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from jaxtyping import Float
from scipy.linalg import get_lapack_funcs

from ..checks import at_least
from ..data.sources.circle import uniform_angles
from ..drawing import arpack_start


Field = Float[np.ndarray, " cells"]


class Grid(abc.ABC):
    """Cells, their volume, and the operator of one mobility."""

    mobility: Field
    """The density nu that is also the mobility; of integral about 1."""
    volume: float
    """Volume of a cell."""

    @abc.abstractmethod
    def apply(self, p: Field) -> Field:
        r"""$\mathrm{div}(\nu \nabla p)$."""

    @abc.abstractmethod
    def solve(self, diagonal: Field, factor: float, right: Field) -> Field:
        r"""Solve $(\text{diagonal} - a\,\mathrm{div}\,\nu\nabla)x = b$."""

    @abc.abstractmethod
    def matrix(self) -> sp.csr_matrix:
        """The operator as a sparse matrix."""

    def gap(self) -> float:
        r"""Smallest non-zero $g$ with $-\mathrm{div}(\nu\nabla q) = g\,\nu q$.

        Near $\nu$ the solution decays like $e^{-gt}$ and its energy like $e^{-2gt}$.
        """
        weight = sp.diags_array(1 / np.sqrt(self.mobility))
        operator = -(weight @ self.matrix() @ weight)
        shift = -0.01  # Below the spectrum, so that the factorisation is definite.
        values = spla.eigsh(
            sp.csc_matrix(operator),
            k=2,
            sigma=shift,
            return_eigenvectors=False,
            **arpack_start(operator.shape[0]),
        )
        return float(np.max(values))


class CircleGrid(Grid):
    """Equal cells of the circle; systems are periodic and tridiagonal.

    Example:
        ```python
        grid = op.limits.CircleGrid(op.data.CircleTeacher(gamma=10.0).density, 64)
        assert np.isclose(grid.mobility.sum() * grid.volume, 1)
        ```
    """

    def __init__(self, density, n_cells: int) -> None:
        at_least(8, cells=n_cells)
        self.angles = uniform_angles(n_cells)
        self.volume = 2 * math.pi / n_cells
        self.mobility = density(self.angles)
        ahead = np.roll(self.mobility, -1)
        self.coupling = (self.mobility + ahead) / (2 * self.volume**2)

    def apply(self, p: Field) -> Field:
        flux = np.empty_like(p)
        np.subtract(p[1:], p[:-1], out=flux[:-1])
        flux[-1] = p[0] - p[-1]
        flux *= self.coupling
        result = flux.copy()
        result[1:] -= flux[:-1]
        result[0] -= flux[-1]
        return result

    def solve(self, diagonal: Field, factor: float, right: Field) -> Field:
        # The corner entries -c are taken off by Sherman and Morrison with the vector
        # (-1, 0, ..., 0, 1), which keeps the rest positive definite.
        links = factor * self.coupling
        main = diagonal + links
        main[1:] += links[:-1]
        main[0] += links[-1]
        corner = links[-1]
        main[0] -= corner
        main[-1] -= corner
        sides = np.zeros((len(right), 2), order="F")
        sides[:, 0] = right
        sides[0, 1], sides[-1, 1] = -1, 1
        (solve,) = get_lapack_funcs(("ptsv",), (main,))
        _, _, solved, _ = solve(main, -links[:-1], sides, 1, 1, 1)
        plain, bent = solved[:, 0], solved[:, 1]
        along = (plain[-1] - plain[0]) / (1 / corner + bent[-1] - bent[0])
        return plain - along * bent

    def matrix(self) -> sp.csr_matrix:
        n = len(self.mobility)
        rows = np.arange(n)
        forward = sp.csr_matrix((self.coupling, (rows, (rows + 1) % n)), shape=(n, n))
        both = forward + forward.T
        return sp.csr_matrix(
            both - sp.diags_array(np.asarray(both.sum(axis=1)).ravel())
        )


class TorusGrid(Grid):
    """Equal square cells of the torus; systems are sparse with five entries a row.

    Example:
        ```python
        grid = op.limits.TorusGrid(lambda points: np.full(len(points), 1 / 16), 8)
        assert np.isclose(grid.mobility.sum() * grid.volume, 1)
        ```
    """

    def __init__(self, density, n_side: int, *, side: float = 4.0) -> None:
        at_least(8, cells=n_side)
        h = side / n_side
        centres = -side / 2 + h * (np.arange(n_side) + 0.5)
        x, y = np.meshgrid(centres, centres, indexing="ij")
        self.points = np.stack([x.ravel(), y.ravel()], axis=1)
        self.volume = h * h
        self.mobility = density(self.points)
        nu = self.mobility.reshape(n_side, n_side)
        index = np.arange(n_side**2).reshape(n_side, n_side)
        links = sp.csr_matrix((n_side**2, n_side**2))
        for axis in (0, 1):
            ahead, to = np.roll(nu, -1, axis), np.roll(index, -1, axis)
            weights = ((nu + ahead) / (2 * h * h)).ravel()
            links = links + sp.csr_matrix(
                (weights, (index.ravel(), to.ravel())), shape=links.shape
            )
        both = links + links.T
        degrees = np.asarray(both.sum(axis=1)).ravel()
        self._operator = sp.csr_matrix(both - sp.diags_array(degrees))

    def apply(self, p: Field) -> Field:
        return self._operator @ p

    def solve(self, diagonal: Field, factor: float, right: Field) -> Field:
        system = sp.diags_array(diagonal) - factor * self._operator
        # Conjugate gradients beat a factorisation: the diagonal dominates. Newton's
        # iteration removes what this tolerance leaves.
        scale = 1 / system.diagonal()
        solved, _ = spla.cg(
            system,
            right,
            rtol=1e-6,
            atol=0.0,
            M=sp.diags_array(scale),
            x0=right * scale,
        )
        return solved

    def matrix(self) -> sp.csr_matrix:
        return self._operator
