"""The analyses by name; nothing heavy is imported until one is asked."""

from ..catalogue import ANALYSES
from ..errors import ConfigError
from ..field_values import unknown
from .declaration import Analysis


__all__ = ["ANALYSES", "analysis"]


def analysis(name: str) -> Analysis:
    """The analysis called `name`.

    Raises:
        ConfigError: If there is none.
    """
    if name not in ANALYSES:
        raise ConfigError(unknown(name, ANALYSES, what="analysis"))
    return ANALYSES[name]
