"""overparam: a workbench for people who study over-parameterised neural networks."""

from importlib.metadata import version


__version__ = version("overparam")
