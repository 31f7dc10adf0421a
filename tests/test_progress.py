"""Lines of progress: rates of what was counted since the first report."""

import pytest

from overparam import progress
from overparam.progress import Reporter


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
