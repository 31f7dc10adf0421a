"""The rooms: imports run one way, and files stay small enough to read."""

import ast
from pathlib import Path

import pytest

import overparam


SOURCE = Path(overparam.__file__).parent

# A room may import from itself, from rooms of a lower number, and from the ground
# floor; rooms without science import no room of science at all.
LEVEL = {
    "networks": 0,
    "data": 1,
    "objectives": 1,
    "noise": 1,
    "readouts": 2,
    "dynamics": 3,
    "convex": 3,
    "limits": 3,
    "training": 4,
    "analysis": 5,
    "studies": 6,
    "reproductions": 7,
    "running": 8,
    "cli": 9,
}
NO_SCIENCE = {"store", "sweeping", "plots", "report", "export"}
MODULES = sorted(SOURCE.rglob("*.py"))


def room(path: Path) -> str:
    parts = path.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else ""


def imported_rooms(path: Path) -> set[str]:
    """The rooms that a module imports, at its top or inside its functions."""
    depth = len(path.relative_to(SOURCE).parts)
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom) or node.level < 2:
            continue
        if node.level == depth:
            names = [node.module] if node.module else [a.name for a in node.names]
            rooms |= {name.split(".")[0] for name in names}
    return rooms & (LEVEL.keys() | NO_SCIENCE)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_run_one_way(path):
    own = room(path)
    for other in imported_rooms(path) - {own}:
        if own in NO_SCIENCE:
            assert other in NO_SCIENCE, f"{own} must not import {other}"
        elif own in LEVEL and other in LEVEL:
            assert LEVEL[other] <= LEVEL[own], f"{own} must not import {other}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_no_module_is_longer_than_400_lines(path):
    assert len(path.read_text().splitlines()) <= 400


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
