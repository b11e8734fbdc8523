"""`check-data`: what it says, writes and returns, and that bad input ends in one line with nothing
half-written.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from ssd_live.datasets.load import load_data
from ssd_live.imaging.pixels import Pixels
from tests.conftest import Answer
from tests.faults.test_bad_input import error_line
from tests.unit.datasets.test_check import INSIDE, Objects, coco, voc, write_photo, yolo

Command = Callable[..., Answer]

# Five tiles of 320 pixels.
SHEET_WIDTH = 1600
OUTSIDE = (10, 12, 90, 40)


@pytest.fixture
def check(ssd: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `check-data` in a folder of its own, `here`."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return lambda *words: ssd("check-data", *words)


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    return voc(
        tmp_path / "pets",
        {"a": [("cat", INSIDE)], "b": [("dog", INSIDE), ("cat", (0, 0, 9, 9))], "c": []},
    )


def written(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def picture(path: Path) -> Pixels:
    image = cv2.imread(str(path))
    assert image is not None
    return np.asarray(image, np.uint8)


@pytest.mark.parametrize("form", [voc, coco, yolo])
def test_of_clean_data_it_says_that_nothing_is_wrong(
    form: Callable[[Path, dict[str, Objects]], Path], tmp_path: Path, check: Command
) -> None:
    folder = form(
        tmp_path / "pets",
        {"a": [("cat", INSIDE)], "b": [("dog", INSIDE), ("cat", (0, 0, 9, 9))], "c": []},
    )
    answer = check(folder)
    assert (answer.code, answer.err) == (0, "")
    assert (
        "3 images (3 readable, 1 without objects), 2 classes, 3 objects (0 difficult or crowds)"
        in answer.out
    )
    assert answer.out.endswith("nothing wrong\n")


def test_every_class_has_a_line_with_its_objects_images_and_size(
    clean: Path, check: Command
) -> None:
    lines = [line.split() for line in check(clean).out.splitlines()]
    assert ["cat", "2", "2", "14", "x", "18"] in lines
    assert ["dog", "1", "1", "20", "x", "28"] in lines


def test_a_class_without_objects_has_a_line_too(clean: Path, check: Command) -> None:
    lines = [line.split() for line in check(clean, "--classes", "cat, dog, bird").out.splitlines()]
    assert ["bird", "0", "0", "-"] in lines


def test_what_is_wrong_is_named_by_its_kind_and_file_and_ends_in_one_line(
    tmp_path: Path, check: Command
) -> None:
    folder = voc(
        tmp_path / "pets", {"a": [("cat", OUTSIDE), ("cat", INSIDE), ("cat", INSIDE)], "b": []}
    )
    (folder / "JPEGImages" / "b.jpg").unlink()
    answer = check(folder)
    assert answer.code == 1
    assert f"{folder}: 3 problems in 2 files" in error_line(answer)
    label = folder / "Annotations" / "a.xml"
    assert (
        f"box outside: 1\n  {label}: cat at 10, 12, 90, 40: exceeds the 64 x 48 image by 26 "
        "pixels\n" in answer.out
    )
    assert f"duplicate object: 1\n  {label}: " in answer.out
    assert f"missing image: 1\n  {folder / 'Annotations' / 'b.xml'}: " in answer.out


def test_of_many_findings_of_a_kind_the_first_are_shown_and_the_others_counted(
    tmp_path: Path, check: Command
) -> None:
    answer = check(
        voc(tmp_path / "pets", {"a": [("cat", (0, 0, 100 + number, 40)) for number in range(9)]})
    )
    assert "box outside: 9" in answer.out
    assert answer.out.count("exceeds the") == 5
    assert "and 4 more; --json FILE writes all" in answer.out


def test_hints_are_told_but_nothing_is_wrong(clean: Path, check: Command) -> None:
    photo = write_photo(clean / "JPEGImages" / "new.jpg", 9)
    answer = check(clean)
    assert answer.code == 0
    assert f"unlabelled image: 1\n  {photo}: has no label" in answer.out
    assert answer.out.endswith("nothing wrong\n")


def test_of_a_split_the_images_of_others_are_not_called_unlabelled(
    clean: Path, check: Command
) -> None:
    (clean / "ImageSets" / "Main").mkdir(parents=True)
    (clean / "ImageSets" / "Main" / "train.txt").write_text("a\n")
    answer = check(clean, "--split", "train")
    assert answer.code == 0
    assert answer.out.startswith("pets train: 1 images")
    assert "unlabelled" not in answer.out


def test_other_classes_than_those_asked_for_are_reported(clean: Path, check: Command) -> None:
    answer = check(clean, "--classes", "cat")
    assert answer.code == 1
    assert "unknown class: 1" in answer.out
    assert "'dog' is not among cat" in answer.out


def test_the_json_has_everything_that_was_found(tmp_path: Path, check: Command) -> None:
    folder = voc(
        tmp_path / "pets",
        {
            "a": [("cat", (0, 0, 100 + number, 40)) for number in range(9)],
            "b": [("고양이", INSIDE)],
        },
    )
    assert check(folder, "--json", tmp_path / "found" / "all.json").code == 1
    found = json.loads((tmp_path / "found" / "all.json").read_text(encoding="utf-8"))
    assert (found["data"], found["images"], found["objects"]) == (
        "pets",
        2,
        {"cat": 9, "고양이": 1},
    )
    assert [finding["kind"] for finding in found["findings"]] == ["box outside"] * 9
    assert {finding["file"] for finding in found["findings"]} == {
        str(folder / "Annotations" / "a.xml")
    }
    assert "by 44 pixels" in found["findings"][8]["detail"]


def test_the_json_of_clean_data_has_no_findings(
    clean: Path, tmp_path: Path, check: Command
) -> None:
    check(clean, "--json", tmp_path / "all.json")
    assert json.loads((tmp_path / "all.json").read_text())["findings"] == []


def test_two_classes_of_one_name_are_counted_together_in_the_json(
    tmp_path: Path, check: Command
) -> None:
    folder = yolo(tmp_path / "pets", {"a": [("cat", INSIDE), ("dog", INSIDE)]})
    (folder / "classes.txt").write_text("cat\ncat\n")
    check(folder, "--json", tmp_path / "all.json")
    assert json.loads((tmp_path / "all.json").read_text())["objects"] == {"cat": 2}


def test_the_contact_sheet_goes_to_the_current_folder_under_the_name_of_the_data(
    clean: Path, tmp_path: Path, check: Command
) -> None:
    answer = check(clean)
    assert "contact sheet: check-pets.png" in answer.out
    assert written(tmp_path / "here") == ["check-pets.png"]
    assert picture(tmp_path / "here" / "check-pets.png").shape[1] == SHEET_WIDTH


@pytest.mark.parametrize("name", ["pets.v2", "고양이 犬"])
def test_the_name_of_the_data_is_kept_whole(
    name: str, clean: Path, tmp_path: Path, check: Command
) -> None:
    check(clean.rename(tmp_path / name))
    assert written(tmp_path / "here") == [f"check-{name}.png"]


def test_the_current_folder_has_its_own_name(
    clean: Path, check: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clean)
    assert check(".").out.startswith("pets: 3 images")
    assert "check-pets.png" in written(clean)


def test_checking_again_finds_the_same(
    clean: Path, check: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clean)
    assert check(".") == check(".")


def test_a_json_file_gives_the_contact_sheet_its_name(tmp_path: Path, check: Command) -> None:
    folder = coco(tmp_path / "pets", {"a": [("cat", INSIDE)]})
    assert check(folder / "annotations" / "instances.json").code == 0
    assert written(tmp_path / "here") == ["check-instances.png"]


@pytest.mark.parametrize("name", ["sheet.png", "sheet.PNG", "sheet.jpg", "deep/er/sheet.webp"])
def test_the_contact_sheet_goes_where_it_is_told_to(
    name: str, clean: Path, tmp_path: Path, check: Command
) -> None:
    check(clean, "--sheet", tmp_path / "out" / name)
    assert picture(tmp_path / "out" / name).shape[1] == SHEET_WIDTH
    assert written(tmp_path / "here") == []


def test_the_contact_sheet_shows_the_images_and_below_them_a_bar_a_class(
    tmp_path: Path, check: Command
) -> None:
    few = voc(tmp_path / "few", {f"i{number}": [("cat", INSIDE)] for number in range(5)})
    many = voc(tmp_path / "many", {f"i{number}": [("cat", INSIDE)] for number in range(6)})
    check(few)
    check(many)
    one, two = (picture(tmp_path / "here" / f"check-{name}.png") for name in ("few", "many"))
    # A second row of tiles of 240 pixels with a line of text.
    assert 240 < two.shape[0] - one.shape[0] < 300
    assert one.shape[0] > 240 + 22
    # The place of the first tile shows a photo, which has many colours.
    assert len(np.unique(one[:240, :320].reshape(-1, 3), axis=0)) > 1000


def test_a_large_data_set_has_a_contact_sheet_of_twenty_images(
    tmp_path: Path, check: Command
) -> None:
    check(voc(tmp_path / "twenty", {f"i{number}": [("cat", INSIDE)] for number in range(20)}))
    check(voc(tmp_path / "more", {f"i{number}": [("cat", INSIDE)] for number in range(24)}))
    assert (
        picture(tmp_path / "here" / "check-twenty.png").shape
        == picture(tmp_path / "here" / "check-more.png").shape
    )


def test_images_with_something_wrong_come_first_in_the_contact_sheet(
    tmp_path: Path, check: Command
) -> None:
    folder = voc(tmp_path / "pets", {f"i{number}": [("cat", INSIDE)] for number in range(24)})
    white = np.full((48, 64, 3), 255, np.uint8)
    assert cv2.imwrite(str(folder / "JPEGImages" / "i17.jpg"), white)
    label = folder / "Annotations" / "i17.xml"
    label.write_text(label.read_text().replace("<xmax>30<", "<xmax>99<"))
    check(folder)
    assert (picture(tmp_path / "here" / "check-pets.png")[:240, :320] == 255).mean() > 0.5


def test_without_a_readable_image_the_contact_sheet_has_the_histogram_alone(
    tmp_path: Path, check: Command
) -> None:
    folder = voc(tmp_path / "pets", {"a": [("cat", INSIDE)]})
    (folder / "JPEGImages" / "a.jpg").write_bytes(b"")
    answer = check(folder)
    assert answer.code == 1
    assert "(0 readable" in answer.out
    assert picture(tmp_path / "here" / "check-pets.png").shape[0] < 240


def test_boxes_of_numbers_without_sense_are_told_without_a_warning(
    tmp_path: Path, check: Command
) -> None:
    nan, inf = float("nan"), float("inf")
    wild: Objects = [
        ("cat", box)
        for box in (
            (nan, 1, 2, 3),
            (-inf, -inf, inf, inf),
            (1e30, 1e30, 1e38, 1e38),
            (1, 2, 1e39, 1e300),
            INSIDE,
        )
    ]
    answer = check(voc(tmp_path / "pets", {"a": wild}))
    assert "not a number: 3" in answer.out
    assert "box outside: 1" in answer.out
    # Boxes without sense do not count for the size.
    assert "20 x 28" in answer.out
    assert answer.err == error_line(answer) + "\n"


def test_an_image_thinner_than_a_pixel_of_its_tile_is_shown_too(
    tmp_path: Path, check: Command
) -> None:
    folder = voc(tmp_path / "pets", {"a": [("cat", (0, 0, 5, 1))]})
    assert cv2.imwrite(str(folder / "JPEGImages" / "a.jpg"), np.full((1, 5000, 3), 90, np.uint8))
    answer = check(folder)
    assert "wrong size: 1" in answer.out
    assert picture(tmp_path / "here" / "check-pets.png").shape[1] == SHEET_WIDTH


NAMES = ["[red]x[/red]", "[/]", "[bold", ":cat:", "고양이 犬 😀", "100%", "{0}"]


def test_names_are_shown_as_they_are(tmp_path: Path, check: Command) -> None:
    folder = yolo(tmp_path / "pets", {"a": [(name, INSIDE) for name in NAMES]})
    answer = check(folder)
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert all(any(line.startswith(f"{name} ") for line in lines) for name in NAMES)


def test_a_long_name_leaves_room_for_the_numbers(tmp_path: Path, check: Command) -> None:
    answer = check(yolo(tmp_path / "pets", {"a": [("n" * 400, INSIDE)]}))
    (line,) = (line for line in answer.out.splitlines() if line.startswith("nnn"))
    assert line.split()[1:] == ["1", "1", "20", "x", "28"]


def test_names_with_new_lines_and_commands_for_the_terminal_break_no_line(
    tmp_path: Path, check: Command
) -> None:
    folder = coco(
        tmp_path / "pets", {"a": [("cat\nerror: dog", OUTSIDE), ("\x1b[31mred\a", OUTSIDE)]}
    )
    answer = check(folder)
    assert "cat\\nerror: dog at 10" in answer.out
    assert "\\x1b[31mred\\x07 at 10" in answer.out
    assert not any(line.startswith("error: dog") for line in answer.out.splitlines())
    assert "\x1b" not in answer.out


def test_a_name_that_is_no_text_is_written_all_the_same(tmp_path: Path, check: Command) -> None:
    folder = coco(tmp_path / "pets", {"a": [("\ud83dcat", INSIDE)]})
    assert check(folder, "--json", tmp_path / "all.json").code == 0
    assert json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))["objects"] == {
        "\ud83dcat": 1
    }


@pytest.mark.skipif(os.name == "nt", reason="names of files are text there")
def test_a_file_whose_name_is_no_text_is_told_drawn_and_written(
    tmp_path: Path, check: Command
) -> None:
    folder = voc(tmp_path / "pets", {"a": [("cat", OUTSIDE)]})
    for part, ending in (("JPEGImages", b".jpg"), ("Annotations", b".xml")):
        os.rename(  # noqa: PTH104 - pathlib takes no bytes
            folder / part / f"a{ending.decode()}",
            os.fsencode(folder / part) + b"/\xff\xfe" + ending,
        )
    assert check(folder, "--json", tmp_path / "all.json").code == 1
    (finding,) = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))["findings"]
    assert finding["kind"] == "box outside"
    assert picture(tmp_path / "here" / "check-pets.png").shape[1] == SHEET_WIDTH


def test_a_hundred_classes_all_have_their_line_and_bar(tmp_path: Path, check: Command) -> None:
    folder = yolo(
        tmp_path / "pets",
        {"a": [(f"class-{number:03}", (1, 1, 2 + number / 4, 40)) for number in range(100)]},
    )
    answer = check(folder)
    assert answer.code == 0
    assert sum(line.startswith("class-") for line in answer.out.splitlines()) == 100
    assert picture(tmp_path / "here" / "check-pets.png").shape[0] > 240 + 25 * 22


def test_deep_folders_and_upper_case_endings_are_found(tmp_path: Path, check: Command) -> None:
    stem = "/".join("abcdefghijklmnop" * 3)
    folder = yolo(tmp_path / "pets", {f"{stem}/x": [("cat", INSIDE)]})
    (folder / "images" / stem / "x.jpg").rename(folder / "images" / stem / "x.JPG")
    answer = check(folder)
    assert (answer.code, "1 images (1 readable, 0 without objects)" in answer.out) == (0, True)


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nothing": (lambda folder: folder / "none", "there is no such file or folder"),
    "an empty folder": (lambda folder: _folder(folder / "empty"), "is not a known data set"),
    "images without labels": (
        lambda folder: write_photo(folder / "photos" / "a.jpg").parent,
        "is not a known data set",
    ),
    "an images folder without labels": (
        lambda folder: write_photo(folder / "x" / "images" / "a.jpg").parents[1],
        "is not a known data set",
    ),
    "a file": (
        lambda folder: _text(folder / "file.txt", "no data"),
        "is not a known data set",
    ),
    "an image": (lambda folder: write_photo(folder / "a.jpg"), "is not a known data set"),
    "labels of VOC alone": (
        lambda folder: _folder(folder / "x" / "Annotations").parent,
        "Annotations is empty",
    ),
    "JSON of something else": (
        lambda folder: _text(folder / "a.json", "[1, 2]"),
        "is not a COCO file",
    ),
    "JSON cut off": (
        lambda folder: _text(folder / "a.json", '{"images": ['),
        "is not valid JSON",
    ),
    "JSON without an end to its depth": (
        lambda folder: _text(folder / "a.json", "[" * 200_000),
        "nested too deeply",
    ),
    "ids of no number": (
        lambda folder: _text(
            folder / "a.json", '{"images": [], "categories": [{"id": NaN, "name": "x"}]}'
        ),
        "is not a COCO file",
    ),
    "YOLO without names": (
        lambda folder: _without_names(folder / "x"),
        "does not name its classes",
    ),
}


def _folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def _text(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _without_names(folder: Path) -> Path:
    (yolo(folder, {"a": [("cat", INSIDE)]}) / "classes.txt").unlink()
    return folder


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_data_set_is_refused_in_one_line_and_nothing_is_written(
    kind: str, tmp_path: Path, check: Command
) -> None:
    make, words = BAD[kind]
    folder = make(tmp_path)
    answer = check(folder, "--json", "all.json")
    assert words in error_line(answer)
    assert str(folder) in error_line(answer)
    assert (answer.code, answer.err.count("\n"), answer.out) == (1, 1, "")
    assert written(tmp_path / "here") == []


@pytest.mark.parametrize("name", ["sheet", "sheet.gif", "sheet.png.txt", ".png"])
def test_a_contact_sheet_of_a_wrong_ending_is_refused_before_the_work(
    name: str, clean: Path, tmp_path: Path, check: Command
) -> None:
    answer = check(clean, "--sheet", name, "--json", "all.json")
    assert "end the name in .bmp, .jpeg, .jpg, .png" in error_line(answer)
    assert answer.out == ""
    assert written(tmp_path / "here") == []


@pytest.mark.parametrize("option", ["--sheet", "--json"])
@pytest.mark.parametrize("name", ["file/x.png", "folder.png"])
def test_a_place_that_cannot_be_written_is_named_and_left_as_it_was(
    option: str, name: str, clean: Path, tmp_path: Path, check: Command
) -> None:
    (tmp_path / "file").write_text("precious")
    (tmp_path / "folder.png").mkdir()
    answer = check(clean, option, tmp_path / name)
    assert f"{tmp_path / name}: cannot be written" in error_line(answer)
    assert answer.code == 1
    assert (tmp_path / "file").read_text() == "precious"
    assert written(tmp_path) == ["file", "folder.png", "here", "pets"]
    assert not list((tmp_path / "folder.png").iterdir())


@pytest.mark.parametrize("option", ["--sheet", "--json"])
@pytest.mark.parametrize("name", ["pets/JPEGImages/a.jpg", "here/link/JPEGImages/a.jpg"])
def test_an_image_of_the_data_is_not_overwritten(
    option: str, name: str, clean: Path, tmp_path: Path, check: Command
) -> None:
    (tmp_path / "here" / "link").symlink_to(clean, target_is_directory=True)
    before = (clean / "JPEGImages" / "a.jpg").read_bytes()
    answer = check(clean, option, tmp_path / name)
    assert "is one of the files to check" in error_line(answer)
    assert answer.code == 2
    assert (clean / "JPEGImages" / "a.jpg").read_bytes() == before


def test_a_label_is_not_overwritten(clean: Path, check: Command) -> None:
    label = clean / "Annotations" / "a.xml"
    before = label.read_bytes()
    assert "is one of the files to check" in error_line(check(clean, "--json", label))
    assert label.read_bytes() == before


@pytest.mark.parametrize("given", ["", "annotations/instances.json"])
def test_the_json_with_the_labels_is_not_overwritten(
    given: str, tmp_path: Path, check: Command
) -> None:
    folder = coco(tmp_path / "pets", {"a": [("cat", INSIDE)]})
    path = folder / "annotations" / "instances.json"
    assert "is one of the files to check" in error_line(check(folder / given, "--json", path))
    assert load_data(path).classes == ("cat",)


def test_one_name_for_both_outputs_is_refused(clean: Path, tmp_path: Path, check: Command) -> None:
    answer = check(clean, "--sheet", "both.png", "--json", tmp_path / "here" / "both.png")
    assert "cannot be both" in error_line(answer)
    assert written(tmp_path / "here") == []


def test_an_earlier_contact_sheet_and_json_are_replaced(
    clean: Path, tmp_path: Path, check: Command
) -> None:
    for name in ("check-pets.png", "all.json"):
        (tmp_path / "here" / name).write_text("of yesterday")
    assert check(clean, "--json", "all.json").code == 0
    assert picture(tmp_path / "here" / "check-pets.png").shape[1] == SHEET_WIDTH
    assert json.loads((tmp_path / "here" / "all.json").read_text())["data"] == "pets"


def test_a_linked_data_set_is_read_through_its_link(
    clean: Path, tmp_path: Path, check: Command
) -> None:
    (tmp_path / "link").symlink_to(clean, target_is_directory=True)
    assert check(tmp_path / "link").code == 0


def test_a_copied_image_is_a_problem(clean: Path, check: Command) -> None:
    shutil.copy(clean / "JPEGImages" / "a.jpg", clean / "JPEGImages" / "c.jpg")
    answer = check(clean)
    assert "1 problems in 1 files" in error_line(answer)
    assert "duplicate image: 1" in answer.out
