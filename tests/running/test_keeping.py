"""What is kept beside the runs stays there."""

import polars as pl
import pytest

from overparam.errors import ConfigError
from overparam.plots import panels
from overparam.running.keeping import keep_answer


@pytest.mark.parametrize("what", ["table", "figure"])
def test_a_name_of_an_own_analysis_does_not_leave_its_folder(what, tmp_path):
    tables = {"../x": pl.DataFrame({"a": [1]})} if what == "table" else {}
    figures = {"../x": panels()[0]} if what == "figure" else {}
    with pytest.raises(ConfigError, match=r"got '\.\./x'"):
        keep_answer(tmp_path / "kept" / "facts.json", {}, tables, figures)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("what", ["tables", "figures", "animations"])
@pytest.mark.parametrize("given", [3, {"x": 3}])
def test_what_is_of_another_kind_is_not_kept(what, given, tmp_path):
    answer = {"tables": {}, "figures": {}, "animations": {}, what: given}
    with pytest.raises(ConfigError, match=rf"^The {what} must be .* got 3"):
        keep_answer(tmp_path / "kept" / "facts.json", {}, **answer)
    assert not list(tmp_path.iterdir())
