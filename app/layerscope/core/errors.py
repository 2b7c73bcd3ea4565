"""Every exception that Layerscope raises on purpose.

The text of each is one plain sentence for the user: what was asked, what there
is, what to do.
"""

from __future__ import annotations


class LayerscopeError(Exception):
    """Base of all errors whose text may be shown to the user as it is."""


class BadInputError(LayerscopeError):
    """A file, value or argument cannot be used; the text says why."""


class ModelRefusedError(LayerscopeError):
    """The model can be drawn but not run.

    Parameters
    ----------
    message : str
        One sentence.
    node : str
        Name of the node concerned, or an empty string.
    """

    def __init__(self, message: str, node: str = "") -> None:
        super().__init__(message)
        self.node = node


class OutOfMemoryError(LayerscopeError):
    """An allocation on the host or the device did not fit."""


class DeviceError(LayerscopeError):
    """A device was asked for that is not there or does not work."""


class JobCancelledError(LayerscopeError):
    """The user stopped the job; raised inside the engine to leave a run."""


class EngineLostError(LayerscopeError):
    """The engine process ended before it answered."""
