"""`process` with inputs and outputs in storage."""

from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest

from tests.clips import frame_times, write_clip
from tests.conftest import Answer
from tests.storage_server import PASSWORD, StorageServer

Process = Callable[..., Answer]


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A folder in storage with two clips and something that is none."""
    place = tmp_path / "stored"
    (place / "in" / "sub").mkdir(parents=True)
    write_clip(place / "in" / "a.mp4", 5)
    write_clip(place / "in" / "sub" / "b.mp4", 6)
    return place


@pytest.fixture
def server(stored: Path) -> Iterator[StorageServer]:
    with StorageServer(stored) as server:
        yield server


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine remembers of storage is there."""
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(tmp_path / "state"))


def names(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def test_a_folder_is_processed_and_what_is_finished_is_skipped(
    process: Process, server: StorageServer, stored: Path, tmp_path: Path
) -> None:
    words = (f"{server.address}/in", "-o", f"{server.address}/out/", "--detections")
    answer = process(*words, tmp_path / "all.jsonl")
    assert answer.code == 0, answer.err
    assert names(stored / "out") == ["a.mp4", "sub/b.mp4", "summary.csv"]
    assert [len(frame_times(stored / "out" / name)) for name in ("a.mp4", "sub/b.mp4")] == [5, 6]
    # Each input has a header line, and a line for each frame.
    assert len((tmp_path / "all.jsonl").read_text().splitlines()) == 1 + 5 + 1 + 6
    place = server.address.replace(f":{PASSWORD}", "")
    assert f"2 of 2 inputs done: {place}/out/" in answer.out
    assert f"summary: {place}/out/summary.csv" in answer.out
    summary = (stored / "out" / "summary.csv").read_text()
    assert f"{place}/in/a.mp4,{place}/out/a.mp4,done,5" in summary
    again = process(*words, tmp_path / "all.jsonl")
    assert "0 of 2 inputs done, 2 finished before" in again.out
    # What was changed or deleted is made again.
    (stored / "out" / "a.mp4").unlink()
    write_clip(stored / "in" / "sub" / "b.mp4", 7)
    again = process(*words, tmp_path / "all.jsonl")
    assert "2 of 2 inputs done" in again.out
    assert len(frame_times(stored / "out" / "sub" / "b.mp4")) == 7
    assert list((tmp_path / "state").rglob("finished.json"))
    secrets = [path for path in tmp_path.rglob("*") if path.is_file() if PASSWORD in _text(path)]
    assert secrets == []


def _text(path: Path) -> str:
    return path.read_bytes().decode("latin-1")


def test_one_file_comes_from_storage_or_goes_there(
    process: Process, server: StorageServer, stored: Path, tmp_path: Path
) -> None:
    answer = process(f"{server.address}/in/a.mp4", "-o", tmp_path / "a.mp4")
    assert answer.code == 0, answer.err
    assert f"written: {tmp_path / 'a.mp4'} (" in answer.out
    answer = process(tmp_path / "a.mp4", "-o", f"{server.address}/new/again.mkv")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("written: ftp://user@")
    assert len(frame_times(stored / "new" / "again.mkv")) == 5
    assert names(stored) == ["in/a.mp4", "in/sub/b.mp4", "new/again.mkv"]
    # It is not replaced without being asked.
    answer = process(tmp_path / "a.mp4", "-o", f"{server.address}/new/again.mkv")
    assert (answer.code, "exists already" in answer.err) == (1, True)


def test_a_broken_input_is_named_by_its_address(
    process: Process, server: StorageServer, stored: Path, tmp_path: Path
) -> None:
    (stored / "in" / "bad.mp4").write_text("no video")
    answer = process(f"{server.address}/in", "-o", f"{server.address}/out/")
    assert answer.code == 1
    (line,) = [line for line in answer.err.splitlines() if "bad.mp4: " in line and "error" in line]
    assert "ftp://user@" in line
    assert PASSWORD not in answer.err + answer.out
    assert names(stored / "out") == ["a.mp4", "sub/b.mp4", "summary.csv"]


def test_what_is_kept_of_a_stopped_or_damaged_input_is_told_rightly(
    process: Process, server: StorageServer, stored: Path
) -> None:
    data = (stored / "in" / "a.mp4").read_bytes()
    # A file that ends in its first half.
    with av.open(str(stored / "in" / "a.mp4")) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    bad = packets[3]
    assert bad.pos is not None
    broken = data[: bad.pos] + b"\xff" * bad.size + data[bad.pos + bad.size :]
    (stored / "in" / "a.mp4").write_bytes(broken)
    answer = process(f"{server.address}/in/a.mp4", "-o", f"{server.address}/out.mp4")
    assert (answer.code, "could not be decoded" in answer.err) == (1, True), answer.err
    assert "kept in" not in answer.err
    assert not (stored / "out.mp4").exists()


def test_a_summary_of_somebody_else_is_not_replaced(
    process: Process, server: StorageServer, stored: Path
) -> None:
    (stored / "out").mkdir()
    (stored / "out" / "summary.csv").write_text("mine")
    words = (f"{server.address}/in", "-o", f"{server.address}/out/")
    answer = process(*words)
    assert (answer.code, "summary.csv: exists already" in answer.err) == (1, True), answer.err
    assert (stored / "out" / "summary.csv").read_text() == "mine"
    assert process(*words, "--overwrite").code == 0
    assert process(*words).code == 0


@pytest.mark.parametrize("words", [("-o", "-"), ("-o", "{server}/o.mp4", "--detections", "-")])
def test_storage_and_the_standard_output_do_not_go_together(
    words: tuple[str, ...], process: Process, server: StorageServer
) -> None:
    answer = process(
        f"{server.address}/in/a.mp4", *(word.format(server=server.address) for word in words)
    )
    assert answer.code == 2
    assert "storage does not work with the standard input or output" in answer.err
    assert PASSWORD not in answer.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--detections", "ftp://host/a.jsonl"), "--detections writes to this machine"),
        (("--track", "live", "--tracks", "ftp://host/a.csv"), "--tracks writes to this machine"),
        (("--detections", "a.jsonl", "--index"), "--index needs inputs and outputs on this"),
        (("--redact", "person", "--review", "r.jsonl"), "--review needs inputs and outputs on"),
    ],
)
def test_what_needs_files_of_this_machine_says_so(
    words: tuple[str, ...], message: str, process: Process, server: StorageServer, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    answer = process(f"{server.address}/in/a.mp4", "-o", "out.mp4", *words)
    assert (answer.code, message in answer.err) == (2, True), answer.err
    assert names(tmp_path) == ["stored/in/a.mp4", "stored/in/sub/b.mp4"]
