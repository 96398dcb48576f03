"""Everything that can go wrong on purpose, as one tree of types.

A message is one sentence that a person can act on.  The server maps types to HTTP statuses; nothing is
decided by reading a message.
"""


class HabsimError(Exception):
    """Any failure that HABSIM foresees."""


class InvalidRequestError(HabsimError):
    """A parameter is missing, malformed or out of range."""


class OutsideForecastError(InvalidRequestError):
    """A flight would leave the time span of the forecast."""


class NotFoundError(HabsimError):
    """The thing asked for is not there, or no longer."""


class UnavailableError(HabsimError):
    """The data needed to answer cannot be used now."""


class StoreError(UnavailableError):
    """The store has no usable cycle, or lacks a file."""


class ChangedError(StoreError):
    """A file in the store is another than a moment ago."""


class BadFileError(UnavailableError):
    """A file is damaged or not of the promised layout."""


class FolderError(UnavailableError, OSError):
    """A folder of the server's own cannot be written: an `OSError` with a sentence."""

    def __str__(self) -> str:
        return f"{self.filename} cannot be written ({self.strerror}): make room, or make the folder writable"


class SettingsError(HabsimError):
    """The environment asks for something that does not exist."""


class BusyError(UnavailableError):
    """The server does as much as it may."""


class TimeLimitError(HabsimError):
    """A run hit its time limit with nothing to show."""
