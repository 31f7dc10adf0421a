"""The study `lazy`."""

from ..declaration import Study


STUDY = Study(
    question="Lazy or rich: does a network learn features, or fit by its kernel?",
    citation="chizat2019",
    code=__name__,
    config="Lazy",
    gives=("data", "teacher", "objective", "training"),
    shapes=(
        "dataset",
        "classes",
        "n_train",
        "n_test",
        "input_dim",
        "n_outputs",
        "teacher_width",
        "width",
        "depth",
        "activation",
        "train",
        "batch_size",
        "evaluate_every",
    ),
)
