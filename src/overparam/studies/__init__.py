"""The questions: one frozen config and one `run(config, context)` each."""

from .registry import STUDIES as STUDIES
from .registry import Study as Study
from .registry import study as study
