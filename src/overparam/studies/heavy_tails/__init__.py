"""The study `heavy-tails`."""

from ..declaration import Study


STUDY = Study(
    question="Does heavy-tailed noise in SGD make wide networks compressible?",
    citation="wan2024",
    config="overparam.studies.heavy_tails.config:HeavyTails",
    run="overparam.studies.heavy_tails.run:run",
    published="overparam.studies.heavy_tails.published:PUBLISHED",
    describe="overparam.studies.heavy_tails.run:describe",
    data="overparam.studies.heavy_tails.problem:data",
    objective="overparam.studies.heavy_tails.problem:objective",
    training="overparam.studies.heavy_tails.problem:training",
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
