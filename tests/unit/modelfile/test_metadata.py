"""The description inside a model file: what it takes and what it does not."""

from typing import Any

import pytest
from pydantic import ValidationError

from ssd_live.modelfile.metadata import Metadata
from tests.tiny_model import tiny_metadata


def test_metadata_survives_its_own_json() -> None:
    metadata = tiny_metadata(classes=("Katze", "犬"), agreement_sample=("AAAA",))
    assert Metadata.model_validate_json(metadata.model_dump_json()) == metadata


def test_what_later_versions_add_is_ignored() -> None:
    text = tiny_metadata().model_dump_json().replace("{", '{"added_later": [1, 2], ', 1)
    assert Metadata.model_validate_json(text) == tiny_metadata()


def test_metadata_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        tiny_metadata().name = "other"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema_version", 2),
        ("name", ""),
        ("name", "x" * 201),
        ("classes", ()),
        ("classes", "cat"),
        ("category_ids", (1,)),
        ("category_ids", (1, 2, 3)),
        ("category_ids", ("a", "b")),
        ("input_size", (300,)),
        ("input_size", (8, 300)),
        ("input_size", (300, 5000)),
        ("resize", "letterbox"),
        ("mean", (1.0, 2.0)),
        ("score_activation", "relu"),
        ("score_threshold", -0.1),
        ("iou_threshold", 1.1),
        ("display_threshold", "high"),
        ("display_threshold", float("nan")),
        ("class_thresholds", (0.5,)),
        ("class_thresholds", (0.5, 1.1)),
        ("max_detections", 0),
        ("max_detections", 10_001),
        ("precision", "int4"),
        ("nms", "none"),
        ("agreement_sample", "AAAA"),
    ],
)
def test_a_wrong_value_is_refused_and_its_field_is_named(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        tiny_metadata(**{field: value})
    places = [error["loc"] for error in caught.value.errors()]
    # That classes and ids pair up is a rule of the whole.
    assert all(place[:1] in ((field,), ()) for place in places)


@pytest.mark.parametrize(
    "field",
    [
        "name",
        "network",
        "classes",
        "category_ids",
        "input_size",
        "mean",
        "scale",
        "licence",
        "provenance",
    ],
)
def test_a_field_without_a_default_must_be_there(field: str) -> None:
    fields = tiny_metadata().model_dump()
    del fields[field]
    with pytest.raises(ValidationError, match=field):
        Metadata.model_validate(fields)


def test_a_class_and_its_category_id_must_pair_up() -> None:
    with pytest.raises(ValidationError, match="2 classes but 3 category ids; each class needs one"):
        tiny_metadata(category_ids=(1, 2, 3))
