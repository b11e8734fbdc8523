"""The paper's table beside what this machine measures."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from ssd_live.commands.reproduce import run as reproduce
from ssd_live.export import random_weights
from ssd_live.imaging.image_files import read_image
from ssd_live.modelfile.file import read_model_file, write_model_file
from tests.conftest import Answer
from tests.tiny_model import tiny_model

pytestmark = pytest.mark.usefixtures("engines_of_their_own")

CHELSEA = Path(__file__).resolve().parents[2] / "assets" / "media" / "chelsea.png"


@pytest.fixture(autouse=True)
def only_ssd300_and_briefly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(reproduce, "MEASURE_SECONDS", 0.01)
    monkeypatch.setattr(reproduce, "NETWORKS", {"ssd300-vgg16": ("SSD300", "voc07+12-ssd300")})
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few nodes in place of an SSD300, which takes seconds for eight images."""
    path = tmp_path_factory.mktemp("models") / "ssd300-vgg16-random.onnx"
    write_model_file(path, tiny_model(name="ssd300-vgg16-random", network="ssd300-vgg16"))
    return path


@pytest.fixture
def voc2007(tmp_path: Path) -> Path:
    """One test image with a cat, and one that is not in the test list."""
    folder = tmp_path / "VOC2007"
    for part in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (folder / part).mkdir(parents=True)
    for name in ("000001", "000002"):
        cv2.imwrite(str(folder / "JPEGImages" / f"{name}.jpg"), read_image(CHELSEA).planes[0])
        box = "<xmin>100</xmin><ymin>40</ymin><xmax>400</xmax><ymax>290</ymax>"
        (folder / "Annotations" / f"{name}.xml").write_text(
            f"<annotation><object><name>cat</name><bndbox>{box}</bndbox></object></annotation>"
        )
    (folder / "ImageSets" / "Main" / "test.txt").write_text("000001\n")
    return folder


def test_given_weights_are_measured_on_given_data_beside_the_papers_figures(
    ssd: Callable[..., Answer], model: Path, voc2007: Path, tmp_path: Path
) -> None:
    words = (
        "--model",
        model,
        "--data",
        voc2007,
        "--backend",
        "onnxruntime",
        "--json",
        tmp_path / "table.json",
    )
    answer = ssd("reproduce", "voc07", *words)
    assert answer.code == 0, answer.err
    table = json.loads((tmp_path / "table.json").read_text())
    (measured,) = table["measured"]
    assert measured["weights"] == "ssd300-vgg16-random"
    assert 0 <= measured["mean_average_precision"] <= 100
    assert set(measured["fps"]) == {"1", "8"}
    assert all(fps > 0 for fps in measured["fps"].values())
    assert answer.out.rstrip().endswith(f"{measured['fps']['1']:.2f} FPS")
    assert "no trained weights here" not in answer.out
    for row in (
        "Faster R-CNN          73.2",
        "YOLO                  63.4",
        "SSD300                74.3",
        "SSD512                76.9",
    ):
        assert row in answer.out
    assert "46 (batch 1), 59 (batch 8)" in answer.out


def test_without_weights_and_data_it_measures_speed_and_says_what_to_get(
    ssd: Callable[..., Answer], model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # test_zoo.py has the real one: an export takes ten seconds.
    monkeypatch.setattr(random_weights, "random_model", lambda network: read_model_file(model))
    answer = ssd("reproduce", "voc07", "--backend", "onnxruntime")
    assert answer.code == 0, answer.err
    assert "random weights, onnxruntime fp32" in answer.out
    assert "recipes/voc07+12-ssd300.toml" in answer.out
    assert "VOCtest_06-Nov-2007.tar" in answer.out
    assert answer.out.rstrip().endswith("FPS")


def test_a_network_that_the_paper_does_not_have_is_refused(ssd: Callable[..., Answer]) -> None:
    answer = ssd("reproduce", "voc07", "--model", "ssd300-mobilenetv2-oid")
    assert answer.code == 2
    assert "give models whose network is ssd300-vgg16" in answer.err


def test_another_experiment_is_refused(ssd: Callable[..., Answer]) -> None:
    answer = ssd("reproduce", "voc12")
    assert answer.code == 2
    assert "voc07" in answer.err
