import json
import math

import numpy as np
import polars as pl
import pytest
from storing import DEFAULTS, record, store

from overparam.errors import ConfigError, StoreError
from overparam.store import find_runs, gather, open_run, table, write_table
from overparam.store.packing import pack
from overparam.store.tables import columns_of, gather_runs


def test_a_row_per_run_with_config_outcome_and_place(tmp_path):
    paths = {width: store(tmp_path, width=width) for width in (1, 2, 3)}
    frame = table(tmp_path).sort("width")
    assert frame.height == 3
    row = frame.to_dicts()[1]
    assert row["path"] == str(paths[2])
    assert row["id"] == paths[2].name
    assert (row["study"], row["status"], row["attempt"]) == ("toy", "finished", 1)
    assert (row["width"], row["learning_rate"], row["layers"]) == (2, 0.1, [1, 2])
    assert (row["risk"], row["lost"], row["seconds"]) == (0.5, 2, 1.5)
    assert frame.schema["width"] == pl.Int64


def test_a_config_field_may_have_the_name_of_a_column(tmp_path):
    config = DEFAULTS | {"seconds": 7.0, "path": "mine", "error": 2}
    with open_run(tmp_path, "toy", config, config) as run:
        run.write(record())
    (row,) = table(tmp_path).to_dicts()
    assert (row["config.seconds"], row["config.path"]) == (7.0, "mine")
    assert row["config.error"] == 2
    assert (row["seconds"], row["path"]) == (1.5, str(run.path))
    assert "error" not in row


def test_a_row_per_record(tmp_path):
    for width in (1, 2):
        store(tmp_path, width=width)
    frame = table(tmp_path, metrics="records")
    assert frame.height == 2 * 3
    assert frame.filter(pl.col("width") == 2)["epoch"].to_list() == [0, 1, 2]
    # `risk` is the name of a summary and of a column of the metrics.
    assert frame["risk"].to_list()[:2] == [2.0, 1.0]
    assert frame["summary.risk"].unique().to_list() == [0.5]


def test_a_name_may_be_a_field_of_one_study_and_a_record_of_another(tmp_path):
    store(tmp_path, study="one", outcome=record(summary={"risk": 3.0}))
    config = DEFAULTS | {"risk": 7.0}
    with open_run(tmp_path, "other", config, config) as run:
        run.write(record(summary={"risk": 4.0}))
    frame = table(tmp_path, metrics="records")
    told = frame.select("study", "risk", "summary.risk").unique().sort("study").rows()
    assert told == [("one", None, 3.0), ("other", 7.0, 4.0)]
    assert frame["metrics.risk"].head(2).to_list() == [2.0, 1.0]


def test_a_failed_run_has_a_row_and_no_records(tmp_path):
    store(tmp_path, width=1)
    with open_run(tmp_path, "toy", DEFAULTS | {"width": 2}, DEFAULTS) as run:
        run.fail(ValueError("No."))
    rows = {row["width"]: row for row in table(tmp_path).to_dicts()}
    assert (rows[2]["status"], rows[2]["error"], rows[2]["risk"]) == (
        "failed",
        "No.",
        None,
    )
    assert set(table(tmp_path, metrics="records")["width"]) == {1}


def test_runs_that_cannot_be_read_are_listed_and_warned_of(tmp_path):
    good = store(tmp_path, width=1)
    damaged = store(tmp_path, width=2)
    (damaged / "summary.json").write_text("{}")
    with open_run(tmp_path, "toy", DEFAULTS | {"width": 3}, DEFAULTS) as unfinished:
        pass
    gathered = gather(tmp_path)
    assert gathered.frame["path"].to_list() == [str(good)]
    reasons = {run.path: run.reason for run in gathered.unreadable}
    assert reasons.keys() == {damaged, unfinished.path}
    assert "summary.json" in reasons[damaged]
    assert "not finished" in reasons[unfinished.path]
    with pytest.warns(UserWarning, match="2 runs are not in the table"):
        table(tmp_path)


def test_a_run_with_unreadable_records_is_listed_and_shifts_no_row(tmp_path):
    for width in (1, 2, 3):
        metrics = {"w": np.full(2, width)}
        path = store(tmp_path, width=width, outcome=record(metrics=metrics))
        if width == 2:
            (path / "metrics.parquet").write_bytes(b"")
    gathered = gather(tmp_path, metrics="records")
    assert len(gathered.unreadable) == 1
    assert gathered.frame["w"].to_list() == gathered.frame["width"].to_list()


def test_the_latest_stored_attempt_counts(tmp_path):
    store(tmp_path)
    second = store(tmp_path, force=True)
    with open_run(tmp_path, "toy", DEFAULTS, DEFAULTS, force=True):
        pass
    assert table(tmp_path)["path"].to_list() == [str(second)]
    assert gather(tmp_path, attempts="all").frame["attempt"].to_list() == [1, 2]
    assert table([second])["attempt"].to_list() == [2]


def test_studies_are_told_apart_and_combined(tmp_path):
    store(tmp_path, study="one")
    store(tmp_path, study="other", layers="all", width=2.5)
    assert table(tmp_path, study="one")["study"].to_list() == ["one"]
    both = table(tmp_path).sort("study")
    assert both["width"].to_list() == [10.0, 2.5]
    # Mixed kinds become text rather than an error.
    assert both["layers"].to_list() == ["[1, 2]", "all"]


def test_columns_that_only_some_runs_have_are_filled_with_nothing(tmp_path):
    store(tmp_path, width=1, outcome=record(summary={"a": 1}, metrics={"x": [1]}))
    store(tmp_path, width=2, outcome=record(summary={"b": 2.5}, metrics={"y": [1.5]}))
    rows = {row["width"]: row for row in table(tmp_path).to_dicts()}
    assert (rows[1]["a"], rows[1]["b"]) == (1, None)
    assert (rows[2]["a"], rows[2]["b"]) == (None, 2.5)
    records = {r["width"]: r for r in table(tmp_path, metrics="records").to_dicts()}
    assert (records[1]["x"], records[1]["y"]) == (1, None)


def test_columns_are_what_each_row_has_of_a_name():
    rows = [{"a": 1, "b": 2}, {}, {"c": None, "a": 3}, {"b": [4]}, {"a": 5, "c": "x"}]
    names = ("a", "b", "c")
    expected = {name: [row.get(name) for row in rows] for name in names}
    assert columns_of(rows) == expected
    assert [*columns_of(rows)] == [*names]
    assert columns_of([]) == {}


def test_a_table_says_what_the_files_say_on_disk_and_packed(tmp_path):
    for width in range(1, 6):
        store(tmp_path, width=width)
    odd = record(summary={"risk": math.inf, "only_here": 2**70, "lost": None})
    store(tmp_path, width=6, outcome=odd)
    store(tmp_path, study="other", outcome=record(summary={"few": 1e-300}))
    expected = []
    for path in find_runs(tmp_path):
        said = {
            name: json.loads((path / f"{name}.json").read_text())
            for name in ("config", "summary", "status")
        }
        values = said["config"]["config"] | said["summary"]["summary"]
        place = {"study": path.parent.name, "id": path.name, "path": str(path)}
        ended = {name: said["status"][name] for name in ("status", "seconds")}
        expected.append(values | ended | place)
    # What JSON has no number for, and no column.
    (row,) = (row for row in expected if "only_here" in row)
    row |= {"risk": math.inf, "only_here": str(2**70)}
    names = dict.fromkeys(name for row in expected for name in row)
    for _ in ("on disk", "packed"):
        rows = gather(tmp_path).frame.select(*names).to_dicts()
        assert rows == [{name: row.get(name) for name in names} for row in expected]
        pack(tmp_path)
    assert not (tmp_path / "toy" / row["id"]).exists()


def test_runs_without_a_table_are_those_of_the_table(tmp_path):
    paths = [store(tmp_path, width=width) for width in range(1, 6)]
    store(tmp_path, study="other")
    (paths[0] / "summary.json").write_text("{}")
    (paths[1] / "config.json").unlink()
    paths[2].rename(tmp_path / "other" / paths[2].name)
    for study in (None, "toy", "other", "lazy"):
        gathered = gather(tmp_path, study=study)
        runs, unreadable = gather_runs(tmp_path, study=study)
        assert (runs, unreadable) == ([*gathered.runs], [*gathered.unreadable])


def test_an_empty_folder_gives_an_empty_table(tmp_path):
    assert table(tmp_path).is_empty()
    assert table(tmp_path, metrics="records").is_empty()
    with pytest.raises(StoreError, match="no folder of runs"):
        table(tmp_path / "nowhere")


def test_nan_and_infinity_stay_numbers(tmp_path):
    store(tmp_path, width=1, outcome=record(summary={"x": math.nan}))
    store(tmp_path, width=2, outcome=record(summary={"x": math.inf}))
    values = dict(table(tmp_path).select("width", "x").iter_rows())
    assert math.isnan(values[1])
    assert values[2] == math.inf


READERS = {
    ".csv": pl.read_csv,
    ".parquet": pl.read_parquet,
    ".json": lambda path: pl.DataFrame(json.loads(path.read_text())),
}


@pytest.mark.parametrize("suffix", READERS)
def test_tables_are_written_in_each_format(tmp_path, suffix):
    for width in (1, 2):
        store(tmp_path, width=width)
    frame, path = table(tmp_path), tmp_path / f"table{suffix}"
    write_table(frame, path)
    read = READERS[suffix](path)
    assert read.columns == frame.columns
    assert read["width"].to_list() == frame["width"].to_list()
    if suffix == ".csv":
        assert json.loads(read["layers"][0]) == [1, 2]
    else:
        assert read["layers"].to_list() == frame["layers"].to_list()


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"\.csv or \.parquet or \.json, got"):
        write_table(pl.DataFrame(), tmp_path / "table.xlsx")
