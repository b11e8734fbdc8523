"""Deliver the messages of an outbox to one target, in order, until it has taken them."""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Protocol

from ssd_live.actions.outbox import Message, Outbox
from ssd_live.closing import Closing
from ssd_live.errors import OutputError, SsdLiveError

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 1.0, 60.0
_MOST_DOUBLINGS = 10
_FLUSH_SECONDS, _POLL_SECONDS = 2.0, 0.02
_JOIN_SECONDS = 2.0


class NotDeliveredError(SsdLiveError):
    """A target did not take a message. With `is_final`, trying again makes no sense."""

    def __init__(self, text: str, *, is_final: bool = False) -> None:
        super().__init__(text)
        self.is_final = is_final


class Target(Protocol):
    """Somebody who takes messages. Only one thread calls the methods."""

    def deliver(self, message: Message) -> None:
        """Deliver a message and wait until it was taken. Raises `NotDeliveredError` if it was not.

        It may be called again with the same message.
        """
        ...

    def close(self) -> None:
        """End all connections. Any thread may call it, also while `deliver` runs."""


class Sender(Closing):
    """A thread that delivers the messages which wait in `outbox` for the target called `name`.

    After a failure it waits, each time twice as long, up to a minute. `notify` gets a line of text
    when the first of several deliveries fails, when delivery works again, and when a message is
    given up. Unless deliveries fail, `close` takes up to two seconds to deliver what waits; the
    rest stays.
    """

    def __init__(
        self,
        name: str,
        target: Target,
        outbox: Outbox,
        notify: Callable[[str], None],
        *,
        first_wait: float = _FIRST_WAIT_SECONDS,
    ) -> None:
        self._name, self._target, self._outbox, self._notify = name, target, outbox, notify
        self._first_wait = first_wait
        self._wake = threading.Condition()
        self._has_more = True
        self._is_closed = self._is_failing = False
        self._thread = threading.Thread(target=self._run, name="send", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Say that a message was added."""
        with self._wake:
            self._has_more = True
            self._wake.notify_all()

    def close(self) -> None:
        """Deliver what waits, if that works, and end the thread."""
        ends = time.monotonic() + _FLUSH_SECONDS
        with contextlib.suppress(OutputError):
            while (
                not self._is_failing
                and time.monotonic() < ends
                and self._outbox.waiting(self._name)
            ):
                time.sleep(_POLL_SECONDS)
        with self._wake:
            self._is_closed = True
            self._wake.notify_all()
        self._thread.join(_JOIN_SECONDS)
        self._target.close()
        self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        failures = 0
        while self._wait_for_more():
            try:
                is_delivered = self._deliver_oldest()
            except (NotDeliveredError, OutputError) as error:
                self._is_failing = True
                if not failures and not self._is_closed:
                    self._notify(f"{self._name}: {error}; the message will be sent again")
                self.wake()
                self._pause(min(self._first_wait * 2**failures, _LONGEST_WAIT_SECONDS))
                failures = min(failures + 1, _MOST_DOUBLINGS)
                continue
            if is_delivered:
                if failures:
                    self._notify(f"{self._name}: messages are delivered again")
                failures, self._is_failing = 0, False

    def _wait_for_more(self) -> bool:
        """Wait until there may be a message; return False when the sender was closed."""
        with self._wake:
            self._wake.wait_for(lambda: self._has_more or self._is_closed)
            self._has_more = False
        return not self._is_closed

    def _deliver_oldest(self) -> bool:
        """Deliver the oldest message; return whether there was one and the target took it."""
        message = self._outbox.oldest(self._name)
        if message is None:
            return False
        # There may be another one after it.
        self.wake()
        try:
            self._target.deliver(message)
        except NotDeliveredError as error:
            if not error.is_final:
                raise
            self._notify(f"{self._name}: {error}; this message is given up")
            self._outbox.remove(message)
            return False
        self._outbox.remove(message)
        return True

    def _pause(self, seconds: float) -> None:
        with self._wake:
            self._wake.wait_for(lambda: self._is_closed, seconds)
