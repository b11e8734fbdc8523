"""Keep messages on disk until they are delivered, so that no crash or lost network loses them."""

import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from ssd_live.closing import Closing
from ssd_live.errors import OutputError
from ssd_live.system.atomic_files import sha256
from ssd_live.system.paths import resolve, state_folder

# So many messages wait for one target. Of more, the oldest are given up.
MOST_WAITING = 1000
# A program that is just ending may hold the file for so long.
_BUSY_SECONDS = 2.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    target TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    body BLOB NOT NULL,
    picture BLOB,
    added_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_of_a_target ON messages (target, number);
"""


@dataclass(frozen=True)
class Message:
    """A message about an event.

    `key` is unique, so that a receiver can tell a message that comes twice. `body` is JSON in
    UTF-8, and `picture` a JPEG file or None.
    """

    key: str
    body: bytes
    picture: bytes | None = None


class Outbox(Closing):
    """The messages that wait to be delivered, in the SQLite file `path`.

    Only one program can use a file at a time. A damaged file is set aside as `NAME.broken`, and
    `was_broken` is true then. Any thread may call the methods. The constructor and the methods
    raise `OutputError` if the file is in use, or cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.was_broken = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._database = self._opened()
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                path.replace(path.with_name(f"{path.name}.broken"))
                self.was_broken = True
                self._database = self._opened()
        except (OSError, sqlite3.Error) as error:
            raise self._failed(error) from error

    def _opened(self) -> sqlite3.Connection:
        database = sqlite3.connect(
            self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            (state,) = database.execute("PRAGMA quick_check(1)").fetchone()
            if state != "ok":
                raise sqlite3.DatabaseError(state)
            # Two programs would deliver each message twice.
            database.execute("PRAGMA locking_mode = EXCLUSIVE")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            database.executescript(_SCHEMA)
        except BaseException:
            database.close()
            raise
        return database

    def add(self, target: str, message: Message) -> int:
        """Keep a message for a target; return how many older ones were given up to make room."""
        with self._lock:
            try:
                self._database.execute(
                    "INSERT INTO messages (target, key, body, picture, added_at) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (target, message.key, message.body, message.picture, time.time()),
                )
                return self._database.execute(
                    "DELETE FROM messages WHERE target = ?1 AND number <= (SELECT number FROM "
                    "messages WHERE target = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
                    (target, MOST_WAITING),
                ).rowcount
            except sqlite3.Error as error:
                raise self._failed(error) from error

    def oldest(self, target: str) -> Message | None:
        """Return the oldest message for a target, which stays, or None if there is none."""
        with self._lock:
            try:
                row = self._database.execute(
                    "SELECT key, body, picture FROM messages WHERE target = ? ORDER BY number "
                    "LIMIT 1",
                    (target,),
                ).fetchone()
            except sqlite3.Error as error:
                raise self._failed(error) from error
        return None if row is None else Message(*row)

    def remove(self, message: Message) -> None:
        """Remove a message, which was delivered or given up."""
        with self._lock:
            try:
                self._database.execute("DELETE FROM messages WHERE key = ?", (message.key,))
            except sqlite3.Error as error:
                raise self._failed(error) from error

    def waiting(self, target: str) -> int:
        """Return how many messages wait for a target."""
        with self._lock:
            try:
                (count,) = self._database.execute(
                    "SELECT count(*) FROM messages WHERE target = ?", (target,)
                ).fetchone()
            except sqlite3.Error as error:
                raise self._failed(error) from error
        return int(count)

    def close(self) -> None:
        """Close the file. What waits stays in it."""
        with self._lock:
            self._database.close()

    def _failed(self, error: Exception) -> OutputError:
        if "locked" in str(error):
            return OutputError(
                "another program watches this source with these rules, and would send each "
                "message twice; end it, or copy the rules file"
            )
        return OutputError(
            f"{self._path}: messages cannot be kept there ({str(error).lower()}); free some space "
            "or make the folder writable"
        )


def outbox_of(rules: Path, source: str) -> Path:
    """Return the outbox of a source that is watched by the rules of a file.

    It is the same in each run, so that what waits is delivered by the next one.
    """
    name = f"{resolve(rules)}\n{source}".encode("utf-8", "replace")
    return state_folder() / "outbox" / f"{sha256(name)[:16]}.db"
