"""What is taken for a model file and what is refused, and what an exported one holds."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import AttributeProto, ModelProto, TensorProto, helper, numpy_helper

from ssd_live.errors import ModelFileError, UnknownModelError
from ssd_live.modelfile.catalogue import find_model, model_paths
from ssd_live.modelfile.file import ModelFile, changed, read_model_file, write_model_file
from ssd_live.modelfile.metadata import METADATA_KEY
from ssd_live.modelfile.nms import BOXES, OUTPUTS, SCORES, strip_nms
from ssd_live.system.atomic_files import sha256
from ssd_live.system.paths import assets_folder
from tests.tiny_model import tiny_metadata, tiny_model

BUNDLED = (
    "ssd300-mobilenetv2-oid",
    "ssdlite300-mobilenetv2-person",
    "blazeface-256",
    "blazeface-full-range",
)
CHECKOUT = Path(__file__).resolve().parents[3]
REFERENCE = CHECKOUT / "tests" / "data" / "reference_outputs.npz"
FACE_REFERENCE = CHECKOUT / "tests" / "data" / "blazeface_outputs.npz"


def _bundled_path(name: str) -> Path:
    return assets_folder() / "models" / f"{name}.onnx"


def _refusal(path: Path) -> str:
    """The message with which a file is refused; it has one line and names the file."""
    with pytest.raises(ModelFileError) as caught:
        read_model_file(path)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    return message


def _edited(folder: Path, edit: Callable[[ModelProto], None]) -> Path:
    """A tiny model file with its ONNX changed behind the back of all checks."""
    proto = onnx.load_model_from_string(tiny_model().data)
    edit(proto)
    path = folder / "edited.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_model_is_read_with_its_description(name: str) -> None:
    model = read_model_file(_bundled_path(name))
    assert model.name == name
    (image,) = onnx.load_model_from_string(model.data).graph.input
    sides = [dim.dim_value for dim in image.type.tensor_type.shape.dim]
    assert tuple(sides[1:]) == (*model.metadata.input_size[::-1], 3)
    assert model.sha256 == sha256(_bundled_path(name).read_bytes())
    assert model.data == _bundled_path(name).read_bytes()


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_model_names_as_many_classes_as_it_scores(name: str) -> None:
    model = read_model_file(_bundled_path(name))
    graph = onnx.load_model_from_string(model.data).graph
    shape = next(value for value in graph.value_info if value.name == SCORES).type.tensor_type.shape
    assert shape.dim[2].dim_value == len(model.metadata.classes)


def test_a_written_model_file_is_read_back_equal(tmp_path: Path) -> None:
    model = tiny_model([[0.1, 0.1, 0.5, 0.5]], [[0.9, 0]])
    write_model_file(tmp_path / "mine.onnx", model)
    again = read_model_file(tmp_path / "mine.onnx")
    assert (again.data, again.sha256, again.metadata) == (model.data, model.sha256, model.metadata)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "no such file" in _refusal(tmp_path / "none.onnx")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.onnx").mkdir()
    _refusal(tmp_path / "folder.onnx")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"this is a text file\nof two lines\n",
        b"<html>404</html>",
        b"\x00" * 4096,
        b"\x89PNG\r\n\x1a\n" + bytes(64),
    ],
)
def test_a_file_that_is_not_onnx_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "text.onnx"
    path.write_bytes(content)
    assert "not an ONNX file" in _refusal(path)


@pytest.mark.parametrize("kept", [0.001, 0.1, 0.5, 0.99, 0.999999])
def test_a_truncated_file_is_refused(tmp_path: Path, kept: float) -> None:
    whole = _bundled_path(BUNDLED[0]).read_bytes()
    path = tmp_path / "cut.onnx"
    path.write_bytes(whole[: int(len(whole) * kept)])
    _refusal(path)


def test_a_tiny_file_cut_anywhere_is_refused_or_whole(tmp_path: Path) -> None:
    whole = tiny_model().data
    path = tmp_path / "cut.onnx"
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        _refusal(path)


def test_a_file_without_our_metadata_is_refused(tmp_path: Path) -> None:
    path = _edited(tmp_path, lambda proto: proto.ClearField("metadata_props"))
    assert f"has no '{METADATA_KEY}' metadata" in _refusal(path)


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_file_that_lacks_an_output_is_refused(tmp_path: Path, output: str) -> None:
    def drop(proto: ModelProto) -> None:
        proto.graph.output.remove(
            next(value for value in proto.graph.output if value.name == output)
        )

    assert repr(output) in _refusal(_edited(tmp_path, drop))


def test_a_file_without_nms_is_refused(tmp_path: Path) -> None:
    assert OUTPUTS[0] in _refusal(_edited(tmp_path, lambda proto: strip_nms(proto.graph)))


@pytest.mark.parametrize("tensor", [BOXES, SCORES])
def test_a_file_whose_nms_grew_on_other_tensors_is_refused(tmp_path: Path, tensor: str) -> None:
    def rename(proto: ModelProto) -> None:
        for node in proto.graph.node:
            node.input[:] = [f"my_{name}" if name == tensor else name for name in node.input]
            node.output[:] = [f"my_{name}" if name == tensor else name for name in node.output]

    assert repr(tensor) in _refusal(_edited(tmp_path, rename))


def _float_input(proto: ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT


def _other_input(proto: ModelProto) -> None:
    proto.graph.input[0].name = "pixels"


def _second_input(proto: ModelProto) -> None:
    proto.graph.input.append(helper.make_tensor_value_info("more", TensorProto.UINT8, [1]))


@pytest.mark.parametrize("edit", [_float_input, _other_input, _second_input])
def test_a_file_with_another_input_is_refused(
    tmp_path: Path, edit: Callable[[ModelProto], None]
) -> None:
    assert "one input, `image`" in _refusal(_edited(tmp_path, edit))


def test_a_file_for_another_picture_size_than_it_says_is_refused(tmp_path: Path) -> None:
    def say_otherwise(proto: ModelProto) -> None:
        proto.metadata_props[0].value = tiny_metadata(input_size=(64, 64)).model_dump_json()

    _refusal(_edited(tmp_path, say_otherwise))


def test_a_file_that_names_fewer_classes_than_it_scores_is_refused(tmp_path: Path) -> None:
    def say_otherwise(proto: ModelProto) -> None:
        proto.metadata_props[0].value = tiny_metadata(
            classes=("cat",), category_ids=(17,)
        ).model_dump_json()

    _refusal(_edited(tmp_path, say_otherwise))


def _external_tensor() -> TensorProto:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "elsewhere")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    return tensor


def _in_an_initializer(proto: ModelProto) -> None:
    proto.graph.initializer.append(_external_tensor())


def _in_an_attribute(proto: ModelProto) -> None:
    proto.graph.node.append(helper.make_node("Constant", [], ["unused"], value=_external_tensor()))


def _in_a_subgraph(proto: ModelProto) -> None:
    branch = helper.make_graph([], "branch", [], [], [_external_tensor()])
    proto.graph.node.append(
        helper.make_node("If", ["condition"], ["unused"], then_branch=branch, else_branch=branch)
    )


def _in_an_attribute_of_a_subgraph(proto: ModelProto) -> None:
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["inner"], value=_external_tensor())], "branch", [], []
    )
    proto.graph.node.append(
        helper.make_node("If", ["condition"], ["unused"], then_branch=branch, else_branch=branch)
    )


def _in_one_of_several_subgraphs(proto: ModelProto) -> None:
    branches = [
        helper.make_graph([], f"branch{number}", [], [], [_external_tensor()])
        for number in range(2)
    ]
    proto.graph.node.append(
        helper.make_node("Switch", ["condition"], ["unused"], domain="mine", branches=branches)
    )


def _in_a_function(proto: ModelProto) -> None:
    body = [helper.make_node("Constant", [], ["y"], value=_external_tensor())]
    proto.functions.append(
        helper.make_function("mine", "function", [], ["y"], body, [helper.make_opsetid("", 18)])
    )


def _in_a_sparse_initializer(proto: ModelProto) -> None:
    proto.graph.sparse_initializer.add().values.CopyFrom(_external_tensor())


def _in_a_sparse_attribute(proto: ModelProto) -> None:
    attribute = AttributeProto(name="sparse_value", type=AttributeProto.SPARSE_TENSOR)
    attribute.sparse_tensor.values.CopyFrom(_external_tensor())
    node = helper.make_node("Constant", [], ["unused"])
    node.attribute.append(attribute)
    proto.graph.node.append(node)


@pytest.mark.parametrize(
    "hide",
    [
        _in_an_initializer,
        _in_an_attribute,
        _in_a_subgraph,
        _in_an_attribute_of_a_subgraph,
        _in_one_of_several_subgraphs,
        _in_a_function,
        _in_a_sparse_initializer,
        _in_a_sparse_attribute,
    ],
)
def test_weights_outside_the_file_are_refused_wherever_they_are_named(
    tmp_path: Path, hide: Callable[[ModelProto], None]
) -> None:
    assert "../../etc/passwd" in _refusal(_edited(tmp_path, hide))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("not JSON", "the top level"),
        ("[]", "the top level"),
        ("{}", "name"),
        (tiny_metadata().model_dump_json().replace('"tiny"', "7"), "name"),
        (tiny_metadata().model_dump_json().replace("[32,32]", '"32x32"'), "input_size"),
        (
            tiny_metadata()
            .model_dump_json()
            .replace('"display_threshold":0.4', '"display_threshold":4'),
            "display_threshold",
        ),
        (
            tiny_metadata().model_dump_json().replace('"schema_version":1', '"schema_version":2'),
            "schema_version",
        ),
    ],
)
def test_metadata_of_the_wrong_kind_is_refused_with_its_place(
    tmp_path: Path, text: str, place: str
) -> None:
    def overwrite(proto: ModelProto) -> None:
        proto.metadata_props[0].value = text

    assert f"metadata is wrong at {place}" in _refusal(_edited(tmp_path, overwrite))


def test_a_changed_copy_leaves_the_original_alone() -> None:
    model = tiny_model()
    before = model.data
    copy = changed(model, lambda proto: None, display_threshold=0.7)
    assert copy.metadata.display_threshold == 0.7
    assert copy.sha256 == sha256(copy.data) != model.sha256
    assert (model.data, model.metadata.display_threshold) == (before, 0.4)


def test_a_change_that_is_not_valid_onnx_is_refused() -> None:
    with pytest.raises(ModelFileError, match="not valid ONNX"):
        changed(
            tiny_model(),
            lambda proto: proto.graph.node.append(
                helper.make_node("Relu", ["nowhere"], ["unused"])
            ),
        )


def test_serialising_twice_gives_the_same_bytes() -> None:
    assert tiny_model().data == tiny_model().data


def test_the_catalogue_lists_the_bundled_models() -> None:
    assert set(BUNDLED) <= set(model_paths())


def test_an_unknown_name_is_refused_with_one_that_is_near() -> None:
    with pytest.raises(
        UnknownModelError, match=re.escape("did you mean 'ssd300-mobilenetv2-oid'?")
    ):
        find_model("ssd300-mobilenetv2")


def test_the_open_images_file_is_small() -> None:
    assert _bundled_path(BUNDLED[0]).stat().st_size < 12e6


def paths_of_this_machine() -> list[bytes]:
    folders = [f"/{name}/" for name in ("home", "root", "tmp", "usr")]
    return [
        path.encode()
        for path in (*folders, "site-packages", "\\Users\\", str(CHECKOUT), f"{Path.home()}/")
    ]


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_file_holds_no_path_of_the_machine_that_made_it(name: str) -> None:
    data = _bundled_path(name).read_bytes()
    assert [path for path in paths_of_this_machine() if path in data] == []


def graph_answers(
    model: ModelFile, images: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """`decoded_boxes` and `class_scores` before NMS."""
    proto = onnx.load_model_from_string(model.data)
    strip_nms(proto.graph)
    session: Any = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    boxes, scores = session.run([BOXES, SCORES], {"image": images})
    return boxes, scores


@pytest.mark.parametrize("name", BUNDLED[:2])
def test_a_bundled_file_scores_as_the_original_graph_does(name: str) -> None:
    reference = np.load(REFERENCE)
    logits = reference[{BUNDLED[0]: "oidv4_class_logits", BUNDLED[1]: "person_class_logits"}[name]]
    _, scores = graph_answers(
        read_model_file(_bundled_path(name)), reference["input_bgr_uint8"][None]
    )
    np.testing.assert_allclose(scores[0], 1 / (1 + np.exp(-logits[:, 1:])), rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", BUNDLED[2:])
def test_a_bundled_face_detector_answers_as_the_original_graph_does(name: str) -> None:
    """Its boxes to a thousandth of a pixel."""
    reference, prefix = np.load(FACE_REFERENCE), name.replace("-", "_")
    image = reference[f"{prefix}_input_bgr_uint8"]
    boxes, scores = graph_answers(read_model_file(_bundled_path(name)), image[None])
    logits = reference[f"{prefix}_logits"].clip(-80, 80)
    np.testing.assert_allclose(scores[0, :, 0], 1 / (1 + np.exp(-logits)), rtol=0, atol=1e-4)
    side = len(image)
    sizes = reference[f"{prefix}_boxes"][:, 2:].clip(0) / side
    shown = (boxes[0] > 0).all(1) & (boxes[0] < 1).all(1)
    assert shown.mean() > 0.5
    found = (boxes[0, :, 2:] - boxes[0, :, :2])[shown]
    np.testing.assert_allclose(found, sizes[shown], rtol=0, atol=1e-3 / side)
