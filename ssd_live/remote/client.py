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
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from ssd_live import errors
from ssd_live.backends.base import Outputs
from ssd_live.closing import Closing
from ssd_live.errors import BackendError, SsdLiveError
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.metadata import Metadata
from ssd_live.remote.network import FAILED, ModelInfo, ModelRequest, reply_type
from ssd_live.system.child_process import own_environment, own_program

WORKER_COMMAND = "run-worker"
_PIPE_BYTES = 1 << 20
_END_SECONDS = 0.5
# The last part of the output of a process that crashed.
_LOGGED_BYTES = 8192

_logger = logging.getLogger(__name__)


class InferenceProcess(Closing):
    """A child process that runs one network for several threads.

    The constructor starts the process, and `wait` returns when the network is loaded. Each thread
    uses a handle of its own, which `backend` returns. `users` is the number of these threads, and
    at most as many images may be in flight. Any thread may call the methods.

    The replies come in the order of the images. Of the threads that wait for a reply, one reads the
    replies and passes them to the others, so that no thread switch delays a single user. If reading
    or writing fails, or if the network fails on one image, the process is killed, and all images in
    flight and all later ones fail.
    """

    def __init__(self, model_request: ModelRequest, users: int = 1) -> None:
        self.model_request = model_request
        self.description = ""
        # Native libraries print there before they crash.
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [
                *own_program("ssd_live.remote.server", WORKER_COMMAND),
                model_request.model,
                model_request.backend,
                model_request.precision,
                str(users),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Without a buffer, everything that was not read yet is in the pipe, where the selector
            # sees it.
            bufsize=0,
            stderr=self._stderr,
            env=own_environment(),
            # Ctrl-C in a terminal goes to the whole process group, but the parent ends the child
            # itself, in its own order.
            start_new_session=sys.platform != "win32",
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._images, self._replies = self._process.stdin, self._process.stdout
        self._reply_type = reply_type(0)
        # Windows cannot wait for a pipe with a time limit. There, only `kill` ends a process that
        # hangs.
        self._selector = None if sys.platform == "win32" else selectors.DefaultSelector()
        if self._selector is not None:
            self._selector.register(self._replies, selectors.EVENT_READ)
        _widen(self._images.fileno())
        # These are two locks, because replies must be read while a full pipe blocks an image.
        self._sending, self._changed = threading.Lock(), threading.Condition()
        self._in_flight: deque[_Reply] = deque()
        self._is_reading = False
        self._last_reply = 0.0
        self._failure: SsdLiveError | None = None
        self._handles = 0

    @property
    def pid(self) -> int:
        """The process id (PID) in the operating system."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process.poll() is None

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
                self._reply_type = reply_type(loaded.metadata.max_detections)
                return loaded

    def backend(self) -> "RemoteBackend":
        """Return a new handle for one thread. The process ends when its last handle is closed."""
        with self._changed:
            self._handles += 1
        return RemoteBackend(self)

    def submit(self, images: Pixels) -> "_Reply":
        """Send an image (1, H, W, 3) uint8 BGR to the process, and return the pending reply.

        H and W are the network's input size. `result` of the reply waits for the outputs. Raises
        `BackendError` if the process has ended. If the process failed on an earlier image, raises
        that error again.
        """
        reply = _Reply(self)
        data = np.ascontiguousarray(images).data.cast("B")
        with self._sending:
            with self._changed:
                if self._failure is not None:
                    raise _again(self._failure)
                self._in_flight.append(reply)
            try:
                while data:
                    data = data[self._images.write(data) :]
            except (OSError, ValueError):
                error = self._death()
                self._fail(error)
                raise _again(error) from None
        return reply

    def result(self, reply: "_Reply", timeout: float | None) -> Outputs:
        """Wait for a reply and return its outputs.

        See `_Reply.result` for `timeout` and the errors.
        """
        since = time.monotonic()
        while (outputs := self._outputs_or_turn(reply, timeout, since)) is None:
            self._read_reply(timeout)
        return outputs

    def _outputs_or_turn(
        self, reply: "_Reply", timeout: float | None, since: float
    ) -> Outputs | None:
        """Wait until the outputs of a reply were read, and return them.

        Return None if it is this thread's turn to read the next reply. `since` is the time at which
        the wait began, in seconds on the monotonic clock. Raises what `_Reply.result` raises.
        """
        with self._changed:
            while reply.outputs is None:
                if self._failure is not None:
                    raise _again(self._failure)
                if not self._is_reading:
                    self._is_reading = True
                    return None
                left = (
                    None
                    if timeout is None
                    else max(since, self._last_reply) + timeout - time.monotonic()
                )
                if left is not None and left <= 0:
                    self.kill()
                    raise _too_late(timeout)
                self._changed.wait(left)
            return reply.outputs

    def kill(self) -> None:
        """End the process at once."""
        with contextlib.suppress(OSError):
            self._process.kill()

    def leave(self) -> None:
        """Count one handle as closed. End the process when all handles are closed."""
        with self._changed:
            self._handles -= 1
            if self._handles:
                return
        self.close()

    def close(self) -> None:
        """Close the pipes, so that the process ends. Kill it if it runs for another half second."""
        if self._selector is not None:
            self._selector.close()
        for stream in (self._images, self._replies):
            with contextlib.suppress(OSError, ValueError):
                stream.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
        self._stderr.close()

    def _read_reply(self, timeout: float | None) -> None:
        """Read one reply and give it to the oldest image in flight.

        The caller must have set `_is_reading`. If the process ended or failed, all images in flight
        get the error. Raises `TimeoutError` if no reply comes within `timeout` seconds.
        """
        outputs: Outputs | None = None
        try:
            outputs = self._receive(timeout)
        except SsdLiveError as error:
            self._fail(error)
        finally:
            with self._changed:
                self._is_reading = False
                # After a failure in another thread, nobody waits for this reply any more.
                if outputs is not None and self._in_flight:
                    self._in_flight.popleft().outputs = outputs
                    self._last_reply = time.monotonic()
                self._changed.notify_all()

    def _receive(self, timeout: float | None) -> Outputs:
        """Wait for the outputs of the oldest image in flight and return them.

        Raises `TimeoutError` if they do not come within `timeout` seconds, `BackendError` if the
        process has ended, and the error of the process if it failed on this image.
        """
        if (
            timeout is not None
            and self._selector is not None
            and not self._selector.select(timeout)
        ):
            # The process would not answer later images either.
            self.kill()
            raise _too_late(timeout)
        data = np.empty(self._reply_type.itemsize, np.uint8)
        rest = data.data
        while rest:
            try:
                count = self._replies.readinto(rest)  # type: ignore[attr-defined]
            except (OSError, ValueError):
                count = 0
            if not count:
                raise self._death()
            rest = rest[count:]
        reply = data.view(self._reply_type)
        if reply["count"][0] == FAILED:
            raise _revived(self._message())
        return Outputs(reply["count"][:, None], reply["boxes"], reply["scores"], reply["classes"])

    def _fail(self, error: SsdLiveError) -> None:
        """Kill the process; let all images in flight and all later ones fail with this error."""
        # A user without images in flight does not notice the failure and keeps its handle. Kill the
        # process here, so that the memory of the device is free for the next one.
        self.kill()
        with self._changed:
            self._failure = self._failure or error
            self._in_flight.clear()
            self._changed.notify_all()

    def _message(self) -> dict[str, Any]:
        try:
            line = self._replies.readline()
        except (OSError, ValueError):
            line = b""
        if not line.endswith(b"\n"):
            raise self._death()
        message: dict[str, Any] = json.loads(line)
        return message

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
        model_request = self.model_request
        return BackendError(
            f"the inference process of {model_request.model} (backend {model_request.backend}) "
            f"{how}; choose another backend, or try again"
        )


class RemoteBackend(Closing):
    """A handle to an inference process. It is a backend for one thread; see `Backend`.

    `InferenceProcess.backend` returns it. The handles of a process may be closed in any order.
    """

    slots = 1

    def __init__(self, process: InferenceProcess) -> None:
        self._process: InferenceProcess | None = process
        self.description = process.description

    @property
    def pid(self) -> int:
        """The process id (PID) of the inference process in the operating system.

        Raises `BackendError` if this handle is closed.
        """
        return self._open().pid

    def submit(self, images: Pixels) -> "_Reply":
        """Send an image (1, H, W, 3) uint8 BGR to the process, and return the pending reply.

        H and W are the network's input size. `result` of the reply waits for the outputs. Raises
        `BackendError` if this handle is closed, and what `InferenceProcess.submit` raises.
        """
        return self._open().submit(images)

    def share(self) -> "RemoteBackend":
        """Return another handle to the same process, for use in another thread."""
        return self._open().backend()

    def close(self) -> None:
        """Close this handle. The process ends when its last handle is closed."""
        process, self._process = self._process, None
        if process is not None:
            process.leave()

    def _open(self) -> InferenceProcess:
        if self._process is None:
            raise BackendError("this handle to the network is closed; load the model again")
        return self._process


class _Reply:
    """An image in flight. `outputs` is None until the reply of the process was read."""

    def __init__(self, process: InferenceProcess) -> None:
        self._process = process
        self.outputs: Outputs | None = None

    def result(self, timeout: float | None = None) -> Outputs:
        """Wait for the outputs of the image and return them.

        If the process sends no outputs for any image during `timeout` seconds, this method kills
        the process and raises `TimeoutError`. The time starts again when the outputs of another
        image come, because the process does not hang if an image only waits behind many others. If
        `timeout` is None, the wait has no limit. On Windows, the wait may be longer than `timeout`.
        Raises `BackendError` if the process ended, and the error of the process if it failed.
        """
        return self._process.result(self, timeout)


def _too_late(seconds: float | None) -> TimeoutError:
    return TimeoutError(f"the inference process gave no answer within {seconds:g} s; try again")


def _again(error: SsdLiveError) -> SsdLiveError:
    """Return a copy of the error for another thread, so that each thread has its own traceback."""
    return type(error)(str(error))


def _revived(message: dict[str, Any]) -> SsdLiveError:
    kind = getattr(errors, str(message.get("kind")), BackendError)
    revived: SsdLiveError = kind(message["error"])
    return revived


def _widen(descriptor: int) -> None:
    """Enlarge a pipe to 1 MiB, if the system can, so that a whole image fits into the pipe.

    `descriptor` is the file descriptor of the pipe. This saves one switch between the processes for
    every 64 KiB.
    """
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
