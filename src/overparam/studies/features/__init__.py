"""The study `features`."""

from ..declaration import Study
from .published import PROGRAMS


STUDY = Study(
    question="Are random, learned or resampled features enough, how many?",
    citation="fang2019",
    code=__name__,
    config="Features",
    gives=("data", "objective", "training"),
    published=PROGRAMS,
    # Runs of versions without the rule took the first.
    absent={"subsets": "first"},
    shapes=("dataset", "width", "n_train", "n_validation", "batch_size"),
)
