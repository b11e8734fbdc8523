"""COCO's JSON: boxes, crowds, category ids with gaps, splits, and files that are something else."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ssd_live.datasets.load import load_data
from ssd_live.errors import DataError

# As in COCO itself, ids have gaps and are in no order.
CATEGORIES = [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}, {"id": 3, "name": "car"}]


def write_image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((48, 64, 3), 90, np.uint8))
    return path


def image(number: object = 1, name: str = "a.jpg", **more: object) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": 64, "height": 48} | more


def thing(
    number: object = 1, category: object = 1, bbox: object = (2, 3, 10, 20), **more: object
) -> dict[str, Any]:
    return {"image_id": number, "category_id": category, "bbox": bbox} | more


def write_json(
    path: Path, images: list[Any] | None = None, annotations: list[Any] | None = None
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "images": [image()] if images is None else images,
        "annotations": annotations or [],
        "categories": CATEGORIES,
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def refusal(path: Path, split: str = "") -> str:
    with pytest.raises(DataError) as caught:
        load_data(path, split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_left_top_width_height_become_two_corners(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", annotations=[thing(bbox=[2.5, 3, 10, 20.25])])
    np.testing.assert_array_equal(load_data(path).images[0].boxes, [[2.5, 3, 12.5, 23.25]])


def test_a_box_around_the_whole_image_is_not_moved(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", annotations=[thing(bbox=[0, 0, 64, 48])])
    np.testing.assert_array_equal(load_data(path).images[0].boxes, [[0, 0, 64, 48]])


def polygons(*parts: list[float]) -> dict[str, Any]:
    """An annotation without a box."""
    found = thing(segmentation=list(parts))
    del found["bbox"]
    return found


def test_without_a_box_it_is_the_one_around_the_polygons(tmp_path: Path) -> None:
    given = [polygons([5, 6, 15, 6, 15, 26, 5, 26]), polygons([1, 2, 3, 4], [10, 30, 12.5, 20])]
    path = write_json(tmp_path / "a.json", annotations=given)
    found = load_data(path).images[0].boxes
    np.testing.assert_array_equal(found, [[5, 6, 15, 26], [1, 2, 12.5, 30]])


@pytest.mark.parametrize("broken", [polygons(), polygons([]), thing(bbox=None) | {"bbox": "no"}])
def test_an_annotation_without_any_box_is_a_finding(broken: dict[str, Any], tmp_path: Path) -> None:
    images = [image(), image(2, "b.jpg")]
    path = write_json(tmp_path / "a.json", images, [thing(), broken | {"image_id": 2}])
    data = load_data(path)
    assert [labelled.path.name for labelled in data.images] == ["a.jpg"]
    (finding,) = data.findings
    assert "image 2" in str(finding)


def test_crowds_are_marked_as_ignored(tmp_path: Path) -> None:
    path = write_json(
        tmp_path / "a.json", annotations=[thing(iscrowd=1), thing(iscrowd=0), thing()]
    )
    assert load_data(path).images[0].ignored.tolist() == [True, False, False]


def test_classes_stand_in_the_order_of_their_ids_and_gaps_are_kept(tmp_path: Path) -> None:
    data = load_data(write_json(tmp_path / "a.json"))
    assert data.classes == ("person", "car", "dog")
    assert data.category_ids == (1, 3, 18)


def test_class_ids_count_without_gaps(tmp_path: Path) -> None:
    path = write_json(
        tmp_path / "a.json", annotations=[thing(category=18), thing(category=1), thing(category=3)]
    )
    assert load_data(path).images[0].classes.tolist() == [2, 0, 1]


def test_given_classes_fix_the_order_and_keep_their_ids(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", annotations=[thing(category=18), thing(category=1)])
    data = load_data(path, classes=("dog", "person"))
    assert (data.classes, data.category_ids) == (("dog", "person"), (18, 1))
    assert data.images[0].classes.tolist() == [0, 1]


def test_given_classes_in_another_case_keep_their_ids(tmp_path: Path) -> None:
    assert load_data(write_json(tmp_path / "a.json"), classes=("Dog", "Person")).category_ids == (
        18,
        1,
    )


def test_a_class_that_the_file_lacks_takes_no_id_of_another(tmp_path: Path) -> None:
    ids = load_data(
        write_json(tmp_path / "a.json"), classes=("zebra", "giraffe", "car", "person")
    ).category_ids
    assert len(set(ids)) == 4


def test_objects_of_classes_that_are_not_wanted_are_left_out(tmp_path: Path) -> None:
    path = write_json(
        tmp_path / "a.json",
        annotations=[thing(category=3, iscrowd=1), thing(category=18, bbox=[0, 0, 5, 5])],
    )
    only = load_data(path, classes=("dog",)).images[0]
    np.testing.assert_array_equal(only.boxes, [[0, 0, 5, 5]])
    assert (only.classes.tolist(), only.ignored.tolist()) == ([0], [False])


def test_annotations_go_to_their_own_image(tmp_path: Path) -> None:
    images = [image(7, "a.jpg"), image(4, "b.jpg")]
    data = load_data(
        write_json(tmp_path / "a.json", images, [thing(4, 3), thing(7, 1), thing(4, 18)])
    )
    assert {one.path.name: one.classes.tolist() for one in data.images} == {
        "a.jpg": [0],
        "b.jpg": [1, 2],
    }


def test_an_image_without_objects_is_kept(tmp_path: Path) -> None:
    (only,) = load_data(write_json(tmp_path / "a.json")).images
    assert (only.boxes.shape, only.classes.shape, only.ignored.shape) == ((0, 4), (0,), (0,))


def test_a_file_without_annotations_has_images_without_objects(tmp_path: Path) -> None:
    path = tmp_path / "image_info_test.json"
    path.write_text(json.dumps({"images": [image()], "categories": CATEGORIES}))
    assert len(load_data(path).images[0].boxes) == 0


def test_the_size_is_as_the_file_says(tmp_path: Path) -> None:
    assert load_data(write_json(tmp_path / "a.json")).images[0].size == (64, 48)


def test_the_size_is_none_where_the_file_does_not_say_it(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", [{"id": 1, "file_name": "a.jpg"}])
    assert load_data(path).images[0].size is None


@pytest.mark.parametrize("folder", ["val2017", "images/val2017", "images", "", "annotations"])
def test_images_are_found_where_coco_keeps_them(tmp_path: Path, folder: str) -> None:
    write_json(tmp_path / "annotations" / "instances_val2017.json")
    photo = write_image(tmp_path / folder / "a.jpg")
    assert load_data(tmp_path).images[0].path == photo


def test_images_are_found_from_the_json_alone(tmp_path: Path) -> None:
    path = write_json(tmp_path / "annotations" / "instances_val2017.json")
    photo = write_image(tmp_path / "val2017" / "a.jpg")
    assert load_data(path).images[0].path == photo


def test_images_of_another_split_are_not_taken_for_those_of_this_one(tmp_path: Path) -> None:
    write_json(tmp_path / "annotations" / "instances_val2017.json")
    write_image(tmp_path / "train2017" / "a.jpg")
    assert not load_data(tmp_path).images[0].path.exists()


@pytest.mark.parametrize("split", ["val2017", "instances_val2017"])
def test_a_split_is_chosen_by_its_name(tmp_path: Path, split: str) -> None:
    write_json(tmp_path / "annotations" / "instances_train2017.json", [image(1, "train.jpg")])
    write_json(tmp_path / "annotations" / "instances_val2017.json", [image(1, "val.jpg")])
    data = load_data(tmp_path, split)
    assert (data.name, data.images[0].path.name) == ("instances_val2017", "val.jpg")


def test_the_only_file_of_instances_needs_no_split(tmp_path: Path) -> None:
    write_json(tmp_path / "annotations" / "captions_val2017.json", [image(1, "captions.jpg")])
    write_json(tmp_path / "annotations" / "instances_val2017.json", [image(1, "instances.jpg")])
    assert load_data(tmp_path).images[0].path.name == "instances.jpg"


def test_several_splits_want_one_to_be_chosen(tmp_path: Path) -> None:
    write_json(tmp_path / "annotations" / "instances_train2017.json")
    write_json(tmp_path / "annotations" / "instances_val2017.json")
    assert "choose a split (the folder has instances_train2017, instances_val2017)" in refusal(
        tmp_path
    )


def test_a_wrong_split_names_those_that_there_are(tmp_path: Path) -> None:
    write_json(tmp_path / "annotations" / "instances_train2017.json")
    write_json(tmp_path / "annotations" / "instances_val2017.json")
    assert (
        "has no split test2017; choose another split (the folder has instances_train2017, "
        "instances_val2017)" in refusal(tmp_path, "test2017")
    )


@pytest.mark.parametrize("split", ["", "train"])
def test_a_folder_without_a_file_is_refused(tmp_path: Path, split: str) -> None:
    (tmp_path / "annotations").mkdir()
    assert "the folder has no JSON file" in refusal(tmp_path, split)


def test_annotations_of_images_that_are_not_listed_are_named(tmp_path: Path) -> None:
    data = load_data(write_json(tmp_path / "a.json", [image(1)], [thing(99), thing(99), thing(1)]))
    (trouble,) = data.findings
    assert "annotations of image 99, which is not listed" in str(trouble)
    assert len(data.images[0].boxes) == 1


@pytest.mark.parametrize("key", ["images", "categories"])
def test_a_file_that_lacks_a_part_is_refused_by_its_name(tmp_path: Path, key: str) -> None:
    path = write_json(tmp_path / "a.json")
    content = json.loads(path.read_text())
    del content[key]
    path.write_text(json.dumps(content))
    assert f"is not a COCO file: '{key}' is missing" in refusal(path)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("categories", [{"name": "cat"}]),
        ("categories", [{"id": "first", "name": "cat"}]),
        ("images", [{"file_name": "a.jpg"}]),
        ("images", {"a.jpg": 1}),
        ("images", None),
        ("annotations", [{"bbox": [1, 2, 3, 4]}]),
        ("annotations", None),
    ],
)
def test_a_file_with_a_part_of_another_form_is_refused(
    tmp_path: Path, part: str, value: object
) -> None:
    path = write_json(tmp_path / "a.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {part: value}))
    assert "a.json: is not a COCO file" in refusal(path)


@pytest.mark.parametrize(
    ("entry", "annotation"),
    [
        ({"id": 2}, thing(2)),
        (image(2, "bad.jpg"), thing(2, bbox=[1, 2, 3])),
        (image(2, "bad.jpg"), thing(2, bbox=None)),
        (image(2, "bad.jpg"), thing(2, bbox=[1, 2, "wide", 4])),
        (image(2, "bad.jpg"), {"image_id": 2, "category_id": 1}),
        (image(2, "bad.jpg", width="wide"), thing(2)),
        (image(2, "bad.jpg", width=float("inf")), thing(2)),
    ],
)
def test_an_image_that_cannot_be_read_is_named_and_the_others_are_kept(
    tmp_path: Path, entry: dict[str, Any], annotation: dict[str, Any]
) -> None:
    data = load_data(
        write_json(tmp_path / "a.json", [image(1, "good.jpg"), entry], [thing(1), annotation])
    )
    assert [one.path.name for one in data.images] == ["good.jpg"]
    (trouble,) = data.findings
    assert "a.json: image 2: " in str(trouble)
    assert "\n" not in str(trouble)


def test_an_object_of_a_category_that_is_not_listed_is_named_and_left_out(tmp_path: Path) -> None:
    data = load_data(
        write_json(
            tmp_path / "a.json",
            [image(1, "good.jpg")],
            [thing(1), thing(1, category=99), thing(1, category=99)],
        )
    )
    assert len(data.images[0].boxes) == 1
    (trouble,) = data.findings
    assert trouble.kind == "unknown class"
    assert "good.jpg has objects of category 99" in str(trouble)


def test_a_second_image_of_the_same_id_is_named(tmp_path: Path) -> None:
    data = load_data(
        write_json(tmp_path / "a.json", [image(1, "one.jpg"), image(1, "two.jpg")], [])
    )
    assert [finding.kind for finding in data.findings] == ["duplicate image"]


def test_a_file_without_images_is_refused(tmp_path: Path) -> None:
    assert "the file lists none" in refusal(write_json(tmp_path / "a.json", []))


@pytest.mark.parametrize(
    "data", [b"", b'{"images": [', b"\xff\xd8\xff\xe0 a photo", b"no JSON\nat all"]
)
def test_what_is_no_json_is_refused_in_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(data)
    assert "a.json: is not valid JSON" in refusal(path)


@pytest.mark.parametrize("data", ["[]", "3", '"images"'])
def test_json_of_another_form_is_refused(tmp_path: Path, data: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(data)
    assert "the keys images, annotations and categories" in refusal(path)


def test_a_file_beside_the_images_as_roboflow_exports_it_is_read(tmp_path: Path) -> None:
    """Its first category only groups the others, and has no objects."""
    for split in ("train", "valid"):
        write_image(tmp_path / split / "a.jpg")
        content = {
            "images": [image()],
            "annotations": [thing(category=1), thing(category=2)],
            "categories": [
                {"id": 0, "name": "animals", "supercategory": "none"},
                {"id": 1, "name": "cat", "supercategory": "animals"},
                {"id": 2, "name": "dog", "supercategory": "animals"},
            ],
        }
        (tmp_path / split / "_annotations.coco.json").write_text(json.dumps(content))
    for data in (load_data(tmp_path, "train"), load_data(tmp_path / "train")):
        assert data.name == "train"
        assert data.classes == ("cat", "dog")
        assert data.category_ids == (1, 2)
        assert data.images[0].path == tmp_path / "train" / "a.jpg"
        assert data.images[0].classes.tolist() == [0, 1]
    assert "choose one of its splits: train, valid" in refusal(tmp_path)


def test_a_group_with_objects_of_its_own_is_a_class(tmp_path: Path) -> None:
    path = write_json(
        tmp_path / "annotations" / "instances_a.json", annotations=[thing(category=1)]
    )
    content = json.loads(path.read_text())
    for entry in content["categories"]:
        entry["supercategory"] = "person"
    path.write_text(json.dumps(content))
    assert load_data(tmp_path).classes == ("person", "car", "dog")
