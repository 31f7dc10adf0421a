"""Signals at any moment: the first asks, the second ends, nothing is swallowed."""

import signal
import subprocess
import sys

import pytest


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
