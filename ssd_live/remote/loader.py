"""Load networks in the background. A new model request replaces the previous request."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from ssd_live.detection.filter import accept_all, display_thresholds
from ssd_live.errors import CancelledError, SsdLiveError
from ssd_live.remote.client import InferenceProcess
from ssd_live.remote.network import LiveModel, ModelInfo, ModelRequest
from ssd_live.system.atomic_files import os_error_text


@dataclass(frozen=True)
class LoaderEvents:
    """The functions that a `NetworkLoader` calls, in the thread that loads.

    `progress` gets a line of text. `ready` gets the request, what was loaded, and the loaded
    network. `failed` gets the request and the error.
    """

    progress: Callable[[str], None]
    ready: Callable[[ModelRequest, ModelInfo, LiveModel], None]
    failed: Callable[[ModelRequest, SsdLiveError], None]


_END_SECONDS = 2.0


class NetworkLoader:
    """A loader that loads networks in threads of its own, and reports what happens to `events`.

    Each network is loaded for `users` pipelines, which may have one image each in flight. More
    pipelines may use it too, but then it is slower.
    """

    def __init__(self, events: LoaderEvents, users: int = 1) -> None:
        self._events = events
        self.users = users
        self._lock = threading.Lock()
        self._loading: InferenceProcess | None = None
        self._closed = False
        self._newest = self._cancelled = 0
        self._threads: list[threading.Thread] = []

    def load(self, model_request: ModelRequest) -> None:
        """Cancel an earlier request, begin to load the requested model, and return at once."""
        with self._lock:
            self._newest += 1
            thread = threading.Thread(
                target=self._load, args=(model_request, self._newest), name="load", daemon=True
            )
            # Start under the lock, because `close` must find the thread running.
            thread.start()
            self._threads = [*(earlier for earlier in self._threads if earlier.is_alive()), thread]

    def cancel(self) -> None:
        """Cancel the request that is being loaded. `failed` then gets a `CancelledError`."""
        with self._lock:
            self._cancelled = self._newest
            if self._loading is not None:
                self._loading.kill()

    def close(self) -> None:
        """Cancel the request that is being loaded, and wait at most two seconds for each thread."""
        with self._lock:
            self._closed = True
            if self._loading is not None:
                self._loading.kill()
            threads = self._threads
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(_END_SECONDS)

    def _load(self, model_request: ModelRequest, number: int) -> None:
        try:
            process = self._begin(model_request, number)
        except SsdLiveError as error:
            self._events.failed(model_request, error)
            return
        if process is None:
            return
        try:
            loaded = process.wait(self._events.progress)
        except SsdLiveError as error:
            process.close()
            if self._is_current(process, number):
                self._events.failed(model_request, self._cancellation(number) or error)
            return
        if not self._is_current(process, number):
            process.close()
        elif (cancelled := self._cancellation(number)) is not None:
            # It was cancelled after it reported that it is ready.
            process.close()
            self._events.failed(model_request, cancelled)
        else:
            metadata = loaded.metadata
            self._events.ready(
                model_request,
                loaded,
                LiveModel(
                    process.backend(),
                    metadata.input_size,
                    accept_all(metadata),
                    metadata.name,
                    process.kill,
                    display_thresholds(metadata),
                    metadata.resize,
                ),
            )

    def _begin(self, model_request: ModelRequest, number: int) -> InferenceProcess | None:
        """Start an inference process for a request and return it.

        `number` is the number of the request. Return None if there is a newer request or the loader
        is closed. Raises `CancelledError` if this request was cancelled, and `SsdLiveError` if the
        process cannot be started.
        """
        with self._lock:
            if self._closed or number != self._newest:
                return None
            if self._loading is not None:
                self._loading.kill()
            if (cancelled := self._cancellation(number)) is not None:
                raise cancelled
            try:
                self._loading = InferenceProcess(model_request, self.users)
            except OSError as error:
                raise SsdLiveError(
                    f"the inference process cannot be started ({os_error_text(error)}); close "
                    "other programs and try again"
                ) from error
            return self._loading

    def _cancellation(self, number: int) -> CancelledError | None:
        return (
            CancelledError("loading the model was cancelled") if self._cancelled == number else None
        )

    def _is_current(self, process: InferenceProcess, number: int) -> bool:
        """Return whether request `number`, which uses `process`, is still the newest request.

        Return False if the loader is closed. After this call, the request can no longer be
        cancelled.
        """
        with self._lock:
            if self._loading is process:
                self._loading = None
            return not self._closed and number == self._newest
