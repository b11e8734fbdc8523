"""Default boxes that are fitted to the data: their shapes, what the network finds with them, and
the files that keep them.
"""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from ssd_live.backends.torch_network import network_of
from ssd_live.datasets.types import DataSet, LabelledImage
from ssd_live.errors import DataError, ModelFileError
from ssd_live.export.model_file import Description, export_network
from ssd_live.export.trained import load_trained
from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.file import read_model_file
from ssd_live.modelfile.metadata import Metadata
from ssd_live.models import create
from ssd_live.models.ssd import SSDNetwork
from ssd_live.models.ssd_paper import Preset
from ssd_live.models.weight_files import recognise, save_weights
from ssd_live.training.default_boxes import fit_default_boxes, fitted, overlaps
from ssd_live.training.recipe import ModelPart, Recipe
from ssd_live.training.start import begin
from ssd_live.training.trainer import Place, Trainer
from tests.toy_network import toy

SIZE = (400, 200)


def objects(sizes: np.ndarray) -> DataSet:
    """A data set with one image that is not there, with an object of each size in 0..1."""
    corner = np.zeros_like(sizes)
    boxes = (np.concatenate([corner, sizes], axis=1) * [*SIZE, *SIZE]).astype(np.float32)
    image = LabelledImage(
        Path("none.png"), boxes, np.zeros(len(boxes), np.int64), np.zeros(len(boxes), bool), SIZE
    )
    return DataSet("objects", ("thing",), (image,))


def poles(seed: int = 1, count: int = 400) -> np.ndarray:
    """Tall and thin objects of many sizes."""
    random = np.random.default_rng(seed)
    heights = random.uniform(0.1, 0.95, count)
    return np.stack([heights * random.uniform(0.08, 0.14, count), heights], axis=1)


def shapes_of(network: SSDNetwork) -> np.ndarray:
    return np.array(
        [(shape.width, shape.height) for cell in network.feature_maps for shape in cell.shapes]
    )


def best(sizes: np.ndarray, network: SSDNetwork) -> float:
    return float(overlaps(sizes, shapes_of(network)).max(1).mean())


def test_the_overlap_is_that_of_boxes_with_the_same_centre() -> None:
    found = overlaps(np.array([[2.0, 4.0], [1.0, 1.0]]), np.array([[4.0, 2.0], [2.0, 4.0]]))
    assert found == pytest.approx(np.array([[4 / 12, 1.0], [1 / 8, 1 / 8]]))


def test_each_group_of_objects_gets_the_shape_of_its_middle_object() -> None:
    random = np.random.default_rng(3)
    middles = np.array([[0.1, 0.4], [0.5, 0.2], [0.3, 0.3]])
    spread = random.uniform(-0.02, 0.02, (3, 21, 2))
    groups = middles[:, None] + spread
    begun = np.array([[0.2, 0.4], [0.4, 0.2], [0.3, 0.35]])
    found = fitted(groups.reshape(-1, 2), begun)
    assert found == pytest.approx(np.median(groups, axis=1))
    # A shape for which there is no object stays as it is.
    lonely = fitted(groups[0], np.array([[0.2, 0.4], [1.0, 0.01]]))
    assert lonely[1] == pytest.approx([1.0, 0.01])


def test_fitted_boxes_overlap_other_objects_of_the_kind_more() -> None:
    network = create("ssd300-mobilenetv2", 2)
    before, ratios = best(poles(2), network), shapes_of(network)
    fit_default_boxes(network, objects(poles()))
    assert best(poles(2), network) > before + 0.2
    assert len(network.default_boxes) == 1917
    assert not np.allclose(ratios, shapes_of(network))


@pytest.mark.parametrize("preset", ["voc", "coco"])
@pytest.mark.parametrize(
    "name",
    [
        "ssd300-mobilenetv2",
        "ssdlite300-mobilenetv2",
        "ssd300-vgg16",
        "ssdlite320-mobilenetv3-large",
    ],
)
def test_the_network_finds_the_same_as_before(name: str, preset: Preset) -> None:
    torch.manual_seed(1)
    network = create(name, 3, preset).eval()
    side = 320 if "320" in name else 300
    image = torch.rand(1, 3, side, side)
    with torch.inference_mode():
        before = network.decode(network(image)[0])
    shapes = shapes_of(network)
    fit_default_boxes(network, objects(poles()))
    assert not np.array_equal(shapes, shapes_of(network))
    with torch.inference_mode():
        after = network.decode(network(image)[0])
    assert torch.allclose(before, after, atol=2e-5)


def test_a_feature_map_with_few_objects_keeps_its_shapes() -> None:
    network = create("ssd300-mobilenetv2", 2)
    before = shapes_of(network)
    # Three shapes need six objects.
    fit_default_boxes(network, objects(np.tile([[0.11, 0.12]], (5, 1))))
    assert shapes_of(network) == pytest.approx(before)
    fit_default_boxes(network, objects(np.tile([[0.11, 0.12]], (6, 1))))
    assert [0.11, 0.12] in shapes_of(network).round(3).tolist()


def test_only_what_is_learned_counts(tmp_path: Path) -> None:
    """Ignored objects on request, the parts outside the image, and images that cannot be read."""
    sizes = np.concatenate([np.tile([[0.1, 0.1]], (10, 1)), np.tile([[0.15, 0.05]], (10, 1))])
    data = objects(sizes)
    data.images[0].ignored[10:] = True
    network = create("ssd300-mobilenetv2", 2)
    fit_default_boxes(network, data, ignored=False)
    assert [0.1, 0.1] in shapes_of(network).round(3).tolist()
    fit_default_boxes(network, data)
    # The middle of both kinds.
    assert [0.125, 0.075] in shapes_of(network).round(3).tolist()

    cv2.imwrite(str(tmp_path / "there.png"), np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    outside = replace(
        objects(sizes).images[0],
        path=tmp_path / "there.png",
        boxes=np.tile([[-200.0, 40, 40, 400]], (12, 1)).astype(np.float32),
        size=None,
    )
    missing = replace(outside, path=tmp_path / "missing.png")
    network = create("ssd300-mobilenetv2", 2)
    fit_default_boxes(network, replace(data, images=(missing, outside)))
    assert [0.1, 0.8] in shapes_of(network).round(3).tolist()


def test_without_objects_there_is_nothing_to_fit() -> None:
    flat = objects(np.tile([[0.5, 0.0]], (9, 1)))
    for data in (flat, replace(flat, images=())):
        with pytest.raises(DataError, match="no objects to which default boxes could be fitted"):
            fit_default_boxes(create("ssd300-mobilenetv2", 2), data)


def test_the_files_keep_the_shapes(tmp_path: Path) -> None:
    """The weights from which another training starts, and the model file that PyTorch can run."""
    network, classes = load_trained("ssd300-mobilenetv2-oid")
    fit_default_boxes(network, objects(poles()))
    facts = {"classes": classes, "network": "ssd300-mobilenetv2"}
    save_weights(tmp_path / "poles.safetensors", network, facts)
    part = ModelPart(network="ssd300-mobilenetv2", weights=str(tmp_path / "poles.safetensors"))
    again = begin(part, 2, ["pole"]).network
    assert torch.equal(again.default_boxes, network.default_boxes)
    assert again.fitted_shapes == network.fitted_shapes

    described = Description(
        name="poles",
        network="ssd300-mobilenetv2",
        classes=tuple(classes),
        input_size=(300, 300),
        mean=(127.5, 127.5, 127.5),
        scale=(1 / 127.5, 1 / 127.5, 1 / 127.5),
        activation="sigmoid",
        iou_threshold=0.5,
        display_threshold=0.4,
        training_data="none",
        licence="none",
        provenance="none",
    )
    (tmp_path / "poles.onnx").write_bytes(export_network(network, described).data)
    read = read_model_file(tmp_path / "poles.onnx")
    assert torch.equal(network_of(read).default_boxes, network.default_boxes)


def test_weights_by_the_names_of_torchvision_keep_the_shapes(tmp_path: Path) -> None:
    network = create("ssdlite320-mobilenetv3-large", 2)
    fit_default_boxes(network, objects(poles()))
    save_weights(tmp_path / "poles.safetensors", network, {"classes": ["pole"]})
    found = recognise(tmp_path / "poles.safetensors").model
    assert torch.equal(found.default_boxes, network.default_boxes)


@pytest.mark.parametrize(
    "shapes", [[[[0.1, 1.0]]], [[[0.1]]], 7, "x", [["ab"]], [[[0.1, -1.0]] * 6] * 6]
)
def test_shapes_that_are_not_those_of_the_network_are_refused(
    shapes: object, tmp_path: Path
) -> None:
    network = create("ssdlite320-mobilenetv3-large", 2)
    path = tmp_path / "w.safetensors"
    save_weights(path, network, {"classes": ["pole"], "box_shapes": shapes})
    with pytest.raises(ModelFileError, match="the default boxes in the file are not those of"):
        recognise(path)


def test_shapes_in_a_model_file_are_checked() -> None:
    content = json.loads(find_model("ssd300-mobilenetv2-oid").metadata.model_dump_json())
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="box_shapes"):
            Metadata.model_validate({**content, "box_shapes": [[[0.1, wrong]]]})


def test_a_resumed_training_keeps_its_boxes(tmp_path: Path) -> None:
    images = []
    for number, size in enumerate(poles(count=8)):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), np.full((SIZE[1], SIZE[0], 3), 90, np.uint8))
        images.append(replace(objects(np.tile(size, (4, 1))).images[0], path=path))
    data = DataSet("poles", ("pole",), tuple(images))
    recipe = Recipe.model_validate(
        {
            "name": "test",
            "model": {"network": "ssd300-mobilenetv2", "default_boxes": "fitted"},
            "data": {"train": ["none"]},
            "train": {"steps": 2, "batch": 2, "workers": 0, "average": 0.9},
        }
    )
    first = Trainer(recipe, data, toy(2), Place(tmp_path / "run"))
    (tmp_path / "run").mkdir()
    first.run(lambda _: None)
    assert first.network.fitted_shapes
    # Since then, somebody labelled other images.
    other = replace(data, images=objects(poles() * 0.5).images)
    resumed = Trainer(recipe, other, toy(2), Place(tmp_path / "run"))
    assert resumed.network.fitted_shapes != first.network.fitted_shapes
    resumed.resume()
    for network in (resumed.network, resumed.trained):
        assert torch.equal(network.default_boxes, first.network.default_boxes)
