"""Frames that stay in GPU memory, in a job.

Ordinary memory stands in for that of a GPU: FFmpeg decodes on the CPU, and the backend makes the
network inputs from its frames.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.codec.hwaccel import HWAccel

from ssd_live.backends import load_backend
from ssd_live.backends.base import Backend, LoadOptions, Pending
from ssd_live.closing import Closing
from ssd_live.detection.filter import accept_all
from ssd_live.errors import BackendError
from ssd_live.imaging.frame import Frame, Region
from ssd_live.imaging.gpu_frame import GpuFrame, GpuPicture
from ssd_live.imaging.pixels import Pixels
from ssd_live.imaging.planes import as_yuv420p, planes_of
from ssd_live.modelfile.catalogue import find_model
from ssd_live.process.job import Job, LoadedModel, ModelConfig, ProcessOptions
from ssd_live.process.plan import Task
from ssd_live.process.report import Report
from ssd_live.results.records import LogPaths
from ssd_live.selection.choice import BackendChoice
from ssd_live.video import reader
from ssd_live.video.containers import open_file
from ssd_live.video.hardware import Accelerator
from ssd_live.video.writer import Quality
from tests.clips import write_clip

MODEL = "ssdlite300-mobilenetv2-person"
REGION = Region(33, 21, 200, 111)


class GpuMemoryBackend(Closing):
    """A backend on the CPU that takes pictures too. `shift` is added to their network inputs."""

    takes_gpu_pictures = True

    def __init__(self, inner: Backend, shift: int = 0, failure: str = "") -> None:
        self._inner, self._shift, self._failure = inner, shift, failure
        self.slots, self.description = inner.slots, inner.description
        self.pictures = self.images = 0

    def submit(self, images: Pixels) -> Pending:
        self.images += len(images)
        return self._inner.submit(images)

    def submit_pictures(self, pictures: Sequence[GpuPicture]) -> Pending:
        self.pictures += len(pictures)
        return self._inner.submit(np.stack([self.resized(picture) for picture in pictures]))

    def resized(self, picture: GpuPicture) -> Pixels:
        if self._failure:
            raise BackendError(self._failure)
        native = picture.native
        planes = planes_of(as_yuv420p(native, native.width, native.height))
        image = Frame(planes, "yuv420p", picture.matrix).network_input((300, 300), picture.region)
        return np.asarray(np.clip(image.astype(int) + self._shift, 0, 255), np.uint8)

    def share(self) -> None:
        return None

    def close(self) -> None:
        self._inner.close()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", 12)


@pytest.fixture
def load() -> Iterator[Callable[..., GpuMemoryBackend]]:
    loaded: list[GpuMemoryBackend] = []

    def load(batch: int = 1, model: str = MODEL, **options: Any) -> GpuMemoryBackend:
        inner = load_backend("onnxruntime", find_model(model), LoadOptions(batch=batch))
        loaded.append(GpuMemoryBackend(inner, **options))
        return loaded[-1]

    yield load
    for backend in loaded:
        backend.close()


@pytest.fixture(autouse=True)
def decoder_of_a_gpu(monkeypatch: pytest.MonkeyPatch, clip: Path) -> None:
    """FFmpeg's own way back to the CPU stands in for the decoder of a GPU."""
    accelerator = Accelerator("cuda", HWAccel("cuda", allow_software_fallback=True))
    with av.open(str(clip)) as container:
        first = next(container.decode(video=0))
    monkeypatch.setattr(reader, "working_accelerator", lambda *_: accelerator)
    monkeypatch.setattr(reader, "kept_on_gpu", lambda *_: (accelerator, first))
    # Without a device, PyAV does not open a file for this decoder.
    monkeypatch.setattr(reader, "open_file", lambda path, _: open_file(path))


def _run(
    clip: Path,
    backend: GpuMemoryBackend,
    folder: Path,
    *,
    video: bool = False,
    batch: int = 1,
    name: str = MODEL,
    **options: Any,
) -> tuple[Report, list[str]]:
    """The report and the lines about frames in the file of detections."""
    folder.mkdir()
    log = folder / "found.jsonl"
    model = find_model(name)
    config = ModelConfig(
        model, BackendChoice("torch", "CUDA", "fp32"), accept_all(model.metadata), batch
    )
    task = Task(clip, Path(clip.name), folder / "out.mp4" if video else None)
    settings = ProcessOptions(Quality("h264", 23), **options)
    report = Job(task, LoadedModel(config, backend, 2), settings, LogPaths(log, log)).run()
    return report, log.read_text().splitlines()[1:]


@pytest.mark.parametrize(
    "options", [{}, {"region": REGION}, {"every": 3}, {"start": 0.2}, {"max_frames": 5}]
)
@pytest.mark.parametrize("batch", [1, 5])
def test_frames_in_gpu_memory_give_the_same_detections(
    load: Callable[..., GpuMemoryBackend],
    clip: Path,
    tmp_path: Path,
    batch: int,
    options: dict[str, Any],
) -> None:
    backend = load(batch)
    _, right = _run(clip, backend, tmp_path / "cpu", batch=batch, **options)
    assert backend.images > 0
    assert not backend.pictures
    backend.images = 0
    report, found = _run(
        clip, backend, tmp_path / "gpu", batch=batch, hardware_decoding=True, **options
    )
    assert found == right
    assert backend.pictures > 0
    assert not backend.images
    assert "decoded by hardware (cuda); the frames stayed in GPU memory" in report.notes


def test_a_video_to_write_takes_frames_in_cpu_memory(
    load: Callable[..., GpuMemoryBackend], clip: Path, tmp_path: Path
) -> None:
    backend = load()
    report, _ = _run(clip, backend, tmp_path / "out", video=True, hardware_decoding=True)
    assert not backend.pictures
    assert "decoded by hardware (cuda)" in report.notes


def test_a_backend_that_reads_gpu_memory_wrongly_gets_frames_in_cpu_memory(
    load: Callable[..., GpuMemoryBackend], clip: Path, tmp_path: Path
) -> None:
    _, right = _run(clip, load(), tmp_path / "cpu")
    backend = load(shift=2)
    report, found = _run(clip, backend, tmp_path / "gpu", hardware_decoding=True)
    assert found == right
    assert not backend.pictures
    assert "decoded by hardware (cuda)" in report.notes


def test_a_backend_that_fails_to_read_gpu_memory_says_why(
    load: Callable[..., GpuMemoryBackend], clip: Path, tmp_path: Path
) -> None:
    backend = load(failure="the GPU failed: no device")
    report, found = _run(clip, backend, tmp_path / "gpu", hardware_decoding=True)
    assert len(found) == 12
    assert "frames cannot stay in GPU memory (the GPU failed: no device)" in report.notes


def test_a_region_follows_a_frame_that_changes_its_size() -> None:
    native = av.VideoFrame(320, 180, "yuv420p")
    frame = GpuFrame((), "yuv420p", native=native, size=(640, 360))
    assert (frame.width, frame.height) == (640, 360)
    assert frame.nbytes == 640 * 360 * 3 // 2
    assert frame.picture(Region(100, 50, 201, 1)).region == Region(50, 25, 100, 1)
    assert frame.picture().region is None


def test_frames_for_a_letterboxed_model_are_copied_to_the_cpu(
    load: Callable[..., GpuMemoryBackend], clip: Path, tmp_path: Path
) -> None:
    """Backends cannot put bars around a picture in GPU memory."""
    faces, plain = load(model="blazeface-256"), load(model="blazeface-256")
    report, found = _run(
        clip, faces, tmp_path / "gpu", name="blazeface-256", hardware_decoding=True
    )
    _, expected = _run(clip, plain, tmp_path / "cpu", name="blazeface-256")
    assert (faces.pictures, faces.images) == (0, 12)
    assert found == expected
    assert "decoded by hardware (cuda)" in report.notes
