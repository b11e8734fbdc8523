"""Loading in the background while others load and close."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from ssd_live.imaging.frame import InputFit
from ssd_live.remote.loader import LoaderEvents, NetworkLoader
from ssd_live.remote.network import LiveModel, ModelRequest
from tests.waiting import LIMIT_SECONDS

A_MOMENT = 0.2


def unexpected(
    model_request: ModelRequest, result: object, network: LiveModel | None = None
) -> None:
    raise AssertionError(f"{model_request} came to something: {result}")


def test_a_loaded_network_knows_how_frames_become_its_inputs() -> None:
    ready: Future[LiveModel] = Future()
    events = LoaderEvents(
        lambda _: None, lambda _request, _info, network: ready.set_result(network), unexpected
    )
    loading = NetworkLoader(events)
    try:
        loading.load(ModelRequest("blazeface-256", "onnxruntime", "fp32"))
        network = ready.result(LIMIT_SECONDS)
        assert network.input_fit == InputFit((256, 256), "letterbox, linear")
        network.backend.close()
    finally:
        loading.close()


def test_closing_while_a_thread_begins_to_load_waits_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A network that died is loaded anew by another thread than the one that closes."""
    loading = NetworkLoader(LoaderEvents(lambda _: None, unexpected, unexpected))
    closing: list[Future[None]] = []

    class ClosedAtItsStart(threading.Thread):
        def start(self) -> None:
            closing.append(pool.submit(loading.close))
            with pytest.raises(TimeoutError):
                closing[0].result(A_MOMENT)
            super().start()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(threading.current_thread).result()
        monkeypatch.setattr(threading, "Thread", ClosedAtItsStart)
        loading.load(ModelRequest("tiny"))
        closing[0].result()
    assert not [thread for thread in threading.enumerate() if thread.name == "load"]
