"""The commands as a user types them."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import ssd_live
from ssd_live.commands.doctor import run as doctor_run
from ssd_live.commands.process import run as process_run
from ssd_live.errors import SsdLiveError
from ssd_live.modelfile.catalogue import DEFAULT_MODEL, find_model
from ssd_live.modelfile.file import ModelFile
from ssd_live.selection.choice import BackendChoice
from ssd_live.selection.choose import choose
from ssd_live.selection.table import BackendMeasurement, store
from ssd_live.system.paths import assets_folder
from tests.clips import SAMPLE, frame_times, write_clip
from tests.conftest import FIXED_BACKEND, Answer

Run = Callable[..., Answer]
CHECKOUT = Path(__file__).resolve().parents[2]
MEDIA = assets_folder() / "media"


def test_a_photo_of_a_cat_is_found_and_drawn(tmp_path: Path, process: Run) -> None:
    answer = process(
        MEDIA / "chelsea.png", "-o", tmp_path / "cat.png", "--detections", tmp_path / "cat.json"
    )
    assert answer.code == 0
    coco = json.loads((tmp_path / "cat.json").read_text())
    names = {category["id"]: category["name"] for category in coco["categories"]}
    best = max(coco["annotations"], key=lambda annotation: annotation["score"])
    assert names[best["category_id"]] == "Cat"
    before, after = cv2.imread(str(MEDIA / "chelsea.png")), cv2.imread(str(tmp_path / "cat.png"))
    assert before is not None
    assert after is not None
    assert before.shape == after.shape
    assert (before != after).any()


@pytest.mark.parametrize("model", ["blazeface-256", "blazeface-full-range"])
def test_a_face_in_a_wide_photo_is_found_where_it_is(
    tmp_path: Path, process: Run, model: str
) -> None:
    """By a model that takes letterboxed frames: in the whole photo and in a region of it."""
    photo = cv2.imread(str(MEDIA / "astronaut.png"))
    assert photo is not None
    wide = np.full((540, 960, 3), 120, np.uint8)
    wide[20:532, 440:952] = photo
    cv2.imwrite(str(tmp_path / "wide.png"), wide)
    face = [440 + 174, 20 + 71, 440 + 278, 20 + 177]
    for options in ((), ("--region", "500,40,400,300"), ("--tiles", "2")):
        answer = process(
            tmp_path / "wide.png",
            *("-o", tmp_path / "out.png", "--detections", tmp_path / "out.jsonl"),
            *("--model", model, "--overwrite", *options),
        )
        assert answer.code == 0, answer.err
        *_, line = (tmp_path / "out.jsonl").read_text().splitlines()
        (found,) = json.loads(line)["detections"]
        assert found["class"] == "Face"
        assert found["box"] == pytest.approx(face, abs=12)


def test_exif_orientation_is_respected(tmp_path: Path, process: Run) -> None:
    photo = cv2.imread(str(MEDIA / "coffee.png"))
    assert photo is not None
    cv2.imwrite(str(tmp_path / "plain.jpg"), photo)
    exif = bytes.fromhex("ffe1002245786966000049492a0008000000010012010300010000000600000000000000")
    data = (tmp_path / "plain.jpg").read_bytes()
    (tmp_path / "turned.jpg").write_bytes(data[:2] + exif + data[2:])
    process(tmp_path / "turned.jpg", "-o", tmp_path / "out.jpg")
    out = cv2.imread(str(tmp_path / "out.jpg"))
    assert out is not None
    assert out.shape[:2] == photo.shape[1::-1]


def test_a_folder_is_mirrored_summed_up_and_finished_work_is_skipped(
    tmp_path: Path, process: Run
) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    (source / "trip" / "day 2").mkdir(parents=True)
    write_clip(source / "trip" / "a.mp4", 4)
    write_clip(source / "trip" / "a.avi", 3, codec="mpeg4")
    write_clip(source / "trip" / "day 2" / "b.mkv", 3)
    (source / "cat.png").write_bytes((MEDIA / "chelsea.png").read_bytes())
    (source / "bad.mp4").write_text("no video")
    words = (source, "-o", target, "--detections", tmp_path / "all.csv")
    first = process(*words)
    assert first.code == 1
    assert "1 of 5 inputs failed" in first.err
    assert "bad.mp4: is not a video" in first.err
    made = {
        path.relative_to(target).as_posix()
        for path in target.rglob("*")
        if path.is_file() and ".ssd_live" not in path.parts
    }
    assert made == {
        "trip/a.mp4.mp4",
        "trip/a.avi.mp4",
        "trip/day 2/b.mkv",
        "cat.png",
        "summary.csv",
    }
    status = {
        Path(row["input"]).name: row["status"]
        for row in csv.DictReader((target / "summary.csv").open())
    }
    assert status == {
        "bad.mp4": "failed",
        "cat.png": "done",
        "a.avi": "done",
        "a.mp4": "done",
        "b.mkv": "done",
    }
    first_table = (tmp_path / "all.csv").read_text()
    assert {row["source"] for row in csv.DictReader(first_table.splitlines())} >= {
        "cat.png",
        "trip/a.mp4",
    }

    stamp = (target / "trip" / "a.mp4.mp4").stat().st_mtime_ns
    again = process(*words)
    assert "4 finished before" in again.out
    assert (target / "trip" / "a.mp4.mp4").stat().st_mtime_ns == stamp
    assert (tmp_path / "all.csv").read_text() == first_table

    other = process(*words, "--threshold", "0.6")
    assert "4 of 5 inputs done" in other.out
    assert (target / "trip" / "a.mp4.mp4").stat().st_mtime_ns != stamp
    assert "4 of 5 inputs done" in process(*words, "--threshold", "0.6", "--overwrite").out


def test_two_inputs_of_one_name_do_not_collide(tmp_path: Path, process: Run) -> None:
    for number, name in enumerate(("one", "two"), 2):
        (tmp_path / name).mkdir()
        write_clip(tmp_path / name / "clip.mp4", number)
    assert (
        process(
            tmp_path / "one" / "clip.mp4", tmp_path / "two" / "clip.mp4", "-o", tmp_path / "out"
        ).code
        == 0
    )
    assert [len(frame_times(tmp_path / "out" / name / "clip.mp4")) for name in ("one", "two")] == [
        2,
        3,
    ]


def test_wildcards_are_expanded_by_the_program_too(tmp_path: Path, process: Run) -> None:
    for number in (1, 2, 10):
        (tmp_path / f"p{number}.png").write_bytes((MEDIA / "coffee.png").read_bytes())
    answer = process(tmp_path / "p*.png", "-o", tmp_path / "out")
    assert answer.code == 0
    order = [row["input"] for row in csv.DictReader((tmp_path / "out" / "summary.csv").open())]
    assert [Path(name).name for name in order] == ["p1.png", "p2.png", "p10.png"]


class Measurings:
    """In place of measuring after a run: lists what it was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[dict[str, Any]] = []
        self.meanwhile: Callable[[], None] = lambda: None
        monkeypatch.setattr(process_run, "measured", self._measure)

    def _measure(self, model: ModelFile, notify: object, **options: Any) -> None:
        self.asked.append(options)
        self.meanwhile()


@pytest.fixture
def measurings(monkeypatch: pytest.MonkeyPatch) -> Measurings:
    return Measurings(monkeypatch)


@pytest.fixture
def on_a_new_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str | Path, ...]:
    """A command whose model was never used on this machine."""
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(tmp_path / "engines"))
    clip = write_clip(tmp_path / "in.mp4", 5)
    return ("process", clip, "--no-video", "--model", "ssdlite300-mobilenetv2-person")


def test_the_first_use_measures_nothing(
    on_a_new_machine: tuple[str, ...], measurings: Measurings, ssd: Run
) -> None:
    answer = ssd(*on_a_new_machine)
    assert answer.code == 0
    assert "trying" not in answer.err
    assert not measurings.asked


def test_a_long_run_measures_at_its_end_and_ctrl_c_skips_that(
    on_a_new_machine: tuple[str, ...],
    measurings: Measurings,
    ssd: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process_run, "LONG_SECONDS", 0.0)
    measurings.meanwhile = lambda: signal.raise_signal(signal.SIGINT)
    answer = ssd(*on_a_new_machine, "--backend", "cpu")
    assert answer.code == 0
    assert measurings.asked == [{"without_gpu": True, "again": True}]
    told = answer.err.splitlines()
    assert told[-2:] == [
        "measuring the backends, so that later runs take the fastest; Ctrl-C skips it",
        "skipped",
    ]
    # The only choice needs no measuring.
    ssd(*on_a_new_machine, "--backend", "onnxruntime", "--precision", "fp32")
    assert len(measurings.asked) == 1


@pytest.mark.parametrize(("fps", "is_wrong"), [(0.1, True), (1e6, False)])
def test_a_run_that_is_much_faster_than_what_was_measured_measures_again(
    fps: float,
    is_wrong: bool,
    on_a_new_machine: tuple[str, ...],
    measurings: Measurings,
    ssd: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The machine was busy when it was measured."""
    monkeypatch.setattr(process_run, "LONG_SECONDS", 0.0)
    choice = BackendChoice("onnxruntime", "CPU", "fp32")
    row = BackendMeasurement(choice, 1000.0, fps, 1.0, "detections")
    store(find_model("ssdlite300-mobilenetv2-person"), [row])
    assert ssd(*on_a_new_machine).code == 0
    assert bool(measurings.asked) is is_wrong


def test_a_run_without_inference_on_every_frame_contradicts_nothing(
    on_a_new_machine: tuple[str, ...],
    measurings: Measurings,
    ssd: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process_run, "LONG_SECONDS", 0.0)
    choice = BackendChoice("onnxruntime", "CPU", "fp32")
    row = BackendMeasurement(choice, 1000.0, 0.1, 1.0, "detections")
    store(find_model("ssdlite300-mobilenetv2-person"), [row])
    assert ssd(*on_a_new_machine, "--every", "2").code == 0
    assert not measurings.asked


def test_an_export_of_the_window_measures_nothing_at_its_end(
    on_a_new_machine: tuple[str, ...],
    measurings: Measurings,
    ssd: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The window waits for its end."""
    monkeypatch.setattr(process_run, "LONG_SECONDS", 0.0)
    monkeypatch.setenv("SSD_LIVE_PROGRESS", "json")
    assert ssd(*on_a_new_machine).code == 0
    assert not measurings.asked


def test_doctor_tells_everything_as_text_and_json(ssd: Run) -> None:
    model = find_model(DEFAULT_MODEL)
    rows = [
        BackendMeasurement(BackendChoice(name, "CPU", "fp32"), 5.0, 200.0, 1.0, "detections")
        for name in ("openvino", "onnxruntime")
    ]
    store(model, rows)
    text = ssd("doctor")
    assert text.code == 0
    assert "auto for" in text.out
    facts = json.loads(ssd("doctor", "--json").out)
    assert facts["packages"]["av"]
    assert "libx264" in facts["encoders"]["h264"]
    assert {row["choice"]["backend"] for row in facts["backends"]} >= {"openvino", "onnxruntime"}


def test_doctor_measures_only_if_it_is_asked_to(
    ssd: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(tmp_path))
    text = ssd("doctor").out
    chosen = choose(find_model(DEFAULT_MODEL), workload="throughput")
    assert f"not measured yet; auto takes {chosen}; run `doctor --measure`" in text
    assert json.loads(ssd("doctor", "--json").out)["backends"] == []
    row = BackendMeasurement(BackendChoice("torch", "CPU", "fp32"), 5.0, 77.0, 1.0, "boxes")

    def measure(model: ModelFile, notify: object, *, again: bool) -> list[BackendMeasurement]:
        assert again
        return [row]

    monkeypatch.setattr(doctor_run, "measured", measure)
    assert "77 FPS" in ssd("doctor", "--measure").out


def test_models_are_listed_and_described(ssd: Run) -> None:
    listed = json.loads(ssd("models", "list", "--json").out)
    assert {model["name"] for model in listed} == {
        "blazeface-256",
        "blazeface-full-range",
        "ssd300-mobilenetv2-oid",
        "ssdlite300-mobilenetv2-person",
    }
    assert "ssd300-mobilenetv2-oid (default)" in ssd("models", "list").out
    info = json.loads(ssd("models", "info", "ssd300-mobilenetv2-oid", "--json").out)
    assert len(info["classes"]) == 23
    assert info["licence"] == "Apache-2.0"
    assert ssd("models", "info", "none").code == 1


def test_the_library_detects_in_an_array() -> None:
    image = cv2.imread(str(MEDIA / "chelsea.png"))
    assert image is not None
    with ssd_live.load(backend="openvino", precision="fp32") as detector:
        found = detector(np.asarray(image, np.uint8))
        assert found.names[0] == "Cat"
        assert found.boxes.dtype == np.float32
        assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
        with pytest.raises(SsdLiveError, match=r"\(H, W, 3\) uint8"):
            detector(image.astype(np.float32))


def test_help_needs_nothing_heavy() -> None:
    code = (
        "import sys; from ssd_live.cli import main; main(['process', '--help']); print([m for m in "
        "('cv2','numpy','av','onnx','torch','openvino','PySide6') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT
    )
    assert answer.stdout.splitlines()[-1] == "[]"


def test_running_needs_no_torch(tmp_path: Path) -> None:
    code = f"""
import sys
sys.modules["torch"] = None
from ssd_live.cli import main
options = ["--no-video", "--max-frames", "5", "--backend", "openvino", "--precision", "fp32"]
code = main(["process", {str(SAMPLE)!r}, *options])
assert main(["export", "ssd300-mobilenetv2-oid", "-o", {str(tmp_path / "x.onnx")!r}]) == 1
assert main(["process", {str(SAMPLE)!r}, "--no-video", "--backend", "torch"]) == 1
sys.exit(code)
"""
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=CHECKOUT
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr.count("error: ") == 2
    assert "pip install" in answer.stderr


def test_a_closed_pipe_is_no_traceback() -> None:
    command = f"{sys.executable} main.py models info ssd300-mobilenetv2-oid | head -1"
    answer = subprocess.run(
        command,
        shell=True,
        capture_output=True,
        text=True,
        check=False,
        cwd=CHECKOUT,
        env=os.environ,
    )
    assert "Traceback" not in answer.stderr


def test_progress_without_a_terminal_is_plain_lines(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mp4", 5)
    command = [
        sys.executable,
        str(CHECKOUT / "main.py"),
        "process",
        str(clip),
        "-o",
        str(tmp_path / "out.mp4"),
        *FIXED_BACKEND,
    ]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "\x1b" not in answer.stderr + answer.stdout
    assert answer.stdout.splitlines()[-1].endswith("FPS")


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_no_backend_reports_home(backend: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    # Runtimes keep still by themselves where they believe to be tested.
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("CI", "PYTEST", "ORT_", "XDG_"))
    }
    command = [
        sys.executable,
        str(CHECKOUT / "main.py"),
        "process",
        str(MEDIA / "coffee.png"),
        "--no-video",
        "--backend",
        backend,
        "--precision",
        "fp32",
    ]
    subprocess.run(command, check=True, capture_output=True, env=environment | {"HOME": str(home)})
    assert not [path.relative_to(home) for path in home.rglob("*") if path.is_file()]
