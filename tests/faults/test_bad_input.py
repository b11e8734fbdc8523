"""Bad input gets one clear line, a non-zero exit, and nothing under the final name."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from ssd_live.system.paths import assets_folder
from tests.clips import SAMPLE, frame_times, write_clip
from tests.conftest import FIXED_BACKEND, Answer

Process = Callable[..., Answer]
CHECKOUT = Path(__file__).resolve().parents[2]


def error_line(answer: Answer) -> str:
    """The one line that says what is wrong."""
    lines = [line for line in answer.err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, answer.err
    assert "Traceback" not in answer.err
    assert answer.code in (1, 2)
    return lines[0]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", 5)


def _text(path: Path) -> Path:
    path.write_text("these are only words\n" * 50)
    return path


def _cut(path: Path, share: float) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


BAD_INPUTS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing file": (lambda folder: folder / "none.mp4", "there is no such file"),
    "text renamed mp4": (lambda folder: _text(folder / "text.mp4"), "not a video"),
    "text renamed jpg": (lambda folder: _text(folder / "text.jpg"), "not an image"),
    "truncated mp4": (
        lambda folder: _cut(write_clip(folder / "cut.mp4", 30), 0.5),
        "index is missing",
    ),
    "truncated image": (
        lambda folder: _cut(
            Path(shutil.copy(assets_folder() / "media" / "coffee.png", folder / "cut.png")), 0.001
        ),
        "image",
    ),
    "sound only": (lambda folder: _sound_only(folder / "sound.mp4"), "no video stream"),
    "folder without media": (
        lambda folder: _folder(folder / "empty"),
        "no video or image in this folder",
    ),
    "pattern without match": (lambda folder: folder / "*.mkv", "nothing matches"),
}


def _folder(path: Path) -> Path:
    path.mkdir()
    (path / "readme.txt").write_text("nothing here")
    return path


def _sound_only(path: Path) -> Path:
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=duration=1", path],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return path


@pytest.mark.parametrize("kind", BAD_INPUTS)
def test_what_cannot_be_read_is_named_in_one_line(
    kind: str, tmp_path: Path, process: Process
) -> None:
    make, words = BAD_INPUTS[kind]
    source = make(tmp_path)
    answer = process(source, "-o", tmp_path / "out" / f"result{source.suffix or '.mp4'}")
    assert words in error_line(answer)
    assert str(source) in error_line(answer)
    assert not list(tmp_path.glob("out/**/*.*"))


def test_an_empty_file_is_called_empty(tmp_path: Path, process: Process) -> None:
    (tmp_path / "zero.mp4").touch()
    assert "the file is empty" in error_line(
        process(tmp_path / "zero.mp4", "-o", tmp_path / "out.mp4")
    )


def test_of_a_cut_mkv_the_readable_part_is_kept_under_the_part_name(
    tmp_path: Path, process: Process
) -> None:
    source = _cut(
        write_clip(
            tmp_path / "in.mkv",
            60,
            setup=lambda stream: setattr(stream.codec_context, "gop_size", 10),
        ),
        0.5,
    )
    answer = process(source, "-o", tmp_path / "out.mkv", "--detections", tmp_path / "out.jsonl")
    assert answer.code == 1
    line = error_line(answer)
    assert "the file ends after" in line
    assert "out.part.mkv" in line
    kept = frame_times(tmp_path / "out.part.mkv")
    assert 10 < len(kept) < 60
    assert f"{len(kept)} frames were processed" in line
    assert len((tmp_path / "out.part.jsonl").read_text().splitlines()) == len(kept) + 1
    assert not (tmp_path / "out.mkv").exists()
    assert not (tmp_path / "out.jsonl").exists()


def test_a_damaged_middle_is_said_and_everything_else_processed(
    tmp_path: Path, process: Process
) -> None:
    source = write_clip(tmp_path / "in.mkv", 60)
    data = bytearray(source.read_bytes())
    data[len(data) // 2 : len(data) // 2 + len(data) // 10] = bytes(len(data) // 10)
    source.write_bytes(data)
    answer = process(source, "-o", tmp_path / "out.mkv")
    assert answer.code == 1
    assert "out.part.mkv" in error_line(answer)
    assert 10 < len(frame_times(tmp_path / "out.part.mkv")) < 60


@pytest.mark.skipif(
    os.geteuid() == 0 and not shutil.which("setpriv"),
    reason="root may read everything, and there is no setpriv to be less",
)
def test_no_permission_is_said(clip: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    shutil.copy(clip, locked / "in.mp4")
    (locked / "in.mp4").chmod(0)
    unreadable = _unprivileged("process", locked / "in.mp4", "--no-video", *FIXED_BACKEND)
    assert "permission denied" in error_line(unreadable)
    unwritable = _unprivileged("process", SAMPLE, "-o", locked / "sub" / "out.mp4", *FIXED_BACKEND)
    assert "permission denied" in error_line(unwritable)


def test_a_disk_that_is_too_small_is_seen_ahead(
    small_disk: Path, tmp_path: Path, process: Process
) -> None:
    clip = write_clip(tmp_path / "in.mp4", 5, size=(1920, 1080))
    (small_disk / "filler").write_bytes(bytes(1_000_000))
    assert "will be needed but only" in error_line(process(clip, "-o", small_disk / "out.mp4"))
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


def test_a_disk_that_fills_up_leaves_nothing_under_the_final_name(
    small_disk: Path, process: Process
) -> None:
    answer = process(
        SAMPLE, "-o", small_disk / "out.mkv", "--codec", "mjpeg", "--crf", "2", "--max-frames", "60"
    )
    assert "no space left" in error_line(answer) or "will be needed" in error_line(answer)
    answer = process(SAMPLE, "-o", small_disk / "out.mp4", "--crf", "1", "--max-frames", "60")
    assert "no space left" in error_line(answer)
    assert not list(small_disk.iterdir())
    assert shutil.disk_usage(small_disk).free > 1_000_000


@pytest.mark.parametrize(
    ("codec", "size"), [("hevc", (34, 34)), ("hevc", (128, 62)), ("av1", (2, 2))]
)
def test_a_size_that_an_encoder_does_not_take_is_named(
    codec: str, size: tuple[int, int], tmp_path: Path, process: Process
) -> None:
    clip = write_clip(tmp_path / "in.mkv", 3, codec="mjpeg", size=size, pixel_format="yuvj420p")
    answer = process(clip, "-o", tmp_path / "out.mp4", "--codec", codec)
    assert (
        f"the encoder for {codec} does not accept {size[0]} x {size[1]} at 25 FPS; choose another "
        "codec with --codec" in error_line(answer)
    )
    assert not list(tmp_path.glob("out*"))


def test_a_full_disk_stops_detections_too(small_disk: Path, process: Process) -> None:
    (small_disk / "filler").write_bytes(bytes(1024 * 1024 - 8192))
    answer = process(
        SAMPLE, "--no-video", "--detections", small_disk / "out.jsonl", "--threshold", "0.02"
    )
    assert "no space left" in error_line(answer)
    assert not (small_disk / "out.jsonl").exists()


BAD_WORDS: dict[str, tuple[tuple[str, ...], int, str]] = {
    "unknown model": (
        ("--model", "ssd300-mobilenetv2"),
        1,
        "did you mean 'ssd300-mobilenetv2-oid'",
    ),
    "missing model file": (("--model", "nowhere/model.onnx"), 1, "cannot be read"),
    "threshold of 7": (("--threshold", "7"), 2, "is not between"),
    "threshold that is no number": (("--threshold", "high"), 2, "a valid number"),
    "negative threshold": (("--threshold", "-1"), 2, "is not between"),
    "threshold below the model's own": (
        ("--threshold", "0.001"),
        2,
        "below the model's own score threshold 0.01",
    ),
    "NaN threshold": (("--threshold", "nan"), 2, "is not between"),
    "unknown class": (("--classes", "Bicicle"), 2, "did you mean 'Bicycle'"),
    "unknown backend": (("--backend", "cuda"), 2, "there is no backend 'cuda'"),
    "unknown device": (("--backend", "openvino:TPU"), 2, "no device 'TPU'"),
    "precision that the device lacks": (
        ("--backend", "onnxruntime", "--precision", "bf16"),
        2,
        "cannot run this model in bf16",
    ),
    "unknown preset": (
        ("--preset", "turbo"),
        2,
        "'--preset': 'turbo' is not one of 'slow', 'balanced', 'fast', 'fastest'; see --help",
    ),
    "preset of none": (
        ("--codec", "mjpeg", "--preset", "slow"),
        2,
        "mjpeg has no presets; leave out --preset",
    ),
    "crf outside": (("--crf", "99"), 2, "outside h264's range 0 to 51"),
    "region that is no region": (("--region", "1,2,3"), 2, "four whole numbers"),
    "region outside the picture": (("--region", "600,0,100,100"), 1, "reaches outside"),
    "start behind the end": (("--start", "99"), 1, "no frame in the requested time range"),
    "unknown option": (("--treshold", "0.3"), 2, "--threshold"),
    "unknown codec": (("--codec", "divx"), 2, "divx"),
}


@pytest.mark.parametrize("kind", BAD_WORDS)
def test_wrong_words_are_named_in_one_line(
    kind: str, clip: Path, tmp_path: Path, ssd: Process
) -> None:
    words, code, text = BAD_WORDS[kind]
    backend = () if "--backend" in words else FIXED_BACKEND
    answer = ssd("process", clip, "-o", tmp_path / "out.mp4", *backend, *words)
    assert text in error_line(answer)
    assert answer.code == code
    assert not (tmp_path / "out.mp4").exists()


def test_a_name_without_a_format_and_no_name_at_all_are_refused(
    clip: Path, tmp_path: Path, process: Process
) -> None:
    assert "-o OUT" in error_line(process(clip))
    assert ".jsonl" in error_line(
        process(clip, "--no-video", "--detections", tmp_path / "found.xml")
    )


def test_a_model_file_that_is_not_onnx_is_refused(
    clip: Path, tmp_path: Path, process: Process
) -> None:
    answer = process(clip, "--no-video", "--model", _text(tmp_path / "model.onnx"))
    assert "is not an ONNX file" in error_line(answer)


def test_a_model_file_of_another_program_is_refused(
    clip: Path, tmp_path: Path, process: Process
) -> None:
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "other",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    onnx.save(helper.make_model(graph), tmp_path / "other.onnx")
    assert "must have exactly one input, `image`" in error_line(
        process(clip, "--no-video", "--model", tmp_path / "other.onnx")
    )


def test_weights_outside_the_model_file_are_refused(
    clip: Path, tmp_path: Path, process: Process
) -> None:
    model = onnx.load(assets_folder() / "models" / "ssd300-mobilenetv2-oid.onnx")
    tensor = max(model.graph.initializer, key=lambda one: len(one.raw_data))
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "../../../etc/passwd"), ("offset", "0"), ("length", "4")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    (tmp_path / "evil.onnx").write_bytes(model.SerializeToString())
    line = error_line(process(clip, "--no-video", "--model", tmp_path / "evil.onnx"))
    assert "../../../etc/passwd" in line
    assert "not allowed" in line


def test_the_output_must_not_be_the_input(clip: Path, tmp_path: Path, process: Process) -> None:
    before = clip.read_bytes()
    assert "overwrite an input" in error_line(process(clip, "-o", clip, "--overwrite"))
    (tmp_path / "link.mp4").symlink_to(clip)
    assert "overwrite an input" in error_line(
        process(clip, "-o", tmp_path / "link.mp4", "--overwrite")
    )
    assert "overwrite an input" in error_line(process(tmp_path, "-o", tmp_path, "--overwrite"))
    assert clip.read_bytes() == before


def test_an_existing_output_is_kept_unless_told_otherwise(
    clip: Path, tmp_path: Path, process: Process
) -> None:
    (tmp_path / "out.mp4").write_text("precious")
    assert "exists already" in error_line(process(clip, "-o", tmp_path / "out.mp4"))
    assert (tmp_path / "out.mp4").read_text() == "precious"
    assert process(clip, "-o", tmp_path / "out.mp4", "--overwrite").code == 0
    assert len(frame_times(tmp_path / "out.mp4")) == 5


def test_ctrl_c_leaves_a_playable_part_and_says_where(tmp_path: Path) -> None:
    source = write_clip(
        tmp_path / "in.mp4",
        170,
        size=(1280, 720),
        setup=lambda stream: stream.options.update(preset="ultrafast"),
    )
    command = [
        sys.executable,
        str(CHECKOUT / "main.py"),
        "process",
        str(source),
        "-o",
        str(tmp_path / "out.mp4"),
        *FIXED_BACKEND,
    ]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        deadline = time.monotonic() + 60
        while not (
            (tmp_path / "out.part.mp4").exists()
            and (tmp_path / "out.part.mp4").stat().st_size > 1000
        ):
            assert time.monotonic() < deadline
            assert child.poll() is None
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "out.part.mp4" in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "out.mp4").exists()
    kept = frame_times(tmp_path / "out.part.mp4")
    assert 0 < len(kept) < 170
    assert f"stopped after {len(kept)} frames" in errors


def _unprivileged(*words: object) -> Answer:
    """Run a command as nobody."""
    command = [sys.executable, CHECKOUT / "main.py", *words]
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    answer = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, cwd="/"
    )
    return Answer(answer.returncode, answer.stdout, answer.stderr)


@pytest.mark.skipif(sys.platform == "win32", reason="file names have no control characters there")
def test_control_characters_of_a_name_do_not_reach_the_terminal(
    tmp_path: Path, process: Callable[..., Answer]
) -> None:
    path = tmp_path / "a\x1b[2J\nb.mp4"
    path.write_text("no video")
    answer = process(path, tmp_path / "gone.mp4", "-o", tmp_path / "out")
    assert "\x1b" not in answer.err
    answer = process(path, "--no-video")
    line = error_line(answer)
    assert "a\\x1b[2J\\nb.mp4" in line
    assert "\x1b" not in answer.err
