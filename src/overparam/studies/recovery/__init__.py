"""The study `recovery`."""

from ..declaration import Study


STUDY = Study(
    question="When is the global optimum of a ReLU network the planted model?",
    citation="wang2022",
    config="overparam.studies.recovery.config:Recovery",
    run="overparam.studies.recovery.run:run",
    describe="overparam.studies.recovery.run:describe",
    data="overparam.studies.recovery.problem:data",
    teacher="overparam.studies.recovery.problem:teacher",
    objective="overparam.studies.recovery.problem:objective",
    shapes=("n_samples", "input_dim", "network", "program", "method", "width"),
)
