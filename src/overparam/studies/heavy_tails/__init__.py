"""The study `heavy-tails`."""

from ..declaration import Study
from ..presets import Preset


PUBLISHED: Preset = (
    (
        {},
        {
            "dataset": "mnist",
            "width": 100,
            "learning_rate": 0.1,
            "batch_size": 100,
            # The script stops before step `--iterations` + 2.
            "n_steps": 100_001,
            "evaluate_every": 200,
            "noise": "none",
            "alpha": 1.9,
            "sigma": 1.0,
            "isotropic_scale": "reference",
        },
    ),
    ({"network": "vgg11-wide"}, {"noise_unit": "kernel"}),
    ({"network": "vgg11"}, {"noise_unit": "kernel"}),
)
"""Wan, Barsbey, Zaidi, Simsekli, arXiv 2306.08125."""

STUDY = Study(
    question="Does heavy-tailed noise in SGD make wide networks compressible?",
    citation="wan2024",
    code=__name__,
    config="HeavyTails",
    gives=("data", "objective", "training"),
    published=PUBLISHED,
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
