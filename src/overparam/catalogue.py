"""What `module:name` refers to; declarations name their code so and import none."""

import importlib
from typing import Any


def load(reference: str) -> Any:
    """What `module:name` refers to."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)
