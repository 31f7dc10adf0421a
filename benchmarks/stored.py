"""Very many stored runs, cheaply: one is run, the others are copies of other seeds."""

import hashlib
import json
import os

import overparam as op
from overparam.running import jobs_of


SETTINGS = {"width": 8, "input_dim": 4, "teacher_width": 2, "epochs": 2}
SETTINGS |= {"samples_per_epoch": 20, "stop_below": 0}


def digest(content):
    """The digest that a sealed file holds of itself."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def write_runs(root, n_runs):
    """Store runs of `planted` of the seeds 0 to `n_runs` - 1, in a folder of runs."""
    source = op.run("planted", runs=root, progress=False, **SETTINGS).stored.path
    kept = [path for path in source.iterdir() if path.is_file()]
    files = {path.name: path.read_bytes() for path in kept}
    config = json.loads(files.pop("config.json"))
    status = json.loads(files.pop("status.json"))
    del status["digest"], status["schema"]
    settings = [SETTINGS | {"seed": seed} for seed in range(1, n_runs)]
    for seed, job in enumerate(jobs_of("planted", settings, root), 1):
        config["config"]["seed"] = seed
        content = json.dumps(config, indent=1).encode() + b"\n"
        stamp = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        said = status | {"run": job.id, "hashed": status["hashed"] | {"seed": seed}}
        said["files"] = said["files"] | {"config.json": stamp}
        sealed = {"schema": 2} | said | {"digest": digest(said)}
        job.path.mkdir()
        if seed % 10_000:
            for name in files:
                os.link(source / name, job.path / name)
        else:  # A file has 65,000 names at most where file systems count them.
            source = job.path
            for name, inside in files.items():
                (source / name).write_bytes(inside)
        (job.path / "config.json").write_bytes(content)
        (job.path / "status.json").write_bytes(json.dumps(sealed, indent=1).encode())
