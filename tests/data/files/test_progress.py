import io

import pytest

from overparam.data.files.progress import report_on_stderr


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def told(stderr: io.StringIO, monkeypatch, *, total: int, size: int) -> str:
    monkeypatch.setattr("sys.stderr", stderr)
    report = report_on_stderr()
    for done in range(size // 50, size + 1, size // 50):
        report("file.gz", done, total)
    return stderr.getvalue()


def test_a_log_gets_a_plain_line_every_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    text = told(io.StringIO(), monkeypatch, total=5_000_000, size=5_000_000)
    lines = text.splitlines()
    assert len(lines) == 11
    assert lines[-1] == "downloading file.gz: 5.0 of 5.0 MB, 100 %"
    assert "\r" not in text


def test_a_terminal_gets_one_line_that_renews_itself(monkeypatch) -> None:
    text = told(Terminal(), monkeypatch, total=5_000_000, size=5_000_000)
    assert text.count("\r") == 50
    assert text.index("\n") == len(text) - 1


def test_without_a_known_size_megabytes_are_counted(monkeypatch) -> None:
    text = told(io.StringIO(), monkeypatch, total=0, size=50_000_000)
    assert text.splitlines()[-1] == "downloading file.gz: 50.0 MB"
    assert len(text.splitlines()) == 6
