"""Every exported name has an example in its docstring, and the examples run."""

import functools

import pytest

import examples
import sources


@functools.cache
def exported() -> dict[str, str]:
    """By place of an exported object its docstring."""
    found = {}
    for room in sources.rooms():
        for name in sources.front(room):
            at = sources.at(f"{room}.{name}")
            if not at.is_module:
                found[at.path] = sources.text(at)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One for all examples, so that a run is run once."""
    return tmp_path_factory.mktemp("examples")


@pytest.mark.parametrize("path", sorted(exported()))
def test_an_exported_name_has_an_example_that_runs(path, folder, monkeypatch):
    import jax

    code = examples.of_docstring(exported()[path])
    assert code, "its docstring has no `Example:`"
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    if "solve_reference" in code:
        pytest.importorskip("cvxpy")
    # Readers have JAX's own settings.
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"):
        names = {"__name__": "__main__"}
        exec(compile(examples.BEFORE, "before", "exec"), names)
        exec(compile(code, path, "exec"), names)


def test_examples_are_blocks_or_a_line():
    line = "What it is.\n\nExample:\n    `op.run(1)`"
    assert examples.of_docstring(line) == "op.run(1)"
    block = "Example:\n    ```python\n    a = 1\n\n    a + 1\n    ```\n"
    assert examples.of_docstring(block) == "a = 1\n\na + 1"
    assert examples.of_docstring("What it is.") is None
