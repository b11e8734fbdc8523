"""Define every exception that ssd_live raises on purpose.

Each message is one line that says what is wrong and what to do.
"""


class SsdLiveError(Exception):
    """The base class of all errors that are meant for the user.

    The command line prints the message and exits with code 1, unless the class of the error says
    another code.
    """


class UsageError(SsdLiveError):
    """An argument or option is not valid. The command line exits with code 2."""


class ModelFileError(SsdLiveError, ValueError):
    """A model file, weight file, checkpoint or engine cannot be used.

    The file is damaged, has another format, or lacks something that the program needs.
    """


class UnknownModelError(SsdLiveError, LookupError):
    """No model has the given name."""


class MissingPackageError(SsdLiveError, ImportError):
    """An optional package that the chosen feature needs is not installed."""


class BackendError(SsdLiveError, RuntimeError):
    """A backend cannot load or run a model."""


class MediaError(SsdLiveError, OSError):
    """A video, image or source cannot be read."""


class AddressError(MediaError):
    """The address of a source is wrong, or its server refuses the user.

    Opening the source again makes no sense before the user has changed something.
    """


class DataError(SsdLiveError, ValueError):
    """Labelled images, a report of `bench`, or a file of detections cannot be read or used."""


class TrainingError(SsdLiveError, RuntimeError):
    """Training cannot continue."""


class DownloadError(SsdLiveError, OSError):
    """A download failed, or the downloaded file is not the expected one."""


class OutputError(SsdLiveError, OSError):
    """An output file cannot be written."""


class IncompleteError(SsdLiveError):
    """An input could be processed only in part, or some inputs of the command `process` failed.

    If results of an unfinished input exist, its error message names the files that hold them. The
    names of these files contain `.part`.
    """


class CancelledError(SsdLiveError):
    """The user cancelled the work, or answered no to a question of the program.

    If a part of the work was finished, the message says where it is kept or how to continue. The
    command line exits with code 130.
    """
