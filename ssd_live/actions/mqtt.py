"""Publish messages on an MQTT broker."""

import json
import re
import ssl
import sys
import threading
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote, urlsplit

from ssd_live.actions.outbox import Message
from ssd_live.actions.sender import NotDeliveredError

TIMEOUT_SECONDS = 10.0
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_KEEP_ALIVE_SECONDS = 30
_DEFAULT_TOPIC = "ssd_live"
# Where Home Assistant looks for things that announce themselves.
_DISCOVERY_TOPIC = "homeassistant"


class MqttBroker:
    """A broker that gets each message as JSON under TOPIC/RULE, and a picture under
    TOPIC/RULE/picture.

    `address` is mqtt://user:password@host:port/topic, or with mqtts:// for TLS. Messages have the
    quality of service 1: they come at least once. TOPIC/status is `online`, and `offline` when the
    program ends or the connection breaks.

    If `rules` are given, Home Assistant learns of them by its discovery messages
    (https://www.home-assistant.io/integrations/event.mqtt), as one event entity for each rule.
    """

    def __init__(self, address: str, rules: Iterable[str] = ()) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        parts = urlsplit(address)
        scheme = parts.scheme.lower()
        self._host, self._port = parts.hostname or "", parts.port or _PORTS[scheme]
        self._topic = unquote(parts.path.strip("/")) or _DEFAULT_TOPIC
        self._rules = tuple(rules)
        self._refusal = ""
        self._is_started = False
        # The key of the message that is being delivered, and the numbers of its parts. The client
        # sends these again by itself after each break.
        self._key = ""
        self._sent: set[int] = set()
        self._confirmed: set[int] = set()
        self._changed = threading.Condition()
        self._client = Client(CallbackAPIVersion.VERSION2)
        if parts.username is not None:
            self._client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
        if scheme == "mqtts":
            self._client.tls_set_context(ssl.create_default_context())
        self._client.will_set(f"{self._topic}/status", "offline", qos=1, retain=True)
        self._client.on_connect = self._connected
        self._client.on_connect_fail = self._failed
        self._client.on_publish = self._note_confirmed
        self._client.reconnect_delay_set(1, 30)

    def deliver(self, message: Message) -> None:
        """Publish a message, and wait up to 10 s until the broker confirms it.

        Raises `NotDeliveredError` if it does not.
        """
        if not self._is_started:
            # The client then connects by itself, and again after each break.
            self._client.connect_async(self._host, self._port, _KEEP_ALIVE_SECONDS)
            self._client.loop_start()
            self._is_started = True
        if self._key != message.key:
            self._publish(message)
        with self._changed:
            if self._changed.wait_for(lambda: self._sent <= self._confirmed, TIMEOUT_SECONDS):
                return
        raise NotDeliveredError(self._refusal or "the broker cannot be reached")

    def close(self) -> None:
        """Say that the program is offline, and end the connection."""
        if self._is_started:
            info = self._client.publish(f"{self._topic}/status", "offline", qos=1, retain=True)
            if self._client.is_connected():
                info.wait_for_publish(1.0)
            self._client.disconnect()
            self._client.loop_stop()

    def _publish(self, message: Message) -> None:
        body = json.loads(message.body)
        topic = f"{self._topic}/{topic_level(body['rule'])}"
        # The picture comes first, so that it is there when the event is told.
        parts = [] if message.picture is None else [(f"{topic}/picture", message.picture)]
        body["event_type"] = "fired"
        parts.append((topic, json.dumps(body, ensure_ascii=False).encode()))
        with self._changed:
            # Numbers come again after a long time.
            self._confirmed.clear()
        # Not under the lock, because the client holds its own lock when it calls `_note_confirmed`.
        self._sent = {self._client.publish(place, content, qos=1).mid for place, content in parts}
        self._key = message.key

    def _note_confirmed(
        self, client: object, userdata: object, number: int, reason: object, properties: object
    ) -> None:
        """Note what the broker has confirmed."""
        with self._changed:
            self._confirmed.add(number)
            self._changed.notify_all()

    def _failed(self, client: object, userdata: object) -> None:
        """Note why there is no connection. The client calls this while it handles the error."""
        error = sys.exc_info()[1]
        self._refusal = ""
        if isinstance(error, ssl.SSLCertVerificationError):
            self._refusal = (
                f"the certificate of the broker is not trusted ({error.verify_message}); give the "
                "file of its authority in the environment variable SSL_CERT_FILE"
            )

    def _connected(
        self, client: Any, userdata: object, flags: object, reason: Any, properties: object
    ) -> None:
        """Say that the program is online. The client calls this after each connection."""
        if reason.is_failure:
            self._refusal = f"the broker refuses the connection ({str(reason).lower()})"
            return
        self._refusal = ""
        for rule in self._rules:
            level = topic_level(rule)
            config = {
                "name": rule,
                "unique_id": f"{topic_level(self._topic)}_{level}",
                "state_topic": f"{self._topic}/{level}",
                "event_types": ["fired"],
                "availability_topic": f"{self._topic}/status",
                "device": {"identifiers": [topic_level(self._topic)], "name": self._topic},
            }
            place = f"{_DISCOVERY_TOPIC}/event/{config['unique_id']}/config"
            client.publish(place, json.dumps(config, ensure_ascii=False), qos=1, retain=True)
        client.publish(f"{self._topic}/status", "online", qos=1, retain=True)


def topic_level(name: str) -> str:
    """Return a name as one level of a topic: words joined by `_`, without special characters."""
    return re.sub(r"\W+", "_", name).strip("_").lower() or "rule"
