"""The parent's side of the inference process: the backend contract over two pipes."""

import contextlib
import json
import os
import selectors
import subprocess
import sys
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

# A frozen app has no `-m`; its own program takes the word instead. -P: what lies in the user's
# current folder is not to be imported.
WORKER_COMMAND = "run-worker"
_ENTRY = (
    [WORKER_COMMAND] if getattr(sys, "frozen", False) else ["-P", "-m", "ssd_live.remote.server"]
)
_PIPE_BYTES = 1 << 20
_END_SECONDS = 0.5


@dataclass(frozen=True)
class ModelRequest:
    """Which network is wanted, as a user says it."""

    model: str
    backend: str = "auto"
    precision: str = "auto"


@dataclass(frozen=True)
class ModelInfo:
    """What the process loaded."""

    metadata: Metadata
    sha256: str
    backend: str
    device: str
    precision: str
    description: str


class RemoteBackend(Closing):
    """A loaded network in a process of its own. Pictures are submitted one by one, and answered in
    that order; `users` of them may be in flight.

    The constructor starts the process; `wait` returns when it is ready. `kill` may be called from
    any thread; whoever waits then gets a `BackendError`.
    """

    def __init__(self, model_request: ModelRequest, users: int = 1) -> None:
        self.slots = users
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
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": paths},
            # Ctrl-C in a terminal reaches a whole group; the parent ends the child in its own
            # order.
            start_new_session=sys.platform != "win32",
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._pictures, self._answers = self._process.stdin, self._process.stdout
        self._model_request = model_request
        self.description = ""
        self._rows = 0
        # Windows cannot wait for a pipe with a limit; there only `kill` ends a process that hangs.
        self._selector = None if sys.platform == "win32" else selectors.DefaultSelector()
        if self._selector is not None:
            self._selector.register(self._answers, selectors.EVENT_READ)
        _widen(self._pictures.fileno())

    def wait(self, on_progress: Callable[[str], None] = lambda _: None) -> ModelInfo:
        """Until the network is loaded and warm. Raises the child's own error, or `BackendError` if
        it died.
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
        try:
            self._pictures.write(np.ascontiguousarray(images).data.cast("B"))
            self._pictures.flush()
        except (OSError, ValueError):
            raise self._death() from None
        return _RemotePending(self)

    def kill(self) -> None:
        """End the process at once."""
        with contextlib.suppress(OSError):
            self._process.kill()

    def share(self) -> None:
        return None

    def close(self) -> None:
        """Let the process end by itself, and see to it that it does."""
        if self._selector is not None:
            self._selector.close()
        for stream in (self._pictures, self._answers):
            # What is still unsent goes to nobody.
            with contextlib.suppress(OSError, ValueError):
                stream.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()

    def answer(self, timeout: float | None) -> Outputs:
        """Of the oldest picture submitted. Past `timeout` seconds the process is ended: it would
        answer nothing else either.
        """
        # Without a limit the read itself waits: of answers that came together the later ones are no
        # longer in the pipe.
        if (
            timeout is not None
            and self._selector is not None
            and not self._selector.select(timeout)
        ):
            self.kill()
            raise TimeoutError(f"no answer within {timeout:g} s")
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

    def _death(self) -> BackendError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        code = self._process.returncode
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
    """Let a whole picture fit into the pipe, where the system can: one switch of processes fewer
    for every 64 KiB.
    """
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
