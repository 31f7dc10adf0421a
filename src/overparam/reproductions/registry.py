"""The reproductions by name; a module is imported when its reproduction is run."""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..by_name import Catalogue, load
from ..checks import written
from ..errors import ConfigError
from ..field_values import unknown


if TYPE_CHECKING:
    from .reproduction import Reproduction


COSTS = Path(__file__).with_name("costs.json")


@dataclass(frozen=True)
class Listed:
    """A reproduction in the list: its title, and where it is."""

    title: str
    made: "str | Reproduction"
    """`module:name` of it, or itself."""

    def reproduction(self) -> "Reproduction":
        """The reproduction itself."""
        return load(self.made) if isinstance(self.made, str) else self.made


REPRODUCTIONS: Catalogue[Listed] = Catalogue(
    "reproduction",
    "reproductions",
    {
        "planted-learning-rate": Listed(
            "Four learning rates on a planted teacher (exercise, part c)",
            "overparam.reproductions.planted.learning_rate:REPRODUCTION",
        ),
        "planted-width": Listed(
            "Width against success and speed at a tuned step (exercise, part d)",
            "overparam.reproductions.planted.width:REPRODUCTION",
        ),
        "planted-livni": Listed(
            "The order of Livni et al. at a small step, and why (exercise, part e)",
            "overparam.reproductions.planted.livni:REPRODUCTION",
        ),
        "heavy-tails-pruning": Listed(
            "Pruned fraction and accuracies per noise, with controls (Wan et al.)",
            "overparam.reproductions.heavy_tails.pruning:REPRODUCTION",
        ),
        "heavy-tails-width": Listed(
            "Pruned fraction against width (Wan et al.)",
            "overparam.reproductions.heavy_tails.width:REPRODUCTION",
        ),
        "heavy-tails-theorem": Listed(
            "Pruning error against width in the mean-field algorithm (Wan et al.)",
            "overparam.reproductions.heavy_tails.theorem:REPRODUCTION",
        ),
        "heavy-tails-vgg": Listed(
            "Heavy-tailed noise and filter pruning of VGG11 on CIFAR-10",
            "overparam.reproductions.heavy_tails.vgg:REPRODUCTION",
        ),
        "cifar-varpro": Listed(
            "Variable projection, SGD and Shampoo for a ResNet on CIFAR-10",
            "overparam.reproductions.images.varpro:REPRODUCTION",
        ),
        "features-random": Listed(
            "Random against learned features: accuracy against width",
            "overparam.reproductions.features.random:REPRODUCTION",
        ),
        "features-resampled": Listed(
            "Accuracy against the number of neurons kept, by way of drawing",
            "overparam.reproductions.features.resampled:REPRODUCTION",
        ),
        "features-distribution": Listed(
            "Do two over-parameterised networks learn the same neurons?",
            "overparam.reproductions.features.distribution:REPRODUCTION",
        ),
        "features-norms": Listed(
            "Histogram of the readout norms, epoch by epoch",
            "overparam.reproductions.features.norms:REPRODUCTION",
        ),
        "features-notes": Listed(
            "Every command of the notes behind Fang et al., printed and measured",
            "overparam.reproductions.features.notes:REPRODUCTION",
        ),
        "recovery-phase": Listed(
            "When a planted linear neuron is recovered (Wang et al., Figures 2, 4)",
            "overparam.reproductions.recovery.phase:REPRODUCTION",
        ),
        "timescales-width": Listed(
            "Widths on the circle, biased and unbiased penalty",
            "overparam.reproductions.timescales.width:REPRODUCTION",
        ),
        "timescales-penalty": Listed(
            "Penalties on the circle, and which limit is approached",
            "overparam.reproductions.timescales.penalty:REPRODUCTION",
        ),
        "timescales-gamma": Listed(
            "Concentrations of the teacher, and the spectral gap",
            "overparam.reproductions.timescales.gamma:REPRODUCTION",
        ),
        "timescales-two": Listed(
            "Two-timescale descent against variable projection",
            "overparam.reproductions.timescales.two:REPRODUCTION",
        ),
        "timescales-torus": Listed(
            "Radial features on the torus, biased and unbiased penalty",
            "overparam.reproductions.timescales.torus:REPRODUCTION",
        ),
        "timescales-torus-limit": Listed(
            "Particles on the torus against the ultra-fast diffusion (ours)",
            "overparam.reproductions.timescales.torus_limit:REPRODUCTION",
        ),
        "timescales-circle-animation": Listed(
            "The features on the circle move beside their diffusion (animation)",
            "overparam.reproductions.timescales.animation:CIRCLE",
        ),
        "timescales-torus-animation": Listed(
            "The features on the torus move, as places and density (animation)",
            "overparam.reproductions.timescales.animation:TORUS",
        ),
        "recovery-programs": Listed(
            "Gated against exact programme: two transitions (ours)",
            "overparam.reproductions.recovery.programs:REPRODUCTION",
        ),
        "recovery-noise": Listed(
            "Distance and test error under noise (Wang et al., Figures 7, 19-21)",
            "overparam.reproductions.recovery.noise:NOISE",
        ),
        "recovery-exact-noise": Listed(
            "Exact programmes under noise (Wang et al., cvx_train_skip)",
            "overparam.reproductions.recovery.exact_noise:REPRODUCTION",
        ),
        "recovery-designs": Listed(
            "Recovery for four input distributions (Wang et al., Figures 6, 18)",
            "overparam.reproductions.recovery.noise:DESIGN",
        ),
        "recovery-normalised": Listed(
            "Normalised neurons, k = 1, 2, 3 (Wang et al., Figures 5, 9, 10)",
            "overparam.reproductions.recovery.normalised:REPRODUCTION",
        ),
        "recovery-training": Listed(
            "Gradient training against the optimum (Wang et al., Figure 8)",
            "overparam.reproductions.recovery.training:REPRODUCTION",
        ),
        "recovery-training-phase": Listed(
            "Gradient training over n and d, under noise (Wang et al., Figure 8)",
            "overparam.reproductions.recovery.training_phase:REPRODUCTION",
        ),
        "recovery-normalised-training": Listed(
            "Gradient training of normalised networks (Wang et al., ncvx_train_normal)",
            "overparam.reproductions.recovery.training:NORMALISED",
        ),
        "lazy-width": Listed(
            "Change of kernel and weights against width (Lee et al.)",
            "overparam.reproductions.lazy.width:REPRODUCTION",
        ),
        "lazy-scale": Listed(
            "Test error against the scale of the output (Chizat et al.)",
            "overparam.reproductions.lazy.scale:REPRODUCTION",
        ),
        "lazy-mean-field": Listed(
            "Three parametrisations of one problem, from lazy to rich (ours)",
            "overparam.reproductions.lazy.mean_field:REPRODUCTION",
        ),
        "lazy-mnist": Listed(
            "Ten classes of MNIST: a network and what learns no features (ours)",
            "overparam.reproductions.lazy.mnist:REPRODUCTION",
        ),
        "recovery-global": Listed(
            "How often training and programmes reach the proven global optimum",
            "overparam.reproductions.recovery.proven:REPRODUCTION",
        ),
    },
    adopt="overparam.reproductions.registry:adopt",
)


@functools.cache
def costs() -> Mapping[str, Mapping[str, Any]]:
    """What the published size of each reproduction of ours costs, as it was measured.

    `website/costs.py` measures it.
    """
    return json.loads(COSTS.read_text())


def adopt(name: str, value: Any) -> Listed:
    """A reproduction of one's own.

    Raises:
        ConfigError: If it is none.
    """
    from .reproduction import Reproduction

    if not isinstance(value, Reproduction):
        raise ConfigError(
            f"The reproduction `{name}` must be a `Reproduction`, got {written(value)}."
        )
    return Listed(value.title, value)


def reproduction(name: str) -> "Reproduction":
    """The reproduction called `name`.

    Raises:
        ConfigError: If there is none.
    """
    if name not in REPRODUCTIONS:
        raise ConfigError(unknown(name, REPRODUCTIONS, what="reproduction"))
    return REPRODUCTIONS[name].reproduction()
