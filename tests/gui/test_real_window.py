"""Whole programs with a real window on a real X server, and without one."""

import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from tests.clips import SAMPLE, frame_times
from tests.servers import XVFB, MjpegServer

ROOT = Path(__file__).parents[2]
_START_SECONDS, _RUN_SECONDS = 20.0, 60.0
Live = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """An X server of the tests' own, under a number that it chooses."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed; on Debian: apt install xvfb")
    ready, written = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(written), "-screen", "0", "1400x900x24", *XVFB],
        pass_fds=[written],
        stderr=subprocess.DEVNULL,
    )
    os.close(written)
    try:
        answered, _, _ = select.select([ready], [], [], _START_SECONDS)
        assert answered, "Xvfb does not start"
        yield f":{os.read(ready, 16).decode().strip()}"
    finally:
        os.close(ready)
        server.terminate()
        server.wait()


@pytest.fixture
def live(tmp_path: Path, display: str) -> Live:
    """`main.py live` in a process of its own; keyword arguments are variables of its environment,
    None takes one away.
    """

    def run(*words: object, **environment: str | None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "main.py"), "live", *map(str, words)],
            capture_output=True,
            text=True,
            timeout=_RUN_SECONDS,
            check=False,
            env=environment_of(tmp_path, {"DISPLAY": display, **environment}),
        )

    return run


def environment_of(folder: Path, changes: dict[str, str | None]) -> dict[str, str]:
    settings = folder / "settings.json"
    if not settings.exists():
        settings.write_text(
            json.dumps({"output_folder": str(folder), "backend": "openvino", "precision": "fp32"})
        )
    wanted = {
        "SSD_LIVE_SETTINGS": str(settings),
        "WAYLAND_DISPLAY": None,
        "QT_QPA_PLATFORM": None,
        "DISPLAY": None,
    } | changes
    return {name: value for name, value in {**os.environ, **wanted}.items() if value is not None}


def picture(path: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    image = cv2.imread(str(path))
    assert image is not None
    return np.asarray(image, np.uint8)


def test_the_default_network_shows_the_sample_clip_in_a_real_window(
    live: Live, tmp_path: Path
) -> None:
    ended = live(
        SAMPLE,
        "--exit-after",
        5,
        "--screenshot",
        tmp_path / "window.png",
        "--stats",
        tmp_path / "stats.json",
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    numbers = json.loads((tmp_path / "stats.json").read_text())
    assert numbers["captured"] == numbers["shown"] + numbers["failed"] + sum(
        numbers["dropped"].values()
    )
    steady = numbers["after_start"]
    # How many of them is for `make soak` to say: this machine may be busy.
    assert steady["shown"] >= 1
    assert numbers["model"] == "ssd300-mobilenetv2-oid"
    assert "OpenVINO" in numbers["backend"]
    assert numbers["heartbeat"]["beats"] > 20
    image = picture(tmp_path / "window.png")
    assert image.shape == (720, 1180, 3)
    assert len(np.unique(image.reshape(-1, 3)[::7], axis=0)) > 1000, (
        "the film is not in the picture"
    )


def test_the_window_is_korean_from_menu_to_numbers(live: Live, tmp_path: Path) -> None:
    in_language = []
    for language in ("en", "ko"):
        settings = {"language": language, "backend": "openvino", "precision": "fp32", "hud": False}
        (tmp_path / "settings.json").write_text(json.dumps(settings))
        live_frame = tmp_path / f"{language}.png"
        assert live("pattern", "--exit-after", 1, "--screenshot", live_frame).returncode == 0
        in_language.append(picture(live_frame)[:18])
    assert (in_language[0] != in_language[1]).any()


def test_a_network_camera_is_shown_and_recorded(live: Live, tmp_path: Path) -> None:
    with MjpegServer(size=(320, 180)) as server:
        ended = live(
            server.address,
            "--exit-after",
            5,
            "--record",
            tmp_path / "film.mkv",
            "--stats",
            tmp_path / "stats.json",
        )
    assert (ended.returncode, ended.stderr) == (0, "")
    # On a busy machine they are few.
    assert len(frame_times(tmp_path / "film.mkv")) >= 2
    assert json.loads((tmp_path / "stats.json").read_text())["shown"] >= 5


def test_no_process_is_left_when_the_window_has_closed(live: Live, tmp_path: Path) -> None:
    assert live("pattern", "--exit-after", 2, SSD_LIVE_TEST=str(tmp_path)).returncode == 0
    assert [
        process.cmdline()
        for process in psutil.process_iter()
        if _environment(process).get("SSD_LIVE_TEST") == str(tmp_path)
    ] == []


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return dict(process.environ())
    except psutil.Error:
        return {}


def test_a_line_about_a_source_that_never_came_is_all_that_is_written(live: Live) -> None:
    ended = live("http://127.0.0.1:9/x", "--exit-after", 1)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("error: http://127.0.0.1:9/x: ")
    assert len(ended.stderr.splitlines()) == 1


def test_without_a_display_one_line_names_the_ways_out(live: Live) -> None:
    ended = live("pattern", "--exit-after", 1, DISPLAY=None)
    assert ended.returncode == 1
    assert (
        ended.stderr == "error: there is no display for a window; give --no-window to run in the "
        "terminal, or use `process` for files\n"
    )


def test_a_display_that_does_not_answer_is_one_line_too(live: Live) -> None:
    ended = live("pattern", "--exit-after", 1, DISPLAY=":4321")
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: the display :4321 does not answer")
    assert "--no-window" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_platform_of_qt_that_is_not_there_is_no_traceback(live: Live) -> None:
    ended = live("pattern", "--exit-after", 1, QT_QPA_PLATFORM="nonsense")
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr


_CV2_FIRST = "import cv2; import PySide6.QtWidgets"
_QT_FIRST = "import PySide6.QtWidgets; import cv2"


@pytest.mark.parametrize(
    "imports", [_CV2_FIRST, _QT_FIRST, "import cv2"], ids=["cv2 first", "Qt first", "cv2 alone"]
)
def test_the_window_opens_whichever_of_opencv_and_qt_is_imported_first(
    imports: str, display: str, tmp_path: Path
) -> None:
    live_frame = tmp_path / "window.png"
    program = f"{imports}\nimport sys\nfrom ssd_live.cli import main\nsys.exit(main(sys.argv[1:]))"
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            program,
            "live",
            "pattern",
            "--exit-after",
            "1",
            "--screenshot",
            str(live_frame),
        ],
        capture_output=True,
        text=True,
        timeout=_RUN_SECONDS,
        check=False,
        cwd=ROOT,
        env=environment_of(tmp_path, {"DISPLAY": display}),
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert live_frame.exists()


def test_opencvs_plugins_are_forgotten_and_other_peoples_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ssd_live.gui import platform

    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setenv("QT_QPA_PLATFORM_PLUGIN_PATH", "/somewhere/cv2/qt/plugins")
    monkeypatch.setenv("QT_QPA_FONTDIR", "/my/fonts")
    platform.prepare()
    assert "QT_QPA_PLATFORM_PLUGIN_PATH" not in os.environ
    assert os.environ["QT_QPA_FONTDIR"] == "/my/fonts"
