"""The published scripts of the study `timescales`, their flags and commands."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..published import Flag, PublishedCommand, PublishedProgram


_WIDTHS = (32, 128, 512, 1024)
_PENALTIES = ("1e-1", "1e-2", "1e-3", "1e-4")
_FLOAT32 = "The published code computes in float32, as does `--precision float32`."


_GAMMA = Flag(
    names=("--gamma",),
    default="100",
    reads=lambda text: {"gamma": "inf" if float(text) < 0 else text},
    takes="a number",
    differs={"-1": "A negative one stands for point masses, on the torus."},
)
_STEP = Flag(names=("--time_scale",), ours="time_step", default=str(2**-10))
_STEPS = Flag(names=("--epochs",), ours="n_steps", needed=True)

_FLAGS = (
    Flag(names=("--student_width",), ours="width", needed=True),
    _STEPS,
    Flag(names=("--lmbda",), ours="penalty", needed=True),
    Flag(
        names=("--lambda",),
        ours="penalty",
        stands_for="--lmbda",
        says="The published parser drops it unseen and needs `--lmbda`, which has no "
        "default there; ours takes it for that, where that is not given.",
    ),
    _GAMMA,
    Flag(names=("-N", "--N"), ours="n_samples", default="4096"),
    Flag(names=("--teacher_width",), ours="teacher_width", default="4096"),
    _STEP,
    Flag(names=("--seed",), ours="seed", default="0"),
    Flag(names=("--progress", "-p"), words="none"),
    Flag(
        names=("--saving_step",),
        says="`--records` and `--keep` say what is stored; every record has its time.",
    ),
    Flag(names=("--name",)),
)


def _line(folder: str, width: int, penalty: str, rest: str = "") -> str:
    return (
        f"python {folder}/Experiment.py --seed 0 --epochs 32000 --lambda {penalty} "
        f"--student_width {width} {rest}"
    ).rstrip()


def _experiment(
    folder: str,
    row: str,
    penalties: Iterable[str],
    fields: Mapping[str, Any],
    *,
    more: Mapping[str, PublishedCommand] | None = None,
    says: tuple[str, ...] = (),
) -> PublishedProgram:
    rows = {
        f"{row}-width-{m}": PublishedCommand(line=_line(folder, m, "1e-3"))
        for m in _WIDTHS
    }
    rows |= {
        f"{row}-penalty-{p}": PublishedCommand(line=_line(folder, 1024, p))
        for p in penalties
    }
    return PublishedProgram(
        name=f"{folder}/Experiment.py",
        flags=_FLAGS,
        fields=fields,
        rows=rows | dict(more or {}),
        says=(*says, _FLOAT32),
    )


_UNBIASED = "VarPro_ReLU_1d_unbiased"
_PAIRS = {"10": "1e-1", "100": "1e-2", "1000": "1e-3"}
_SHARPER = {
    f"unbiased-gamma-{gamma}": PublishedCommand(
        line=_line(_UNBIASED, 1024, penalty, f"--gamma {gamma}"),
        says="The published figure has the penalty 1e-4 for every gamma.",
    )
    for gamma, penalty in _PAIRS.items()
}
_TWO = {"dynamics": "two-timescale"}
_RATIO = (
    "The ratio of the two time scales is penalty / time scale, as there: 1.02 at 1e-3.",
)
_TORUS = {"problem": "torus"}
_CENTRES = {"biased": "0", "unbiased": "1"}
_MERGED = (
    Flag(
        names=("--regularization", "-r"),
        ours="centre",
        default="unbiased",
        values=_CENTRES,
    ),
    Flag(
        names=("--TwoTS",), words="none", reads=lambda text: _TWO, says=" ".join(_RATIO)
    ),
)

PROGRAMS = (
    PublishedProgram(
        name="make_diffusion.py",
        flags=(
            _STEPS,
            _GAMMA,
            Flag(names=("--grid_size",), ours="cells", default="4096"),
            _STEP,
            Flag(names=("--name",)),
        ),
        fields={"limits": ("ultra-fast",)},
        says=(
            "Here every run on the circle solves the diffusion before it trains; this "
            "is one with our default student.",
        ),
        rows={
            f"diffusion-{gamma}": PublishedCommand(
                line=f"python make_diffusion.py --epochs 32000 --gamma {gamma}"
            )
            for gamma in _PAIRS
        },
    ),
    _experiment("VarPro_ReLU_1d", "biased", _PENALTIES, {"centre": 0}),
    _experiment(_UNBIASED, "unbiased", _PENALTIES, {}, more=_SHARPER),
    _experiment("2TS_ReLU_1d_unbiased", "two", _PENALTIES[:3], _TWO, says=_RATIO),
    _experiment(
        "VarPro_convolution_2d",
        "torus-biased",
        _PENALTIES[:3],
        {**_TORUS, "centre": 0},
    ),
    _experiment(
        "VarPro_convolution_2d_unbiased", "torus-unbiased", _PENALTIES[:3], _TORUS
    ),
    # Later versions have one script for both penalties, and for both dynamics.
    PublishedProgram(
        name="VarPro_ReLU_1d/Experiment.py",
        flags=(*_FLAGS, *_MERGED),
        picked_by=("--TwoTS", *_MERGED[0].names),
        says=(_FLOAT32,),
    ),
    PublishedProgram(
        name="VarPro_convolution_2d/Experiment.py",
        flags=(*_FLAGS, _MERGED[0]),
        picked_by=_MERGED[0].names,
        fields=_TORUS,
        says=(_FLOAT32,),
    ),
)
