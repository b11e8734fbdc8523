"""The paper's networks and SSDLite320, held against plain transcriptions of torchvision's
documented forward passes, by parameter name.
"""

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ssd_live.errors import UnknownModelError, UsageError
from ssd_live.models import create

State = dict[str, Tensor]

# Published: torchvision's documentation for the COCO weights, and the VOC network as commonly
# counted.
PARAMETERS = {
    ("ssd300-vgg16", 91): 35_641_826,
    ("ssdlite320-mobilenetv3-large", 91): 3_440_060,
    ("ssd300-vgg16", 21): 26_285_486,
}


@pytest.mark.parametrize(("name", "classes"), PARAMETERS)
def test_a_network_has_as_many_parameters_as_published(name: str, classes: int) -> None:
    assert (
        sum(parameter.numel() for parameter in create(name, classes).parameters())
        == PARAMETERS[name, classes]
    )


@pytest.mark.parametrize(
    ("name", "size", "boxes"),
    [
        ("ssd300-vgg16", 300, 8732),
        ("ssd512-vgg16", 512, 24564),
        ("ssdlite320-mobilenetv3-large", 320, 3234),
    ],
)
def test_a_network_answers_for_every_default_box(name: str, size: int, boxes: int) -> None:
    network = create(name, 5).eval()
    with torch.inference_mode():
        regression, logits = network(torch.zeros(2, 3, size, size))
    assert network.default_boxes.shape == (boxes, 4)
    assert regression.shape == (2, boxes, 4)
    assert logits.shape == (2, boxes, 5)


def vgg16_ssd300(images: Tensor, state: State, classes: int) -> tuple[Tensor, Tensor]:
    """SSD300 written out layer by layer."""

    def conv(x: Tensor, name: str, **how: int) -> Tensor:
        return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], **how)

    x = images
    for block, indices in enumerate(((0, 2), (5, 7), (10, 12, 14), (17, 19, 21))):
        for index in indices:
            x = F.relu(conv(x, f"backbone.features.{index}", padding=1))
        if block < 3:
            x = F.max_pool2d(x, 2, 2, ceil_mode=block == 2)
    norm = x.pow(2).sum(1, keepdim=True).sqrt().clamp(min=1e-12)
    maps = [x / norm * state["backbone.scale_weight"].view(1, -1, 1, 1)]
    x = F.max_pool2d(x, 2, 2)
    for index in (1, 3, 5):
        x = F.relu(conv(x, f"backbone.extra.0.{index}", padding=1))
    x = F.max_pool2d(x, 3, 1, 1)
    x = F.relu(conv(x, "backbone.extra.0.7.1", padding=6, dilation=6))
    x = F.relu(conv(x, "backbone.extra.0.7.3"))
    maps.append(x)
    for layer, how in enumerate(
        ({"stride": 2, "padding": 1}, {"stride": 2, "padding": 1}, {}, {}), 1
    ):
        x = F.relu(conv(x, f"backbone.extra.{layer}.0"))
        x = F.relu(conv(x, f"backbone.extra.{layer}.2", **how))
        maps.append(x)

    def predictions(kind: str, columns: int) -> Tensor:
        rows = []
        for index, feature_map in enumerate(maps):
            answer = conv(feature_map, f"head.{kind}.module_list.{index}", padding=1)
            batch, _, height, width = answer.shape
            rows.append(
                answer.view(batch, -1, columns, height, width)
                .permute(0, 3, 4, 1, 2)
                .reshape(batch, -1, columns)
            )
        return torch.cat(rows, 1)

    return predictions("regression_head", 4), predictions("classification_head", classes)


def mobilenetv3_ssdlite320(images: Tensor, state: State, classes: int) -> tuple[Tensor, Tensor]:
    """SSDLite320 written out layer by layer; BatchNorm with running statistics."""

    def cna(
        x: Tensor, name: str, stride: int = 1, act: Callable[[Tensor], Tensor] | None = None
    ) -> Tensor:
        weight = state[f"{name}.0.weight"]
        kernel, groups = weight.shape[-1], x.shape[1] // weight.shape[1]
        x = F.conv2d(x, weight, stride=stride, padding=kernel // 2, groups=groups)
        mean, variance, gain, shift = (
            state[f"{name}.1.{key}"].view(1, -1, 1, 1)
            for key in ("running_mean", "running_var", "weight", "bias")
        )
        x = (x - mean) / torch.sqrt(variance + 0.001) * gain + shift
        return x if act is None else act(x)

    def squeeze(x: Tensor, name: str) -> Tensor:
        mean = F.adaptive_avg_pool2d(x, 1)
        hidden = F.relu(F.conv2d(mean, state[f"{name}.fc1.weight"], state[f"{name}.fc1.bias"]))
        return (
            F.hardsigmoid(F.conv2d(hidden, state[f"{name}.fc2.weight"], state[f"{name}.fc2.bias"]))
            * x
        )

    # stride, squeezes, activation, expands, adds the input: table 1 of the MobileNetV3 paper.
    re, hs = F.relu, F.hardswish
    rows = (
        (1, False, re, False, True),
        (2, False, re, True, False),
        (1, False, re, True, True),
        (2, True, re, True, False),
        (1, True, re, True, True),
        (1, True, re, True, True),
        (2, False, hs, True, False),
        (1, False, hs, True, True),
        (1, False, hs, True, True),
        (1, False, hs, True, True),
        (1, True, hs, True, False),
        (1, True, hs, True, True),
    )
    x = cna(images, "backbone.features.0.0", 2, hs)
    for number, (stride, squeezes, act, expands, adds) in enumerate(rows, 1):
        name, layer, start = f"backbone.features.0.{number}.block", 0, x
        if expands:
            x, layer = cna(x, f"{name}.{layer}", act=act), layer + 1
        x, layer = cna(x, f"{name}.{layer}", stride, act), layer + 1
        if squeezes:
            x, layer = squeeze(x, f"{name}.{layer}"), layer + 1
        x = cna(x, f"{name}.{layer}")
        x = start + x if adds else x
    x = cna(x, "backbone.features.0.13", act=hs)
    maps = [x]
    x = cna(x, "backbone.features.1.0.1", 2, hs)
    x = cna(squeeze(x, "backbone.features.1.0.2"), "backbone.features.1.0.3")
    for number in (1, 2):
        name, start = f"backbone.features.1.{number}.block", x
        x = cna(cna(x, f"{name}.0", act=hs), f"{name}.1", act=hs)
        x = start + cna(squeeze(x, f"{name}.2"), f"{name}.3")
    x = cna(x, "backbone.features.1.3", act=hs)
    maps.append(x)
    for number in range(4):
        name = f"backbone.extra.{number}"
        x = cna(
            cna(cna(x, f"{name}.0", act=F.relu6), f"{name}.1", 2, F.relu6), f"{name}.2", act=F.relu6
        )
        maps.append(x)

    def predictions(kind: str, columns: int) -> Tensor:
        answers = []
        for index, feature_map in enumerate(maps):
            name = f"head.{kind}.module_list.{index}"
            answer = F.conv2d(
                cna(feature_map, f"{name}.0", act=F.relu6),
                state[f"{name}.1.weight"],
                state[f"{name}.1.bias"],
            )
            batch, _, height, width = answer.shape
            answers.append(
                answer.view(batch, -1, columns, height, width)
                .permute(0, 3, 4, 1, 2)
                .reshape(batch, -1, columns)
            )
        return torch.cat(answers, 1)

    return predictions("regression_head", 4), predictions("classification_head", classes)


@pytest.mark.parametrize(
    ("name", "size", "oracle"),
    [
        ("ssd300-vgg16", 300, vgg16_ssd300),
        ("ssdlite320-mobilenetv3-large", 320, mobilenetv3_ssdlite320),
    ],
)
def test_the_forward_pass_equals_the_documented_one(
    name: str, size: int, oracle: Callable[[Tensor, State, int], tuple[Tensor, Tensor]]
) -> None:
    torch.manual_seed(1)
    network = create(name, 7, preset="coco").eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            # Fresh statistics would hide an exchanged mean or variance.
            torch.nn.init.normal_(module.bias, 0, 0.1)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            assert module.running_mean is not None
            assert module.running_var is not None
            torch.nn.init.normal_(module.running_mean, 0, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    image = torch.randn(1, 3, size, size)
    with torch.inference_mode():
        regression, logits = network(image)
        expected_regression, expected_logits = oracle(image, network.state_dict(), 7)
    torch.testing.assert_close(regression, expected_regression, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(logits, expected_logits, atol=1e-4, rtol=1e-4)


def literal_boxes(
    grids: list[int],
    steps: list[int] | None,
    scales: list[float],
    ratios: list[list[int]],
    size: int,
) -> Tensor:
    """cx, cy, w, h as the published generators loop over them, before any clipping."""
    boxes = []
    for index, grid in enumerate(grids):
        cells = size / steps[index] if steps else grid
        for row in range(grid):
            for column in range(grid):
                cx, cy = (column + 0.5) / cells, (row + 0.5) / cells
                scale, larger = scales[index], math.sqrt(scales[index] * scales[index + 1])
                boxes += [(cx, cy, scale, scale), (cx, cy, larger, larger)]
                for ratio in ratios[index]:
                    root = math.sqrt(ratio)
                    boxes += [
                        (cx, cy, scale * root, scale / root),
                        (cx, cy, scale / root, scale * root),
                    ]
    return torch.tensor(boxes)


STEPS_300, GRIDS_300 = [8, 16, 32, 64, 100, 300], [38, 19, 10, 5, 3, 1]
RATIOS_300 = [[2], [2, 3], [2, 3], [2, 3], [2], [2]]


def test_the_coco_preset_has_the_default_boxes_of_the_published_weights() -> None:
    expected = literal_boxes(
        GRIDS_300, STEPS_300, [0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05], RATIOS_300, 300
    )
    expected[:, 2:] = expected[:, 2:].clamp(0, 1)
    torch.testing.assert_close(
        create("ssd300-vgg16", 91, preset="coco").default_boxes, expected, atol=1e-6, rtol=0
    )


def test_the_voc_preset_has_the_papers_scales() -> None:
    expected = literal_boxes(
        GRIDS_300, STEPS_300, [0.1, 0.2, 0.37, 0.54, 0.71, 0.88, 1.05], RATIOS_300, 300
    ).clamp(0, 1)
    torch.testing.assert_close(
        create("ssd300-vgg16", 21).default_boxes, expected, atol=1e-6, rtol=0
    )


def test_ssdlite_has_evenly_spaced_scales_and_cells() -> None:
    scales = [0.2 + 0.75 * k / 5 for k in range(6)] + [1.0]
    expected = literal_boxes([20, 10, 5, 3, 2, 1], None, scales, [[2, 3]] * 6, 320)
    expected[:, 2:] = expected[:, 2:].clamp(0, 1)
    torch.testing.assert_close(
        create("ssdlite320-mobilenetv3-large", 91).default_boxes, expected, atol=1e-6, rtol=0
    )


def test_conv4_3_is_normalised_to_a_length_of_20_at_first() -> None:
    backbone = create("ssd300-vgg16", 21).backbone.eval()
    with torch.inference_mode():
        lengths = backbone(torch.randn(1, 3, 300, 300))[0].norm(dim=1)
    torch.testing.assert_close(lengths, torch.full_like(lengths, 20.0), atol=1e-3, rtol=0)


def test_an_unknown_preset_or_too_few_classes_are_refused() -> None:
    with pytest.raises(UsageError, match="voc or coco"):
        create("ssd300-vgg16", 21, preset="kitti")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="at least 2"):
        create("ssd300-vgg16", 1)
    with pytest.raises(UnknownModelError, match="ssd300-vgg16"):
        create("ssd300-vgg61", 21)
