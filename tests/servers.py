"""Real network cameras on loopback, and how X servers are started."""

import contextlib
import functools
import http.server
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2

from ssd_live.closing import Closing
from ssd_live.video.sources.base import SourceOptions
from ssd_live.video.sources.pattern import PatternSource

# No network, and no new beginning when the last program closes, which would turn the next one away.
XVFB = ("-nolisten", "tcp", "-noreset")
_BOUNDARY = "frame"


class QuietHandler(http.server.BaseHTTPRequestHandler):
    """Answers the requests of a client, and logs nothing."""

    def log_message(self, *words: Any) -> None:
        pass


class HttpServer(Closing):
    """A server on loopback, which `handler` answers, at `port` (0: a free one) until it is closed.

    `address` is its own and `path`.
    """

    def __init__(
        self, handler: type[http.server.BaseHTTPRequestHandler], path: str, port: int = 0
    ) -> None:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
        self.port = self._server.server_address[1]
        self.address = f"http://127.0.0.1:{self.port}/{path}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="server", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class RefusingServer(HttpServer):
    """A server that answers every request with an HTTP error. `asked` counts the requests."""

    def __init__(self, code: int, port: int = 0) -> None:
        self.asked = 0
        outer = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                self.send_error(code)

        super().__init__(Handler, "video", port)


class MjpegServer(Closing):
    """Motion JPEG over HTTP, as network cameras send it: `rate` pictures a second of the test
    pattern. `stop` cuts every connection.

    It can be started again under the same address.
    """

    def __init__(self, size: tuple[int, int] = (640, 360), rate: float = 30.0) -> None:
        with PatternSource("", SourceOptions(size)) as pattern:
            self._pictures = [
                cv2.imencode(".jpg", pattern.picture(index))[1].tobytes()
                for index in range(0, 120, 4)
            ]
        self._rate = rate
        self._server: Any = None
        self._connections: set[socket.socket] = set()
        self.stalled = threading.Event()
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as probe:
            self._port = probe.getsockname()[1]
        self.start()

    @property
    def port(self) -> int:
        return int(self._port)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}/video"

    def start(self) -> None:
        camera = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                camera.serve(self)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", self._port), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="server", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._server = None
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def close(self) -> None:
        self.stop()

    def serve(self, request: Any) -> None:
        """Send pictures to one client until it leaves or the camera stops."""
        connection = request.connection
        self._connections.add(connection)
        try:
            request.send_response(200)
            request.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
            request.end_headers()
            due = time.monotonic()
            for number in range(1_000_000):
                if self._server is None:
                    return
                picture = self._pictures[number % len(self._pictures)]
                head = (
                    f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\n"
                    f"Content-Length: {len(picture)}\r\n\r\n"
                ).encode()
                while self.stalled.is_set() and self._server is not None:
                    time.sleep(0.01)
                request.wfile.write(head + picture + b"\r\n")
                due += 1 / self._rate
                time.sleep(max(due - time.monotonic(), 0))
        except OSError:
            pass
        finally:
            self._connections.discard(connection)


class StreamServer(HttpServer):
    """A camera that sends a video of so many seconds over HTTP, as fast as it is played, and no
    faster. Nobody is told how long it is.
    """

    def __init__(self, video: Path, seconds: float) -> None:
        data = video.read_bytes()

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "video/mp2t")
                self.end_headers()
                begin, sent = time.monotonic(), 0
                with contextlib.suppress(OSError):
                    while sent < len(data):
                        share = (time.monotonic() - begin) / seconds
                        more = data[sent : max(int(share * len(data)), sent)]
                        self.wfile.write(more)
                        sent += len(more)
                        time.sleep(0.01)

        super().__init__(Handler, "camera.ts")


@contextlib.contextmanager
def file_server(folder: Path) -> Iterator[str]:
    """The files of a folder over HTTP; gives its address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words: Any) -> None:
            pass

    with socketserver.ThreadingTCPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))
    ) as server:
        server.daemon_threads = True
        thread = threading.Thread(
            target=server.serve_forever, args=(0.02,), name="server", daemon=True
        )
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
