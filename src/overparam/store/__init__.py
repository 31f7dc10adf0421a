"""Runs on disk: a folder each, written once, found again by the id of its config.

Nothing here knows of neural networks; NumPy, Polars and safetensors are imported only
when an array or a table is read or written.
"""

import lazy_loader


__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
