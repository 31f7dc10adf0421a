"""The published programs of the study `heavy-tails`, their flags and commands."""

from ..published import Flag, PublishedCommand, PublishedProgram


_NOISE = {"0": "none", "1": "shared", "2": "entrywise", "3": "isotropic"}
_DATA = {
    "mnist": "mnist",
    "cifar10": "cifar-10",
    "cifar100": "cifar-100",
    "ecg5000": "ecg5000",
}
_UNSCALED = "On a CPU the published noise lacks its factor of the step size."
_LEVELS = {
    "mce": {"errors": (0.0, 0.1), "ratios": ()},
    "parameter_ratio": {"errors": (), "ratios": tuple(k / 10 for k in range(11))},
}

_MAIN = PublishedProgram(
    name="main.py",
    when={},
    fields={"noise_unit": "kernel"},
    depends=(
        ({"network": "mlp"}, {"noise_unit": "filter"}),
        ({"noise": "isotropic"}, {"isotropic_scale": "reference"}),
    ),
    flags=(
        Flag(
            names=("--dataset",),
            ours="dataset",
            default="mnist",
            values=_DATA,
            differs={
                "ecg5000": "How its five classes became two is published nowhere; see "
                "`--labels` and `--split`."
            },
        ),
        Flag(names=("--path",)),
        Flag(
            names=("--model",),
            ours="network",
            default="fcn",
            values={"fcn": "mlp", "vgg11_wide": "vgg11-wide"},
        ),
        Flag(names=("--width",), ours="width", default="100"),
        Flag(names=("--depth",), ours="depth", default="2"),
        Flag(
            names=("--activation",),
            default="relu",
            reads=lambda text: {"activation": "relu" if text == "relu" else "sigmoid"},
            says="Whatever is not relu is the sigmoid there.",
        ),
        Flag(
            names=("--criterion",),
            ours="loss",
            default="NLL",
            values={"NLL": "cross-entropy", "linear_hinge": "hinge"},
            differs={
                "linear_hinge": "It does not exist there; ours is that of Crammer and "
                "Singer."
            },
        ),
        Flag(names=("--lr",), ours="learning_rate", default="0.1"),
        Flag(
            names=("--alpha",),
            ours="decay_exponent",
            default="0.0",
            says="It is the exponent of the decay, not the tail index; the published "
            "noise keeps the first step size while the rate decays.",
        ),
        Flag(names=("--mom",), ours="momentum", default="0"),
        Flag(names=("--wd",), ours="penalty", default="0"),
        Flag(
            names=("--batch_size_train", "-b"),
            ours="batch_size",
            default="100",
            says="A last short batch is dropped here and kept there.",
        ),
        Flag(names=("--batch_size_eval",)),
        Flag(
            names=("--iterations",),
            default="100000",
            reads=lambda text: {"n_steps": int(text) + 1},
            takes="a whole number",
            says="The published loop makes one step more than it is told.",
        ),
        Flag(
            names=("--eval_freq",),
            ours="evaluate_every",
            default="200",
            says="It looks after steps 1, F + 1, 2 F + 1, ..., ours after F, 2 F, ...",
        ),
        Flag(
            names=("--convergence_method",),
            ours="stop_when",
            default="custom",
            values={"custom": "target", "none": "never", "dataset": "interpolation"},
        ),
        Flag(
            names=("--convergence_accuracy",),
            default="95",
            reads=lambda text: {"target_train_accuracy": float(text) / 100},
            takes="a number of per cent",
            says="It is in per cent, ours a fraction.",
        ),
        Flag(
            names=("--convergence_loss",),
            default="inf",
            reads=lambda text: {
                "max_train_loss": None if float(text) == float("inf") else float(text)
            },
            takes="a number",
        ),
        Flag(names=("--convergence_extra_iters",)),
        Flag(
            names=("--iterate_noise",),
            ours="noise",
            default="0",
            values=_NOISE,
            says=_UNSCALED,
            differs={
                "0": "",
                "1": f"{_UNSCALED} At index 2 it is N(0, 1) there and N(0, 2) here.",
            },
        ),
        Flag(names=("--iterate_noise_alpha",), ours="alpha", default="1.9"),
        Flag(names=("--iterate_noise_scale",), ours="sigma", default="1.0"),
        Flag(
            names=("--iterate_noise_filter", "--inf"),
            words="none",
            reads=lambda text: {"noise_unit": "filter"},
            says="Types 2 and 3 ignore it there; ours honours it for types 1 and 3.",
        ),
        Flag(
            names=("--iterate_noise_bias",),
            words="none",
            says="It stops the published program; here patterns of `--noise-layers` "
            "may name biases.",
        ),
        Flag(names=("--iterate_noise_lr_rescaling",), words="none"),
        Flag(
            names=("--seed",),
            ours="seed",
            default="0",
            says="The published seed is that of PyTorch alone, and of no noise.",
        ),
        Flag(
            names=("--save_dir",),
            says="Runs are stored and named by their fields; nothing is overwritten.",
        ),
        Flag(names=("--no_cuda",), words="none"),
        Flag(names=("--script", "--experiment_script", "-s"), words="several"),
    ),
    rows={
        "readme": PublishedCommand(
            line="python main.py --iterate_noise 1 --iterate_noise_scale 0.003 "
            "--iterate_noise_alpha 1.75 --model fcn --width 5000 --depth 2 --dataset "
            "mnist --lr 0.01 --batch_size_train 5000 --save_dir "
            "results/mnist_experiment --seed 1 --eval_freq 100 "
            "--convergence_accuracy 95",
        )
    },
)

_ANALYZE = PublishedProgram(
    name="analyze.py",
    verb="analyse",
    subject=("RUN", "prune"),
    flags=(
        Flag(
            names=("--pruning_type", "-t"),
            ours="part",
            default="kernel",
            values={"kernel": "kernel", "filter": "filter"},
        ),
        Flag(
            names=("--pruning_criterion", "-c"),
            default="mce",
            reads=_LEVELS.__getitem__,
            takes=" or ".join(_LEVELS),
        ),
        Flag(
            names=("--compression_error_metric", "-m"),
            ours="metric",
            default="fro_squared",
            values={"fro_squared": "squared", "frob": "plain"},
        ),
        Flag(
            names=("--ignore_last_layer", "-i"),
            words="none",
            says="Both ratios, with and without the last layer, are in the table.",
        ),
        Flag(
            names=("--drop_constant_columns", "-d"),
            words="none",
            says="The table keeps all of its columns.",
        ),
        Flag(
            names=("--results_folder", "-r"),
            says="Ours takes runs, or a folder of runs.",
        ),
        Flag(
            names=("--k_most_recent", "-k"),
            says="Name the runs that are meant.",
        ),
        Flag(
            names=("--pruning_file", "-f"),
            says="Levels are given by `--errors` and `--ratios`, for all runs.",
        ),
        Flag(names=("--prev_results_file", "-p")),
    ),
    says=("The published table is `reference.csv` beside ours.",),
    rows={
        "readme-pruning": PublishedCommand(
            line="python analyze.py --results_folder results/mnist_experiments "
            "--pruning_criterion mce --ignore_last_layer --pruning_type filter"
        )
    },
)

PROGRAMS = (_MAIN, _ANALYZE)
