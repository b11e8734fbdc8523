"""From labelled images to a model that is measured and runs, through the commands."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clips import SAMPLE
from tests.conftest import FIXED_BACKEND, Answer

pytestmark = pytest.mark.usefixtures("engines_of_their_own")

CHECKOUT = Path(__file__).resolve().parents[2]
SHORT = (
    "--set",
    "train.batch=2",
    "--set",
    "train.workers=0",
    "--set",
    "train.save_every=1",
    "--set",
    "train.precision=fp32",
)


def recipe(folder: Path) -> Path:
    text = (CHECKOUT / "recipes" / "finetune-small.toml").read_text()
    path = folder / "shapes-test.toml"
    path.write_text(text)
    return path


def test_a_model_is_trained_measured_and_run(
    ssd: Callable[..., Answer], shapes: Path, tmp_path: Path
) -> None:
    trained = ssd(
        "train",
        recipe(tmp_path),
        "--data",
        shapes,
        "-o",
        tmp_path / "run",
        "--set",
        "train.steps=2",
        *SHORT,
    )
    assert trained.code == 0, trained.err
    assert "--model shapes-test" in trained.out
    again = ssd(
        "train",
        recipe(tmp_path),
        "--data",
        shapes,
        "-o",
        tmp_path / "run",
        "--set",
        "train.steps=2",
        *SHORT,
    )
    assert again.code == 2
    assert "--resume" in again.err
    replacing = ssd("train", recipe(tmp_path), "--data", shapes, "-o", tmp_path / "other", *SHORT)
    assert replacing.code == 1
    assert "--overwrite" in replacing.err
    assert "--set name=NAME" in replacing.err
    assert not (tmp_path / "other").exists()
    measured = ssd(
        "eval", "shapes-test", "--data", shapes, "--json", tmp_path / "map.json", *FIXED_BACKEND
    )
    assert measured.code == 0, measured.err
    assert measured.out.splitlines()[-1].endswith("mAP")
    result = json.loads((tmp_path / "map.json").read_text())["results"][0]
    assert set(result["average_precision"]) == {"circle", "star", "triangle"}
    assert result["images"] == 6
    exported = ssd(
        "export", "shapes-test", "-o", tmp_path / "mine.onnx", "--data", shapes / "JPEGImages"
    )
    assert exported.code == 0, exported.err
    assert ssd("models", "info", tmp_path / "mine.onnx").code == 0
    run = ssd(
        "process", SAMPLE, "--no-video", "--max-frames", 3, "--model", "shapes-test", *FIXED_BACKEND
    )
    assert run.code == 0, run.err


def test_data_that_are_not_there_are_refused_in_one_line(
    ssd: Callable[..., Answer], tmp_path: Path
) -> None:
    answer = ssd("train", recipe(tmp_path), "--data", tmp_path / "none", "-o", tmp_path / "run")
    assert answer.code == 1
    assert answer.err.strip().count("\n") == 0
    assert "no such file or folder" in answer.err


def test_a_model_without_a_class_of_the_data_is_refused(
    ssd: Callable[..., Answer], shapes: Path
) -> None:
    answer = ssd("eval", "ssd300-mobilenetv2-oid", "--data", shapes, *FIXED_BACKEND)
    assert answer.code == 1
    assert "no class in common" in answer.err


def test_the_name_of_a_bundled_model_is_refused(
    ssd: Callable[..., Answer], shapes: Path, tmp_path: Path
) -> None:
    words = ("--data", shapes, "-o", tmp_path / "run", "--set", "name=ssd300-mobilenetv2-oid")
    answer = ssd("train", recipe(tmp_path), *words)
    assert answer.code == 2
    assert "is the name of a bundled model" in answer.err
    assert not (tmp_path / "run").exists()


def test_data_without_objects_are_refused(
    ssd: Callable[..., Answer], shapes: Path, tmp_path: Path
) -> None:
    """Training on them would end with a model that finds nothing, and a loss of 0."""
    empty = tmp_path / "empty"
    for name in ("images", "labels"):
        (empty / name).mkdir(parents=True)
    (empty / "classes.txt").write_text("circle\nstar\ntriangle\n")
    image = next((shapes / "JPEGImages").iterdir())
    (empty / "images" / "a.jpg").write_bytes(image.read_bytes())
    answer = ssd("train", recipe(tmp_path), "--data", empty, "-o", tmp_path / "run")
    assert answer.code == 1
    assert "empty: has no objects to learn" in answer.err
    validation = ("--set", f'data.validation="{empty}"')
    answer = ssd("train", recipe(tmp_path), "--data", shapes, "-o", tmp_path / "run", *validation)
    assert answer.code == 1
    assert "has no object of circle, star, triangle to validate with" in answer.err
    assert not (tmp_path / "run").exists()
