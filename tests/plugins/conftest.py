"""The package that `overparam new study` writes, installed without pip or network."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from overparam.cli.verbs.new import write_package


NAME = "sine-wave"


def install(package: Path, site: Path) -> Path:
    """Let Python find a package and its entry points, as an editable install does."""
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    name, version = project["name"].replace("-", "_"), project["version"]
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {version}\n"
    )
    lines = []
    for group, points in project["entry-points"].items():
        lines += [
            f"[{group}]",
            *(f"{name} = {place}" for name, place in points.items()),
        ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return site


class Installed:
    """A fresh package beside overparam, and its command line."""

    def __init__(self, folder: Path) -> None:
        self.package = write_package(NAME, folder)
        self.site = install(self.package, folder / "site")
        self.runs = folder / "runs"
        self.environment = {
            "OVERPARAM_RUNS": str(self.runs),
            "PYTHONPATH": os.pathsep.join(
                [
                    str(self.package / "src"),
                    str(self.site),
                    os.environ.get("PYTHONPATH", ""),
                ]
            ),
        }

    def __call__(self, *words: str, code: int = 0, **more: str) -> str:
        """The output of a command that ends with this code."""
        ended = subprocess.run(
            [
                sys.executable,
                *(words if words[0] == "-m" else ("-m", "overparam", *words)),
            ],
            env=os.environ | self.environment | more,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed"))
