"""The study `timescales`."""

from ..declaration import Study


STUDY = Study(
    question="How fast are features learned under a nearly optimal readout?",
    citation="barboni2025",
    config="overparam.studies.timescales.config:Timescales",
    run="overparam.studies.timescales.run:run",
    describe="overparam.studies.timescales.run:describe",
    data="overparam.studies.timescales.problem:data",
    teacher="overparam.studies.timescales.problem:teacher",
    objective="overparam.studies.timescales.problem:objective",
    shapes=(
        "problem",
        "feature",
        "width",
        "n_samples",
        "data",
        "dynamics",
        "inner",
        "inner_steps",
        "solver",
        "n_steps",
        "records",
    ),
)
