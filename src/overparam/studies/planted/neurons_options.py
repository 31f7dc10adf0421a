"""Options of the analysis `neurons`."""

from dataclasses import dataclass

from ...checks import in_range


@dataclass(frozen=True, kw_only=True)
class NeuronsOptions:
    """Which planted neurons has a student found, and which are lost?

    A teacher neuron is lost when no student neuron points its way: its largest cosine
    with them is below the threshold.

    Examples:
      overparam analyse 3f2a neurons
      overparam analyse 3f2a neurons --threshold 0.95
    """

    threshold: float = 0.99
    """Cosine from which a neuron counts as found."""

    def __post_init__(self) -> None:
        in_range(-1, 1, threshold=self.threshold)
