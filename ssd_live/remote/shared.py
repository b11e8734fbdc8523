"""Share one inference process between several pipelines."""

import threading
import time
from collections import deque
from dataclasses import replace

from ssd_live.backends.base import Outputs
from ssd_live.closing import Closing
from ssd_live.errors import BackendError, SsdLiveError
from ssd_live.imaging.pixels import Pixels
from ssd_live.remote.client import RemoteBackend
from ssd_live.remote.network import LiveModel

_END_SECONDS = 0.5


def client_backends(network: LiveModel, count: int) -> list[LiveModel]:
    """Return `count` handles to the same network, one for each pipeline.

    The handles share one inference process.
    """
    if count == 1:
        return [network]
    assert isinstance(network.backend, RemoteBackend)
    return [
        replace(network, backend=place) for place in SharedBackend(network.backend, count).places
    ]


class SharedBackend:
    """An inference process with several handles, each of which is a backend for one thread.

    `places` is the list of handles, and as an argument their number. The process ends when the last
    handle is closed. Images are sent in the order in which they are submitted, and each handle
    waits only for its own outputs. If the process fails, all images in flight and all later ones
    fail.
    """

    def __init__(self, remote: RemoteBackend, places: int) -> None:
        self._remote = remote
        # These are two locks, because outputs must be passed on while a full pipe blocks an image.
        self._writing, self._lock = threading.Lock(), threading.Lock()
        self._line: deque[_Ticket] = deque()
        self._failure: SsdLiveError | None = None
        self._open = places
        self.last_answer = 0.0
        self.places = [ClientHandle(self, remote.description) for _ in range(places)]
        self._thread = threading.Thread(target=self._hand_out, name="answers", daemon=True)
        self._waiting = threading.Semaphore(0)
        self._thread.start()

    def submit(self, images: Pixels) -> "_Ticket":
        """Send an image (1, H, W, 3) uint8 BGR to the process and return the image in flight.

        It may be called from any thread. Raises the error of the process if the process has failed.
        """
        ticket = _Ticket(self)
        with self._writing:
            with self._lock:
                if self._failure is not None:
                    raise _again(self._failure)
                self._line.append(ticket)
            self._waiting.release()
            self._remote.submit(images)
        return ticket

    def kill(self) -> None:
        """End the process at once. It may be called from any thread."""
        self._remote.kill()

    def leave(self) -> None:
        """Count one handle as closed. End the process when all handles are closed."""
        with self._lock:
            self._open -= 1
            if self._open:
                return
        self._waiting.release()
        self._thread.join(_END_SECONDS)
        if self._thread.is_alive():
            self.kill()
            self._thread.join()
        self._remote.close()

    def _hand_out(self) -> None:
        """Give each image in flight its outputs, which come in the order of the images."""
        while True:
            self._waiting.acquire()
            with self._lock:
                if not self._line:
                    return
                ticket = self._line.popleft()
            try:
                ticket.answer(self._remote.answer(None))
                self.last_answer = time.monotonic()
            except SsdLiveError as error:
                self._fail(ticket, error)
                return

    def _fail(self, ticket: "_Ticket", error: SsdLiveError) -> None:
        with self._lock:
            self._failure = error
            line = [ticket, *self._line]
            self._line.clear()
        # A user without images in flight does not notice the failure and keeps its handle. Kill the
        # process here, so that the memory of the device is free for the next one.
        self.kill()
        for waiting in line:
            waiting.fail(error)


class ClientHandle(Closing):
    """A handle to a shared inference process. It is a backend for one thread.

    At most one image may be in flight. See `Backend`.
    """

    slots = 1

    def __init__(self, shared: SharedBackend, description: str) -> None:
        self._shared: SharedBackend | None = shared
        self.description = description

    def submit(self, images: Pixels) -> "_Ticket":
        """Send an image (1, H, W, 3) uint8 BGR to the process and return the image in flight.

        Raises `BackendError` if this handle is closed, and the error of the process if the process
        has failed.
        """
        if self._shared is None:
            raise BackendError("this handle to the network is closed; load the model again")
        return self._shared.submit(images)

    def share(self) -> None:
        # A handle cannot be shared.
        return None

    def close(self) -> None:
        """Close this handle. The process ends when its last handle is closed."""
        shared, self._shared = self._shared, None
        if shared is not None:
            shared.leave()


class _Ticket:
    def __init__(self, shared: SharedBackend) -> None:
        self._shared = shared
        self._done = threading.Event()
        self._outputs: Outputs | None = None
        self._failure: SsdLiveError | None = None

    def answer(self, outputs: Outputs) -> None:
        self._outputs = outputs
        self._done.set()

    def fail(self, error: SsdLiveError) -> None:
        self._failure = error
        self._done.set()

    def result(self, timeout: float | None = None) -> Outputs:
        """Wait for the outputs of the image and return them.

        Raises `TimeoutError` after `timeout` seconds in which the process sent no outputs for any
        image. The outputs of other images restart the time, because the process does not hang if an
        image only waits behind many others. None waits forever. Raises the error of the process if
        the process failed.
        """
        since = time.monotonic()
        left = timeout
        while not self._done.wait(left):
            assert timeout is not None
            left = max(since, self._shared.last_answer) + timeout - time.monotonic()
            if left <= 0:
                self._shared.kill()
                raise TimeoutError(f"the inference process gave no answer within {timeout:g} s")
        if self._outputs is None:
            assert self._failure is not None
            raise _again(self._failure)
        return self._outputs


def _again(error: SsdLiveError) -> SsdLiveError:
    """Return a copy of the error for another thread, so that each thread has its own traceback."""
    return type(error)(str(error))
