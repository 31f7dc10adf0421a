"""What there is by name, and where it declares itself: nothing is imported for that."""

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


STUDIES: Mapping[str, str] = MappingProxyType(
    {
        "planted": "overparam.studies.planted:STUDY",
        "features": "overparam.studies.features:STUDY",
        "heavy-tails": "overparam.studies.heavy_tails:STUDY",
        "timescales": "overparam.studies.timescales:STUDY",
        "images": "overparam.studies.images:STUDY",
        "recovery": "overparam.studies.recovery:STUDY",
    }
)
"""By name, `module:name` of a `Study`; the module imports the standard library only."""

IMPORTED = "imported"
"""Under what networks of files are stored: beside the studies, and none of them."""


def load(reference: str) -> Any:
    """What `module:name` refers to."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)
