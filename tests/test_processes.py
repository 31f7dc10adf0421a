"""Signals at any moment: the first asks, the second ends, nothing is swallowed."""

import os
import signal
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from overparam import Findings
from overparam.cli.verbs import analyse, reproduce
from overparam.errors import Interrupted
from overparam.processes import STOP, mend_compilation_cache, noting_interrupts


INSTALLED = """
import signal, sys, time
from overparam.processes import STOP

def now():
    print("a signal may come", flush=True)

STOP.install(signal.SIGINT, signal.SIGTERM)
"""


def signalled(code, *numbers):
    """Exit code and stderr of a process that gets a signal for each line it prints."""
    process = subprocess.Popen(
        [sys.executable, "-c", INSTALLED + code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for number in numbers:
        process.stdout.readline()
        process.send_signal(number)
    _, said = process.communicate()
    return process.returncode, said


@pytest.mark.parametrize(
    ("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_what_does_not_listen_is_ended_at_once(number, expected):
    code, said = signalled("now(); time.sleep(1000)", number)
    assert code == expected
    assert said.startswith("overparam: ")
    assert said.count("\n") == 1


def test_work_that_listens_stops_by_itself():
    code, _ = signalled(
        "with STOP.listening() as stop:\n"
        "    now()\n"
        "    while stop() is None: time.sleep(.01)\n"
        "sys.exit(stop() - 100)",
        signal.SIGTERM,
    )
    assert code == 43


def test_work_that_does_not_look_is_ended_after_the_time_of_grace():
    code, _ = signalled(
        "STOP.grace = .1\nwith STOP.listening():\n    now()\n    time.sleep(1000)",
        signal.SIGTERM,
    )
    assert code == 143


def test_a_second_signal_ends_what_listens_even_in_compiled_code():
    code, _ = signalled(
        "import numpy as np\n"
        "with STOP.listening() as stop:\n"
        "    now()\n"
        "    while stop() is None: time.sleep(.01)\n"
        "    now()\n"
        "    np.linalg.svd(np.ones((20000, 20000)))\n",
        signal.SIGINT,
        signal.SIGINT,
    )
    assert code == 130


@pytest.mark.parametrize("place", ["__del__", "callback", "import"])
def test_no_place_swallows_a_signal(place, tmp_path):
    """Where Python or JAX would drop an exception a request is still heard."""
    inside = {
        "__del__": "class D:\n    def __del__(self): wait()\ndef place(): D()",
        "callback": "import weakref\nclass D: pass\n"
        "def place():\n"
        "    d = D()\n"
        "    r = weakref.ref(d, lambda _: wait())\n"
        "    del d",
        "import": "import builtins\nbuiltins.wait = lambda: wait()\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "def place():\n    try: import waits\n    except BaseException: pass",
    }[place]
    (tmp_path / "waits.py").write_text("wait()")
    code, said = signalled(
        "def wait():\n"
        "    now()\n"
        "    while STOP.exit_code is None: time.sleep(.01)\n"
        f"{inside}\n"
        "with STOP.listening() as stop:\n"
        "    place()\n"
        "    sys.exit(stop() - 100)",
        signal.SIGTERM,
    )
    assert code == 43
    assert said == ""


WAITING = """
def wait():
    now()
    while STOP.exit_code is None: time.sleep(.01)
"""


def test_a_command_that_was_nearly_done_has_the_code_of_the_request():
    """A script with several commands must not go on to its next one."""
    code, said = signalled(
        f"{WAITING}\n"
        "from overparam.cli.main import run_command\n"
        "from overparam.cli.verbs import list as verb\n"
        "def main(argv):\n"
        "    with STOP.listening(): wait()\n"
        "    return 0\n"
        "verb.main = main\n"
        "sys.exit(run_command(['list']))",
        signal.SIGTERM,
    )
    assert code == 143
    assert said == "overparam: Terminated; what is stored is kept.\n"


def test_what_follows_a_sweep_is_not_begun_after_a_request(monkeypatch, tmp_path):
    def last_job_done(*_, **__):
        STOP.exit_code = 143
        return SimpleNamespace(state=SimpleNamespace(total=1, seconds=1), failures=())

    monkeypatch.setattr(STOP, "exit_code", None)
    monkeypatch.setattr(reproduce, "run_jobs", last_job_done)
    monkeypatch.setattr(reproduce, "answer", lambda *_, **__: pytest.fail("begun"))
    with pytest.raises(Interrupted) as raised:
        reproduce.main(["planted-learning-rate", "--runs", str(tmp_path)])
    assert raised.value.exit_code == 143


def test_no_further_analysis_is_begun_after_a_request(monkeypatch):
    def analysed(name, *_):
        done.append(name)
        STOP.exit_code = 130
        return Findings(tables={}, summary={}, figures={}, notes=[]), Path()

    done = []
    monkeypatch.setattr(STOP, "exit_code", None)
    monkeypatch.setattr(analyse, "_analysed", analysed)
    with pytest.raises(Interrupted):
        analyse._every([], {"balance": None, "prune": None}, Path(), as_json=False)
    assert done == ["balance"]


def test_a_worker_that_still_imports_lives_through_an_interrupt(tmp_path):
    """The terminal sends Ctrl-C to all; the parent answers it, in one sentence."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "if '--multiprocessing-fork' in sys.orig_argv:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
    )
    task = "signal.pthread_sigmask, signal.SIG_BLOCK, ()"
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            "import signal\n"
            "from overparam.sweeping import local_workers\n"
            "[worker, _] = local_workers(2)\n"
            f"print(worker.submit({task}).result())\n"
            "worker.stop(now=True)",
        ],
        env=os.environ
        | {"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "set()\n", "no signal is held for ever"


def test_little_is_imported_before_signals_are_heard():
    """Until then Python ends by a traceback of its own."""
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "import overparam.processes\n"
        "print({'email', 'importlib.metadata', 'numpy'} & (set(sys.modules) - before))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert said.stdout == "set()\n"


class Collected:
    """Gets a signal where Python drops what is raised."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


def collect(stop):
    assert stop() is None
    Collected()
    assert stop() == 130


def insist():
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_an_interrupt_that_arrives_in_a_destructor_is_noted():
    with pytest.raises(Interrupted) as raised, noting_interrupts() as stop:
        collect(stop)
    assert raised.value.exit_code == 130
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_interrupt_is_raised_where_it_arrives():
    with pytest.raises(Interrupted), noting_interrupts():
        insist()


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda number, frame: None])
def test_handlers_of_a_user_are_left_as_they_are(handler):
    before = signal.signal(signal.SIGINT, handler)
    try:
        with noting_interrupts() as stop:
            assert signal.getsignal(signal.SIGINT) is handler
            Collected()
            assert stop() is None
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_thread_leaves_the_handlers_of_the_process():
    def handler():
        with noting_interrupts():
            return signal.getsignal(signal.SIGINT)

    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(handler).result() is signal.default_int_handler


@pytest.mark.parametrize("_", range(9))
def test_the_tests_of_a_file_run_in_one_process(_, tmp_path_factory):
    """Several would make its fixtures and compile its programs several times."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # That of all workers.
    with (folder / "processes").open("a+") as seen:
        seen.write(f"{os.getpid()}\n")
        seen.seek(0)
        assert set(seen.read().split()) == {str(os.getpid())}


def test_that_programs_cannot_be_kept_is_told_once():
    told, others = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *_: others.append(str(message))
        mend_compilation_cache(told.append)
        for program in ("jit_a", "jit_b"):
            warnings.warn(
                f"Error writing persistent compilation cache entry for '{program}': "
                "OSError: [Errno 28] No space left on device",
                stacklevel=1,
            )
        warnings.warn("Something else.", stacklevel=1)
    (sentence,) = told
    assert sentence.startswith("Compiled programs cannot be kept in `")
    assert sentence.endswith("` (No space left on device).")
    assert others == ["Something else."]
