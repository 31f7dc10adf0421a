"""overparam: a workbench for people who study over-parameterised neural networks.

The public API; names are imported when they are first used, so that `import overparam`
costs nothing. They stand in `__init__.pyi`, here and in every room.
"""

from importlib.metadata import version

import lazy_loader


__version__ = version("overparam")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
