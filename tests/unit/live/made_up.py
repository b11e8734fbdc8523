"""Networks that are made up, and sessions that use them."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ssd_live.backends.base import Outputs
from ssd_live.errors import BackendError, SsdLiveError
from ssd_live.imaging.pixels import Pixels
from ssd_live.live.display_filter import DisplayFilters
from ssd_live.live.request import Overrides
from ssd_live.live.session import LiveSession, SessionEvents
from ssd_live.pipeline.capture import CaptureOptions
from ssd_live.pipeline.picture import Viewport
from ssd_live.remote.network import ModelInfo, ModelRequest
from ssd_live.settings import Settings
from ssd_live.video.sources import parse_source
from tests.fake_engine import answer_to
from tests.live_parts import Painter
from tests.tiny_model import MAX_DETECTIONS, tiny_metadata
from tests.waiting import LIMIT_SECONDS, threads_named, wait_until


class Network:
    """In place of a process with a network: loads as the machine says, and dies when it
    is told to.
    """

    slots = 1
    description = "made up"

    def __init__(self, machine: "Machine", model_request: ModelRequest) -> None:
        self._machine, self._model_request = machine, model_request
        self._killed = threading.Event()
        machine.networks.append(self)

    def wait(self, on_progress: Callable[[str], None]) -> ModelInfo:
        trouble = self._machine.troubles.get(self._model_request.backend)
        if self._model_request.backend in self._machine.endless:
            on_progress("building the engine: 37%")
            assert self._killed.wait(LIMIT_SECONDS)
        if self._killed.is_set():
            raise BackendError("the process crashed (signal 9)")
        if trouble is not None:
            raise trouble
        return ModelInfo(
            tiny_metadata(),
            "0" * 64,
            self._model_request.backend,
            "?",
            self._model_request.precision,
            "made up",
        )

    def submit(self, images: Pixels) -> "Network":
        self._images = images
        return self

    def result(self, timeout: float | None = None) -> Outputs:
        if self._killed.is_set():
            raise BackendError("the GPU failed or was lost")
        found = answer_to(self._images, MAX_DETECTIONS)
        found.classes[:] = 0
        return found

    def kill(self) -> None:
        self._killed.set()

    def backend(self) -> "Network":
        return self

    def share(self) -> "Network":
        return self

    def close(self) -> None:
        self.kill()


class Machine:
    """What networks do on it: `troubles` says which backend cannot be loaded and why, `endless`
    which load until they are killed.
    """

    def __init__(self) -> None:
        self.networks: list[Network] = []
        self.troubles: dict[str, SsdLiveError] = {}
        self.endless: set[str] = set()
        self.loading: list[str] = []
        self.loaded: list[ModelRequest] = []
        self.failed: list[tuple[ModelRequest, SsdLiveError]] = []
        self.told: list[str] = []
        self._painter = Painter()

    @contextmanager
    def session(self, streams: int = 1) -> Iterator[LiveSession]:
        events = SessionEvents(
            picture=lambda: None,
            loading=self.loading.append,
            loaded=lambda model_request, _: self.loaded.append(model_request),
            load_failed=lambda *words: self.failed.append(words),
            error=self.told.append,
            recorded=lambda _: None,
        )
        with LiveSession(
            events, DisplayFilters(Settings(), Overrides()), streams=streams
        ) as session:
            for stream in session.streams:
                stream.pipeline.set_viewport(Viewport(32, 32))
                stream.open(parse_source("pattern:64x64@60"), CaptureOptions())
            yield session
        wait_until(lambda: not threads_named("load"))

    def run_on(self, session: LiveSession, model_request: ModelRequest) -> None:
        session.load(model_request)
        self.see(session)

    def see(self, session: LiveSession) -> None:
        """Until a network finds things in what is shown; what an earlier one found may still be on
        its way.
        """
        now = time.monotonic()
        wait_until(
            lambda: (
                (picture := self._painter.paint_next(session.pipeline)).detections is not None
                and picture.frame.captured_at > now
            )
        )

    def die(self, session: LiveSession) -> None:
        """The network in use."""
        network = session.pipeline.network
        assert network is not None
        network.kill()
        wait_until(
            lambda: session.pipeline.network is not network, what="the dead network to be let go"
        )
