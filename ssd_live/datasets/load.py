"""Load a data set in any known format."""

from collections.abc import Sequence
from pathlib import Path

from ssd_live.datasets.types import DataSet
from ssd_live.errors import DataError


def load_data(path: Path, split: str = "", classes: Sequence[str] = ()) -> DataSet:
    """Load and return the data set in the folder or file `path`, and recognise its format.

    The formats are VOC, COCO and YOLO. `split` names a part of the data set (VOC: a list in
    ImageSets/Main; COCO: a JSON file; YOLO: a folder). The folders that Roboflow exports are
    accepted too: a folder for each split, with the labels of VOC or COCO beside the images.
    `classes` gives the class names and their order; if it is empty, the names come from the data
    set: COCO and YOLO data list them, and for VOC they are all names in the labels, in alphabetical
    order. Raises `DataError` if `path` is not a data set of these formats, has no such split, or
    has no image or label that can be used.
    """
    from ssd_live.datasets import coco, voc, yolo

    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder; check the path")
    if path.is_file() and path.suffix.lower() == ".json":
        return coco.load(path, None, classes)
    if path.is_dir():
        # Some file systems do not distinguish Annotations from annotations, so the files inside
        # decide.
        if any((path / "annotations").glob("*.json")):
            return coco.load(coco.annotation_file(path, split), path, classes)
        if (path / "Annotations").is_dir():
            return voc.load(path, split, classes)
        if (path / "annotations").is_dir():
            return coco.load(coco.annotation_file(path, split), path, classes)
        if yolo.is_yolo(path, split):
            return yolo.load(path, split, classes)
        flat = path / split
        if (flat / coco.ROBOFLOW_FILE).is_file():
            return coco.load(flat / coco.ROBOFLOW_FILE, flat, classes)
        if any(flat.glob("*.xml")):
            return voc.load(flat, "", classes)
        if splits := sorted(part.name for part in path.iterdir() if _is_split(part)):
            raise DataError(
                f"{path}: has no labels in {split or 'its own folder'}; choose one of its splits: "
                f"{', '.join(splits)}"
            )
    raise DataError(
        f"{path}: is not a known data set; give a VOC folder (JPEGImages, Annotations), a "
        "COCO folder (images, annotations) or its JSON file, "
        "or a YOLO folder (images, labels, data.yaml)"
    )


def _is_split(folder: Path) -> bool:
    """Return whether a folder contains a folder named labels (YOLO), or labels from Roboflow."""
    from ssd_live.datasets import coco

    return folder.is_dir() and (
        (folder / "labels").is_dir()
        or (folder / coco.ROBOFLOW_FILE).is_file()
        or any(folder.glob("*.xml"))
    )
