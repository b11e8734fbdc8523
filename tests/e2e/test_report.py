"""`report`: one HTML page of the detections of a video."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ssd_live.analytics.zones import Zone, write_zones
from tests.clips import SAMPLE, write_clip
from tests.conftest import Answer
from tests.unit.reporting.logs import Page, found, frame, header, write_log

Process = Callable[..., Answer]
Ssd = Callable[..., Answer]
ZONES = (
    Zone("Middle", "line", ((0.5, 0.1), (0.5, 0.95)), "#00ff00", anchor="centre"),
    Zone("Street", "area", ((0.3, 0.3), (0.7, 0.3), (0.7, 0.95), (0.3, 0.95)), "#0000ff"),
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log beside its video."""
    write_clip(tmp_path / "a.mp4", 20)
    frames = [frame(n / 25, found(track_id=1)) for n in range(20)]
    return write_log(tmp_path / "found.jsonl", header(), *frames)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_video_with_zones_from_the_network_to_the_page(
    tmp_path: Path, process: Process, ssd: Ssd
) -> None:
    write_zones(ZONES, tmp_path / "zones.json")
    result, page_file = tmp_path / "found.jsonl", tmp_path / "page.html"
    words = ("--zones", tmp_path / "zones.json", "--detections", result, "--threshold", "0.3")
    assert process(SAMPLE, "--no-video", *words).code == 0
    answer = ssd("report", result, "-o", page_file, "--video", SAMPLE, "--title", "My street")
    assert answer.code == 0, answer.err
    assert answer.err == f"taking pictures out of {SAMPLE}\n"
    assert f"report: {page_file}, " in answer.out
    page = Page(page_file.read_text("utf-8"))
    assert "My street" in page.texts
    # Counted again from the lines.
    _, *lines = _lines(result)
    detections = Counter(each["class"] for line in lines for each in line["detections"])
    class_of = {each["track_id"]: each["class"] for line in lines for each in line["detections"]}
    objects = Counter(class_of.values())
    rows = page.table("Class", "Objects", "Detections", "Most at one time", "At")
    assert {row[0]: (row[1], row[2]) for row in rows} == {
        name: (str(number), f"{detections[name]:,}") for name, number in objects.items()
    }
    counts = [each for line in lines for each in line.get("counts", ())]
    assert len(counts) > 4
    columns = ("Picture", "At", "Zone", "What", "Class", "Id", "Seconds inside")
    assert len(page.table(*columns)) == len(counts)
    went = Counter((each["zone"], each.get("direction", each["kind"])) for each in counts)
    text = page.text
    for zone, came, left in (("Middle", "in", "out"), ("Street", "entered", "left")):
        assert f"{zone} {went[zone, came]} {came}, {went[zone, left]} {left}" in text
    columns = ("Picture", "Class", "Id", "From", "To", "Seconds", "Mean score")
    assert sorted(int(row[2]) for row in page.table(*columns)) == sorted(class_of)
    # The heat map, the still, and a picture for each object and each count.
    assert len(page.images()) == 2 + len(class_of) + len(counts)


def test_a_recording_without_tracks_is_found_by_its_name(tmp_path: Path, ssd: Ssd) -> None:
    write_clip(tmp_path / "rec.mkv", 20)
    frames = [frame(n / 25, found()) for n in range(20)]
    log = write_log(tmp_path / "rec.jsonl", header("Webcam 0", time_base="1/1000"), *frames)
    assert ssd("report", log).code == 0
    page = Page((tmp_path / "rec.html").read_text("utf-8"))
    assert "Objects were not followed" in page.text
    assert len(page.images()) == 2


def test_several_inputs_have_a_section_each(tmp_path: Path, process: Process, ssd: Ssd) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        write_clip(tmp_path / "in" / f"{name}.mp4", 12)
    words = ("--no-video", "--track", "live", "--detections", tmp_path / "in" / "found.jsonl")
    process(tmp_path / "in", *words)
    answer = ssd("report", tmp_path / "in" / "found.jsonl", "-o", tmp_path / "page.html")
    assert answer.code == 0
    assert "note:" not in answer.err
    page = Page((tmp_path / "page.html").read_text("utf-8"))
    assert page.tags.count("h2") == 2
    assert "2 videos" in page.text


def test_an_unfinished_run_makes_a_page_with_a_note(log: Path, ssd: Ssd, tmp_path: Path) -> None:
    part = log.rename(tmp_path / "found.part.jsonl")
    part.write_bytes(part.read_bytes()[:-30])
    answer = ssd("report", part, "-o", tmp_path / "page.html")
    assert answer.code == 0
    assert "unfinished run" in answer.err
    assert "1 line of the log is damaged" in answer.err
    assert len(Page((tmp_path / "page.html").read_text("utf-8")).images()) > 2


def test_a_missing_video_is_noted_and_the_page_has_the_rest(
    log: Path, ssd: Ssd, tmp_path: Path
) -> None:
    (tmp_path / "a.mp4").unlink()
    answer = ssd("report", log)
    assert answer.code == 0
    assert answer.err == (
        "note: a.mp4: There are no pictures, because the video was not found; name it with "
        "--video.\n"
    )
    assert len(Page((tmp_path / "found.html").read_text("utf-8")).images()) == 1


def test_the_page_goes_to_the_standard_output(log: Path, ssd: Ssd, tmp_path: Path) -> None:
    answer = ssd("report", log, "-o", "-")
    assert answer.code == 0
    assert answer.out.startswith("<!doctype html>")
    assert len(Page(answer.out).images()) > 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "found.jsonl"]


def test_an_existing_page_is_replaced_only_on_request(log: Path, ssd: Ssd, tmp_path: Path) -> None:
    page = tmp_path / "found.html"
    page.write_text("mine")
    answer = ssd("report", log)
    assert answer.code == 2
    assert "exists; add --overwrite" in answer.err
    assert page.read_text() == "mine"
    assert ssd("report", log, "--overwrite").code == 0
    assert page.read_text("utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("none.jsonl",), 1, "none.jsonl: there is no such file"),
        ((".", "-o", "x.html"), 1, "is not a file"),
        (("a.mp4",), 1, "is not a log of detections"),
        (("empty.jsonl",), 1, "is empty"),
        (("found.jsonl", "-o", "x.pdf"), 2, "end the name in .html"),
        (("found.jsonl", "-o", "found.jsonl"), 2, "would overwrite an input"),
        (("log.html",), 2, "would overwrite an input"),
        (("found.jsonl", "-o", "folder.html"), 1, "is a folder"),
        (("found.jsonl", "-o", "a.mp4/x.html"), 1, "cannot be written"),
        (("found.jsonl", "--video", "none.mp4"), 1, "none.mp4: there is no such file"),
        (("found.jsonl", "--video", "small.mp4"), 1, "has 320 x 136 pixels, but the log"),
        (("found.jsonl", "--video", "a.mp4", "--video", "small.mp4"), 2, "--video"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_and_leaves_nothing(
    words: tuple[str, ...], code: int, message: str, log: Path, tmp_path: Path, ssd: Ssd
) -> None:
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "log.html").write_bytes(log.read_bytes())
    write_clip(tmp_path / "small.mp4", 3, size=(320, 136))
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        answer = ssd("report", *words)
    assert answer.code == code
    errors = [line for line in answer.err.splitlines() if not line.startswith("taking pictures")]
    assert len(errors) == 1
    assert message in errors[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_full_disk_is_said_and_leaves_nothing(log: Path, small_disk: Path, ssd: Ssd) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes(1_000_000))
    answer = ssd("report", log, "-o", small_disk / "page.html")
    assert answer.code == 1
    assert "no space left" in answer.err
    assert len(answer.err.splitlines()) == 2
    assert list(small_disk.iterdir()) == [filler]


def test_who_was_hidden_is_not_shown_in_the_report(
    process: Process, ssd: Ssd, tmp_path: Path
) -> None:
    """The pictures of the source are beside the log, and stay out of the page."""
    source, log, page = tmp_path / "part.mp4", tmp_path / "found.jsonl", tmp_path / "page.html"
    shutil.copy(SAMPLE, source)
    words = ("-o", tmp_path / "copy.mp4", "--redact", "person,bicycle,car", "--max-frames", "60")
    assert process(source, *words, "--detections", log).code == 0
    assert ssd("report", log, "-o", page).code == 0
    text = page.read_text("utf-8")
    assert "the objects are hidden in the copy" in text
    # The heat map, a PNG, is no picture of the video.
    assert "data:image/jpeg" not in text
    copy = ssd("report", log, "-o", page, "--overwrite", "--video", tmp_path / "copy.mp4")
    assert copy.code == 0, copy.err
    assert "data:image/jpeg" in page.read_text("utf-8")
