"""What there is by name, and where it declares itself: nothing is imported for that.

Beside what is built in there is what a program registers, and what installed packages
bring by entry points, which are read for listings and for unknown names only.
"""

from typing import TYPE_CHECKING, Any

from .by_name import Catalogue, load
from .checks import written
from .errors import ConfigError


if TYPE_CHECKING:
    from collections.abc import Callable

    from .analysis.declaration import Analysis
    from .studies.declaration import Study


IMPORTED = "imported"
"""Under what networks of files are stored: beside the studies, and none of them."""


STUDIES: "Catalogue[Study]" = Catalogue(
    "study",
    "studies",
    {
        name: f"overparam.studies.{name.replace('-', '_')}:STUDY"
        for name in (
            "planted",
            "features",
            "heavy-tails",
            "timescales",
            "images",
            "recovery",
            "lazy",
        )
    },
    adopt="overparam.studies.declaration:adopt",
    # Folders beside those of runs.
    reserved=("analyses", "reproductions", "sweeps", IMPORTED),
)
"""The questions; the module of one imports the standard library only."""

ANALYSES: "Catalogue[Analysis]" = Catalogue(
    "analysis",
    "analyses",
    {
        name: f"overparam.analysis.{folder}.options:ANALYSIS"
        for name, folder in (
            ("balance", "balance"),
            ("neurons", "neurons"),
            ("lazy", "lazy"),
            ("hessian", "hessian"),
            ("surplus", "surplus"),
            ("prune", "pruning"),
            ("tails", "tails"),
            ("resample", "resampling"),
            ("compare", "comparison"),
            ("certificate", "certificate"),
            ("density", "density"),
        )
    },
    adopt="overparam.analysis.declaration:adopt",
    reserved=("all",),
)
"""What is asked of networks, likewise."""

ACTIVATIONS: "Catalogue[Callable[..., Any]]" = Catalogue(
    "activation",
    "activations",
    {
        # Its derivative at 0 is 0, the convention of every study here; that of
        # `jnp.maximum(z, 0)` would be 0.5.
        "relu": "jax.nn:relu",
        "leaky-relu": "overparam.networks.activations:leaky_relu",
        "tanh": "jax.numpy:tanh",
        "sigmoid": "jax.nn:sigmoid",
        "erf": "jax.scipy.special:erf",
        "gelu": "jax.nn:gelu",
        "exact-gelu": "overparam.networks.activations:exact_gelu",
        "linear": "overparam.networks.activations:linear",
    },
    adopt="overparam.networks.activations:adopt",
)
"""Functions of the neurons.

Example:
    `assert op.networks.ACTIVATIONS["relu"](-1.0) == 0`
"""

NETWORKS: "Catalogue[type[Any]]" = Catalogue(
    "network",
    "networks",
    {
        name: f"overparam.networks.{place}"
        for name, place in (
            ("two-layer", "two_layer:TwoLayer"),
            ("normalised-two-layer", "two_layer:NormalisedTwoLayer"),
            ("standardised-two-layer", "standardised:StandardisedTwoLayer"),
            ("threshold-relu", "threshold:ThresholdReLU"),
            ("radial-features", "radial:RadialFeatures"),
            ("linear-readout", "linear:LinearReadout"),
            ("mlp", "deep:MLP"),
            ("vgg", "convolutional.vgg:VGG"),
            ("normalised-vgg", "convolutional.vgg:NormalisedVGG"),
            ("resnet", "convolutional.resnet:ResNet"),
            ("resnet-block", "convolutional.resnet:Block"),
            ("resnet-shortcut", "convolutional.resnet:Shortcut"),
            ("batch-norm", "convolutional.batch_norm:BatchNorm"),
            ("moments", "convolutional.batch_norm:Moments"),
            ("gated-two-layer", "gated:GatedTwoLayer"),
            ("biased", "biased:Biased"),
            ("skip-neuron", "skip_neuron:SkipNeuron"),
        )
    }
    | {"linearised": "overparam.limits.kernels.linearised:Linearised"},
    adopt="overparam.networks.files.registered:adopt",
)
"""The classes that a stored network may be made of, by the names it is stored under."""

KINDS = {
    "study": "overparam.catalogue:STUDIES",
    "analysis": "overparam.catalogue:ANALYSES",
    "reproduction": "overparam.reproductions.registry:REPRODUCTIONS",
    "dataset": "overparam.data.own.registered:DATASETS",
    "network": "overparam.catalogue:NETWORKS",
    "activation": "overparam.catalogue:ACTIVATIONS",
}
"""By kind, where its catalogue is."""


def catalogue(kind: str) -> Catalogue[Any]:
    """The catalogue of a kind."""
    return load(KINDS[kind])


def register(
    name: str,
    /,
    *,
    study: Any = None,
    analysis: Any = None,
    reproduction: Any = None,
    dataset: Any = None,
    network: Any = None,
    activation: Any = None,
) -> None:
    """Make something of one's own known by a name, in this process and its workers.

    Args:
        name: Lower-case letters, digits and hyphens.
        study: A `Study`.
        analysis: An `Analysis`.
        reproduction: A `Reproduction`.
        dataset: A function without arguments that gives the data.
        network: A class of networks, or of equinox modules that networks hold, so that
            stored ones can be read back.
        activation: A function of arrays, entry by entry.

    Raises:
        ConfigError: If the name is taken or cannot be used, or the thing is not what
            it should be.

    Example:
        ```python
        op.register("square", activation=lambda z: z**2)
        net = op.two_layer(3, 8, 1, activation="square", key=key)
        assert jnp.allclose(net.features(x), (x @ net.weights) ** 2, atol=1e-5)
        ```
    """
    given = {
        "study": study,
        "analysis": analysis,
        "reproduction": reproduction,
        "dataset": dataset,
        "network": network,
        "activation": activation,
    }
    things = {kind: thing for kind, thing in given.items() if thing is not None}
    if not things:
        raise ConfigError(
            f"There is nothing to register as {written(name)}: give one of "
            f"{', '.join(given)}."
        )
    for kind, thing in things.items():
        catalogue(kind).register(name, thing)
