"""Everything that ssd_live raises on purpose. A message says what is wrong and what to do, in one
line.
"""


class SsdLiveError(Exception):
    """Base of all errors meant for the user; the command line prints its message and
    exits with 1.
    """


class UsageError(SsdLiveError):
    """The command was given something that it cannot take; exit code 2."""


class ModelFileError(SsdLiveError, ValueError):
    """A model file that is not one, is damaged, or lacks what the program needs."""


class UnknownModelError(SsdLiveError, LookupError):
    """No model goes by this name."""


class MissingPackageError(SsdLiveError, ImportError):
    """An optional package that the chosen feature needs is not installed."""


class BackendError(SsdLiveError, RuntimeError):
    """A runtime could not load or run a model."""


class MediaError(SsdLiveError, OSError):
    """A video or image that cannot be read."""


class DataError(SsdLiveError, ValueError):
    """Labelled data that cannot be read or make no sense."""


class TrainingError(SsdLiveError, RuntimeError):
    """Training that cannot go on."""


class DownloadError(SsdLiveError, OSError):
    """Something that could not be fetched, or was not what it should be."""


class OutputError(SsdLiveError, OSError):
    """A result that cannot be written."""


class IncompleteError(SsdLiveError):
    """The input was processed only in part; what was done is kept as the `.part` file that the
    message names.
    """


class CancelledError(SsdLiveError):
    """The user stopped the work; what was done is kept as the message says."""
