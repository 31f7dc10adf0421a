"""The study `timescales`."""

from ..declaration import Study
from .published import PROGRAMS


STUDY = Study(
    question="How fast are features learned under a nearly optimal readout?",
    citation="barboni2025",
    code=__name__,
    config="Timescales",
    gives=("data", "teacher", "objective", "training", "limit"),
    published=PROGRAMS,
    shapes=(
        "problem",
        "feature",
        "width",
        "n_samples",
        "data",
        "dynamics",
        "inner",
        "inner_steps",
        "solver",
        "n_steps",
        "records",
    ),
)
