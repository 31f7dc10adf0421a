"""The fronts of the rooms: what they export, how late, and who imports from them."""

import ast
import contextlib
import dataclasses
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest

import overparam as op


SOURCE = Path(op.__file__).parent
ROOT = Path(__file__).parents[1]
FRONTS = sorted(SOURCE.rglob("__init__.pyi"))
PACKAGES = {
    ".".join(("overparam", *path.relative_to(SOURCE).parts[:-1]))
    for path in SOURCE.rglob("__init__.py")
}
EXAMPLES = sorted(
    [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/**/*.py")]
)


def package(front: Path) -> str:
    return ".".join(("overparam", *front.relative_to(SOURCE).parts[:-1]))


def exported(front: Path) -> set[str]:
    """The names of a front that are no rooms themselves."""
    imports = ast.walk(ast.parse(front.read_text()))
    nodes = [node for node in imports if isinstance(node, ast.ImportFrom)]
    return {name.name for node in nodes if node.module for name in node.names}


@pytest.mark.parametrize("front", FRONTS, ids=package)
def test_every_exported_name_is_there_and_no_submodule_takes_its_place(front):
    module = importlib.import_module(package(front))
    assert exported(front) <= set(dir(module))
    for name in exported(front):
        assert getattr(module, name) is not None
    assert not exported(front) & {path.stem for path in front.parent.iterdir()}


@pytest.mark.parametrize("front", FRONTS[1:], ids=package)
def test_a_room_exports_few_enough_names_to_read(front):
    assert 5 <= len(exported(front)) <= 20


def hinted(thing: Any) -> set[type]:
    """The classes of ours in the hints of a class, and of what calls give back."""
    known = []
    if inspect.isclass(thing):
        public = [m for n, m in inspect.getmembers(thing) if not n.startswith("_")]
        calls = [m.fget if isinstance(m, property) else m for m in public]
        calls = [*filter(inspect.isfunction, calls), thing]
    else:
        calls = [inspect.unwrap(thing)] if callable(thing) else []
    for call in calls:
        # Some hints name what is imported for checkers alone.
        with contextlib.suppress(NameError):
            hints = get_type_hints(call)
            known += hints.values() if call is thing else [hints.get("return")]
    found = {hint for hint in known if inspect.isclass(hint)}
    while known := [part for hint in known for part in get_args(hint)]:
        found |= {hint for hint in known if inspect.isclass(hint)}
    return {kind for kind in found if kind.__module__.startswith("overparam")}


def filled(kind: type, numbers: np.ndarray) -> Any:
    """An object whose fields are numbers, if its class tells of fields that are."""
    told = "".join(str(h) for h in getattr(kind, "__annotations__", {}).values())
    if not re.search("rray|Float|Int|Bool|Batch", told):
        return None
    if issubclass(kind, tuple):
        return kind(*[numbers] * len(kind._fields))
    if not dataclasses.is_dataclass(kind) or inspect.isabstract(kind):
        return None
    made = object.__new__(kind)
    for field in dataclasses.fields(kind):
        object.__setattr__(made, field.name, numbers)
    return made


def test_what_fronts_give_shows_arrays_by_their_shapes():
    kinds, new = set(), set()
    for front in FRONTS:
        module = importlib.import_module(package(front))
        for thing in (getattr(module, name) for name in exported(front)):
            new |= hinted(thing) | ({thing} if inspect.isclass(thing) else set())
    while new := new - kinds:
        kinds |= new
        new = set().union(*map(hinted, new))
    kinds.remove(op.Objective)  # It holds functions of arrays, and no arrays.
    made = [filled(kind, np.full((300, 3), 1 / 3)) for kind in kinds]
    shown = {type(thing): repr(thing) for thing in made if thing is not None}
    assert {op.Batch, op.TrainTest, op.convex.Program} < {*shown}
    assert sorted(k.__name__ for k, text in shown.items() if "0.33" in text) == []


def test_fronts_import_nothing_before_it_is_used():
    names = ", ".join(package(front) for front in FRONTS)
    program = f"import sys, {names}\nprint(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"jax", "numpy", "scipy", "matplotlib", "polars", "equinox", "optax"}
    assert not heavy & set(loaded)


def imported(path: Path) -> set[str]:
    """The modules of the package that a page or a program imports from."""
    text = path.read_text()
    if path.suffix == ".md":
        # The first line of a cell of a tutorial may be a word of the notebook.
        blocks = re.findall(r"^```python\n(?:%%.*\n)?(.*?)^```", text, re.S | re.M)
        text = "\n".join(blocks)
    nodes = ast.walk(ast.parse(text))
    modules = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {module for module in modules if module.split(".")[0] == "overparam"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: str(p.relative_to(ROOT)))
def test_documents_and_benchmarks_import_from_fronts(path):
    """The inside of a study is for the benchmarks that take it to pieces."""
    ground = {f"overparam.{p.stem}" for p in SOURCE.glob("*.py")}
    deep = imported(path) - PACKAGES - ground
    if path.suffix == ".py":
        deep = {module for module in deep if not module.startswith("overparam.studies")}
    assert not deep


def places(front: Path) -> set[tuple[str, str]]:
    """The modules and names that a front takes what it exports from."""
    nodes = ast.walk(ast.parse(front.read_text()))
    return {
        (f"{package(front)}.{node.module}", name.name)
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module
        for name in node.names
    }


def test_tests_import_from_a_front_what_it_exports():
    exported_from = set().union(*map(places, FRONTS))
    deep = {
        f"{path.relative_to(ROOT)}: {node.module}.{name.name}"
        for folder in ("tests", "benchmarks", "website")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        for name in node.names
        if (node.module, name.name) in exported_from
    }
    assert not deep
