"""Define the description that a model file contains.

It is one JSON value in the metadata of the ONNX file, under the key `ssd_live`.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ssd_live.imaging.frame import InputFit, Resize

METADATA_KEY = "ssd_live"
SCHEMA_VERSION: Literal[1] = 1

Fraction = Annotated[float, Field(ge=0, le=1)]
Channels = tuple[float, float, float]
# A default box may be longer than the image, but not without limit.
_Scale = Annotated[float, Field(gt=0, le=4)]
_Ratio = Annotated[float, Field(gt=0, le=1e6)]


class Metadata(BaseModel):
    """The description of a model that its model file contains.

    `network` is the name of the network in the zoo. `classes` and `category_ids` are in the order
    of the network's outputs, without the background. If `box_shapes` is not empty, it has the scale
    and the ratio of each default box of a cell, for each feature map, where they are fitted to
    data. `input_size` is (width, height) in pixels, and `resize` says how an image gets this size.
    `mean` and `scale` have one value for each RGB channel of pixels in 0..255: the network takes
    `(pixel - mean) * scale`. NMS looks at scores over `score_threshold` and drops boxes over the
    IoU `iou_threshold`. `display_threshold` is the lowest score of a detection that is shown. If
    `class_thresholds` is not empty, it has a display threshold for each class, and
    `display_threshold` is the one that suits all classes together. All thresholds are between 0 and
    1. `nms` is the kind of NMS that the file ends in.
    `agreement_sample` holds frames at the input size, as base64 of JPEG files, on which backends
    and precisions are compared.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: Literal[1] = SCHEMA_VERSION
    # The name becomes part of file names.
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    network: str
    # The set of default boxes, for the networks that have two.
    preset: Literal["voc", "coco"] = "voc"
    box_shapes: tuple[tuple[tuple[_Scale, _Ratio], ...], ...] = ()
    classes: Annotated[tuple[str, ...], Field(min_length=1)]
    category_ids: tuple[int, ...]
    input_size: tuple[Annotated[int, Field(ge=16, le=4096)], Annotated[int, Field(ge=16, le=4096)]]
    resize: Resize = "stretch, linear"
    mean: Channels
    scale: Channels
    score_activation: Literal["sigmoid", "softmax"]
    score_threshold: Fraction
    iou_threshold: Fraction
    max_detections: Annotated[int, Field(ge=1, le=10_000)] = 200
    display_threshold: Fraction
    class_thresholds: tuple[Fraction, ...] = ()
    precision: Literal["float32", "float16", "int8"] = "float32"
    # The SHA-256 of the float32 file that this file was quantised from.
    quantised_from: str = ""
    nms: Literal["onnx", "efficientnms_trt", "fixed"] = "onnx"
    training_data: str
    licence: str
    provenance: str
    agreement_sample: tuple[str, ...] = ()

    @property
    def input_fit(self) -> InputFit:
        """How frames become network inputs of the model."""
        return InputFit(self.input_size, self.resize)

    @property
    def lowest_shown(self) -> float:
        """The lowest score of a detection that is shown, of whichever class."""
        return min(self.class_thresholds, default=self.display_threshold)

    @model_validator(mode="after")
    def _one_value_a_class(self) -> Self:
        if len(self.category_ids) != len(self.classes):
            raise ValueError(
                f"{len(self.classes)} classes but {len(self.category_ids)} category ids; each "
                "class needs one"
            )
        if self.class_thresholds and len(self.class_thresholds) != len(self.classes):
            raise ValueError(
                f"{len(self.classes)} classes but {len(self.class_thresholds)} class thresholds; "
                "each class needs one, or none has one"
            )
        return self
