"""The study `features`."""

from ..declaration import Study


STUDY = Study(
    question="Are random, learned or resampled features enough, how many?",
    citation="fang2019",
    config="overparam.studies.features.config:Features",
    run="overparam.studies.features.run:run",
    describe="overparam.studies.features.run:describe",
    published="overparam.studies.features.published:PUBLISHED",
    data="overparam.studies.features.problem:data",
    objective="overparam.studies.features.problem:objective",
    # Runs of versions without the rule took the first.
    absent={"subsets": "first"},
    shapes=("dataset", "width", "n_train", "n_validation", "batch_size"),
)
