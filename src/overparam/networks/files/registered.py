"""The classes that a stored network may be made of, by stable names.

A stored description is data: it names a class of the catalogue, and nothing else of the
package, or of any other, can be reached from a file.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import equinox as eqx

from ...by_name import place_of
from ...catalogue import NETWORKS
from ...errors import ConfigError
from .declared import declared_fields


_FORMER: Mapping[str, str] = MappingProxyType(
    {
        "overparam.networks.vgg:VGG": "vgg",
        "overparam.networks.resnet:ResNet": "resnet",
        "overparam.networks.resnet:Block": "resnet-block",
        "overparam.networks.resnet:Shortcut": "resnet-shortcut",
        "overparam.networks.batch_norm:BatchNorm": "batch-norm",
        "overparam.networks.batch_norm:Moments": "moments",
        "overparam.convex.gated_network:GatedTwoLayer": "gated-two-layer",
        "overparam.studies.recovery.network:SkipNeuron": "skip-neuron",
    }
)
"""Names by places where classes were: a stored file may say any of them."""

_PLACES = {place: name for name, place in NETWORKS.built_in.items()}


def name_of(kind: type[Any]) -> str:
    """The stored name of a class; its place if it is not registered."""
    place = place_of(kind)
    return _PLACES.get(place) or _own_name(place) or place


def class_named(name: Any) -> type[Any] | None:
    """The class of a stored name or place; `None` if there is none."""
    if not isinstance(name, str):
        return None
    name = _FORMER.get(name) or _PLACES.get(name) or _own_name(name) or name
    return NETWORKS.get(name)


def _own_name(place: str) -> str | None:
    """The name under which a class that is not built in is registered."""
    found = (name for name in NETWORKS.brought() if place == place_of(NETWORKS[name]))
    return next(found, None)


def adopt(name: str, value: Any) -> type[eqx.Module]:
    """A class of one's own whose fields a description can hold.

    Raises:
        ConfigError: If it is none.
    """
    if not (isinstance(value, type) and issubclass(value, eqx.Module)):
        raise ConfigError(
            f"The network `{name}` must be a class of networks or equinox modules, got "
            f"{value!r}."
        )
    declared_fields(value)
    return value
