"""YOLO folders: relative boxes, names in their several forms, nested folders, and lines that are
wrong.
"""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from ssd_live.datasets.load import load_data
from ssd_live.errors import DataError

# Orientation 6: to be turned by 90 degrees, so that width and height change places.
_EXIF_TURNED = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)


def add_image(folder: Path, name: str, label: str | None = None) -> Path:
    """An image of 80 x 40 and, if given, its text file."""
    path = folder / "images" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((40, 80, 3), 120, np.uint8))
    text = (folder / "labels" / name).with_suffix(".txt")
    text.parent.mkdir(parents=True, exist_ok=True)
    if label is not None:
        text.write_text(label)
    return path


def named(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in names))


def refusal(path: Path, split: str = "") -> str:
    with pytest.raises(DataError) as caught:
        load_data(path, split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def only_trouble(folder: Path, label: str) -> str:
    """The one line about a folder with a good image and another that has this label; there are two
    classes.
    """
    named(folder, "cat", "dog")
    add_image(folder, "good.jpg", "0 0.5 0.5 0.5 0.5\n")
    add_image(folder, "bad.jpg", label)
    data = load_data(folder)
    assert [image.path.name for image in data.images] == ["good.jpg"]
    (trouble,) = data.findings
    assert "\n" not in str(trouble)
    return str(trouble)


def test_relative_centres_and_sides_become_corners_in_pixels(tmp_path: Path) -> None:
    named(tmp_path, "cat", "dog")
    add_image(tmp_path, "a.jpg", "1 0.5 0.25 0.25 0.5\n0 0.75 0.5 0.5 1\n")
    image = load_data(tmp_path).images[0]
    np.testing.assert_array_equal(image.boxes, [[30, 0, 50, 20], [40, 0, 80, 40]])
    assert image.classes.tolist() == [1, 0]


def test_no_object_is_ignored(tmp_path: Path) -> None:
    named(tmp_path, "cat")
    add_image(tmp_path, "a.jpg", "0 0.5 0.5 0.5 0.5\n" * 2)
    assert load_data(tmp_path).images[0].ignored.tolist() == [False, False]


def test_the_size_is_that_of_the_image(tmp_path: Path) -> None:
    named(tmp_path, "cat")
    add_image(tmp_path, "a.jpg")
    assert load_data(tmp_path).images[0].size == (80, 40)


def test_the_size_is_that_after_turning_as_exif_says(tmp_path: Path) -> None:
    named(tmp_path, "cat")
    path = add_image(tmp_path, "a.jpg")
    data = path.read_bytes()
    path.write_bytes(
        data[:2] + b"\xff\xe1" + struct.pack(">H", len(_EXIF_TURNED) + 2) + _EXIF_TURNED + data[2:]
    )
    assert load_data(tmp_path).images[0].size == (40, 80)


@pytest.mark.parametrize("label", [None, "", "\n  \n"])
def test_an_image_without_a_text_file_or_with_an_empty_one_has_no_objects(
    tmp_path: Path, label: str | None
) -> None:
    named(tmp_path, "cat")
    add_image(tmp_path, "a.jpg", label)
    data = load_data(tmp_path)
    assert (data.images[0].boxes.shape, data.images[0].classes.shape, data.findings) == (
        (0, 4),
        (0,),
        (),
    )


def test_blank_lines_between_objects_are_passed_over(tmp_path: Path) -> None:
    named(tmp_path, "cat")
    add_image(tmp_path, "a.jpg", "\n0 0.5 0.5 0.5 0.5\n\n0 0.5 0.5 1 1\n")
    assert len(load_data(tmp_path).images[0].boxes) == 2


def test_images_with_every_ending_are_read_and_other_files_are_not(tmp_path: Path) -> None:
    named(tmp_path, "cat")
    for name in ("a.jpg", "b.PNG", "c.bmp"):
        add_image(tmp_path, name)
    (tmp_path / "images" / "notes.txt").write_text("no image")
    assert [image.path.name for image in load_data(tmp_path).images] == ["a.jpg", "b.PNG", "c.bmp"]


def test_a_label_belongs_to_the_image_of_its_whole_name(tmp_path: Path) -> None:
    named(tmp_path, "cat")
    add_image(tmp_path, "a.b.jpg", "0 0.5 0.5 0.5 0.5\n")
    add_image(tmp_path, "a.jpg")
    assert {image.path.name: len(image.boxes) for image in load_data(tmp_path).images} == {
        "a.b.jpg": 1,
        "a.jpg": 0,
    }


def test_nested_folders_have_their_labels_in_the_same_nesting(tmp_path: Path) -> None:
    named(tmp_path, "cat", "dog")
    add_image(tmp_path, "train/day/a.jpg", "1 0.5 0.5 0.5 0.5\n")
    add_image(tmp_path, "val/a.jpg", "0 0.5 0.5 0.5 0.5\n")
    found = {
        image.path.relative_to(tmp_path / "images").as_posix(): image.classes.tolist()
        for image in load_data(tmp_path).images
    }
    assert found == {"train/day/a.jpg": [1], "val/a.jpg": [0]}


def test_a_split_is_a_folder_of_images(tmp_path: Path) -> None:
    named(tmp_path / "pets", "cat", "dog")
    add_image(tmp_path / "pets", "train/a.jpg", "0 0.5 0.5 0.5 0.5\n")
    add_image(tmp_path / "pets", "val/b.jpg", "1 0.5 0.5 0.5 0.5\n")
    data = load_data(tmp_path / "pets", "val")
    assert data.name == "pets val"
    assert [(image.path.name, image.classes.tolist()) for image in data.images] == [("b.jpg", [1])]


def test_a_split_without_images_is_refused(tmp_path: Path) -> None:
    named(tmp_path, "cat")
    add_image(tmp_path, "train/a.jpg")
    assert "has no images" in refusal(tmp_path, "test")


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    named(tmp_path, "cat")
    (tmp_path / "labels").mkdir()
    assert "has no images" in refusal(tmp_path)


@pytest.mark.parametrize("where", ["classes.txt", "labels/classes.txt"])
def test_names_stand_in_classes_txt_one_a_line(tmp_path: Path, where: str) -> None:
    add_image(tmp_path, "a.jpg")
    (tmp_path / where).write_text("traffic light\n\n  고양이  \ndog\n", encoding="utf-8")
    assert load_data(tmp_path).classes == ("traffic light", "고양이", "dog")


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    add_image(tmp_path, "a.jpg")
    (tmp_path / "classes.txt").write_text("cat\ndog\n", encoding="utf-8-sig")
    assert load_data(tmp_path).classes == ("cat", "dog")


@pytest.mark.parametrize("file", ["data.yaml", "dataset.yaml"])
@pytest.mark.parametrize(
    "names",
    [
        "names: [cat, traffic light, dog]",
        "names: ['cat', \"traffic light\", 'dog']  # three",
        "names: [\n  cat,\n  traffic light,\n  dog,\n]",
        "names:\n  - cat\n  - traffic light # red\n  - 'dog'",
        "names:\n- cat\n- traffic light\n- dog",
        'names:\n  0: cat\n  1: traffic light\n  2: "dog"',
        "names: # of classes\n  0: cat\n  1: traffic light\n  2: dog",
    ],
)
def test_names_stand_in_a_yaml_in_each_of_its_forms(tmp_path: Path, file: str, names: str) -> None:
    add_image(tmp_path, "a.jpg")
    (tmp_path / file).write_text(f"path: ../pets\ntrain: images/train\n{names}\nnc: 3\n")
    assert load_data(tmp_path).classes == ("cat", "traffic light", "dog")


def test_a_hyphen_within_a_name_is_kept(tmp_path: Path) -> None:
    add_image(tmp_path, "a.jpg")
    (tmp_path / "data.yaml").write_text("names:\n  0: t-shirt\n  1: 7-up\n")
    assert load_data(tmp_path).classes == ("t-shirt", "7-up")


def test_numbered_names_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    add_image(tmp_path, "a.jpg")
    (tmp_path / "data.yaml").write_text("names:\n  1: dog\n  0: cat\n")
    assert load_data(tmp_path).classes == ("cat", "dog")


def test_a_comment_between_names_does_not_end_them(tmp_path: Path) -> None:
    add_image(tmp_path, "a.jpg")
    (tmp_path / "data.yaml").write_text("names:\n  0: cat\n  # not seen at night\n  1: dog\n")
    assert load_data(tmp_path).classes == ("cat", "dog")


def test_a_yaml_without_names_is_refused(tmp_path: Path) -> None:
    add_image(tmp_path, "a.jpg")
    (tmp_path / "data.yaml").write_text("train: images/train\nnc: 3\n")
    assert "data.yaml: has no list of names" in refusal(tmp_path)


def test_a_folder_that_does_not_name_its_classes_is_refused(tmp_path: Path) -> None:
    add_image(tmp_path, "a.jpg")
    assert "does not name its classes; add classes.txt" in refusal(tmp_path)


@pytest.mark.parametrize("file", ["classes.txt", "data.yaml"])
def test_names_that_are_no_utf_8_are_refused_by_their_file(tmp_path: Path, file: str) -> None:
    add_image(tmp_path, "a.jpg")
    (tmp_path / file).write_bytes("names: [고양이]\n".encode("cp949"))
    assert file in refusal(tmp_path)


def test_given_classes_need_no_names_in_the_folder(tmp_path: Path) -> None:
    add_image(tmp_path, "a.jpg", "1 0.5 0.5 0.5 0.5\n")
    assert load_data(tmp_path, classes=("cat", "dog")).classes == ("cat", "dog")


def test_category_ids_count_from_one(tmp_path: Path) -> None:
    named(tmp_path, "cat", "dog")
    add_image(tmp_path, "a.jpg")
    assert load_data(tmp_path).category_ids == (1, 2)


@pytest.mark.parametrize(
    "line", ["0 0.5 0.5 0.5", "cat 0.5 0.5 0.5 0.5", "0,0.5,0.5,0.5,0.5", "0 0.5 0.5 0.5 wide"]
)
def test_a_line_that_is_no_object_is_named_by_its_number(tmp_path: Path, line: str) -> None:
    assert "bad.txt: line 3 is not `class cx cy w h`" in only_trouble(
        tmp_path, f"0 0.5 0.5 0.5 0.5\n\n{line}\n"
    )


@pytest.mark.parametrize("number", ["nan", "inf", "0.5"])
def test_a_class_that_is_no_whole_number_is_named_by_its_label(tmp_path: Path, number: str) -> None:
    assert "bad.txt" in only_trouble(tmp_path, f"{number} 0.5 0.5 0.5 0.5\n")


@pytest.mark.parametrize("number", [2, -1])
def test_a_class_that_has_no_name_is_named_and_its_objects_are_left_out(
    tmp_path: Path, number: int
) -> None:
    named(tmp_path, "cat", "dog")
    add_image(tmp_path, "a.jpg", f"0 0.5 0.5 0.5 0.5\n{number} 0.5 0.5 0.5 0.5\n")
    data = load_data(tmp_path)
    assert data.images[0].classes.tolist() == [0]
    (trouble,) = data.findings
    assert trouble.kind == "unknown class"
    assert f"a.txt: has the class {number}, but there are 2 class names" in str(trouble)


@pytest.mark.parametrize("data", [b"", b"no image", b"\xff\xd8\xff\xe0"])
def test_an_image_that_cannot_be_read_is_named_and_the_others_are_kept(
    tmp_path: Path, data: bytes
) -> None:
    named(tmp_path, "cat")
    add_image(tmp_path, "good.jpg")
    (tmp_path / "images" / "bad.jpg").write_bytes(data)
    loaded = load_data(tmp_path)
    assert [image.path.name for image in loaded.images] == ["good.jpg"]
    (trouble,) = loaded.findings
    assert "bad.jpg: is not an image that can be read" in str(trouble)


def test_a_folder_of_which_no_image_can_be_read_is_refused(tmp_path: Path) -> None:
    named(tmp_path, "cat")
    add_image(tmp_path, "bad.jpg").write_bytes(b"")
    assert "bad.jpg" in refusal(tmp_path)


def test_a_folder_of_splits_says_which_there_are(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        (tmp_path / split / "labels").mkdir(parents=True)
        (tmp_path / split / "images").mkdir()
    assert "choose one of its splits: train, valid" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        ("names: ['a, b', c]", ("a, b", "c")),
        ("names: ['c #1', d]", ("c #1", "d")),
        ('names: ["it\'s", "two\\twords"]', ("it's", "two\twords")),
        ("names:\n- cat  # a pet\n- 'no'", ("cat", "no")),
        ("names: &all [cat, dog]\nother: *all", ("cat", "dog")),
    ],
)
def test_names_are_read_as_yaml_has_them(
    tmp_path: Path, names: str, classes: tuple[str, ...]
) -> None:
    add_image(tmp_path, "a.jpg")
    (tmp_path / "data.yaml").write_text(names + "\n")
    assert load_data(tmp_path).classes == classes


@pytest.mark.parametrize(
    ("names", "line"),
    [
        ("names: [cat, no]", "the name False is not text; put the name in quotes"),
        ("names: [cat, 3]", "the name 3 is not text"),
        ("names: [cat, ]]", "is not valid YAML"),
        ("names: {0: cat, 2: dog}", "numbered 0, 2; number them from 0 without gaps"),
        ("names: !!python/object/apply:os.system [id]", "is not valid YAML"),
        ("- cat", "has no list of names"),
    ],
)
def test_names_that_are_not_names_are_refused(tmp_path: Path, names: str, line: str) -> None:
    add_image(tmp_path, "a.jpg")
    (tmp_path / "data.yaml").write_text(names + "\n")
    assert line in refusal(tmp_path)


def test_loading_reads_the_size_of_an_image_and_not_its_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named(tmp_path, "cat")
    add_image(tmp_path, "a.jpg", "0 0.5 0.5 0.5 0.5\n")
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("an image was decoded"))
    assert all(image.size for image in load_data(tmp_path).images)


def test_a_polygon_of_a_segmentation_label_gives_the_box_around_it(tmp_path: Path) -> None:
    named(tmp_path, "cat", "dog")
    add_image(tmp_path, "a.jpg", "1 0.25 0.5 0.5 0.25 0.75 0.5 0.5 0.75\n0 0.5 0.5 0.5 0.5\n")
    image = load_data(tmp_path).images[0]
    assert image.boxes.tolist() == [[20, 10, 60, 30], [20, 10, 60, 30]]
    assert image.classes.tolist() == [1, 0]


@pytest.mark.parametrize("label", ["0 0.1 0.2 0.3 0.4 0.5 0.6 0.7", "0 0.1 0.2 0.3"])
def test_a_polygon_with_half_a_corner_is_refused(label: str, tmp_path: Path) -> None:
    assert "line 1 is not `class cx cy w h`" in only_trouble(tmp_path, label)


def test_pixels_instead_of_shares_are_refused(tmp_path: Path) -> None:
    """Training on them would learn nothing: every box would lie outside."""
    said = only_trouble(tmp_path, "0 0.5 0.5 0.2 0.2\n0 40 20 30 10\n")
    assert "line 2 has 40, but boxes must be relative" in said


def test_a_box_that_exceeds_the_image_a_little_is_kept(tmp_path: Path) -> None:
    named(tmp_path, "cat")
    add_image(tmp_path, "a.jpg", "0 0.5 0.5 1.2 1.2\n")
    assert len(load_data(tmp_path).images[0].boxes) == 1
