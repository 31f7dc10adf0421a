"""overparam: a workbench for people who study over-parameterised neural networks.

The public API; names are imported when they are first used, so that `import overparam`
costs nothing. They stand in `__init__.pyi`, here and in every room.
"""

import lazy_loader


_exported, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    if name != "__version__":
        return _exported(name)
    # What this imports is most of a process's time before it listens to signals.
    from importlib.metadata import version

    return version("overparam")
