"""The study `planted`."""

from ..declaration import Study


STUDY = Study(
    question="Does width help to recover a planted teacher?",
    citation="livni2014",
    config="overparam.studies.planted.config:Planted",
    run="overparam.studies.planted.run:run",
    describe="overparam.studies.planted.run:describe",
    data="overparam.studies.planted.problem:data",
    teacher="overparam.studies.planted.problem:teacher",
    objective="overparam.studies.planted.problem:objective",
    training="overparam.studies.planted.problem:training",
    shapes=(
        "input_dim",
        "n_outputs",
        "teacher_width",
        "width",
        "activation",
        "input_decay",
        "batch_size",
        "samples_per_epoch",
        "train",
        "dynamics",
        "optimiser",
        "penalty_form",
        "balance_every",
    ),
    # These runs see the same samples, which are drawn once.
    batchable=("learning_rate", "init_scale", "readout_rate", "stop_below"),
    run_together="overparam.studies.planted.run:run_together",
)
