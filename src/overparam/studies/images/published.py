"""The published scripts of the study `images`, their flags and commands."""

from collections.abc import Callable, Mapping
from typing import Any

from ..published import Flag, PublishedCommand, PublishedProgram
from .config import TIME_SCALES


_SCALE = 1e-3  # Of every script; the commands of Shampoo give another, which is ours.
_BATCHES = (64, 128, 256, 512, 1024)
_COMMON: Mapping[str, Any] = {
    "readout": "running",
    "epochs": 100,
    "final_epochs": 10,
    "train_per_class": None,
    "test_per_class": None,
}
_IDLE = "It has no effect in this script; ours would act, so it is left out."


def _unless(ours: float, name: str) -> Callable[[str], Mapping[str, Any]]:
    """Our field stays at none where that means the same."""
    return lambda text: {name: None if float(text) == ours else float(text)}


def _program(
    name: str,
    dynamics: str,
    momentum: Flag,
    fields: Mapping[str, Any],
    *,
    when: Mapping[str, Any] | None = None,
    row: str = "",
) -> PublishedProgram:
    scale = TIME_SCALES[dynamics]
    penalty = "1e-2" if dynamics == "shampoo" else "1e-3"
    line = (
        f"python {name} --lmbda 1e-3 --batch_size {{}} --time_scale {scale:.0e} "
        "--momentum 0.9 --epochs 100"
    ).replace("e-0", "e-")
    return PublishedProgram(
        name=name,
        when=when,
        fields={**_COMMON, **fields},
        flags=(
            Flag(names=("--lmbda", "--lambda", "-l"), ours="penalty", default=penalty),
            Flag(names=("--batch_size", "-bs"), ours="batch_size", needed=True),
            Flag(
                names=("--time_scale", "-ts"),
                default=str(_SCALE),
                reads=_unless(scale, "time_step"),
                takes="a number",
            ),
            momentum,
            Flag(
                names=("--epochs", "-e"),
                ours="epochs",
                needed=True,
                says="10 more at half the step follow, as there.",
            ),
            Flag(names=("-p", "--progress"), words="none"),
            Flag(names=("--name",)),
        ),
        says=(
            "The published script keeps the last short batch of an epoch and has no "
            "seed.",
        ),
        rows={
            f"{row}-{b}": PublishedCommand(line=line.format(b)) for b in _BATCHES if row
        },
    )


_NAMES = ("--momentum", "-m")
_NO_MOMENTUM = Flag(names=_NAMES, says=_IDLE)
_MOMENTUM = Flag(
    names=_NAMES, default="0.9", reads=_unless(0.9, "momentum"), takes="a number"
)
_PLAIN = Flag(names=_NAMES, says="This script has no momentum.")

PROGRAMS = (
    _program("CIFAR10_VarProM.py", "varpro", _NO_MOMENTUM, {}, when={}, row="varprom"),
    _program(
        "CIFAR10_SGDM.py",
        "descent",
        _MOMENTUM,
        {"dynamics": "descent"},
        when={"dynamics": "descent"},
        row="sgdm",
    ),
    _program(
        "CIFAR10_Shampoo.py",
        "shampoo",
        _NO_MOMENTUM,
        {"dynamics": "shampoo", "shampoo": "torch-optimizer"},
        when={"dynamics": "shampoo"},
        row="shampoo",
    ),
    _program("CIFAR10_VarPro.py", "varpro", _PLAIN, {"readout": "epoch-mean"}),
    _program(
        "CIFAR10_SGD.py", "descent", _PLAIN, {"dynamics": "descent", "momentum": 0.0}
    ),
)
