"""`export` makes the file that ships. It is exported once, which takes ten seconds."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ssd_live.cli import main
from ssd_live.modelfile.file import read_model_file
from ssd_live.system.paths import assets_folder
from tests.conftest import FIXED_BACKEND, Answer
from tests.unit.modelfile.test_file import REFERENCE, graph_answers, paths_of_this_machine

Run = Callable[..., Answer]
NAME = "ssd300-mobilenetv2-oid"
SHIPPED = assets_folder() / "models" / f"{NAME}.onnx"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "mine.onnx"
    assert main(["export", NAME, "-o", str(path)]) == 0
    return path


def test_it_holds_no_path_of_the_machine_that_made_it(exported: Path) -> None:
    data = exported.read_bytes()
    assert [path for path in paths_of_this_machine() if path in data] == []


def test_it_answers_as_the_file_that_ships(exported: Path) -> None:
    photo = np.load(REFERENCE)["input_bgr_uint8"]
    images = np.stack([photo, photo[::-1, ::-1]])
    boxes, scores = graph_answers(read_model_file(exported), images)
    shipped_boxes, shipped_scores = graph_answers(read_model_file(SHIPPED), images)
    assert shipped_scores.max() > 0.4
    np.testing.assert_allclose(scores, shipped_scores, rtol=0, atol=1e-5)
    np.testing.assert_allclose(boxes, shipped_boxes, rtol=0, atol=1e-5)


def test_it_describes_itself_as_the_file_that_ships(exported: Path, ssd: Run) -> None:
    mine, shipped = (
        json.loads(ssd("models", "info", file, "--json").out) for file in (exported, NAME)
    )
    for key in ("file", "sha256", "bytes"):
        assert mine.pop(key) != shipped.pop(key)
    assert mine == shipped


def test_it_runs(exported: Path, ssd: Run) -> None:
    photo = assets_folder() / "media" / "chelsea.png"
    used = ssd("process", photo, "--no-video", "--model", exported, *FIXED_BACKEND)
    assert "objects: cat" in used.out.lower()


def test_an_existing_file_is_kept(exported: Path, ssd: Run) -> None:
    before = exported.read_bytes()
    assert ssd("export", NAME, "-o", exported).code == 1
    assert exported.read_bytes() == before
