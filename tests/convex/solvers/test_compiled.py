"""Machine code that is kept between processes is that of the files at hand."""

from pathlib import Path

import pytest

from overparam.convex.certificates import signed
from overparam.convex.solvers import compiled, sign_relaxation


@pytest.mark.parametrize("function", [signed._best_weights, sign_relaxation.relax])
def test_kept_code_is_not_used_once_any_compiled_function_has_changed(
    monkeypatch, function
):
    # `_best_weights` is kept with the code of functions of `sign_relaxation.py`.
    here = compiled._sources()
    assert function._cache._cache_file._source_stamp == here
    read = Path.read_bytes
    changed = Path(sign_relaxation.__file__)
    monkeypatch.setattr(
        Path, "read_bytes", lambda file: read(file) + b" " * (file == changed)
    )
    assert compiled._sources.__wrapped__() != here
