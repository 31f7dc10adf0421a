"""The reference has an entry for everything, and says what the parsers say."""

import dataclasses
import importlib
import json
import pkgutil
import re
import textwrap

import polars as pl
import pytest

import api
import captions
import commands
import examples
import formats
import mathematics
import overparam
import record
import results
import sources
from overparam.cli.main import VERBS
from overparam.cli.options import flags
from overparam.reproductions.registry import REPRODUCTIONS
from overparam.running.keeping import keep_answer
from overparam.store import read_run
from overparam.studies.registry import STUDIES, study
from tables import table


ROOMS = ["overparam"] + [
    f"overparam.{room.name}"
    for room in pkgutil.iter_modules(overparam.__path__)
    if room.ispkg
    and hasattr(importlib.import_module(f"overparam.{room.name}"), "__all__")
]


@pytest.fixture(scope="module")
def reference():
    return api.pages()


@pytest.mark.parametrize("room", ROOMS)
def test_every_exported_name_has_one_entry_and_a_line_that_leads_there(room, reference):
    page = reference[f"reference/python/{room.partition('.')[2] or 'index'}.md"]
    entries = re.findall(r"^::: (\S+)", "\n".join(reference.values()), re.MULTILINE)
    for name in importlib.import_module(room).__all__:
        short = f"{room}.{name}".replace("overparam", "op", 1)
        (line,) = re.findall(rf"^\| \[`{re.escape(short)}`\]\((\S+)\) \|", page, re.M)
        file, _, anchor = line.partition("#")
        if anchor:
            assert entries.count(anchor) == 1
            home = reference[f"reference/python/{file}"] if file else page
            assert f"::: {anchor}\n" in home
        else:
            assert f"reference/python/{file}" in reference


@pytest.mark.parametrize("room", ROOMS)
def test_every_exported_name_is_described(room):
    for name in importlib.import_module(room).__all__:
        assert sources.summary(sources.at(f"{room}.{name}")), f"{room}.{name}"


def test_every_option_of_every_verb_is_in_the_reference():
    pages = commands.pages()
    everything = "\n".join(pages.values())
    for verb in VERBS:
        assert f"## `{verb}` " in pages["reference/commands.md"]
        for kinds in (
            importlib.import_module(f"overparam.cli.verbs.{verb}").forms().values()
        ):
            for flag in flags([k for k in kinds if k.__name__ not in _CONFIGS]):
                assert f"`{flag}`" in everything, (verb, flag)


_CONFIGS = {study(name).config_class().__name__ for name in STUDIES}


@pytest.mark.parametrize("name", list(STUDIES))
def test_every_field_of_a_study_has_its_default_and_its_docstring(name):
    page = commands.pages()[f"reference/fields/{name}.md"]
    config = study(name).config_class()
    for field in dataclasses.fields(config):
        (cells,) = re.findall(rf"^\| `{field.name}` \| (.*) \|$", page, re.MULTILINE)
        takes, default, meaning = re.split(r"(?<!\\) \| ", cells)
        assert takes
        assert meaning.endswith((".", "..."))
        if isinstance(field.default, int | float) and not isinstance(
            field.default, bool
        ):
            assert float(default.strip("`")) == field.default


def test_all_exit_codes_are_told():
    page = commands.pages()["reference/exit-codes.md"]
    told = re.findall(r"^\| `(\d+)` \|", page, re.MULTILINE)
    assert told == ["0", "1", "2", "3", "4", "130", "141", "143"]


def test_the_stored_files_are_those_of_a_run():
    (page,) = formats.pages().values()
    for name in (
        "config.json",
        "metrics.parquet",
        "network.safetensors",
        "status.json",
    ):
        assert f"## {name}\n" in page
    assert "| `risk` | Float64 |" in page
    assert "| `weights` | float32 | 6 x 8 |" in page


def test_claims_are_recorded_and_shown(tmp_path):
    import overparam as op

    small = {"input_dim": 4, "teacher_width": 2, "samples_per_epoch": 20}
    op.run("planted", runs=tmp_path, width=3, epochs=1, progress=False, **small)
    (run,) = tmp_path.glob("planted/*")
    claim = {
        "sentence": "A | B",
        "published": "1",
        "measured": "2",
        "holds": False,
    }
    facts = {
        "title": "Width",
        "source": "ours",
        "study": "planted",
        "scale": "smoke",
        "runs": [read_run(run).reference],
        "claims": [claim],
    }
    path = tmp_path / "reproductions" / "planted-width" / "smoke" / "claims.json"
    row = {"width": [3], "risk": [0.123456], "told": ["a | b"]}
    figure, _ = op.plots.panels(caption="Of one seed.")
    answer = facts, {"by_width": pl.DataFrame(row)}, {"curve": figure}
    keep_answer(path, *answer)
    with pytest.raises(SystemExit, match=r"curve.png.*--style paper"):
        record.record(tmp_path, tmp_path / "records")
    with op.plots.drawn_for("paper"):
        keep_answer(path, *answer)
    table = path.with_name("by_width.csv")
    whole = table.read_bytes()
    table.write_bytes(whole[:-3])
    with pytest.raises(SystemExit, match=r"by_width.csv.*Reproduce it again"):
        record.record(tmp_path, tmp_path / "records")
    table.write_bytes(whole)
    (written,) = record.record(tmp_path, tmp_path / "records")
    assert json.loads(written.read_text())["claims"] == [claim]
    page = results.pages(tmp_path / "records")["results/planted.md"]
    assert "| A \\| B | 1 | 2 | **does not hold** |" in page
    assert re.search(r"Scale `smoke`, 1 run, [\d.]+ s in all, overparam .* at ", page)
    assert "![Width: curve](../records/planted-width.smoke/curve.png)" in page
    assert '??? note "Table: by width (1 rows)"' in page
    assert "    | 3 | 0.1235 | a \\| b |" in page
    kept = {file.name for file in (tmp_path / "records/planted-width.smoke").iterdir()}
    assert kept == {"curve.png", "by_width.csv"}
    assert "overparam reproduce planted-livni" in page.partition("## Not recorded")[2]


def test_claims_of_two_scales_stand_side_by_side(tmp_path):
    def written(scale, measured, *more):
        claims = [
            {"sentence": sentence, "published": "1", "measured": told, "holds": holds}
            for sentence, told, holds in (("wide wins", *measured), *more)
        ]
        made = {"runs": 2, "version": "1", "date": "2026-01-01", "machine": "Linux"}
        facts = {"title": "Width", "source": "ours", "study": "planted"}
        content = facts | {"scale": scale, "made": made, "claims": claims}
        (tmp_path / f"planted-width.{scale}.json").write_text(json.dumps(content))

    written("laptop", ("2", None))
    written("paper", ("3", True), ("only here", "4", False))
    page = results.pages(tmp_path)["results/planted.md"]
    assert page.count("## Width") == 1
    assert (
        "| wide wins | 1 | 2 | **not decided at this scale** | 3 | **holds** |" in page
    )
    assert "| only here | 1 | — | — | 4 | **does not hold** |" in page


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-9],
        lambda text: text.replace('"holds"', '"held"'),
        lambda text: text.replace("true", "3"),
        lambda text: text.replace("true", "1"),
        lambda text: text.replace('"runs": 2', '"runs": 2, "seconds": "3"'),
        lambda text: text.replace('"runs": 2', '"runs": 2, "commit": 3'),
        lambda text: text[: text.index("[")] + "{}}",
        lambda text: text.replace('"made"', '"born"'),
        lambda text: text.replace('"Width"', "7"),
        lambda text: "[]",
    ],
)
def test_a_damaged_record_is_one_sentence(tmp_path, damage):
    claim = {"sentence": "a", "published": "b", "measured": "c", "holds": True}
    made = {"runs": 2, "version": "1", "date": "2026-01-01", "machine": "Linux"}
    facts = {"title": "Width", "source": "ours", "study": "planted", "scale": "laptop"}
    whole = json.dumps(facts | {"made": made, "claims": [claim]})
    path = tmp_path / "planted-width.laptop.json"
    path.write_text(whole)
    assert "## Width" in results.pages(tmp_path)["results/planted.md"]
    path.write_text(damage(whole))
    with pytest.raises(SystemExit, match=f"^The record `{path}` is damaged: .*\\.$"):
        results.pages(tmp_path)
    path.write_text(whole)
    path.with_suffix("").mkdir()
    (path.with_suffix("") / "empty.csv").touch()
    with pytest.raises(SystemExit, match=r"empty\.csv` is damaged"):
        results.pages(tmp_path)
    (path.with_suffix("") / "empty.csv").rename(path.with_suffix("") / "<b> (1).gif")
    page = results.pages(tmp_path)["results/planted.md"]
    file = "../records/planted-width.laptop/%3Cb%3E%20%281%29.gif"
    assert f"![Width: &lt;b> (1)]({file})" in page


def test_what_a_run_says_is_no_element_of_a_page(tmp_path):
    evil = "<script>1 & &lt; 2</script>"
    claim = {"sentence": evil, "published": evil, "measured": evil, "holds": True}
    made = {"runs": 2, "version": "1", "date": "2026-01-01", "machine": "Linux"}
    made["machine"] = evil
    facts = {"title": evil, "source": evil, "study": "planted", "scale": "laptop"}
    path = tmp_path / "planted-width.laptop.json"
    path.write_text(json.dumps(facts | {"made": made, "claims": [claim]}))
    path.with_suffix("").mkdir()
    (path.with_suffix("") / "told.csv").write_text(f"{evil},b\n1,{evil}\n")
    page = results.pages(tmp_path)["results/planted.md"]
    assert "<script" not in page
    assert page.count("&lt;script>1 &amp; &amp;lt; 2") == 8


def test_what_is_not_recorded_at_the_published_size_has_a_cost():
    """If not: `python website/costs.py NAME`, then `python website/record.py`."""
    records = results.RECORDS.glob("*.paper.json")
    at_paper = {path.name.partition(".")[0] for path in records}
    assert set(results.costs()) <= set(REPRODUCTIONS)
    assert at_paper | set(results.costs()) == set(REPRODUCTIONS)
    for name, cost in results.costs().items():
        grid = REPRODUCTIONS[name].reproduction().grid("paper")
        assert cost["runs"] == len(grid), f"the grid of {name} has changed"
        hours = 3600 * cost["processor_hours"]
        assert cost["dearest_run_seconds"] <= 1.05 * hours


def test_pages_say_what_the_published_size_costs():
    found = results.pages()
    for name in REPRODUCTIONS:
        page = found[f"results/{REPRODUCTIONS[name].reproduction().study}.md"]
        recorded = (results.RECORDS / f"{name}.paper.json").exists()
        command = f"reproduce {name} --scale paper --cluster slurm --jobs 50\n"
        assert (command in page) != recorded, name
        assert f"| [`{name}`](" in found["results/index.md"]


def test_no_two_claims_of_a_record_are_told_alike():
    for path in record.RECORDS.glob("*.*.json"):
        told = [claim["sentence"] for claim in json.loads(path.read_text())["claims"]]
        assert len(set(told)) == len(told), path.name


def test_a_figure_has_the_caption_of_its_file_below(tmp_path, monkeypatch):
    import overparam as op

    monkeypatch.setattr(captions, "DOCS", tmp_path)
    (tmp_path / "notes").mkdir()
    figure, _ = op.plots.panels(caption="Widths < 9, of n_seeds = 3.")
    op.plots.save(figure, tmp_path / "screen")
    with op.plots.drawn_for("paper"):
        op.plots.save(figure, tmp_path / "paper")
    page = "A word.\n\n![alt\ntext](../{}.png)\n\nMore.\n"
    told = captions.with_captions(page.format("paper"), "notes/page.md")
    below = '<p class="caption">Widths &lt; 9, of n_seeds = 3.</p>'
    assert told.split("\n\n")[2:] == [below, "More.\n"]
    # In the picture of a screen it stands already.
    for name in ("screen", "none"):
        text = page.format(name)
        assert captions.with_captions(text, "notes/page.md") == text


def test_formulas_become_mathml():
    assert mathematics.mathml(r"\tfrac12").count("<mfrac") == 1
    page = '<span class="arithmatex">\\(a &lt; b\\)</span>'
    assert "<mo>&lt;</mo>" in mathematics.with_formulas(page)
    assert "arithmatex" not in mathematics.with_formulas(page)
    with pytest.raises(ValueError, match="unknownthing"):
        mathematics.mathml(r"\unknownthing x")


def test_formulas_have_the_room_of_tex():
    assert '<mo form="prefix">−</mo>' in mathematics.mathml("U(-1, 1)")
    assert '<mo form="prefix">−</mo>' in mathematics.mathml("f = -g")
    assert "prefix" not in mathematics.mathml("(a) - b")
    assert mathematics.mathml(r"\gamma\sin^2\theta").count("mspace") == 2
    assert "mspace" not in mathematics.mathml(r"-\sin(\theta)")
    for sign in "/|":
        assert 'lspace="0"' in mathematics.mathml(f"a{sign}b")


def test_an_entry_shows_where_the_documents_use_it(reference):
    page = reference["reference/python/index.md"]
    entry = page.partition("::: overparam.linearised\n")[2].partition("\n::: ")[0]
    assert '??? example "In use"' in entry
    assert "    linear = trained(op.linearised(" in entry
    assert "From [Lazy or rich?](../../tutorials/lazy-or-rich.md)." in entry
    assert examples.example("overparam", "two") is None
    found = examples.example("overparam.estimators", "VarProRegressor")
    assert found.page == "how-to/estimators.md"


def test_a_page_says_what_its_examples_begin_with(reference):
    begun = textwrap.indent(examples.BEFORE, "    ")
    assert all(
        begun in reference[f"reference/python/{n}.md"] for n in ("index", "data")
    )


def test_bars_of_formulas_end_no_cell_of_a_table():
    page = table(["a | b"], [[r"$c \|u\|$ of $|x|$, x | y"]])
    assert page.splitlines()[0] == r"| a \| b |"
    assert page.splitlines()[2] == (r"| $c \Vert u\Vert$ of $\vert x\vert$, x \| y |")


def test_the_largest_size_decides_what_holds_in_short(tmp_path):
    def written(name, scale, *claims):
        told = [
            {"sentence": sentence, "published": of, "measured": scale, "holds": holds}
            for sentence, of, holds in claims
        ]
        made = {"runs": 2, "version": "1", "date": "2026-01-01", "machine": "Linux"}
        facts = {"title": "a", "source": "b", "study": "planted", "scale": scale}
        path = tmp_path / f"{name}.{scale}.json"
        path.write_text(json.dumps(facts | {"made": made, "claims": told}))

    wide, other = ("wide wins", "1"), ("narrow loses", "ours: 3")
    written("planted-width", "laptop", (*wide, True), (*other, None))
    written("planted-width", "paper", (*wide, False))
    written("planted-livni", "laptop", (*wide, True))
    page = "<!-- claims of all --><!-- end of claims -->"
    short = results.with_verdicts(page, tmp_path)
    assert "| [planted](results/planted.md) | 1 | 1 | 0 | 0 | 0 | 1 |" in short
    assert short.count("| planted | wide wins | paper |") == 1
    page = "<!-- claims of planted --><!-- end of claims -->"
    rows = results.with_verdicts(page, tmp_path)
    order = re.findall(r"^\| (wide|narrow).* `(.*)` \|$", rows, re.MULTILINE)
    assert order[1:] == [
        ("wide", "planted-width"),
        ("wide", "planted-width --scale paper"),
        ("narrow", "planted-width"),
    ]


def test_the_findings_are_those_of_the_records():
    page = record.FINDINGS.read_text()
    assert results.with_verdicts(page) == page
    told = re.findall("<!-- claims of (.*) -->", page)
    assert sorted(told) == sorted([*STUDIES, "all"])
    # A claim that falls, falls here.
    assert results.with_verdicts(page, record.RECORDS / "none") != page
