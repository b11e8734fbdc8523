"""Make sound input of every kind to begin with."""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import av
import cv2

from ssd_live.analytics.zones import Zone, write_zones
from ssd_live.backends.tensorrt.builder import BuildOptions
from ssd_live.backends.tensorrt.store import EngineStore, key_for
from ssd_live.process.plan import Task
from ssd_live.process.resume_log import MEMORY_FOLDER, Outcome, ResumeLog
from ssd_live.selection.choice import BackendChoice
from ssd_live.selection.table import BackendMeasurement, store, table_path
from ssd_live.settings import Settings, save_settings
from ssd_live.system.paths import assets_folder
from tests.clips import write_clip
from tests.tiny_model import tiny_model, tiny_proto
from tools.fuzz.mutate import BYTES, GRAPH, TEXT, Mutator

_PHOTO = assets_folder() / "media" / "chelsea.png"
_SIZE = (64, 48)
_VOC = """<annotation><filename>a.jpg</filename>
<size><width>64</width><height>48</height><depth>3</depth></size>
<object><name>cat</name><difficult>0</difficult>
<bndbox><xmin>5</xmin><ymin>6</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object>
<object><name>dog</name>
<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>64</xmax><ymax>48</ymax></bndbox></object></annotation>
"""
_COCO = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 3, "bbox": [2, 3, 10, 20], "iscrowd": 0},
        {"id": 2, "image_id": 1, "category_id": 5, "segmentation": [[1, 2, 30, 4, 5, 40]]},
    ],
    "categories": [{"id": 3, "name": "cat", "supercategory": "animal"}, {"id": 5, "name": "dog"}],
}

FUZZ_ZONES = (
    Zone("Door", "area", ((0.1, 0.1), (0.5, 0.1), (0.5, 0.5)), classes=("cat",)),
    Zone("Gate", "line", ((0.2, 0.9), (0.8, 0.9))),
    Zone("Tree", "mask", ((0.6, 0.1), (0.9, 0.1), (0.9, 0.4))),
)
_RULES = {
    "version": 1,
    "rules": [
        {"name": "Stays", "zone": "Door", "when": "inside", "seconds": 3, "do": ["photo", "post"]},
        {"name": "In", "zone": "Gate", "when": "in", "classes": ["cat"], "pause": 60},
        {"name": "Many", "zone": "Door", "when": "count", "at_least": 4, "from": "18:00",
         "to": "07:00", "days": ["mon", "sun"], "do": ["film", "home", "run"]},
    ],
    "actions": [
        {"name": "photo", "kind": "snapshot", "boxes": False},
        {"name": "film", "kind": "clip", "before": 5, "after": 2.5},
        {"name": "post", "kind": "webhook", "address": "https://me:x@host:8443/a?b=c"},
        {"name": "home", "kind": "mqtt", "address": "mqtt://host/a/b", "home_assistant": True},
        {"name": "run", "kind": "command", "command": ["ls", "-l"]},
    ],
    "files": {"folder": "events", "megabytes": 100, "days": 30},
}  # fmt: skip
_LOG = (
    {"source": "a.mp4", "width": 64, "height": 48, "time_base": "1/25", "model": "m",
     "threshold": 0.4, "classes": ["cat"], "version": "0.1.0",
     "zones": [{"name": "Door", "kind": "area", "points": [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]}]},
    {"frame": 0, "pts": 0, "time": 0.0, "detections": [
        {"box": [1, 2, 30, 40], "score": 0.5, "class_id": 0, "class": "cat", "track_id": 1,
         "observed": True}]},
    {"frame": 1, "pts": 1, "time": 0.04, "detections": [], "counts": [
        {"time": 0.04, "zone": "Door", "kind": "left", "class": "cat", "track_id": 1,
         "box": [1, 2, 30, 40], "seconds": 0.04, "why": "ended"}],
     "events": [{"rule": "In", "zone": "Door", "class": "cat", "track_id": 1, "number": 1}]},
)  # fmt: skip


def media(folder: Path) -> list[Path]:
    """Clips in several containers and codecs, and images in several formats."""
    found = []
    for name, codec in (
        ("a.mp4", "libx264"),
        ("a.mkv", "libx264"),
        ("a.ts", "libx264"),
        ("a.h264", "libx264"),
        ("b.mp4", "libx265"),
        ("a.avi", "mjpeg"),
        ("a.webm", "libvpx-vp9"),
        ("a.gif", "gif"),
        ("a.y4m", "rawvideo"),
        ("a.mov", "mpeg4"),
    ):
        pixel_format = {"mjpeg": "yuvj420p", "gif": "rgb8"}.get(codec, "yuv420p")
        try:
            found.append(
                write_clip(folder / name, 8, codec=codec, size=_SIZE, pixel_format=pixel_format)
            )
        except (av.FFmpegError, ValueError) as error:
            print(f"no seed {name}: {error}")
    photo = cv2.imread(str(_PHOTO))
    assert photo is not None
    for ending in ("jpg", "png", "bmp", "webp", "tif"):
        path = folder / f"photo.{ending}"
        cv2.imwrite(str(path), cv2.resize(photo, _SIZE))
        found.append(path)
    return found


def models(folder: Path) -> list[Path]:
    """Model files of a few nodes, with and without detections, and one with an inner graph."""
    for number, (boxes, scores) in enumerate(
        (((), ()), ([[0.1, 0.1, 0.5, 0.9]], [[0.9, 0.0]]), ([[0.2, 0.1, 0.3, 0.4]], [[0.1, 0.7]]))
    ):
        (folder / f"tiny{number}.onnx").write_bytes(tiny_model(boxes, scores).data)
    (folder / "plain.onnx").write_bytes(tiny_proto().SerializeToString())
    return sorted(folder.glob("*.onnx"))


def checkpoints(folder: Path) -> list[Path]:
    """A checkpoint of a run, a state of a network, and weights as safetensors."""
    import torch
    from safetensors.torch import save_file

    from ssd_live.training import checkpoint

    weights = {"a.weight": torch.zeros(4, 3), "a.bias": torch.zeros(4)}
    state = torch.get_rng_state()
    checkpoint.save(
        folder / "last.pt",
        checkpoint.Checkpoint(3, weights, {}, {"state": {}}, {}, state, "{}", ["box"], 0.5),
    )
    torch.save(weights, folder / "weights.pth")
    torch.save({"model": weights}, folder / "lufficc.pth")
    save_file(weights, folder / "weights.safetensors", metadata={"network": '"ssd300-vgg16"'})
    return sorted(folder.iterdir())


def texts(folder: Path) -> list[Path]:
    """Settings, recipes, labels, names, manifests, tables, journals, zones, rules and logs.

    What is before the first dot of a file's name says what it is.
    """
    save_settings(Settings(), folder / "settings.json")
    recipes = assets_folder().parent / "recipes"
    for number, recipe in enumerate(sorted(recipes.glob("*.toml"))):
        (folder / f"recipe.{number}.toml").write_bytes(recipe.read_bytes())
    (folder / "voc.xml").write_text(_VOC)
    (folder / "coco.json").write_text(json.dumps(_COCO, indent=1))
    (folder / "yolo.txt").write_text("0 0.5 0.5 0.2 0.2\n1 0.1 0.2 0.3 0.2 0.2 0.5\n")
    (folder / "names.yaml").write_text("path: .\nnames:\n  0: cat\n  1: dog\n")
    (folder / "classes.txt").write_text("cat\ndog\n")
    write_zones(FUZZ_ZONES, folder / "zones.json")
    (folder / "rules.json").write_text(json.dumps(_RULES, indent=1))
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in _LOG))
    for name, make in (("manifest", _manifest), ("table", _table), ("journal", _journal)):
        with tempfile.TemporaryDirectory() as place:
            (folder / f"{name}.json").write_bytes(make(Path(place)))
    return sorted(folder.iterdir())


def _journal(folder: Path) -> bytes:
    source, output = folder / "a.mp4", folder / "out" / "a.mp4"
    output.parent.mkdir()
    source.touch()
    output.touch()
    outcome = Outcome(str(source), str(output), "done", 8, 0.3, 26.0, "cat 1")
    ResumeLog(output.parent).note(Task(source, Path("a.mp4"), output), "key", outcome)
    return (output.parent / MEMORY_FOLDER / "finished.json").read_bytes()


def engine_store(folder: Path) -> tuple[EngineStore, Path]:
    """Return a store with one engine, signed with the same key each time, and its manifest."""
    secret = folder / "secret"
    secret.write_bytes(bytes(32))
    secret.chmod(0o600)
    store = EngineStore(folder / "store", secret)
    store.save(key_for(tiny_model(), "tensorrt-rtx", "1.0", BuildOptions()), b"engine", 1.0)
    (place,) = store.folder.glob("*.json")
    return store, place


def _manifest(folder: Path) -> bytes:
    return engine_store(folder)[1].read_bytes()


def _table(folder: Path) -> bytes:
    model = tiny_model()
    rows = [
        BackendMeasurement(BackendChoice("openvino", "CPU", "fp32"), 5.0, 200.0, 1.0, "boxes"),
        BackendMeasurement(BackendChoice("onnxruntime", "CPU", "fp32"), 9.0, 90.0, 1.0, "boxes"),
    ]
    with mock.patch.dict(os.environ, {"SSD_LIVE_ENGINES": str(folder)}):
        store(model, rows)
        return table_path(model).read_bytes()


# Kind -> what makes its seeds, and what changes them.
KINDS: dict[str, tuple[Callable[[Path], list[Path]], tuple[Mutator, ...]]] = {
    "media": (media, BYTES),
    "models": (models, GRAPH),
    "texts": (texts, TEXT),
    "checkpoints": (checkpoints, BYTES),
}
