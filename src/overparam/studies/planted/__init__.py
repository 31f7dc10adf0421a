"""The study `planted`."""

from ..declaration import Study
from .published import PROGRAMS


STUDY = Study(
    question="Does width help to recover a planted teacher?",
    citation="livni2014",
    code=__name__,
    config="Planted",
    gives=("data", "teacher", "objective", "training"),
    published=PROGRAMS,
    shapes=(
        "input_dim",
        "n_outputs",
        "teacher_width",
        "width",
        "activation",
        "input_decay",
        "batch_size",
        "samples_per_epoch",
        "train",
        "dynamics",
        "optimiser",
        "penalty_form",
        "balance_every",
    ),
    # These runs see the same samples, which are drawn once.
    batchable=("learning_rate", "init_scale", "readout_rate", "stop_below"),
)
