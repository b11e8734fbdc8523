"""Open the index, an SQLite file with the objects of recordings and results."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from ssd_live.closing import Closing
from ssd_live.errors import OutputError
from ssd_live.system.atomic_files import set_aside
from ssd_live.system.paths import state_folder

# Another program that writes holds the file for much less.
BUSY_SECONDS = 5.0
# Each step leads from its number to the next one. A step is never changed; new ones are added.
STEPS = (
    """
    CREATE TABLE sources (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        log NOT NULL,
        video NOT NULL,
        is_own INTEGER NOT NULL DEFAULT 0,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        recorded_at REAL,
        seconds REAL NOT NULL DEFAULT 0,
        is_complete INTEGER NOT NULL DEFAULT 0,
        added_at REAL NOT NULL
    );
    CREATE INDEX sources_of_a_log ON sources (log);
    CREATE TABLE names (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        UNIQUE (kind, name)
    );
    CREATE TABLE tracks (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        source INTEGER NOT NULL,
        track_id INTEGER NOT NULL,
        class INTEGER NOT NULL,
        begin REAL NOT NULL,
        seconds REAL NOT NULL,
        clock REAL NOT NULL,
        minute INTEGER,
        score REAL NOT NULL,
        colours INTEGER NOT NULL,
        together INTEGER NOT NULL,
        best_time REAL,
        x1 REAL, y1 REAL, x2 REAL, y2 REAL
    );
    CREATE INDEX tracks_to_search
        ON tracks (clock, class, minute, seconds, colours, together, source);
    CREATE INDEX tracks_of_a_source ON tracks (source, begin);
    CREATE TABLE visits (
        place INTEGER NOT NULL,
        clock REAL NOT NULL,
        track INTEGER NOT NULL,
        class INTEGER NOT NULL,
        minute INTEGER,
        seconds REAL NOT NULL,
        colours INTEGER NOT NULL,
        together INTEGER NOT NULL,
        source INTEGER NOT NULL,
        PRIMARY KEY (place, clock, track)
    ) WITHOUT ROWID;
    CREATE INDEX visits_of_a_track ON visits (track);
    CREATE TABLE counts (
        id INTEGER PRIMARY KEY,
        source INTEGER NOT NULL,
        time REAL NOT NULL,
        zone INTEGER NOT NULL,
        kind TEXT NOT NULL,
        direction TEXT NOT NULL,
        class INTEGER NOT NULL,
        track_id INTEGER NOT NULL,
        seconds REAL NOT NULL
    );
    CREATE INDEX counts_of_a_source ON counts (source, time);
    CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        source INTEGER NOT NULL,
        time REAL NOT NULL,
        rule INTEGER NOT NULL,
        zone TEXT NOT NULL,
        class TEXT NOT NULL,
        track_id INTEGER NOT NULL,
        number INTEGER NOT NULL
    );
    CREATE INDEX events_of_a_source ON events (source, time);
    """,
)
_PICTURES = "CREATE TABLE IF NOT EXISTS pictures.jpegs (track INTEGER PRIMARY KEY, jpeg BLOB)"


class Index(Closing):
    """The index in the SQLite file `path`, with the pictures in a second file beside it.

    The constructor makes missing files, and brings older ones to the present form. A damaged file
    is set aside as `NAME.broken-N.EXT`; `notes` then has a line for the user. Several programs may
    use the files at once, and any thread may call the methods. The constructor and the methods
    raise `OutputError` if the files cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pictures_path = path.with_name(f"{path.stem}-pictures{path.suffix}")
        self.notes: list[str] = []
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._set_aside_if_damaged()
            self._database = self._connected()
            try:
                self._migrate()
            except BaseException:
                self._database.close()
                raise
        except (OSError, sqlite3.Error) as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            self._database.close()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to read from, in a with-block."""
        with self._lock:
            try:
                yield self._database
            except sqlite3.Error as error:
                raise self._failed(error) from error

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to write to, in a with-block that is done completely or not at all.

        Nobody else writes in the meantime.
        """
        with self.reading() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                # A full disk may have ended the transaction already.
                with contextlib.suppress(sqlite3.Error):
                    database.execute("ROLLBACK")
                raise

    def number_of(self, kind: str, name: str) -> int:
        """Return the number of a name of this kind: a class, a zone or a rule; add it if new.

        Call it in a `writing` block.
        """
        row = self._database.execute(
            "SELECT id FROM names WHERE kind = ? AND name = ?", (kind, name)
        ).fetchone()
        if row is None:
            added = self._database.execute(
                "INSERT INTO names (kind, name) VALUES (?, ?)", (kind, name)
            )
            assert added.lastrowid is not None
            return added.lastrowid
        return int(row[0])

    def bytes_on_disk(self) -> int:
        """Return the size of the files of the index, in bytes."""
        total = 0
        for path in (self.path, self.pictures_path):
            for name in (path.name, f"{path.name}-wal"):
                with contextlib.suppress(OSError):
                    total += path.with_name(name).stat().st_size
        return total

    def shrink(self) -> None:
        """Give the space of what was deleted back to the file system."""
        with self.reading() as database:
            for name in ("main", "pictures"):
                # `execute` would do only the first step, which frees one page.
                database.executescript(f"PRAGMA {name}.incremental_vacuum")
                database.execute(f"PRAGMA {name}.wal_checkpoint(TRUNCATE)").fetchall()

    def _connected(self) -> sqlite3.Connection:
        database = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            database.execute("ATTACH DATABASE ? AS pictures", (str(self.pictures_path),))
            for name in ("main", "pictures"):
                # What is deleted must not be readable in the file. This has an effect on new files.
                database.execute(f"PRAGMA {name}.auto_vacuum = INCREMENTAL")
                database.execute(f"PRAGMA {name}.secure_delete = ON")
                database.execute(f"PRAGMA {name}.journal_mode = WAL")
                database.execute(f"PRAGMA {name}.synchronous = NORMAL")
        except BaseException:
            database.close()
            raise
        return database

    def _migrate(self) -> None:
        (version,) = self._database.execute("PRAGMA main.user_version").fetchone()
        if version > len(STEPS):
            raise OutputError(
                f"{self.path}: was made by a newer version of ssd_live; update this one, or move "
                "the file away"
            )
        if version < len(STEPS):
            with self.writing() as database:
                # Another program may have been faster.
                (there,) = database.execute("PRAGMA main.user_version").fetchone()
                version = version or there
                for step in STEPS[there:]:
                    for statement in step.split(";"):
                        database.execute(statement)
                database.execute(f"PRAGMA main.user_version = {len(STEPS)}")
        with self.writing() as database:
            database.execute(_PICTURES)
            if not version:
                # Pictures of an index that is gone would be shown for other objects.
                database.execute("DELETE FROM pictures.jpegs")

    def _set_aside_if_damaged(self) -> None:
        if _is_damaged(self.path, "integrity_check"):
            again = "the index begins anew, add the logs again"
            self._set_aside(self.path, again)
            # The pictures are found by the numbers in the other file, so both go together.
            if self.pictures_path.exists():
                self._set_aside(self.pictures_path, again)
            return
        # To check many pictures takes long, so it is done only after trouble.
        had_trouble = self._trouble_path.exists()
        if _is_damaged(self.pictures_path, "integrity_check" if had_trouble else "schema_version"):
            self._set_aside(self.pictures_path, "its pictures are gone, the rest is there")
        self._trouble_path.unlink(missing_ok=True)

    @property
    def _trouble_path(self) -> Path:
        """A file that exists after a part of the index could not be read."""
        return self.path.with_name(f"{self.path.name}-damaged")

    def _set_aside(self, path: Path, result: str) -> None:
        kept = set_aside(path)
        for ending in ("-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
        where = "" if kept is None else f" (kept as {kept.name})"
        self.notes.append(f"{path}: was damaged{where}; {result}")

    def _failed(self, error: Exception) -> OutputError:
        if isinstance(error, OutputError):
            return error
        text = str(error).lower()
        if "locked" in text:
            return OutputError(
                f"{self.path}: another program has been writing for over {BUSY_SECONDS:.0f} s; "
                "try again"
            )
        if "already exists" in text or "no such table" in text:
            return OutputError(f"{self.path}: is not an index of ssd_live; move it away")
        if isinstance(error, FileExistsError) or "unable to open" in text:
            return OutputError(
                f"{self.path}: cannot be opened; move away what has this name, and make the folder "
                "writable"
            )
        if "malformed" in text or "not a database" in text:
            with contextlib.suppress(OSError):
                self._trouble_path.touch()
            return OutputError(f"{self.path}: is damaged; start again, so that it is set aside")
        return OutputError(
            f"{self.path}: the index cannot be used ({text}); free some space or make the folder "
            "writable"
        )


def index_path() -> Path:
    """Return the file of the index of this user."""
    return state_folder() / "index.db"


def stored(path: Path) -> str | bytes:
    """Return a path as the index keeps it: as text, or as bytes if it is no text."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return str(path)


def path_in(value: str | bytes) -> Path | None:
    """Return a path that the index keeps, or None for ""."""
    return Path(os.fsdecode(value)) if value else None


def _is_damaged(path: Path, check: str) -> bool:
    """Return whether an SQLite file fails a check, which is the name of a pragma."""
    if not path.exists():
        return False
    database = sqlite3.connect(path, timeout=BUSY_SECONDS)
    try:
        (state,) = database.execute(f"PRAGMA {check}").fetchone()
    except sqlite3.OperationalError:
        # It is busy or cannot be read, which says nothing about its content.
        raise
    except sqlite3.DatabaseError:
        return True
    finally:
        database.close()
    return check == "integrity_check" and state != "ok"
