import contextlib
import os
import signal
import subprocess
import sys
import types
from collections import Counter

import pytest
import work_for_tests
from work_for_tests import events, is_alive, jobs, started, stored, until, work

from overparam.errors import ConfigError, OverparamError
from overparam.sweeping import cluster_workers, sweep


pytest.importorskip("distributed")

LOOPBACK = ["--host", "127.0.0.1", "--no-dashboard"]


@contextlib.contextmanager
def process(*command):
    """A process group that ends with the block."""
    folder = os.path.dirname(work_for_tests.__file__)
    environment = os.environ | {"PYTHONPATH": folder}
    child = subprocess.Popen(
        command, start_new_session=True, env=environment, stderr=subprocess.DEVNULL
    )
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


@pytest.fixture
def dask(tmp_path):
    """A scheduler and two workers on loopback: its address and its process."""
    file = tmp_path / "scheduler.json"
    module = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker"]
    with contextlib.ExitStack() as processes:
        scheduler = processes.enter_context(
            process(*module, *LOOPBACK, "--port", "0", "--scheduler-file", str(file))
        )
        until(file.exists)
        settings = ["--nworkers", "2", "--nthreads", "1", "--no-dashboard"]
        processes.enter_context(
            process(*worker, "--scheduler-file", str(file), *settings)
        )
        with cluster_workers(f"dask:{file}", n_jobs=2):
            until(lambda: n_workers(file) == 2)
        yield f"dask:{file}", scheduler


def n_workers(file):
    with cluster_workers(f"dask:{file}") as workers:
        return len(workers)


def begin(cluster, root, actions):
    code = (
        "import sys; from work_for_tests import *\n"
        "from overparam.sweeping.clusters import cluster_workers\n"
        "cluster, root, *actions = sys.argv[1:]\n"
        "with cluster_workers(cluster) as workers:\n"
        "    result = sweep(jobs(root, actions), work=work, workers=workers)\n"
        "sys.exit(4 if result.failures else 0)"
    )
    return process(sys.executable, "-c", code, cluster, str(root), *actions)


def test_results_are_those_of_this_process(tmp_path, dask):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    actions = ["finish", "raise", "diverge", "finish", "finish"]
    expected = sweep(jobs(here, actions), work=work)
    with cluster_workers(dask[0]) as workers:
        result = sweep(jobs(there, actions), work=work, workers=workers)
    assert result.statuses == expected.statuses
    (failure,) = result.failures
    assert failure.sentence.startswith("ValueError: Asked to fail; its traceback is in")
    assert stored(there) == stored(here)
    assert os.getpid() not in {pid for _, pid in events(there, "start")}


def test_a_killed_worker_costs_no_run(tmp_path, dask):
    with begin(dask[0], tmp_path, ["wait", "wait", "finish"]) as client:
        until(started(tmp_path, 2))
        os.kill(events(tmp_path, "start")[0][1], signal.SIGKILL)
        until(started(tmp_path, 3))
        (tmp_path / "go").touch()
        assert client.wait() == 0
    assert stored(tmp_path) == dict.fromkeys(range(3), "finished")
    ends = Counter(number for number, _ in events(tmp_path, "end"))
    assert ends == dict.fromkeys(range(3), 1)


@pytest.mark.slow
def test_a_run_that_kills_every_worker_fails_and_the_rest_goes_on(tmp_path, dask):
    with cluster_workers(dask[0]) as workers:
        todo = jobs(tmp_path, ["kill", "finish", "finish"])
        result = sweep(todo, work=work, workers=workers)
    assert result.statuses == {"finished": 2, "failed": 1}
    assert [failure.job.id for failure in result.failures] == [todo[0].id]


def test_a_killed_scheduler_is_one_sentence_and_the_rest_is_done_later(tmp_path, dask):
    cluster, scheduler = dask
    actions = ["finish", "wait", "wait"]

    def kill(state):
        if state.done == 1 and scheduler.poll() is None:
            until(started(tmp_path, 3))
            scheduler.kill()

    with cluster_workers(cluster) as workers:
        todo = jobs(tmp_path, actions)
        with pytest.raises(OverparamError, match=r"executor is lost.*same command"):
            sweep(todo, work=work, workers=workers, report=kill)
    assert stored(tmp_path)[0] == "finished"
    (tmp_path / "go").touch()
    assert sweep(jobs(tmp_path, actions), work=work).statuses == {"finished": 3}
    ends = Counter(number for number, _ in events(tmp_path, "end"))
    assert ends == dict.fromkeys(range(3), 1)


def test_a_killed_client_loses_nothing_and_the_same_command_finishes(tmp_path, dask):
    actions = ["finish", "wait", "wait", "finish"]
    with begin(dask[0], tmp_path, actions) as client:
        until(started(tmp_path, 3))
        client.kill()
        client.wait()
    with begin(dask[0], tmp_path, actions) as client:
        (tmp_path / "go").touch()
        assert client.wait() == 0
    assert stored(tmp_path) == dict.fromkeys(range(4), "finished")
    ends = Counter(number for number, _ in events(tmp_path, "end"))
    assert ends == dict.fromkeys(range(4), 1)


@pytest.mark.slow
def test_a_cluster_and_this_machine_share_a_folder(tmp_path, dask):
    actions = ["wait"] * 2 + ["finish"] * 4
    with begin(dask[0], tmp_path, actions) as client:
        until(started(tmp_path, 2))
        with process(
            sys.executable, work_for_tests.__file__, str(tmp_path), "1", *actions
        ) as other:
            until(started(tmp_path, 6))
            (tmp_path / "go").touch()
            assert client.wait() == other.wait() == 0
    starts = Counter(number for number, _ in events(tmp_path, "start"))
    assert starts == dict.fromkeys(range(6), 1)


def test_no_process_outlives_its_block(tmp_path):
    with process(sys.executable, "-c", "import time; time.sleep(1000)") as child:
        assert is_alive(child.pid)
    assert not is_alive(child.pid)


SBATCH = """#!/bin/sh
# Runs the job at once, as a cluster that is idle; the caller removes its script.
script=$(mktemp)
cp "$1" "$script"
setsid sh "$script" >/dev/null 2>&1 &
echo $! >> "$JOBS"
echo "Submitted batch job $!"
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A SLURM of one machine: `sbatch` and `scancel` as scripts."""
    dask = pytest.importorskip("dask")
    pytest.importorskip("dask_jobqueue")
    started = tmp_path / "started"
    started.touch()
    for name, text in {
        "sbatch": SBATCH,
        "scancel": '#!/bin/sh\nkill -- -"$1"\n',
    }.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("JOBS", str(started))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    options = {
        "cores": 1,
        "memory": "1GB",
        "scheduler-options": {
            "host": "127.0.0.1",
            "dashboard": False,
            "dashboard_address": "127.0.0.1:0",  # Other tests may have the usual one.
        },
    }
    with dask.config.set(
        {"jobqueue.slurm": dask.config.get("jobqueue.slurm") | options}
    ):
        yield started
    for group in started.read_text().split():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(group), signal.SIGKILL)


@pytest.mark.slow
def test_slurm_starts_workers_that_do_the_runs(tmp_path, slurm):
    with cluster_workers("slurm", n_jobs=2) as workers:
        result = sweep(jobs(tmp_path, ["finish"] * 4), work=work, workers=workers)
    assert result.statuses == {"finished": 4}
    assert slurm.read_text()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("dask", "must be dask:ADDRESS, dask:SCHEDULER_FILE.json or slurm, got 'dask'"),
        ("pbs", "got 'pbs'"),
        ("dask:nowhere.json", "no scheduler file `nowhere.json`"),
        ("slurm", "needs `--jobs N`"),
    ],
)
def test_a_cluster_that_does_not_exist_is_one_sentence(text, sentence):
    with pytest.raises(ConfigError, match=sentence), cluster_workers(text):
        pass


def test_a_scheduler_that_does_not_answer_is_one_sentence(monkeypatch):
    monkeypatch.setattr("overparam.sweeping.clusters._SECONDS_TO_CONNECT", 0.2)
    # Port 1 of loopback is reserved and closed.
    with (
        pytest.raises(OverparamError, match="No Dask scheduler answers at"),
        cluster_workers("dask:tcp://127.0.0.1:1"),
    ):
        pass


@pytest.mark.parametrize(
    ("text", "module", "remedy"),
    [
        ("dask:tcp://127.0.0.1:1", "distributed", r"pip install 'overparam\[dask\]'"),
        ("slurm", "dask_jobqueue", "pip install dask-jobqueue"),
    ],
)
def test_a_missing_extra_is_one_sentence(monkeypatch, text, module, remedy):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=remedy), cluster_workers(text, n_jobs=1):
        pass


def test_a_machine_without_slurm_is_one_sentence(monkeypatch):
    library = types.SimpleNamespace(SLURMCluster=None)
    monkeypatch.setitem(sys.modules, "dask_jobqueue", library)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match="no `sbatch` here"):
        cluster_workers("slurm", n_jobs=1).__enter__()


def test_a_worker_of_several_threads_is_one_sentence(tmp_path):
    file = tmp_path / "scheduler.json"
    module = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--no-dashboard"]
    where = ["--scheduler-file", str(file)]
    with process(*module, *LOOPBACK, "--port", "0", *where):
        until(file.exists)
        with process(*worker, *where, "--nthreads", "2"), cluster_client(file) as seen:
            until(lambda: seen.nthreads())
            with pytest.raises(ConfigError, match="start them with --nthreads 1"):
                cluster_workers(f"dask:{file}").__enter__()


def cluster_client(file):
    from distributed import Client

    return Client(scheduler_file=str(file), set_as_default=False)


def test_a_killed_scheduler_logs_no_traceback_of_dask(tmp_path, dask):
    cluster, scheduler = dask
    code = (
        "import sys; from work_for_tests import *\n"
        "from overparam.sweeping.clusters import cluster_workers\n"
        "with cluster_workers(sys.argv[1], n_jobs=2) as workers:\n"
        "    sweep(jobs(sys.argv[2], ['wait'] * 2), work=work, workers=workers)\n"
    )
    folder = os.path.dirname(work_for_tests.__file__)
    client = subprocess.Popen(
        [sys.executable, "-c", code, cluster, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([folder, *sys.path])},
        stderr=subprocess.PIPE,
        text=True,
    )
    until(started(tmp_path, 2))
    scheduler.kill()
    _, said = client.communicate()
    assert "executor is lost" in said
    # Our own error is the only one that nobody took.
    assert "distributed.client" not in said


def test_a_cluster_without_a_worker_says_so_and_goes_on_when_one_comes(tmp_path):
    file = tmp_path / "scheduler.json"
    module = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--no-dashboard"]
    alive = []
    with contextlib.ExitStack() as processes:
        where = ["--scheduler-file", str(file)]
        processes.enter_context(process(*module, *LOOPBACK, "--port", "0", *where))
        until(file.exists)

        def report(state):
            if not state.alive and not alive:
                processes.enter_context(process(*worker, *where, "--nthreads", "1"))
            alive.append(state.alive)

        with cluster_workers(f"dask:{file}") as workers:
            result = sweep(
                jobs(tmp_path, ["finish"]), work=work, workers=workers, report=report
            )
    assert result.statuses == {"finished": 1}
    assert not alive[0]
