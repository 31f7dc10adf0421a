"""Lines of progress: rates of what was counted since the first report."""

import contextlib

import pytest

from overparam import progress
from overparam.progress import Reporter


def test_work_that_ends_early_says_so_and_quick_parts_have_no_line_each(
    monkeypatch, capsys
):
    monkeypatch.setattr(progress.time, "monotonic", lambda: 100.0)
    with Reporter("toy") as report:
        for done in range(8):
            report(done, 8)
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("toy: 12 % (1/8)")
    assert said[1:] == ["toy: done"]
    with contextlib.suppress(ZeroDivisionError), Reporter("toy") as report:
        report(1, 2)
        report(2, 2 // 0)
    assert "done" not in capsys.readouterr().err
    with Reporter("toy") as report:
        report(1, 2)
        report(2, 2)
    assert "done" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(20.0, "10.0 s per run"), (1.5, "0.8 s per run"), (0.02, "100 runs/s")],
)
def test_a_rate_has_digits_whatever_the_pace(monkeypatch, capsys, seconds, said):
    clock = iter([0.0] + [seconds] * 3)
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(clock))
    with Reporter("toy", unit="run") as report:
        report(0, 4)
        report(2, 4)
    assert said in capsys.readouterr().err


def test_work_that_goes_slowly_is_heard_of_every_minute(monkeypatch, capsys):
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with Reporter("toy") as report:
        for now in range(0, 300, 10):
            report(int(now), 36_000, best=2.5, bound=1.5, open=12_345)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert "best 2.5  bound 1.5  open 12,345" in lines[0]


def test_seconds_of_a_limit_have_no_pace(monkeypatch, capsys):
    clock = iter([0.0] + [20.0] * 3)
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(clock))
    with Reporter("toy", unit="second") as report:
        report(0, 40)
        report(20, 40, bound=1.5)
    assert "toy: 50 % (20/40), 20.0 s left, bound 1.5" in capsys.readouterr().err
