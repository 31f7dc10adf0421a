r"""Units in which inputs and labels have size one, the same for every solver.

With $X = s X'$ and $y = t y'$ the weights are $t/s$ times those of the programme of
$X', y'$ with the penalty $\beta / (s t)$, and the values $t^2$ times (minimum norm:
$t/s$ times). Both units are powers of two, so that nothing is rounded on the way.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ...errors import ConfigError
from ..programs.groups import MaskedGroups
from ..programs.program import Program
from .solution import Solution


# Penalties in these units beyond which all weights are zero, and below which their
# norm is lost against the squared loss.
_LARGEST, _LEAST = 2.0**100, 2.0**-900


class Units(NamedTuple):
    """The sizes of the inputs and of the labels, powers of two."""

    inputs: float
    labels: float

    @staticmethod
    def of(program: Program) -> "Units":
        """The root mean square singular value of the inputs, the norm of the labels.

        Normalised neurons do not depend on the size of the inputs.
        """
        inputs = 1.0
        if isinstance(program.groups, MaskedGroups):
            x = program.groups.x
            inputs = _power(x, 1 / math.sqrt(min(x.shape)))
        return Units(inputs, _power(program.y, 1.0))

    def enter(self, program: Program) -> Program:
        """The programme in these units.

        Raises:
            ConfigError: If the penalty is lost against the labels.
        """
        if self == Units(1.0, 1.0):
            return program
        penalty = program.penalty
        if penalty is not None:
            penalty = min(penalty / self.inputs / self.labels, _LARGEST)
            if penalty < _LEAST:
                raise ConfigError(
                    f"`penalty` = {program.penalty:g} is lost against labels and "
                    "inputs of this size; ask for fit=minimum-norm."
                )
        return dataclasses.replace(
            program,
            groups=program.groups.scaled(self.inputs),
            y=program.y / self.labels,
            penalty=penalty,
        )

    def enter_point(self, solution: Solution) -> Solution:
        """A solution of a similar programme in these units."""
        dual = self._dual(solution.program)
        cone_dual = solution.cone_dual
        return dataclasses.replace(
            solution,
            weights=solution.weights / self._weights,
            dual=solution.dual / dual,
            cone_dual=None if cone_dual is None else cone_dual / dual,
        )

    def leave(self, solution: Solution, program: Program) -> Solution:
        """A solution in these units as one of the programme they were taken from."""
        dual = self._dual(program)
        value = self.labels * dual
        cone_dual = solution.cone_dual
        return dataclasses.replace(
            solution,
            program=program,
            weights=solution.weights * self._weights,
            dual=solution.dual * dual,
            cone_dual=None if cone_dual is None else cone_dual * dual,
            primal=solution.primal * value,
            lower=solution.lower * value,
            cone_violation=solution.cone_violation * self.labels,
        )

    @property
    def _weights(self) -> float:
        return self.labels / self.inputs

    def _dual(self, program: Program) -> float:
        return 1 / self.inputs if program.penalty is None else self.labels


def in_units(
    program: Program, solver: Callable[[Program, Units], Solution]
) -> Solution:
    """Solve a programme in its own units, and give the solution in the given ones."""
    units = Units.of(program)
    return units.leave(solver(units.enter(program), units), program)


def _power(values: np.ndarray, factor: float) -> float:
    """The power of two nearest to a norm times a factor; 1 if all values are zero."""
    largest = float(np.abs(values).max(initial=0))
    if not largest:
        return 1.0
    exponent = math.frexp(largest)[1]
    size = factor * float(np.linalg.norm(np.ldexp(values, -exponent)))
    return math.ldexp(1.0, exponent + round(math.log2(size)))
