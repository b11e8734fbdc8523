"""Give one file after another to the program, in a process of its own.

    python -m tools.fuzz.worker KIND

A line on standard input is the path of a file. A line on standard output is JSON: what came of it.
For a model file there is a line before, when all checks have passed and a runtime begins to load
it: from there on, the program itself uses a process of its own.
"""

import contextlib
import io
import itertools
import json
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from ssd_live.errors import BackendError, SsdLiveError
from ssd_live.system.paths import assets_folder

_FRAMES = 40
_LONGEST_MESSAGE = 2000
_PHOTO = assets_folder() / "media" / "chelsea.png"


def media(path: Path) -> None:
    """Decode the first frames of a clip, or an image."""
    from ssd_live.imaging.image_files import IMAGE_SUFFIXES, image_size, read_image
    from ssd_live.video.reader import VideoReader

    if path.suffix in IMAGE_SUFFIXES:
        image_size(path)
        read_image(path).network_input((32, 32))
        return
    with contextlib.closing(VideoReader(path)) as reader:
        for frame in itertools.islice(reader.read(start=0.1), _FRAMES):
            frame.network_input((32, 32))  # type: ignore[union-attr]


def models(path: Path) -> None:
    """Read a model file, load it on both runtimes, and compute one image."""
    import numpy as np

    from ssd_live.backends import load_backend
    from ssd_live.backends.base import LoadOptions
    from ssd_live.modelfile.file import read_model_file
    from ssd_live.selection.contract import contract_error

    model = read_model_file(path)
    width, height = model.metadata.input_size
    print(json.dumps({"result": "checked"}), flush=True)
    for name in ("onnxruntime", "openvino"):
        with load_backend(name, model, LoadOptions(threads=1)) as backend:
            outputs = backend.submit(np.zeros((1, height, width, 3), np.uint8)).result(20)
            contract_error(outputs, model.metadata)


def checkpoints(path: Path) -> None:
    """Give a file to all three readers of weights."""
    from ssd_live.models.weight_files import read_state, recognise
    from ssd_live.training import checkpoint

    refusals: list[SsdLiveError] = []
    for read in (checkpoint.load, read_state, recognise):
        try:
            read(path)
        except SsdLiveError as error:
            refusals.append(error)
    if len(refusals) == 3:
        raise refusals[0]


def texts(path: Path) -> None:
    """Give a text to what reads its kind, which is the first part of the file's name."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        _READERS[path.name.split(".")[0].split("-")[-1]](path, Path(folder))


def _settings(path: Path, folder: Path) -> None:
    from ssd_live.settings import load_settings, save_settings

    copy = Path(shutil.copy(path, folder / "settings.json"))
    settings, _ = load_settings(copy)
    save_settings(settings, copy)


def _recipe(path: Path, _: Path) -> None:
    from ssd_live.training.recipe import read_recipe

    read_recipe(path)


def _data(folder: Path) -> None:
    from ssd_live.datasets.check import check
    from ssd_live.datasets.load import load_data

    check(load_data(folder))


def _voc(path: Path, folder: Path) -> None:
    for name in ("Annotations", "JPEGImages"):
        (folder / name).mkdir()
    shutil.copy(path, folder / "Annotations" / "a.xml")
    shutil.copy(_PHOTO, folder / "JPEGImages" / "a.png")
    _data(folder)


def _coco(path: Path, folder: Path) -> None:
    (folder / "annotations").mkdir()
    shutil.copy(path, folder / "annotations" / "instances_a.json")
    shutil.copy(_PHOTO, folder / "a.jpg")
    _data(folder)


def _yolo_folder(folder: Path) -> None:
    for name in ("images", "labels"):
        (folder / name).mkdir()
    shutil.copy(_PHOTO, folder / "images" / "a.png")
    (folder / "labels" / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n")


def _yolo(path: Path, folder: Path) -> None:
    _yolo_folder(folder)
    (folder / "classes.txt").write_text("cat\ndog\n")
    shutil.copy(path, folder / "labels" / "a.txt")
    _data(folder)


def _names(path: Path, folder: Path) -> None:
    _yolo_folder(folder)
    shutil.copy(path, folder / "data.yaml")
    _data(folder)


def _classes(path: Path, folder: Path) -> None:
    _yolo_folder(folder)
    shutil.copy(path, folder / "classes.txt")
    _data(folder)


def _manifest(path: Path, folder: Path) -> None:
    from tools.fuzz.seeds import engine_store

    store, place = engine_store(folder)
    shutil.copy(path, place)
    wrong = [found for _, found in store.every() if isinstance(found, SsdLiveError)]
    store.remove_orphans()
    if wrong:
        raise wrong[0]


def _table(path: Path, folder: Path) -> None:
    from ssd_live.selection import measure, table
    from tests.tiny_model import tiny_model

    def no_trial(*_: object) -> Any:
        raise BackendError("not measured here")

    with (
        mock.patch.object(measure, "Trial", no_trial),
        mock.patch.dict(os.environ, {"SSD_LIVE_ENGINES": str(folder)}),
    ):
        model = tiny_model()
        place = table.table_path(model)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
        for row in measure.measured(model):
            f"{row.choice} {row.latency_ms:.1f} {row.throughput_fps:.1f} {row.agreement:.2f}"


def _journal(path: Path, folder: Path) -> None:
    from ssd_live.process.plan import Task
    from ssd_live.process.resume_log import MEMORY_FOLDER, ResumeLog

    (folder / MEMORY_FOLDER).mkdir()
    shutil.copy(path, folder / MEMORY_FOLDER / "finished.json")
    log = ResumeLog(folder)
    task = Task(folder / "a.mp4", Path("a.mp4"), folder / "b.mp4")
    log.finished(task, "key", with_log=True)
    log.made_result(folder / "x.jsonl")


def _zones(path: Path, folder: Path) -> None:
    from ssd_live.analytics.zones import read_zones, write_zones

    write_zones(read_zones(path), folder / "zones.json")


def _rules(path: Path, _: Path) -> None:
    from ssd_live.analytics.rules import RuleWatcher, read_rules
    from tools.fuzz.seeds import FUZZ_ZONES

    book = read_rules(path, FUZZ_ZONES, ("cat", "dog"))
    RuleWatcher(book.rules)
    " ".join(rule.sentence for rule in book.rules)


def _log(path: Path, folder: Path) -> None:
    from datetime import datetime

    from ssd_live.reporting.build import ReportOptions, make_report
    from ssd_live.reporting.page import Imprint

    copy = Path(shutil.copy(path, folder / "log.jsonl"))
    make_report(copy, ReportOptions(Imprint(datetime(2026, 1, 1), "1")), lambda _: None).encode()


_READERS: dict[str, Callable[[Path, Path], None]] = {
    "settings": _settings,
    "recipe": _recipe,
    "voc": _voc,
    "coco": _coco,
    "yolo": _yolo,
    "names": _names,
    "classes": _classes,
    "manifest": _manifest,
    "table": _table,
    "journal": _journal,
    "zones": _zones,
    "rules": _rules,
    "log": _log,
}
TARGETS: dict[str, Callable[[Path], None]] = {
    "media": media,
    "models": models,
    "texts": texts,
    "checkpoints": checkpoints,
}


def outcome(target: Callable[[Path], None], path: Path) -> dict[str, str]:
    """Return what came of a file: `ok`, `refused`, or `unexpected` with where it went wrong."""
    try:
        target(path)
    except SsdLiveError as error:
        message = str(error)
        if len(message.splitlines()) != 1 or len(message) > _LONGEST_MESSAGE:
            return {"result": "unexpected", "where": f"message of {type(error).__name__}"}
        return {"result": "refused"}
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "ssd_live" in Path(frame.filename).parts]
        place = own[-1] if own else frames[-1]
        where = f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"
        return {"result": "unexpected", "where": where}
    return {"result": "ok"}


def main() -> int:
    """Answer for each path on standard input, until it ends."""
    target = TARGETS[sys.argv[1]]
    # Libraries write to standard error, which nobody reads.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    sys.stderr = io.TextIOWrapper(io.BytesIO())
    for line in sys.stdin:
        print(json.dumps(outcome(target, Path(line.rstrip("\n")))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
