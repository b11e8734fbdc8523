"""A real FTP server on loopback: storage that fsspec opens without another package."""

import threading
import warnings
from pathlib import Path

with warnings.catch_warnings():
    # It uses modules of Python that newer versions do not have; there it brings them itself.
    warnings.simplefilter("ignore", DeprecationWarning)
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import FTPServer

from ssd_live.closing import Closing

PASSWORD = "s3cret"


class StorageServer(Closing):
    """Shows `folder` at `address` to the user `user`, who may write.

    The user `reader` may only read. The password of both is `PASSWORD`.
    """

    def __init__(self, folder: Path) -> None:
        users = DummyAuthorizer()
        users.add_user("user", PASSWORD, str(folder), perm="elradfmwMT")
        users.add_user("reader", PASSWORD, str(folder), perm="elr")
        handler = type("Handler", (FTPHandler,), {"authorizer": users})
        self._server = FTPServer(("127.0.0.1", 0), handler)
        place = f"{PASSWORD}@127.0.0.1:{self._server.address[1]}"
        self.address = f"ftp://user:{place}"
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="storage", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._is_closed.is_set():
            self._server.serve_forever(timeout=0.02, blocking=False)

    def close(self) -> None:
        self._is_closed.set()
        self._thread.join()
        self._server.close_all()
