"""Options of the analysis `neurons`."""

from dataclasses import dataclass

from ...checks import at_least, in_range
from ..declaration import Analysis


@dataclass(frozen=True, kw_only=True)
class NeuronsOptions:
    """Which planted neurons has a student found, and which are lost?

    A teacher neuron is lost when no student neuron points its way: its largest cosine
    with them is below the threshold. A run with `--keep` shows it at several
    epochs.

    Examples:
      overparam analyse 3f2a neurons
      overparam analyse 3f2a neurons --threshold 0.95
      overparam analyse 3f2a neurons --epochs 0 10 50
    """

    threshold: float = 0.99
    """Cosine from which a neuron counts as found."""

    epochs: tuple[int, ...] = ()
    """Epochs to draw, the nearest kept students; empty for four, evenly spaced."""

    def __post_init__(self) -> None:
        for epoch in self.epochs:
            at_least(0, epochs=epoch)
        in_range(-1, 1, threshold=self.threshold)


ANALYSIS = Analysis(
    name="neurons",
    question="Which planted neurons has a student found, which are lost?",
    options=NeuronsOptions,
    code="overparam.analysis.neurons.analyse",
)
