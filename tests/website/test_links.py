"""Links from pages to files of the repository."""

import pytest

from links import with_files_named


PAGES = {"CONTRIBUTING.md": "contributing.md"}


@pytest.mark.parametrize(
    ("text", "place", "wanted"),
    [
        ("[here](a.md)", "docs/b.md", "[here](a.md)"),
        ("[here](../how-to/python.md#x)", "docs/studies/b.md", None),
        ("[`links.py`](../website/links.py)", "docs/b.md", "`website/links.py`"),
        (
            "[the code](../website/links.py)",
            "docs/b.md",
            "the code (`website/links.py`)",
        ),
        (
            "[rules](../../CONTRIBUTING.md#a)",
            "docs/c/b.md",
            "[rules](../contributing.md#a)",
        ),
        ("[index](docs/index.md)", "CONTRIBUTING.md", "[index](index.md)"),
        ("```\n[x](../nothing)\n```", "docs/b.md", None),
        ("![figure](../figures/a.png)", "docs/c/b.md", None),
        ("[out](https://arxiv.org/abs/1)", "docs/b.md", None),
    ],
)
def test_a_link_is_kept_named_or_made_one_of_the_site(text, place, wanted):
    assert with_files_named(text, place, PAGES) == (wanted or text)


def test_a_file_that_does_not_exist_is_an_error():
    with pytest.raises(ValueError, match=r"`docs/b\.md` links to `\.\./gone\.py`"):
        with_files_named("[gone](../gone.py)", "docs/b.md", {})
