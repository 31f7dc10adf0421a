"""The analyses by name; nothing heavy is imported until one is asked."""

from collections.abc import Mapping
from types import MappingProxyType

from ..errors import ConfigError
from ..field_values import unknown
from .balance.options import ANALYSIS as BALANCE
from .certificate.options import ANALYSIS as CERTIFICATE
from .comparison.options import ANALYSIS as COMPARE
from .declaration import Analysis
from .density.options import ANALYSIS as DENSITY
from .hessian.options import ANALYSIS as HESSIAN
from .neurons.options import ANALYSIS as NEURONS
from .pruning.options import ANALYSIS as PRUNE
from .resampling.options import ANALYSIS as RESAMPLE
from .surplus.options import ANALYSIS as SURPLUS
from .tails.options import ANALYSIS as TAILS


ANALYSES: Mapping[str, Analysis] = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            BALANCE,
            NEURONS,
            HESSIAN,
            SURPLUS,
            PRUNE,
            TAILS,
            RESAMPLE,
            COMPARE,
            CERTIFICATE,
            DENSITY,
        )
    }
)


def analysis(name: str) -> Analysis:
    """The analysis called `name`.

    Raises:
        ConfigError: If there is none.
    """
    if name not in ANALYSES:
        raise ConfigError(unknown(name, ANALYSES, what="analysis"))
    return ANALYSES[name]
