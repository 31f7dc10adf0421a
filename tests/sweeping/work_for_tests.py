"""Work that a sweep sends to its workers: named behaviours, told apart by files.

Run as a script it is a sweep of its own: `work_for_tests.py ROOT N_JOBS ACTION...`.
"""

import os
import signal
import sys
import time
from pathlib import Path

from overparam.errors import Interrupted
from overparam.store import RunRecord, gather, open_run, read_run, run_id
from overparam.sweeping import Job, sweep


DEFAULTS = {"number": 0, "action": "finish"}


def jobs(root, actions, shapes=None):
    configs = [{"number": i, "action": action} for i, action in enumerate(actions)]
    return [
        Job(
            study="toy",
            config=config,
            root=str(root),
            id=run_id("toy", config, DEFAULTS),
            shape=shapes[i] if shapes else "",
        )
        for i, config in enumerate(configs)
    ]


def work(study, config, root):
    with open_run(root, study, config, DEFAULTS) as run:
        if run.finished:
            return read_run(run.path).status
        log(root, "start", config["number"])
        try:
            status = act(config["action"], run, Path(root))
        except ValueError as error:
            run.fail(error)
            raise
        run.write(RunRecord(status=status, summary={"square": config["number"] ** 2}))
    log(root, "end", config["number"])
    return status


def act(action, run, root):
    if action == "raise":
        raise ValueError("Asked to fail.")
    if action == "kill" or (action == "kill-once" and first_time(run.path / "killed")):
        os.kill(os.getpid(), signal.SIGKILL)
    if action == "wait":
        until((root / "go").exists)
    if action == "checkpoint":
        stop_at_checkpoint(run, root)
    return "diverged" if action == "diverge" else "finished"


def stop_at_checkpoint(run, root):
    """As a study does it: a signal is a request, obeyed after a checkpoint."""
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
    (root / "listening").touch()
    while not (root / "go").exists():
        if asked:
            (run.checkpoints / "kept").touch()
            raise Interrupted("Stopped after a checkpoint.")
        time.sleep(0.01)


def first_time(marker):
    if marker.exists():
        return False
    marker.touch()
    return True


def log(root, event, number):
    line = f"{event} {number} {os.getpid()}\n"
    descriptor = os.open(Path(root) / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def events(root, event):
    """(number, process) of every logged event of a kind."""
    path = Path(root) / "log"
    lines = path.read_text().splitlines() if path.exists() else []
    fields = [line.split() for line in lines]
    return [(int(number), int(pid)) for kind, number, pid in fields if kind == event]


def until(condition):
    while not condition():
        time.sleep(0.01)


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def started(root, n):
    return lambda: len(events(root, "start")) >= n


def stored(root):
    frame = gather(root).frame
    return {run["number"]: run["status"] for run in frame.to_dicts()}


if __name__ == "__main__":
    # Worker processes do not import a script, and find its functions in modules only.
    from work_for_tests import work as importable

    made = jobs(sys.argv[1], sys.argv[3:])
    result = sweep(made, work=importable, n_jobs=int(sys.argv[2]))
    sys.exit(4 if result.failures else 0)
