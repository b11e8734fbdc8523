"""`export`: write a model file with an agreement sample.

The agreement sample is a few frames in the model file on which backends are compared.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from ssd_live.backends import load_backend
from ssd_live.backends.base import LoadOptions
from ssd_live.commands.export import Request
from ssd_live.commands.progress import notify
from ssd_live.errors import MissingPackageError, OutputError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.image_files import IMAGE_SUFFIXES, read_image
from ssd_live.modelfile.file import ModelFile, read_model_file, write_model_file
from ssd_live.process.plan import make_plan
from ssd_live.selection.agreement import answers, with_sample
from ssd_live.system.paths import assets_folder, engines_folder
from ssd_live.video.reader import VideoReader

# At most this many frames are read; `with_sample` keeps the best few of them.
_MAX_FRAMES = 2000


def run(request: Request) -> None:
    """Export a trained model as a model file.

    The agreement sample comes from the requested data, or from the bundled photos and clip if no
    data are requested. Raises `UnknownModelError` if there is no such model, `MissingPackageError`
    if PyTorch is not installed, `ModelFileError` if the model is damaged, `MediaError` if the data
    cannot be read, and `OutputError` if the output exists and may not be overwritten, or if it
    cannot be written.
    """
    path = request.output or Path(f"{request.name}.onnx")
    if path.exists() and not request.overwrite:
        raise OutputError(
            f"{path}: exists already; give --overwrite to replace it, or another name with -o"
        )
    frames = frames_of(request.data) if request.data else bundled_frames()
    write(_exported(request.name), path, frames)


def _exported(name: str) -> ModelFile:
    """Return the model file of the model `name`.

    If the model was imported or trained on this machine, its model file is read. A model that comes
    with the program is exported from its weights. Raises `MissingPackageError` if PyTorch is not
    installed, `UnknownModelError` if there is no such model, and `ModelFileError` if the model is
    damaged.
    """
    made_here = engines_folder() / "models" / f"{name}.onnx"
    if made_here.is_file():
        return read_model_file(made_here)
    try:
        from ssd_live.export.model_file import export_model
    except ImportError as error:
        raise MissingPackageError(
            "export needs PyTorch; run `pip install '.[train]'` (the README says how to get the "
            "CPU build)"
        ) from error
    return export_model(name)


def write(model: ModelFile, path: Path, frames: Iterable[Frame]) -> ModelFile:
    """Write `model` to `path` with an agreement sample chosen from `frames`, and return it.

    The returned model includes the sample: the frames in which ONNX Runtime finds the most
    detections. Raises `MediaError` if a frame cannot be read, `MissingPackageError` if ONNX Runtime
    is not installed, and `OutputError` if the file cannot be written.
    """
    fit = model.metadata.input_fit
    images = [fit.image(frame) for frame in islice(frames, _MAX_FRAMES)]
    with load_backend("onnxruntime", model, LoadOptions()) as backend:
        model = with_sample(model, images, answers(backend, images))
    write_model_file(path, model)
    notify(
        f"{len(images)} frames read, {len(model.metadata.agreement_sample)} of them kept as the "
        "agreement sample"
    )
    print(f"written: {path} ({len(model.data) / 1e6:.1f} MB)")
    return model


def bundled_frames() -> Iterator[Frame]:
    """Yield the frames of the bundled photos and the bundled clip."""
    return frames_of(assets_folder() / "media")


def frames_of(data: Path) -> Iterator[Frame]:
    """Yield the frames of a video, of an image, or of all videos and images in a folder.

    Raises `MediaError` if a file does not exist or cannot be read, or if the folder has no video or
    image.
    """
    for task in make_plan([str(data)], None, "h264").tasks:
        yield from _read(task.source)


def _read(path: Path) -> Iterator[Frame]:
    if path.suffix.lower() in IMAGE_SUFFIXES:
        yield read_image(path)
        return
    with VideoReader(path) as reader:
        yield from (item for item in reader.read() if isinstance(item, Frame))
