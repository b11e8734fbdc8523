"""`check-data`: what is wrong with labelled images, and a contact sheet of them."""

import json
from collections import Counter
from pathlib import Path
from typing import get_args

import numpy as np
from rich.console import Console
from rich.table import Column, Table

from ssd_live.commands.progress import notify
from ssd_live.errors import DataError, MediaError
from ssd_live.files import atomic_write
from ssd_live.pixels import Pixels
from ssd_live.training import sheets
from ssd_live.training.check import Checked, check, unlabelled
from ssd_live.training.data import DataSet, Finding, Kind, LabelledImage, load_data
from ssd_live.video.images import read_image, write_image

_PROGRESS_IMAGES = 1000
_SHOWN_OF_A_KIND = 5
_TILE, _COLUMNS, _TILES = (320, 240), 5, 20
# Worth knowing, but training does no worse for it.
_HINTS: frozenset[Kind] = frozenset({"unlabelled image", "resembling names"})


def run(folder: Path, split: str, classes: tuple[str, ...], json_file: Path | None, sheet: Path | None) -> None:
    """Raises `DataError` where something is wrong, after everything was told."""
    data = load_data(folder, split, classes)
    checked = check(data, _tell)
    findings = [*checked.findings, *([] if split or folder.is_file() else unlabelled(data, folder))]
    _print(data, checked, findings)
    sheet = sheet or Path(f"check-{folder.resolve().stem}.png")
    write_image(sheet, _sheet(data, checked, findings))
    print(f"contact sheet: {sheet}")
    if json_file is not None:
        with atomic_write(json_file) as file:
            file.write(json.dumps(_answer(data, findings), indent=1, ensure_ascii=False).encode() + b"\n")
    wrong = [finding for finding in findings if finding.kind not in _HINTS]
    if wrong:
        places = len({finding.path for finding in wrong})
        raise DataError(f"{folder}: {len(wrong)} problems in {places} files; correct them, or training leaves out what it cannot use")
    print("nothing wrong")


def _tell(number: int) -> None:
    if number % _PROGRESS_IMAGES == 0:
        notify(f"{number} images")


def _counts(data: DataSet) -> list[int]:
    every = np.concatenate([image.classes for image in data.images] or [np.zeros(0, np.int64)])
    return [int(count) for count in np.bincount(every, minlength=len(data.classes))]


def _print(data: DataSet, checked: Checked, findings: list[Finding]) -> None:
    counts = _counts(data)
    empty = sum(not len(image.boxes) for image in data.images)
    ignored = sum(int(image.ignored.sum()) for image in data.images)
    print(
        f"{data.name}: {len(data)} images ({len(checked.sizes)} readable, {empty} without objects), {len(data.classes)} classes, "
        f"{sum(counts)} objects ({ignored} difficult or crowds)"
    )
    headers = ("class", "objects", "images", "median size")
    table = Table(*(Column(name, justify="left" if name == "class" else "right", no_wrap=True) for name in headers), box=None, pad_edge=False)
    for number, name in enumerate(data.classes):
        boxes = np.concatenate([image.boxes[image.classes == number] for image in data.images])
        sides = np.median(boxes[:, 2:] - boxes[:, :2], axis=0) if len(boxes) else None
        size = f"{sides[0]:.0f} x {sides[1]:.0f}" if sides is not None and np.isfinite(sides).all() else "-"
        table.add_row(name, str(counts[number]), str(sum(number in image.classes for image in data.images)), size)
    Console(width=200).print(table, markup=False)
    kinds = Counter(finding.kind for finding in findings)
    for kind in get_args(Kind):
        if not kinds[kind]:
            continue
        print(f"{kind}: {kinds[kind]}")
        own = [finding for finding in findings if finding.kind == kind]
        for finding in own[:_SHOWN_OF_A_KIND]:
            print(f"  {finding}")
        if len(own) > _SHOWN_OF_A_KIND:
            print(f"  and {len(own) - _SHOWN_OF_A_KIND} more; --json FILE has all")


def _answer(data: DataSet, findings: list[Finding]) -> dict[str, object]:
    listed = [{"kind": finding.kind, "file": str(finding.path), "detail": finding.detail} for finding in findings]
    return {"data": data.name, "images": len(data), "objects": dict(zip(data.classes, _counts(data), strict=True)), "findings": listed}


def _sheet(data: DataSet, checked: Checked, findings: list[Finding]) -> Pixels:
    """Images with something wrong first, then some by chance; the class histogram below."""
    kinds: dict[Path, Kind] = {}
    for finding in findings:
        kinds.setdefault(finding.path, finding.kind)
    readable = [image for image in data.images if image.path in checked.sizes]
    shuffled = [readable[index] for index in np.random.default_rng(0).permutation(len(readable))]
    shuffled.sort(key=lambda image: _kind(image, kinds) is None)
    tiles = [tile for image in shuffled[:_TILES] if (tile := _tile(image, _kind(image, kinds), data)) is not None]
    bars = sheets.histogram(data.classes, _counts(data), _COLUMNS * _TILE[0])
    return np.vstack([sheets.contact_sheet(tiles, _COLUMNS), bars]) if tiles else bars


def _kind(image: LabelledImage, kinds: dict[Path, Kind]) -> Kind | None:
    return kinds.get(image.path) or (kinds.get(image.label_path) if image.label_path else None)


def _tile(image: LabelledImage, kind: Kind | None, data: DataSet) -> Pixels | None:
    try:
        picture = read_image(image.path).planes[0]
    except MediaError:
        return None
    texts = [data.classes[number] + (" (ignored)" if ignored else "") for number, ignored in zip(image.classes, image.ignored, strict=True)]
    tile = sheets.tile(picture, image.boxes, image.classes, texts, _TILE)
    return sheets.captioned(tile, f"{image.path.name}{f': {kind}' if kind else ''}")
