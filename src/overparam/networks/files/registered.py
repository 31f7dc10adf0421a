"""The classes that a stored network may be made of, by stable names.

A stored description is data: it names a class of this table, and nothing else of the
package can be reached from a file.
"""

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


CLASSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "two-layer": ("overparam.networks.two_layer:TwoLayer",),
        "normalised-two-layer": ("overparam.networks.two_layer:NormalisedTwoLayer",),
        "standardised-two-layer": (
            "overparam.networks.standardised:StandardisedTwoLayer",
        ),
        "threshold-relu": ("overparam.networks.threshold:ThresholdReLU",),
        "radial-features": ("overparam.networks.radial:RadialFeatures",),
        "linear-readout": ("overparam.networks.linear:LinearReadout",),
        "mlp": ("overparam.networks.deep:MLP",),
        "vgg": (
            "overparam.networks.convolutional.vgg:VGG",
            "overparam.networks.vgg:VGG",
        ),
        "normalised-vgg": ("overparam.networks.convolutional.vgg:NormalisedVGG",),
        "resnet": (
            "overparam.networks.convolutional.resnet:ResNet",
            "overparam.networks.resnet:ResNet",
        ),
        "resnet-block": (
            "overparam.networks.convolutional.resnet:Block",
            "overparam.networks.resnet:Block",
        ),
        "resnet-shortcut": (
            "overparam.networks.convolutional.resnet:Shortcut",
            "overparam.networks.resnet:Shortcut",
        ),
        "batch-norm": (
            "overparam.networks.convolutional.batch_norm:BatchNorm",
            "overparam.networks.batch_norm:BatchNorm",
        ),
        "moments": (
            "overparam.networks.convolutional.batch_norm:Moments",
            "overparam.networks.batch_norm:Moments",
        ),
        "gated-two-layer": (
            "overparam.networks.gated:GatedTwoLayer",
            "overparam.convex.gated_network:GatedTwoLayer",
        ),
        "biased": ("overparam.networks.biased:Biased",),
        "skip-neuron": (
            "overparam.networks.skip_neuron:SkipNeuron",
            "overparam.studies.recovery.network:SkipNeuron",
        ),
    }
)
"""Per stored name, where its class is, then where it was: stored files say either."""

_NAMES = {place: name for name, places in CLASSES.items() for place in places}


def name_of(kind: type[Any]) -> str:
    """The stored name of a class; its place if it is none of ours."""
    place = f"{kind.__module__}:{kind.__qualname__}"
    return _NAMES.get(place, place)


def class_named(name: Any) -> type[Any] | None:
    """The class of a stored name or former place; `None` if there is none."""
    if not isinstance(name, str):
        return None
    places = CLASSES.get(_NAMES.get(name, name))
    if places is None:
        return None
    module, _, attribute = places[0].partition(":")
    return getattr(importlib.import_module(module), attribute)
