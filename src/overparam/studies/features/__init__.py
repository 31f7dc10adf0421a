"""The study `features`."""

from ..declaration import Study
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

STUDY = Study(
    question="Are random, learned or resampled features enough, how many?",
    citation="fang2019",
    code=__name__,
    config="Features",
    gives=("data", "objective", "training"),
    published=PUBLISHED,
    # Runs of versions without the rule took the first.
    absent={"subsets": "first"},
    shapes=("dataset", "width", "n_train", "n_validation", "batch_size"),
)
