"""What is recorded of an answer: all of it as it was written, or nothing."""

import json
import re

import polars as pl
import pytest

import overparam as op
from overparam.running.keeping import keep_answer
from record import record
from results import RECORDS


@pytest.fixture
def runs(tmp_path):
    """A store with one run and an answer made from it."""
    run = op.run(
        "planted", width=2, epochs=1, samples_per_epoch=10, runs=tmp_path / "runs"
    )
    facts = {"title": "t", "source": "s", "study": "planted", "scale": "laptop"}
    claim = {"sentence": "a", "published": "b", "measured": "c", "holds": True}
    facts |= {"claims": [claim], "runs": [run.stored.reference]}
    path = tmp_path / "runs" / "reproductions" / "planted-width" / "laptop"
    tables = {"width": pl.DataFrame({"width": [2]})}
    keep_answer(path / "claims.json", facts, tables, {})
    return tmp_path / "runs"


def answer(runs):
    return runs / "reproductions" / "planted-width" / "laptop"


def test_claims_and_the_files_that_they_are_of_are_recorded(runs, tmp_path):
    (answer(runs) / "of-another-version.csv").write_text("width\n3\n")
    (path,) = record(runs, tmp_path / "records")
    content = json.loads(path.read_text())
    assert content["made"]["runs"] == 1
    assert content["claims"][0]["holds"] is True
    assert [each.name for each in path.with_suffix("").iterdir()] == ["width.csv"]


def test_what_is_not_the_answer_as_it_was_written_is_not_recorded(runs, tmp_path):
    records = tmp_path / "records"
    table = answer(runs) / "width.csv"
    whole = table.read_text()
    table.write_text(whole.replace("2", "3"))
    with pytest.raises(SystemExit, match=r"width\.csv.*Reproduce it again"):
        record(runs, records)
    table.unlink()
    with pytest.raises(SystemExit, match="Reproduce it again"):
        record(runs, records)
    table.write_text(whole)
    (run,) = runs.glob("planted/*/status.json")
    told = json.loads((answer(runs) / "claims.json").read_text())["runs"]
    assert run.parent.name in told[0]["run"]
    run.write_text(run.read_text() + "\n")
    with pytest.raises(SystemExit, match="Reproduce it again"):
        record(runs, records)
    assert not list(records.iterdir())


def test_every_recorded_number_has_its_interval_or_says_why_it_has_none():
    claims = [
        (path.stem, claim["measured"])
        for path in RECORDS.glob("*.*.json")
        for claim in json.loads(path.read_text())["claims"]
    ]
    told = re.compile(r"\[\S+, \S+\]|\(no interval: .+\)")
    assert [claim for claim in claims if not told.search(claim[1])] == []
    assert len(claims) > 200
