"""No frame is lost and no time moves, whatever the video is like."""

import json
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from ssd_live.backends import openvino
from ssd_live.selection import choice as choosing
from ssd_live.system.paths import assets_folder
from tests.clips import (
    SAMPLE,
    frame_times,
    packet_times,
    pictures,
    sound_packets,
    stream_of,
    with_rotation,
    write_clip,
)
from tests.conftest import Answer

Process = Callable[..., Answer]


def uneven(index: int) -> int:
    """Frame times as a phone in the dark gives them, in milliseconds."""
    return index * 33 + (index * index * 7) % 29


CLIPS: dict[str, Callable[[Path], Path]] = {
    "ntsc with sound": lambda folder: write_clip(
        folder / "in.mp4", 40, rate=Fraction(30000, 1001), sound="aac"
    ),
    "variable rate mp4": lambda folder: write_clip(
        folder / "in.mp4", time_base=Fraction(1, 1000), pts=uneven
    ),
    "variable rate mkv": lambda folder: write_clip(
        folder / "in.mkv", time_base=Fraction(1, 1000), pts=uneven
    ),
    "rotated": lambda folder: with_rotation(write_clip(folder / "flat.mp4"), folder / "in.mp4", 90),
    "one frame": lambda folder: write_clip(folder / "in.mp4", 1),
    "4K": lambda folder: write_clip(
        folder / "in.mp4",
        3,
        size=(3840, 2160),
        setup=lambda stream: stream.options.update(preset="ultrafast"),
    ),
    "starts late": lambda folder: write_clip(folder / "in.mp4", pts=lambda index: index + 50),
    "odd size": lambda folder: write_clip(
        folder / "in.mp4", size=(321, 241), pixel_format="yuv444p"
    ),
    "10 bit": lambda folder: write_clip(
        folder / "in.mkv", codec="libx265", pixel_format="yuv420p10le"
    ),
    "MPEG-2 transport stream": lambda folder: write_clip(folder / "in.ts", codec="mpeg2video"),
    "VP9": lambda folder: write_clip(folder / "in.webm", 6, codec="libvpx-vp9", size=(320, 136)),
    "motion JPEG": lambda folder: write_clip(
        folder / "in.avi", codec="mjpeg", pixel_format="yuvj420p"
    ),
}


@pytest.mark.parametrize("kind", CLIPS)
def test_every_frame_comes_out_at_its_own_time(kind: str, tmp_path: Path, process: Process) -> None:
    source = CLIPS[kind](tmp_path)
    output = tmp_path / "out.mp4"
    answer = process(source, "-o", output)
    assert answer.code == 0, answer.err
    assert frame_times(output) == frame_times(source)
    assert packet_times(output) == packet_times(source)


@pytest.mark.parametrize("frames", [1, 2, 3])
@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_a_few_frames_in_hevc_have_their_times(
    frames: int, ending: str, tmp_path: Path, process: Process
) -> None:
    output = tmp_path / f"out{ending}"
    answer = process(SAMPLE, "-o", output, "--codec", "hevc", "--max-frames", str(frames))
    assert answer.code == 0, answer.err
    assert frame_times(output) == frame_times(SAMPLE)[:frames]


def test_the_whole_sample_clip_comes_out(tmp_path: Path, process: Process) -> None:
    answer = process(SAMPLE, "-o", tmp_path / "out.mp4")
    assert answer.code == 0
    assert packet_times(tmp_path / "out.mp4") == packet_times(SAMPLE)
    assert len(packet_times(SAMPLE)) == 250
    assert answer.out.splitlines()[-1].endswith(" FPS")


def test_raw_streams_without_times_keep_every_frame(tmp_path: Path, process: Process) -> None:
    source = write_clip(tmp_path / "in.h264", 12)
    assert process(source, "-o", tmp_path / "out.mp4").code == 0
    assert len(frame_times(tmp_path / "out.mp4")) == 12


def test_sound_is_copied_byte_for_byte(tmp_path: Path, process: Process) -> None:
    source = write_clip(tmp_path / "in.mp4", 40, rate=Fraction(30000, 1001), sound="aac")
    process(source, "-o", tmp_path / "out.mp4")
    assert len(sound_packets(source)) > 50
    assert sound_packets(tmp_path / "out.mp4") == sound_packets(source)


def test_sound_that_the_container_cannot_hold_is_converted_and_said(
    tmp_path: Path, process: Process
) -> None:
    source = write_clip(tmp_path / "in.avi", codec="mpeg4", sound="wmav2")
    answer = process(source, "-o", tmp_path / "out.mp4")
    assert answer.code == 0
    assert "audio stream 1 is converted to aac" in answer.err
    assert stream_of(tmp_path / "out.mp4")["streams"] == ["video", "audio"]


def test_subtitles_are_carried_over(tmp_path: Path, process: Process) -> None:
    source = _with_subtitle(write_clip(tmp_path / "flat.mkv"), tmp_path / "in.mkv")
    assert process(source, "-o", tmp_path / "same.mkv").code == 0
    assert _subtitles(tmp_path / "same.mkv") == ("subrip", [b"hello there"])
    answer = process(source, "-o", tmp_path / "other.mp4")
    assert "converted to mov_text" in answer.err
    assert _subtitles(tmp_path / "other.mp4")[1] == [b"\x00\x0bhello there"]


def test_a_phones_portrait_video_comes_out_upright(tmp_path: Path, process: Process) -> None:
    flat = write_clip(tmp_path / "flat.mp4", 5)
    process(
        with_rotation(flat, tmp_path / "in.mp4", 90), "-o", tmp_path / "out.mp4", "--threshold", "1"
    )
    assert (
        stream_of(tmp_path / "out.mp4")["width"],
        stream_of(tmp_path / "out.mp4")["height"],
    ) == (272, 640)
    wanted = np.rot90(pictures(flat)[2], 1).astype(float)
    assert np.abs(pictures(tmp_path / "out.mp4")[2] - wanted).mean() < 3


def test_boxes_of_a_rotated_video_are_in_upright_pixels(tmp_path: Path, process: Process) -> None:
    flat = write_clip(tmp_path / "flat.mp4", 5)
    process(
        with_rotation(flat, tmp_path / "in.mp4", 180),
        "--no-video",
        "--detections",
        tmp_path / "turned.jsonl",
        "--threshold",
        "0.1",
    )
    header, *frames = _lines(tmp_path / "turned.jsonl")
    assert (header["width"], header["height"]) == (640, 272)
    assert all(
        0 <= value <= limit
        for frame in frames
        for d in frame["detections"]
        for value, limit in zip(d["box"], (640, 272) * 2, strict=True)
    )


def test_odd_sizes_are_padded_by_one_and_said(tmp_path: Path, process: Process) -> None:
    source = write_clip(tmp_path / "in.mp4", 4, size=(321, 241), pixel_format="yuv444p")
    answer = process(source, "-o", tmp_path / "out.mp4", "--threshold", "1")
    assert "321 x 241 has an odd side" in answer.err
    assert stream_of(tmp_path / "out.mp4")["width"] == 322
    difference = np.abs(
        pictures(tmp_path / "out.mp4")[1][:241, :321].astype(float) - pictures(source)[1]
    )
    assert difference.mean() < 4


@pytest.mark.parametrize(("colour_range", "space"), [(2, 1), (1, 1), (1, 6)])
def test_colour_range_and_matrix_are_carried_over(
    colour_range: int, space: int, tmp_path: Path, process: Process
) -> None:
    def tag(stream: Any) -> None:
        stream.codec_context.color_range, stream.codec_context.colorspace = colour_range, space

    source = write_clip(tmp_path / "in.mp4", 4, setup=tag)
    process(source, "-o", tmp_path / "out.mp4", "--threshold", "1")
    facts = stream_of(tmp_path / "out.mp4")
    assert (facts["color_range"], facts["colorspace"]) == (colour_range, space)
    assert np.abs(pictures(tmp_path / "out.mp4")[1].astype(float) - pictures(source)[1]).mean() < 3


def test_interlaced_video_keeps_its_frames(tmp_path: Path, process: Process) -> None:
    def interlace(stream: Any) -> None:
        stream.codec_context.flags |= 0x20040000
        stream.options.update({"x264-params": "tff=1"})

    source = write_clip(tmp_path / "in.mkv", 10, size=(720, 576), setup=interlace)
    with av.open(str(source)) as container:
        assert next(container.decode(video=0)).interlaced_frame
    assert process(source, "-o", tmp_path / "out.mkv").code == 0
    assert frame_times(tmp_path / "out.mkv") == frame_times(source)


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        ("h264", ".mp4"),
        ("hevc", ".mp4"),
        ("av1", ".mp4"),
        ("vp9", ".mp4"),
        ("mjpeg", ".mkv"),
        ("ffv1", ".mkv"),
    ],
)
def test_every_codec_writes_what_it_is_called(
    codec: str, suffix: str, tmp_path: Path, process: Process
) -> None:
    source = write_clip(tmp_path / "in.mp4", 6, size=(320, 136))
    output = tmp_path / f"out{suffix}"
    assert process(source, "-o", output, "--codec", codec, "--threshold", "1").code == 0
    assert stream_of(output)["name"] in (codec, "libdav1d")
    assert len(frame_times(output)) == 6
    assert np.abs(pictures(output)[3].astype(float) - pictures(source)[3]).mean() < 6


def test_lossless_output_differs_only_under_the_overlay(tmp_path: Path, process: Process) -> None:
    source = write_clip(tmp_path / "in.mp4", 5)
    process(
        source,
        "-o",
        tmp_path / "out.mkv",
        "--codec",
        "ffv1",
        "--detections",
        tmp_path / "out.jsonl",
    )
    frames = _lines(tmp_path / "out.jsonl")[1:]
    assert any(frame["detections"] for frame in frames)
    for before, after, frame in zip(
        pictures(source), pictures(tmp_path / "out.mkv"), frames, strict=True
    ):
        changed = (before != after).any(-1)
        elsewhere = changed.copy()
        assert changed.any() == bool(frame["detections"])
        for found in frame["detections"]:
            x1, y1, x2, y2 = (round(value) for value in found["box"])
            assert changed[max(y1 - 2, 0) : y1 + 4, x1:x2].any()
            elsewhere[max(y1 - 40, 0) : y2 + 40, max(x1 - 60, 0) : x2 + 130] = False
        assert not elsewhere.any()


def test_a_browser_can_start_before_the_file_is_there(tmp_path: Path, process: Process) -> None:
    process(write_clip(tmp_path / "in.mp4"), "-o", tmp_path / "out.mp4")
    data = (tmp_path / "out.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_a_part_of_a_video_begins_at_time_zero(tmp_path: Path, process: Process) -> None:
    source = write_clip(tmp_path / "in.mp4", 50, sound="aac")
    process(
        source,
        "-o",
        tmp_path / "out.mp4",
        "--start",
        "1",
        "--duration",
        "0.4",
        "--detections",
        tmp_path / "out.jsonl",
    )
    assert frame_times(tmp_path / "out.mp4") == [Fraction(index, 25) for index in range(10)]
    assert [frame["time"] for frame in _lines(tmp_path / "out.jsonl")[1:]] == pytest.approx(
        [1 + index / 25 for index in range(10)]
    )


def test_max_frames_and_every_are_kept_to(tmp_path: Path, process: Process) -> None:
    source = write_clip(tmp_path / "in.mp4", 20)
    process(
        source,
        "-o",
        tmp_path / "out.mp4",
        "--max-frames",
        "9",
        "--every",
        "3",
        "--detections",
        tmp_path / "out.jsonl",
    )
    assert len(frame_times(tmp_path / "out.mp4")) == 9
    assert [frame["frame"] for frame in _lines(tmp_path / "out.jsonl")[1:]] == [0, 3, 6]


def test_a_region_finds_only_what_lies_inside_it(tmp_path: Path, process: Process) -> None:
    source = write_clip(tmp_path / "in.mp4", 10)
    process(
        source, "--no-video", "--region", "320,0,320,272", "--detections", tmp_path / "out.jsonl"
    )
    boxes = [
        found["box"]
        for frame in _lines(tmp_path / "out.jsonl")[1:]
        for found in frame["detections"]
    ]
    assert boxes
    assert all(box[0] >= 320 for box in boxes)


def test_classes_and_threshold_filter(tmp_path: Path, process: Process) -> None:
    source = write_clip(tmp_path / "in.mp4", 10)
    process(
        source,
        "--no-video",
        "--classes",
        "car",
        "--threshold",
        "0.5",
        "--detections",
        tmp_path / "out.jsonl",
    )
    found = [found for frame in _lines(tmp_path / "out.jsonl")[1:] for found in frame["detections"]]
    assert found
    assert {one["class"] for one in found} == {"Car"}
    assert min(one["score"] for one in found) >= 0.5


def test_the_header_says_what_made_the_detections(tmp_path: Path, process: Process) -> None:
    process(
        write_clip(tmp_path / "in.mp4", 3), "--no-video", "--detections", tmp_path / "out.jsonl"
    )
    header, *frames = _lines(tmp_path / "out.jsonl")
    assert header["source"] == "in.mp4"
    assert header["model"] == "ssd300-mobilenetv2-oid"
    assert len(header["model_sha256"]) == 64
    assert (header["backend"], header["precision"], header["time_base"]) == (
        "openvino",
        "fp32",
        "1/12800",
    )
    assert [frame["frame"] for frame in frames] == [0, 1, 2]
    assert [frame["pts"] for frame in frames] == [0, 512, 1024]


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures at once each network was loaded for."""
    seen: list[int] = []
    load = openvino.load
    monkeypatch.setattr(
        openvino,
        "load",
        lambda model, options: seen.append(options.batch) or load(model, options),  # type: ignore[func-returns-value]
    )
    return seen


def test_frames_that_are_computed_in_pairs_have_the_detections_of_each_alone(
    tmp_path: Path, ssd: Process, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [
        "--no-video",
        "--max-frames",
        "9",
        "--threshold",
        "0.2",
        "--backend",
        "openvino",
        "--precision",
        "int8",
    ]
    assert ssd("process", SAMPLE, *words, "--detections", tmp_path / "pairs.jsonl").code == 0
    monkeypatch.setattr(choosing, "IN_PAIRS", ())
    assert ssd("process", SAMPLE, *words, "--detections", tmp_path / "alone.jsonl").code == 0
    assert batches == [2, 1]
    alone = _lines(tmp_path / "alone.jsonl")
    assert [len(frame["detections"]) for frame in alone[1:]].count(0) < len(alone[1:]) == 9
    assert _lines(tmp_path / "pairs.jsonl") == alone


@pytest.mark.parametrize(
    "words",
    [[assets_folder() / "media" / "chelsea.png"], ["--every", "2"]],
    ids=["images", "some frames"],
)
def test_images_and_some_frames_are_computed_alone(
    words: list[str | Path], ssd: Process, batches: list[int]
) -> None:
    assert (
        ssd(
            "process",
            SAMPLE,
            *words,
            "--no-video",
            "--max-frames",
            "5",
            "--backend",
            "openvino",
            "--precision",
            "int8",
        ).code
        == 0
    )
    assert batches == [1]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _with_subtitle(source: Path, target: Path) -> Path:
    text = target.with_suffix(".srt")
    text.write_text("1\n00:00:00,100 --> 00:00:00,400\nhello there\n")
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(source),
        "-i",
        str(text),
        "-map",
        "0",
        "-map",
        "1",
        "-c",
        "copy",
        str(target),
    ]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return target


def _subtitles(path: Path) -> tuple[str, list[bytes]]:
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[0]
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
        return stream.codec_context.codec.canonical_name, [
            packet for packet in packets if b"hello" in packet
        ]


def test_webm_gets_a_codec_that_it_can_hold(process: Callable[..., Answer], tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mp4", 6, size=(320, 136))
    answer = process(clip, "-o", tmp_path / "out.webm")
    assert (answer.code, answer.err.count("error")) == (0, 0)
    assert stream_of(tmp_path / "out.webm")["name"] in ("libdav1d", "av1")
    assert len(frame_times(tmp_path / "out.webm")) == 6


def test_a_codec_that_webm_cannot_hold_is_refused_before_anything_is_loaded(
    process: Callable[..., Answer], tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "in.mp4", 2, size=(320, 136))
    answer = process(clip, "-o", tmp_path / "out.webm", "--codec", "h264")
    assert answer.code == 2
    assert answer.err.splitlines() == [
        f"error: {tmp_path / 'out.webm'}: WebM cannot hold h264; leave out --codec, or end the "
        "name in .mp4 or .mkv"
    ]
    assert not (tmp_path / "out.webm").exists()
