"""Model files of unknown origin: those that break ONNX's rules, loop, eat memory, or give outputs
that no model file gives. Real runtimes load them, in processes of their own.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from ssd_live.backends.base import Outputs
from ssd_live.errors import ModelFileError
from ssd_live.modelfile.catalogue import DEFAULT_MODEL, find_model
from ssd_live.modelfile.file import ModelFile, parse, write_model_file
from ssd_live.modelfile.metadata import METADATA_KEY
from ssd_live.modelfile.nms import OUTPUTS
from ssd_live.selection import guard as guarding
from ssd_live.selection.choice import BackendChoice
from ssd_live.selection.contract import contract_error
from ssd_live.selection.guard import guard
from ssd_live.selection.load import load_chosen
from ssd_live.system.atomic_files import sha256
from tests.tiny_model import tiny_metadata, tiny_model, tiny_proto

RUNTIMES = ("onnxruntime", "openvino")
in_both = pytest.mark.parametrize("runtime", RUNTIMES)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(tmp_path / "engines"))


def choice(runtime: str) -> BackendChoice:
    return BackendChoice(runtime, "CPU", "fp32")


def unchecked(proto: ModelProto) -> bytes:
    """A model file as nobody checked it."""
    entry = proto.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, tiny_metadata().model_dump_json()
    return bytes(proto.SerializeToString())


def file_of(proto: ModelProto, path: Path) -> ModelFile:
    data = unchecked(proto)
    path.write_bytes(data)
    return ModelFile(path, data, sha256(data), tiny_metadata())


def refused(model: ModelFile, runtime: str) -> str:
    with pytest.raises(ModelFileError) as caught:
        guard(model, choice(runtime), lambda _: None)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def constant(proto: ModelProto, name: str, value: NDArray[Any]) -> None:
    proto.graph.initializer.append(numpy_helper.from_array(value, name))


@in_both
def test_a_sound_file_is_tried_once_for_each_runtime(runtime: str, tmp_path: Path) -> None:
    model = replace(tiny_model([[0.1, 0.1, 0.5, 0.5]], [[0.9, 0.1]]), path=tmp_path / "tiny.onnx")
    write_model_file(model.path, model)
    told: list[str] = []
    guard(model, choice(runtime), told.append)
    assert told == ["tiny: trying the file in a process of its own ..."]
    guard(model, choice(runtime), told.append)
    assert len(told) == 1
    other = RUNTIMES[1 - RUNTIMES.index(runtime)]
    guard(model, choice(other), told.append)
    assert len(told) == 2


def test_a_file_that_ships_or_was_made_here_is_not_tried(tmp_path: Path) -> None:
    made = replace(tiny_model(), path=tmp_path / "engines" / "models" / "mine.onnx")
    for model in (find_model(DEFAULT_MODEL), made):
        guard(model, choice("openvino"), lambda line: pytest.fail(line))


def test_loading_tries_a_file_first(tmp_path: Path) -> None:
    model = replace(tiny_model(), path=tmp_path / "tiny.onnx")
    told: list[str] = []
    with load_chosen(model, choice("onnxruntime"), notify=told.append):
        assert told == ["tiny: trying the file in a process of its own ..."]


def of_the_wrong_order(proto: ModelProto) -> None:
    nodes = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend(reversed(nodes))


def of_an_unknown_opset(proto: ModelProto) -> None:
    proto.opset_import[0].version = 2**40


def with_a_circle(proto: ModelProto) -> None:
    proto.graph.node.append(helper.make_node("Relu", ["b"], ["a"]))
    proto.graph.node.append(helper.make_node("Relu", ["a"], ["b"]))


def with_too_many_nodes(proto: ModelProto) -> None:
    proto.graph.node.extend(
        helper.make_node("Identity", ["image"], [f"copy{number}"]) for number in range(20_001)
    )


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (of_the_wrong_order, "is not valid ONNX"),
        (of_an_unknown_opset, "is not valid ONNX"),
        (with_a_circle, "is not valid ONNX"),
        (with_too_many_nodes, "more than 20000"),
    ],
)
def test_a_file_that_breaks_the_rules_reaches_no_runtime(
    damage: Callable[[ModelProto], None], said: str
) -> None:
    proto = tiny_proto()
    damage(proto)
    with pytest.raises(ModelFileError, match=said) as caught:
        parse(unchecked(proto), Path("bad.onnx"))
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory")
@in_both
def test_a_file_that_takes_too_much_memory_is_refused(runtime: str, tmp_path: Path) -> None:
    """A few hundred bytes ask for 6 GiB."""
    proto = tiny_proto()
    constant(proto, "large", np.array([3 * 2**29], np.int64))
    zeros = numpy_helper.from_array(np.zeros(1, np.float32))
    proto.graph.node.extend(
        [
            helper.make_node("ConstantOfShape", ["large"], ["flood"], value=zeros),
            helper.make_node("ReduceMax", ["flood"], ["crest"], keepdims=0),
        ]
    )
    proto.graph.output.append(helper.make_tensor_value_info("crest", TensorProto.FLOAT, []))
    said = refused(file_of(proto, tmp_path / "large.onnx"), runtime)
    assert said.startswith(f"{tmp_path / 'large.onnx'}: ")


@in_both
def test_a_file_that_never_ends_is_stopped(
    runtime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loop of 2**62 rounds, which no checker can tell from a short one."""
    monkeypatch.setattr(guarding, "LIMIT_SECONDS", 5.0)
    proto = tiny_proto()
    constant(proto, "rounds", np.array(2**62, np.int64))
    constant(proto, "go_on", np.array(True))
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["condition"], ["still"]),
            helper.make_node("Cos", ["state"], ["next"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("condition", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, [1]),
        ],
    )
    proto.graph.node.append(
        helper.make_node("Loop", ["rounds", "go_on", "nought"], ["end"], body=body)
    )
    proto.graph.output.append(helper.make_tensor_value_info("end", TensorProto.FLOAT, [1]))
    said = refused(file_of(proto, tmp_path / "endless.onnx"), runtime)
    assert "within 5 s" in said


def with_output(name: str, value: NDArray[Any]) -> ModelProto:
    """The tiny model with one output replaced by a constant."""
    proto = tiny_proto([[0.1, 0.1, 0.5, 0.5]], [[0.9, 0.1]])
    for node in proto.graph.node:
        for names in (node.input, node.output):
            for place, known in enumerate(names):
                if known == name:
                    names[place] = f"real_{name}"
    constant(proto, "other", value)
    proto.graph.node.append(helper.make_node("Identity", ["other"], [name]))
    for output in proto.graph.output:
        if output.name == name:
            kind = helper.np_dtype_to_tensor_dtype(value.dtype)
            output.CopyFrom(helper.make_tensor_value_info(name, kind, value.shape))
    return proto


@in_both
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("num_detections", np.array([[-1]], np.int32), "it finds -1 objects"),
        ("num_detections", np.array([[999]], np.int32), "it finds 999 objects"),
        ("num_detections", np.zeros((1, 7), np.int32), "num_detections"),
        ("detection_scores", np.zeros((1, 3), np.float32), "detection_boxes"),
        ("detection_boxes", np.full((1, 200, 4), np.nan, np.float32), "not a finite number"),
        ("detection_boxes", np.zeros((1, 200), np.float32), "detection_boxes"),
        ("detection_classes", np.full((1, 200), 7, np.int32), "not among its 2"),
        ("detection_classes", np.full((1, 200), -1, np.int32), "not among its 2"),
    ],
)
def test_outputs_that_no_model_file_gives_are_refused(
    name: str,
    value: NDArray[Any],
    said: str,
    runtime: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As the child process does it, but in this process."""
    monkeypatch.setattr(guarding, "limit_memory", lambda file_bytes: None)
    model = file_of(with_output(name, value), tmp_path / "odd.onnx")
    assert guarding.main([str(model.path), runtime, "CPU", "fp32"]) == 1
    assert said in capsys.readouterr().err


def test_a_refusal_names_the_file(tmp_path: Path) -> None:
    proto = with_output("num_detections", np.array([[-1]], np.int32))
    told = refused(file_of(proto, tmp_path / "odd.onnx"), "onnxruntime")
    assert told.startswith(f"{tmp_path / 'odd.onnx'}: its outputs are not valid: it finds -1")


def test_the_outputs_of_a_sound_network_have_no_error() -> None:
    outputs = Outputs(
        np.array([[1]], np.int32),
        np.zeros((1, 5, 4), np.float32),
        np.zeros((1, 5), np.float32),
        np.zeros((1, 5), np.int32),
    )
    assert contract_error(outputs, tiny_metadata()) == ""
    assert len(OUTPUTS) == len(outputs)
