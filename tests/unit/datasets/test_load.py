"""A data set is recognised by its folders, and what is none is refused in one line."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from ssd_live.datasets.load import load_data
from ssd_live.datasets.types import class_index
from ssd_live.errors import DataError

_XML = """<annotation><object><name>cat</name>
<bndbox><xmin>3</xmin><ymin>5</ymin><xmax>10</xmax><ymax>12</ymax></bndbox></object></annotation>"""
_COCO = {
    "images": [{"id": 1, "file_name": "a.jpg"}],
    "categories": [{"id": 1, "name": "cat"}],
    "annotations": [{"image_id": 1, "category_id": 1, "bbox": [2, 4, 8, 8]}],
}


def write_image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((32, 64, 3), 90, np.uint8))


def voc(folder: Path) -> Path:
    write_image(folder / "JPEGImages" / "a.jpg")
    (folder / "Annotations").mkdir()
    (folder / "Annotations" / "a.xml").write_text(_XML)
    return folder


def coco(folder: Path) -> Path:
    write_image(folder / "images" / "a.jpg")
    (folder / "annotations").mkdir()
    (folder / "annotations" / "instances.json").write_text(json.dumps(_COCO))
    return folder


def coco_file(folder: Path) -> Path:
    return coco(folder) / "annotations" / "instances.json"


def yolo(folder: Path) -> Path:
    write_image(folder / "images" / "a.jpg")
    (folder / "labels").mkdir()
    (folder / "labels" / "a.txt").write_text(f"0 {6 / 64} {8 / 32} {8 / 64} {8 / 32}\n")
    (folder / "classes.txt").write_text("cat\n")
    return folder


FORMS = pytest.mark.parametrize("make", [voc, coco, coco_file, yolo])


@FORMS
def test_every_form_says_the_same_of_the_same_object(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    data = load_data(make(tmp_path))
    assert data.classes == ("cat",)
    (image,) = data.images
    np.testing.assert_array_equal(image.boxes, [[2, 4, 10, 12]])
    np.testing.assert_array_equal(image.classes, [0])
    np.testing.assert_array_equal(image.ignored, [False])


@FORMS
def test_every_form_finds_the_image(make: Callable[[Path], Path], tmp_path: Path) -> None:
    assert load_data(make(tmp_path)).images[0].path.is_file()


@FORMS
def test_every_form_gives_the_same_types_of_array(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    image = load_data(make(tmp_path)).images[0]
    assert [image.boxes.dtype, image.classes.dtype, image.ignored.dtype] == [
        np.dtype(kind) for kind in (np.float32, np.int64, np.bool_)
    ]


def test_a_coco_folder_is_recognised_where_the_file_system_ignores_case(tmp_path: Path) -> None:
    coco(tmp_path)
    if not (tmp_path / "Annotations").exists():
        (tmp_path / "Annotations").symlink_to(tmp_path / "annotations", target_is_directory=True)
    assert len(load_data(tmp_path)) == 1


def test_a_path_that_is_not_there_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none.*no such file or folder") as caught:
        load_data(tmp_path / "none")
    assert "\n" not in str(caught.value)


def test_a_folder_of_no_known_form_is_refused_with_the_forms_that_are(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match=r"VOC.*COCO.*YOLO") as caught:
        load_data(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_json_by_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.zip"
    path.write_bytes(b"PK")
    with pytest.raises(DataError, match=r"data\.zip: is not a known data set"):
        load_data(path)


def test_a_class_is_found_by_name_in_any_case() -> None:
    assert class_index(("Cat", "dog"), " DOG ") == 1


def test_a_class_that_there_is_not_has_no_index() -> None:
    assert class_index(("cat", "dog"), "do") is None
