"""The study `images`."""

from ..declaration import Study


STUDY = Study(
    question="Does variable projection train a ResNet as well as descent?",
    citation="barboni2025",
    config="overparam.studies.images.config:Images",
    run="overparam.studies.images.run:run",
    published="overparam.studies.images.published:PUBLISHED",
    describe="overparam.studies.images.run:describe",
    data="overparam.studies.images.problem:data",
    objective="overparam.studies.images.problem:objective",
    shapes=(
        "problem",
        "network",
        "multiplier",
        "dynamics",
        "readout",
        "batch_size",
        "epochs",
        "train_per_class",
    ),
)
