"""The rooms: imports run one way, and files stay small enough to read."""

import ast
import importlib
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import overparam


SOURCE = Path(overparam.__file__).parent

# A room may import from itself, from the levels before its own, from its neighbours on
# the same level where no cycle comes of it, from the rooms without science, and from
# the ground floor: the modules that lie beside the rooms, which import no room.
LEVELS = (
    {"networks"},
    {"data", "objectives", "noise"},
    {"readouts"},
    {"dynamics", "convex", "limits"},
    {"training"},
    {"analysis"},
    {"studies"},
    {"reproductions"},
    {"running"},
    {"estimators", "cli"},
)
NO_SCIENCE = {"store", "sweeping", "plots", "report", "export"}
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}

# The doors of the house lead into every room; the catalogue says where things are,
# and imports none of them.
DOORS = {SOURCE / name for name in ("__init__.py", "__main__.py", "catalogue.py")}
MODULES = sorted(SOURCE.rglob("*.py"))
FOLDERS = sorted({path.parent for path in MODULES})
REFERENCE = re.compile(r"overparam((?:\.\w+)+)(?::\w+)?")


def place(path: Path) -> tuple[str, ...]:
    """The parts of a module's name below `overparam`."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


NAMES = {place(path) for path in MODULES}


def references(path: Path) -> set[tuple[str, ...]]:
    """What a module imports of the package, or names in a string, wherever it does.

    A string counts if it names a module that exists: stored files hold former places.
    """
    found = set()
    package = path.relative_to(SOURCE).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.ImportFrom(module=module, names=names, level=level):
                own = ("overparam", *package)[: len(package) + 2 - level]
                start = (*(own if level else ()), *(module or "").split("."))
                parts = tuple(part for part in start if part)
                if parts[0] == "overparam":
                    found |= {(*parts[1:], name.name) for name in names}
            case ast.Import(names=names):
                parts = (tuple(name.name.split(".")) for name in names)
                found |= {part[1:] for part in parts if part[0] == "overparam"}
            case ast.Constant(value=str(text)) if match := REFERENCE.fullmatch(text):
                name = tuple(match[1].split(".")[1:])
                found |= {name} & NAMES
    return {name for name in found if name}


def arrows(paths: list[Path]) -> dict[str, set[str]]:
    """Per room or module of the ground floor, those that it imports."""
    graph: dict[str, set[str]] = {}
    for path in paths:
        own = place(path)[0]
        others = {name[0] for name in references(path)}
        graph.setdefault(own, set()).update(others - {own})
    return graph


GRAPH = arrows([path for path in MODULES if path not in DOORS])


def test_every_room_is_known():
    rooms = {folder.name for folder in FOLDERS if folder.parent == SOURCE}
    assert rooms - LEVEL.keys() - NO_SCIENCE == set()


def test_no_rooms_import_each_other_in_a_circle():
    TopologicalSorter(GRAPH).prepare()


@pytest.mark.parametrize("room", sorted(GRAPH))
def test_imports_run_one_way(room):
    rooms = {other for other in GRAPH[room] if other in LEVEL.keys() | NO_SCIENCE}
    if room in LEVEL:
        above = {other for other in rooms if LEVEL.get(other, -1) > LEVEL[room]}
    elif room in NO_SCIENCE:
        above = rooms - NO_SCIENCE
    else:
        above = rooms
    assert not above, f"{room} must not import {', '.join(sorted(above))}"


def test_the_reading_of_imports_finds_each_kind(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "SOURCE", tmp_path)
    (tmp_path / "noise").mkdir()
    module = tmp_path / "noise" / "module.py"
    module.write_text(
        "import overparam.cli.main\n"
        "from overparam.studies import registry\n"
        "from overparam import plots\n"
        "from .. import store\n"
        "from ..networks.network import Network\n"
        "from .ranges import Range\n"
        "import numpy\n"
        "PLACES = ('overparam.running.execute:execute', 'overparam.gone.away:Name')\n"
        "def inside():\n"
        "    from ..errors import ConfigError\n"
    )
    found = {"cli", "studies", "plots", "store", "networks", "errors", "running"}
    assert arrows([module]) == {"noise": found}


def test_no_module_is_longer_than_400_lines():
    assert not [p for p in MODULES if len(p.read_text().splitlines()) > 400]


def test_no_folder_has_more_than_20_modules():
    counts = {
        str(f): sum(p.stem != "__init__" for p in f.glob("*.py")) for f in FOLDERS
    }
    assert not {folder: n for folder, n in counts.items() if n > 20}


def test_no_module_has_a_name_that_says_nothing():
    vague = {"utils", "helpers", "misc", "common"}
    assert not [path for path in MODULES if path.stem in vague]


def test_the_library_touches_no_global_state():
    """Flags of JAX are set around a piece of work, signals in our own processes."""
    forbidden = ("jax.config.update", "np.random.seed", "basicConfig", "plt.style")
    ours = {Path("processes.py"), Path("sweeping/workers.py")}
    for path in MODULES:
        words = forbidden
        if path.relative_to(SOURCE) not in ours:
            words += ("signal.signal", "set_wakeup_fd")
        assert not [word for word in words if word in path.read_text()], path


def test_class_names_are_unique_but_for_the_problem_of_each_study():
    found: dict[str, list[str]] = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append("/".join(place(path)))
    twice = {name: places for name, places in found.items() if len(places) > 1}
    problems = twice.pop("Problem")
    assert twice == {}
    assert all(re.fullmatch(r"studies/\w+/problem", place) for place in problems)


def test_studies_have_one_shape():
    """Config, problem and run; a module beside them holds science of the study."""
    for folder in (SOURCE / "studies").iterdir():
        if not folder.is_dir() or folder.name == "__pycache__":
            continue
        module = importlib.import_module(f"overparam.studies.{folder.name}.problem")
        assert callable(module.Problem.of)
        assert {"config.py", "run.py"} <= {path.name for path in folder.iterdir()}
        assert importlib.import_module(f"overparam.studies.{folder.name}").STUDY


def test_tables_are_typed_by_all_their_rows():
    """Polars types rows by the first hundred, and joins no column of nulls."""
    found = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            given = {keyword.arg for keyword in node.keywords}
            rows = node.args and ast.unparse(node.args[0]) in ("rows", "records")
            typed = len(node.args) > 1 and not isinstance(node.args[1], ast.List)
            if (called == "pl.concat" and "how" not in given) or (
                called == "pl.DataFrame"
                and rows
                and not typed
                and "infer_schema_length" not in given
            ):
                found.append(f"{path.relative_to(SOURCE)}:{node.lineno}")
    assert not found
