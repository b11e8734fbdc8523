"""What scripts use: sources, batches, drawing, writing, and the forms of other programs."""

import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import av
import cv2
import numpy as np
import pytest

import ssd_live
from ssd_live.cli import main
from ssd_live.errors import MediaError, OutputError, UsageError
from ssd_live.imaging.pixels import Pixels
from ssd_live.tracking.options import TrackingForm
from tests.clips import SAMPLE, pictures, write_clip

CLASSES = ("cat", "dog")


def found_two() -> ssd_live.Detections:
    return ssd_live.Detections(
        np.array([[1, 2, 11, 22], [5, 5, 9, 8]], np.float32),
        np.array([0.9, 0.4], np.float32),
        np.array([1, 0], np.int32),
        CLASSES,
    )


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", 12, size=(320, 136))


def write_part(path: Path) -> Path:
    """Copy 40 frames of the sample clip with people and bicycles, without loss."""
    words = ["process", str(SAMPLE), "-o", str(path), "--start", "4", "--max-frames", "40"]
    words += ["--codec", "ffv1", "--threshold", "1", "--backend", "onnxruntime"]
    assert main(words) == 0
    return path


def same(one: ssd_live.Detections, other: ssd_live.Detections) -> bool:
    return one.names == other.names and np.allclose(one.boxes, other.boxes, atol=0.01)


def covers(one: ssd_live.Detections, other: ssd_live.Detections) -> bool:
    """Whether each sure detection of one is in the other, at the same place."""
    return all(
        any(sure.name == its.name and overlap(sure.box, its.box) > 0.8 for its in other)
        for sure in one
        if sure.score > 0.5
    )


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """The jaccard overlap of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if min(width, height) <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / (sum(areas) - width * height)


def test_every_frame_of_a_video_comes_with_what_a_detector_finds_in_it(tmp_path: Path) -> None:
    with ssd_live.load(backend="onnxruntime") as detector:
        frames = objects = 0
        for image, found in ssd_live.detect(SAMPLE, backend="onnxruntime"):
            if frames % 50 == 0:
                # The video is resized as YUV, and the image as BGR.
                assert covers(found, detector(image))
                assert covers(detector(image), found)
            objects += len(found)
            frames += 1
    assert frames == 250
    assert objects > 250


def test_the_source_tells_its_size_and_the_time_of_each_frame(clip: Path) -> None:
    with ssd_live.detect(clip, backend="onnxruntime") as video:
        assert (video.info.width, video.info.height, video.info.rate) == (320, 136, 25)
        times = [(video.index, round(video.time, 3)) for _ in video]
    assert times == [(index, round(index / 25, 3)) for index in range(12)]


def test_an_iteration_may_end_early(clip: Path) -> None:
    with ssd_live.detect(clip, backend="onnxruntime") as video:
        next(video)
    with pytest.raises(StopIteration):
        next(video)


def test_the_image_belongs_to_the_caller(clip: Path) -> None:
    images = [image for image, _ in ssd_live.detect(clip, backend="onnxruntime")]
    images[0][:] = 0
    assert all(image.any() for image in images[1:])


@pytest.mark.parametrize(
    ("source", "error"), [("no.mp4", UsageError), (__file__, MediaError)], ids=["missing", "text"]
)
def test_a_source_that_is_none_is_an_error_at_once(source: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        ssd_live.detect(source)


def photos() -> list[Pixels]:
    names = ("astronaut.png", "chelsea.png", "coffee.png")
    return [
        np.asarray(cv2.imread(str(SAMPLE.with_name(name))), np.uint8)
        for name in names
        for _ in "ab"
    ]


def test_many_images_give_what_each_alone_gives() -> None:
    with ssd_live.load(backend="openvino", workload="throughput") as detector:
        alone = [detector(photo) for photo in photos()]
        together = detector.many(photos())
    assert all(map(same, alone, together))
    assert len(together) == 6


def test_many_images_and_single_ones_from_several_threads() -> None:
    with ssd_live.load(backend="openvino", workload="throughput") as detector:
        wanted = detector(photos()[0])
        right: list[bool] = []

        def work(several: bool) -> None:
            for _ in range(5):
                results = detector.many(photos()[:2]) if several else [detector(photos()[0])]
                right.append(same(results[0], wanted))

        threads = [threading.Thread(target=work, args=(number % 2 == 0,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert right == [True] * 20


def test_a_wrong_image_among_many_is_an_error_and_the_detector_goes_on() -> None:
    with ssd_live.load(backend="openvino") as detector:
        with pytest.raises(UsageError, match="not list"):
            detector.many([photos()[0], [[1, 2, 3]]])  # type: ignore[list-item]
        assert len(detector.many(photos()[:1])) == 1


def test_drawing_leaves_the_image_as_it_was() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    drawn = ssd_live.draw(image, found_two())
    assert drawn.any()
    assert not image.any()


def test_images_become_a_video_that_plays(tmp_path: Path, clip: Path) -> None:
    output = tmp_path / "out.mp4"
    with ssd_live.VideoFile(output, rate=10) as video:
        for image, found in ssd_live.detect(clip, backend="onnxruntime"):
            video.write(ssd_live.draw(image, found))
    assert len(pictures(output)) == 12
    with av.open(str(output)) as container:
        assert container.streams.video[0].average_rate == 10
    assert [file.name for file in tmp_path.iterdir() if "part" in file.name] == []


@pytest.mark.parametrize("codec", ["vp9", "mjpeg"])
def test_a_video_of_odd_size_has_all_frames(tmp_path: Path, codec: str) -> None:
    output = tmp_path / "out.mkv"
    with ssd_live.VideoFile(output, codec=codec) as video:  # type: ignore[arg-type]
        for value in range(5):
            video.write(np.full((75, 101, 3), 40 * value, np.uint8))
    shapes = [picture.shape for picture in pictures(output)]
    assert shapes == [(76, 102, 3)] * 5


@pytest.mark.parametrize("codec", ["h264", "vp9"])
def test_a_large_video_keeps_its_colours(tmp_path: Path, codec: str) -> None:
    """Without a mark in the file, players take another matrix for frames of this size."""
    output = tmp_path / "out.mp4"
    with ssd_live.VideoFile(output, codec=codec) as video:  # type: ignore[arg-type]
        for _ in range(3):
            video.write(np.full((720, 1280, 3), (200, 60, 30), np.uint8))
    with av.open(str(output)) as container:
        frame = next(container.decode(video=0))
        assert frame.colorspace in (5, 6)
    assert np.abs(pictures(output)[1].astype(int) - (200, 60, 30)).max() <= 6


def test_after_an_error_there_is_no_video_and_an_old_one_stays(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(b"old")

    def write_two_sizes() -> None:
        with ssd_live.VideoFile(output) as video:
            video.write(np.zeros((64, 64, 3), np.uint8))
            video.write(np.zeros((32, 64, 3), np.uint8))

    with pytest.raises(UsageError, match="the video is 64 x 64"):
        write_two_sizes()
    assert output.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize(
    ("name", "rate", "error"),
    [
        ("a.txt", 25, OutputError),
        ("a.mp4", 0, UsageError),
        ("a.mp4", 1e-9, UsageError),
        ("file/a.mp4", 25, OutputError),
    ],
)
def test_a_video_that_cannot_be_written_is_refused_at_once(
    tmp_path: Path, name: str, rate: float, error: type[Exception]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(error):
        ssd_live.VideoFile(tmp_path / name, rate)


def test_a_closed_video_takes_no_more_images_and_stays(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    with ssd_live.VideoFile(output) as video:
        video.write(np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(UsageError, match="is closed"):
        video.write(np.zeros((64, 64, 3), np.uint8))
    video.close()
    assert len(pictures(output)) == 1


@pytest.mark.parametrize("image", [[1, 2], np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)])
def test_what_is_no_image_is_neither_drawn_nor_written(image: Pixels, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="an image must be"):
        ssd_live.draw(image, found_two())
    with (
        ssd_live.VideoFile(tmp_path / "a.mp4") as video,
        pytest.raises(UsageError, match="an image must be"),
    ):
        video.write(image)


def test_a_quality_outside_the_codec_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="outside vp9's range 0 to 63"):
        ssd_live.VideoFile(tmp_path / "a.mp4", codec="vp9", crf=99)


def test_a_video_without_frames_leaves_nothing(tmp_path: Path) -> None:
    with ssd_live.VideoFile(tmp_path / "a.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_detections_are_told_one_by_one() -> None:
    first, second = found_two()
    assert list(first.box) == [1, 2, 11, 22]
    assert (first.name, first.class_id) == ("dog", 1)
    assert (second.name, round(second.score, 3)) == ("cat", 0.4)


def test_detections_as_a_dictionary_and_json() -> None:
    wanted = {
        "boxes": [[1, 2, 11, 22], [5, 5, 9, 8]],
        "scores": [0.9, 0.4],
        "class_ids": [1, 0],
        "names": ["dog", "cat"],
    }
    assert found_two().to_dict() == wanted
    assert json.loads(found_two().to_json()) == wanted


def test_detections_as_coco_results() -> None:
    first, second = found_two().to_coco(7, category_ids=[17, 18])
    assert first == {"image_id": 7, "category_id": 18, "bbox": [1, 2, 10, 20], "score": 0.9}
    assert second["bbox"] == [5, 5, 4, 3]
    assert [row["category_id"] for row in found_two().to_coco(7)] == [2, 1]
    with pytest.raises(UsageError, match="3 category ids for 2 classes"):
        found_two().to_coco(1, [1, 2, 3])


def test_no_detections_are_all_forms_too() -> None:
    none = found_two().where(np.zeros(2, bool))
    assert none.to_coco(1) == []
    assert none.to_numpy().tolist() == []
    assert list(none) == []
    assert len(none.to_pandas()) == len(none.to_supervision()) == 0


def test_detections_as_arrays_and_tables() -> None:
    assert found_two().to_numpy().tolist()[0][:4] == [1, 2, 11, 22]
    table = found_two().to_pandas()
    assert list(table.columns) == ["x1", "y1", "x2", "y2", "score", "class_id", "name"]
    assert table["name"].tolist() == ["dog", "cat"]
    other = found_two().to_supervision()
    np.testing.assert_array_equal(other.xyxy, found_two().boxes)
    assert other.data["class_name"].tolist() == ["dog", "cat"]
    assert other.class_id.tolist() == [1, 0]


def test_tracks_are_in_every_form() -> None:
    found = replace(
        found_two(), track_ids=np.array([7, 3], np.int64), observed=np.array([True, False])
    )
    assert [(one.track_id, one.observed) for one in found] == [(7, True), (3, False)]
    assert [one.track_id for one in found_two()] == [None, None]
    assert found.to_dict()["track_ids"] == [7, 3]
    assert found.to_dict()["observed"] == [True, False]
    assert found.to_coco(1)[1]["attributes"] == {"track_id": 3, "observed": False}
    assert found.to_pandas()["track_id"].tolist() == [7, 3]
    assert found.to_supervision().tracker_id.tolist() == [7, 3]
    kept = found.where(np.array([False, True]))
    assert [one.track_id for one in kept] == [3]


@pytest.mark.parametrize("form", ["live", "two-pass"])
def test_the_objects_of_a_video_are_tracked(form: TrackingForm, tmp_path: Path) -> None:
    """As `process --track` does it."""
    ids: list[list[int]] = []
    with ssd_live.track(SAMPLE, form=form, threshold=0.3, backend="onnxruntime") as tracked:
        for image, found in tracked:
            assert image.shape == (272, 640, 3)
            assert found.track_ids is not None
            ids.append(found.track_ids.tolist())
    assert len(ids) == 250
    lines = tmp_path / "a.jsonl"
    words = ["--no-video", "--threshold", "0.3", "--backend", "onnxruntime", "--track", form]
    assert main(["process", str(SAMPLE), *words, "--detections", str(lines)]) == 0
    wanted = [
        [one["track_id"] for one in json.loads(line)["detections"]]
        for line in lines.read_text("utf-8").splitlines()[1:]
    ]
    assert ids == wanted
    assert any(ids)


@pytest.mark.parametrize("tiles", [3, "auto"])
def test_tiles_find_what_process_finds_in_them(
    tiles: int | Literal["auto"], tmp_path: Path
) -> None:
    source = write_part(tmp_path / "part.mkv")
    found: list[dict[str, Any]] = []
    with ssd_live.track(source, tiles=tiles, backend="onnxruntime", precision="fp32") as tracked:
        for _, objects in tracked:
            found.append(objects.to_dict())
    lines = tmp_path / "a.jsonl"
    words = ["process", str(source), "--no-video", "--track", "live", "--tiles", str(tiles)]
    words += ["--backend", "onnxruntime", "--precision", "fp32", "--detections", str(lines)]
    assert main(words) == 0
    wanted = [json.loads(line)["detections"] for line in lines.read_text().splitlines()[1:]]
    assert [its["track_ids"] for its in found] == [[d["track_id"] for d in its] for its in wanted]
    for its, line in zip(found, wanted, strict=True):
        np.testing.assert_allclose(its["boxes"], [d["box"] for d in line] or [], atol=0.01)
    assert any(wanted)


@pytest.mark.parametrize("tiles", [1, 17, -4, "many", 2.5])
def test_a_number_of_tiles_that_is_none_is_refused(tiles: object) -> None:
    for call in (ssd_live.track, ssd_live.detect):
        with pytest.raises(UsageError, match="must be a number from 2 to 16"):
            call(SAMPLE, tiles=tiles)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="needs tracking"):
        ssd_live.detect(SAMPLE, tiles="auto")


def test_a_camera_cannot_be_read_twice() -> None:
    with pytest.raises(UsageError, match='needs form="live"'):
        ssd_live.track("pattern", form="two-pass")
    with ssd_live.track("pattern:64x64@500") as tracked:
        _, found = next(tracked)
    assert found.track_ids is not None


@pytest.mark.slow
def test_a_strictly_typed_script_passes_the_type_checker(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import ssd_live\n"
        "\n"
        "def total(path: str) -> float:\n"
        "    score = 0.0\n"
        '    with ssd_live.VideoFile("a.mp4", 25) as video:\n'
        "        for frame, found in ssd_live.detect(path, threshold=0.5):\n"
        "            video.write(ssd_live.draw(frame, found))\n"
        "            score += sum(one.score for one in found)\n"
        "    return score\n"
        "\n"
        "with ssd_live.load() as detector:\n"
        "    wrong: int = detector.many([])\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(script)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(ssd_live.__file__).parents[1],
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 1, done.stdout
    assert 'variable has type "int"' in lines[0]
