"""A webhook on a real server, which is down, slow, broken, and back again."""

import base64
import json
import time
from pathlib import Path

import pytest

from ssd_live.actions import webhook
from ssd_live.actions.outbox import Message, Outbox
from ssd_live.actions.sender import NotDeliveredError, Sender
from ssd_live.actions.webhook import Webhook
from ssd_live.errors import OutputError
from tests.unit.actions.receivers import PostServer, free_port
from tests.waiting import wait_until

PICTURE = b"\xff\xd8 a picture"


def _message(number: int, picture: bytes | None = None) -> Message:
    return Message(f"key-{number}", json.dumps({"number": number}).encode(), picture)


def _numbers(server: PostServer) -> list[int]:
    return [body["number"] for body in list(server.bodies)]


def test_a_message_is_posted_as_json_with_its_key_and_picture() -> None:
    with PostServer() as server:
        address = server.address.replace("http://", "http://me:a%20b@")
        Webhook(address + "?x=1").deliver(_message(7, PICTURE))
    assert server.bodies == [{"number": 7, "picture": base64.b64encode(PICTURE).decode()}]
    (headers,) = server.headers
    assert headers["Idempotency-Key"] == "key-7"
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"me:a b").decode()


@pytest.mark.parametrize(
    ("code", "is_final"),
    [(500, False), (503, False), (429, False), (408, False), (400, True), (404, True), (302, True)],
)
def test_a_refusal_says_whether_trying_again_makes_sense(code: int, is_final: bool) -> None:
    with PostServer(code=code) as server, pytest.raises(NotDeliveredError) as error:
        Webhook(server.address).deliver(_message(1))
    assert error.value.is_final == is_final
    assert str(error.value) == f"the server answered {code}"
    assert len(server.headers) == 1


def test_an_unreachable_server_and_a_slow_one_are_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(NotDeliveredError, match="cannot be reached") as error:
        Webhook(f"http://127.0.0.1:{free_port()}/").deliver(_message(1))
    assert not error.value.is_final
    monkeypatch.setattr(webhook, "TIMEOUT_SECONDS", 0.1)
    with PostServer() as server:
        server.delay = 0.5
        with pytest.raises(NotDeliveredError, match="timed out") as error:
            Webhook(server.address).deliver(_message(1))
    assert not error.value.is_final


def test_each_event_arrives_once_whatever_the_server_does(tmp_path: Path) -> None:
    lines: list[str] = []
    port = free_port()
    with Outbox(tmp_path / "a.db") as outbox:
        target = Webhook(f"http://127.0.0.1:{port}/")
        with Sender("hook", target, outbox, lines.append, first_wait=0.05) as sender:
            for number in range(3):
                outbox.add("hook", _message(number))
                sender.wake()
            # The server is down.
            wait_until(lambda: lines)
            with PostServer(port, code=500) as server:
                wait_until(lambda: server.headers)
                assert not server.bodies
                server.code = 204
                server.delay = 0.05
                wait_until(lambda: len(server.bodies) == 3)
                outbox.add("hook", _message(3))
                sender.wake()
                wait_until(lambda: len(server.bodies) == 4 and not outbox.waiting("hook"))
    assert _numbers(server) == [0, 1, 2, 3]
    assert set(server.keys.values()) == {1}
    assert len(lines) == 2
    assert "cannot be reached" in lines[0]
    assert lines[0].endswith("the message will be sent again")
    assert lines[1] == "hook: messages are delivered again"


def test_what_waits_is_delivered_by_the_next_run(tmp_path: Path) -> None:
    lines: list[str] = []
    address = f"http://127.0.0.1:{free_port()}/"
    with Outbox(tmp_path / "a.db") as outbox:
        outbox.add("hook", _message(1))
        with Sender("hook", Webhook(address), outbox, lines.append):
            wait_until(lambda: lines)
        assert outbox.waiting("hook") == 1
    with (
        PostServer() as server,
        Outbox(tmp_path / "a.db") as outbox,
        Sender("hook", Webhook(server.address), outbox, lines.append),
    ):
        wait_until(lambda: not outbox.waiting("hook"))
    assert _numbers(server) == [1]


def test_a_message_that_is_refused_for_good_does_not_hold_up_the_others(tmp_path: Path) -> None:
    lines: list[str] = []
    with (
        PostServer(code=404) as server,
        Outbox(tmp_path / "a.db") as outbox,
        Sender("hook", Webhook(server.address), outbox, lines.append) as sender,
    ):
        outbox.add("hook", _message(1))
        sender.wake()
        wait_until(lambda: lines)
        server.code = 204
        outbox.add("hook", _message(2))
        sender.wake()
        wait_until(lambda: not outbox.waiting("hook"))
    assert _numbers(server) == [2]
    assert lines == ["hook: the server answered 404; this message is given up"]


def test_the_last_messages_are_delivered_before_the_end(tmp_path: Path) -> None:
    with PostServer() as server, Outbox(tmp_path / "a.db") as outbox:
        server.delay = 0.05
        with Sender("hook", Webhook(server.address), outbox, print) as sender:
            for number in range(3):
                outbox.add("hook", _message(number))
            sender.wake()
    assert _numbers(server) == [0, 1, 2]


class FullDisk(Outbox):
    """An outbox that cannot be changed for a while."""

    is_full = True

    def remove(self, message: Message) -> None:
        if self.is_full:
            raise OutputError("a.db: messages cannot be kept there (disk full)")
        super().remove(message)


def test_a_full_disk_does_not_end_the_sender(tmp_path: Path) -> None:
    lines: list[str] = []
    with PostServer() as server, FullDisk(tmp_path / "a.db") as outbox:
        outbox.add("hook", _message(1))
        with Sender("hook", Webhook(server.address), outbox, lines.append, first_wait=0.05):
            wait_until(lambda: len(server.bodies) >= 2)
            outbox.is_full = False
            wait_until(lambda: not outbox.waiting("hook"))
            wait_until(lambda: len(lines) == 2)
    # The server can tell that it is the same message.
    assert set(server.keys) == {"key-1"}
    assert "disk full" in lines[0]


def test_a_sender_ends_at_once_although_it_waits(tmp_path: Path) -> None:
    lines: list[str] = []
    address = f"http://127.0.0.1:{free_port()}/"
    with Outbox(tmp_path / "a.db") as outbox:
        outbox.add("hook", _message(1))
        sender = Sender("hook", Webhook(address), outbox, lines.append, first_wait=600)
        wait_until(lambda: lines)
        started = time.monotonic()
        sender.close()
        assert time.monotonic() - started < 60
