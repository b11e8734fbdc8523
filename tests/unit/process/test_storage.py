"""Inputs and outputs in storage, on a real FTP server, which fsspec opens by itself."""

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import fsspec
import pytest

from ssd_live.errors import (
    CancelledError,
    IncompleteError,
    MediaError,
    MissingPackageError,
    OutputError,
    SsdLiveError,
    UsageError,
)
from ssd_live.pipeline.cancellation import Cancellation
from ssd_live.process import storage
from ssd_live.process.at_hand import at_hand
from ssd_live.process.plan import Task, make_plan
from ssd_live.process.storage import fetch, is_address, listed, shown, store, version_of
from tests.storage_server import StorageServer


class Server(NamedTuple):
    """The folder that a server shows, and the address of this folder."""

    folder: Path
    address: str

    def make(self, *names: str) -> None:
        for name in names:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())


@pytest.fixture(scope="module")
def ftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, StorageServer]]:
    folder = tmp_path_factory.mktemp("ftp")
    with StorageServer(folder) as server:
        yield folder, server


@pytest.fixture
def server(ftp: tuple[Path, StorageServer], tmp_path: Path) -> Server:
    """A folder of its own for each test."""
    folder, server = ftp
    own = folder / tmp_path.name
    own.mkdir()
    return Server(own, f"{server.address}/{own.name}")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("s3://bucket/clip.mp4", True),
        ("https://host/clip.mp4", True),
        ("FTP://host/clip.mp4", True),
        ("rtsp://camera/1", False),
        ("clip.mp4", False),
        ("C:/clip.mp4", False),
        ("C:\\clip.mp4", False),
        ("a/b://c.mp4", False),
    ],
)
def test_addresses_of_storage_are_told_from_paths_and_streams(text: str, answer: bool) -> None:
    assert is_address(text) == answer


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("ftp://user:s3cret@host/a.mp4", "ftp://user@host/a.mp4"),
        ("ftp://user:s3c@ret@host/a@b.mp4", "ftp://user@host/a@b.mp4"),
        ("s3://bucket/a@b.mp4", "s3://bucket/a@b.mp4"),
        ("https://host/a.mp4?X-Amz-Signature=abc&sig=d", "https://host/a.mp4"),
        ("s3://bucket/a?.mp4", "s3://bucket/a?.mp4"),
        ("404, url='https://host/a.mp4?sig=abc'", "404, url='https://host/a.mp4'"),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, text: str) -> None:
    assert shown(address) == text


def test_a_file_a_folder_and_a_pattern_are_listed_in_natural_order(server: Server) -> None:
    server.make("in/clip10.mp4", "in/clip9.mp4", "in/sub/photo.JPG", "in/notes.txt", "in/.a.mp4")

    def names(address: str) -> list[str]:
        found = listed(f"{server.address}/{address}")
        for file in found:
            assert file.address == f"{server.address.rpartition('/')[0]}{file.path}"
            assert file.version
        return [file.path.partition("/in/")[2] for file in found]

    assert names("in/notes.txt") == ["notes.txt"]
    assert names("in") == names("in/") == ["clip9.mp4", "clip10.mp4", "sub/photo.JPG"]
    assert names("in/clip*") == ["clip9.mp4", "clip10.mp4"]
    assert names("in/**/*.JPG") == ["sub/photo.JPG"]


def test_a_name_with_the_letters_of_wildcards_is_found(server: Server) -> None:
    server.make("in/x [1].mp4", "in/x 1.mp4")
    (found,) = listed(f"{server.address}/in/x [1].mp4")
    assert found.path.endswith("/in/x [1].mp4")


def test_a_version_changes_with_the_file(server: Server) -> None:
    server.make("a.mp4")
    address = f"{server.address}/a.mp4"
    first = version_of(address)
    assert first == version_of(address) == listed(address)[0].version
    (server.folder / "a.mp4").write_bytes(b"longer than before")
    assert first != version_of(address) != ""
    (server.folder / "a.mp4").unlink()
    assert version_of(address) == ""


def test_a_file_is_fetched_and_stored(server: Server, tmp_path: Path) -> None:
    content = bytes(range(256)) * 20_000
    (tmp_path / "a.bin").write_bytes(content)
    store(tmp_path / "a.bin", f"{server.address}/new/folder/a.bin")
    assert (server.folder / "new/folder/a.bin").read_bytes() == content
    fetch(f"{server.address}/new/folder/a.bin", tmp_path / "b.bin", Cancellation())
    assert (tmp_path / "b.bin").read_bytes() == content
    # What is there is replaced, and nothing else is left.
    (tmp_path / "a.bin").write_bytes(b"new")
    store(tmp_path / "a.bin", f"{server.address}/new/folder/a.bin")
    assert (server.folder / "new/folder/a.bin").read_bytes() == b"new"
    assert len(list((server.folder / "new/folder").iterdir())) == 1


def test_a_store_of_objects_needs_no_part_file(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"whole")
    store(tmp_path / "a.bin", "memory://bucket/a.bin")
    files = fsspec.filesystem("memory")
    assert files.cat("/bucket/a.bin") == b"whole"
    assert files.ls("/bucket", detail=False) == ["/bucket/a.bin"]
    files.rm("/bucket", recursive=True)


def test_a_disk_of_this_machine_that_is_full_is_said_so(server: Server, small_disk: Path) -> None:
    (server.folder / "big.mp4").write_bytes(bytes(3 << 20))
    with pytest.raises(OutputError, match=r"no space left.*temporary folder"):
        fetch(f"{server.address}/big.mp4", small_disk / "big.mp4", Cancellation())


def test_fetching_ends_when_the_work_is_cancelled(server: Server, tmp_path: Path) -> None:
    server.make("a.mp4")
    cancellation = Cancellation()
    cancellation.stop()
    with pytest.raises(CancelledError, match="stopped before ftp://user@"):
        fetch(f"{server.address}/a.mp4", tmp_path / "a.mp4", cancellation)


@pytest.mark.parametrize(
    ("address", "error", "message"),
    [
        ("{server}/none.mp4", MediaError, "there is no such file; check the address"),
        ("{server}/*.mp4", MediaError, "nothing matches this pattern"),
        ("{server}/empty", MediaError, "there is no video or image in this folder"),
        ("ftp://user:wrong@{host}/a.mp4", MediaError, r"cannot be used \(530 Auth.*; check"),
        ("ftp://127.0.0.1:9/a.mp4", MediaError, "Connection refused.*; check"),
        ("nosuch://bucket/a.mp4", UsageError, "there is no storage nosuch://"),
        ("s3://bucket/a.mp4", MissingPackageError, "s3:// needs another package: .*s3fs"),
    ],
)
def test_what_cannot_be_listed_is_said_in_one_line(
    address: str, error: type[SsdLiveError], message: str, server: Server
) -> None:
    if address.startswith("s3:") and importlib.util.find_spec("s3fs"):
        pytest.skip("s3fs is installed here")
    (server.folder / "empty").mkdir()
    host = server.address.partition("@")[2].partition("/")[0]
    with pytest.raises(error, match=message) as caught:
        listed(address.format(server=server.address, host=host))
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "wrong" not in str(caught.value)


def test_a_stream_without_a_size_is_not_fetched_for_ever(
    monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    from fsspec.implementations.ftp import FTPFileSystem

    server.make("a.mp4")
    known = FTPFileSystem.info
    monkeypatch.setattr(
        FTPFileSystem, "info", lambda self, path, **more: known(self, path, **more) | {"size": None}
    )
    with pytest.raises(MediaError, match="does not tell the size, as of a stream; use `live"):
        listed(f"{server.address}/a.mp4")


def test_what_cannot_be_stored_is_said_in_one_line(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.make("a.mp4")
    (tmp_path / "b.mp4").write_bytes(b"b")
    monkeypatch.setattr(storage, "RETRY_SECONDS", (0.0,))
    address = server.address.replace("user:", "reader:")
    with pytest.raises(OutputError, match=r"reader@.*b\.mp4: the storage cannot be used"):
        store(tmp_path / "b.mp4", f"{address}/b.mp4")
    assert [path.name for path in server.folder.iterdir()] == ["a.mp4"]


# The plan.


def test_outputs_in_storage_have_the_subfolders_of_the_inputs(server: Server) -> None:
    server.make("in/a.avi", "in/sub/a.avi")
    plan = make_plan([f"{server.address}/in"], f"{server.address}/out/", "h264")
    base = server.address
    assert [(task.source_address, task.output_address) for task in plan.tasks] == [
        (f"{base}/in/a.avi", f"{base}/out/a.mp4"),
        (f"{base}/in/sub/a.avi", f"{base}/out/sub/a.mp4"),
    ]
    assert [task.name for task in plan.tasks] == [Path("a.avi"), Path("sub/a.avi")]
    assert plan.folder is not None
    assert plan.folder_address == f"{base}/out/"
    assert "s3cret" not in plan.folder_text
    # The same folder stands for the same address each time.
    again = make_plan([f"{base}/in/a.avi"], f"{base}/out/", "h264")
    assert again.folder == plan.folder


def test_paths_and_addresses_mix(server: Server, tmp_path: Path) -> None:
    server.make("in/a.avi")
    (tmp_path / "b.mp4").write_bytes(b"")
    plan = make_plan(
        [f"{server.address}/in/a.avi", str(tmp_path / "b.mp4")], str(tmp_path / "out"), "h264"
    )
    assert [(bool(task.source_address), task.output) for task in plan.tasks] == [
        (False, tmp_path / "out" / "b.mp4"),
        (True, tmp_path / "out" / "a.mp4"),
    ]
    assert (plan.folder, plan.folder_address) == (tmp_path / "out", "")
    assert [task.is_stored for task in plan.tasks] == [False, True]


def test_inputs_of_one_name_have_names_of_their_own(server: Server, tmp_path: Path) -> None:
    server.make("a.mp4")
    (tmp_path / "a.mp4").write_bytes(b"")
    inputs = [str(tmp_path / "a.mp4"), f"{server.address}/a.mp4"]
    for output in (None, str(tmp_path / "out")):
        plan = make_plan(inputs, output, "h264")
        assert [task.name for task in plan.tasks] == [Path("a.mp4"), Path("a-2.mp4")]
    assert len({task.output for task in plan.tasks}) == 2


def test_kinds_of_storage_mix(server: Server) -> None:
    server.make("a.mp4")
    files = fsspec.filesystem("file")
    assert files.exists(str(server.folder / "a.mp4"))
    plan = make_plan([f"{server.address}/a.mp4", f"file://{server.folder}/a.mp4"], None, "h264")
    assert len({task.name for task in plan.tasks}) == 2


def test_earlier_outputs_in_an_input_folder_are_no_inputs(server: Server, tmp_path: Path) -> None:
    server.make("in/a.mp4", "in/out/a.mp4", "in/.hidden/b.mp4")
    plan = make_plan([f"{server.address}/in"], f"{server.address}/in/out/", "h264")
    assert [task.source_address for task in plan.tasks] == [f"{server.address}/in/a.mp4"]
    folder = tmp_path / "here"
    for name in ("b.mp4", "out/b.mp4", ".ssd_live-1/0.mp4"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    plan = make_plan([str(folder), f"{server.address}/in/a.mp4"], str(folder / "out"), "h264")
    assert [task.source_text for task in plan.tasks if not task.source_address] == [
        str(folder / "b.mp4")
    ]


def test_one_input_may_have_a_named_output(server: Server, tmp_path: Path) -> None:
    server.make("a.avi")
    plan = make_plan([f"{server.address}/a.avi"], f"{server.address}/b.mkv", "h264")
    assert [task.output_address for task in plan.tasks] == [f"{server.address}/b.mkv"]
    assert plan.folder is None
    (tmp_path / "c.avi").write_bytes(b"")
    plan = make_plan([str(tmp_path / "c.avi")], f"{server.address}/c.mp4", "h264")
    assert [task.output_address for task in plan.tasks] == [f"{server.address}/c.mp4"]
    plan = make_plan([f"{server.address}/a.avi"], None, "h264")
    assert [(task.output, task.output_text) for task in plan.tasks] == [(None, "")]


@pytest.mark.parametrize(
    ("inputs", "output", "message"),
    [
        (["{server}/in"], "{server}/out.mp4", "is not a folder, but several inputs"),
        (["{server}/in/a.mp4"], "{server}/out.xyz", "the name does not show a format"),
        (["{server}/in/a.mp4"], "{server}/in/a.mp4", "the output would overwrite an input"),
        (["{server}/in"], "{server}/in", "the output would overwrite an input"),
        (["{server}/in"], "https://host/out/", "web servers take no files"),
        (["{server}"], "{server}/in/", "the inputs are only what lies in the output folder"),
    ],
)
def test_outputs_that_make_no_sense_are_refused(
    inputs: list[str], output: str, message: str, server: Server
) -> None:
    server.make("in/a.mp4", "in/b.mp4")
    with pytest.raises(SsdLiveError, match=message) as caught:
        make_plan(
            [text.format(server=server.address) for text in inputs],
            output.format(server=server.address),
            "h264",
        )
    assert "s3cret" not in str(caught.value)


# A task with its files at hand.


def test_errors_name_the_addresses_and_nothing_is_stored_then(server: Server) -> None:
    server.make("a.mp4")
    task = Task(
        Path("a.mp4"), Path("a.mp4"), Path("b.mp4"), f"{server.address}/a.mp4", "1",
        f"{server.address}/b.mp4",
    )  # fmt: skip
    places = []

    def work() -> None:
        with at_hand(task, Cancellation()) as here:
            places.append(here.source.parent)
            assert here.source.read_bytes() == b"a.mp4"
            assert here.output is not None
            here.output.write_bytes(b"half")
            part = here.output.with_suffix(".part.mp4")
            raise IncompleteError(
                f"{here.source}: is damaged; the results so far were kept in {part} and x.jsonl; "
                f"{here.output} is not complete"
            )

    with pytest.raises(IncompleteError) as caught:
        work()
    assert str(caught.value) == (
        f"{shown(server.address)}/a.mp4: is damaged; {shown(server.address)}/b.mp4 is not complete"
    )
    assert not places[0].exists()
    assert [path.name for path in server.folder.iterdir()] == ["a.mp4"]


def test_a_result_that_cannot_be_stored_is_kept(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "RETRY_SECONDS", (0.0,))
    server.make("a.mp4")
    address = server.address.replace("user:", "reader:")
    task = Task(
        Path("a.mp4"), Path("a.mp4"), Path("b.mp4"), output_address=f"{address}/b.mp4"
    )  # fmt: skip

    def work() -> None:
        with at_hand(task, Cancellation()) as here:
            assert here.output is not None
            here.output.write_bytes(b"hours of work")

    with pytest.raises(OutputError, match="the result is kept in ") as caught:
        work()
    kept = Path(str(caught.value).rpartition("kept in ")[2])
    assert kept.read_bytes() == b"hours of work"
    shutil.rmtree(kept.parent)


def test_a_task_of_this_machine_stays_as_it_is(tmp_path: Path) -> None:
    task = Task(tmp_path / "a.mp4", Path("a.mp4"), tmp_path / "b.mp4")
    with at_hand(task, Cancellation()) as here:
        assert here is task
