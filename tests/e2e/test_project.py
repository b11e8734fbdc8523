"""From own images to a detector of one's own, through the commands."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ssd_live.modelfile.file import read_model_file
from ssd_live.project.labels import LabelledBox
from ssd_live.project.store import Project
from ssd_live.project.versions import complete_version
from ssd_live.system.paths import assets_folder
from tests.clips import SAMPLE, write_clip
from tests.conftest import Answer
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("engines_of_their_own")

CHECKOUT = Path(__file__).resolve().parents[2]
Run = Callable[..., Answer]


def _toy(*words: object, **more: Any) -> Any:
    """The program with a network of a few layers, in a process of its own."""
    return subprocess.run(
        [sys.executable, str(CHECKOUT / "tests" / "toy_training.py"), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        **more,
    )


@pytest.fixture
def walkers(ssd: Run, shapes: Path, tmp_path: Path) -> Path:
    """A project with the labelled images of the shapes."""
    folder = tmp_path / "walkers"
    assert ssd("project", "new", folder, "--classes", "circle").code == 0
    answer = ssd("project", "add", folder, shapes)
    assert answer.code == 0, answer.err
    assert "labelled object" in answer.out
    return folder


def test_images_are_collected_suggested_and_accepted(ssd: Run, tmp_path: Path) -> None:
    folder = tmp_path / "traffic"
    made = ssd("project", "new", folder, "--classes", "Car,Bicycle")
    assert (made.code, "add images" in made.out) == (0, True)
    clip = write_clip(tmp_path / "street.mp4", 100)
    added = ssd("project", "add", folder, clip, "--every", "1", "--count", "3")
    assert "added 3 images" in added.out
    again = ssd("project", "add", folder, clip, "--every", "1", "--count", "3")
    assert "added 1 image; 3 near-duplicates left out" in again.out
    suggested = ssd("project", "label", folder, "--suggest", "--threshold", "0.4")
    assert suggested.code == 0, suggested.err
    with Project(folder) as project:
        guessed = [box for image in project.images for box in image.boxes]
        assert guessed
        assert all(box.score is not None and box.score >= 0.4 for box in guessed)
        names = [image.file_name for image in project.images]
    accepted = ssd(
        "project", "label", folder, "--accept", "0.4", "--nothing", names[0], "--remove", names[1]
    )
    assert accepted.out.splitlines() == [
        "nothing to find in 1 image",
        "deleted 1 image",
        "accepted the suggestions in 2 images",
    ]
    facts = json.loads(ssd("project", "show", folder, "--json").out)
    assert (facts["images"], facts["labelled"]) == (3, 3)
    assert facts["objects"] == sum(facts["classes"].values()) > 0
    changed = ssd(
        *("project", "label", folder, "--add-class", "Bus"),
        *("--rename", "Car=Motor car", "--merge", "bicycle=Bus"),
    )
    assert changed.code == 0, changed.err
    shown = ssd("project", "show", folder)
    assert "Motor car" in shown.out
    assert "Bicycle" not in shown.out


def test_boxes_are_carried_through_a_video(ssd: Run, tmp_path: Path) -> None:
    folder = tmp_path / "traffic"
    assert ssd("project", "new", folder, "--classes", "Car").code == 0
    clip = write_clip(tmp_path / "street.mp4", 100)
    frames = ("--every", "0.5", "--start", "1", "--count", "4")
    assert ssd("project", "add", folder, clip, SAMPLE, *frames).code == 0
    with Project(folder) as project:
        first, *others = project.images
        project.put([replace(first, boxes=(LabelledBox(1, (200.0, 100.0, 280.0, 180.0)),))])
    carry = ("project", "label", folder, "--carry")
    refused = ssd(*carry, others[0].file_name)
    assert (refused.code, "has no boxes; label its objects first" in refused.err) == (2, True)
    carried = ssd(*carry, first.file_name)
    # At 2.5 s, the clip shows another scene, and the objects are lost.
    assert carried.out == "carried 2 objects into 2 images\n", carried.err
    with Project(folder) as project:
        boxes = [image.boxes for image in project.images if image.source == first.source][1:]
    assert [len(its) for its in boxes] == [1, 1, 0]
    assert all(each.score is not None for its in boxes for each in its)
    with Project(folder) as project:
        last = replace(others[2], boxes=(LabelledBox(1, (10.0, 10.0, 90.0, 90.0)),))
        project.put([last])
    refused = ssd(*carry, last.file_name)
    assert refused.code == 1
    assert "no image without labels follows in the same video" in refused.err


def test_the_most_unsure_frames_of_a_video_are_added(ssd: Run, tmp_path: Path) -> None:
    folder = tmp_path / "traffic"
    assert ssd("project", "new", folder, "--classes", "Car").code == 0
    clip = write_clip(tmp_path / "street.mp4", 60)
    add = ("project", "add", folder, clip, "--unsure")
    added = ssd(*add, "--every", "1", "--count", "2")
    assert added.code == 0, added.err
    assert "added 2 images" in added.out
    with Project(folder) as project:
        images = project.images
    # At most one of each second, and the network was unsure of a car in each.
    assert all(0.6 <= (image.doubt or 0) <= 1 for image in images)
    assert abs((images[1].seconds or 0) - (images[0].seconds or 0)) >= 0.04
    sure = tmp_path / "sure"
    assert ssd("project", "new", sure, "--classes", "Cat").code == 0
    none = ssd("project", "add", sure, clip, "--unsure", "--model", "ssd300-mobilenetv2-oid")
    assert (none.code, "the model is sure of each of its frames" in none.err) == (1, True)


def test_a_detector_is_trained_judged_used_and_undone(
    ssd: Run, walkers: Path, tmp_path: Path
) -> None:
    early = ssd("project", "use", walkers)
    assert (early.code, "has no version yet" in early.err) == (2, True)
    trained = _toy("project", "train", walkers, "--steps", "3")
    assert trained.returncode == 0, trained.stderr
    assert "version 1: finds " in trained.stdout
    version = walkers / "versions" / "1"
    facts = json.loads((version / "version.json").read_text())
    assert facts["steps"] == 3
    assert set(facts["judged"]) == {"new"}
    # On images that were learned from, scores of noise can look good enough.
    assert 0.35 <= read_model_file(version / "model.onnx").metadata.lowest_shown <= 0.5
    # What it has learned from can be looked up.
    assert (version / "instances.json").is_file()
    with Project(walkers) as project:
        parts = [image.part for image in project.labelled]
    assert set(parts) == {"train", "judge"}
    shutil.copytree(version, walkers / "versions" / "2")
    judged = ssd("project", "judge", walkers, "--mistakes", tmp_path / "mistakes")
    assert judged.code == 0, judged.err
    assert "AP50" in judged.out
    # The toy finds boxes everywhere: each is wrong, or beside a missed object.
    assert list((tmp_path / "mistakes").glob("* wrong *.jpg"))
    assert list((tmp_path / "mistakes").glob("* m* *.jpg"))
    for number, words in ((1, ("--version", "1")), (2, ())):
        used = ssd("project", "use", walkers, *words)
        assert used.code == 0, used.err
        assert f"version {number} is in use: give --model walkers" in used.out
    compared = json.loads(ssd("project", "judge", walkers, "--version", "1", "--json").out)
    assert set(compared["judged"]) == {"new", "before (walkers)"}
    found = ssd("models", "info", "walkers")
    assert "circle" in found.out
    assert "version 1 is in use again" in ssd("project", "use", walkers, "--undo").out
    assert "no version is in use any more" in ssd("project", "use", walkers, "--undo").out
    assert ssd("models", "info", "walkers").code == 1
    exported = ssd("project", "use", walkers, "--export", tmp_path / "mine.onnx")
    assert exported.code == 0, exported.err
    read = ssd("process", SAMPLE, "--no-video", "--duration", "0.2", "-m", tmp_path / "mine.onnx")
    assert read.code == 0, read.err
    again = ssd("project", "use", walkers, "--export", tmp_path / "mine.onnx")
    assert "exists already" in again.err


def _training(walkers: Path, *words: str) -> "subprocess.Popen[str]":
    """A training that runs, after its first report."""
    process = subprocess.Popen(
        [
            sys.executable,
            str(CHECKOUT / "tests" / "toy_training.py"),
            *("project", "train", str(walkers), "--steps", "400", *words),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    wait_until(lambda: " 20/400: loss" in process.stderr.readline())  # type: ignore[union-attr]
    return process


def test_a_training_is_killed_goes_on_is_paused_and_kept(walkers: Path) -> None:
    killed = _training(walkers, "--fit-boxes")
    # A checkpoint is written after 100 steps.
    wait_until((walkers / "training" / "last.pt").is_file)
    killed.kill()
    killed.communicate()
    assert not list((walkers / "versions").glob("*/*.json"))
    words = [str(CHECKOUT / "tests" / "toy_training.py"), "project", "train", str(walkers)]
    again = subprocess.Popen([sys.executable, *words], stderr=subprocess.PIPE, text=True)
    lines = again.stderr
    assert lines is not None
    wait_until(lambda: "continuing after step" in lines.readline())
    wait_until(lambda: "/400: loss" in lines.readline())
    again.send_signal(signal.SIGINT)
    rest = again.communicate(timeout=100)[1]
    assert again.returncode == 130
    assert "paused after step" in rest
    assert not list((walkers / "versions").glob("*/*.json"))
    kept = _toy("project", "train", walkers, "--finish")
    assert kept.returncode == 0, kept.stderr
    assert "version 1: " in kept.stdout
    facts = json.loads((walkers / "versions" / "1" / "version.json").read_text())
    assert 100 <= facts["steps"] < 400
    # The default boxes are still those that were fitted at the beginning.
    shapes = read_model_file(walkers / "versions" / "1" / "model.onnx").metadata.box_shapes
    assert [len(cell) for cell in shapes] == [2, 2]
    nothing = _toy("project", "train", walkers, "--finish")
    assert (nothing.returncode, "no training is paused" in nothing.stderr) == (1, True)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("new", "{p}", "--classes", "A"), 2, "has something in it already"),
        (("new", "{t}/x y", "--classes", "A"), 2, "cannot be the name of a project"),
        (("add", "{t}/none", "{p}"), 1, "is no project; give the folder of a project"),
        (("add", "{p}", "{t}/none"), 2, "there is no such file or folder"),
        (("add", "{p}", "{t}/empty"), 1, "is not a known data set"),
        (("add", "{p}", "{t}/notes.txt"), 2, "is no image, no video and no data set"),
        (("add", "{p}", "{t}/broken.jpg"), 1, "no image was added"),
        (("add", "{p}", "{t}/empty", "--unsure"), 2, "is no video, and --unsure is for videos"),
        (("add", "{p}", str(SAMPLE), "--unsure", "--start", "1"), 2, "leave out --start"),
        (("add", "{p}", str(SAMPLE), "--model", "x"), 2, "--model is for --unsure"),
        (("label", "{p}"), 2, "say what to do"),
        (("label", "{p}", "--model", "x"), 2, "--model is for --suggest"),
        (("label", "{p}", "--rename", "A"), 2, "must be OLD=NEW"),
        (("label", "{p}", "--nothing", "none.jpg"), 2, "there is no image 'none.jpg'"),
        (("label", "{p}", "--from", "{t}/none.json"), 1, "there is no such file or folder"),
        (("label", "{p}", "--suggest"), 2, "knows none of the classes"),
        (("train", "{p}"), 1, "label at least 5 images"),
        (("judge", "{p}"), 1, "label at least 5 images"),
        (("use", "{p}", "--undo"), 2, "nothing to undo"),
        (("use", "{p}", "--undo", "--int8"), 2, "--undo goes without other options"),
        (("use", "{t}/empty"), 1, "is no project"),
        (("show", "{t}/broken.jpg"), 1, "is no project"),
    ],
)
def test_what_makes_no_sense_gets_one_clear_line(
    words: tuple[str, ...], code: int, message: str, tmp_path: Path, ssd: Run
) -> None:
    folder = tmp_path / "p"
    assert ssd("project", "new", folder, "--classes", "Widget").code == 0
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.jpg").write_text("no image")
    (tmp_path / "notes.txt").write_text("no image")
    answer = ssd("project", *(word.format(p=folder, t=tmp_path) for word in words))
    assert answer.code == code, answer.err
    errors = [line for line in answer.err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert message in errors[0]


def test_the_name_of_another_model_is_not_taken(ssd: Run, tmp_path: Path) -> None:
    bundled = assets_folder() / "models" / "ssdlite300-mobilenetv2-person.onnx"
    for name, model in (("a", bundled), ("b", bundled.with_name("blazeface-256.onnx"))):
        folder = tmp_path / name
        assert ssd("project", "new", folder, "--classes", "A", "--name", "mine").code == 0
        version = folder / "versions" / "1"
        version.mkdir(parents=True)
        (version / "model.onnx").write_bytes(model.read_bytes())
        (version / "weights.safetensors").write_bytes(b"weights")
        complete_version(version, {"images": 9})
    assert ssd("project", "use", tmp_path / "a").code == 0
    refused = ssd("project", "use", tmp_path / "b")
    assert refused.code == 1
    assert "is a model of this name that is not from the project" in refused.err
    # The same project may replace it.
    assert ssd("project", "use", tmp_path / "a").code == 0
    # A damaged version is not put into use.
    (tmp_path / "a" / "versions" / "1" / "model.onnx").write_bytes(b"damaged")
    assert ssd("project", "use", tmp_path / "a").code == 1
    folder = tmp_path / "c"
    assert ssd("project", "new", folder, "--classes", "A", "--name", bundled.stem).code == 0
    (folder / "versions" / "1").mkdir(parents=True)
    complete_version(folder / "versions" / "1", {})
    assert "is the name of a bundled model" in ssd("project", "use", folder).err


def test_a_paused_training_that_does_not_fit_any_more_begins_anew(walkers: Path) -> None:
    """As after an update of the program, with which trainings have another recipe."""
    process = _training(walkers)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=100)
    begun = walkers / "training" / "begun.json"
    begun.write_text('{"steps": 300}')
    refused = _toy("project", "train", walkers, "--finish")
    assert (refused.returncode, "another recipe" in refused.stderr) == (1, True)
    anew = _training(walkers)
    anew.kill()
    assert json.loads(begun.read_text())["steps"] == 400
