"""What a session's threads tell reaches the window, whenever it comes."""

import threading
from typing import Any

import pytest

from ssd_live.gui.bridge import Bridge
from ssd_live.live.session import LiveSession
from ssd_live.remote.network import ModelRequest
from tests.gui.desk import Desk
from tests.gui.waiting import wait_until
from tests.waiting import wait_until as wait_without_events


def test_what_is_told_before_anyone_listens_is_heard_in_its_order(no_complaint: None) -> None:
    bridge = Bridge()
    events = bridge.events()

    def tell() -> None:
        for line in ("one", "two", "three"):
            events.loading(line)
        events.error("four")

    thread = threading.Thread(target=tell)
    thread.start()
    thread.join()
    heard: list[str] = []
    bridge.loading.connect(heard.append)
    bridge.error.connect(heard.append)
    wait_until(lambda: len(heard) == 4, "all is heard")
    assert heard == ["one", "two", "three", "four"]


def test_a_network_that_is_there_before_the_window_is_shown_in_it(
    desk: Any, cat_and_dog: ModelRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = LiveSession.load

    def load_at_once(session: LiveSession, model_request: ModelRequest) -> None:
        load(session, model_request)
        wait_without_events(lambda: session.loaded is not None)

    monkeypatch.setattr(LiveSession, "load", load_at_once)
    opened: Desk = desk(model_request=cat_and_dog)
    opened.wait_for_boxes()
