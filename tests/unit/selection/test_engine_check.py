"""The parity gate, with a real backend on the processor in place of an engine: nothing here was
compared on a GPU.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ssd_live.backends import backend_module, load_backend
from ssd_live.backends.base import Backend, LoadOptions, Outputs, Precision
from ssd_live.backends.tensorrt.builder import BuildOptions
from ssd_live.backends.tensorrt.engines import failed_line
from ssd_live.backends.tensorrt.store import EngineStore, Parity, key_for
from ssd_live.closing import Closing
from ssd_live.errors import BackendError, MissingPackageError
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.file import ModelFile
from ssd_live.selection import engine_check
from ssd_live.selection import load as selection_load
from ssd_live.selection.agreement import NormalisedDetections, answers, encode_sample
from ssd_live.selection.choice import BackendChoice
from ssd_live.selection.engine_check import measure, validate_against_fp32
from ssd_live.selection.load import load_chosen
from ssd_live.system.paths import assets_folder
from tests.fake_engine import GPU, one_line
from tests.tiny_model import SIDE, tiny_model

ENGINE = b"an engine"
OPTIONS = LoadOptions("GPU", "fp16")
Change = Callable[[Outputs], Outputs]


def as_it_is(outputs: Outputs) -> Outputs:
    return outputs


def only(outputs: Outputs, rows: list[int]) -> Outputs:
    """These rows and no others, filled up with whatever there is."""
    filled = [*rows, *[0] * (outputs.scores.shape[1] - len(rows))]
    count = np.full_like(outputs.num_detections, len(rows))
    return Outputs(
        count, outputs.boxes[:, filled], outputs.scores[:, filled], outputs.classes[:, filled]
    )


def without_every(nth: int) -> Change:
    """Loses a part of what was found."""
    return lambda outputs: only(
        outputs, [row for row in range(int(outputs.num_detections[0, 0])) if row % nth]
    )


def twice(outputs: Outputs) -> Outputs:
    """Finds the best hundred two times."""
    return only(outputs, [*range(100), *range(100)])


class StandIn(Closing):
    """An engine's backend for the gate: the model on ONNX Runtime, its answers changed; with a
    manifest of a real store.
    """

    slots = 1
    description = "stands in for an engine"

    def __init__(
        self,
        model: ModelFile,
        store: EngineStore,
        change: Change = as_it_is,
        precision: Precision = "fp16",
    ) -> None:
        self._backend = load_backend("onnxruntime", model, LoadOptions())
        self._store, self._change = store, change
        assert precision in ("fp16", "fp32")
        key = key_for(model, "tensorrt-rtx", "1.7", BuildOptions(precision, (1, 1, 1)), GPU)
        found = store.find(key)
        self.manifest = found[0] if found else store.save(key, ENGINE, 1.0)
        self.submitted: list[tuple[int, ...]] = []
        self.closed = 0

    def submit(self, images: Pixels) -> "StandIn":
        self.submitted.append(images.shape)
        self._images = images
        return self

    def result(self, timeout: float | None = None) -> Outputs:
        return self._change(self._backend.submit(self._images).result(timeout))

    def note_parity(self, found: Parity) -> None:
        self.manifest = self._store.note_parity(self.manifest, found)
        if found.state == "failed":
            raise BackendError(failed_line(self.manifest))

    def share(self) -> None:
        return None

    def close(self) -> None:
        self.closed += 1
        self._backend.close()


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EngineStore:
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(tmp_path / "engines"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return EngineStore()


def spread(count: int) -> list[tuple[float, float, float, float]]:
    """So many boxes that none touches another."""
    return [
        (0.06 * (n % 16), 0.06 * (n // 16), 0.06 * (n % 16) + 0.04, 0.06 * (n // 16) + 0.04)
        for n in range(count)
    ]


def grey(shade: int) -> Pixels:
    return np.full((SIDE, SIDE, 3), shade, np.uint8)


def model_with(boxes: int, score: float = 0.9, frames: int = 3) -> ModelFile:
    """Finds so many boxes in each of its sample frames."""
    return tiny_model(
        spread(boxes),
        [(score, 0.02)] * boxes,
        agreement_sample=encode_sample([grey(shade) for shade in range(frames)]),
    )


def noted(store: EngineStore, backend: StandIn) -> Parity:
    found = store.find(backend.manifest.key)
    assert found is not None
    return found[0].parity


# Measuring.


def test_the_same_answers_pass() -> None:
    model = model_with(100)
    with load_backend("openvino", model, LoadOptions()) as other:
        found = measure(model, lambda images: answers(other, images), not_asked, "fp16")
    assert found == Parity(state="passed", share=1.0, expected=300, basis="detections")


def not_asked(images: Sequence[Pixels]) -> list[NormalisedDetections]:
    raise AssertionError("there are detections enough")


@pytest.mark.parametrize(
    ("nth", "precision", "state"),
    [
        (3, "fp16", "failed"),
        (50, "fp16", "passed"),
        (50, "fp32", "failed"),
        (101, "fp32", "passed"),
    ],
)
def test_an_engine_may_lose_as_much_as_its_precision_allows(
    store: EngineStore, nth: int, precision: str, state: str
) -> None:
    model = model_with(100)
    with StandIn(model, store, without_every(nth)) as backend:
        found = measure(model, lambda images: answers(backend, images), not_asked, precision)
    assert found.state == state
    assert found.share == pytest.approx(1 - np.ceil(100 / nth) / 100, abs=1e-4)


def test_what_is_found_too_much_counts_as_well(store: EngineStore) -> None:
    model = model_with(100)
    with StandIn(model, store, twice) as backend:
        found = measure(model, lambda images: answers(backend, images), not_asked, "fp16")
    assert (found.state, found.share) == ("failed", 0.5)


def test_with_few_detections_the_best_boxes_before_nms_are_compared() -> None:
    model = model_with(10)
    asked: list[int] = []

    def answer_before_nms(images: list[Pixels]) -> list[NormalisedDetections]:
        asked.append(len(images))
        best = np.argsort(-np.array([0.9] * 10 + [0.02] * 10), kind="stable")
        boxes = np.concatenate([np.array(spread(10), np.float32)] * 2)[best]
        return [
            NormalisedDetections(
                boxes,
                np.array([0.9] * 10 + [0.02] * 10, np.float32),
                np.repeat([0, 1], 10).astype(np.int32),
            )
            for _ in images
        ]

    def answer(images: list[Pixels]) -> list[NormalisedDetections]:
        raise AssertionError("these would be too few to compare")

    found = measure(model, answer, answer_before_nms, "fp16")
    assert asked == [3]
    assert found.basis == "boxes"


def test_a_model_without_a_sample_is_held_to_a_black_picture() -> None:
    model = tiny_model()
    shapes: list[tuple[int, ...]] = []

    def answer_before_nms(images: list[Pixels]) -> list[NormalisedDetections]:
        shapes.extend(image.shape for image in images)
        return [
            NormalisedDetections(
                np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32)
            )
            for _ in images
        ]

    measure(model, not_asked, answer_before_nms, "fp16")
    assert shapes == [(SIDE, SIDE, 3)]


def test_openvino_is_the_reference_where_there_is_no_onnx_runtime(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def without_onnxruntime(name: str) -> Any:
        asked.append(name)
        if name == "onnxruntime":
            raise MissingPackageError("ONNX Runtime is not installed")
        return backend_module(name)

    monkeypatch.setattr(engine_check, "backend_module", without_onnxruntime)
    model = model_with(100)
    with load_backend("onnxruntime", model, LoadOptions()) as other:
        assert (
            measure(model, lambda images: answers(other, images), not_asked, "fp16").state
            == "passed"
        )
    assert asked == ["onnxruntime", "openvino"]


def test_without_any_reference_the_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nothing(name: str) -> Any:
        raise MissingPackageError(f"{name} is not installed")

    monkeypatch.setattr(engine_check, "backend_module", nothing)
    with pytest.raises(MissingPackageError, match="needs onnxruntime; run `pip install"):
        measure(model_with(1), not_asked, not_asked, "fp16")


# The gate.


def test_an_engine_that_agrees_passes_and_that_is_noted(store: EngineStore) -> None:
    model = model_with(100)
    lines: list[str] = []
    with StandIn(model, store) as backend:
        found = validate_against_fp32(
            model, "onnxruntime", backend, LoadOptions("GPU", "fp16", notify=lines.append)
        )
        assert (
            found
            == noted(store, backend)
            == Parity(state="passed", share=1.0, expected=300, basis="detections")
        )
    assert lines == ["comparing the engine with float32 ..."]


def test_an_engine_that_was_held_once_is_not_held_again(store: EngineStore) -> None:
    model = model_with(100)
    for frames in (3, 0):
        with StandIn(model, store) as backend:
            assert validate_against_fp32(model, "onnxruntime", backend, OPTIONS).state == "passed"
            assert len(backend.submitted) == frames


def test_an_engine_that_loses_a_third_fails_and_that_is_noted(store: EngineStore) -> None:
    model = model_with(100)
    with StandIn(model, store, without_every(3)) as backend:
        with pytest.raises(BackendError) as caught:
            validate_against_fp32(model, "onnxruntime", backend, OPTIONS)
        assert one_line(caught.value).startswith(
            "the fp16 engine of tiny finds only 66.0% of what float32 finds; choose another "
            "precision"
        )
        assert noted(store, backend) == Parity(
            state="failed", share=0.66, expected=300, basis="detections"
        )


def test_an_engine_that_loses_a_third_is_used_where_that_is_forced(store: EngineStore) -> None:
    model = model_with(100)
    with StandIn(model, store, without_every(3)) as backend:
        assert (
            validate_against_fp32(model, "onnxruntime", backend, OPTIONS, force=True).state
            == "forced"
        )
        assert noted(store, backend) == Parity(
            state="forced", share=0.66, expected=300, basis="detections"
        )
    with StandIn(model, store, without_every(3)) as backend:
        assert validate_against_fp32(model, "onnxruntime", backend, OPTIONS).state == "forced"
        assert not backend.submitted


def test_force_does_not_spoil_what_passes(store: EngineStore) -> None:
    model = model_with(100)
    with StandIn(model, store) as backend:
        assert (
            validate_against_fp32(model, "onnxruntime", backend, OPTIONS, force=True).state
            == "passed"
        )


@pytest.mark.parametrize("batch", [1, 2, 4, 8])
def test_every_place_of_a_batch_is_held_to_float32(store: EngineStore, batch: int) -> None:
    model = model_with(100, frames=5)
    with StandIn(model, store) as backend:
        found = validate_against_fp32(
            model, "onnxruntime", backend, LoadOptions("GPU", "fp16", batch=batch)
        )
    assert found == Parity(state="passed", share=1.0, expected=500, basis="detections")
    assert backend.submitted == [(batch, SIDE, SIDE, 3)] * -(-5 // batch)


def test_an_engine_that_is_wrong_in_the_last_place_of_a_batch_fails(store: EngineStore) -> None:
    def blind_in_the_last(outputs: Outputs) -> Outputs:
        outputs.num_detections[-1] = 0
        return outputs

    model = model_with(100, frames=4)
    with (
        StandIn(model, store, blind_in_the_last) as backend,
        pytest.raises(BackendError, match=r"finds only 75\.0%"),
    ):
        validate_against_fp32(model, "onnxruntime", backend, LoadOptions("GPU", "fp16", batch=4))


def test_a_model_with_few_detections_is_held_before_nms_on_the_same_backend(
    store: EngineStore,
) -> None:
    model = model_with(10)
    with StandIn(model, store, without_every(3)) as backend:
        found = validate_against_fp32(
            model, "onnxruntime", backend, LoadOptions("CPU", "fp32", batch=2)
        )
    assert (found.state, found.basis, found.share) == ("passed", "boxes", 1.0)
    assert backend.submitted == []


# As `load_chosen` opens it.


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch, store: EngineStore) -> list[StandIn]:
    """For every engine there is a stand-in, which is listed here; `without_every(3)` does what its
    name says for a model called lossy.
    """
    made: list[StandIn] = []

    def load(name: str, model: ModelFile, options: LoadOptions) -> Backend:
        if name != "tensorrt-rtx":
            return load_backend(name, model, options)
        made.append(StandIn(model, store, without_every(3) if model.name == "lossy" else as_it_is))
        return made[-1]

    for module in (selection_load, engine_check):
        monkeypatch.setattr(module, "load_backend", load)
    return made


ENGINE_CHOICE = BackendChoice("tensorrt-rtx", "GPU", "fp16")


def test_an_engine_is_held_to_float32_before_its_first_use(stand_ins: list[StandIn]) -> None:
    model = find_model("ssdlite300-mobilenetv2-person")
    lines: list[str] = []
    with load_chosen(model, ENGINE_CHOICE, notify=lines.append) as backend:
        engine, unsuppressed = stand_ins
        assert engine is backend
        assert unsuppressed.closed
        assert (engine.manifest.parity.state, engine.manifest.parity.basis) == ("passed", "boxes")
        clip = cv2.VideoCapture(str(assets_folder() / "media" / "bikes.mp4"))
        image = np.asarray(cv2.resize(clip.read()[1], model.metadata.input_size), np.uint8)
        assert int(backend.submit(image[None]).result().num_detections[0, 0]) > 0
    assert lines == ["comparing the engine with float32 ..."]


def test_an_engine_that_fails_is_closed_and_not_handed_out(stand_ins: list[StandIn]) -> None:
    model = model_with(100)
    lossy = replace(model, metadata=model.metadata.model_copy(update={"name": "lossy"}))
    with pytest.raises(BackendError, match="the fp16 engine of lossy finds only"):
        load_chosen(lossy, ENGINE_CHOICE)
    assert [backend.closed for backend in stand_ins] == [1]


def test_other_backends_pass_without_a_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection_load, "validate_against_fp32", not_asked)
    with load_chosen(model_with(1), BackendChoice("onnxruntime", "CPU", "fp32")) as backend:
        assert backend.submit(grey(0)[None]).result() is not None
