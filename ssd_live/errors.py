"""Define every exception that ssd_live raises on purpose.

Each message is one line that says what is wrong and what to do.
"""


class SsdLiveError(Exception):
    """The base class of all errors that are meant for the user.

    The command line prints the message and exits with code 1.
    """


class UsageError(SsdLiveError):
    """An argument that the command cannot accept; the command line exits with code 2."""


class ModelFileError(SsdLiveError, ValueError):
    """A file that is not a model file, is damaged, or lacks something that the program needs."""


class UnknownModelError(SsdLiveError, LookupError):
    """A name that no model has."""


class MissingPackageError(SsdLiveError, ImportError):
    """An optional package that the chosen feature needs and that is not installed."""


class BackendError(SsdLiveError, RuntimeError):
    """A backend that cannot load or run a model."""


class MediaError(SsdLiveError, OSError):
    """A video, image or source that cannot be read."""


class DataError(SsdLiveError, ValueError):
    """Labelled data that cannot be read or that are not valid."""


class TrainingError(SsdLiveError, RuntimeError):
    """Training that cannot continue."""


class DownloadError(SsdLiveError, OSError):
    """A download that failed, or whose content is not the expected one."""


class OutputError(SsdLiveError, OSError):
    """An output file that cannot be written."""


class IncompleteError(SsdLiveError):
    """An input of which only a part was processed.

    The finished part is kept as the `.part` file that the message names.
    """


class CancelledError(SsdLiveError):
    """Work that the user cancelled; the message says where the finished part is kept."""
