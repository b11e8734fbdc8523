"""Start an inference process and use it over two pipes as a backend.

This module runs in the parent process. `remote.server` is what runs in the inference process.
"""

import contextlib
import json
import logging
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ssd_live import errors
from ssd_live.backends.base import Outputs
from ssd_live.closing import Closing
from ssd_live.errors import BackendError, SsdLiveError
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.metadata import Metadata
from ssd_live.remote.protocol import FAILED, record_type, unpack

# A frozen app has no `-m`, so its own program takes this command instead. -P keeps Python from
# importing files in the user's current folder.
WORKER_COMMAND = "run-worker"
_ENTRY = (
    [WORKER_COMMAND] if getattr(sys, "frozen", False) else ["-P", "-m", "ssd_live.remote.server"]
)
_PIPE_BYTES = 1 << 20
_END_SECONDS = 0.5
# The last part of the output of a process that crashed.
_LOGGED_BYTES = 8192

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelRequest:
    """The model, backend and precision that a user asks for.

    `model` is a name or a path of a model file. `backend` and `precision` are values of the options
    of those names.
    """

    model: str
    backend: str = "auto"
    precision: str = "auto"


@dataclass(frozen=True)
class ModelInfo:
    """The model that an inference process loaded, and the backend choice that runs it.

    `sha256` is that of the model file, and `description` the text of `Backend.description`.
    """

    metadata: Metadata
    sha256: str
    backend: str
    device: str
    precision: str
    description: str


class RemoteBackend(Closing):
    """A network in an inference process, a child process of its own. See `Backend`.

    Images are submitted one by one, and the outputs come in the same order. At most `users` images
    may be in flight. The constructor starts the process, and `wait` returns when the network is
    loaded. `kill` may be called from any thread. A thread that waits for outputs then gets a
    `BackendError`.
    """

    def __init__(self, model_request: ModelRequest, users: int = 1) -> None:
        self.slots = users
        # Native libraries print there before they crash.
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the backend
        package = str(Path(__file__).resolve().parents[2])
        paths = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [
                sys.executable,
                *_ENTRY,
                model_request.model,
                model_request.backend,
                model_request.precision,
                str(users),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=os.environ | {"PYTHONPATH": paths},
            # Ctrl-C in a terminal goes to the whole process group, but the parent ends the child
            # itself, in its own order.
            start_new_session=sys.platform != "win32",
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._pictures, self._answers = self._process.stdin, self._process.stdout
        self._model_request = model_request
        self.description = ""
        self._rows = 0
        # Windows cannot wait for a pipe with a time limit. There, only `kill` ends a process that
        # hangs.
        self._selector = None if sys.platform == "win32" else selectors.DefaultSelector()
        if self._selector is not None:
            self._selector.register(self._answers, selectors.EVENT_READ)
        _widen(self._pictures.fileno())

    def wait(self, on_progress: Callable[[str], None] = lambda _: None) -> ModelInfo:
        """Wait until the network is loaded and warmed up, and return what was loaded.

        `on_progress` gets lines of text during slow steps. Raises the `SsdLiveError` that the
        process reports, or `BackendError` if the process ended.
        """
        while True:
            message = self._message()
            if "progress" in message:
                on_progress(str(message["progress"]))
            elif "error" in message:
                raise _revived(message)
            else:
                ready = message["ready"]
                loaded = ModelInfo(metadata=Metadata(**ready.pop("metadata")), **ready)
                self.description = loaded.description
                self._rows = loaded.metadata.max_detections
                return loaded

    def submit(self, images: Pixels) -> "_RemotePending":
        """Send one image to the process and return the image in flight.

        `images` is (1, H, W, 3) uint8 BGR at the network's size. Raises `BackendError` if the
        process has ended.
        """
        try:
            self._pictures.write(np.ascontiguousarray(images).data.cast("B"))
            self._pictures.flush()
        except (OSError, ValueError):
            raise self._death() from None
        return _RemotePending(self)

    def kill(self) -> None:
        """End the process at once. It may be called from any thread."""
        with contextlib.suppress(OSError):
            self._process.kill()

    def share(self) -> None:
        # This backend has only one handle.
        return None

    def close(self) -> None:
        """Let the process end by itself. Kill it if it does not end within half a second."""
        if self._selector is not None:
            self._selector.close()
        for stream in (self._pictures, self._answers):
            # Data that was not sent yet is discarded.
            with contextlib.suppress(OSError, ValueError):
                stream.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
        self._stderr.close()

    def answer(self, timeout: float | None) -> Outputs:
        """Wait for the outputs of the oldest submitted image and return them.

        `timeout` is the longest time to wait in seconds, or None to wait forever. If the time is
        up, this kills the process, because it would not answer later images either, and raises
        `TimeoutError`. Raises `BackendError` if the process ended, and the `SsdLiveError` that the
        process reports if it failed on this image.
        """
        # Without a time limit the read itself waits. When several outputs arrive together, the
        # later ones are in the buffer and no longer in the pipe, where `select` would see them.
        if (
            timeout is not None
            and self._selector is not None
            and not self._selector.select(timeout)
        ):
            self.kill()
            raise TimeoutError(f"the inference process gave no answer within {timeout:g} s")
        if self._read(1)[0] == FAILED:
            raise _revived(self._message())
        return unpack(self._read(record_type(self._rows).itemsize), self._rows)

    def _message(self) -> dict[str, Any]:
        try:
            line = self._answers.readline()
        except (OSError, ValueError):
            line = b""
        if not line.endswith(b"\n"):
            raise self._death()
        message: dict[str, Any] = json.loads(line)
        return message

    def _read(self, count: int) -> bytes:
        try:
            data = self._answers.read(count)
        except (OSError, ValueError):
            data = b""
        if len(data) < count:
            raise self._death()
        return data

    def _log_stderr(self, code: int | None) -> None:
        """Log the last text that the process printed, so that a crash can be diagnosed.

        `code` is the exit code of the process.
        """
        with contextlib.suppress(OSError, ValueError):
            size = self._stderr.seek(0, os.SEEK_END)
            self._stderr.seek(max(size - _LOGGED_BYTES, 0))
            text = self._stderr.read().decode(errors="replace").strip()
            if text:
                _logger.warning(
                    "the inference process ended with code %s and printed:\n%s", code, text
                )

    def _death(self) -> BackendError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        code = self._process.returncode
        self._log_stderr(code)
        how = (
            f"crashed (signal {-code})" if code is not None and code < 0 else f"ended (code {code})"
        )
        model_request = self._model_request
        return BackendError(
            f"the process that runs {model_request.model} on {model_request.backend} {how}; "
            "choose another backend, or try again"
        )


class _RemotePending:
    def __init__(self, backend: RemoteBackend) -> None:
        self._backend = backend

    def result(self, timeout: float | None = None) -> Outputs:
        return self._backend.answer(timeout)


def _revived(message: dict[str, Any]) -> SsdLiveError:
    kind = getattr(errors, str(message.get("kind")), BackendError)
    revived: SsdLiveError = kind(message["error"])
    return revived


def _widen(descriptor: int) -> None:
    """Enlarge the pipe to 1 MiB, if the system can, so that a whole image fits into the pipe.

    This saves one switch between the processes for every 64 KiB.
    """
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
