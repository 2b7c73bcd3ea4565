"""Layerscope: a desktop playground for deep networks."""

__version__ = "0.1.0"
