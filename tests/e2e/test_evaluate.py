"""`eval` as a user types it, on photos labelled with what the bundled model itself finds
in them.
"""

import json
import os
import shutil
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import pytest

import ssd_live
from ssd_live.backends import backend_module
from ssd_live.evaluation.coco_metric import FIGURES
from ssd_live.imaging.image_files import read_image, write_image
from ssd_live.system.paths import assets_folder
from tests.conftest import FIXED_BACKEND, Answer

Run = Callable[..., Answer]
Box = tuple[float, float, float, float]
Objects = dict[str, list[tuple[str, Box]]]

MEDIA = assets_folder() / "media"
PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
MODEL, PERSON = "ssd300-mobilenetv2-oid", "ssdlite300-mobilenetv2-person"


@pytest.fixture(scope="module")
def own_findings() -> Objects:
    """What the model finds over its display threshold: a person, a cat, a coffee cup, and nothing
    on the rocket's photo.
    """
    found: Objects = {}
    with ssd_live.load(backend="openvino", precision="fp32") as detector:
        for photo in PHOTOS:
            answer = detector(read_image(MEDIA / photo).planes[0])
            found[photo] = [
                (name, (x1, y1, x2, y2))
                for name, (x1, y1, x2, y2) in zip(answer.names, answer.boxes.tolist(), strict=True)
            ]
    return found


def voc(folder: Path, objects: Objects, *, difficult: bool = False) -> Path:
    for part in ("JPEGImages", "Annotations"):
        (folder / part).mkdir(parents=True)
    for photo, things in objects.items():
        shutil.copy(MEDIA / photo, folder / "JPEGImages" / photo)
        root = ElementTree.Element("annotation")
        for name, (x1, y1, x2, y2) in things:
            node = ElementTree.SubElement(root, "object")
            ElementTree.SubElement(node, "name").text = name
            ElementTree.SubElement(node, "difficult").text = str(int(difficult))
            box = ElementTree.SubElement(node, "bndbox")
            for side, value in (("xmin", x1 + 1), ("ymin", y1 + 1), ("xmax", x2), ("ymax", y2)):
                ElementTree.SubElement(box, side).text = f"{value:.1f}"
        ElementTree.ElementTree(root).write(
            folder / "Annotations" / f"{Path(photo).stem}.xml", encoding="utf-8"
        )
    return folder


def coco(folder: Path, categories: Sequence[str], annotations: Sequence[dict[str, Any]]) -> Path:
    """Of the cat's photo, image 1."""
    (folder / "annotations").mkdir(parents=True)
    shutil.copy(MEDIA / "chelsea.png", folder)
    content = {
        "images": [{"id": 1, "file_name": "chelsea.png"}],
        "categories": [{"id": number, "name": name} for number, name in enumerate(categories, 1)],
        "annotations": [{"image_id": 1, "bbox": [3, 1, 420, 298]} | one for one in annotations],
    }
    path = folder / "annotations" / "instances.json"
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def data(tmp_path: Path, own_findings: Objects) -> Path:
    return voc(tmp_path / "photos", own_findings)


def lines_of(answer: Answer) -> dict[str, list[str]]:
    """The table: first word -> the others."""
    rows = [line.split() for line in answer.out.split("\n\n")[0].splitlines()]
    return {row[0]: row[1:] for row in rows}


def error_of(answer: Answer) -> str:
    (line,) = [line for line in answer.err.splitlines() if line.startswith("error: ")]
    assert answer.err.splitlines()[-1] == line
    assert "--debug" not in line
    return line


def results(path: Path) -> list[dict[str, Any]]:
    content = json.loads(path.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = content["results"]
    return found


@pytest.mark.parametrize("metric", ["voc07", "voc", "coco"])
def test_what_the_model_finds_itself_it_finds_all(ssd: Run, data: Path, metric: str) -> None:
    answer = ssd("eval", MODEL, "--data", data, "--metric", metric, *FIXED_BACKEND)
    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[-1] == f"100.00 {'AP' if metric == 'coco' else 'mAP'}"
    assert lines_of(answer)["mean"] == ["3", "100.00"]
    assert "3 right, 0 missed, 0 taken for another class, 0 where there is no object" in answer.out


def test_a_letterboxed_model_is_measured_on_letterboxed_images(ssd: Run, tmp_path: Path) -> None:
    """The label of the face is what the library finds."""
    photo = read_image(MEDIA / "astronaut.png").planes[0][:256]
    with ssd_live.load("blazeface-256", backend="openvino", precision="fp32") as detector:
        (box,) = detector(photo).boxes.tolist()
    folder = voc(tmp_path / "faces", {"astronaut.png": [("face", tuple(box))]})
    write_image(folder / "JPEGImages" / "astronaut.png", photo)
    answer = ssd("eval", "blazeface-256", "--data", folder, "--metric", "coco", *FIXED_BACKEND)
    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[-1] == "100.00 AP"


def test_all_figures_are_written_as_json(ssd: Run, data: Path, tmp_path: Path) -> None:
    answer = ssd(
        "eval",
        MODEL,
        "--data",
        data,
        "--metric",
        "coco",
        "--json",
        tmp_path / "new" / "all.json",
        *FIXED_BACKEND,
    )
    assert answer.code == 0, answer.err
    content = json.loads((tmp_path / "new" / "all.json").read_text())
    assert (content["data"], content["split"], content["metric"]) == (str(data), "", "coco")
    assert content["classes"] == ["Cat", "Coffee cup", "Person"]
    (result,) = content["results"]
    assert (result["model"], result["backend"], result["images"]) == (MODEL, "openvino fp32", 4)
    assert result["average_precision"] == {"Cat": 1, "Coffee cup": 1, "Person": 1}
    assert result["objects"] == {"Cat": 1, "Coffee cup": 1, "Person": 1}
    assert list(result["figures"]) == list(FIGURES)
    assert result["map"] == result["figures"]["AP"] == 1
    # All three cover much of their photos.
    assert (result["figures"]["APs"], result["figures"]["APl"]) == (None, 1)
    assert [
        row[:3] for row in result["confusion"]["rows_there_columns_found_last_is_nothing"][:3]
    ] == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_a_missed_object_and_one_taken_for_another_class_are_counted_and_named(
    ssd: Run, own_findings: Objects, tmp_path: Path
) -> None:
    (_, cat), *_ = own_findings["chelsea.png"]
    changed = own_findings | {
        "chelsea.png": [("Dog", cat)],
        "rocket.jpg": [("Cat", (10, 10, 60, 60))],
    }
    answer = ssd("eval", MODEL, "--data", voc(tmp_path / "photos", changed), *FIXED_BACKEND)
    assert answer.code == 0, answer.err
    assert "2 right, 1 missed, 1 taken for another class, 0 where there is no object" in answer.out
    assert [
        line.split(maxsplit=1) for line in answer.out.splitlines() if line.startswith("  ")
    ] == [["1", "Cat missed"], ["1", "Dog taken for Cat"]]


def test_a_detection_where_nothing_is_is_counted_and_named(
    ssd: Run, own_findings: Objects, tmp_path: Path
) -> None:
    changed = own_findings | {"chelsea.png": [], "rocket.jpg": [("Cat", (10, 10, 60, 60))]}
    answer = ssd("eval", MODEL, "--data", voc(tmp_path / "photos", changed), *FIXED_BACKEND)
    assert "2 right, 1 missed, 0 taken for another class, 1 where there is no object" in answer.out
    assert "Cat where there is no object" in answer.out
    assert lines_of(answer)["Cat"] == ["1", "0.00"]


def test_two_backends_stand_side_by_side(ssd: Run, data: Path, tmp_path: Path) -> None:
    words = ("--backend", "openvino,onnxruntime", "--precision", "fp32")
    answer = ssd("eval", MODEL, "--data", data, "--json", tmp_path / "both.json", *words)
    assert answer.code == 0, answer.err
    table = lines_of(answer)
    assert answer.out.splitlines()[0].split() == [
        "class",
        "objects",
        MODEL,
        "openvino",
        "fp32",
        MODEL,
        "onnxruntime",
        "fp32",
        "difference",
    ]
    assert table["Cat"] == ["1", "100.00", "100.00", "+0.00"]
    assert [result["backend"] for result in results(tmp_path / "both.json")] == [
        "openvino fp32",
        "onnxruntime fp32",
    ]


def test_two_precisions_stand_side_by_side(ssd: Run, data: Path, tmp_path: Path) -> None:
    offered = backend_module("torch").precisions("CPU")
    words = ("--backend", "torch:CPU", "--precision", ",".join(offered[:2]))
    answer = ssd("eval", MODEL, "--data", data, "--json", tmp_path / "both.json", *words)
    assert answer.code == 0, answer.err
    assert len(lines_of(answer)["mean"]) == 4
    assert [result["backend"] for result in results(tmp_path / "both.json")] == [
        f"torch {precision}" for precision in offered[:2]
    ]


def test_two_models_stand_side_by_side_and_a_class_that_one_lacks_has_no_difference(
    ssd: Run, data: Path
) -> None:
    answer = ssd("eval", MODEL, PERSON, "--data", data, *FIXED_BACKEND)
    assert answer.code == 0, answer.err
    assert f"note: {PERSON} does not know Cat, Coffee cup" in answer.err
    table = lines_of(answer)
    assert table["Cat"] == ["1", "100.00", "-", "-"]
    assert table["Person"][1] == "100.00"
    # What it cannot know it does not miss.
    assert (
        answer.out.split(f"\n\n{PERSON}")[1]
        .splitlines()[0]
        .endswith("1 right, 0 missed, 0 taken for another class, 0 where there is no object")
    )


@pytest.mark.parametrize("metric", ["voc", "coco"])
def test_a_class_that_the_model_lacks_lowers_no_figure(
    ssd: Run, own_findings: Objects, tmp_path: Path, metric: str
) -> None:
    wolves = voc(tmp_path / "photos", own_findings | {"rocket.jpg": [("Wolf", (10, 10, 60, 60))]})
    answer = ssd(
        "eval",
        MODEL,
        "--data",
        wolves,
        "--metric",
        metric,
        "--json",
        tmp_path / "all.json",
        *FIXED_BACKEND,
    )
    assert answer.code == 0, answer.err
    assert f"note: {MODEL} does not know Wolf; its mean is over the other 3 classes" in answer.err
    assert lines_of(answer)["Wolf"] == ["1", "-"]
    assert lines_of(answer)["mean"][1] == "100.00"
    assert "3 right, 0 missed" in answer.out
    (result,) = results(tmp_path / "all.json")
    assert result["average_precision"]["Wolf"] is None
    assert result.get("figures", {"AP": 1})["AP"] == 1


def test_class_names_match_in_any_case(ssd: Run, own_findings: Objects, tmp_path: Path) -> None:
    lower = {
        photo: [(name.upper(), box) for name, box in things]
        for photo, things in own_findings.items()
    }
    answer = ssd("eval", MODEL, "--data", voc(tmp_path / "photos", lower), *FIXED_BACKEND)
    assert answer.out.splitlines()[-1] == "100.00 mAP"


@pytest.mark.parametrize("name", ["[red]x[/red]", "[/oops]", ":cat:", "$\\frac$", "고양이"])
def test_a_class_name_is_shown_as_it_is(
    ssd: Run, own_findings: Objects, tmp_path: Path, name: str
) -> None:
    named = voc(tmp_path / "photos", own_findings | {"rocket.jpg": [(name, (10, 10, 60, 60))]})
    answer = ssd(
        "eval",
        MODEL,
        "--data",
        named,
        "--plots",
        tmp_path / "a.svg",
        "--sheet",
        tmp_path / "a.png",
        *FIXED_BACKEND,
    )
    assert answer.code == 0, answer.err
    assert name in lines_of(answer)


def test_the_sheet_shows_the_images_with_most_mistakes(
    ssd: Run, own_findings: Objects, tmp_path: Path
) -> None:
    missed = voc(
        tmp_path / "photos",
        own_findings | {"rocket.jpg": [("Car", (10, 10, 60, 60)), ("Dog", (100, 10, 160, 60))]},
    )
    answer = ssd("eval", MODEL, "--data", missed, "--sheet", tmp_path / "a.png", *FIXED_BACKEND)
    assert answer.code == 0, answer.err
    sheet = cv2.imread(str(tmp_path / "a.png"))
    assert sheet is not None
    # One image of four has mistakes, and stands first of three places.
    assert sheet.shape[1] == 3 * 480
    assert [
        bool(sheet[:, column * 480 : (column + 1) * 480].std() > 10) for column in range(3)
    ] == [True, False, False]


def test_without_a_mistake_there_is_no_sheet_and_it_says_so(
    ssd: Run, data: Path, tmp_path: Path
) -> None:
    answer = ssd("eval", MODEL, "--data", data, "--sheet", tmp_path / "a.png", *FIXED_BACKEND)
    assert answer.code == 0, answer.err
    assert "no image with a mistake" in answer.err
    assert not (tmp_path / "a.png").exists()


def test_precision_over_recall_is_plotted(ssd: Run, data: Path, tmp_path: Path) -> None:
    answer = ssd(
        "eval", MODEL, PERSON, "--data", data, "--plots", tmp_path / "new" / "a.svg", *FIXED_BACKEND
    )
    assert answer.code == 0, answer.err
    ElementTree.parse(tmp_path / "new" / "a.svg")


def test_images_without_objects_are_measured_too(
    ssd: Run, own_findings: Objects, tmp_path: Path
) -> None:
    bare = voc(tmp_path / "photos", own_findings | {"astronaut.png": [], "coffee.png": []})
    answer = ssd("eval", MODEL, "--data", bare, "--metric", "voc", *FIXED_BACKEND)
    assert answer.code == 0, answer.err
    assert lines_of(answer)["mean"] == ["1", "100.00"]


@pytest.mark.parametrize("metric", ["voc", "coco"])
def test_difficult_objects_alone_give_no_figure(
    ssd: Run, own_findings: Objects, tmp_path: Path, metric: str
) -> None:
    hard = voc(tmp_path / "photos", own_findings, difficult=True)
    words = (
        "--metric",
        metric,
        "--plots",
        tmp_path / "a.png",
        "--json",
        tmp_path / "all.json",
        *FIXED_BACKEND,
    )
    answer = ssd("eval", MODEL, "--data", hard, *words)
    assert answer.code == 0, answer.err
    assert lines_of(answer)["Cat"] == ["0", "-"]
    assert "0 right, 0 missed, 0 taken for another class, 0 where there is no object" in answer.out
    assert set(results(tmp_path / "all.json")[0]["average_precision"].values()) == {None}


def test_a_coco_file_without_annotations_is_measured(ssd: Run, tmp_path: Path) -> None:
    answer = ssd(
        "eval", MODEL, "--data", coco(tmp_path, ["Cat"], []), "--metric", "coco", *FIXED_BACKEND
    )
    assert answer.code == 0, answer.err
    assert lines_of(answer)["AP"] == ["-"]
    assert "Cat where there is no object" in answer.out


def test_labels_and_images_that_cannot_be_read_are_named_and_left_out(ssd: Run, data: Path) -> None:
    (data / "Annotations" / "coffee.xml").write_text("<annotation>")
    (data / "JPEGImages" / "astronaut.png").write_text("no image")
    answer = ssd("eval", MODEL, "--data", data, *FIXED_BACKEND)
    assert answer.code == 0, answer.err
    assert "coffee.xml" in answer.err
    assert "astronaut.png: is not an image that can be read" in answer.err
    assert lines_of(answer)["mean"] == ["1", "100.00"]


@pytest.mark.parametrize(
    "wrong",
    [
        ("nan", "nan", "nan", "nan"),
        ("1", "1", "inf", "1e300"),
        ("90", "90", "10", "10"),
        ("-1e9", "1", "1e9", "5"),
    ],
)
def test_a_box_that_is_none_is_an_object_that_nothing_finds(
    ssd: Run, data: Path, tmp_path: Path, wrong: tuple[str, ...]
) -> None:
    path = data / "Annotations" / "chelsea.xml"
    tree = ElementTree.parse(path)
    for side, value in zip(("xmin", "ymin", "xmax", "ymax"), wrong, strict=True):
        node = tree.find(f"object/bndbox/{side}")
        assert node is not None
        node.text = value
    tree.write(path)
    words = (
        "--sheet",
        tmp_path / "a.png",
        "--plots",
        tmp_path / "a.svg",
        "--metric",
        "voc",
        *FIXED_BACKEND,
    )
    answer = ssd("eval", MODEL, "--data", data, *words)
    assert answer.code == 0, answer.err
    assert lines_of(answer)["Cat"] == ["1", "0.00"]
    assert "2 right, 1 missed" in answer.out
    assert "Warning" not in answer.err


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file names are text")
def test_a_folder_whose_name_is_no_text_is_measured(ssd: Run, data: Path, tmp_path: Path) -> None:
    odd = data.rename(tmp_path / os.fsdecode(b"photos-\xff"))
    answer = ssd("eval", MODEL, "--data", odd, "--json", tmp_path / "all.json", *FIXED_BACKEND)
    assert answer.code == 0, answer.err
    assert "photos-" in json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))["data"]


def test_a_class_name_that_is_no_text_is_let_through(ssd: Run, tmp_path: Path) -> None:
    odd = coco(tmp_path, ["Cat", "\ud800"], [{"category_id": 1}, {"category_id": 2}])
    outputs = (
        "--json",
        tmp_path / "all.json",
        "--plots",
        tmp_path / "a.svg",
        "--sheet",
        tmp_path / "a.png",
    )
    answer = ssd("eval", MODEL, "--data", odd, *outputs, *FIXED_BACKEND)
    assert answer.code == 0, answer.err
    assert json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))["classes"][0] == "Cat"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ((MODEL, MODEL), 2, "not 3"),
        (("--precision", "fp32,foo"), 2, "no precision 'foo'"),
        (("--precision", "fp32,bf16,fp32"), 2, "not 3"),
        (("--precision", ""), 2, "no precision ''"),
        (("--backend", "openvino,"), 2, "no backend ''"),
        (("--backend", "openvino,nope"), 2, "no backend 'nope'"),
        (("--backend", "openvino:NOPE"), 2, "'NOPE'"),
        (
            ("--backend", "onnxruntime", "--precision", "fp32,bf16"),
            2,
            "cannot run this model in bf16",
        ),
        (("--metric", "foo"), 2, "--metric"),
        (("--split", "test"), 1, "there is no such list"),
        (("--data", "nowhere"), 1, "nowhere: there is no such file or folder"),
        (("--data", str(MEDIA)), 1, "is not a known data set"),
        (("--data", str(MEDIA / "chelsea.png")), 1, "is not a known data set"),
        (("--plots", "a.jpg"), 1, "a.jpg: plots are written as .png, .svg, .pdf"),
        (("--sheet", "a.gif"), 1, "a.gif: "),
        (("--sheet", "a"), 1, "a: "),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line_before_anything_is_measured(
    ssd: Run,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    code: int,
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    models = [MODEL, *(word for word in words if word == MODEL)]
    answer = ssd(
        "eval", *models, "--data", data, *FIXED_BACKEND, *(word for word in words if word != MODEL)
    )
    assert answer.code == code
    assert told in error_of(answer)
    assert answer.err == error_of(answer) + "\n"
    assert answer.out == ""
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "models", [("nope",), (MODEL, "nope"), (MODEL, str(MEDIA / "chelsea.png"))]
)
def test_a_model_that_is_none_is_told_before_anything_is_measured(
    ssd: Run, data: Path, models: tuple[str, ...]
) -> None:
    answer = ssd("eval", *models, "--data", data, *FIXED_BACKEND)
    assert answer.code == 1
    assert answer.err == error_of(answer) + "\n"


def test_no_data_is_wrong_usage(ssd: Run) -> None:
    answer = ssd("eval", MODEL)
    assert answer.code == 2
    assert "--data" in error_of(answer)


def test_data_without_a_class_of_the_model_are_refused(ssd: Run, tmp_path: Path) -> None:
    answer = ssd(
        "eval",
        MODEL,
        "--data",
        voc(tmp_path / "photos", {"rocket.jpg": [("Wolf", (10, 10, 60, 60))]}),
        *FIXED_BACKEND,
    )
    assert answer.code == 1
    assert "no class in common" in error_of(answer)


def test_data_without_an_object_are_refused(ssd: Run, tmp_path: Path) -> None:
    answer = ssd(
        "eval",
        MODEL,
        "--data",
        voc(tmp_path / "photos", {"rocket.jpg": [], "chelsea.png": []}),
        *FIXED_BACKEND,
    )
    assert answer.code == 1
    assert "the data have none at all)" in error_of(answer)


@pytest.mark.parametrize("names", [["Cat", "Dog", "Cat"], ["Cat", "cat"]])
def test_data_with_two_classes_of_one_name_are_refused(
    ssd: Run, tmp_path: Path, names: list[str]
) -> None:
    answer = ssd(
        "eval",
        MODEL,
        "--data",
        coco(tmp_path, names, [{"category_id": 1}, {"category_id": len(names)}]),
        *FIXED_BACKEND,
    )
    assert answer.code == 1
    assert "more than one class cat" in error_of(answer)


def test_data_without_an_image_that_can_be_read_are_refused(ssd: Run, data: Path) -> None:
    for path in (data / "JPEGImages").iterdir():
        path.write_text("no image")
    answer = ssd("eval", MODEL, "--data", data, *FIXED_BACKEND)
    assert answer.code == 1
    assert "none of the images can be read" in error_of(answer)


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("--sheet", "JPEGImages/coffee.png"),
        ("--plots", "Annotations/../JPEGImages/coffee.png"),
        ("--json", "Annotations/coffee.xml"),
    ],
)
def test_no_image_and_no_label_is_written_over(
    ssd: Run, data: Path, option: str, name: str
) -> None:
    before = (data / name).read_bytes()
    answer = ssd("eval", MODEL, "--data", data, option, data / name, *FIXED_BACKEND)
    assert answer.code == 2
    assert "give another name" in error_of(answer)
    assert (data / name).read_bytes() == before


@pytest.mark.parametrize("whole", [True, False])
def test_no_coco_file_is_written_over(ssd: Run, tmp_path: Path, whole: bool) -> None:
    path = coco(tmp_path, ["Cat"], [{"category_id": 1}])
    before = path.read_bytes()
    answer = ssd(
        "eval", MODEL, "--data", tmp_path if whole else path, "--json", path, *FIXED_BACKEND
    )
    assert answer.code == 2
    assert "give another name" in error_of(answer)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "option", [("--json", "a.json"), ("--plots", "a.png"), ("--sheet", "a.png")]
)
def test_an_output_that_cannot_be_written_is_told_after_the_figures(
    ssd: Run, own_findings: Objects, tmp_path: Path, option: tuple[str, str]
) -> None:
    missed = voc(tmp_path / "photos", own_findings | {"rocket.jpg": [("Car", (10, 10, 60, 60))]})
    (tmp_path / "file").write_text("")
    answer = ssd(
        "eval", MODEL, "--data", missed, option[0], tmp_path / "file" / option[1], *FIXED_BACKEND
    )
    assert answer.code == 1
    assert "cannot be written" in error_of(answer)
    assert lines_of(answer)["mean"][0] == "4"


@pytest.mark.parametrize(
    ("module", "words"),
    [("faster_coco_eval", ("--metric", "coco")), ("matplotlib.figure", ("--plots", "a.png"))],
)
def test_a_package_that_is_not_installed_is_named_before_the_work(
    ssd: Run, data: Path, monkeypatch: pytest.MonkeyPatch, module: str, words: tuple[str, ...]
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.chdir(data)
    # Nothing of it can be read, and yet that is not what is told.
    for path in (data / "JPEGImages").iterdir():
        path.write_text("no image")
    answer = ssd("eval", MODEL, "--data", data, *words, *FIXED_BACKEND)
    assert answer.code == 1
    assert "pip install" in error_of(answer)


def test_tracks_are_measured_against_labels(tmp_path: Path, ssd: Callable[..., Answer]) -> None:
    labels = "".join(f"{frame},1,{10 * frame},20,30,60,1,-1,-1,-1\n" for frame in range(1, 11))
    (tmp_path / "gt.txt").write_text(labels)
    (tmp_path / "good.txt").write_text(labels)
    (tmp_path / "split.txt").write_text("".join(labels.replace(",1,60,", ",2,60,")))
    answer = ssd(
        "eval",
        tmp_path / "good.txt",
        tmp_path / "split.txt",
        "--tracking",
        "--data",
        tmp_path / "gt.txt",
        "--json",
        tmp_path / "out.json",
    )
    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[-1] == "100.00 HOTA"
    assert "1 labelled objects in 10 frames" in answer.out
    good, split = json.loads((tmp_path / "out.json").read_text("utf-8"))["results"]
    assert (good["mota"], good["idf1"], good["switches"]) == (1, 1, 0)
    assert split["switches"] > 0


def test_tracking_takes_no_options_for_images(tmp_path: Path, ssd: Callable[..., Answer]) -> None:
    answer = ssd("eval", "a.txt", "--tracking", "--data", "gt.txt", "--sheet", "a.png")
    assert answer.code == 2
    assert "--tracking has no --sheet" in answer.err
