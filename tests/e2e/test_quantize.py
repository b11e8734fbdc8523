"""The INT8 form of a model, made and run through the commands."""

import json
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from ssd_live.commands.quantize import search
from ssd_live.commands.quantize.search import attempts
from ssd_live.modelfile.catalogue import DEFAULT_MODEL, find_model
from ssd_live.modelfile.file import read_model_file
from ssd_live.modelfile.nms import OUTPUTS
from ssd_live.system.paths import assets_folder
from tests.clips import SAMPLE
from tests.conftest import Answer
from tests.unit.modelfile.test_int8 import quantised_after_predictors

pytestmark = pytest.mark.usefixtures("engines_of_their_own")

PERSON = "ssdlite300-mobilenetv2-person"
PHOTO = assets_folder() / "media" / "astronaut.png"


def test_a_form_is_made_and_then_run_by_its_precision(
    ssd: Callable[..., Answer],
    engines_of_their_own: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # One attempt is enough here; test_quantize_search.py has the search.
    monkeypatch.setattr(search, "attempts", lambda graph: attempts(graph)[:1])
    before = ssd(
        "process",
        SAMPLE,
        "--no-video",
        "--model",
        PERSON,
        "--backend",
        "openvino",
        "--precision",
        "int8",
    )
    assert before.code == 2
    assert "openvino on this machine's CPU cannot run this model in int8" in before.err
    # One photo is too little to calibrate on, and quick.
    made = ssd("quantize", PERSON, "--data", PHOTO, "--force")
    assert made.code == 0, made.err
    assert "box edges differ by" in made.out
    assert made.out.rstrip().endswith("agreement with float32")
    _assert_contract(engines_of_their_own / "models" / "int8" / f"{PERSON}.onnx")
    found = tmp_path / "found.jsonl"
    words = (
        "--max-frames",
        3,
        "--model",
        PERSON,
        "--backend",
        "openvino",
        "--precision",
        "int8",
        "--detections",
        found,
    )
    run = ssd("process", SAMPLE, "--no-video", *words)
    assert run.code == 0, run.err
    header = json.loads(found.read_text().splitlines()[0])
    assert (header["model"], header["precision"]) == (PERSON, "int8")
    again = ssd("quantize", PERSON, "--data", PHOTO)
    assert again.code == 1
    assert "--overwrite" in again.err


def _assert_contract(path: Path) -> None:
    model, form = find_model(PERSON), read_model_file(path)
    assert (form.metadata.precision, form.metadata.quantised_from) == ("int8", model.sha256)
    assert form.metadata.classes == model.metadata.classes
    graph = onnx.load_model_from_string(form.data).graph
    assert [value.name for value in graph.output] == list(OUTPUTS)
    assert len(form.data) < 0.5 * len(model.data)
    weights = [node for node in graph.node if node.op_type == "DequantizeLinear"]
    assert len(weights) > 50
    assert not quantised_after_predictors(form)


def test_the_default_model_runs_in_int8_as_it_ships(
    ssd: Callable[..., Answer], tmp_path: Path
) -> None:
    run = ssd(
        "process",
        SAMPLE,
        "-o",
        tmp_path / "out.mp4",
        "--max-frames",
        5,
        "--backend",
        "openvino",
        "--precision",
        "int8",
    )
    assert run.code == 0, run.err
    assert (tmp_path / "out.mp4").is_file()


def test_a_model_that_is_int8_already_is_refused(ssd: Callable[..., Answer]) -> None:
    answer = ssd("quantize", assets_folder() / "models" / "int8" / f"{DEFAULT_MODEL}.onnx")
    assert answer.code == 2
    assert "is int8 already" in answer.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing",), "no model 'nothing'"),
        ((PERSON, "--data", "nowhere", "--overwrite"), "nowhere"),
    ],
)
def test_what_is_not_there_gets_one_line(
    ssd: Callable[..., Answer], words: tuple[str, ...], said: str
) -> None:
    answer = ssd("quantize", *words)
    assert answer.code == 1
    (line,) = [line for line in answer.err.splitlines() if line.startswith("error: ")]
    assert said in line
