"""The study `images`."""

from ..declaration import Study
from ..presets import Preset


PUBLISHED: Preset = (
    (
        {},
        {
            "readout": "running",
            "shampoo": "torch-optimizer",
            "epochs": 100,
            "final_epochs": 10,
            "train_per_class": None,
            "test_per_class": None,
        },
    ),
    ({"dynamics": "shampoo"}, {"penalty": 1e-2}),
)
"""Barboni, Peyré, Vialard, arXiv 2504.18208; `dynamics` names the script."""

STUDY = Study(
    question="Does variable projection train a ResNet as well as descent?",
    citation="barboni2025",
    code=__name__,
    config="Images",
    gives=("data", "objective", "training"),
    published=PUBLISHED,
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
