"""The check of speed: a probe of every study, the numbers of the pages beside it."""

import json
import os
import re
from pathlib import Path

import pytest

from overparam.cli.main import run_command
from overparam.running import speed


DOCS = Path(__file__).parents[2] / "docs"
# Where the number of a probe stands: row, column, and milliseconds in its unit.
PLACES = {
    "planted": ("overparam: records", "fastest, ms", 1),
    "features": ("Adam, 100 epochs", "seconds", 1e3 / (100 * (60_000 // 128))),
    "heavy-tails": (
        "iteration 784-1000-10, batch 5000, type 1, published way, CPU",
        "overparam (s)",
        1e3,
    ),
    "timescales": ("circle step, M = 1024; PyTorch float64", "ours, ms", 1),
    "images": ("ResNet-20", "ours, CPU", 1),
    "recovery": ("gated skip | 200 x 50", "ours", 1e3),
    "lazy": ("784-4096-10, 2000 samples", "ours, s", 1e3),
}


@pytest.fixture
def probes(monkeypatch):
    """Probes that were timed already."""
    ticks = [(0.0, 0.0), (9.0, 20.0), (11.0, 21.0), (12.0, 25.0)]
    found = {
        "first": speed.Probe("by the processor", lambda: ticks, 4, 500, "a page"),
        "second": speed.Probe("by the clock", lambda: ticks, 1, 500, "one", "wall"),
    }
    monkeypatch.setattr(speed, "PROBES", found)
    return found


def test_every_study_has_a_probe():
    documented = {page.stem.replace("_", "-") for page in DOCS.glob("studies/*.md")}
    assert set(speed.PROBES) == documented


@pytest.mark.parametrize("name", speed.PROBES)
def test_the_number_of_the_docs_stands_on_its_page(name):
    probe, (row, column, unit) = speed.PROBES[name], PLACES[name]
    lines = (DOCS / "benchmarks" / f"{probe.page}.md").read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(f"| {row}"))
    head = next(i for i in range(at, 0, -1) if not lines[i - 1].startswith("|"))
    cells = [[c.strip() for c in lines[i].split("|")] for i in (head, at)]
    number = dict(zip(*cells, strict=True))[column]
    # As many digits as the pages have.
    assert probe.docs_ms == pytest.approx(float(number) * unit, rel=5e-3)


def test_the_fastest_after_the_first_counts(probes):
    first, second = speed.reached()
    assert (first.here_ms, first.ratio) == (250.0, 0.5)
    assert (second.here_ms, second.ratio) == (1000.0, 2.0)
    assert first.compilation_s == second.compilation_s == 8.0
    assert first.peak_memory_gb > 0.01


def test_doctor_tells_it_as_a_table_and_as_json(probes, capsys):
    assert run_command(["doctor", "--speed"]) == 0
    out, err = capsys.readouterr()
    assert re.search(r"^second +by the clock +1e\+03 +500 +2\.00 +8\.0 ", out, re.M)
    assert speed.REFERENCE_MACHINE in err
    assert run_command(["doctor", "--speed", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["docs_measured_on"] == speed.REFERENCE_MACHINE
    assert [one["ratio"] for one in told["studies"]] == [0.5, 2.0]


def test_what_hinders_is_one_sentence_each(probes, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("overparam.cli.verbs.doctor.n_cores", lambda: 1)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "not there"))
    assert run_command(["doctor", "--speed"]) == 0
    told = capsys.readouterr().err
    assert "One core is usable, and the docs' numbers are of two." in told
    assert f"cannot be kept in {tmp_path / 'not there'}, so" in told
    monkeypatch.setattr("overparam.cli.verbs.doctor.n_cores", lambda: 2)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", os.fspath(tmp_path))
    assert run_command(["doctor", "--speed"]) == 0
    assert "overparam: " not in capsys.readouterr().err


@pytest.mark.slow
def test_every_probe_is_measured():
    found = {one.study: one for one in speed.reached()}
    assert found.keys() == speed.PROBES.keys()
    for one in found.values():
        assert min(one.here_ms, one.docs_ms, one.ratio, one.peak_memory_gb) > 0
        assert one.compilation_s >= 0
