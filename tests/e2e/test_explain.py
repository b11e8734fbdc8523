"""`explain` as a user types it: on photos, with the three forms of labels, and with what it cannot
take.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from ssd_live.system.paths import assets_folder
from tests.conftest import Answer

Run = Callable[..., Answer]

MEDIA = assets_folder() / "media"
CAT = MEDIA / "chelsea.png"
WIDTH, HEIGHT = 451, 300
# Edges of the cat, in pixels.
X1, Y1, X2, Y2 = 3, 1, 423, 300
VOC = """<annotation><object><name>{name}</name>
<bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>
</annotation>"""
# Cat is the model's class 7, counted from 0.
YOLO = (
    f"7 {(X1 + X2) / 2 / WIDTH} {(Y1 + Y2) / 2 / HEIGHT} {(X2 - X1) / WIDTH} {(Y2 - Y1) / HEIGHT}\n"
)


def coco(**changes: object) -> str:
    content = {
        "images": [{"id": 1, "file_name": "chelsea.png"}],
        "categories": [{"id": 5, "name": "Cat"}],
        "annotations": [{"image_id": 1, "category_id": 5, "bbox": [X1, Y1, X2 - X1, Y2 - Y1]}],
    }
    return json.dumps(content | changes)


def voc(name: str = "Cat", x2: object = X2) -> str:
    return VOC.format(name=name, x1=X1 + 1, y1=Y1 + 1, x2=x2, y2=Y2)


LABELS = {"cat.xml": voc(), "cat.txt": YOLO, "cat.json": coco(), "CAT.XML": voc()}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no output is named it goes into the working folder."""
    monkeypatch.chdir(tmp_path)


def written(name: str, text: str) -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def error_of(answer: Answer) -> str:
    assert answer.err.count("\n") == 1
    assert answer.err.startswith("error: ")
    assert "--debug" not in answer.err
    return answer.err


def test_a_cat_is_explained_in_words_and_a_picture(ssd: Run) -> None:
    answer = ssd("explain", CAT)
    assert answer.code == 0, answer.err
    detection, summary = answer.out.splitlines()
    assert detection.startswith("Cat 8")
    assert "map 6 (1 x 1), row 1, column 1, scale 0.95, ratio 1; suppressed boxes: " in detection
    assert summary == "1 detections over 0.4; image: chelsea-explained.png"
    picture = cv2.imread("chelsea-explained.png")
    assert picture is not None
    assert picture.shape[1] == 3 * 480
    assert [path.name for path in Path().iterdir()] == ["chelsea-explained.png"]


def test_a_photo_in_which_nothing_is_found_is_explained_too(ssd: Run) -> None:
    answer = ssd("explain", MEDIA / "rocket.jpg", "-o", "new/rocket.jpg")
    assert answer.code == 0, answer.err
    assert answer.out.splitlines() == ["0 detections over 0.4; image: new/rocket.jpg"]
    assert cv2.imread("new/rocket.jpg") is not None


def test_a_lower_threshold_tells_more(ssd: Run) -> None:
    few, many = (
        ssd("explain", CAT, "--threshold", threshold).out.splitlines() for threshold in (0.2, 0.05)
    )
    assert len(many) > len(few)
    assert many[0].split(";")[0] == few[0].split(";")[0]


def test_the_models_own_least_score_is_a_threshold(ssd: Run) -> None:
    answer = ssd("explain", CAT, "--threshold", "0.01")
    assert answer.code == 0, answer.err
    assert "detections over 0.01" in answer.out


def test_another_model_may_be_named(ssd: Run) -> None:
    answer = ssd(
        "explain",
        MEDIA / "astronaut.png",
        "-m",
        "ssdlite300-mobilenetv2-person",
        "--threshold",
        "0.3",
    )
    assert answer.code == 0, answer.err
    assert answer.out.startswith("person ")


@pytest.mark.parametrize("name", LABELS)
def test_the_three_forms_of_labels_say_the_same_of_an_object(ssd: Run, name: str) -> None:
    answer = ssd("explain", CAT, "--ground-truth", written(name, LABELS[name]))
    assert answer.code == 0, answer.err
    assert answer.err == ""
    assert (
        answer.out.splitlines()[1]
        == "object Cat: 5 default boxes (1 on map 4, 4 on map 6), best overlap 0.92"
    )


def test_the_objects_have_a_panel_of_their_own(ssd: Run) -> None:
    panels = []
    for words in ((), ("--ground-truth", written("cat.xml", voc()))):
        assert ssd("explain", CAT, "-o", "a.png", *words).code == 0
        picture = cv2.imread("a.png")
        assert picture is not None
        panels.append(picture[2 * picture.shape[0] // 3 :, 480 : 2 * 480].std() > 10)
    assert panels == [False, True]


def test_the_name_inside_a_json_finds_the_image_wherever_it_lies(ssd: Run) -> None:
    listed = coco(
        images=[
            {"id": 7, "file_name": "other.png"},
            {"id": 1, "file_name": "some/folder/chelsea.png"},
        ]
    )
    answer = ssd("explain", CAT, "--ground-truth", written("cat.json", listed))
    assert "object Cat: 5 default boxes" in answer.out


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.xml", "<annotation/>"),
        ("a.xml", voc("[red]Wolf[/red]")),
        ("a.txt", ""),
        ("a.txt", YOLO.replace("7", "99", 1)),
        ("a.txt", YOLO.replace("7", "-1", 1)),
        ("a.json", coco(annotations=[])),
        ("a.json", coco(categories=[{"id": 5, "name": "Wolf"}])),
    ],
)
def test_labels_without_a_known_class_are_told_and_match_nothing(
    ssd: Run, name: str, text: str
) -> None:
    answer = ssd("explain", CAT, "--ground-truth", written(name, text))
    assert answer.code == 0, answer.err
    assert (
        answer.err == f"note: {name}: has no object of a class that ssd300-mobilenetv2-oid knows\n"
    )
    assert "object" not in answer.out


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.xml", voc(x2="nan")),
        ("a.xml", voc(x2="-5")),
        ("a.txt", "7 0.5 0.5 0 0.5"),
        ("a.txt", "7 5 0.5 0.1 0.1"),
    ],
)
def test_an_object_without_an_area_in_the_image_is_told_and_left_out(
    ssd: Run, name: str, text: str
) -> None:
    answer = ssd("explain", CAT, "--ground-truth", written(name, text))
    assert answer.code == 0, answer.err
    assert answer.err == f"note: {name}: 1 objects have no area inside the image and are left out\n"
    assert "object" not in answer.out


def test_a_box_without_end_is_cut_at_the_image(ssd: Run) -> None:
    answers = [
        ssd("explain", CAT, "--ground-truth", written("a.xml", voc(x2=x2))) for x2 in ("inf", WIDTH)
    ]
    assert [answer.code for answer in answers] == [0, 0]
    assert answers[0].out == answers[1].out


@pytest.mark.parametrize(
    ("name", "text", "code", "told"),
    [
        ("a.xml", "<annotation>", 1, "a.xml: is not valid XML"),
        ("a.xml", "<annotation><object/></annotation>", 1, "a.xml: an object has no name"),
        ("a.xml", YOLO, 1, "a.xml: is not valid XML"),
        ("a.txt", voc(), 1, "a.txt: line 1 is not `class cx cy w h`"),
        ("a.txt", "cat 0.5 0.5 0.5 0.5", 1, "a.txt: line 1 is not"),
        ("a.txt", "7 0.5 nan 0.5 0.5", 1, "a.txt: line 1 is not"),
        ("a.json", "[1", 1, "a.json: is not valid JSON"),
        ("a.json", "[]", 1, "a.json: is not a COCO file"),
        (
            "a.json",
            coco(images=[{"id": 1, "file_name": "other.png"}]),
            1,
            "a.json: does not list chelsea.png",
        ),
        ("a.json", coco(images=[]), 1, "a.json: has no image that can be used"),
        (
            "a.json",
            coco(
                images=[{"id": 1, "file_name": "chelsea.png"}, {"id": 2, "file_name": "b.png"}],
                annotations=[{"image_id": 1, "category_id": 5}],
            ),
            1,
            "a.json: does not list chelsea.png; the first error in it: image 1",
        ),
        ("a.csv", "", 2, "a.csv: give labels as .xml (VOC), .txt (YOLO) or .json (COCO)"),
        ("a", "", 2, "a: give labels as"),
    ],
)
def test_labels_that_are_none_are_refused(
    ssd: Run, name: str, text: str, code: int, told: str
) -> None:
    answer = ssd("explain", CAT, "--ground-truth", written(name, text))
    assert answer.code == code
    assert told in error_of(answer)
    assert answer.out == ""
    assert not Path("chelsea-explained.png").exists()


@pytest.mark.parametrize("name", ["none.xml", "none.txt", "none.json"])
def test_labels_that_are_not_there_are_named_once(ssd: Run, name: str) -> None:
    answer = ssd("explain", CAT, "--ground-truth", name)
    assert answer.code == 1
    assert error_of(answer).count(name) == 1


@pytest.mark.parametrize("threshold", ["7", "1.01", "0.009", "0", "-1", "nan", "inf", "x"])
def test_a_threshold_that_is_no_score_or_below_the_models_own_is_refused(
    ssd: Run, threshold: str
) -> None:
    answer = ssd("explain", CAT, "--threshold", threshold)
    assert answer.code == 2
    assert "threshold" in error_of(answer)
    assert not list(Path().iterdir())


@pytest.mark.parametrize("name", ["none.png", "text.png", "empty.png", ".", "cat.xml"])
def test_an_image_that_is_none_is_refused(ssd: Run, name: str) -> None:
    written("text.png", "no image")
    written("empty.png", "")
    written("cat.xml", voc())
    answer = ssd("explain", name)
    assert answer.code == 1
    assert error_of(answer).startswith(f"error: {name}: ")


@pytest.mark.parametrize("name", ["nope", str(CAT)])
def test_a_model_that_is_none_is_refused(ssd: Run, name: str) -> None:
    answer = ssd("explain", CAT, "-m", name)
    assert answer.code == 1
    assert name in error_of(answer)


@pytest.mark.parametrize("name", ["photo.png", "./photo.png", "link.png"])
def test_the_image_itself_is_not_written_over(ssd: Run, name: str) -> None:
    Path("photo.png").write_bytes(CAT.read_bytes())
    if name == "link.png":
        try:
            Path(name).symlink_to("photo.png")
        except OSError:
            pytest.skip("no links here")
    answer = ssd("explain", "photo.png", "-o", name)
    assert answer.code == 2
    assert "is the input image itself" in error_of(answer)
    assert answer.out == ""
    assert Path("photo.png").read_bytes() == CAT.read_bytes()


@pytest.mark.parametrize("name", ["a.gif", "a", "file/a.png"])
def test_an_output_that_cannot_be_written_is_refused(ssd: Run, name: str) -> None:
    written("file", "")
    answer = ssd("explain", CAT, "-o", name)
    assert answer.code == 1
    assert error_of(answer).startswith(f"error: {name}: ")
    assert [path.name for path in Path().iterdir()] == ["file"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file names are text")
def test_an_image_whose_name_is_no_text_is_explained(ssd: Run) -> None:
    odd = Path(os.fsdecode(b"cat-\xff.png"))
    odd.write_bytes(CAT.read_bytes())
    answer = ssd("explain", odd)
    assert answer.code == 0, answer.err
    assert Path(os.fsdecode(b"cat-\xff-explained.png")).is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_ring_of_links_is_replaced_like_any_other_file(ssd: Run) -> None:
    Path("ring.png").symlink_to("ring.png")
    answer = ssd("explain", CAT, "-o", "ring.png")
    assert answer.code == 0, answer.err
    assert cv2.imread("ring.png") is not None


def test_without_pytorch_it_says_what_to_install(ssd: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ssd_live.training.explain", None)
    answer = ssd("explain", CAT)
    assert answer.code == 1
    assert "PyTorch" in error_of(answer)
    assert "pip install" in error_of(answer)
