"""Batches in flight are given up at once, and the backend goes on with others."""

import time
from collections.abc import Iterator

import numpy as np
import pytest

from ssd_live.backends import load_backend
from ssd_live.backends.base import Backend, CancellablePending, LoadOptions
from ssd_live.errors import BackendError
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.catalogue import find_model
from ssd_live.selection.agreement import sample_images

MODEL = find_model("ssd300-mobilenetv2-oid")
ROUNDS = 3


@pytest.fixture(params=["openvino", "onnxruntime"])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    options = LoadOptions(workload="throughput", threads=1)
    with load_backend(request.param, MODEL, options) as loaded:
        yield loaded


def test_cancelled_batches_end_soon_and_the_slots_serve_others(backend: Backend) -> None:
    images = [image[None].copy() for image in sample_images(MODEL)]
    expected = count(backend, images[0])
    started = time.perf_counter()
    count(backend, images[0])
    one = time.perf_counter() - started
    for _ in range(ROUNDS):
        in_flight = [backend.submit(images[0]) for _ in range(backend.slots)]
        started = time.perf_counter()
        for pending in in_flight:
            assert isinstance(pending, CancellablePending)
            pending.cancel()
        stopped = 0
        for pending in in_flight:
            try:
                pending.result(timeout=30)
            except BackendError:
                stopped += 1
        # All of them, one after the other, take as many times the time of one.
        assert stopped > backend.slots // 2, f"{time.perf_counter() - started} s, one takes {one} s"
        assert count(backend, images[0]) == expected
    outputs = [backend.submit(image).result(timeout=30) for image in images[:3]]
    assert all(np.isfinite(one.scores[0, : int(one.num_detections[0, 0])]).all() for one in outputs)


def count(backend: Backend, image: Pixels) -> int:
    return int(backend.submit(image).result(timeout=30).num_detections[0, 0])
