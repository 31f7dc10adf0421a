"""The functions of the exercise behind the study `planted`, and its calls."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from ...checks import written
from ...errors import ConfigError
from ..published import Flag, PublishedCommand, PublishedProgram


def _data(text: str) -> Mapping[str, Any]:
    """A name says nothing of the data; what is built in its place is not read."""
    if not text.isidentifier():
        raise ConfigError(
            f"`ds` must be a name, got {written(text)}; give our command the data by "
            "`--input-dim`, `--n-outputs`, `--teacher-width` and `--teacher-seed`."
        )
    return {}


_SEED = Flag(
    names=("seed",),
    ours="seed",
    default="1904",
    says="Theirs seeds one generator of students and samples; ours gives each a key.",
)
_DS = Flag(
    names=("ds",),
    reads=_data,
    needed=True,
    says="The teacher has the seed 2019 of the listing, and our sizes.",
)
_RATE = "The rate is halved every 50 epochs, as there."
_LISTING = "The listing says D = 100; its printed output is of D = 150, our default."

PROGRAMS = (
    PublishedProgram(
        name="SynthPlantedDataset()",
        verb="describe",
        flags=(
            Flag(names=("N",), ours="samples_per_epoch", needed=True),
            Flag(names=("D",), ours="input_dim", needed=True),
            Flag(names=("n",), ours="n_outputs", needed=True),
            Flag(names=("r0",), ours="teacher_width", needed=True),
            Flag(names=("seed",), ours="teacher_seed", default="2019"),
        ),
        says=(_LISTING,),
        rows={"a": PublishedCommand(line="SynthPlantedDataset(10000, 100, 10, 60)")},
    ),
    PublishedProgram(
        name="test_synth_ds()",
        verb="describe",
        flags=(dataclasses.replace(_DS, names=("loader",)),),
        fields={"teacher_seed": 2019},
        says=("Beside means of batches ours has the exact one.",),
    ),
    PublishedProgram(
        name="SingleLayerNet()",
        flags=(),
        instead="it makes a network; `overparam run planted --width r` makes one and "
        "trains it, and `overparam.two_layer` of Python makes one alone.",
    ),
    PublishedProgram(
        name="train_single_layer_net()",
        flags=(
            _DS,
            Flag(names=("r",), ours="width", needed=True),
            Flag(names=("init_lr",), ours="learning_rate", needed=True),
            Flag(names=("batch_size",), ours="batch_size", default="100"),
            Flag(names=("epochs",), ours="epochs", default="100"),
            Flag(names=("init_scale",), ours="init_scale", default="0.1"),
            _SEED,
        ),
        fields={"teacher_seed": 2019},
        says=(_RATE,),
    ),
    PublishedProgram(
        name="run_experiment()",
        verb="sweep",
        flags=(
            Flag(names=("rs",), ours="width", needed=True),
            Flag(names=("init_lrs",), ours="learning_rate", needed=True),
            Flag(names=("batch_sizes",), ours="batch_size", needed=True),
            Flag(names=("epochs",), ours="epochs", default="500"),
            Flag(names=("init_scale",), ours="init_scale", default="0.1"),
        ),
        fields={"seed": 1904, "teacher_seed": 2019},
        says=(_RATE,),
        rows={
            "c": PublishedCommand(
                line="run_experiment([120], [1e-4, 1e-3, 1e-2, 1e-1], [10], epochs=20)"
            ),
            "d": PublishedCommand(
                line="run_experiment([60, 120, 240, 480], [0.1], [10], epochs=200)"
            ),
            "e": PublishedCommand(
                line="run_experiment([60, 120, 240, 480], [0.001], [100], epochs=200, "
                "init_scale=1.0)"
            ),
        },
    ),
)
