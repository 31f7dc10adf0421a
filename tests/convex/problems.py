"""Random problems of the recovery study, which its tests share."""

import numpy as np

from overparam.convex import (
    Patterns,
    Program,
    convex_program,
    patterns_of,
    with_directions,
)


class Problem:
    """Gaussian inputs, one planted direction, noisy linear labels, sampled patterns."""

    def __init__(
        self,
        rng: np.random.Generator,
        n_samples: int,
        dimension: int,
        noise: float = 0.5,
    ) -> None:
        shape = (n_samples, dimension)
        self.x = rng.standard_normal(shape) / np.sqrt(n_samples)
        self.direction = rng.standard_normal(dimension)
        self.direction /= np.linalg.norm(self.direction)
        error = rng.standard_normal(n_samples) * noise / np.sqrt(n_samples)
        gates = rng.standard_normal((dimension, max(n_samples, 50)))
        self.y = self.x @ self.direction + error
        self.patterns = patterns_of(self.x, gates.T)

    def program(self, **options) -> Program:
        patterns: Patterns = options.pop("patterns", self.patterns)
        return convex_program(self.x, self.y, patterns=patterns, **options)

    def with_planted_pattern(self) -> Patterns:
        return with_directions(self.patterns, self.x, self.direction[None])


def legacy_problem(
    n_samples: int, dimension: int, seed: int, noise: float, *, last: bool = False
) -> Problem:
    """The check data of `../studies/recovery.md`, section 7."""
    problem = Problem(np.random.default_rng(seed), n_samples, dimension, noise)
    if last:
        direction = np.linalg.svd(problem.x)[2][-1]
        noiseless = problem.y - problem.x @ problem.direction
        problem.direction = direction * np.sign(direction[0])
        problem.y = problem.x @ problem.direction + noiseless
    return problem
