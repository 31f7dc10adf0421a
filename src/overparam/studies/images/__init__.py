"""The study `images`."""

from ..declaration import Study
from .published import PROGRAMS


STUDY = Study(
    question="Does variable projection train a ResNet as well as descent?",
    citation="barboni2025",
    code=__name__,
    config="Images",
    gives=("data", "objective", "training"),
    published=PROGRAMS,
    shapes=(
        "dataset",
        "network",
        "multiplier",
        "dynamics",
        "readout",
        "batch_size",
        "epochs",
        "train_per_class",
    ),
)
