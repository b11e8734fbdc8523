"""Define every exception that ssd_live raises on purpose.

Each message is one line that says what is wrong and what to do.
"""


class SsdLiveError(Exception):
    """The base class of all errors that are meant for the user.

    The command line prints the message and exits with code 1.
    """


class UsageError(SsdLiveError):
    """An argument or option is not valid; the command line exits with code 2."""


class ModelFileError(SsdLiveError, ValueError):
    """A file is not a model file, is damaged, or lacks something that the program needs."""


class UnknownModelError(SsdLiveError, LookupError):
    """No model has the given name."""


class MissingPackageError(SsdLiveError, ImportError):
    """An optional package that the chosen feature needs is not installed."""


class BackendError(SsdLiveError, RuntimeError):
    """A backend cannot load or run a model."""


class MediaError(SsdLiveError, OSError):
    """A video, image or source cannot be read."""


class DataError(SsdLiveError, ValueError):
    """Labelled data cannot be read or are not valid."""


class TrainingError(SsdLiveError, RuntimeError):
    """Training cannot continue."""


class DownloadError(SsdLiveError, OSError):
    """A download failed, or its content is not the expected one."""


class OutputError(SsdLiveError, OSError):
    """An output file cannot be written."""


class IncompleteError(SsdLiveError):
    """Only a part of an input was processed.

    The finished part is kept in a file whose name contains `.part`; the message names this file.
    """


class CancelledError(SsdLiveError):
    """The user cancelled the work; the message says where the finished part is kept."""
