"""Values as a person reads them, and as a browser sorts them."""

import json
import math
from collections.abc import Mapping
from datetime import date
from typing import Any

from ..errors import StoreError
from ..store.read import StoredRun
from .markup import Markup, tag


def shown(value: Any) -> str:
    """A value as a person reads it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else str(value)
    if isinstance(value, tuple | list):
        return ", ".join(shown(item) for item in value)
    if isinstance(value, Mapping):
        return json.dumps(value)
    return str(value)


def cell(value: Any, *, name: str = "td") -> Markup:
    """A cell of a table; a number keeps the digits that are not shown."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    text = shown(value)
    exact = f"{value:.9g}" if number else None
    return tag(
        name,
        text,
        class_="number" if number else None,
        data_value=exact if exact != text else None,
    )


def environment_of(run: StoredRun) -> Mapping[str, Any]:
    """Where and with what a run was made; nothing where that is damaged."""
    try:
        return run.environment
    except StoreError:
        return {}


def day_of(run: StoredRun) -> date | None:
    """The day on which a run was made, where it tells."""
    try:
        return date.fromisoformat(str(environment_of(run).get("date"))[:10])
    except ValueError:
        return None


def canonical_text(value: Any) -> str:
    """Text that is equal for equal values, whatever their type."""
    return json.dumps(value, sort_keys=True, default=str)
