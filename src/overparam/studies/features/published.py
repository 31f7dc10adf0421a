"""The published script of the study `features`, its flags and its commands."""

import dataclasses
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from ..published import Flag, PublishedCommand, PublishedProgram


def _width(text: str) -> Mapping[str, Any]:
    width, _, classes = text.partition(",")
    if int(classes or 10) != 10:
        raise ValueError
    return {"width": int(width)}


def _penalties(text: str) -> Mapping[str, Any]:
    feature, readout = map(float, text.split(","))
    return {"feature_penalty": feature, "readout_penalty": readout}


def _epoch(text: str) -> Mapping[str, Any]:
    name = PurePosixPath(text).name
    return {"epoch": 0 if name == "init" else int(name.removeprefix("epoch")) + 1}


_STORED = (
    Flag(
        names=("--save_weight_dir",),
        says="Runs are stored and named by their fields; nothing is overwritten.",
    ),
    Flag(names=("--save_log_dir",)),
    Flag(names=("--gpu",), default="-1"),
    Flag(names=("--x_dim",)),
    Flag(names=("--nclass",)),
    Flag(names=("--mode",)),
    Flag(names=("--epoch_id",)),
)
_LOAD = "--load_weight_dir"
_WIDTHS = "the width of one hidden layer and the ten classes, as 1000,10"
_TRAIN = {"all": "all", "lst": "readout"}

_SCRIPT = PublishedProgram(
    name="mnist_train.py",
    fields={"dataset": "mnist", "readout": "adam", "epochs_include_first": True},
    flags=(
        Flag(
            names=("--num_hidden",),
            default="1000,10",
            reads=_width,
            takes=_WIDTHS,
        ),
        Flag(
            names=("--weight_decay",),
            default="0.001,0.1",
            reads=_penalties,
            takes="the penalties of both layers, as 0.001,0.1",
        ),
        Flag(names=("--activation",), ours="activation", default="tanh"),
        Flag(names=("--lr",), ours="learning_rate", default="1e-3"),
        Flag(names=("--decay",), ours="decay", default="0.95"),
        Flag(names=("--num_epoches",), ours="epochs", default="1000"),
        Flag(names=("--batch_size",), ours="batch_size", default="128"),
        Flag(names=("--train",), ours="train", default="lst", values=_TRAIN),
        Flag(
            names=("--first_train",),
            default="0",
            reads=lambda text: {"first_all": 4 if int(text) else 0},
            takes="0 or 1",
            says="The first 4 of the epochs train all layers.",
            differs={"0": ""},
        ),
        Flag(
            names=("--seed",),
            ours="seed",
            default="1234",
            says="The published seed is NumPy's only; ours is of everything.",
        ),
        *_STORED,
    ),
    # What has no effect stays as it is here, so that such runs are one run.
    depends=(({"train": "all"}, {"first_all": 0, "readout": "logistic"}),),
    says=(
        "The published evaluation leaves out the last short batch; what it prints as "
        '"Test" from 10 September 2019 on is on training images.',
        "From 12 September 2019 on the script fits readouts by SGD and draws neurons "
        "anew every 50 epochs: `overparam run features --as-published`.",
    ),
)

_LAST = dataclasses.replace(
    _SCRIPT,
    name="mnist_train.py (12 September 2019)",
    when={},
    depends=(),
    fields={
        **_SCRIPT.fields,
        "readout": "sgd",
        "stop_gradient_moments": True,
        "repopulate_every": 50,
    },
)

_DECAYS = "Steps shrink by it in every epoch, by 0.95 without it; ours stay."

_DRAW = PublishedProgram(
    name="mnist_train.py",
    verb="analyse",
    subject=("RUN", "resample"),
    picked_by=(_LOAD,),
    fields={"sampling": ("squared",), "n_fit": 55_000, "readout": ("adam",)},
    flags=(
        Flag(
            names=("--num_hidden",),
            default="1000,10",
            reads=lambda text: {"n_features": (_width(text)["width"],)},
            takes=_WIDTHS,
        ),
        Flag(
            names=(_LOAD,),
            reads=_epoch,
            takes="a folder that ends with `init` or `epoch` and a number",
            says="RUN is the run of the folder; its epochs count from 0, ours from 1, "
            "and are kept with `--keep`.",
        ),
        Flag(names=("--lr",), ours="learning_rate", default="1e-3"),
        Flag(names=("--num_epoches",), ours="epochs", default="1000"),
        Flag(names=("--batch_size",), ours="batch_size", default="128"),
        Flag(
            names=("--decay",),
            default="0.95",
            reads=lambda text: {},
            says=_DECAYS,
            differs={"0.95": _DECAYS, "1": "", "1.0": ""},
        ),
        *(
            Flag(names=(name,))
            for name in ("--weight_decay", "--activation", "--train", "--first_train")
        ),
        Flag(names=("--seed",), ours="seed", default="1234"),
        *_STORED,
    ),
    says=(
        "The published command makes one draw, ours 20, with their interval.",
        "Readouts have a penalty of 1e-4 (`--ridge`), none there; `--readout logistic "
        "adam` solves them exactly too.",
    ),
)


def _row(  # The notes differ in these only.
    width: int, penalties: str, mode: str, epochs: int, rest: str = "", says: str = ""
) -> PublishedCommand:
    line = (
        f"python mnist_train.py --num_hidden {width},10 --weight_decay {penalties} "
        f"--lr 1e-3 --decay 1.0 --num_epoch {epochs} --train {mode} {rest}"
    )
    return PublishedCommand(line=line.rstrip(), says=says)


def _ten(folder: str, source: str, says: str = "") -> PublishedCommand:
    told = f"RUN is the run of {source}. {says}".rstrip()
    return _row(10, "0.0,0.0", "lst", 100, f"{_LOAD} mnist-10000{folder}", told)


PROGRAMS = (
    dataclasses.replace(
        _SCRIPT,
        rows={
            "1": PublishedCommand(
                line="python mnist_train.py --num_hidden 10000,10 "
                "--weight_decay 0.0,0.0 --lr 1e-3"
            ),
            "2": _row(1000, "0.001,0.1", "all", 100),
            "3": _row(100, "0.001,0.2", "all", 100),
            "4": _row(10000, "0.0,0.0", "lst", 100),
            "6": _row(10000, "0.001,0.1", "lst", 100),
            "7": _row(10000, "0.0001,0.01", "lst", 100),
            "9": _row(10000, "0.001,1.0", "all", 100, says='Marked "fake".'),
            "11": _row(10000, "0.001,10.0", "all", 100),
            "14": _row(10000, "0.001,0.1", "all", 100),
            "15": _row(10000, "0.0,0.0", "lst", 400),
            "16": _row(1000, "0.0,0.0", "lst", 500),
            "17": _row(10000, "0.001,10.0", "all", 100),
            "19": _row(10000, "0.001,1.0", "all", 100),
            "22": _row(
                10000,
                "0.001,0.1",
                "lst",
                400,
                says="The notes say that the first 4 epochs train all layers; the "
                "command does not: add `--first-all 4`.",
            ),
            "24": _row(10000, "0.0001,1.0", "all", 100),
            "25": _row(1000, "0.001,0.1", "lst", 100, "--first_train 1"),
            "26": _row(1000, "0.001,0.1", "all", 100, "--first_train 1 --seed 5555"),
        },
    ),
    dataclasses.replace(
        _DRAW,
        rows={
            "5": _ten("/epoch99", "row 4"),
            "8": _ten("-wz1/epoch99", "row 7"),
            "10": _ten("-w1/epoch99", "row 9"),
            "12": _ten("-w10/epoch99", "row 11"),
            "13": _ten("-w10-fix/epoch99", "row 17"),
            "18": _ten("-w10-fix/epoch20", "row 17"),
            "20": _ten("-wz1-fix/epoch3", "row 14"),
            "21": _ten("-w0-lst-fix/epoch99", "row 15"),
            "23": _ten(
                "-f-lst-fix/epoch99",
                "row 22 with `--first-all 4`",
                "No listed command writes this folder.",
            ),
        },
    ),
    _LAST,
)
