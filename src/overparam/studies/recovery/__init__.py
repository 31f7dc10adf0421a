"""The study `recovery`."""

from ..declaration import Study
from .published import PROGRAMS


STUDY = Study(
    question="When is the global optimum of a ReLU network the planted model?",
    citation="wang2022",
    code=__name__,
    config="Recovery",
    gives=("data", "teacher", "objective", "training"),
    published=PROGRAMS,
    timed={"method": "global"},
    shapes=("n_samples", "input_dim", "network", "program", "method", "width"),
)
