"""The teacher that runs of `planted` and of `lazy` plant."""

from ..data.sources.planted import teacher
from ..keys import purpose_key
from ..networks.two_layer import TwoLayer
from .lazy.config import Lazy
from .planted.config import Planted


def planted_teacher(config: Planted | Lazy) -> TwoLayer:
    """Drawn by `teacher_seed`, which is `seed` unless it is given."""
    seed = config.seed if config.teacher_seed is None else config.teacher_seed
    return teacher(
        config.input_dim,
        config.teacher_width,
        config.n_outputs,
        activation=config.activation,
        dtype=config.precision,
        key=purpose_key(seed, "teacher"),
    )
