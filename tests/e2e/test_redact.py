"""`process --redact`: what is hidden does not show, and nothing else of the source goes along."""

import csv
import itertools
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from ssd_live.process import job
from ssd_live.process.review import HiddenRegion, Review, ReviewFile
from ssd_live.system.paths import assets_folder
from ssd_live.video.reader import VideoReader
from tests.clips import SAMPLE, frame_times, pictures, sound_packets, write_clip
from tests.conftest import FIXED_BACKEND, Answer
from tests.faces import HEAD, RATE, SIZE, picture, write_face_clip

Process = Callable[..., Answer]
CHECKOUT = Path(__file__).resolve().parents[2]
ASTRONAUT = assets_folder() / "media" / "astronaut.png"
# The part of the sample clip with people.
PART = ("--start", "3", "--duration", "1.6")
HEIGHT = 110.0
# The face of the made clip without hair and ears: left, top, right and bottom as shares of the
# height of the head.
FACE = (0.12, 0.2, 0.58, 0.76)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _walk(time: float) -> tuple[float, float]:
    """The way of the head: from the left to the right with a curve."""
    return 60 + 180 * time, 60 + 70 * np.sin(1.2 * time)


def _planes(path: Path) -> list[list[np.ndarray[Any, Any]]]:
    """The Y, U and V planes of each frame."""
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            whole = frame.to_ndarray(format="yuv420p")
            width, height = frame.width, frame.height
            chroma = whole[height:].reshape(2, height // 2, width // 2)
            found.append([whole[:height], chroma[0], chroma[1]])
    return found


def _region(box: list[float], half: int) -> tuple[slice, slice]:
    x1, y1 = (max(int(value // 2 * 2), 0) // half for value in box[:2])
    x2, y2 = (int(-(-value // 2) * 2) // half for value in box[2:])
    return slice(y1, y2), slice(x1, x2)


def _is_lonely(found: dict[str, Any], line: dict[str, Any]) -> bool:
    """Whether the hidden region of a detection overlaps no other one."""
    x1, y1, x2, y2 = found["box"]
    return not any(
        other is not found
        and other["box"][0] < x2 + 2
        and x1 < other["box"][2] + 2
        and other["box"][1] < y2 + 2
        and y1 < other["box"][3] + 2
        for other in line["detections"]
    )


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_face_clip(
        tmp_path_factory.mktemp("clip") / "walk.mp4", _walk, seconds=2.4, height=HEIGHT
    )


@pytest.mark.parametrize("every", ["1", "4"])
def test_a_face_is_hidden_in_every_frame_between_two_detections(
    every: str, walk: Path, tmp_path: Path, process: Process
) -> None:
    log = tmp_path / "out.jsonl"
    answer = process(
        walk, "-o", tmp_path / "out.mkv", "--redact", "Face", "--codec", "ffv1", "--every", every,
        "--detections", log,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    header, *lines = _lines(log)
    assert header["redaction"]["classes"] == ["Face"]
    frames = _planes(tmp_path / "out.mkv")
    assert len(frames) == len(lines) == round(2.4 * RATE)
    for index, (luma, *_) in enumerate(frames):
        x, y = _walk(index / RATE)
        left, top, right, bottom = (
            int(offset + share * HEIGHT) for offset, share in zip((x, y, x, y), FACE, strict=True)
        )
        assert (luma[top:bottom, left:right] == 16).all(), index
    # Only the face and what is around it is hidden.
    assert np.mean([(luma == 16).mean() for luma, *_ in frames]) < 0.15


@pytest.mark.parametrize("style", ["solid", "pixelate", "blur"])
def test_no_pixel_of_a_hidden_region_is_that_of_the_source(
    style: str, tmp_path: Path, process: Process
) -> None:
    """Each hidden region is a function of a few coarse cells, and the rest is untouched."""
    output, log = tmp_path / "out.mkv", tmp_path / "out.jsonl"
    answer = process(
        SAMPLE, *PART, "-o", output, "--codec", "ffv1", "--redact", "person",
        "--redact-style", style, "--detections", log,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    process(SAMPLE, *PART, "-o", tmp_path / "plain.mkv", "--codec", "ffv1", "--classes", "mug")
    _, *lines = _lines(log)
    alone = 0
    for line, planes, plain in zip(
        lines, _planes(output), _planes(tmp_path / "plain.mkv"), strict=True
    ):
        outside = [np.full(plane.shape, True) for plane in planes]
        for found in line["detections"]:
            # The boxes are written with two decimals.
            x1, y1, x2, y2 = found["box"]
            wider = [x1 - 0.01, y1 - 0.01, x2 + 0.01, y2 + 0.01]
            for number, mask in enumerate(outside):
                mask[_region(wider, 2 if number else 1)] = False
        for plane, other, mask in zip(planes, plain, outside, strict=True):
            assert (plane[mask] == other[mask]).all()
        lonely = [each["box"] for each in line["detections"] if _is_lonely(each, line)]
        alone += len(lonely)
        for box, (number, plane) in itertools.product(lonely, enumerate(planes)):
            part = plane[_region(box, 2 if number else 1)].astype(float)
            if style == "solid":
                assert (part == (128 if number else 16)).all()
            elif style == "pixelate":
                assert len(np.unique(part)) <= 64
                assert (part[:, 1:] != part[:, :-1]).any(0).sum() <= 7
                assert (part[1:] != part[:-1]).any(1).sum() <= 7
            else:
                # 64 values say nearly all of it: the rest is rounding.
                strengths = np.linalg.svd(part - part.mean(), compute_uv=False)
                assert strengths[8:].max(initial=0) < 16
    assert alone > 5


def test_two_classes_come_from_two_models(tmp_path: Path, process: Process) -> None:
    """Upper and lower case do not matter."""
    log = tmp_path / "out.jsonl"
    answer = process(
        ASTRONAUT, "-o", tmp_path / "out.png", "--redact", "PERSON,face", "--detections", log
    )
    assert answer.code == 0, answer.err
    header, line = _lines(log)
    assert [each["model"] for each in header["redaction"]["models"]] == [
        "ssd300-mobilenetv2-oid",
        "blazeface-256",
    ]
    assert {found["class"] for found in line["detections"]} == {"Person", "Face"}
    shown = cv2.imread(str(tmp_path / "out.png"))
    assert shown is not None
    for found in line["detections"]:
        assert (shown[_region(found["box"], 1)] == 0).all()


def test_two_models_in_a_video_have_ids_of_their_own(tmp_path: Path, process: Process) -> None:
    log, tracks = tmp_path / "out.jsonl", tmp_path / "tracks.csv"
    answer = process(
        SAMPLE, *PART, "-o", tmp_path / "out.mp4", "--redact", "face,person",
        "--detections", log, "--tracks", tracks, "--doubts", tmp_path / "doubts.csv",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    classes: dict[int, set[str]] = {}
    for line in _lines(log)[1:]:
        for found in line["detections"]:
            classes.setdefault(found["track_id"], set()).add(found["class"])
    assert all(len(names) == 1 for names in classes.values())
    assert set.union(*classes.values()) == {"Person", "Face"}
    assert {int(row["track_id"]) for row in _rows(tracks)} == set(classes)
    for row in _rows(tmp_path / "doubts.csv"):
        assert classes[int(row["track_id"])] == {row["class"]}


def test_no_boxes_and_labels_are_drawn(walk: Path, tmp_path: Path, process: Process) -> None:
    """A frame without a face is that of the source."""
    source = write_face_clip(
        tmp_path / "in.mp4", lambda time: (200, 100) if time > 1 else None, height=HEIGHT
    )
    process(source, "-o", tmp_path / "out.mkv", "--codec", "ffv1", "--redact", "face")
    for index in (0, 5, 10):
        for plane, other in zip(
            _planes(tmp_path / "out.mkv")[index], _planes(source)[index], strict=True
        ):
            assert (plane == other).mean() > 0.995


def _with_everything(folder: Path) -> Path:
    """A Matroska file with sound, tags, chapters, subtitles, an attachment and a cover picture."""
    clip = write_clip(folder / "clip.mp4", 30, sound="aac")
    (folder / "subtitles.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nSECRET line\n")
    (folder / "tags.txt").write_text(
        ";FFMETADATA1\ntitle=SECRET title\ncomment=SECRET comment\n"
        "location=+59.3293+018.0686/\nartist=SECRET artist\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=SECRET chapter\n"
    )
    Image.new("RGB", (64, 64), "red").save(folder / "cover.jpg")
    source = folder / "in.mkv"
    done = subprocess.run(
        [
            "ffmpeg", "-v", "error", "-i", clip, "-i", folder / "subtitles.srt",
            "-i", folder / "tags.txt", "-map", "0", "-map", "1", "-map_metadata", "2",
            "-map_chapters", "2", "-c", "copy", "-metadata:s:a:0", "title=SECRET voice",
            "-metadata:s:v:0", "title=SECRET camera", "-attach", folder / "cover.jpg",
            "-metadata:s:t", "mimetype=image/jpeg", source,
        ],
        check=False, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return source


def _all_of(path: Path) -> dict[str, Any]:
    """What ffprobe says of a file."""
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-show_chapters",
         "-of", "json", path],
        check=True, capture_output=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    found["format"].pop("filename")
    return found


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".mov"])
def test_nothing_but_pictures_and_sound_goes_along(
    ending: str, tmp_path: Path, process: Process
) -> None:
    source, output = _with_everything(tmp_path), tmp_path / f"out{ending}"
    before = json.dumps(_all_of(source))
    assert before.count("SECRET") >= 5
    assert "59.3293" in before
    answer = process(source, "-o", output, "--redact", "person")
    assert answer.code == 0, answer.err
    after = _all_of(output)
    assert [stream["codec_type"] for stream in after["streams"]] == ["video", "audio"]
    assert after["chapters"] == []
    text = json.dumps(after)
    assert "SECRET" not in text
    assert "59.3293" not in text
    assert b"SECRET" not in output.read_bytes()
    assert set(after["format"].get("tags", {})) <= {
        "ENCODER", "encoder", "major_brand", "minor_version", "compatible_brands",
    }  # fmt: skip
    sounds = [[digest for _, digest in sound_packets(path)] for path in (source, output)]
    assert sounds[0] == sounds[1] != []


def test_captions_inside_the_stream_of_pictures_do_not_go_along(
    tmp_path: Path, process: Process
) -> None:
    """FFmpeg decodes captions to data beside a frame, and x264 writes such data."""
    source = write_clip(tmp_path / "in.h264", 12)
    # Supplemental enhancement information (ITU-T H.264, D.2.5) with one pair of characters of
    # CEA-608, as ATSC A/53 part 4 has it.
    captions = bytes.fromhex("b500314741393403c1fffc4142ff")
    message = b"\0\0\1\x06\x04" + bytes([len(captions)]) + captions + b"\x80"
    units = source.read_bytes().split(b"\0\0\1")
    # Types 1 and 5 are slices; a picture begins with the one whose first macroblock is number 0.
    parts = [
        (message if unit[0] & 31 in (1, 5) and unit[1] & 128 else b"") + b"\0\0\1" + unit
        for unit in units
        if unit
    ]
    source.write_bytes(b"".join(parts))
    process(source, "-o", tmp_path / "plain.mp4")
    assert b"GA94" in (tmp_path / "plain.mp4").read_bytes()
    answer = process(source, "-o", tmp_path / "out.mp4", "--redact", "person")
    assert answer.code == 0, answer.err
    assert len(frame_times(tmp_path / "out.mp4")) == 12
    assert b"GA94" not in (tmp_path / "out.mp4").read_bytes()


def test_sound_is_kept_or_removed(tmp_path: Path, process: Process) -> None:
    source = write_clip(tmp_path / "in.mp4", 20, sound="aac")
    for sound in ("keep", "remove"):
        output = tmp_path / f"{sound}.mp4"
        process(source, "-o", output, "--redact", "person", "--redact-sound", sound)
        with av.open(str(output)) as container:
            assert len(container.streams.audio) == (sound == "keep")
        assert len(frame_times(output)) == 20
    assert sound_packets(tmp_path / "keep.mp4") == sound_packets(source)


def test_sound_whose_headers_hold_texts_is_encoded_anew(tmp_path: Path, process: Process) -> None:
    source = tmp_path / "in.mkv"
    write_clip(tmp_path / "clip.mp4", 20, sound="aac")
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", tmp_path / "clip.mp4", "-c:v", "copy", "-c:a", "flac",
         "-metadata:s:a", "comment=SECRET", source],
        check=False, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer = process(source, "-o", tmp_path / "out.mkv", "--redact", "person")
    assert "flac keeps texts beside the sound" in answer.err
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.streams.audio[0].codec_context.name == "aac"


@pytest.mark.parametrize("style", ["solid", "pixelate"])
def test_an_image_is_redacted_without_its_metadata(
    style: str, tmp_path: Path, process: Process
) -> None:
    source, output = tmp_path / "in.jpg", tmp_path / "out.jpg"
    exif = Image.Exif()
    exif[0x010E] = "SECRET place"
    exif[0x0112] = 6
    shown = picture((250, 60), 170, SIZE)[:, :, ::-1]
    # A camera that was turned by a quarter.
    Image.fromarray(np.ascontiguousarray(np.rot90(shown))).save(
        source, exif=exif, quality=95, comment="SECRET comment"
    )
    assert b"SECRET" in source.read_bytes()
    answer = process(
        source, "-o", output, "--redact", "face", "--redact-style", style,
        "--detections", tmp_path / "out.jsonl",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    assert b"SECRET" not in output.read_bytes()
    written = Image.open(output)
    assert not written.getexif()
    assert written.size == SIZE
    line = _lines(tmp_path / "out.jsonl")[1]
    x, y = 250 + 170 * HEAD[2] / HEAD[3] / 2, 60 + 170 / 2
    assert any(
        box[0] < x < box[2] and box[1] < y < box[3]
        for box in (found["box"] for found in line["detections"])
    )
    face = np.asarray(written)[int(y) - 30 : int(y) + 30, int(x) - 20 : int(x) + 20].astype(int)
    plain = shown[int(y) - 30 : int(y) + 30, int(x) - 20 : int(x) + 20].astype(int)
    assert np.abs(np.diff(face, axis=0)).mean() < 0.4 * np.abs(np.diff(plain, axis=0)).mean()


def test_doubtful_moments_are_listed(tmp_path: Path, process: Process) -> None:
    """A face that appears in the middle of the picture may have been missed before."""
    source = write_face_clip(
        tmp_path / "in.mp4",
        lambda time: (200, 100) if 1 <= time < 2 else None,
        seconds=3,
        height=HEIGHT,
    )
    doubts, log = tmp_path / "doubts.csv", tmp_path / "out.jsonl"
    answer = process(
        source, "-o", tmp_path / "out.mp4", "--redact", "face", "--doubts", doubts,
        "--json", tmp_path / "summary.json", "--threshold", "0.6", "--detections", log,
    )  # fmt: skip
    rows = _rows(doubts)
    assert [(row["source"], row["class"], row["why"]) for row in rows] == [
        ("in.mp4", "Face", "begins inside"),
        ("in.mp4", "Face", "ends inside"),
    ]
    assert float(rows[0]["to"]) == pytest.approx(1.0, abs=0.09)
    assert float(rows[1]["from"]) == pytest.approx(1.96, abs=0.09)
    assert f"2 doubtful moments, see {doubts}" in answer.out
    assert json.loads((tmp_path / "summary.json").read_text("utf-8"))["doubtful_moments"] == 2
    # It is hidden for 0.3 s before and after.
    times = [line["time"] for line in _lines(log)[1:] if line["detections"]]
    assert min(times) == pytest.approx(0.7, abs=0.1)
    assert max(times) == pytest.approx(2.26, abs=0.1)
    answer = process(source, "-o", tmp_path / "other.mp4", "--redact", "face")
    assert "--doubts FILE.csv lists them" in answer.out


def test_a_folder_has_one_list_of_doubts_also_for_finished_inputs(
    tmp_path: Path, process: Process
) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        write_face_clip(
            tmp_path / "in" / f"{name}.mp4",
            lambda time: (200, 100) if time >= 0.8 else None,
            seconds=1.4,
            height=HEIGHT,
        )
    words = (tmp_path / "in", "-o", tmp_path / "out", "--redact", "face")
    doubts = tmp_path / "doubts.csv"
    process(*words, "--doubts", doubts)
    first = doubts.read_bytes()
    assert [row["source"] for row in _rows(doubts)] == ["a.mp4", "b.mp4"]
    assert "2 finished before" in process(*words, "--doubts", doubts).out
    assert doubts.read_bytes() == first
    # What changes the result is processed again.
    for more in (("--redact-style", "blur"), ("--redact-margin", "0.5")):
        assert "finished before" not in process(*words, *more).out


BAD = [
    (("--redact", "face", "--no-video"), "--redact hides objects in the copy"),
    (("--redact", "unicorn,face", "-o", "out.mp4"), "no model here finds 'unicorn'"),
    (("--redact", "a,b", "-o", "out.mp4"), "no model here finds 'a', 'b'"),
    (("--redact", "face,", "-o", "out.mp4"), "has an empty name"),
    (("--redact", "face", "-o", "out.mp4", "--track", "live"), "--redact needs --track two-pass"),
    (("--redact", "face", "-o", "out.mp4", "--track", "off"), "--redact needs --track two-pass"),
    (("--redact", "face", "-o", "out.mp4", "--labels", "none"), "leave out --labels"),
    (("--redact", "face", "-o", "out.mp4", "--line-width", "3"), "leave out --line-width"),
    (("--redact", "face", "-o", "out.mp4", "--classes", "Face"), "leave out --classes"),
    (("--redact", "face", "-o", "out.mp4", "--zones", "z.json"), "leave out --zones"),
    (("--redact", "face", "-o", "out.mp4", "--doubts", "d.txt"), "end the name in .csv"),
    (("--redact", "face", "-o", "out.mp4", "--doubts", "in.mp4"), "end the name in .csv"),
    (("--redact", "face", "-o", "out.mp4", "--redact-margin", "-1"), "--redact-margin"),
    (("--redact", "face"), "there is no output"),
    (("-o", "out.mp4", "--doubts", "d.csv"), "--doubts is for --redact"),
    (("-o", "out.mp4", "--redact-style", "blur"), "--redact-style is for --redact"),
    (("-o", "out.mp4", "--redact-sound", "remove"), "--redact-sound is for --redact"),
    (("-o", "out.mp4", "--review", "r.jsonl"), "--review is for --redact"),
    (("--redact", "face", "-o", "out.mp4", "--review", "r.csv"), "end the name in .jsonl"),
    (("--redact", "face", "-o", "o/", "--review", "r.jsonl"), "--review works with one video"),
    (
        ("--redact", "face", "-o", "out.mp4", "--review", "r.jsonl", "--doubts", "d.csv"),
        "--review has the doubts too; leave out --doubts",
    ),
    (
        ("--redact", "face", "-o", "out.mp4", "--review", "r.jsonl", "--tracks", "t.csv"),
        "--review writes no other results; leave out --tracks",
    ),
]


@pytest.mark.parametrize(("words", "message"), BAD)
def test_what_does_not_fit_is_refused_before_any_work(
    words: tuple[str, ...], message: str, tmp_path: Path, process: Process
) -> None:
    write_clip(tmp_path / "in.mp4", 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        answer = process("in.mp4", *words)
    assert answer.code == 2
    assert message in answer.err
    assert "Traceback" not in answer.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4"]


def test_a_pipe_cannot_be_read_again(tmp_path: Path, ssd: Callable[..., Answer]) -> None:
    answer = ssd("process", "-", "-o", tmp_path / "out.mp4", "--redact", "face")
    assert answer.code == 2
    assert "--redact reads the video more than once" in answer.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [("--redact", "face"), ("--track", "two-pass")])
def test_the_standard_output_gets_one_whole_video(words: tuple[str, ...], tmp_path: Path) -> None:
    command = [
        sys.executable, str(CHECKOUT / "main.py"), "process", str(SAMPLE), "-o", "-",
        "--max-frames", "12", *words, *FIXED_BACKEND,
    ]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, timeout=120)
    (tmp_path / "out.mkv").write_bytes(done.stdout)
    # The name of a Matroska segment's head appears once.
    assert done.stdout.count(b"matroska") == 1
    assert len(frame_times(tmp_path / "out.mkv")) == 12


@pytest.mark.parametrize("reading", [1, 2, 3])
def test_a_stop_leaves_nothing_unredacted(
    reading: int, walk: Path, tmp_path: Path, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C comes when the video is opened for the first, the second or the third reading."""
    opened: list[VideoReader] = []

    class Interrupted(VideoReader):
        def __init__(self, *words: Any, **more: Any) -> None:
            super().__init__(*words, **more)
            opened.append(self)
            if len(opened) == reading:
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(job, "VideoReader", Interrupted)
    answer = process(walk, "-o", tmp_path / "out.mp4", "--redact", "person,face")
    assert answer.code == 130
    assert "stopped" in answer.err
    assert "Traceback" not in answer.err
    assert list(tmp_path.iterdir()) == []


def test_a_broken_file_leaves_only_redacted_frames(
    walk: Path, tmp_path: Path, process: Process
) -> None:
    whole = tmp_path / "whole.mkv"
    with av.open(str(walk)) as reader, av.open(str(whole), "w") as writer:
        stream = writer.add_stream_from_template(reader.streams.video[0])
        for packet in reader.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                writer.mux(packet)
    (tmp_path / "in.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    answer = process(
        tmp_path / "in.mkv", "-o", tmp_path / "out.mkv", "--redact", "face", "--codec", "ffv1"
    )
    assert answer.code == 1
    assert "frames were processed" in answer.err
    assert not (tmp_path / "out.mkv").exists()
    frames = pictures(tmp_path / "out.part.mkv")
    assert len(frames) > 10
    for index, frame in enumerate(frames):
        x, y = _walk(index / RATE)
        spot = frame[int(y + 0.5 * HEIGHT), int(x + 0.35 * HEIGHT)]
        assert spot.max() < 4, index


def test_a_file_that_changes_between_the_readings_is_refused(
    walk: Path, tmp_path: Path, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in.mp4"
    source.write_bytes(walk.read_bytes())
    other = write_face_clip(tmp_path / "other.mp4", _walk, seconds=3, height=HEIGHT).read_bytes()
    opened: list[VideoReader] = []

    class Changed(VideoReader):
        def __init__(self, *words: Any, **more: Any) -> None:
            opened.append(self)
            if len(opened) == 2:
                source.write_bytes(other)
            super().__init__(*words, **more)

    monkeypatch.setattr(job, "VideoReader", Changed)
    answer = process(source, "-o", tmp_path / "out.mp4", "--redact", "face")
    assert answer.code == 1
    assert "the file gave other frames when it was read again" in answer.err
    assert not list(tmp_path.glob("out*"))


def test_tiles_hide_smaller_faces(tmp_path: Path, process: Process) -> None:
    source = tmp_path / "in.png"
    cv2.imwrite(str(source), picture((420, 200), 20, (1280, 720)))
    hidden = {}
    for tiles in ("off", "auto"):
        log = tmp_path / f"{tiles}.jsonl"
        process(
            source, "-o", tmp_path / f"{tiles}.png", "--redact", "face", "--tiles", tiles,
            "--detections", log,
        )  # fmt: skip
        x, y = 420 + 0.35 * 20, 200 + 0.5 * 20
        hidden[tiles] = any(
            box[0] < x < box[2] and box[1] < y < box[3]
            for box in (found["box"] for found in _lines(log)[1]["detections"])
        )
    assert hidden == {"off": False, "auto": True}


def test_a_copy_is_written_after_a_review(walk: Path, tmp_path: Path, process: Process) -> None:
    """Without changes it is the copy that is written at once; with them, it is what they say."""
    review, plain, output = tmp_path / "r.jsonl", tmp_path / "plain.mkv", tmp_path / "out.mkv"
    words = ("--redact", "Face", "--codec", "ffv1", "--every", "2")
    assert process(walk, "-o", plain, *words).code == 0
    answer = process(walk, "-o", output, *words, "--review", review)
    assert answer.code == 0, answer.err
    assert re.fullmatch(
        rf"review: {review}, \d+ moments? to check; run this again to write the copy\n",
        answer.out.splitlines(keepends=True)[-1],
    )
    assert not output.exists()
    answer = process(walk, "-o", output, *words, "--review", review)
    assert answer.code == 0, answer.err
    assert f"written: {output}" in answer.out
    for one, other in zip(_planes(output), _planes(plain), strict=True):
        # What is hidden at once is hidden now, and hardly more: the boxes are rounded outwards.
        assert (one[0][other[0] == 16] == 16).all()
        assert (one[0] != other[0]).mean() < 0.01
    answer = process(walk, "-o", output, *words, "--review", review)
    assert (answer.code, "exists already; give --overwrite" in answer.err) == (1, True)
    # A person says that the face is none, and hides a region in the second half.
    file = ReviewFile(review)
    region = HiddenRegion(1.2, 9.0, (300.0, 10.0, 400.0, 60.0))
    file.decide(Review(tuple(range(1, 100)), (region,)))
    process(walk, "-o", output, *words, "--review", review, "--overwrite")
    for index, (luma, *_) in enumerate(_planes(output)):
        is_hidden = (luma[10:60, 300:400] == 16).all()
        assert is_hidden == (index / RATE >= 1.2)
        x, y = _walk(index / RATE)
        left, top, right, bottom = (
            int(offset + share * HEIGHT) for offset, share in zip((x, y, x, y), FACE, strict=True)
        )
        assert index / RATE >= 1.2 or not (luma[top:bottom, left:right] == 16).all()
    another = write_face_clip(
        tmp_path / "walk.mp4", lambda time: (300, 60), seconds=2.4, height=HEIGHT
    )
    more = ("--redact", "Face,Person", *words[2:])
    for source, its_words in ((another, words), (walk, more)):
        answer = process(source, "-o", tmp_path / "x.mkv", *its_words, "--review", review)
        assert answer.code == 2
        assert "is the review of another video, or of other options; delete it" in answer.err
        assert not (tmp_path / "x.mkv").exists()
