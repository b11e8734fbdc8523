"""Several users of one loaded model, each in a thread of its own."""

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from ssd_live.backends import load_backend
from ssd_live.backends.base import Backend, LoadOptions
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.catalogue import find_model
from ssd_live.selection.agreement import NormalisedDetections, answer_of
from ssd_live.selection.load import with_score_threshold
from ssd_live.system.paths import assets_folder

PHOTOS = ("chelsea.png", "astronaut.png", "coffee.png")
ROUNDS = 4


@pytest.fixture(scope="module")
def images() -> list[Pixels]:
    paths: list[Path] = [assets_folder() / "media" / name for name in PHOTOS]
    return [
        np.asarray(cv2.resize(np.asarray(cv2.imread(str(path))), (300, 300)), np.uint8)
        for path in paths
    ]


def _same(one: NormalisedDetections, other: NormalisedDetections) -> bool:
    return np.array_equal(one.scores, other.scores) and np.array_equal(one.boxes, other.boxes)


@pytest.mark.parametrize("threshold", [0.0, 0.2])
@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_each_user_of_a_shared_model_gets_the_answers_to_its_own_pictures(
    name: str, threshold: float, images: list[Pixels]
) -> None:
    options = LoadOptions(workload="throughput", threads=2)
    with load_backend(
        name, with_score_threshold(find_model("ssd300-mobilenetv2-oid"), threshold), options
    ) as owner:
        wanted = [answer_of(owner.submit(image[None]).result(), 0) for image in images]
        users: list[Backend] = [owner]
        while len(users) < len(images):
            other = owner.share()
            assert other is not None
            assert (other.slots, other.description) == (owner.slots, owner.description)
            users.append(other)
        right = [0] * len(users)

        def use(number: int) -> None:
            for _ in range(ROUNDS):
                pending = [
                    users[number].submit(images[number][None]) for _ in range(users[number].slots)
                ]
                right[number] += sum(
                    _same(answer_of(one.result(), 0), wanted[number]) for one in pending
                )

        threads = [threading.Thread(target=use, args=(number,)) for number in range(len(users))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert right == [ROUNDS * owner.slots] * len(users)
        for other in users[1:]:
            other.close()
        assert _same(answer_of(owner.submit(images[0][None]).result(), 0), wanted[0]), (
            "closing a share leaves the model to its owner"
        )


def test_pytorch_has_one_user() -> None:
    pytest.importorskip("torch")
    with load_backend("torch", find_model("ssd300-mobilenetv2-oid"), LoadOptions()) as owner:
        assert owner.share() is None
