"""`explain`: show how SSD finds the objects in one image, as an image and as text."""

import dataclasses
from collections import Counter
from pathlib import Path

from ssd_live.commands.explain import Request
from ssd_live.commands.progress import notify
from ssd_live.datasets.types import LabelledImage
from ssd_live.errors import DataError, MissingPackageError, UsageError
from ssd_live.imaging.image_files import read_image, write_image
from ssd_live.modelfile.catalogue import find_model
from ssd_live.system.paths import resolve


def run(request: Request) -> None:
    """Print which default box gave each detection in an image, and draw these boxes to a file.

    If the user names a label file of the image, also show which default boxes match each object.
    Raises `UsageError` if an option is not valid, and another `SsdLiveError` if a file, the model
    or PyTorch cannot be used.
    """
    try:
        from ssd_live.training.explain import describe, draw, explain
    except ImportError as error:
        raise MissingPackageError(
            "explain needs PyTorch; run `pip install '.[train]'` (the README says how to get the "
            "CPU build)"
        ) from error

    ground_truth = request.ground_truth
    model = find_model(request.model)
    classes = model.metadata.classes
    threshold = model.metadata.lowest_shown if request.threshold is None else request.threshold
    if not model.metadata.score_threshold <= threshold <= 1:
        raise UsageError(
            f"--threshold {threshold:g} is not between {model.metadata.score_threshold:g} (the "
            "lowest score of this model) and 1"
        )
    output = request.output or Path(f"{request.image.stem}-explained.png")
    if resolve(output) == resolve(request.image):
        raise UsageError(f"{output}: is the input image itself; give another name with -o")
    image = read_image(request.image).planes[0]
    truth = (
        _truth(ground_truth, request.image, (image.shape[1], image.shape[0]), classes)
        if ground_truth is not None
        else None
    )
    explained = explain(model, image, threshold, truth)
    if truth is not None and len(truth.boxes) > len(explained.matched):
        notify(
            f"note: {ground_truth}: {len(truth.boxes) - len(explained.matched)} objects have no "
            "area inside the image and are left out"
        )
    elif truth is not None and not len(truth.boxes):
        notify(f"note: {ground_truth}: has no object of a class that {model.name} knows")
    for one in explained.fired:
        print(
            f"{classes[one.class_id]} {one.score:.0%}: "
            f"{describe(one.place, explained.feature_maps)}{_suppressed(one.suppressed)}"
        )
    for matched in explained.matched:
        maps = Counter(place.feature_map for place in matched.places)
        where = ", ".join(f"{count} on map {number + 1}" for number, count in sorted(maps.items()))
        print(
            f"object {classes[matched.class_id]}: {len(matched.places)} default boxes ({where}), "
            f"best overlap {matched.best_overlap:.2f}"
        )
    write_image(output, draw(image, explained, classes))
    print(f"{len(explained.fired)} detections over {threshold:g}; image: {output}")


def _suppressed(maps: Counter[int]) -> str:
    if not maps:
        return ""
    return "; suppressed boxes: " + ", ".join(
        f"{count} on map {number + 1}" for number, count in sorted(maps.items())
    )


def _truth(
    path: Path, image: Path, size: tuple[int, int], classes: tuple[str, ...]
) -> LabelledImage:
    """Return the objects that the label file `path` lists for the image file `image`.

    `path` is a VOC XML, YOLO text or COCO JSON file. `size` is (width, height) of the image in
    pixels. Objects of a class that is not in `classes` are left out. Raises `DataError` if `path`
    cannot be read or does not list the image, and `UsageError` if `path` has another ending.
    """
    from ssd_live.datasets import coco, voc, yolo

    kind = path.suffix.lower()
    if kind == ".xml":
        return voc.read_label(path, image, classes)
    if kind == ".txt":
        return yolo.read_label(path, image, size, len(classes))
    if kind == ".json":
        listed = coco.load(path, None, classes)
        named = [one for one in listed.images if one.path.name == image.name]
        if not named:
            first_error = (
                f"; the first error in it: {listed.findings[0].detail}" if listed.findings else ""
            )
            raise DataError(
                f"{path}: does not list {image.name}{first_error}; give the label file of this "
                "image"
            )
        return dataclasses.replace(named[0], path=image)
    raise UsageError(f"{path}: give labels as .xml (VOC), .txt (YOLO) or .json (COCO)")
