"""The study `heavy-tails`."""

from ..declaration import Study
from .published import PROGRAMS


STUDY = Study(
    question="Does heavy-tailed noise in SGD make wide networks compressible?",
    citation="wan2024",
    code=__name__,
    config="HeavyTails",
    gives=("data", "objective", "training"),
    published=PROGRAMS,
    absent={"subsets": "first"},
    published_tables={
        "prune": "overparam.studies.heavy_tails.reference:reference_table"
    },
    shapes=(
        "dataset",
        "labels",
        "n_train",
        "n_test",
        "network",
        "multiplier",
        "width",
        "depth",
        "bias",
        "activation",
        "batch_size",
        "evaluate_every",
        "parametrisation",
        "noise",
        "noise_layers",
    ),
)
