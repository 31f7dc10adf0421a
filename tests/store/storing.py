"""A small run to store, shared by the tests of this room."""

import numpy as np

from overparam.store import RunRecord, open_run


DEFAULTS = {"width": 10, "learning_rate": 0.1, "layers": (1, 2)}


def record(**changes):
    values = {
        "status": "finished",
        "metrics": {"epoch": range(3), "risk": np.array([2.0, 1.0, np.nan])},
        "summary": {"risk": 0.5, "lost": np.int64(2)},
        "arrays": {"weights": np.arange(6.0).reshape(2, 3).T, "scalar": np.float32(3)},
        "network": ({"readout": np.ones((4, 2))}, {"class": "x:Y", "scale": 0.5}),
        "notes": ["A note."],
        "seconds": 1.5,
    }
    return RunRecord(**(values | changes))


def store(root, *, study="toy", force=False, outcome=None, **config):
    """Store one run; the folder of it."""
    with open_run(root, study, DEFAULTS | config, DEFAULTS, force=force) as run:
        if not run.finished:
            run.write(outcome or record())
        return run.path


def snapshot(root):
    """Content of every file."""
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    return {path: path.read_bytes() for path in files if path.name != "lock"}
