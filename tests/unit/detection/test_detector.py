"""The library's detector: shared by threads, closed, forked, and given what is not an image."""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ssd_live
from ssd_live.detection.detector import Detector
from ssd_live.detections import Detections
from ssd_live.errors import UsageError
from ssd_live.imaging.image_files import read_image
from ssd_live.imaging.pixels import Pixels
from ssd_live.system.paths import assets_folder
from ssd_live.video.reader import VideoReader
from tests.clips import SAMPLE
from tests.waiting import wait_for

BACKENDS = ("openvino", "onnxruntime")


@pytest.fixture(scope="module", params=BACKENDS)
def detector(request: pytest.FixtureRequest) -> Iterator[Detector]:
    with ssd_live.load(backend=request.param, precision="fp32") as loaded:
        yield loaded


@pytest.fixture(scope="module")
def images() -> list[Pixels]:
    """Frames of the sample clip that differ from each other."""
    with VideoReader(SAMPLE) as reader:
        frames = [item for item in reader.read() if hasattr(item, "bgr")][::30]
        return [np.array(frame.bgr()) for frame in frames]


def test_threads_share_a_detector_and_each_gets_the_answer_to_its_own_image(
    detector: Detector, images: list[Pixels]
) -> None:
    alone = [detector(image) for image in images]
    assert len({len(found) for found in alone}) > 1
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(detector, images * 8))
    for found, expected in zip(together, alone * 8, strict=True):
        assert_same(found, expected)


def assert_same(found: Detections, expected: Detections) -> None:
    assert found.names == expected.names
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.01)


@pytest.mark.parametrize(
    ("image", "line"),
    [
        ("photo.jpg", "not str; read a file with cv2.imread first"),
        (Path("photo.jpg"), "must be a NumPy array"),
        ([[[0, 0, 0]]], "not list"),
        (None, "not NoneType"),
        (np.zeros((4, 4), np.uint8), r"not \(4, 4\) uint8"),
        (np.zeros((4, 4, 3), np.float32), "float32; convert the image first"),
        (np.zeros((0, 4, 3), np.uint8), r"not \(0, 4, 3\)"),
    ],
)
def test_what_is_not_an_image_is_refused_in_one_line(
    detector: Detector, image: Any, line: str
) -> None:
    with pytest.raises(UsageError, match=line):
        detector(image)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_closed_detector_says_so_and_may_be_closed_again(
    backend: str, images: list[Pixels]
) -> None:
    detector = ssd_live.load(backend=backend, precision="fp32")
    detector.close()
    detector.close()
    with pytest.raises(UsageError, match="the detector is closed; load a new detector"):
        detector(images[0])


@pytest.mark.skipif(sys.platform != "linux", reason="forking is for Linux")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_in_a_forked_process_a_detector_refuses_instead_of_hanging(
    detector: Detector, images: list[Pixels]
) -> None:
    child = os.fork()
    if child == 0:
        code = 9
        try:
            detector(images[0])
        except UsageError as error:
            code = 7 if "in each process" in str(error) else 8
        finally:
            os._exit(code)
    try:
        assert wait_for(lambda: ended(child)) == 7
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise


@pytest.fixture(scope="module")
def faces() -> Pixels:
    """A wide image (540, 960, 3) in which a face is at the right."""
    photo = read_image(assets_folder() / "media" / "astronaut.png").planes[0]
    image = np.full((540, 960, 3), 120, np.uint8)
    image[20:532, 440:952] = photo
    return image


# The corners of the face in `faces`.
FACE = (440 + 174, 20 + 71, 440 + 278, 20 + 177)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("model", ["blazeface-256", "blazeface-full-range"])
def test_a_letterboxed_image_is_the_image_padded_to_a_square(
    backend: str, model: str, faces: Pixels
) -> None:
    square = np.pad(faces, ((210, 210), (0, 0), (0, 0)))
    with ssd_live.load(model, backend=backend, precision="fp32") as detector:
        found, expected = detector(faces), detector(square)
        assert_same(detector.many([faces, square])[0], found)
    assert found.names == ["Face"]
    np.testing.assert_allclose(found.boxes[0], FACE, atol=12)
    # At the edges of the bars, the resize of the square mixes the pixels with black ones.
    np.testing.assert_allclose(found.scores, expected.scores, atol=0.01)
    np.testing.assert_allclose(found.boxes, expected.boxes - [0, 210, 0, 210], atol=1)


def ended(child: int) -> int | None:
    """The exit code of a child process once it has ended."""
    found, status = os.waitpid(child, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def test_loading_a_detector_changes_nothing_of_the_program_around_it() -> None:
    import cv2

    before = (gc.get_freeze_count(), cv2.getNumThreads())
    with ssd_live.load(backend="openvino", precision="fp32"):
        assert (gc.get_freeze_count(), cv2.getNumThreads()) == before
