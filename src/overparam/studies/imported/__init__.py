"""Networks of files, stored beside the runs of the studies."""

from ..declaration import Study


STUDY = Study(
    question="What do analyses say of a network that others trained?",
    citation="overparam",
    code=__name__,
    config="Imported",
    gives=("data", "objective"),
)
