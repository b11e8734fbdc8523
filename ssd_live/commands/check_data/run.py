"""`check-data`: find errors in labelled images and draw a contact sheet."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import get_args

import numpy as np
from rich.console import Console
from rich.table import Column, Table

from ssd_live.commands.check_data import Request
from ssd_live.commands.options import names_in
from ssd_live.commands.progress import notify
from ssd_live.datasets import sheets
from ssd_live.datasets.check import Checked, check, unlabelled
from ssd_live.datasets.load import load_data
from ssd_live.datasets.types import DataSet, Finding, Kind, LabelledImage
from ssd_live.errors import DataError, MediaError, OutputError, UsageError
from ssd_live.imaging.image_files import IMAGE_SUFFIXES, read_image, write_image
from ssd_live.imaging.pixels import Pixels
from ssd_live.system.atomic_files import atomic_write
from ssd_live.system.paths import resolve

_PROGRESS_IMAGES = 1000
_SHOWN_OF_A_KIND = 5
_LONGEST_NAME = 60
# Boxes with a coordinate beyond this are left out of the median size.
_FAR_PIXELS = 1e6
_TILE, _COLUMNS, _TILES = (320, 240), 5, 20
# Characters that break a line or control the terminal.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# The kinds of findings that are worth knowing but do not harm training.
_HINTS: frozenset[Kind] = frozenset({"unlabelled image", "resembling names"})


def run(request: Request) -> None:
    """Check the labelled images, print the findings, and write the contact sheet and the JSON file.

    Raises `DataError` if the data cannot be read, or at the end if a label or an image is wrong.
    Raises `UsageError` if an output would overwrite an input or the other output, and `OutputError`
    if an output cannot be written.
    """
    folder, json_file, sheet = request.folder, request.json_file, request.sheet
    # Check the outputs first, so that an error does not appear only after the work.
    if sheet is not None and sheet.suffix.lower() not in IMAGE_SUFFIXES:
        raise OutputError(
            f"{sheet}: the contact sheet is an image; end the name in "
            f"{', '.join(sorted(IMAGE_SUFFIXES))}"
        )
    classes = (name.strip() for name in names_in(request.classes))
    data = load_data(folder, request.split, tuple(name for name in classes if name))
    sheet = sheet or Path(
        f"check-{resolve(folder).stem if folder.is_file() else resolve(folder).name}.png"
    )
    _keep_inputs(data, folder, sheet, json_file)
    checked = check(data, _tell)
    findings = [*checked.findings, *([] if request.split or folder.is_file() else unlabelled(data))]
    _print(data, checked, findings)
    write_image(sheet, _sheet(data, checked, findings))
    print(f"contact sheet: {sheet}")
    if json_file is not None:
        with atomic_write(json_file) as file:
            file.write(
                json.dumps(_answer(data, findings), indent=1, ensure_ascii=False).encode(
                    errors="backslashreplace"
                )
                + b"\n"
            )
    wrong = [finding for finding in findings if finding.kind not in _HINTS]
    if wrong:
        places = len({finding.path for finding in wrong})
        raise DataError(
            f"{folder}: {len(wrong)} problems in {places} files; correct them, or training skips "
            "what it cannot use"
        )
    print("nothing wrong")


def _tell(number: int) -> None:
    if number % _PROGRESS_IMAGES == 0:
        notify(f"{number} images checked")


def _keep_inputs(data: DataSet, folder: Path, sheet: Path, json_file: Path | None) -> None:
    """Raise `UsageError` if an output would overwrite an image, a label or the other output.

    The outputs are the contact sheet `sheet` and `json_file`, which may be None. `folder` is the
    path of the data that the user named.
    """
    files = [
        path for image in data.images for path in (image.path, image.label_path) if path is not None
    ]
    files += [
        folder,
        *(folder / "annotations").glob("*.json"),
        *(finding.path for finding in data.findings),
    ]
    for output in (sheet, json_file):
        if output is not None and any(
            path.name == output.name and resolve(path) == resolve(output) for path in files
        ):
            raise UsageError(f"{output}: is one of the files to check; give another name")
    if json_file is not None and resolve(json_file) == resolve(sheet):
        raise UsageError(
            f"{sheet}: cannot be both the contact sheet and the JSON file; give two names"
        )


def _counts(data: DataSet) -> list[int]:
    every = np.concatenate([image.classes for image in data.images] or [np.zeros(0, np.int64)])
    return [int(count) for count in np.bincount(every, minlength=len(data.classes))]


def _print(data: DataSet, checked: Checked, findings: list[Finding]) -> None:
    counts = _counts(data)
    empty = sum(not len(image.boxes) for image in data.images)
    ignored = sum(int(image.ignored.sum()) for image in data.images)
    print(
        f"{data.name}: {len(data)} images ({len(checked.sizes)} readable, {empty} without "
        f"objects), {len(data.classes)} classes, "
        f"{sum(counts)} objects ({ignored} difficult or crowds)"
    )
    numbers = [
        Column(name, justify="right", no_wrap=True) for name in ("objects", "images", "median size")
    ]
    table = Table(
        Column("class", no_wrap=True, max_width=_LONGEST_NAME), *numbers, box=None, pad_edge=False
    )
    classes = np.concatenate([image.classes for image in data.images])
    places = np.repeat(np.arange(len(data)), [len(image.classes) for image in data.images])
    boxes = np.concatenate([image.boxes for image in data.images])
    near = (np.abs(boxes) < _FAR_PIXELS).all(1)
    for number, name in enumerate(data.classes):
        own = classes == number
        sides = (boxes[own & near, 2:] - boxes[own & near, :2]).T
        size = f"{np.median(sides[0]):.0f} x {np.median(sides[1]):.0f}" if sides.size else "-"
        table.add_row(_one_line(name), str(counts[number]), str(len(np.unique(places[own]))), size)
    Console(width=200, emoji=False, highlight=False).print(table, markup=False)
    kinds = Counter(finding.kind for finding in findings)
    for kind in get_args(Kind):
        if not kinds[kind]:
            continue
        print(f"{kind}: {kinds[kind]}")
        those = [finding for finding in findings if finding.kind == kind]
        for finding in those[:_SHOWN_OF_A_KIND]:
            print(f"  {_one_line(str(finding))}")
        if len(those) > _SHOWN_OF_A_KIND:
            print(f"  and {len(those) - _SHOWN_OF_A_KIND} more; --json FILE writes all")


def _one_line(text: str) -> str:
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def _answer(data: DataSet, findings: list[Finding]) -> dict[str, object]:
    objects: Counter[str] = Counter()
    # Two classes may have the same name.
    for name, count in zip(data.classes, _counts(data), strict=True):
        objects[name] += count
    listed = [
        {"kind": finding.kind, "file": str(finding.path), "detail": finding.detail}
        for finding in findings
    ]
    return {"data": data.name, "images": len(data), "objects": objects, "findings": listed}


def _sheet(data: DataSet, checked: Checked, findings: list[Finding]) -> Pixels:
    """Return a contact sheet (H, W, 3) uint8 BGR of at most 20 images and a class histogram.

    Images with findings come first, then other images in a random order, which is the same in each
    run. If no image can be read, the sheet has only the histogram.
    """
    kinds: dict[Path, Kind] = {}
    for finding in findings:
        kinds.setdefault(finding.path, finding.kind)
    readable = [image for image in data.images if image.path in checked.sizes]
    shuffled = [readable[index] for index in np.random.default_rng(0).permutation(len(readable))]
    shuffled.sort(key=lambda image: _kind(image, kinds) is None)
    tiles = [
        tile
        for image in shuffled[:_TILES]
        if (tile := _tile(image, _kind(image, kinds), data)) is not None
    ]
    bars = sheets.histogram(data.classes, _counts(data), _COLUMNS * _TILE[0])
    return np.vstack([sheets.contact_sheet(tiles, _COLUMNS), bars]) if tiles else bars


def _kind(image: LabelledImage, kinds: dict[Path, Kind]) -> Kind | None:
    return kinds.get(image.path) or (kinds.get(image.label_path) if image.label_path else None)


def _tile(image: LabelledImage, kind: Kind | None, data: DataSet) -> Pixels | None:
    try:
        picture = read_image(image.path).planes[0]
    except MediaError:
        return None
    texts = [
        data.classes[number] + (" (ignored)" if ignored else "")
        for number, ignored in zip(image.classes, image.ignored, strict=True)
    ]
    tile = sheets.tile(picture, image.boxes, image.classes, texts, _TILE)
    return sheets.captioned(tile, f"{image.path.name}{f': {kind}' if kind else ''}")
