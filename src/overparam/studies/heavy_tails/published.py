"""Defaults of the published training script, in the fields of this study."""

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
