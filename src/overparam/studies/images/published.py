"""Defaults of the three published scripts, in the fields of this study."""

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
