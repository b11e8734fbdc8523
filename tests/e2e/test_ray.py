"""`process` spread over a Ray cluster: the same results as without, whatever happens to a
worker.
"""

import csv
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import psutil
import pytest
from onnx import helper

from ssd_live.analytics.zones import Zone, write_zones
from ssd_live.modelfile.file import to_bytes
from ssd_live.system.paths import assets_folder
from tests.clips import SAMPLE, frame_times, write_clip
from tests.conftest import FIXED_BACKEND, Answer
from tests.storage_server import StorageServer
from tests.tiny_model import tiny_metadata, tiny_proto
from tests.waiting import LIMIT_SECONDS, wait_until

pytest.importorskip("ray")

CHECKOUT = Path(__file__).resolve().parents[2]
CLIPS = 20
# A cluster takes seconds to start; all of them start one.
_START_SECONDS = 150.0
# One clip takes long enough that a worker is caught at it, however busy the machine is.
LONG_CLIP, _LONG_FRAMES = CLIPS - 1, 150


def _frames(number: int) -> int:
    return _LONG_FRAMES if number == LONG_CLIP else 4 + number % 3


def _key_frames(stream: Any) -> None:
    stream.options = {"g": "20", "sc_threshold": "0"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty short clips, and something that is none among them."""
    place = tmp_path_factory.mktemp("ray") / "in"
    place.mkdir()
    for number in range(CLIPS):
        # The long one has two frames a second, so that it is split.
        rate = Fraction(2 if number == LONG_CLIP else 25)
        write_clip(
            place / f"{number}.mp4", _frames(number), size=(320, 136), rate=rate, setup=_key_frames
        )
    (place / "10-bad.mp4").write_text("no video")
    return place


def _command(*words: object) -> list[str]:
    return [
        str(word)
        for word in (sys.executable, CHECKOUT / "main.py", "process", *words, *FIXED_BACKEND)
    ]


def _run(*words: object) -> Answer:
    done = subprocess.run(
        _command(*words), capture_output=True, text=True, check=False, timeout=200
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def _workers(program: psutil.Process) -> list[psutil.Process]:
    """Ray's processes that run our workers; they name themselves after what they do."""
    found = []
    for child in program.children(recursive=True):
        try:
            if "_Worker.run" in " ".join(child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue
    return found


def _kill_in_the_middle(program: psutil.Process) -> Path:
    """End one worker while it writes a video, which is given."""
    killed: list[Path] = []

    def caught() -> bool:
        for worker in _workers(program):
            try:
                worker.suspend()
                parts = [
                    Path(file.path)
                    for file in worker.open_files()
                    if file.path.endswith(".part.mp4")
                ]
                (worker.kill if parts else worker.resume)()
                killed.extend(parts)
            except psutil.Error:
                continue
            if killed:
                break
        return bool(killed)

    wait_until(caught, _START_SECONDS, "a worker that writes a video")
    return killed[0]


@dataclass(frozen=True)
class Outcome:
    """What the command left; the same command without Ray left `alone`."""

    answer: Answer
    killed: Path
    place: Path
    alone: Path


@pytest.fixture(scope="module")
def outcome(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Two workers, of which one is killed while it works. Made once: a cluster takes seconds to
    start.
    """
    place, alone = tmp_path_factory.mktemp("with"), tmp_path_factory.mktemp("without")
    _run(folder, "-o", alone / "out", "--detections", alone / "all.jsonl", "--jobs", "1")
    words = (
        folder,
        "-o",
        place / "out",
        "--detections",
        place / "all.jsonl",
        "--runner",
        "ray",
        "--jobs",
        "2",
    )
    with subprocess.Popen(
        _command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        try:
            killed = _kill_in_the_middle(psutil.Process(program.pid))
            out, errors = program.communicate(timeout=100)
        finally:
            program.kill()
    return Outcome(Answer(program.returncode, out, errors), killed, place, alone)


def _summary(place: Path) -> list[tuple[str, str, str, str]]:
    with (place / "out" / "summary.csv").open(newline="") as lines:
        return [
            (Path(row["input"]).name, row["status"], row["frames"], row["objects"])
            for row in csv.DictReader(lines)
        ]


def test_the_input_of_a_killed_worker_is_begun_again_by_another(outcome: Outcome) -> None:
    name = outcome.killed.name.replace(".part.mp4", ".mp4")
    if outcome.killed.parent.name.startswith(".ssd_live-"):
        name = f"{LONG_CLIP}.mp4"
    assert (
        f"{name}: its worker ended unexpectedly; another worker starts this file again"
        in outcome.answer.err
    )
    assert f"{name}: done" in outcome.answer.err


def test_all_outputs_are_right(outcome: Outcome) -> None:
    made = {path.name for path in (outcome.place / "out").glob("*.mp4")}
    assert made == {f"{number}.mp4" for number in range(CLIPS)}
    for number in range(CLIPS):
        assert len(frame_times(outcome.place / "out" / f"{number}.mp4")) == _frames(number)
    assert (outcome.place / "all.jsonl").read_bytes() == (outcome.alone / "all.jsonl").read_bytes()


def test_nothing_unfinished_is_left(outcome: Outcome) -> None:
    assert [path for path in outcome.place.rglob("*") if ".part" in path.name] == []
    assert {path.name for path in outcome.place.iterdir()} == {"out", "all.jsonl"}


def test_what_failed_is_reported_as_without_ray(outcome: Outcome, folder: Path) -> None:
    assert outcome.answer.code == 1
    assert "Traceback" not in outcome.answer.err
    errors = [line for line in outcome.answer.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2
    assert errors[0].startswith(f"error: {folder / '10-bad.mp4'}: is not a video")
    assert (
        errors[1]
        == f"error: 1 of {CLIPS + 1} inputs failed, see the errors above; the others are done"
    )
    assert _summary(outcome.place) == _summary(outcome.alone)


def test_progress_counts_all_workers_together(outcome: Outcome) -> None:
    ended = [
        line
        for line in outcome.answer.err.splitlines()
        if f"/{CLIPS + 1} " in line and (": done" in line or ": failed" in line)
    ]
    assert sorted(int(line.partition("/")[0]) for line in ended) == list(range(1, CLIPS + 2))
    assert "2 Ray workers" in outcome.answer.err
    assert "1 long video in 2 parts" in outcome.answer.err


def test_what_is_finished_is_skipped(outcome: Outcome, folder: Path) -> None:
    missing = outcome.place / "out" / "7.mp4"
    missing.unlink()
    stamps = {path: path.stat().st_mtime_ns for path in (outcome.place / "out").glob("*.mp4")}
    words = (folder, "-o", outcome.place / "out", "--detections", outcome.place / "all.jsonl")
    again = _run(*words, "--runner", "ray", "--jobs", "2")
    assert f"1 of {CLIPS + 1} inputs done, {CLIPS - 1} finished before" in again.out
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert len(frame_times(missing)) == _frames(7)
    assert (outcome.place / "all.jsonl").read_bytes() == (outcome.alone / "all.jsonl").read_bytes()


def test_tracks_and_counts_are_those_of_a_local_run(tmp_path: Path) -> None:
    write_zones(
        [Zone("All", "area", ((0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)))],
        tmp_path / "zones.json",
    )
    for runner in ("local", "ray"):
        answer = _run(
            SAMPLE,
            "--no-video",
            "--max-frames",
            "120",
            "--zones",
            tmp_path / "zones.json",
            "--counts",
            tmp_path / f"{runner}.csv",
            "--detections",
            tmp_path / f"{runner}.jsonl",
            "--runner",
            runner,
        )
        assert answer.code == 0, answer.err
    for ending in ("csv", "jsonl"):
        local, ray = (tmp_path / f"{runner}.{ending}" for runner in ("local", "ray"))
        assert local.read_bytes() == ray.read_bytes()
        assert local.stat().st_size > 200


def test_a_single_image_in_storage_needs_a_single_worker(tmp_path: Path) -> None:
    stored, here = tmp_path / "stored", tmp_path / "here"
    stored.mkdir()
    here.mkdir()
    (stored / "cat.png").write_bytes((assets_folder() / "media" / "chelsea.png").read_bytes())
    with StorageServer(stored) as server:
        answer = _run(
            f"{server.address}/cat.png",
            "-o",
            f"{server.address}/out/cat.png",
            "--detections",
            here / "cat.jsonl",
            "--runner",
            "ray",
        )
    assert answer.code == 0, answer.err
    assert "1 Ray workers" in answer.err
    assert "Cat" in answer.out
    assert '"Cat"' in (here / "cat.jsonl").read_text()
    # Nothing else is left, on neither side.
    assert [path.name for path in here.iterdir()] == ["cat.jsonl"]
    assert sorted(path.name for path in stored.rglob("*.*")) == ["cat.png", "cat.png"]
    assert (stored / "out" / "cat.png").read_bytes() != (stored / "cat.png").read_bytes()


def test_a_model_that_no_worker_can_load_is_one_line(folder: Path, tmp_path: Path) -> None:
    model = tiny_proto()
    model.graph.node.insert(
        0, helper.make_node("Unheard", ["image"], ["unheard_of"], domain="nowhere")
    )
    model.graph.node[1].input[0] = "unheard_of"
    model.opset_import.append(helper.make_opsetid("nowhere", 1))
    (tmp_path / "tiny.onnx").write_bytes(to_bytes(model, tiny_metadata()))
    answer = _run(
        folder,
        "-o",
        tmp_path / "out",
        "--runner",
        "ray",
        "--jobs",
        "1",
        "--model",
        tmp_path / "tiny.onnx",
    )
    assert answer.code == 1
    (line,) = answer.err.splitlines()
    assert line.startswith(
        f"error: a Ray worker cannot load the model: {tmp_path / 'tiny.onnx'}: OpenVINO cannot load"
    )
    assert not (tmp_path / "out").exists()


@pytest.fixture
def another_program() -> Iterator[int]:
    """Something that listens, and answers in words of its own."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.sendall(b"220 welcome\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        server.close()
        thread.join(LIMIT_SECONDS)


def _refusal(ssd: Callable[..., Answer], *words: object) -> str:
    answer = ssd(
        "process", assets_folder() / "media" / "coffee.png", "--no-video", *FIXED_BACKEND, *words
    )
    assert answer.code == 2
    (line,) = answer.err.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nonsense", "must be HOST:PORT"),
        (":6379", "must be HOST:PORT"),
        ("127.0.0.1:99999", "must be HOST:PORT"),
        ("127.0.0.1:9", "there is no Ray cluster at 127.0.0.1:9 (connection refused)"),
        ("no.such.host.invalid:6379", "there is no Ray cluster at no.such.host.invalid:6379"),
    ],
)
def test_a_bad_address_is_one_line(address: str, words: str, ssd: Callable[..., Answer]) -> None:
    assert words in _refusal(ssd, "--runner", "ray", "--ray-address", address)


def test_the_address_of_the_environment_is_used(
    ssd: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    assert "there is no Ray cluster at 127.0.0.1:9" in _refusal(ssd, "--runner", "ray")
    # What the command line says comes first.
    assert "must be HOST:PORT" in _refusal(ssd, "--runner", "ray", "--ray-address", "nonsense")


def test_an_address_of_another_program_is_one_line(
    another_program: int, ssd: Callable[..., Answer]
) -> None:
    """Ray itself would ask it for minutes."""
    address = f"127.0.0.1:{another_program}"
    assert f"the program at {address} is not Ray" in _refusal(
        ssd, "--runner", "ray", "--ray-address", address
    )


def test_an_address_without_ray_is_refused(ssd: Callable[..., Answer]) -> None:
    assert "--ray-address is for --runner ray" in _refusal(ssd, "--ray-address", "127.0.0.1:6379")
