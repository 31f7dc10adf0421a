"""Defaults of the published training script, in the fields of this study."""

from ..presets import Preset


PUBLISHED: Preset = (
    (
        {},
        {
            "dataset": "mnist",
            "train": "readout",
            "readout": "sgd",
            "epochs": 1000,
            "epochs_include_first": True,
            "decay": 0.95,
            "stop_gradient_moments": True,
            "repopulate_every": 50,
            "seed": 1234,
        },
    ),
)
"""The last version of the script behind Fang, Dong, Zhang, arXiv 1910.11508."""
