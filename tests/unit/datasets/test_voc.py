"""VOC directories: boxes, difficult objects, split lists, and labels that cannot be read."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from ssd_live.datasets.load import load_data
from ssd_live.errors import DataError

PHOTO = Path(__file__).parents[3] / "assets" / "media" / "chelsea.png"


class Thing(NamedTuple):
    """An object as VOC writes it: whole pixels counted from 1, the last one inside."""

    name: str = "cat"
    box: tuple[object, object, object, object] = (1, 1, 10, 10)
    difficult: int = 0


def xml_of(
    things: Iterable[Thing], size: tuple[object, object] = (64, 48), file_name: str = "stale.jpg"
) -> str:
    objects = "".join(
        f"<object><name>{thing.name}</name><difficult>{thing.difficult}</difficult><bndbox>"
        + "".join(
            f"<{side}>{value}</{side}>"
            for side, value in zip(("xmin", "ymin", "xmax", "ymax"), thing.box, strict=True)
        )
        + "</bndbox></object>"
        for thing in things
    )
    sides = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>"
    return f"<annotation><filename>{file_name}</filename>{sides}{objects}</annotation>"


def write_photo(path: Path) -> Path:
    """A real photo of 64 x 48."""
    path.parent.mkdir(parents=True, exist_ok=True)
    photo = cv2.imread(str(PHOTO))
    assert photo is not None
    assert cv2.imwrite(str(path), cv2.resize(photo, (64, 48)))
    return path


def add_label(folder: Path, stem: str, xml: str) -> Path:
    path = folder / "Annotations" / f"{stem}.xml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(xml, encoding="utf-8")
    return path


def add(folder: Path, stem: str, *things: Thing) -> Path:
    write_photo(folder / "JPEGImages" / f"{stem}.jpg")
    return add_label(folder, stem, xml_of(things))


def add_list(folder: Path, name: str, text: str) -> None:
    path = folder / "ImageSets" / "Main" / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def refusal(folder: Path, split: str = "") -> str:
    with pytest.raises(DataError) as caught:
        load_data(folder, split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def only_trouble(folder: Path, split: str = "") -> str:
    """The one line about a folder that holds one good label, `good`, and something else."""
    data = load_data(folder, split)
    assert [image.path.stem for image in data.images] == ["good"]
    (trouble,) = data.findings
    assert "\n" not in str(trouble)
    return str(trouble)


def test_a_box_around_the_whole_image_reaches_from_edge_to_edge(tmp_path: Path) -> None:
    add(tmp_path, "a", Thing(box=(1, 1, 64, 48)))
    np.testing.assert_array_equal(load_data(tmp_path).images[0].boxes, [[0, 0, 64, 48]])


def test_a_box_of_one_pixel_has_an_area_of_one(tmp_path: Path) -> None:
    add(tmp_path, "a", Thing(box=(5, 7, 5, 7)))
    np.testing.assert_array_equal(load_data(tmp_path).images[0].boxes, [[4, 6, 5, 7]])


def test_box_numbers_may_have_fractions(tmp_path: Path) -> None:
    add(tmp_path, "a", Thing(box=(45.75, 1.5, 60.25, 2.5)))
    np.testing.assert_array_equal(load_data(tmp_path).images[0].boxes, [[44.75, 0.5, 60.25, 2.5]])


def test_the_parts_of_a_person_are_no_objects_of_their_own(tmp_path: Path) -> None:
    part = (
        "<part><name>head</name><bndbox><xmin>2</xmin><ymin>2</ymin>"
        "<xmax>3</xmax><ymax>3</ymax></bndbox></part>"
    )
    whole = xml_of([Thing("person", (1, 1, 20, 40))])
    write_photo(tmp_path / "JPEGImages" / "a.jpg")
    add_label(tmp_path, "a", whole.replace("<object>", f"<object>{part}"))
    data = load_data(tmp_path)
    assert data.classes == ("person",)
    np.testing.assert_array_equal(data.images[0].boxes, [[0, 0, 20, 40]])


def test_difficult_objects_are_marked_as_ignored(tmp_path: Path) -> None:
    add(tmp_path, "a", Thing(difficult=1), Thing(difficult=0))
    np.testing.assert_array_equal(load_data(tmp_path).images[0].ignored, [True, False])


def test_an_object_that_does_not_say_whether_it_is_difficult_counts(tmp_path: Path) -> None:
    write_photo(tmp_path / "JPEGImages" / "a.jpg")
    add_label(tmp_path, "a", xml_of([Thing()]).replace("<difficult>0</difficult>", ""))
    np.testing.assert_array_equal(load_data(tmp_path).images[0].ignored, [False])


def test_classes_are_those_of_the_objects_in_alphabetical_order(tmp_path: Path) -> None:
    add(tmp_path, "a", Thing("dog"), Thing("bird"))
    add(tmp_path, "b", Thing("cat"), Thing("dog"))
    data = load_data(tmp_path)
    assert data.classes == ("bird", "cat", "dog")
    assert [image.classes.tolist() for image in data.images] == [[2, 0], [1, 2]]


def test_names_that_differ_in_case_alone_are_one_class(tmp_path: Path) -> None:
    add(tmp_path, "a", Thing("dog"), Thing("Dog"))
    assert len(load_data(tmp_path).classes) == 1


def test_given_classes_fix_the_order(tmp_path: Path) -> None:
    add(tmp_path, "a", Thing("dog"), Thing("cat"))
    data = load_data(tmp_path, classes=("dog", "horse", "cat"))
    assert data.classes == ("dog", "horse", "cat")
    assert data.images[0].classes.tolist() == [0, 2]


def test_given_classes_are_compared_in_any_case(tmp_path: Path) -> None:
    add(tmp_path, "a", Thing("Cat"))
    assert load_data(tmp_path, classes=("dog", "cat")).images[0].classes.tolist() == [1]


def test_category_ids_count_from_one(tmp_path: Path) -> None:
    add(tmp_path, "a", Thing("dog"), Thing("cat"))
    assert load_data(tmp_path).category_ids == (1, 2)


def test_objects_of_unknown_classes_are_left_out(tmp_path: Path) -> None:
    add(tmp_path, "a", Thing("zebra", (1, 1, 5, 5), 1), Thing("cat", (11, 11, 20, 20)))
    image = load_data(tmp_path, classes=("cat",)).images[0]
    np.testing.assert_array_equal(image.boxes, [[10, 10, 20, 20]])
    assert (image.classes.tolist(), image.ignored.tolist()) == ([0], [False])


def test_an_unknown_class_is_named_once_for_a_label_with_those_that_are_known(
    tmp_path: Path,
) -> None:
    add(tmp_path, "a", Thing("zebra"), Thing("zebra"), Thing("cat"))
    (trouble,) = load_data(tmp_path, classes=("cat", "dog")).findings
    assert "a.xml: the class 'zebra' is not among cat, dog" in str(trouble)
    assert "\n" not in str(trouble)


def test_an_image_without_objects_is_kept(tmp_path: Path) -> None:
    add(tmp_path, "a")
    image = load_data(tmp_path, classes=("cat",)).images[0]
    assert (image.boxes.shape, image.classes.shape, image.ignored.shape) == ((0, 4), (0,), (0,))


def test_the_size_is_as_the_label_says(tmp_path: Path) -> None:
    add(tmp_path, "a")
    assert load_data(tmp_path).images[0].size == (64, 48)


@pytest.mark.parametrize("xml", ["<annotation/>", xml_of([], (0, 0)), xml_of([], ("", ""))])
def test_the_size_is_none_where_the_label_does_not_say_it(tmp_path: Path, xml: str) -> None:
    write_photo(tmp_path / "JPEGImages" / "a.jpg")
    add_label(tmp_path, "a", xml)
    assert load_data(tmp_path).images[0].size is None


@pytest.mark.parametrize("suffix", [".jpg", ".JPG", ".jpeg", ".png", ".PNG", ".bmp", ".webp"])
def test_the_image_is_found_by_the_name_of_its_label_with_any_ending(
    tmp_path: Path, suffix: str
) -> None:
    photo = write_photo(tmp_path / "JPEGImages" / f"a{suffix}")
    write_photo(tmp_path / "JPEGImages" / "stale.jpg")
    add_label(tmp_path, "a", xml_of([]))
    assert load_data(tmp_path).images[0].path.samefile(photo)


def test_a_name_with_dots_is_kept_whole(tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "JPEGImages" / "a.b.jpg")
    write_photo(tmp_path / "JPEGImages" / "a.jpg")
    add_label(tmp_path, "a.b", xml_of([]))
    assert load_data(tmp_path).images[0].path == photo


def test_an_image_that_is_not_there_has_the_file_name_that_the_label_gives(tmp_path: Path) -> None:
    add_label(tmp_path, "a", xml_of([], file_name="elsewhere/original.png"))
    assert load_data(tmp_path).images[0].path == tmp_path / "JPEGImages" / "original.png"


def test_every_image_knows_its_label(tmp_path: Path) -> None:
    label = add(tmp_path, "a")
    assert load_data(tmp_path).images[0].label_path == label


def test_images_stand_in_natural_order(tmp_path: Path) -> None:
    for stem in ("frame10", "frame2", "frame1"):
        add(tmp_path, stem)
    assert [image.path.stem for image in load_data(tmp_path).images] == [
        "frame1",
        "frame2",
        "frame10",
    ]


def test_a_split_has_the_images_of_its_list_in_the_lists_order(tmp_path: Path) -> None:
    for stem in ("a", "b", "c"):
        add(tmp_path, stem)
    add_list(tmp_path, "val", "c\na\n")
    assert [image.path.stem for image in load_data(tmp_path, "val").images] == ["c", "a"]


def test_a_list_may_have_blank_lines_and_a_second_column(tmp_path: Path) -> None:
    add(tmp_path, "a")
    add(tmp_path, "b")
    add_list(tmp_path, "cat_train", "a  1\n\nb -1\n")
    assert [image.path.stem for image in load_data(tmp_path, "cat_train").images] == ["a", "b"]


def test_the_name_tells_folder_and_split(tmp_path: Path) -> None:
    folder = tmp_path / "VOC2007"
    add(folder, "a")
    add_list(folder, "test", "a\n")
    assert (load_data(folder).name, load_data(folder, "test").name) == ("VOC2007", "VOC2007 test")


def test_a_wrong_split_names_those_that_there_are(tmp_path: Path) -> None:
    add(tmp_path, "a")
    add_list(tmp_path, "val", "a\n")
    add_list(tmp_path, "train", "a\n")
    assert "the folder has train, val" in refusal(tmp_path, "tset")


def test_a_split_of_a_folder_without_lists_is_refused(tmp_path: Path) -> None:
    add(tmp_path, "a")
    assert "the folder has no lists" in refusal(tmp_path, "train")


def test_a_list_that_is_no_text_is_refused(tmp_path: Path) -> None:
    add(tmp_path, "a")
    add_list(tmp_path, "train", "")
    (tmp_path / "ImageSets" / "Main" / "train.txt").write_bytes(b"\xff\xfe\xb0\xa1\n")
    assert "train.txt" in refusal(tmp_path, "train")


def test_a_listed_label_that_is_not_there_is_named(tmp_path: Path) -> None:
    add(tmp_path, "good")
    add_list(tmp_path, "train", "good\ngone\n")
    assert "gone.xml: the label file does not exist" in only_trouble(tmp_path, "train")


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "<annotation><object>",
        "no XML",
        "<a></b>",
        '<?xml version="1.0" encoding="unheard-of"?><annotation/>',
    ],
)
def test_a_malformed_label_is_named_and_the_others_are_read(tmp_path: Path, xml: str) -> None:
    add(tmp_path, "good", Thing())
    add_label(tmp_path, "bad", xml)
    assert "bad.xml: is not valid XML" in only_trouble(tmp_path)


@pytest.mark.parametrize("side", ["xmin", "ymin", "xmax", "ymax"])
def test_a_label_that_lacks_a_number_of_a_box_is_named(tmp_path: Path, side: str) -> None:
    add(tmp_path, "good", Thing())
    xml = xml_of([Thing(box=(3, 4, 5, 6))])
    value = dict(zip(("xmin", "ymin", "xmax", "ymax"), (3, 4, 5, 6), strict=True))[side]
    add_label(tmp_path, "bad", xml.replace(f"<{side}>{value}</{side}>", ""))
    assert "bad.xml: an object has no name, or a number is missing or wrong" in only_trouble(
        tmp_path
    )


@pytest.mark.parametrize("value", ["", "wide", "\n1\n2\n"])
def test_a_box_with_something_else_than_a_number_is_named(tmp_path: Path, value: str) -> None:
    add(tmp_path, "good", Thing())
    add_label(tmp_path, "bad", xml_of([Thing(box=(value, 4, 5, 6))]))
    assert "bad.xml: an object has no name, or a number is missing or wrong" in only_trouble(
        tmp_path
    )


def test_an_object_without_a_name_is_named_by_its_label(tmp_path: Path) -> None:
    add(tmp_path, "good", Thing())
    add_label(tmp_path, "bad", xml_of([Thing(name=" ")]))
    assert "bad.xml: an object has no name" in only_trouble(tmp_path)


@pytest.mark.parametrize("width", ["wide", "nan", "inf"])
def test_a_size_that_is_no_number_is_named_by_its_label(tmp_path: Path, width: str) -> None:
    add(tmp_path, "good", Thing())
    add_label(tmp_path, "bad", xml_of([], (width, 48)))
    assert "bad.xml" in only_trouble(tmp_path)


def test_a_folder_without_labels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Annotations").mkdir()
    assert "has no readable labels (Annotations is empty)" in refusal(tmp_path)


def test_a_folder_of_which_no_label_can_be_read_is_refused_with_the_first_reason(
    tmp_path: Path,
) -> None:
    add_label(tmp_path, "a", "<annotation>")
    add_label(tmp_path, "b", "<annotation>")
    assert "a.xml: is not valid XML" in refusal(tmp_path)


def test_labels_in_subfolders_belong_to_the_images_of_the_same_subfolder(tmp_path: Path) -> None:
    for place in ("day/1", "night/1"):
        write_photo(tmp_path / "JPEGImages" / f"{place}.jpg")
        label = tmp_path / "Annotations" / f"{place}.xml"
        label.parent.mkdir(parents=True)
        label.write_text(xml_of([Thing()]))
    images = load_data(tmp_path).images
    assert [image.path.relative_to(tmp_path / "JPEGImages").as_posix() for image in images] == [
        "day/1.jpg",
        "night/1.jpg",
    ]


def test_labels_in_a_subfolder_may_belong_to_images_without_one(tmp_path: Path) -> None:
    write_photo(tmp_path / "JPEGImages" / "1.jpg")
    (tmp_path / "Annotations" / "first").mkdir(parents=True)
    (tmp_path / "Annotations" / "first" / "1.xml").write_text(xml_of([Thing()]))
    assert load_data(tmp_path).images[0].path == tmp_path / "JPEGImages" / "1.jpg"


@pytest.mark.parametrize("ending", [".Jpg", ".JPG", ".jPeG", ".Png"])
def test_file_endings_are_found_in_any_mixture_of_cases(ending: str, tmp_path: Path) -> None:
    write_photo(tmp_path / "JPEGImages" / "1.jpg").rename(tmp_path / "JPEGImages" / f"1{ending}")
    add_label(tmp_path, "1", xml_of([Thing()]))
    assert load_data(tmp_path).images[0].path.name == f"1{ending}"


def test_labels_beside_the_images_as_roboflow_exports_them_are_read(tmp_path: Path) -> None:
    for split, name in (("train", "1_jpg.rf.a1b2"), ("valid", "2_jpg.rf.c3d4")):
        write_photo(tmp_path / split / f"{name}.jpg")
        (tmp_path / split / f"{name}.xml").write_text(xml_of([Thing()], file_name=f"{name}.jpg"))
    for data in (load_data(tmp_path, "train"), load_data(tmp_path / "train")):
        assert [image.path.name for image in data.images] == ["1_jpg.rf.a1b2.jpg"]
        assert data.images[0].boxes.tolist() == [[0, 0, 10, 10]]
    with pytest.raises(DataError, match="choose one of its splits: train, valid"):
        load_data(tmp_path)
