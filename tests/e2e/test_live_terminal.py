"""`live --no-window` as a user types it, in a process of its own."""

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
import pytest

from ssd_live.analytics.zones import Zone, write_zones
from ssd_live.commands.live.run import recording_summary
from ssd_live.live.recorder import Recorded
from tests.clips import frame_times, pictures, sound_packets, stream_of, write_clip
from tests.conftest import FIXED_BACKEND, Answer
from tests.servers import MjpegServer, StreamServer
from tests.tiny_model import tiny_model
from tests.waiting import wait_until

Run = Callable[..., Answer]
CHECKOUT = Path(__file__).resolve().parents[2]
TINY_TIME = ("--exit-after", "1")
# A recording begins once the network is loaded, which a busy machine makes a matter of seconds.
TIME_TO_LOAD = ("--exit-after", "6")


# A few nodes in place of a network, and the backend that starts the soonest.
TINY = ("--model", "tiny", "--backend", "onnxruntime", "--precision", "fp32")


@pytest.fixture(autouse=True, scope="module")
def tiny(own_engines: Path) -> Iterator[None]:
    """A model of the user's own, which is not tried in another process first."""
    path = own_engines / "models" / "tiny.onnx"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(tiny_model().data)
    yield
    path.unlink()


def _command(*words: object) -> list[str]:
    return [str(word) for word in (sys.executable, CHECKOUT / "main.py", "live", *words)]


def _live(*words: object, **environment: str | None) -> Answer:
    """`live` with these words; variables that are None are unset."""
    variables: dict[str, str] = {
        name: value for name, value in (os.environ | environment).items() if value is not None
    }
    done = subprocess.run(
        _command(*words), capture_output=True, text=True, check=False, env=variables, timeout=60
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def _terminal(*words: object) -> Answer:
    return _live("--no-window", *words)


def _check_numbers(numbers: dict[str, Any]) -> None:
    assert numbers["in_flight"] == 0
    assert numbers["captured"] == numbers["shown"] + numbers["failed"] + sum(
        numbers["dropped"].values()
    )


def _frames_per_second(answer: Answer) -> float:
    last = answer.out.splitlines()[-1]
    number, unit = last.split(" ")
    assert unit == "FPS"
    return float(number)


def _error_line(answer: Answer) -> str:
    """The one line that says what is wrong; nothing like a traceback stands anywhere."""
    assert "Traceback" not in answer.err
    (line,) = [line for line in answer.err.splitlines() if line.startswith("error: ")]
    assert answer.err.splitlines()[-1] == line
    return line


def test_a_pattern_runs_in_the_terminal_and_leaves_its_numbers(tmp_path: Path) -> None:
    answer = _terminal(
        "pattern:640x360@10",
        *TIME_TO_LOAD,
        "--stats",
        tmp_path / "stats.json",
        *FIXED_BACKEND,
    )
    assert answer.code == 0, answer.err
    assert _frames_per_second(answer) > 1
    numbers = json.loads((tmp_path / "stats.json").read_text())
    _check_numbers(numbers)
    assert (numbers["source"], numbers["model"]) == ("pattern:640x360@10", "ssd300-mobilenetv2-oid")
    assert "OpenVINO" in numbers["backend"]
    assert numbers["inferred"] > 5
    assert 6 <= numbers["seconds"] < 30
    assert {"p50", "p95", "p99", "max", "count"} == set(numbers["latency_ms"])
    assert (
        0
        < numbers["latency_ms"]["p50"]
        <= numbers["latency_ms"]["p99"]
        <= numbers["latency_ms"]["max"]
    )
    assert set(numbers["fps"]) == {"capture", "inference", "display"}
    assert numbers["memory_mb"] > 50
    assert f"{numbers['captured']} frames captured, {numbers['shown']} shown" in answer.out
    assert "Traceback" not in answer.err


def test_a_file_a_stream_and_a_recording_run_in_the_terminal(tmp_path: Path) -> None:
    with MjpegServer((64, 48), 60) as camera:
        answer = _terminal(
            camera.address,
            *TIME_TO_LOAD,
            "--record",
            tmp_path / "a.mkv",
            "--stats",
            tmp_path / "s.json",
            *TINY,
        )
    assert answer.code == 0, answer.err
    numbers = json.loads((tmp_path / "s.json").read_text())
    _check_numbers(numbers)
    assert numbers["source"] == camera.address
    with av.open(str(tmp_path / "a.mkv")) as container:
        frames = sum(1 for _ in container.decode(video=0))
    assert 0 < frames <= numbers["captured"]
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == frames + 1


def test_a_threshold_classes_size_and_rate_are_taken(tmp_path: Path) -> None:
    words = (
        "--size",
        "320x240",
        "--fps",
        "50",
        "--threshold",
        "0.9",
        "--classes",
        "cat",
        "--record",
        tmp_path / "a.mkv",
    )
    answer = _terminal("pattern", *TIME_TO_LOAD, *words, *TINY)
    assert answer.code == 0, answer.err
    header = json.loads((tmp_path / "a.jsonl").read_text().splitlines()[0])
    assert header["source"] == "pattern"
    with av.open(str(tmp_path / "a.mkv")) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (320, 240)


def test_a_recording_that_never_began_is_told_of(tmp_path: Path) -> None:
    answer = _terminal("pattern", "--exit-after", "0.1", "--record", tmp_path / "a.mkv", *TINY)
    assert answer.code == 1
    assert "nothing was recorded" in _error_line(answer)
    assert not (tmp_path / "a.mkv").exists()


def test_signals_without_end_leave_no_traceback(tmp_path: Path) -> None:
    """Also those that come while it ends."""
    words = _command("--no-window", "pattern:64x48@30", *TINY)
    program = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert program.stderr is not None
    program.stderr.readline()
    while program.poll() is None:
        program.send_signal(signal.SIGINT)
        time.sleep(0.01)
    err = program.stderr.read()
    program.communicate()
    assert program.returncode == 0, err
    assert "Traceback" not in err
    assert "KeyboardInterrupt" not in err


BAD_WORDS: dict[str, tuple[tuple[str, ...], int, str]] = {
    "unknown model": (
        ("pattern", "--model", "ssd300-mobilenetv2", "--backend", "openvino"),
        1,
        "did you mean 'ssd300-mobilenetv2-oid'",
    ),
    "unknown backend": (("pattern", "--backend", "abacus"), 2, "abacus"),
    "unknown precision": (("pattern", "--precision", "fp3"), 2, "fp3"),
    "threshold over one": (("pattern", "--threshold", "1.5"), 2, "is not between"),
    "threshold under the model's": (
        ("pattern", "--threshold", "0.001"),
        2,
        "below the model's own",
    ),
    "threshold that is no number": (("pattern", "--threshold", "high"), 2, "--threshold"),
    "unknown class": (("pattern", "--classes", "Katze"), 2, "has no class 'Katze'"),
    "bad size": (("pattern", "--size", "big"), 2, "must be WIDTHxHEIGHT"),
    "bad rate": (("pattern", "--fps", "0"), 2, "fps"),
    "bad size of the pattern": (("pattern:big",), 2, "must be WIDTHxHEIGHT"),
    "missing file": (("nowhere/clip.mp4",), 2, "there is no such file"),
    "unknown scheme": (("ftp://host/clip.mp4",), 2, "ftp:// is not supported"),
    "unreachable address": (
        ("http://127.0.0.1:9/video", "--exit-after", "1"),
        1,
        "no server listens there",
    ),
    "no such camera": (("95", "--exit-after", "1"), 1, "95"),
    "recording of another ending": (("pattern", "--record", "a.mp4"), 2, "end the name in .mkv"),
    "a screenshot of no window": (("pattern", "--screenshot", "a.png"), 2, "needs the window"),
}


@pytest.mark.parametrize("kind", BAD_WORDS)
def test_what_cannot_be_is_said_in_one_line_with_the_right_exit_code(kind: str, ssd: Run) -> None:
    words, code, part = BAD_WORDS[kind]
    backend = () if "--backend" in words or "--precision" in words else TINY
    answer = ssd("live", "--no-window", *words, *backend)
    assert part in _error_line(answer)
    assert answer.code == code


def test_a_file_that_is_no_video_is_said_in_one_line(tmp_path: Path, ssd: Run) -> None:
    (tmp_path / "bad.mp4").write_text("no video at all")
    answer = ssd("live", "--no-window", tmp_path / "bad.mp4", *TINY)
    assert "bad.mp4" in _error_line(answer)
    assert answer.code == 1


def test_an_existing_recording_is_kept(tmp_path: Path, ssd: Run) -> None:
    (tmp_path / "a.mkv").write_text("precious")
    words = ("live", "--no-window", "pattern", *TINY_TIME)
    answer = ssd(*words, "--record", tmp_path / "a.mkv", *TINY)
    assert "exists already" in _error_line(answer)
    assert answer.code == 1
    assert (tmp_path / "a.mkv").read_text() == "precious"


def test_a_password_is_nowhere_in_what_is_printed_or_written(tmp_path: Path) -> None:
    address = "http://admin:s3cret@127.0.0.1:9/video"
    answer = _terminal(address, *TINY_TIME, "--stats", tmp_path / "stats.json", *TINY)
    assert answer.code == 1
    assert "s3cret" not in answer.out + answer.err
    assert "s3cret" not in (tmp_path / "stats.json").read_text()


def test_a_server_that_never_answers_does_not_hold_up_the_end() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        started = time.monotonic()
        answer = _terminal(f"http://127.0.0.1:{server.getsockname()[1]}/video", *TINY_TIME, *TINY)
        assert time.monotonic() - started < 10
    assert answer.code in (0, 1)
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order_with_its_numbers(number: signal.Signals, tmp_path: Path) -> None:
    """Without `--exit-after` this is how it is meant to end."""
    clip = write_clip(tmp_path / "clip.mp4", 10, size=(64, 48))
    words = _command(
        "--no-window",
        clip,
        "--record",
        tmp_path / "a.mkv",
        "--stats",
        tmp_path / "stats.json",
        *TINY,
    )
    program = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert program.stderr is not None
    # A busy machine may print its numbers before.
    assert any("tiny on" in line for line in program.stderr)
    wait_until(
        lambda: (tmp_path / "a.part.mkv").exists() and (tmp_path / "a.part.mkv").stat().st_size > 0
    )
    children = psutil.Process(program.pid).children()
    program.send_signal(number)
    out, err = program.communicate(timeout=20)
    assert program.returncode == 0, err
    assert out.splitlines()[-1].endswith(" FPS")
    assert "Traceback" not in err
    _check_numbers(json.loads((tmp_path / "stats.json").read_text()))
    with av.open(str(tmp_path / "a.mkv")) as container:
        assert next(container.decode(video=0)) is not None
    assert children
    wait_until(lambda: not any(child.is_running() for child in children))


def test_ctrl_c_before_the_planned_end_is_an_interruption(tmp_path: Path) -> None:
    words = _command("--no-window", "pattern:64x48@30", "--exit-after", "60", *TINY)
    program = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert program.stderr is not None
    program.stderr.readline()
    program.send_signal(signal.SIGINT)
    _, err = program.communicate(timeout=20)
    assert program.returncode == 130
    assert "Traceback" not in err


def test_without_a_display_the_window_is_refused_with_what_can_be_done_instead() -> None:
    answer = _live("pattern", DISPLAY=None, WAYLAND_DISPLAY=None, QT_QPA_PLATFORM=None)
    line = _error_line(answer)
    assert answer.err.splitlines() == [line]
    assert "--no-window" in line
    assert "process" in line
    assert answer.code == 1


@pytest.mark.parametrize("option", ["--record", "--screenshot"])
def test_a_result_of_the_window_that_cannot_be_written_fails_in_one_line(
    option: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    name = {"--record": "a.mkv", "--screenshot": "a.png"}[option]
    settings = str(tmp_path / "settings.json")
    words = (
        "pattern:320x240",
        "--exit-after",
        4,
        option,
        tmp_path / "file" / name,
        *TINY,
    )
    answer = _live(*words, QT_QPA_PLATFORM="offscreen", SSD_LIVE_SETTINGS=settings)
    assert answer.code == 1
    assert [line for line in answer.err.splitlines() if "cannot be written" in line] == [
        answer.err.splitlines()[-1]
    ]
    assert "Traceback" not in answer.err


def test_a_recording_in_the_terminal_that_cannot_be_written_fails_in_one_line(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    answer = _terminal(
        "pattern:320x240",
        "--exit-after",
        20,
        "--record",
        tmp_path / "file" / "a.mkv",
        *TINY,
    )
    assert answer.code == 1
    assert "Traceback" not in answer.err
    assert answer.err.splitlines()[-1].startswith("error: ")


def test_a_recording_that_fails_fails_the_command(small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(bytes(900 * 1024))
    answer = _terminal(
        "pattern:1280x720@30", "--exit-after", 30, "--record", small_disk / "a.mkv", *TINY
    )
    assert answer.code == 1
    assert answer.err.splitlines()[-1].startswith(
        f"error: {small_disk / 'a.mkv'}: the recording ended with an error (no space left on "
        "device)"
    )


def test_frames_that_were_lost_are_told(tmp_path: Path) -> None:
    first = recording_summary(Recorded(tmp_path / "a.mkv", tmp_path / "a.jsonl", 90, 10, 3.0))
    second = recording_summary(Recorded(tmp_path / "b.mkv", tmp_path / "b.jsonl", 90, 0, 3.0))
    assert first.endswith("a.mkv (10 lost because writing was too slow)")
    assert second.endswith("b.mkv")


def test_a_window_that_never_had_a_network_fails_at_its_end(tmp_path: Path) -> None:
    settings = str(tmp_path / "settings.json")
    answer = _live(
        "pattern:320x240",
        *TIME_TO_LOAD,
        "--backend",
        "nonsense",
        QT_QPA_PLATFORM="offscreen",
        SSD_LIVE_SETTINGS=settings,
    )
    assert answer.code != 0
    assert "there is no backend 'nonsense'" in answer.err.splitlines()[-1]


# Several sources.


def test_several_sources_run_in_the_terminal_each_with_its_numbers(tmp_path: Path) -> None:
    with MjpegServer((64, 48), 60) as camera:
        answer = _terminal(
            "pattern:320x180@30",
            camera.address,
            *TIME_TO_LOAD,
            "--stats",
            tmp_path / "s.json",
            *TINY,
        )
    assert answer.code == 0, answer.err
    numbers = json.loads((tmp_path / "s.json").read_text())
    for each in (numbers, *numbers["streams"]):
        _check_numbers(each)
        assert each["inferred"] > 0
    assert [each["source"] for each in numbers["streams"]] == ["pattern:320x180@30", camera.address]
    assert sum(line.endswith(" FPS") for line in answer.out.splitlines()) == 3
    assert _frames_per_second(answer) > 20


def test_one_of_several_sources_that_is_not_there_fails_the_run_after_the_others_had_theirs() -> (
    None
):
    answer = _terminal("pattern:64x64@30", "http://127.0.0.1:9/x", *TINY_TIME, *TINY)
    assert answer.code == 1
    assert "127.0.0.1:9" in _error_line(answer)
    assert "pattern:64x64@30: " in answer.out


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("pattern", "pattern", "--record", "a.mkv"), "--record works with one source only"),
        (("pattern",) * 65, "at most 64"),
        (("pattern", "no-such-file.mp4"), "no-such-file.mp4"),
    ],
)
def test_what_several_sources_cannot_do_is_said_at_once(
    words: tuple[str, ...], part: str, ssd: Run
) -> None:
    answer = ssd("live", "--no-window", *words)
    assert answer.code in (1, 2)
    assert part in _error_line(answer)


def test_saving_power_needs_tracks(ssd: Run) -> None:
    answer = ssd("live", "--no-window", "pattern", "--save-power", "--no-track", *TINY, *TINY_TIME)
    assert answer.code == 2
    assert "--save-power follows objects; leave out --no-track" in answer.err


@pytest.fixture
def thing_in_the_middle(own_engines: Path) -> Iterator[str]:
    """The name of a model that finds one thing in the middle of every frame."""
    path = own_engines / "models" / "middle.onnx"
    path.write_bytes(tiny_model([[0.25, 0.25, 0.75, 0.75]], [[0.9, 0.02]]).data)
    yield "middle"
    path.unlink()


def test_counts_are_written_as_they_come(tmp_path: Path, thing_in_the_middle: str) -> None:
    table = tmp_path / "counts.csv"
    write_zones([Zone("All", "area", ((0, 0), (1, 0), (1, 1), (0, 1)))], tmp_path / "zones.json")
    words = ("--model", thing_in_the_middle, *TINY[2:], *TIME_TO_LOAD)
    rule = {"name": "Stays", "zone": "All", "when": "inside", "seconds": 0.5}
    rules = {
        "version": 1,
        "rules": [{**rule, "do": ["photo", "film", "log"]}],
        "actions": [
            {"name": "photo", "kind": "snapshot"},
            {"name": "film", "kind": "clip", "before": 1, "after": 1},
            {"name": "log", "kind": "command", "command": ["touch", str(tmp_path / "touched")]},
        ],
        "files": {"folder": "found"},
    }
    (tmp_path / "rules.json").write_text(json.dumps(rules))
    with_zones = (*words, "--zones", tmp_path / "zones.json")
    events = ("--rules", tmp_path / "rules.json", "--events", tmp_path / "events.csv")
    answer = _terminal("pattern:320x180@30", *with_zones, "--counts", table, *events)
    assert answer.code == 0, answer.err
    with (tmp_path / "events.csv").open(encoding="utf-8", newline="") as file:
        (event,) = csv.DictReader(file)
    assert (event["rule"], event["suppressed"]) == ("Stays", "")
    files = event["files"].split("\n")
    assert sorted(Path(path).suffix for path in files) == [".jpg", ".mkv"]
    assert sorted((tmp_path / "found").iterdir()) == sorted(map(Path, files))
    assert (tmp_path / "touched").exists()
    assert re.search(r"\d\d:\d\d:\d\d Stays \(\w+ 1\)", answer.err)
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["kind"], row["zone"], row["why"]) for row in rows] == [
        ("entered", "All", "appeared"),
        ("left", "All", "ended"),
    ]
    again = _terminal("pattern", *with_zones, "--counts", table)
    assert (again.code, "exists already" in again.err) == (1, True)


def test_a_clip_of_a_camera_is_copied_with_its_sound(
    tmp_path: Path, thing_in_the_middle: str
) -> None:
    """A clip with boxes is encoded, and has the sound too; one without a box drawn is a copy."""
    video = write_clip(
        tmp_path / "camera.ts",
        150,
        size=(320, 136),
        rate=Fraction(25, 2),
        sound="aac",
        setup=lambda stream: setattr(stream, "options", {"g": "12", "preset": "ultrafast"}),
    )
    write_zones([Zone("All", "area", ((0, 0), (1, 0), (1, 1), (0, 1)))], tmp_path / "zones.json")
    clip = {"kind": "clip", "before": 1, "after": 1}
    rule = {"name": "Stays", "zone": "All", "when": "inside", "seconds": 1.5}
    rules = {
        "version": 1,
        "rules": [{**rule, "do": ["drawn", "plain"]}],
        "actions": [{"name": "drawn", **clip}, {"name": "plain", "boxes": False, **clip}],
        "files": {"folder": "found"},
    }
    (tmp_path / "rules.json").write_text(json.dumps(rules))
    with StreamServer(video, 12.0) as camera:
        answer = _terminal(
            *(camera.address, "--model", thing_in_the_middle, *TINY[2:], "--exit-after", "8"),
            *("--zones", tmp_path / "zones.json", "--rules", tmp_path / "rules.json"),
            *("--events", tmp_path / "events.csv"),
        )
    assert answer.code == 0, answer.err
    drawn, plain = sorted((tmp_path / "found").iterdir(), key=lambda path: len(path.name))
    whole = pictures(video)
    for path in (drawn, plain):
        assert stream_of(path)["streams"] == ["video", "audio"]
        sound = [float(time) for time, _ in sound_packets(path)]
        seen = [float(time) for time in frame_times(path)]
        assert sound[-1] - sound[0] == pytest.approx(seen[-1] - seen[0], abs=0.3)
    copied = pictures(plain)[5]
    assert any(np.array_equal(picture, copied) for picture in whole)
    encoded = pictures(drawn)[5]
    assert not any(np.array_equal(picture, encoded) for picture in whole)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("pattern", "--counts", "c.csv"), "--counts needs --zones"),
        (("pattern", "--events", "e.csv"), "--events needs --zones"),
        (("pattern", "--zones", "zones.json", "--events", "e.csv"), "--events needs --rules"),
        (("pattern", "--rules", "r.json"), "--rules needs --zones"),
        (
            ("pattern", "--zones", "zones.json", "--rules", "zones.json", "--events", "e.csv"),
            "zones.json: a rules file is an object",
        ),
        (("pattern", "--zones", "none.json"), "none.json: cannot be read"),
        (("pattern", "--zones", "zones.json", "--no-track"), "--zones follows objects"),
        (("pattern", "--zones", "zones.json", "--counts", "c.txt"), "end the name in .csv"),
        (("pattern", "pattern", "--zones", "zones.json"), "--zones works with one source only"),
    ],
)
def test_zones_that_do_not_fit_are_refused(
    words: tuple[str, ...], message: str, tmp_path: Path, ssd: Run
) -> None:
    write_zones([Zone("Gate", "line", ((0, 0), (1, 1)))], tmp_path / "zones.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        answer = ssd("live", "--no-window", *words)
    assert answer.code != 0
    assert message in answer.err
    assert len(answer.err.splitlines()) == 1
