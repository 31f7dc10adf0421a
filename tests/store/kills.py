"""Kill packing at each of its steps: `kills.py ROOT VERB` exits with 0 if all is well.

A step is what Python tells its audit hooks of (to open, rename, remove, ...), and each
length that a written file passes: SQLite writes where no hook looks.
"""

import os
import resource
import shutil
import signal
import sys
from pathlib import Path

from storing import snapshot

from overparam.store import find_runs, read_run
from overparam.store.packed import NAME
from overparam.store.packing import pack, unpack


STEPS = {"open", "sqlite3.connect", "shutil.copyfile", "shutil.rmtree"}
PAGE = 4096


def killed_at(step, function, root):
    """Whether a child that does the work was killed before its `step`-th one."""
    if (child := os.fork()) == 0:
        left = step

        def hook(event, arguments):
            nonlocal left
            if event in STEPS or event.startswith("os."):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        function(root)
        os._exit(0)
    return ended(child) == signal.SIGKILL


def killed_beyond(n_bytes, function, root):
    """Whether a child was killed for a file that would be longer than this."""
    if (child := os.fork()) == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))
        function(root)
        os._exit(0)
    return ended(child) == signal.SIGXFSZ


def ended(child):
    """By which signal a child ended; one that raised ends everything."""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code > 0:
        sys.exit(f"A child exited with {code}.")
    return -code


def content(root):
    """Every run, and all that is in it."""
    runs = [read_run(path) for path in find_runs(root)]
    for run in runs:
        run.check_files(contents=True)
    return [
        (str(run.path.relative_to(root)), run.reference, run.summary) for run in runs
    ]


def main(root, verb):
    """Kill, look, go on, look."""
    function = {"pack": pack, "unpack": unpack}[verb]
    wanted, files = content(root), snapshot(root)
    trials = 0
    for killed, stride in ((killed_at, 1), (killed_beyond, PAGE)):
        for count in range(1, 10_000):
            copy = root.with_name(f"{root.name}-{killed.__name__}-{count}")
            shutil.copytree(root, copy)
            was_killed = killed(count * stride, function, copy)
            assert content(copy) == wanted, (killed.__name__, count)
            if verb == "unpack" and (copy / NAME).exists():
                unpack(copy)
                assert content(copy) == wanted
            pack(copy)
            assert content(copy) == wanted
            left = [path.name for path in copy.iterdir() if path.is_file()]
            assert sorted(left) == ["lock", "packed.sqlite"]
            assert not [path for path in copy.rglob("*/*") if path.is_file()]
            if not was_killed:
                break
            trials += 1
            shutil.rmtree(copy)
    unpack(copy)
    if verb == "pack":
        unpacked = {p.relative_to(copy): c for p, c in snapshot(copy).items()}
        assert unpacked == {p.relative_to(root): c for p, c in files.items()}
    print(trials)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
