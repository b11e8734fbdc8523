"""Messages on a real broker, which is restarted, and what Home Assistant learns."""

import json
import subprocess
from pathlib import Path

import pytest

from ssd_live.actions import mqtt
from ssd_live.actions.mqtt import MqttBroker, topic_level
from ssd_live.actions.outbox import Message, Outbox
from ssd_live.actions.sender import NotDeliveredError, Sender
from tests.unit.actions.receivers import Mosquitto, Subscriber, free_port
from tests.waiting import LIMIT_SECONDS, wait_until


def _message(number: int, picture: bytes | None = None) -> Message:
    body = {"rule": "To the left!", "number": number}
    return Message(f"key-{number}", json.dumps(body).encode(), picture)


def _numbers(subscriber: Subscriber) -> list[int]:
    return [json.loads(its)["number"] for its in subscriber.of("yard/to_the_left")]


def test_messages_and_pictures_are_published(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as server, Subscriber(server.port) as subscriber:
        broker = MqttBroker(f"mqtt://127.0.0.1:{server.port}/yard")
        broker.deliver(_message(1, b"\xff\xd8"))
        broker.deliver(_message(2))
        wait_until(lambda: _numbers(subscriber) == [1, 2])
        (first, _) = subscriber.of("yard/to_the_left")
        assert json.loads(first)["event_type"] == "fired"
        assert subscriber.of("yard/to_the_left/picture") == [b"\xff\xd8"]
        broker.close()
        wait_until(lambda: subscriber.of("yard/status") == [b"online", b"offline"])
        assert not any(topic.startswith("homeassistant") for topic, _ in subscriber.got)


def test_home_assistant_learns_of_the_rules(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as server:
        broker = MqttBroker(f"mqtt://127.0.0.1:{server.port}", ["To the left!", "Tür"])
        broker.deliver(_message(1))
        # Who comes later learns of them too.
        with Subscriber(server.port) as subscriber:
            topic = "homeassistant/event/ssd_live_to_the_left/config"
            wait_until(lambda: subscriber.of(topic))
            wait_until(lambda: subscriber.of("homeassistant/event/ssd_live_tür/config"))
            config = json.loads(subscriber.of(topic)[0])
        broker.close()
    assert config["name"] == "To the left!"
    assert config["state_topic"] == "ssd_live/to_the_left"
    assert config["event_types"] == ["fired"]
    assert config["availability_topic"] == "ssd_live/status"


def test_each_event_arrives_once_although_the_broker_is_restarted(tmp_path: Path) -> None:
    lines: list[str] = []
    with (
        Mosquitto(tmp_path) as server,
        Subscriber(server.port) as subscriber,
        Outbox(tmp_path / "a.db") as outbox,
    ):
        broker = MqttBroker(f"mqtt://127.0.0.1:{server.port}/yard")
        with Sender("home", broker, outbox, lines.append, first_wait=0.05) as sender:
            outbox.add("home", _message(0))
            sender.wake()
            wait_until(lambda: _numbers(subscriber) == [0] and not outbox.waiting("home"))
            server.stop()
            outbox.add("home", _message(1))
            outbox.add("home", _message(2))
            sender.wake()
            before = subscriber.times_subscribed
            # The subscriber must be back before the messages, because it was forgotten.
            server.start()
            wait_until(lambda: subscriber.times_subscribed > before)
            wait_until(lambda: not outbox.waiting("home"))
            outbox.add("home", _message(3))
            sender.wake()
            wait_until(lambda: 3 in _numbers(subscriber))
    numbers = _numbers(subscriber)
    assert numbers[0] == 0
    assert sorted(set(numbers)) == numbers


def test_a_wrong_password_and_no_broker_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "TIMEOUT_SECONDS", 0.5)
    nobody = MqttBroker(f"mqtt://127.0.0.1:{free_port()}/yard")
    with pytest.raises(NotDeliveredError, match="cannot be reached"):
        nobody.deliver(_message(1))
    nobody.close()
    with Mosquitto(tmp_path, "right") as server:
        refused = MqttBroker(f"mqtt://user:wrong@127.0.0.1:{server.port}/yard")
        with pytest.raises(NotDeliveredError, match="the broker refuses the connection"):
            refused.deliver(_message(1))
        refused.close()
        monkeypatch.setattr(mqtt, "TIMEOUT_SECONDS", 60.0)
        taken = MqttBroker(f"mqtt://user:right@127.0.0.1:{server.port}/yard")
        taken.deliver(_message(1))
        taken.close()


@pytest.mark.parametrize(
    ("name", "level"),
    [("To the left!", "to_the_left"), ("a/b#+c", "a_b_c"), ("Tür 2", "tür_2"), ("!", "rule")],
)
def test_a_rule_is_one_level_of_a_topic(name: str, level: str) -> None:
    assert topic_level(name) == level


def test_a_broker_with_tls_must_be_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-keyout",
            "broker.key",
            "-out",
            "broker.pem",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    with Mosquitto(tmp_path, certificate=str(tmp_path / "broker")) as broker:
        address = f"mqtts://localhost:{broker.port}/yard"
        monkeypatch.setattr(mqtt, "TIMEOUT_SECONDS", 3.0)
        stranger = MqttBroker(address)
        with pytest.raises(NotDeliveredError, match=r"not trusted \(self.signed certificate\)"):
            stranger.deliver(_message(1))
        stranger.close()
        monkeypatch.setattr(mqtt, "TIMEOUT_SECONDS", LIMIT_SECONDS)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "broker.pem"))
        known = MqttBroker(address)
        known.deliver(_message(1))
        known.close()
