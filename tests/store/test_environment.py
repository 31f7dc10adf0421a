"""Where and with what a run was made."""

import sys
from importlib.metadata import distributions

from overparam.store import environment


def test_versions_are_those_of_all_that_is_loaded():
    environment._versions.cache_clear()
    loaded = {name.partition(".")[0] for name in sys.modules}
    expected = {}
    for one in distributions():  # By reading all that is installed.
        if (name := one.name.lower()).replace("-", "_") in loaded:
            expected[name] = one.version
    assert {"jax", "numpy", "overparam"} <= expected.keys()
    assert environment._versions() == expected


def test_a_module_whose_metadata_is_gone_has_no_version(monkeypatch):
    class Gone:
        name = None

    monkeypatch.setattr(environment, "distribution", lambda module: Gone())
    environment._versions.cache_clear()
    assert "None" not in environment._versions()
    environment._versions.cache_clear()
