"""Images come into a project upright, once, and with the labels that they have."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
import pytest

from ssd_live.datasets.load import load_data
from ssd_live.errors import MediaError, OutputError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.image_files import read_image
from ssd_live.project.collect import (
    Collector,
    add_data,
    add_files,
    add_frames,
    add_video,
    labels_by_name,
    spread,
)
from ssd_live.project.labels import LabelledBox
from ssd_live.project.looks import Looks, look_of
from ssd_live.project.store import Project, create_project
from ssd_live.system.paths import assets_folder
from ssd_live.video.reader import VideoReader
from tests.clips import SAMPLE

PHOTO = assets_folder() / "media" / "chelsea.png"
# The EXIF block of a JPEG file that is to be turned by 90 degrees (orientation 6).
_TURNED = bytes.fromhex("ffe100224578696600004d4d002a00000008000101120003000000010006000000000000")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    create_project(tmp_path / "p", ["Cat"])
    with Project(tmp_path / "p") as opened:
        yield opened


def _photo() -> np.ndarray[Any, Any]:
    return read_image(PHOTO).bgr()


def _jpeg(path: Path, image: np.ndarray[Any, Any], exif: bytes = b"") -> Path:
    data = cv2.imencode(".jpg", image)[1].tobytes()
    path.write_bytes(data[:2] + exif + data[2:])
    return path


def test_a_plain_file_is_copied_as_it_is(project: Project, tmp_path: Path) -> None:
    plain = _jpeg(tmp_path / "a.jpg", _photo())
    grey = _jpeg(tmp_path / "GREY.JPEG", cv2.cvtColor(_photo(), cv2.COLOR_BGR2GRAY)[:150])
    collector = Collector(project)
    add_files(collector, [plain, grey, PHOTO], "photos")
    collected = collector.finish()
    # The PNG file shows the same as the first one.
    assert (collected.images, collected.near, collected.findings) == (2, 1, [])
    first, second = project.images
    assert project.path_of(first).read_bytes() == plain.read_bytes()
    assert project.path_of(second).read_bytes() == grey.read_bytes()
    assert (first.file_name, second.file_name) == ("a.jpg", "GREY.jpeg")
    assert (first.width, first.height, first.source) == (451, 300, "photos")
    assert not first.is_labelled


def test_others_become_upright_images_of_eight_bits(project: Project, tmp_path: Path) -> None:
    photo = _photo()
    turned = _jpeg(tmp_path / "turned.jpg", photo, _TURNED)
    deep = tmp_path / "deep.png"
    cv2.imwrite(str(deep), photo[:200].astype(np.uint16) * 257)
    clear = tmp_path / "clear.png"
    cv2.imwrite(str(clear), np.dstack([photo[100:], np.full(photo[100:].shape[:2], 9, np.uint8)]))
    old = tmp_path / "old.bmp"
    cv2.imwrite(str(old), photo[:, ::-1])
    collector = Collector(project)
    add_files(collector, [turned, deep, clear, old], "")
    assert collector.finish().images == 4
    for image, source in zip(project.images, (turned, deep, clear, old), strict=True):
        assert image.file_name == f"{source.stem}.png"
        stored = cv2.imread(str(project.path_of(image)), cv2.IMREAD_UNCHANGED)
        assert stored is not None
        assert stored.dtype == np.uint8
        np.testing.assert_array_equal(stored, read_image(source).bgr())
        assert (image.width, image.height) == (stored.shape[1], stored.shape[0])
    assert (project.images[0].width, project.images[0].height) == (300, 451)


def test_a_photo_of_four_printing_colours_becomes_a_png(project: Project, tmp_path: Path) -> None:
    image_module = pytest.importorskip("PIL.Image")
    path = tmp_path / "print.jpg"
    image_module.open(PHOTO).convert("CMYK").save(path)
    collector = Collector(project)
    add_files(collector, [path], "")
    collector.finish()
    (image,) = project.images
    assert image.file_name == "print.png"
    np.testing.assert_array_equal(read_image(project.path_of(image)).bgr(), read_image(path).bgr())


def test_what_cannot_be_read_becomes_a_finding(project: Project, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no image")
    collector = Collector(project)
    add_files(collector, [tmp_path / "a.jpg", tmp_path / "none.jpg"], "")
    collected = collector.finish()
    assert collected.images == 0
    assert len(collected.findings) == 2
    assert "is not an image" in collected.findings[0]


def test_files_of_the_same_name_are_kept_apart(project: Project, tmp_path: Path) -> None:
    photo = _photo()
    paths = []
    for number, part in enumerate((photo[:150], photo[150:], photo[:, 200:])):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths.append(_jpeg(folder / ("A.jpg" if number else "a.jpg"), part))
    collector = Collector(project)
    add_files(collector, paths, "")
    collector.finish()
    assert [image.file_name for image in project.images] == ["a.jpg", "A 2.jpg", "A 3.jpg"]


def test_frames_of_a_video_are_spread_and_near_ones_left_out(project: Project) -> None:
    with VideoReader(SAMPLE) as reader:
        frames = [frame for frame in reader.read() if isinstance(frame, Frame)]
    assert [frame.index for frame in spread(iter(frames), 1.0)] == list(range(0, len(frames), 25))
    collector = Collector(project)
    add_frames(collector, [frames[0], frames[0], frames[100], frames[200]], "bikes", "b.mp4", 2)
    collected = collector.finish()
    assert (collected.images, collected.near) == (2, 1)
    first, second = project.images
    assert (first.file_name, second.file_name) == ("bikes 000000.00.jpg", "bikes 000004.00.jpg")
    assert second.source == "b.mp4"
    assert second.seconds == pytest.approx(4.0)
    # What was collected before counts too, also in another session.
    again = Collector(project)
    assert again.add_frame(frames[100], "x", "") is None
    kept = Collector(project, keeps_near=True).add_frame(frames[100], "x", "", doubt=0.5)
    assert kept is not None
    assert kept.doubt == 0.5


def test_a_beginning_behind_the_end_of_a_video_is_told(project: Project) -> None:
    collector = Collector(project)
    add_video(collector, SAMPLE, 1.0, 5, start=999.0)
    assert collector.collected.findings == [
        f"{SAMPLE}: has no frame at 999 s or later; begin earlier"
    ]
    # Frames that are left out because they are near are frames.
    for _ in range(2):
        add_video(collector, SAMPLE, 1.0, 5, start=9.5)
    collected = collector.finish()
    assert (collected.images, collected.near, len(collected.findings)) == (1, 1, 1)


def test_noise_and_light_make_no_new_image() -> None:
    random = np.random.default_rng(1)
    photo = _photo()
    noisy = np.clip(photo * 1.05 + random.normal(0, 6, photo.shape), 0, 255).astype(np.uint8)
    moved = photo.copy()
    moved[100:220, 50:150] = photo[100:220, 250:350]
    looks = Looks([look_of(Frame((photo,))), ""])
    assert looks.has(look_of(Frame((noisy,))))
    assert not looks.has(look_of(Frame((moved,))))
    looks.add(look_of(Frame((moved,))))
    assert looks.has(look_of(Frame((moved,))))
    assert not Looks([]).has(look_of(Frame((photo,))))
    for shade in range(200):
        looks.add(look_of(Frame((np.full((12, 16, 3), shade, np.uint8),))))
    # What came first is still known after many more.
    assert looks.has(look_of(Frame((noisy,))))


def _coco(folder: Path, annotations: list[dict[str, Any]]) -> Path:
    folder.mkdir()
    _jpeg(folder / "a.jpg", _photo())
    content = {
        "images": [
            {"id": 1, "file_name": "a.jpg", "width": 451, "height": 300},
            {"id": 2, "file_name": "gone.jpg", "width": 10, "height": 10},
        ],
        "categories": [{"id": 5, "name": "cat"}, {"id": 6, "name": "dog, large"}],
        "annotations": [{"id": n, "image_id": 1, **its} for n, its in enumerate(annotations, 1)],
    }
    (folder / "labels.json").write_text(json.dumps(content))
    return folder / "labels.json"


def test_a_data_set_comes_with_its_labels(project: Project, tmp_path: Path) -> None:
    path = _coco(
        tmp_path / "data",
        [
            {"category_id": 5, "bbox": [400, 200, 100, 200]},
            {"category_id": 6, "bbox": [1, 2, 3, 4], "iscrowd": 1},
            {"category_id": 5, "bbox": [1000, 1000, 3, 4]},
        ],
    )
    collector = Collector(project)
    add_data(collector, project, load_data(path), "data")
    collected = collector.finish()
    assert (collected.images, collected.boxes) == (1, 2)
    told = (
        "exceeds the 451 x 300 image by 100 pixels",
        "exceeds the 451 x 300 image by 704 pixels",
        "gone.jpg",
    )
    for finding, end in zip(collected.findings, told, strict=True):
        assert finding.endswith(end)
    # Upper and lower case do not make a new class, and names have no commas.
    assert project.classes == {1: "Cat", 2: "dog  large"}
    (image,) = project.labelled
    assert image.boxes == (
        LabelledBox(1, (400.0, 200.0, 451.0, 300.0)),
        LabelledBox(2, (1.0, 2.0, 4.0, 6.0), difficult=True),
    )


def test_a_data_set_can_be_stopped(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    images = [{"id": n, "file_name": f"{n}.jpg", "width": 451, "height": 300} for n in range(5)]
    for image in images:
        _jpeg(folder / str(image["file_name"]), _photo())
    box = {"category_id": 1, "bbox": [1, 2, 30, 40]}
    content = {
        "images": images,
        "categories": [{"id": 1, "name": "bus"}],
        "annotations": [{"id": n + 1, "image_id": n, **box} for n in range(5)],
    }
    (folder / "labels.json").write_text(json.dumps(content))
    data = load_data(folder / "labels.json")
    collector = Collector(project)
    # While the images are checked, nothing is taken in yet, not even the classes.
    add_data(collector, project, data, "data", lambda: True)
    assert (collector.finish().images, project.classes) == (0, {1: "Cat"})
    add_data(collector, project, data, "data", lambda: collector.collected.images == 2)
    assert collector.finish().images == 2
    assert project.classes == {1: "Cat", 2: "bus"}


def test_labels_of_another_program_are_taken_over(project: Project, tmp_path: Path) -> None:
    path = _coco(tmp_path / "data", [{"category_id": 5, "bbox": [10, 20, 30, 40]}])
    collector = Collector(project)
    add_files(collector, [path.parent / "a.jpg"], "")
    collector.finish()
    changed, findings = labels_by_name(project, load_data(path))
    (image,) = changed
    assert image.is_labelled
    assert image.boxes == (LabelledBox(1, (10.0, 20.0, 40.0, 60.0)),)
    assert findings == ["gone.jpg is not in the project"]


def test_a_full_disk_leaves_no_half_image(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_: IO[bytes], target: IO[bytes]) -> None:
        target.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", no_room)
    with pytest.raises(OutputError, match="no space left on device"):
        Collector(project).add_file(_jpeg(tmp_path / "a.jpg", _photo()), "")
    assert list((project.folder / "images").iterdir()) == []


def test_a_file_that_vanished_is_told(project: Project, tmp_path: Path) -> None:
    with pytest.raises(MediaError):
        Collector(project).add_file(tmp_path / "gone.jpg", "")
