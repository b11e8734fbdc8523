"""The fastest backend that was measured is taken, and before that one that a rule chooses."""

import pytest

from ssd_live.errors import BackendError, MissingPackageError, ModelFileError, UsageError
from ssd_live.modelfile.catalogue import DEFAULT_MODEL, find_model
from ssd_live.modelfile.file import ModelFile
from ssd_live.selection import choose as choosing
from ssd_live.selection.choice import BackendChoice
from ssd_live.selection.choose import choose, decide
from ssd_live.selection.table import BackendMeasurement, known, store
from ssd_live.system import machine
from tests.tiny_model import tiny_model
from tests.unit.selection.parts import GPU_ROW, ROWS, Trials

pytestmark = pytest.mark.usefixtures("empty_engines")


OPENVINO, ONNX_RUNTIME = (
    BackendChoice(name, "CPU", "fp32") for name in ("openvino", "onnxruntime")
)


def test_the_fastest_that_agrees_is_taken_for_each_workload(model: ModelFile) -> None:
    store(model, ROWS)
    assert choose(model, workload="throughput") == OPENVINO
    assert choose(model, workload="latency") == ONNX_RUNTIME


def test_a_named_backend_restricts_the_choice(model: ModelFile) -> None:
    store(model, ROWS)
    assert choose(model, "openvino", workload="latency") == OPENVINO


def test_a_named_backend_and_precision_are_the_only_choice(
    model: ModelFile, trials: Trials
) -> None:
    decision = decide(model, "onnxruntime", "fp32", measure=True)
    assert decision.choice == ONNX_RUNTIME
    assert not decision.may_improve
    assert not trials.take()


def test_a_precision_that_no_backend_offers_here_is_refused_before_anything_is_measured(
    model: ModelFile, trials: Trials
) -> None:
    with pytest.raises(BackendError, match="no installed backend offers fp16"):
        choose(model, precision="fp16")
    assert not trials.take()


def test_a_precision_that_no_one_has_is_refused(model: ModelFile) -> None:
    with pytest.raises(UsageError, match="there is no precision 'int3'"):
        choose(model, precision="int3")  # type: ignore[arg-type]


def test_auto_takes_an_engine_that_is_fastest(model: ModelFile) -> None:
    store(model, [*ROWS, GPU_ROW])
    assert choose(model) == GPU_ROW.choice


def test_cpu_takes_the_fastest_that_needs_no_gpu(model: ModelFile) -> None:
    other = BackendMeasurement(BackendChoice("openvino", "GPU", "fp16"), 1.5, 800.0, 1.0, "boxes")
    store(model, [GPU_ROW, other, *ROWS])
    assert choose(model, "cpu") == ONNX_RUNTIME
    assert choose(model, "cpu", workload="throughput") == OPENVINO


def test_when_nothing_works_the_line_says_why(model: ModelFile, trials: Trials) -> None:
    trials.fails = {name: BackendError("the trial crashed (signal 11)") for name in trials.devices}
    with pytest.raises(BackendError, match=r"no backend can run .* \(openvino fp32: the trial"):
        choose(model, measure=True)


def test_a_driver_that_does_not_start_is_an_error_for_who_asks_for_it(
    model: ModelFile, trials: Trials
) -> None:
    trials.error_message["tensorrt-rtx"] = BackendError("there is no working NVIDIA GPU")
    with pytest.raises(BackendError, match="no working NVIDIA GPU"):
        choose(model, "tensorrt-rtx")


def test_with_measure_the_fastest_is_taken_though_nothing_was_known(
    model: ModelFile, trials: Trials
) -> None:
    assert choose(model, measure=True) == trials.take()[-1]
    assert known(model) is not None
    assert choose(model, "cpu", measure=True).device == "CPU"
    assert not trials.take()


# By the rule.


def test_nothing_is_measured_before_the_first_frame(
    model: ModelFile, trials: Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "cpu_features", lambda: ("avx2",))
    decision = decide(model)
    assert decision.choice == OPENVINO
    assert decision.measurement is None
    assert decision.may_improve
    assert not trials.take()
    assert known(model) is None
    assert not {"tensorrt", "tensorrt-rtx", "torch"} & set(trials.asked)


@pytest.mark.parametrize(
    ("features", "chosen"),
    [
        ((), "openvino fp32"),
        (("avx2",), "openvino int8"),
        (("avx2", "avx512f", "avx512_vnni", "avx512_bf16"), "openvino int8"),
    ],
)
def test_the_instructions_of_the_cpu_decide_the_precision(
    features: tuple[str, ...],
    chosen: str,
    trials: Trials,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "cpu_features", lambda: features)
    assert str(choose(find_model(DEFAULT_MODEL))) == chosen


def test_bfloat16_is_taken_for_what_ships_with_the_program(
    model: ModelFile, trials: Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "cpu_features", lambda: ("avx2", "amx_bf16"))
    assert str(choose(model)) == "openvino bf16"
    monkeypatch.setattr(choosing, "guard", lambda *_: None)
    assert str(choose(tiny_model())) == "openvino fp32"


def test_a_gpu_that_the_user_names_computes_in_half_precision(
    model: ModelFile, trials: Trials
) -> None:
    trials.precisions = ["fp32", "bf16", "fp16"]
    assert choose(model, "tensorrt") == BackendChoice("tensorrt", "GPU", "fp16")
    assert choose(model, "openvino:gpu") == BackendChoice("openvino", "GPU", "fp16")
    assert not trials.take()


def test_the_next_backend_is_taken_where_one_is_not_installed(
    model: ModelFile, trials: Trials
) -> None:
    trials.error_message["openvino"] = MissingPackageError("OpenVINO is not installed")
    assert choose(model) == ONNX_RUNTIME
    del trials.devices["onnxruntime"]
    del trials.devices["openvino"]
    assert choose(model) == BackendChoice("torch", "CPU", "fp32")


def test_a_foreign_file_is_tried_on_one_backend_after_the_other(
    trials: Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def guard(model: ModelFile, choice: BackendChoice, notify: object) -> None:
        tried.append(choice.backend)
        if choice.backend != "torch":
            raise ModelFileError(f"{choice.backend} cannot run it")

    monkeypatch.setattr(choosing, "guard", guard)
    assert choose(tiny_model()) == BackendChoice("torch", "CPU", "fp32")
    assert tried == ["openvino", "onnxruntime", "torch"]
    del trials.devices["torch"]
    with pytest.raises(ModelFileError, match="openvino cannot run it"):
        choose(tiny_model())
