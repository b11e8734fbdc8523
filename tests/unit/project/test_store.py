"""The labels of a project survive everything, and other tools read them."""

import contextlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pycocotools.coco import COCO

from ssd_live.datasets.load import load_data
from ssd_live.errors import DataError, OutputError, UsageError
from ssd_live.project.labels import LabelledBox, ProjectImage
from ssd_live.project.store import (
    INSTANCES,
    JOURNAL,
    PROJECT_FILE,
    UNLABELLED,
    Project,
    create_project,
)

MUG, BOWL = 1, 2
BOX = LabelledBox(MUG, (10.0, 20.0, 50.5, 60.0))
HARD = LabelledBox(BOWL, (0.0, 0.0, 5.0, 5.0), difficult=True)
GUESS = LabelledBox(MUG, (1.0, 1.0, 9.0, 9.0), score=0.75)

# Labels one image after another, and prints each number when it is done.
_LABEL_ON = """
import sys
from dataclasses import replace
from pathlib import Path
from ssd_live.project.labels import LabelledBox, ProjectImage
from ssd_live.project.store import Project
with Project(Path(sys.argv[1])) as project:
    for number in range(project.next_number(), 100_000):
        box = LabelledBox(1, (0.0, 0.0, float(number), 10.0))
        project.put([ProjectImage(number, f"{number}.jpg", 640, 480, (box,), number % 2 == 0)])
        if number % 50 == 0:
            project.tidy()
        print(number, flush=True)
"""


def image(number: int, *boxes: LabelledBox, labelled: bool = True) -> ProjectImage:
    return ProjectImage(number, f"{number}.jpg", 640, 480, boxes, labelled, "a.mp4", number / 2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create_project(tmp_path / "mugs", ["Mug", " Bowl "])
    return tmp_path / "mugs"


def state(folder: Path) -> tuple[dict[int, str], list[ProjectImage]]:
    with Project(folder) as project:
        return project.classes, project.images


def test_a_new_project_is_a_data_set_without_images(folder: Path) -> None:
    assert state(folder) == ({MUG: "Mug", BOWL: "Bowl"}, [])
    with Project(folder) as project:
        assert (project.name, project.labelled, project.next_number()) == ("mugs", [], 1)
    content = json.loads((folder / INSTANCES).read_text())
    assert content["categories"] == [{"id": 1, "name": "Mug"}, {"id": 2, "name": "Bowl"}]


def test_what_is_put_is_there_when_it_is_opened_again(folder: Path) -> None:
    images = [image(1, BOX, HARD), image(2), image(3, GUESS, labelled=False)]
    with Project(folder) as project:
        project.put(images[:2])
        project.put(images[2:])
        assert project.images == images
        assert project.labelled == images[:2]
        assert project.image(2) == images[1]
        project.put([replace(images[0], part="judge", doubt=0.5, look="AAAA")])
        changed = project.image(1)
        assert project.next_number() == 4
        with pytest.raises(DataError, match="has no image 9"):
            project.image(9)
        with pytest.raises(DataError, match="has no class 7"):
            project.put([image(5, replace(BOX, class_id=7))])
    assert state(folder)[1] == [changed, *images[1:]]
    assert (folder / JOURNAL).read_bytes() == b""


def test_other_tools_read_the_labels(folder: Path) -> None:
    with Project(folder) as project:
        project.put([image(1, BOX, HARD, GUESS), image(2), image(3, BOX, labelled=False)])
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(folder / INSTANCES))
    # The image that is not labelled is not among them, and a suggestion is no label.
    assert sorted(coco.getImgIds()) == [1, 2]
    (mug, bowl) = coco.loadAnns(coco.getAnnIds(imgIds=[1]))
    assert (mug["bbox"], mug["area"]) == ([10, 20, 40.5, 40], 1620)
    assert bowl["category_id"] == BOWL
    assert coco.getAnnIds(imgIds=[2]) == []
    (folder / "images" / "1.jpg").write_bytes(b"jpeg")
    data = load_data(folder)
    assert data.classes == ("Mug", "Bowl")
    assert data.images[0].boxes.tolist() == [list(BOX.box), list(HARD.box)]
    assert data.images[0].ignored.tolist() == [False, True]
    assert data.images[0].path == folder / "images" / "1.jpg"


def test_a_image_is_deleted_with_its_file_and_its_number(folder: Path) -> None:
    with Project(folder) as project:
        project.put([image(1), image(2, labelled=False)])
        path = project.path_of(project.image(2))
        path.write_bytes(b"jpeg")
        project.remove(project.image(2))
        project.remove(project.image(1))
        assert not path.exists()
        assert project.next_number() == 3
    with Project(folder) as project:
        assert project.images == []
        # A number is not given twice, so that old notes of it stay right.
        assert project.next_number() == 3


def test_classes_are_added_renamed_and_merged(folder: Path) -> None:
    with Project(folder) as project:
        project.put([image(1, BOX, HARD), image(2, HARD, HARD)])
        assert project.add_class(" Plate ") == 3
        project.rename_class("MUG", "Cup")
        assert project.merge_class("bowl", "Plate") == 3
        assert project.merged == {2: 3}
        assert +project.object_counts == {1: 1, 3: 3}
        assert project.classes == {1: "Cup", 3: "Plate"}
        for wrong in ("cup", "", " ", "a,b", "a\nb", "x" * 101):
            with pytest.raises(UsageError):
                project.add_class(wrong)
        with pytest.raises(UsageError, match="two classes"):
            project.rename_class("Cup", "plate")
        with pytest.raises(UsageError, match=r"has no class 'Bowl'; choose one of .*Cup, Plate"):
            project.merge_class("Bowl", "Cup")
        with pytest.raises(UsageError, match="are the same class"):
            project.merge_class("cup", "Cup")
        before = project.images
        # What was written only to the journal is read from it.
        shutil.copytree(folder, folder.with_name("copy"))
    assert [each.class_id for image in before for each in image.boxes] == [1, 3, 3, 3]
    assert state(folder) == state(folder.with_name("copy")) == ({1: "Cup", 3: "Plate"}, before)


def test_reading_the_journal_twice_does_no_harm(folder: Path) -> None:
    """The labels were written, but the program was killed before the journal was emptied."""
    with Project(folder) as project:
        project.put([image(1, BOX), image(2, BOX, labelled=False)])
        project.merge_class("Bowl", "Mug")
        project.put([image(1, labelled=False), image(2)])
        project.remove(image(2))
        journal = (folder / JOURNAL).read_bytes()
        images = project.images
    (folder / JOURNAL).write_bytes(journal)
    assert state(folder) == ({MUG: "Mug"}, images)
    # Only the first of the two files was written.
    (folder / UNLABELLED).write_text('{"images": []}')
    (folder / JOURNAL).write_bytes(journal)
    assert state(folder) == ({MUG: "Mug"}, images)


def test_many_actions_begin_a_new_journal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Project(folder) as project:
        for number in range(1, 2100):
            project.put([image(number)])
        lines = (folder / JOURNAL).read_bytes().count(b"\n")
    assert lines == 99


def test_half_a_line_at_the_end_is_left_out(folder: Path) -> None:
    with Project(folder) as project:
        project.put([image(1)])
        journal = (folder / JOURNAL).read_bytes()
    (folder / JOURNAL).write_bytes(journal + b'{"image": {"id": 2, "fi')
    with Project(folder) as project:
        assert project.images == [image(1)]
        project.put([image(2)])
        shutil.copytree(folder, folder.with_name("copy"))
    assert state(folder.with_name("copy"))[1] == [image(1), image(2)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (PROJECT_FILE, b"", "project.json: is damaged"),
        (PROJECT_FILE, b'{"format": 9}', "has the format 9, which this version"),
        (PROJECT_FILE, None, "is no project; give the folder of a project"),
        (INSTANCES, b"[]", "instances.json: is damaged"),
        (INSTANCES, b"{}", "is damaged .*put back an earlier copy"),
        (INSTANCES, None, "instances.json: cannot be read"),
        (UNLABELLED, b'{"images": [{"id": 1}]}', "is damaged"),
        (UNLABELLED, b'{"images": [7]}', "is damaged"),
        (JOURNAL, b"{]\n", "journal.jsonl: is damaged"),
        (JOURNAL, b"7\n", "journal.jsonl: is damaged"),
        (JOURNAL, b'{"image": {"id": "x"}}\n', "not valid"),
        (JOURNAL, b'{"classes": 3}\n', "journal.jsonl: is damaged"),
        (JOURNAL, b'{"removed": "x"}\n', "journal.jsonl: is damaged"),
        (PROJECT_FILE, b'{"format": 1, "name": "../x"}', "cannot be the name of a project"),
        (UNLABELLED, b'{"images": [{"id": 1, "file_name": "../x.jpg"}]}', "is damaged"),
        (
            UNLABELLED,
            b'{"images": [{"id": 1, "file_name": "a", "width": 9, "height": 9, "boxes": '
            b'[{"category_id": 7, "bbox": [1, 1, 2, 2]}]}]}',
            "has no class 7",
        ),
    ],
)
def test_a_damaged_project_is_told_in_one_line(
    folder: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as raised:
        Project(folder)
    assert "\n" not in str(raised.value)
    assert not (folder / name).exists() or (folder / name).read_bytes() == content


def test_two_programs_do_not_open_one_project(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ssd_live.project.store import Project;"
        "Project(Path(sys.argv[1]))"
    )
    with Project(folder):
        done = subprocess.run(
            [sys.executable, "-c", code, folder], capture_output=True, text=True, check=False
        )
        assert "is open in another program; close the project there first" in done.stderr
    subprocess.run([sys.executable, "-c", code, folder], check=True)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: create_project(path, ["A"], name="a b"), "cannot be the name of a project"),
        (lambda path: create_project(path, ["A", "a"]), "two classes"),
        (lambda path: create_project(path, [""]), "cannot be the name of a class"),
        (lambda path: create_project(path.parent, ["A"], name="x"), "has something in it already"),
    ],
)
def test_a_project_that_makes_no_sense_is_not_made(
    tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    (tmp_path / "other").write_text("mine")
    with pytest.raises(UsageError, match=message):
        make(tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other"]


def test_a_full_disk_changes_nothing_and_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_: int) -> None:
        raise OSError(28, "No space left on device")

    with Project(folder) as project:
        project.put([image(1)])
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", no_room)
            with pytest.raises(OutputError, match=r"no space left on device.*nothing was changed"):
                project.put([image(2)])
        assert project.images == [image(1)]
        project.put([image(3)])
        shutil.copytree(folder, folder.with_name("copy"))
    assert state(folder.with_name("copy"))[1] == [image(1), image(3)]


def test_what_is_done_stays_done_if_tidying_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Project(folder) as project:
        project.put([image(number) for number in range(1, 1999)])
        shutil.move(folder / "annotations", folder / "elsewhere")
        (folder / "annotations").write_text("not a folder")
        for number in range(1999, 2010):
            project.put([image(number)])
        assert len(project) == 2009
        (folder / "annotations").unlink()
        shutil.move(folder / "elsewhere", folder / "annotations")
    assert len(state(folder)[1]) == 2009


def test_an_image_whose_file_cannot_be_deleted_is_told(folder: Path) -> None:
    with Project(folder) as project:
        project.put([image(1)])
        project.path_of(project.image(1)).mkdir()
        with pytest.raises(OutputError, match="cannot be deleted"):
            project.remove(project.image(1))
        assert project.images == []


def test_counts_follow_every_change(folder: Path) -> None:
    with Project(folder) as project:
        project.put([image(1, BOX, HARD, GUESS), image(2, BOX, labelled=False)])
        assert (project.object_counts, project.labelled_count) == ({1: 2, 2: 1}, 1)
        project.put([image(1, HARD, labelled=False), image(2)])
        project.remove(project.image(1))
        assert (+project.object_counts, project.labelled_count) == ({}, 1)
        project.put([image(3, BOX)])
        copied = shutil.copytree(folder, folder.with_name("copy"))
    for path in (folder, copied):
        with Project(path) as project:
            assert (+project.object_counts, project.labelled_count) == ({1: 1}, 2)


def test_what_cannot_be_tidied_at_the_end_stays_in_the_journal(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Project(folder) as project:
        project.put([image(1)])
        shutil.rmtree(folder / "annotations")
        (folder / "annotations").write_text("not a folder")
    assert (folder / JOURNAL).read_bytes().count(b"\n") == 1


def test_a_killed_program_loses_at_most_its_last_action(folder: Path) -> None:
    chance = random.Random(5)
    last = 0
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", _LABEL_ON, folder], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        last = int(process.stdout.readline())
        time.sleep(chance.uniform(0.0, 0.3))
        process.send_signal(signal.SIGKILL)
        lines = process.communicate()[0].split("\n")
        # The last line may be incomplete.
        last = max([last, *(int(line) for line in lines[:-1])])
        with Project(folder) as project:
            numbers = [image.number for image in project.images]
            assert numbers == list(range(1, project.next_number()))
            assert last <= numbers[-1] <= last + 1
            assert all(
                image.boxes == (LabelledBox(1, (0.0, 0.0, float(image.number), 10.0)),)
                for image in project.images
            )


def test_ten_thousand_images_are_opened_and_labelled_quickly(folder: Path) -> None:
    """Nothing here takes time that grows with the square of the number of images."""
    with Project(folder) as project:
        project.put([image(number, BOX, HARD) for number in range(1, 10_001)])
    with Project(folder) as project:
        for number in range(1, 200):
            project.put([image(number)])
        assert len(project.images) == 10_000
    assert len(load_data(folder)) == 10_000
