"""Send messages as HTTP POST requests with JSON."""

import base64
import http.client
import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from ssd_live.actions.outbox import Message
from ssd_live.actions.sender import NotDeliveredError

TIMEOUT_SECONDS = 30.0
# Requests that a server refuses, but may take later: it was too slow, or asked too often.
_LATER = (408, 425, 429)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Python would follow a redirect with a GET request, without the message."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Webhook:
    """A server that gets each message as a POST request with JSON.

    `address` is an http or https URL. A user name and a password in it are sent as basic
    authentication. The JSON has a picture as `picture`, a JPEG file in Base64. The header
    `Idempotency-Key` has the key of the message, by which the server can tell one that comes twice.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
        self._address = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
        self._headers = {
            "Content-Type": "application/json",
            "User-Agent": "ssd_live",
        }
        if parts.username is not None:
            secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(secret).decode()}"
        self._opener = urllib.request.build_opener(_NoRedirects())

    def deliver(self, message: Message) -> None:
        """Send a message, and wait up to 30 s for the answer.

        Raises `NotDeliveredError` unless the server answers with a code from 200 to 299.
        """
        body = json.loads(message.body)
        if message.picture is not None:
            body["picture"] = base64.b64encode(message.picture).decode()
        request = urllib.request.Request(
            self._address,
            json.dumps(body, ensure_ascii=False).encode(),
            {**self._headers, "Idempotency-Key": message.key},
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS):
                pass
        except urllib.error.HTTPError as error:
            with error:
                raise NotDeliveredError(
                    f"the server answered {error.code}",
                    is_final=error.code < 500 and error.code not in _LATER,
                ) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            text = getattr(reason, "strerror", None) or str(reason) or "no answer"
            raise NotDeliveredError(f"the server cannot be reached ({text.lower()})") from error

    def close(self) -> None:
        """Do nothing, because each message has a connection of its own."""
