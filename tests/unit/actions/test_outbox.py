"""Messages outlive the program, its end by force, and a damaged file."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from ssd_live.actions.outbox import MOST_WAITING, Message, Outbox, outbox_of
from ssd_live.errors import OutputError

_ADD_AND_WAIT = """
import sys
from pathlib import Path
from ssd_live.actions.outbox import Message, Outbox
outbox = Outbox(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), int(sys.argv[2]) + 100_000):
    outbox.add("a", Message(f"{number}", b"{}"))
    print(number, flush=True)
"""


def _message(number: int, picture: bytes | None = None) -> Message:
    return Message(f"key {number}", f'{{"number": {number}}}'.encode(), picture)


def test_messages_come_out_in_order_and_stay_until_they_are_removed(tmp_path: Path) -> None:
    first, second, other = _message(1, b"\xff\xd8"), _message(2), _message(3)
    with Outbox(tmp_path / "new" / "a.db") as outbox:
        assert outbox.oldest("a") is None
        for target, message in (("a", first), ("b", other), ("a", second)):
            assert outbox.add(target, message) == 0
        assert outbox.oldest("a") == first
        assert outbox.oldest("a") == first
        outbox.remove(first)
        assert outbox.oldest("a") == second
    with Outbox(tmp_path / "new" / "a.db") as again:
        assert (again.waiting("a"), again.waiting("b"), again.waiting("c")) == (1, 1, 0)
        assert again.oldest("b") == other
        assert not again.was_broken


def test_only_the_newest_messages_of_a_target_wait(tmp_path: Path) -> None:
    with Outbox(tmp_path / "a.db") as outbox:
        outbox.add("b", _message(-1))
        given_up = [outbox.add("a", _message(number)) for number in range(MOST_WAITING + 3)]
        assert given_up == [0] * MOST_WAITING + [1] * 3
        assert outbox.waiting("a") == MOST_WAITING
        assert outbox.oldest("a") == _message(3)
        assert outbox.waiting("b") == 1


def test_nothing_that_was_added_is_lost_when_the_program_is_killed(tmp_path: Path) -> None:
    path, added = tmp_path / "a.db", 0
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", _ADD_AND_WAIT, path, str(added)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for _ in range(20):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        added += 20 + len(process.stdout.read().splitlines())
        process.wait()
        with Outbox(path) as outbox:
            # The one that was being added may be there too.
            waiting = outbox.waiting("a")
            assert waiting in (added, added + 1)
            added = waiting


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"no database, but long enough to be taken for one" * 100)
    with Outbox(path) as outbox:
        assert outbox.was_broken
        outbox.add("a", _message(1))
    assert (tmp_path / "a.db.broken").read_bytes().startswith(b"no database")
    # The header is right, and the pages are not.
    content = bytearray(path.read_bytes())
    content[100:] = b"\x55" * (len(content) - 100)
    path.write_bytes(content)
    with Outbox(path) as outbox:
        assert outbox.was_broken
        assert outbox.oldest("a") is None


def test_two_programs_cannot_use_one_outbox(tmp_path: Path) -> None:
    with Outbox(tmp_path / "a.db") as outbox:
        outbox.add("a", _message(1))
        with pytest.raises(OutputError, match="another program watches this source"):
            Outbox(tmp_path / "a.db")
    with Outbox(tmp_path / "a.db") as again:
        assert again.waiting("a") == 1


def test_a_folder_that_cannot_be_written_gets_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="messages cannot be kept there"):
        Outbox(tmp_path / "file" / "a.db")
    with Outbox(tmp_path / "a.db") as outbox:
        pass
    for use in (
        lambda: outbox.add("a", _message(1)),
        lambda: outbox.oldest("a"),
        lambda: outbox.remove(_message(1)),
        lambda: outbox.waiting("a"),
    ):
        with pytest.raises(OutputError, match="messages cannot be kept there"):
            use()


def test_the_file_is_a_database_that_other_tools_read(tmp_path: Path) -> None:
    with Outbox(tmp_path / "a.db") as outbox:
        outbox.add("a", _message(1))
    with sqlite3.connect(tmp_path / "a.db") as database:
        assert database.execute("SELECT target, key FROM messages").fetchall() == [("a", "key 1")]
    database.close()


def test_each_source_and_each_rules_file_has_an_outbox_of_its_own(tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    places = {outbox_of(rules, "a"), outbox_of(rules, "b"), outbox_of(tmp_path / "x.json", "a")}
    assert len(places) == 3
    assert outbox_of(tmp_path / "." / "rules.json", "a") in places
    assert outbox_of(rules, "\udcff").parent == outbox_of(rules, "a").parent
