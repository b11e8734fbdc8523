"""Frames are computed in batches that suit the backend."""

import pytest

from ssd_live.backends.base import Precision
from ssd_live.selection.choice import BackendChoice, batch_for_video


@pytest.mark.parametrize(
    ("backend", "device", "precision", "batch"),
    [
        ("openvino", "CPU", "int8", 2),
        ("openvino", "CPU", "bf16", 1),
        ("onnxruntime", "CPU", "int8", 1),
        ("tensorrt", "GPU", "fp16", 8),
    ],
)
def test_frames_of_files_are_computed_so_many_at_once(
    backend: str, device: str, precision: Precision, batch: int
) -> None:
    assert batch_for_video(BackendChoice(backend, device, precision)) == batch
