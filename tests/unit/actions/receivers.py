"""Real receivers of messages on loopback: an HTTP server, and the MQTT broker Mosquitto."""

import getpass
import json
import shutil
import socket
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from ssd_live.closing import Closing
from tests.servers import HttpServer, QuietHandler
from tests.waiting import wait_until


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class PostServer(HttpServer):
    """Answers each POST request with `code`, after `delay` seconds. `bodies` are those of requests
    that it answered with 204, and `headers` those of all requests.
    """

    def __init__(self, port: int = 0, code: int = 204) -> None:
        self.code, self.delay = code, 0.0
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.keys: Counter[str] = Counter()
        outer = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:  # noqa: N802 - the name of the library
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                code = outer.code
                time.sleep(outer.delay)
                outer.headers.append(dict(self.headers))
                if code == 204:
                    outer.bodies.append(body)
                    outer.keys[self.headers["Idempotency-Key"]] += 1
                self.send_response(code)
                if code == 302:
                    # Who asks there gets no answer.
                    self.send_header("Location", "http://127.0.0.1:9/")
                self.end_headers()

        super().__init__(Handler, "events", port)


class Mosquitto(Closing):
    """The broker, in a process of its own. `stop` and `start` restart it at the same port."""

    def __init__(self, folder: Path, password: str = "", certificate: str = "") -> None:
        self.port = free_port()
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin") or ""
        assert program, "there is no mosquitto; install it (apt install mosquitto)"
        # Started as root, it would change to a user who cannot read the folder.
        settings = [f"listener {self.port} 127.0.0.1", f"user {getpass.getuser()}"]
        if password:
            secrets = folder / "secrets"
            subprocess.run(["mosquitto_passwd", "-b", "-c", secrets, "user", password], check=True)
            secrets.chmod(0o644)
            settings += ["allow_anonymous false", f"password_file {secrets}"]
        else:
            settings += ["allow_anonymous true"]
        if certificate:
            settings += [f"certfile {certificate}.pem", f"keyfile {certificate}.key"]
        (folder / "mosquitto.conf").write_text("\n".join(settings) + "\n")
        self._command = [program, "-c", str(folder / "mosquitto.conf")]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self._answers, what="the broker")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    close = stop

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1.0).close()
        except OSError:
            return False
        return True


class Subscriber(Closing):
    """Gets everything that a broker gets, also after the broker was restarted."""

    def __init__(self, port: int) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.times_subscribed = 0
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_message = self._note
        self._client.on_subscribe = self._subscribed
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        wait_until(lambda: self.times_subscribed)

    def of(self, topic: str) -> list[bytes]:
        return [payload for name, payload in list(self.got) if name == topic]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _note(self, client: object, userdata: object, message: MQTTMessage) -> None:
        self.got.append((message.topic, bytes(message.payload)))

    def _subscribed(self, *_: object) -> None:
        self.times_subscribed += 1
