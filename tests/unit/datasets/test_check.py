"""What is wrong with labelled data is found and named, each fault as what it is, in VOC, COCO and
YOLO alike; what is right is left alone.
"""

import difflib
import json
import os
import shutil
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ssd_live.datasets.check import check, unlabelled
from ssd_live.datasets.load import load_data
from ssd_live.datasets.types import DataSet, Finding, Kind, LabelledImage

PHOTO = Path(__file__).parents[3] / "assets" / "media" / "chelsea.png"
WIDTH, HEIGHT = 64, 48
# Orientation 6: to be turned by 90 degrees, so that width and height change places.
_EXIF_TURNED = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)

Box = tuple[float, float, float, float]
Objects = Sequence[tuple[str, Box]]
INSIDE: Box = (10, 12, 30, 40)


def write_photo(path: Path, number: int = 0) -> Path:
    """A part of a real photo, another one for each number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    photo = cv2.imread(str(PHOTO))
    assert photo is not None
    assert cv2.imwrite(str(path), photo[10 * number :][:HEIGHT, 100 : 100 + WIDTH])
    return path


def add_label(
    folder: Path, stem: str, objects: Objects, size: tuple[object, object] = (WIDTH, HEIGHT)
) -> Path:
    """As VOC writes it: pixels counted from 1, the last one inside."""
    path = folder / "Annotations" / f"{stem}.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    sides = ("xmin", "ymin", "xmax", "ymax")
    things = "".join(
        f"<object><name>{name}</name><bndbox>"
        + "".join(
            f"<{side}>{value}</{side}>"
            for side, value in zip(sides, (x1 + 1, y1 + 1, x2, y2), strict=True)
        )
        + "</bndbox></object>"
        for name, (x1, y1, x2, y2) in objects
    )
    width, height = size
    said = (
        f"<filename>{stem}.jpg</filename>"
        f"<size><width>{width}</width><height>{height}</height></size>"
    )
    path.write_text(f"<annotation>{said}{things}</annotation>", encoding="utf-8")
    return path


def voc(folder: Path, images: dict[str, Objects]) -> Path:
    for number, (stem, objects) in enumerate(images.items()):
        write_photo(folder / "JPEGImages" / f"{stem}.jpg", number)
        add_label(folder, stem, objects)
    return folder


def coco(folder: Path, images: dict[str, Objects], /, **changes: object) -> Path:
    names = sorted({name for objects in images.values() for name, _ in objects})
    entries, annotations = [], []
    for number, (stem, objects) in enumerate(images.items()):
        write_photo(folder / "images" / f"{stem}.jpg", number)
        entries.append({"id": number, "file_name": f"{stem}.jpg", "width": WIDTH, "height": HEIGHT})
        for name, (x1, y1, x2, y2) in objects:
            annotations.append(
                {
                    "image_id": number,
                    "category_id": names.index(name),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                }
            )
    categories = [{"id": number, "name": name} for number, name in enumerate(names)]
    write_json(
        folder, {"images": entries, "annotations": annotations, "categories": categories} | changes
    )
    return folder


def write_json(folder: Path, content: object) -> Path:
    path = folder / "annotations" / "instances.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def yolo(folder: Path, images: dict[str, Objects]) -> Path:
    names = sorted({name for objects in images.values() for name, _ in objects})
    for number, (stem, objects) in enumerate(images.items()):
        write_photo(folder / "images" / f"{stem}.jpg", number)
        text = folder / "labels" / f"{stem}.txt"
        text.parent.mkdir(parents=True, exist_ok=True)
        lines = [
            f"{names.index(name)} {(x1 + x2) / 2 / WIDTH} {(y1 + y2) / 2 / HEIGHT} "
            f"{(x2 - x1) / WIDTH} {(y2 - y1) / HEIGHT}\n"
            for name, (x1, y1, x2, y2) in objects
        ]
        text.write_text("".join(lines))
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in names))
    return folder


Form = Callable[[Path, dict[str, Objects]], Path]
in_each_form = pytest.mark.parametrize("form", [voc, coco, yolo])
SUBFOLDERS: dict[Form, str] = {voc: "JPEGImages", coco: "images", yolo: "images"}


def found(folder: Path, split: str = "", classes: Sequence[str] = ()) -> list[Finding]:
    return list(check(load_data(folder, split, classes)).findings)


def only(folder: Path, split: str = "", classes: Sequence[str] = ()) -> tuple[Kind, str, str]:
    """The one finding: its kind, the name of its file and its words."""
    (finding,) = found(folder, split, classes)
    assert "\n" not in str(finding)
    return finding.kind, finding.path.name, finding.detail


def label_name(form: Form) -> str:
    """The file in which to look for an object of the image `a`."""
    # COCO's one file tells nobody where to look.
    return {voc: "a.xml", coco: "a.jpg", yolo: "a.txt"}[form]


@in_each_form
def test_clean_data_have_no_findings(form: Form, tmp_path: Path) -> None:
    folder = form(
        tmp_path,
        {"a": [("cat", INSIDE), ("dog", INSIDE)], "b": [("dog", (0, 0, WIDTH, HEIGHT))], "c": []},
    )
    assert found(folder) == []
    assert unlabelled(load_data(folder)) == []


@in_each_form
def test_every_readable_image_has_its_size(form: Form, tmp_path: Path) -> None:
    folder = form(tmp_path, {"a": [("cat", INSIDE)], "b": []})
    (tmp_path / SUBFOLDERS[form] / "b.jpg").unlink()
    assert {path.name: size for path, size in check(load_data(folder)).sizes.items()} == {
        "a.jpg": (WIDTH, HEIGHT)
    }


def test_images_are_counted_while_they_are_read(tmp_path: Path) -> None:
    counted: list[int] = []
    check(load_data(voc(tmp_path, {"a": [("cat", INSIDE)], "b": [], "c": []})), counted.append)
    assert counted == [1, 2, 3]


@in_each_form
def test_a_box_that_reaches_out_is_named_with_its_class_and_by_how_far(
    form: Form, tmp_path: Path
) -> None:
    kind, file, detail = only(form(tmp_path, {"a": [("cat", (10, 12, WIDTH + 9, 40))]}))
    assert (kind, file) == ("box outside", label_name(form))
    assert "cat at 10, 12, 73, 40: exceeds the 64 x 48 image by 9 pixels" in detail


@in_each_form
@pytest.mark.parametrize(
    "box",
    [
        (-5, 12, 30, 40),
        (10, -5, 30, 40),
        (10, 12, WIDTH + 5, 40),
        (10, 12, 30, HEIGHT + 5),
        (200, 200, 300, 300),
    ],
)
def test_a_box_may_reach_out_on_no_side(form: Form, box: Box, tmp_path: Path) -> None:
    assert only(form(tmp_path, {"a": [("cat", box)]}))[0] == "box outside"


@in_each_form
@pytest.mark.parametrize("box", [(30, 12, 10, 40), (10, 40, 30, 12), (30, 40, 10, 12)])
def test_a_box_that_ends_before_it_begins_is_inverted(form: Form, box: Box, tmp_path: Path) -> None:
    kind, file, detail = only(form(tmp_path, {"a": [("cat", box)]}))
    assert (kind, file) == ("inverted box", label_name(form))
    assert "its right or bottom edge is before its left or top edge" in detail


@in_each_form
@pytest.mark.parametrize("box", [(10, 12, 10, 40), (10, 12, 30, 12), (10, 12, 10, 12)])
def test_a_box_without_an_area_is_empty(form: Form, box: Box, tmp_path: Path) -> None:
    kind, file, detail = only(form(tmp_path, {"a": [("cat", box)]}))
    assert (kind, file) == ("empty box", label_name(form))
    assert "has no area" in detail


@in_each_form
@pytest.mark.parametrize(
    "box", [(-1, 12, 30, 40), (10, -1, 30, 40), (10, 12, WIDTH + 1, 40), (10, 12, 30, HEIGHT + 1)]
)
def test_a_box_one_pixel_out_is_off_by_one(form: Form, box: Box, tmp_path: Path) -> None:
    kind, file, detail = only(form(tmp_path, {"a": [("cat", box)]}))
    assert (kind, file) == ("off by one", label_name(form))
    assert "counted from 0 or from 1" in detail


def test_voc_coordinates_that_count_from_zero_are_off_by_one(tmp_path: Path) -> None:
    label = voc(tmp_path, {"a": [("cat", (0, 0, 20, 20))]}) / "Annotations" / "a.xml"
    label.write_text(label.read_text().replace("<xmin>1<", "<xmin>0<"))
    assert only(tmp_path)[0] == "off by one"


@in_each_form
def test_what_rounding_moves_a_box_out_by_is_let_through(form: Form, tmp_path: Path) -> None:
    assert (
        found(form(tmp_path, {"a": [("cat", (-0.34, -0.34, WIDTH + 0.34, HEIGHT + 0.34))]})) == []
    )


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e39"])
def test_a_coordinate_that_is_no_number_is_found_in_xml(value: str, tmp_path: Path) -> None:
    label = voc(tmp_path, {"a": [("cat", INSIDE)]}) / "Annotations" / "a.xml"
    label.write_text(label.read_text().replace(f"<xmax>{INSIDE[2]}<", f"<xmax>{value}<"))
    assert only(tmp_path)[:2] == ("not a number", "a.xml")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_a_coordinate_that_is_no_number_is_found_in_json(value: str, tmp_path: Path) -> None:
    path = coco(tmp_path, {"a": [("cat", (1, 2, 7, 9))]}) / "annotations" / "instances.json"
    path.write_text(path.read_text().replace('"bbox": [1,', f'"bbox": [{value},'))
    assert only(tmp_path)[:2] == ("not a number", "a.jpg")


@in_each_form
def test_an_object_that_is_there_again_is_a_duplicate(form: Form, tmp_path: Path) -> None:
    kind, file, detail = only(
        form(
            tmp_path,
            {"a": [("cat", INSIDE), ("dog", INSIDE), ("cat", (0, 0, 9, 9)), ("cat", INSIDE)]},
        )
    )
    assert (kind, file) == ("duplicate object", label_name(form))
    assert "cat at 10, 12, 30, 40: is listed twice" in detail


@in_each_form
def test_one_box_in_two_images_is_no_duplicate(form: Form, tmp_path: Path) -> None:
    assert found(form(tmp_path, {"a": [("cat", INSIDE)], "b": [("cat", INSIDE)]})) == []


@pytest.mark.parametrize("form", [voc, coco])
def test_an_image_that_is_not_there_is_missing(form: Form, tmp_path: Path) -> None:
    folder = form(tmp_path, {"a": [("cat", INSIDE)], "b": [("cat", INSIDE)]})
    (folder / SUBFOLDERS[form] / "a.jpg").unlink()
    kind, file, detail = only(folder)
    assert (kind, file) == ("missing image", label_name(form))
    assert detail.startswith("there is no image ")
    assert detail.endswith("a.jpg")


def test_a_yolo_label_without_an_image_is_named(tmp_path: Path) -> None:
    folder = yolo(tmp_path, {"a": [("cat", INSIDE)], "b": [("cat", INSIDE)]})
    (folder / "images" / "a.jpg").unlink()
    assert only(folder) == (
        "missing image",
        "a.txt",
        "there is no image with the name of this label",
    )


def test_an_image_in_another_folder_is_not_that_of_a_yolo_label(tmp_path: Path) -> None:
    folder = yolo(tmp_path, {"train/a": [("cat", INSIDE)], "val/b": [("cat", INSIDE)]})
    shutil.copy(folder / "labels" / "val" / "b.txt", folder / "labels" / "train" / "b.txt")
    (finding,) = found(folder)
    assert (finding.kind, finding.path) == ("missing image", folder / "labels" / "train" / "b.txt")


@pytest.mark.parametrize(
    "parts", [("images/train", "labels/train"), ("train/images", "train/labels")]
)
def test_a_yolo_label_without_an_image_is_named_in_a_split_too(
    parts: tuple[str, str], tmp_path: Path
) -> None:
    images, labels = (tmp_path / part for part in parts)
    write_photo(images / "a.jpg")
    labels.mkdir(parents=True)
    (labels / "b.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    assert only(tmp_path, "train", ("cat",))[:2] == ("missing image", "b.txt")


@pytest.mark.parametrize("where", ["labels", "labels/train"])
def test_a_list_of_names_among_yolo_labels_wants_no_image(where: str, tmp_path: Path) -> None:
    folder = yolo(tmp_path, {"train/a": [("cat", INSIDE)]})
    (folder / "classes.txt").rename(folder / where / "classes.txt")
    assert found(folder, classes=("cat",)) == []


@in_each_form
@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_an_image_that_is_empty_or_words_or_cut_off_is_unreadable(
    form: Form, content: bytes | None, tmp_path: Path
) -> None:
    folder = form(tmp_path, {"a": [("cat", INSIDE)], "b": [("cat", INSIDE)]})
    photo = folder / SUBFOLDERS[form] / "a.jpg"
    photo.write_bytes(photo.read_bytes()[:-100] if content is None else content)
    kind, file, detail = only(folder)
    assert (kind, file) == ("unreadable image", "a.jpg")
    assert "is not an image that can be read" in detail


@pytest.mark.parametrize("form", [voc, yolo])
def test_a_folder_that_is_called_like_an_image_is_unreadable(form: Form, tmp_path: Path) -> None:
    folder = form(tmp_path, {"a": [("cat", INSIDE)], "b": [("cat", INSIDE)]})
    (folder / SUBFOLDERS[form] / "a.jpg").unlink()
    (folder / SUBFOLDERS[form] / "a.jpg").mkdir()
    assert only(folder)[:2] == ("unreadable image", "a.jpg")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@in_each_form
def test_a_pipe_that_is_called_like_an_image_is_not_waited_for(form: Form, tmp_path: Path) -> None:
    folder = form(tmp_path, {"a": [("cat", INSIDE)], "b": [("cat", INSIDE)]})
    (folder / SUBFOLDERS[form] / "a.jpg").unlink()
    os.mkfifo(folder / SUBFOLDERS[form] / "a.jpg")
    assert only(folder)[0] in ("missing image", "unreadable image")


@in_each_form
def test_a_ring_of_links_instead_of_an_image_is_found(form: Form, tmp_path: Path) -> None:
    folder = form(tmp_path, {"a": [("cat", INSIDE)], "b": [("cat", INSIDE)]})
    photo = folder / SUBFOLDERS[form] / "a.jpg"
    photo.unlink()
    photo.symlink_to(photo)
    assert only(folder)[0] in ("missing image", "unreadable image")


@pytest.mark.parametrize("name", ["", "a\0b.jpg", "\ud83d.jpg", "n" * 5000])
def test_a_name_that_no_file_can_have_is_found(name: str, tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": name}, {"id": 2, "file_name": "b.jpg"}]
    coco(tmp_path, {"b": []}, images=images)
    assert only(tmp_path)[0] in ("unreadable label", "missing image")


@in_each_form
def test_two_files_of_one_image_are_duplicates(form: Form, tmp_path: Path) -> None:
    folder = form(tmp_path, {"a": [("cat", INSIDE)], "b": [("cat", (0, 0, 9, 9))], "c": []})
    shutil.copy(folder / SUBFOLDERS[form] / "a.jpg", folder / SUBFOLDERS[form] / "c.jpg")
    kind, file, detail = only(folder)
    assert (kind, file) == ("duplicate image", "c.jpg")
    assert detail.startswith("is the same image as ")
    assert detail.endswith("a.jpg")


def test_a_link_to_another_image_is_a_duplicate(tmp_path: Path) -> None:
    folder = voc(tmp_path, {"a": [("cat", INSIDE)], "b": []})
    (folder / "JPEGImages" / "b.jpg").unlink()
    (folder / "JPEGImages" / "b.jpg").symlink_to("a.jpg")
    assert only(folder)[:2] == ("duplicate image", "b.jpg")


def test_an_image_that_a_split_lists_twice_is_a_duplicate(tmp_path: Path) -> None:
    folder = voc(tmp_path, {"a": [("cat", INSIDE)], "b": []})
    (folder / "ImageSets" / "Main").mkdir(parents=True)
    (folder / "ImageSets" / "Main" / "train.txt").write_text("a\nb\na\n")
    assert only(folder, "train") == ("duplicate image", "a.jpg", "is listed twice")


def test_an_image_that_json_lists_under_two_ids_is_a_duplicate(tmp_path: Path) -> None:
    coco(
        tmp_path,
        {"a": []},
        images=[{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "a.jpg"}],
    )
    assert only(tmp_path) == ("duplicate image", "a.jpg", "is listed twice")


def test_two_images_of_one_id_are_duplicates(tmp_path: Path) -> None:
    coco(
        tmp_path,
        {"a": [], "b": []},
        images=[{"id": 1, "file_name": "a.jpg"}, {"id": 1, "file_name": "b.jpg"}],
    )
    assert only(tmp_path)[:2] == ("duplicate image", "instances.json")


@pytest.mark.parametrize("form", [voc, coco])
def test_a_class_that_should_not_be_there_is_unknown(form: Form, tmp_path: Path) -> None:
    kind, _, detail = only(
        form(tmp_path, {"a": [("zebra", INSIDE), ("zebra", (0, 0, 9, 9)), ("cat", INSIDE)]}),
        classes=("cat", "dog"),
    )
    assert kind == "unknown class"
    assert "'zebra' is not among cat, dog" in detail


def test_json_that_has_a_class_too_many_without_objects_is_left_alone(tmp_path: Path) -> None:
    categories = [{"id": 0, "name": "cat"}, {"id": 1, "name": "zebra"}]
    assert (
        found(coco(tmp_path, {"a": [("cat", INSIDE)]}, categories=categories), classes=("cat",))
        == []
    )


def test_a_number_of_no_class_is_unknown(tmp_path: Path) -> None:
    kind, file, detail = only(
        yolo(tmp_path, {"a": [("cat", INSIDE), ("dog", INSIDE)]}), classes=("cat",)
    )
    assert (kind, file) == ("unknown class", "a.txt")
    assert "has the class 1, but there are 1 class names" in detail


def test_a_category_that_is_not_listed_is_unknown(tmp_path: Path) -> None:
    coco(
        tmp_path,
        {"a": []},
        annotations=[{"image_id": 0, "category_id": 7, "bbox": [1, 2, 3, 4]}],
        categories=[{"id": 1, "name": "cat"}],
    )
    assert only(tmp_path)[0] == "unknown class"


def test_a_label_that_says_another_size_is_found(tmp_path: Path) -> None:
    folder = voc(tmp_path, {"a": []})
    add_label(folder, "a", [], (WIDTH + 1, HEIGHT))
    assert only(folder) == (
        "wrong size",
        "a.xml",
        "the label gives the size 65 x 48, but the image has 64 x 48",
    )


def test_json_that_says_another_size_is_found(tmp_path: Path) -> None:
    coco(
        tmp_path, {"a": []}, images=[{"id": 1, "file_name": "a.jpg", "width": WIDTH, "height": 480}]
    )
    assert only(tmp_path) == (
        "wrong size",
        "a.jpg",
        "the label gives the size 64 x 480, but the image has 64 x 48",
    )


@pytest.mark.parametrize("form", [voc, coco])
def test_an_image_that_exif_turns_is_said_to_be_turned(form: Form, tmp_path: Path) -> None:
    photo = form(tmp_path, {"a": [("cat", INSIDE)]}) / SUBFOLDERS[form] / "a.jpg"
    data = photo.read_bytes()
    photo.write_bytes(
        data[:2] + b"\xff\xe1" + struct.pack(">H", len(_EXIF_TURNED) + 2) + _EXIF_TURNED + data[2:]
    )
    kind, _, detail = only(tmp_path)
    assert kind == "wrong size"
    assert (
        "the label gives the size 64 x 48, but the image has 48 x 64 (the image is rotated by its "
        "EXIF orientation)" in detail
    )


@pytest.mark.parametrize(
    "text", ["", "<annotation>", "<annotation><object><name>cat</name></object></annotation>"]
)
def test_xml_that_is_malformed_is_an_unreadable_label(text: str, tmp_path: Path) -> None:
    (voc(tmp_path, {"a": [("cat", INSIDE)], "b": []}) / "Annotations" / "a.xml").write_text(text)
    assert only(tmp_path)[:2] == ("unreadable label", "a.xml")


@pytest.mark.parametrize("bbox", [None, [1, 2, 3], [1, 2, 3, "wide"]])
def test_json_with_a_malformed_object_is_an_unreadable_label(bbox: object, tmp_path: Path) -> None:
    coco(
        tmp_path,
        {"a": [("cat", INSIDE)], "b": []},
        annotations=[{"image_id": 0, "category_id": 0, "bbox": bbox}],
    )
    kind, file, detail = only(tmp_path)
    assert (kind, file) == ("unreadable label", "instances.json")
    assert "image 0" in detail


@pytest.mark.parametrize(
    "line", ["0 0.5 0.5 0.1", "cat 0.5 0.5 0.1 0.1", "0 nan 0.5 0.1 0.1", "0 inf 0.5 0.1 0.1"]
)
def test_a_malformed_line_is_an_unreadable_label(line: str, tmp_path: Path) -> None:
    (yolo(tmp_path, {"a": [("cat", INSIDE)], "b": []}) / "labels" / "a.txt").write_text(
        f"0 0.5 0.5 0.1 0.1\n{line}\n"
    )
    assert only(tmp_path)[:2] == ("unreadable label", "a.txt")
    assert "line 2" in only(tmp_path)[2]


def test_a_label_that_is_no_text_is_named_once(tmp_path: Path) -> None:
    label = yolo(tmp_path, {"a": [("cat", INSIDE)], "b": []}) / "labels" / "a.txt"
    label.write_bytes(b"\xff\xfe\xb0\xa1")
    (finding,) = found(tmp_path)
    assert str(finding) == f"{label}: is not UTF-8; save it as UTF-8"


@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        ("a.jpg", np.full((HEIGHT, WIDTH), 90, np.uint8)),
        ("a.png", np.full((HEIGHT, WIDTH), 40000, np.uint16)),
        ("a.png", np.full((HEIGHT, WIDTH, 3), 40000, np.uint16)),
        ("a.png", np.full((HEIGHT, WIDTH, 4), 90, np.uint8)),
        ("a.TIF", np.full((HEIGHT, WIDTH), 40000, np.uint16)),
    ],
)
def test_grey_images_deep_ones_and_such_with_alpha_are_fine(
    name: str, pixels: np.typing.NDArray[np.integer], tmp_path: Path
) -> None:
    (tmp_path / "JPEGImages").mkdir()
    assert cv2.imwrite(str(tmp_path / "JPEGImages" / name), pixels)
    add_label(tmp_path, "a", [("cat", INSIDE)])
    assert found(tmp_path) == []
    assert unlabelled(load_data(tmp_path)) == []


def test_a_name_that_looks_misspelt_is_named_with_the_one_it_looks_like(tmp_path: Path) -> None:
    images: dict[str, Objects] = {
        f"right{number}": [("bicycle", INSIDE), ("bicycle", (0, 0, 9, 9))] for number in range(5)
    }
    kind, file, detail = only(voc(tmp_path, images | {"wrong": [("bycycle", INSIDE)]}))
    assert (kind, file) == ("resembling names", "wrong.xml")
    assert "'bycycle' (1 objects) looks like 'bicycle' (10 objects)" in detail


def test_resembling_names_that_are_both_common_are_two_classes(tmp_path: Path) -> None:
    assert (
        found(
            voc(
                tmp_path,
                {"a": [("bicycle", INSIDE), ("bicycle", (0, 0, 9, 9)), ("bycycle", INSIDE)]},
            )
        )
        == []
    )


def test_a_rare_name_that_looks_like_no_other_is_left_alone(tmp_path: Path) -> None:
    images: dict[str, Objects] = {
        f"many{number}": [("bicycle", INSIDE), ("bicycle", (0, 0, 9, 9))] for number in range(5)
    }
    assert found(voc(tmp_path, images | {"one": [("cat", INSIDE)]})) == []


def test_a_class_without_objects_is_not_called_misspelt(tmp_path: Path) -> None:
    images: dict[str, Objects] = {
        f"many{number}": [("bicycle", INSIDE), ("bicycle", (0, 0, 9, 9))] for number in range(5)
    }
    assert found(voc(tmp_path, images), classes=("bicycle", "bycycle")) == []


@pytest.mark.parametrize("form", [voc, coco])
@pytest.mark.parametrize("name", ["b.jpg", "b.JPG", "b.png"])
def test_an_image_that_no_label_speaks_of_is_unlabelled(
    form: Form, name: str, tmp_path: Path
) -> None:
    folder = form(tmp_path, {"a": [("cat", INSIDE)]})
    photo = write_photo(folder / SUBFOLDERS[form] / name, 1)
    assert unlabelled(load_data(folder)) == [Finding("unlabelled image", photo, "has no label")]


@pytest.mark.parametrize("form", [voc, coco])
def test_files_that_are_no_images_are_not_called_unlabelled(form: Form, tmp_path: Path) -> None:
    folder = form(tmp_path, {"a": [("cat", INSIDE)]})
    (folder / SUBFOLDERS[form] / "notes.txt").write_text("no image")
    assert unlabelled(load_data(folder)) == []


def test_the_image_of_a_label_that_cannot_be_read_is_not_called_unlabelled(tmp_path: Path) -> None:
    folder = voc(tmp_path, {"a": [("cat", INSIDE)], "b": []})
    (folder / "Annotations" / "a.xml").write_text("<annotation>")
    assert unlabelled(load_data(folder)) == []


def test_of_two_images_of_one_name_the_one_that_the_label_names_is_labelled(tmp_path: Path) -> None:
    folder = voc(tmp_path, {"a": [("cat", INSIDE)]})
    # Comes before .jpg in the alphabet.
    other = write_photo(folder / "JPEGImages" / "a.bmp", 1)
    data = load_data(folder)
    assert data.images[0].path.name == "a.jpg"
    assert [finding.path for finding in unlabelled(data)] == [other]


def test_rings_of_links_beside_labelled_images_end_nothing(tmp_path: Path) -> None:
    folder = voc(tmp_path, {"a": [("cat", INSIDE)]})
    ring = folder / "JPEGImages" / "ring.jpg"
    ring.symlink_to(ring)
    assert [finding.path for finding in unlabelled(load_data(folder))] == [ring]


def test_a_folder_of_images_that_is_not_there_has_no_unlabelled_ones(tmp_path: Path) -> None:
    add_label(tmp_path, "a", [("cat", INSIDE)])
    assert unlabelled(load_data(tmp_path)) == []
    assert only(tmp_path)[0] == "missing image"


def test_many_classes_without_objects_cost_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were compared in pairs, which took minutes for tens of thousands."""
    compared = 0
    ordinary = difflib.SequenceMatcher

    class Counting(ordinary):  # type: ignore[valid-type, misc]
        def __init__(self, *words: Any) -> None:
            nonlocal compared
            compared += 1
            super().__init__(*words)

    monkeypatch.setattr(difflib, "SequenceMatcher", Counting)
    names = ("cat", "cap", *(f"class {number}" for number in range(20_000)))
    labelled = LabelledImage(
        tmp_path / "a.png",
        np.tile(np.array([[1, 1, 5, 5]], np.float32), (21, 1)) + np.arange(21)[:, None],
        np.array([0] * 20 + [1]),
        np.zeros(21, bool),
    )
    cv2.imwrite(str(labelled.path), np.zeros((64, 64, 3), np.uint8))
    check(DataSet("many", names, (labelled,)))
    assert compared == 1
