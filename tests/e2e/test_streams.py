"""The standard input and output: videos, JSON lines and summaries in a pipe of programs."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import psutil
import pytest

from tests.clips import SAMPLE, write_clip
from tests.conftest import FIXED_BACKEND
from tests.waiting import wait_until

_PROGRESS = {"SSD_LIVE_PROGRESS": "json"}
_MAIN = Path(__file__).parents[2] / "main.py"


def run(*words: object, given: bytes = b"", **variables: str) -> Any:
    return subprocess.run(
        [sys.executable, str(_MAIN), *map(str, words)],
        input=given,
        capture_output=True,
        check=False,
        timeout=120,
        env=os.environ | variables,
    )


def error_line(done: Any) -> str:
    lines = [line for line in done.stderr.decode().splitlines() if line.startswith("error:")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr.decode()
    return str(lines[0])


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A clip that can be read from a pipe."""
    return write_clip(tmp_path / "clip.mkv", 20, size=(320, 136))


def test_a_video_goes_through_a_pipe(clip: Path, tmp_path: Path) -> None:
    done = run("process", "-", "-o", "-", *FIXED_BACKEND, given=clip.read_bytes())
    assert done.returncode == 0, done.stderr
    (tmp_path / "out.mkv").write_bytes(done.stdout)
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.format.name.startswith("matroska")
        assert sum(1 for _ in container.decode(video=0)) == 20
    assert b"20 frames" in done.stderr


def test_detections_of_a_pipe_are_lines_of_json_and_nothing_else(clip: Path) -> None:
    done = run(
        "process", "-", "--no-video", "--detections", "-", *FIXED_BACKEND, given=clip.read_bytes()
    )
    assert done.returncode == 0, done.stderr
    header, *frames = [json.loads(line) for line in done.stdout.splitlines()]
    assert header["source"] == "standard input"
    assert [frame["frame"] for frame in frames] == list(range(20))


def test_a_piped_video_becomes_a_file_and_its_detections_another(
    clip: Path, tmp_path: Path
) -> None:
    output, lines = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    done = run(
        "process", "-", "-o", output, "--detections", lines, *FIXED_BACKEND, given=clip.read_bytes()
    )
    assert done.returncode == 0, done.stderr
    assert len(lines.read_text().splitlines()) == 21
    with av.open(str(output)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 20


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("-", "-o", "-", "--detections", "-"), 2, "cannot both go to the standard output"),
        (("-", str(SAMPLE), "-o", "-"), 2, "works with one input"),
        (("-",), 2, "there is no output"),
        (("-", "-o", "out"), 2, "is not the name of a video"),
        (("-", "-o", "-", "--start", "3"), 2, "one cannot seek in the standard input"),
        (("-", "--no-video", "--detections", "a.csv"), 2, "JSON lines"),
        ((str(SAMPLE.with_name("chelsea.png")), "-o", "-"), 2, "give a video"),
        (("-", "-o", "-"), 1, "standard input"),
    ],
)
def test_what_a_pipe_cannot_do_is_one_line(
    words: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    done = run("process", *words, *FIXED_BACKEND, given=b"no video")
    assert done.returncode == code
    assert said in error_line(done)
    assert done.stdout == b""


def test_an_mp4_with_its_index_at_the_end_is_explained() -> None:
    done = run("process", "-", "-o", "-", *FIXED_BACKEND, given=SAMPLE.read_bytes())
    assert done.returncode == 1
    assert "give the file itself" in error_line(done)


def test_a_reader_that_leaves_ends_the_program_with_one_line(clip: Path) -> None:
    with subprocess.Popen(
        [sys.executable, str(_MAIN), "process", str(SAMPLE), "-o", "-", *FIXED_BACKEND],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.read(100)
        child.stdout.close()
        said = child.stderr.read().decode()
    assert child.returncode == 1
    assert "broken pipe" in said
    assert "Traceback" not in said


def test_the_summary_of_a_run_is_json(clip: Path, tmp_path: Path) -> None:
    done = run("process", clip, "-o", tmp_path / "out.mkv", *FIXED_BACKEND, "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert found["frames"] == 20
    assert found["inputs"][0]["status"] == "done"
    run(
        "process", clip, "-o", tmp_path / "o.mkv", *FIXED_BACKEND, "--json", tmp_path / "found.json"
    )
    assert json.loads((tmp_path / "found.json").read_text())["frames"] == 20


def test_a_live_run_without_a_window_tells_detections_and_numbers(tmp_path: Path) -> None:
    words = ("live", SAMPLE, "--no-window", "--exit-after", "4", *FIXED_BACKEND)
    done = run(*words, "--detections", "-")
    assert done.returncode == 0, done.stderr
    header, *frames = [json.loads(line) for line in done.stdout.splitlines()]
    assert header["sources"] == [str(SAMPLE)]
    assert any(frame["detections"] for frame in frames)
    numbers = run(*words, "--json")
    assert json.loads(numbers.stdout)["inferred"] > 10
    lines = tmp_path / "a.jsonl"
    assert run(*words, "--detections", lines).returncode == 0
    assert len(lines.read_text().splitlines()) > 10


def test_a_live_run_without_a_window_follows_objects(tmp_path: Path) -> None:
    path = tmp_path / "live.jsonl"
    words = ("live", SAMPLE, "--no-window", "--track", "--exit-after", "6", *FIXED_BACKEND)
    done = run(*words, "--detections", path)
    assert done.returncode == 0, done.stderr
    found = [
        one
        for line in path.read_text("utf-8").splitlines()[1:]
        for one in json.loads(line)["detections"]
    ]
    assert found
    ids = {one["track_id"] for one in found}
    # Objects are seen in many frames each.
    assert min(ids) >= 1
    assert len(ids) < len(found) / 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--detections", "a.jsonl"), "is for --no-window"),
        (("--no-window", "--detections", "a.csv"), "end the name in .jsonl"),
        (("--no-window", "--detections", "old.jsonl"), "exists already"),
    ],
)
def test_wrong_places_for_live_detections_are_refused(
    words: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("old.jsonl").touch()
    done = run("live", "pattern", *words)
    assert done.returncode in (1, 2)
    assert said in error_line(done)


@pytest.mark.parametrize("command", ["doctor", "models list", "engines list"])
def test_json_alone_prints_json_in_every_command(command: str) -> None:
    assert json.loads(run(*command.split(), "--json").stdout) is not None


def test_the_user_has_defaults_of_their_own(clip: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[process]\ncodec = "mjpeg"\nmax-frames = 5\nno-video = false\n')
    done = run(
        "process", clip, "-o", tmp_path / "a.mkv", *FIXED_BACKEND, SSD_LIVE_CONFIG=str(config)
    )
    assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "a.mkv")) as container:
        assert container.streams.video[0].codec_context.name == "mjpeg"
        assert sum(1 for _ in container.decode(video=0)) == 5
    # The command line comes first.
    done = run(
        "process",
        clip,
        "-o",
        tmp_path / "b.mkv",
        "--codec",
        "ffv1",
        *FIXED_BACKEND,
        SSD_LIVE_CONFIG=str(config),
    )
    with av.open(str(tmp_path / "b.mkv")) as container:
        assert container.streams.video[0].codec_context.name == "ffv1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[process]\ncodek = "mjpeg"\n', "no option --codek; did you mean 'codec'?"),
        ("[proces]\n", "no command 'proces'; did you mean 'process'?"),
        ("process = 1\n", "process must be a table"),
        ("[process\n", "is not TOML"),
        ("[process]\noverwrite = 'yes'\n", "overwrite of [process] must be true or false"),
        ("[process]\ncodec = true\n", "codec of [process] must be text, a number or a list"),
        (None, "cannot be read"),
    ],
)
def test_a_wrong_configuration_is_one_line(text: str | None, said: str, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    if text is not None:
        config.write_text(text)
    done = run("models", "list", SSD_LIVE_CONFIG=str(config))
    assert done.returncode == 2
    assert said in error_line(done)


def test_the_shell_completes_options_and_values() -> None:
    def completed(words: str) -> set[str]:
        done = run(
            _SSD_LIVE_COMPLETE="complete_bash",
            COMP_WORDS=words,
            COMP_CWORD=str(len(words.split(" ")) - 1),
        )
        return set(done.stdout.decode().split())

    assert "process" in completed("ssd-live pro")
    assert completed("ssd-live process --cod") == {"--codec"}
    assert {"h264", "vp9"} <= completed("ssd-live process --codec ")


@pytest.mark.parametrize("is_killed", [False, True], ids=["cancelled", "after a crash"])
def test_a_command_of_the_window_ends_when_the_window_closes_its_input(
    is_killed: bool, tmp_path: Path
) -> None:
    """It is the way of the window on every system, and works when the window crashes too."""
    words = [str(_MAIN), "process", str(SAMPLE), "-o", str(tmp_path / "out.mp4"), *FIXED_BACKEND]
    holder = (
        "import json, os, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, *sys.argv[1:]], stdin=subprocess.PIPE,\n"
        "    env=os.environ | {'SSD_LIVE_LIFELINE': '1', 'SSD_LIVE_PROGRESS': 'json'},\n"
        "    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)\n"
        "while True:\n"
        "    line = child.stderr.readline()\n"
        "    if line.startswith(b'{') and json.loads(line)['progress'][0] > 5: break\n"
        "print(child.pid, flush=True)\n"
        "sys.stdin.readline()\n"
        "child.stdin.close()\n"
        "print(child.wait(), flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as window:
        assert window.stdin is not None
        assert window.stdout is not None
        child = psutil.Process(int(window.stdout.readline()))
        if is_killed:
            window.kill()
        else:
            window.stdin.write(b"\n")
            window.stdin.flush()
            assert int(window.stdout.readline()) == 130
    wait_until(lambda: not child.is_running(), 20.0)
    assert not (tmp_path / "out.mp4").exists()
    assert [file.name for file in tmp_path.iterdir()] == ["out.part.mp4"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_ends_the_wait_for_a_program_that_sends_nothing(clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    words = [sys.executable, str(_MAIN), "process", "-", "-o", str(output), *FIXED_BACKEND]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | _PROGRESS
    ) as child:
        assert child.stdin is not None
        assert child.stderr is not None
        # All but the end, so that frames come and then nothing more.
        child.stdin.write(clip.read_bytes()[:-2000])
        child.stdin.flush()
        while not child.stderr.readline().startswith(b'{"progress"'):
            assert child.poll() is None
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 130
        assert b"stopped after" in child.stderr.read()
    assert not output.exists()
    assert (tmp_path / "out.part.mkv").exists()
