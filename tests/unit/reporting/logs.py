"""Logs for the tests of reports, and a parser that checks the HTML."""

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np

Record = dict[str, Any]
_VOID = ("meta", "img", "br", "link", "input", "hr")
# A style sheet and the page itself may load nothing.
_ADDRESSES = ("src", "href", "action", "poster", "data")


def header(source: str = "a.mp4", **more: Any) -> Record:
    return {
        "source": source,
        "width": 640,
        "height": 272,
        "time_base": "1/25",
        "model": "m",
        "backend": "openvino",
        "precision": "fp32",
        "threshold": 0.4,
        "classes": ["person", "car"],
        "version": "0.1.0",
        **more,
    }


def found(
    box: tuple[float, ...] = (100, 50, 140, 130),
    track_id: int | None = None,
    name: str = "person",
    score: float = 0.5,
) -> Record:
    one: Record = {"box": list(box), "score": score, "class_id": 0, "class": name}
    return one if track_id is None else {**one, "track_id": track_id, "observed": True}


def frame(time: float, *its: Record, counts: list[Record] | None = None) -> Record:
    line: Record = {"frame": 0, "pts": 0, "time": time, "detections": list(its)}
    return line if counts is None else {**line, "counts": counts}


def count(time: float, zone: str, kind: str, track_id: int = 1, **more: Any) -> Record:
    return {
        "time": time,
        "zone": zone,
        "kind": kind,
        "class": "person",
        "track_id": track_id,
        "box": [100, 50, 140, 130],
        **more,
    }


def write_log(path: Path, *records: Record) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return path


class Page(HTMLParser):
    """What a page holds. It raises `AssertionError` if the tags do not match.

    `texts` are all texts, `rows` the cells of all rows of tables, `addresses` all addresses that
    the page names, and `tags` the names of all elements.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.rows: list[list[str]] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        for name, value in attrs:
            assert not name.startswith("on")
            if name in _ADDRESSES:
                self.addresses.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if "td" in self._open or "th" in self._open:
            self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        """All texts outside of the style sheet and the script."""
        return re.sub(r"\s+", " ", " ".join(self.texts))

    def table(self, *columns: str) -> list[list[str]]:
        """The rows under the head with these columns."""
        begin = self.rows.index(list(columns)) + 1
        rows = []
        for row in self.rows[begin:]:
            if len(row) != len(columns) or row[0] in ("Class", "Zone", "Picture", "At"):
                break
            rows.append(row)
        return rows

    def images(self) -> list[np.ndarray[Any, Any]]:
        """All embedded images, decoded."""
        images = []
        for address in self.addresses:
            if address.startswith("data:"):
                kind, data = re.fullmatch(r"data:(image/\w+);base64,(.*)", address, re.S).groups()  # type: ignore[union-attr]
                content = base64.b64decode(data, validate=True)
                begins = {"image/jpeg": b"\xff\xd8", "image/png": b"\x89PNG"}
                assert content.startswith(begins[kind])
                image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
                assert image is not None
                images.append(image)
        return images
