"""Several detectors on the same images: ours, and networks of the forms of other projects, which
the tests make and which find a red object because it is red.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, load, numpy_helper, save

from ssd_live.selection import guard
from tests.conftest import FIXED_BACKEND, Answer

WIDTH, HEIGHT = 128, 64
# The object, x1, y1, x2, y2 in pixels.
BOX = (32.0, 16.0, 96.0, 48.0)
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory")
DOG_OF_COCO, DOG_OF_80 = 18, 16


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three red images, in which the box is a dog."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("JPEGImages", "Annotations"):
        (folder / name).mkdir()
    sides = zip(("xmin", "ymin", "xmax", "ymax"), (BOX[0] + 1, BOX[1] + 1, *BOX[2:]), strict=True)
    box = "".join(f"<{side}>{value:g}</{side}>" for side, value in sides)
    for number in range(3):
        image = np.full((HEIGHT, WIDTH, 3), (0, 0, 255), np.uint8)
        cv2.imwrite(str(folder / "JPEGImages" / f"{number}.png"), image)
        (folder / "Annotations" / f"{number}.xml").write_text(
            f"<annotation><object><name>Dog</name><bndbox>{box}</bndbox></object></annotation>"
        )
    return folder


def constants(**values: NDArray[Any]) -> list[TensorProto]:
    return [numpy_helper.from_array(value, name) for name, value in values.items()]


def saved(path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], values: Any) -> Path:
    graph = helper.make_graph(nodes, "detector", inputs, outputs, values)
    opset = helper.make_opsetid("", 18)
    save(helper.make_model(graph, opset_imports=[opset], ir_version=10), str(path))
    return path


def value(name: str, kind: int, shape: list[int | str]) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def redness(image: str, first: int) -> list[Any]:
    """Nodes that give the mean of one channel, as a share of the largest value."""
    return [
        helper.make_node("Gather", [image, "channel"], ["red"], axis=first),
        helper.make_node("ReduceMean", ["red"], ["mean"], keepdims=0),
        helper.make_node("Div", ["mean", "largest"], ["share"]),
        helper.make_node("Reshape", ["share", "one"], ["score"]),
    ]


def torchvision_form(path: Path) -> Path:
    """As Faster R-CNN: an image of any size in 0..1 RGB, and a label of COCO with gaps."""
    nodes = [
        *redness("image", 0),
        helper.make_node("Identity", ["box"], ["boxes"]),
        helper.make_node("Identity", ["label"], ["labels"]),
        helper.make_node("Identity", ["score"], ["scores"]),
    ]
    values = constants(
        channel=np.array(0),
        largest=np.array(1, np.float32),
        one=np.array([1]),
        box=np.array([BOX], np.float32),
        label=np.array([DOG_OF_COCO]),
    )
    outputs = [
        value("boxes", TensorProto.FLOAT, ["n", 4]),
        value("labels", TensorProto.INT64, ["n"]),
        value("scores", TensorProto.FLOAT, ["n"]),
    ]
    return saved(path, nodes, [value("image", TensorProto.FLOAT, [3, "h", "w"])], outputs, values)


def detr_form(path: Path) -> Path:
    """As D-FINE: 640 x 640 in 0..1 RGB, boxes scaled to the size that is given."""
    nodes = [
        *redness("images", 1),
        helper.make_node("Cast", ["orig_target_sizes"], ["size"], to=TensorProto.FLOAT),
        helper.make_node("Concat", ["size", "size"], ["sizes"], axis=1),
        helper.make_node("Unsqueeze", ["sizes", "one"], ["row"]),
        helper.make_node("Mul", ["box", "row"], ["boxes"]),
        helper.make_node("Identity", ["label"], ["labels"]),
        helper.make_node("Unsqueeze", ["score", "nought"], ["scores"]),
    ]
    relative = np.array([[np.divide(BOX, (WIDTH, HEIGHT, WIDTH, HEIGHT))]], np.float32)
    values = constants(
        channel=np.array(0),
        largest=np.array(1, np.float32),
        one=np.array([1]),
        nought=np.array([0]),
        box=relative,
        label=np.array([[DOG_OF_80]]),
    )
    inputs = [
        value("images", TensorProto.FLOAT, ["b", 3, 640, 640]),
        value("orig_target_sizes", TensorProto.INT64, ["b", 2]),
    ]
    outputs = [
        value("labels", TensorProto.INT64, ["b", 1]),
        value("boxes", TensorProto.FLOAT, ["b", 1, 4]),
        value("scores", TensorProto.FLOAT, ["b", 1]),
    ]
    return saved(path, nodes, inputs, outputs, values)


def yolox_form(path: Path, side: int = 256) -> Path:
    """As YOLOX: 0..255 BGR, scaled by two and padded at the bottom; one cell of the stride 16, and
    the same object from a cell beside it, which NMS drops.
    """
    counts = [(side // stride) ** 2 for stride in (8, 16, 32)]
    rows = np.zeros((1, sum(counts), 85), np.float32)
    ratio, stride = side / WIDTH, 16
    box = np.multiply(BOX, ratio)
    centre, sides = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    for column, sure in ((8, 1.0), (7, 0.5)):
        row = 4
        place = counts[0] + row * (side // stride) + column
        rows[0, place, :2] = centre / stride - (column, row)
        rows[0, place, 2:4] = np.log(sides / stride)
        rows[0, place, 4] = sure
        rows[0, place, 5 + DOG_OF_80] = 1
    nodes = [
        *redness("images", 1),
        helper.make_node("Where", ["is_sure", "score", "unit"], ["factor"]),
        helper.make_node("Mul", ["rows", "factor"], ["output"]),
    ]
    is_sure = np.zeros((1, 1, 85), bool)
    is_sure[..., 4] = True
    values = constants(
        channel=np.array(2),
        largest=np.array(255, np.float32),
        one=np.array([1]),
        unit=np.array([1], np.float32),
        is_sure=is_sure,
        rows=rows,
    )
    outputs = [value("output", TensorProto.FLOAT, [1, sum(counts), 85])]
    return saved(
        path, nodes, [value("images", TensorProto.FLOAT, [1, 3, side, side])], outputs, values
    )


def test_detectors_of_every_form_stand_in_one_table(
    ssd: Callable[..., Answer], data: Path, tmp_path: Path
) -> None:
    files = [
        torchvision_form(tmp_path / "fasterrcnn.onnx"),
        detr_form(tmp_path / "dfine.onnx"),
        yolox_form(tmp_path / "yolox.onnx"),
    ]
    table, plot = tmp_path / "table.json", tmp_path / "plot.png"
    words = ("--data", data, "--json", table, "--plot", plot, *FIXED_BACKEND)
    answer = ssd("compare", "ssd300-mobilenetv2-oid", *files, *words)
    assert answer.code == 0, answer.err
    rows = json.loads(table.read_text())["results"]
    assert [(row["name"], row["form"]) for row in rows] == [
        ("ssd300-mobilenetv2-oid", "ssd_live"),
        ("fasterrcnn", "torchvision"),
        ("dfine", "DETR"),
        ("yolox", "YOLOX"),
    ]
    assert [row["map"] for row in rows[1:]] == [1.0, 1.0, 1.0]
    assert all(row["fps"] > 0 and row["latency_ms"] > 0 for row in rows)
    lines = answer.out.splitlines()
    assert lines[0].split() == ["detector", "form", "mAP", "ms", "FPS", "runs", "on"]
    assert len(lines) == 5
    assert plot.stat().st_size > 1000


def test_the_same_file_twice_gets_two_names(
    ssd: Callable[..., Answer], data: Path, tmp_path: Path
) -> None:
    file = torchvision_form(tmp_path / "a.onnx")
    answer = ssd("compare", file, file, "--data", data)
    assert answer.code == 0, answer.err
    assert [line.split("  ")[0].strip() for line in answer.out.splitlines()[1:]] == ["a", "a (2)"]


def test_class_names_can_be_given(ssd: Callable[..., Answer], data: Path, tmp_path: Path) -> None:
    file = yolox_form(tmp_path / "a.onnx")
    answer = ssd("compare", file, "--data", data, "--classes", "cat,dog")
    assert answer.code == 2
    assert "a has 80 classes, but --classes has 2 names" in answer.err
    answer = ssd("compare", file, "--data", data, "--classes", ",".join(map(str, range(80))))
    assert answer.code == 1
    assert "no class in common" in answer.err


def test_what_is_no_detector_is_refused_in_one_line(
    ssd: Callable[..., Answer], data: Path, tmp_path: Path
) -> None:
    relu = [helper.make_node("Relu", ["x"], ["y"])]
    ends = [value("x", TensorProto.FLOAT, [1]), value("y", TensorProto.FLOAT, [1])]
    file = saved(tmp_path / "relu.onnx", relu, ends[:1], ends[1:], [])
    (tmp_path / "text.onnx").write_text("no network")
    for name, said in (
        (file, "is neither a model file of ssd_live nor a detector of a known form"),
        (tmp_path / "text.onnx", "is not valid ONNX"),
        (tmp_path / "none.onnx", "none.onnx"),
    ):
        answer = ssd("compare", name, "--data", data)
        assert answer.code == 1
        assert said in answer.err
        assert len(answer.err.splitlines()) == 1
    assert ssd("compare", file, "--data", data, "--precision", "fp8").code == 2


def endless(graph: Any) -> None:
    """A loop of 2**62 rounds, which no checker can tell from a short one."""
    graph.initializer.extend(constants(rounds=np.array(2**62), go_on=np.array(True)))
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["condition"], ["still"]),
            helper.make_node("Cos", ["state"], ["next"]),
        ],
        "body",
        [
            value("round", TensorProto.INT64, []),
            value("condition", TensorProto.BOOL, []),
            value("state", TensorProto.FLOAT, [1]),
        ],
        [value("still", TensorProto.BOOL, []), value("next", TensorProto.FLOAT, [1])],
    )
    graph.node.append(helper.make_node("Loop", ["rounds", "go_on", "score"], ["end"], body=body))
    graph.output.append(value("end", TensorProto.FLOAT, [1]))


def greedy(graph: Any) -> None:
    """A few hundred bytes ask for 6 GiB."""
    graph.initializer.extend(constants(large=np.array([3 * 2**29])))
    zeros = numpy_helper.from_array(np.zeros(1, np.float32))
    graph.node.extend(
        [
            helper.make_node("ConstantOfShape", ["large"], ["flood"], value=zeros),
            helper.make_node("ReduceMax", ["flood"], ["crest"], keepdims=0),
        ]
    )
    graph.output.append(value("crest", TensorProto.FLOAT, []))


def of_another_shape(graph: Any) -> None:
    (scores,) = (node for node in graph.node if node.output[0] == "scores")
    scores.CopyFrom(helper.make_node("Concat", ["score", "score"], ["scores"], axis=0))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (endless, "onnxruntime did not load it and compute one image within 5 s"),
        pytest.param(greedy, "ONNX Runtime failed", marks=ON_LINUX),
        (of_another_shape, "its outputs have the shapes (1, 4), (2,) and (1,)"),
    ],
)
def test_a_detector_that_does_harm_is_tried_in_a_process_of_its_own(
    damage: Callable[[Any], None],
    said: str,
    ssd: Callable[..., Answer],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if damage is endless:
        monkeypatch.setattr(guard, "LIMIT_SECONDS", 5.0)
    file = torchvision_form(tmp_path / "a.onnx")
    model = load(str(file))
    damage(model.graph)
    save(model, str(file))
    answer = ssd("compare", file, "--data", data)
    assert answer.code == 1
    trying, error = answer.err.splitlines()
    assert trying == "a: trying the file in a process of its own ..."
    assert error.startswith(f"error: {file}: {said}")


def test_an_input_is_not_overwritten(
    ssd: Callable[..., Answer], data: Path, tmp_path: Path
) -> None:
    file = torchvision_form(tmp_path / "a.onnx")
    answer = ssd("compare", file, "--data", data, "--json", file)
    assert answer.code == 2
    assert "is one of the input files" in answer.err
