"""The page of a log: what it says, what it escapes, and what it says is missing."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ssd_live.errors import DataError, MediaError, UsageError
from ssd_live.reporting.build import ReportOptions, find_video, make_report
from ssd_live.reporting.log import LogHeader
from ssd_live.reporting.page import Imprint
from tests.clips import write_clip
from tests.unit.reporting.logs import Page, count, found, frame, header, write_log
from tests.unit.reporting.test_markup import EVIL

IMPRINT = Imprint(datetime(2026, 11, 29, 12, 30), "9.9")
LINE = {"name": "Door", "kind": "line", "points": [[0.1, 0.2], [0.3, 0.4]]}
AREA = {"name": "Yard", "kind": "area", "points": [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]}
OBJECTS = ("Class", "Id", "From", "To", "Seconds", "Mean score")
COUNTS = ("At", "Zone", "What", "Class", "Id", "Seconds inside")


def report(log: Path, *videos: Path, **more: Any) -> tuple[Page, str, list[str]]:
    """Make a report, and return its page, its text, and the lines for the user."""
    lines: list[str] = []
    text = make_report(log, ReportOptions(IMPRINT, videos, **more), lines.append)
    return Page(text), text, lines


def _tracked(frames: int = 20) -> list[dict[str, Any]]:
    return [frame(n / 25, found(track_id=1), found(track_id=2, name="car")) for n in range(frames)]


def test_the_page_says_how_many_when_and_at_which_zones(tmp_path: Path) -> None:
    counts = [
        count(0.5, "Door", "crossed", direction="in"),
        count(0.2, "Yard", "entered"),
        count(0.7, "Yard", "left", seconds=0.5, why="ended"),
    ]
    log = write_log(
        tmp_path / "a.jsonl",
        header(zones=[LINE, AREA], tracking="two-pass"),
        *_tracked(),
        frame(0.8, found(track_id=2, name="car"), counts=counts),
    )
    page, _, _ = report(log)
    assert page.table("Class", "Objects", "Detections", "Most at one time", "At") == [
        ["person", "1", "20", "1", "0:00.0"],
        ["car", "1", "21", "1", "0:00.0"],
    ]
    columns = ("Zone", "Kind", "In, or entered", "Out, or left", "Visits", "Mean seconds")
    assert page.table(*columns, "Longest") == [
        ["Door", "line", "person 1", "0", "", "", ""],
        ["Yard", "area", "person 1", "person 1", "1", "0.5", "0.5 s (id 1)"],
    ]
    assert page.table(*OBJECTS) == [
        ["person", "1", "0:00.0", "0:00.8", "0.8", "50%"],
        ["car", "2", "0:00.0", "0:00.8", "0.8", "50%"],
    ]
    assert page.table(*COUNTS) == [
        ["0:00.2", "Yard", "entered", "person", "1", ""],
        ["0:00.5", "Door", "crossed in", "person", "1", ""],
        ["0:00.7", "Yard", "left (was there at the end)", "person", "1", "0.5"],
    ]
    text = page.text
    assert "Report of 2026-11-29 12:30, made by ssd_live 9.9." in text
    for fact in ("640 x 272 pixels", "fp32", "0.4", "two-pass", "0:00.0 to 0:00.8", "ssd_live 0.1"):
        assert fact in text


def test_evil_names_do_nothing(tmp_path: Path) -> None:
    zone = {**LINE, "name": EVIL[:60]}
    its = {**found(track_id=1), "class": EVIL}
    counted = {**count(0.0, EVIL, EVIL, why=EVIL, direction=EVIL), "class": EVIL}
    lines = (
        header(EVIL, zones=[zone], model=EVIL, backend=EVIL, tracking=EVIL, version=EVIL),
        frame(0.0, its, counts=[counted]),
    )
    page, text, _ = report(write_log(tmp_path / "a.jsonl", *lines))
    assert page.tags.count("script") == 1
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "<script>alert" in page.text
    text.encode()
    titled = make_report(
        tmp_path / "a.jsonl",
        ReportOptions(Imprint(IMPRINT.made, "9.9", "</title><img src=x>")),
        lambda _: None,
    )
    assert "img" not in Page(titled).tags


def test_the_page_names_no_address_outside_of_it(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", 20)
    log = write_log(tmp_path / "a.jsonl", header(), *_tracked())
    page, text, _ = report(log, clip)
    assert page.images()
    assert all(address.startswith(("data:image/", "#")) for address in page.addresses)
    ids = set(page.ids)
    assert all(address[1:] in ids for address in page.addresses if address.startswith("#"))
    assert len(ids) == len(page.ids)
    assert "url(" not in text
    assert "default-src &#x27;none&#x27;" in text


def test_pictures_of_objects_and_counts_are_of_the_video(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", 20)
    counts = [count(0.5, "Door", "crossed", direction="in")]
    lines = [*_tracked(), frame(0.76, counts=counts)]
    log = write_log(tmp_path / "a.jsonl", header(zones=[LINE]), *lines)
    page, text, lines_for_user = report(log)
    sizes = sorted(image.shape[:2] for image in page.images())
    # The heat map, the still, two objects of 48 x 96 with a margin, and a square around the count.
    assert len(sizes) == 5
    assert (272, 640) in sizes
    assert lines_for_user == [f"taking pictures out of {tmp_path / 'a.mp4'}"]
    assert text.count('alt="person 1 at') == 2
    without, _, notes = report(log, has_pictures=False)
    assert len(without.images()) == 1
    assert notes == ["note: a.mp4: Pictures of the video were left out on request."]


def test_without_tracking_the_page_says_what_tracking_gives(tmp_path: Path) -> None:
    lines = [frame(n / 25, found(), found(name="car")) for n in range(20)]
    page, _, _ = report(write_log(tmp_path / "a.jsonl", header(), *lines))
    assert "Objects were not followed" in page.text
    assert "--track two-pass" in page.text
    assert page.table("Class", "Detections", "Most at one time", "At")[0][1] == "20"
    assert "Objects" not in page.texts
    assert len(page.images()) == 1


def test_a_log_without_objects_says_so(tmp_path: Path) -> None:
    page, _, _ = report(write_log(tmp_path / "a.jsonl", header(), frame(0.0), frame(1.0)))
    assert "Nothing was found." in page.text
    assert "Objects were not followed" not in page.text


def test_each_source_has_a_section(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_clip(tmp_path / f"{name}.mp4", 20)
    logs = [header("a.mp4"), *_tracked(), header("b.mp4"), *_tracked(), header("c.mp4"), frame(0.0)]
    page, _, notes = report(write_log(tmp_path / "all.jsonl", *logs))
    assert page.tags.count("h2") == 3
    assert [text for text in page.texts if text.endswith(".mp4")] == ["a.mp4", "b.mp4", "c.mp4"] * 2
    assert {"s1-o1", "s2-o1"} <= set(page.ids)
    assert len(page.images()) == 2 * 4
    assert [note for note in notes if not note.startswith("taking pictures")] == [
        "note: c.mp4: There are no pictures, because the video was not found; name it with --video."
    ]


def test_the_page_holds_few_pictures_and_rows(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", 20)
    counts = [count(0.1, "Door", "crossed", n, direction="in") for n in range(1200)]
    its = [found((10 + n % 500, 50, 60 + n % 500, 200), n) for n in range(1200)]
    log = write_log(tmp_path / "a.jsonl", header(), frame(0.0, *its), frame(0.08, counts=counts))
    page, text, _ = report(log)
    assert page.tags.count("img") == 600
    assert len(page.images()) == 602
    assert all(max(image.shape[:2]) <= 960 for image in page.images())
    assert sum(max(image.shape[:2]) <= 160 for image in page.images()) == 600
    assert len(page.table("Picture", *OBJECTS)) == 1000
    assert len(page.table("Picture", *COUNTS)) == 1000
    for words in (
        "These 1,000 of 1,200 were seen the longest.",
        "300 of them have a picture",
        "These are the first 1,000 of 1,200 counts.",
        "The first 300 have a picture.",
        "Where the 300 objects moved that were seen the longest",
    ):
        assert words in page.text
    assert len(text) < 12_000_000


@pytest.mark.parametrize(
    ("name", "damage", "note"),
    [
        ("a.jsonl", b'{"frame": 3, "ti', "1 line of the log is damaged"),
        ("a.jsonl", b"x\ny\n", "2 lines of the log are damaged"),
        ("a.part.jsonl", b"", "of an unfinished run"),
        ("a.part-2.jsonl", b"", "of an unfinished run"),
    ],
)
def test_an_unfinished_log_makes_a_page_with_a_note(
    name: str, damage: bytes, note: str, tmp_path: Path
) -> None:
    log = write_log(tmp_path / name, header(), *_tracked())
    log.write_bytes(log.read_bytes() + damage)
    page, _, lines = report(log)
    assert note in page.text
    assert any(note in line for line in lines)
    assert page.table(*OBJECTS)


def test_a_finished_log_with_a_similar_name_has_no_note(tmp_path: Path) -> None:
    _, _, lines = report(write_log(tmp_path / "a.partner.jsonl", header(), *_tracked()))
    assert not any("unfinished" in line for line in lines)


def test_images_and_further_sources_are_named(tmp_path: Path) -> None:
    lines = [header("p.jpg", time_base=None), frame(0.0, found())]
    for number in range(42):
        lines += [header(f"{number}.mp4"), frame(0.0, found())]
    page, _, _ = report(write_log(tmp_path / "a.jsonl", *lines))
    assert "2 more sources, which are left out: a page holds 40" in page.text
    assert "Images have no times, so they are left out: 1, with person 1." in page.text


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([header()], "has no frame that can be read"),
        ([header(), {"frame": 1}], "has no frame that can be read"),
        ([header(time_base=None), frame(0.0)], "has only images"),
    ],
)
def test_a_log_of_nothing_is_refused(
    records: list[dict[str, Any]], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        report(write_log(tmp_path / "a.jsonl", *records))


def test_a_video_that_was_named_must_fit(tmp_path: Path) -> None:
    log = write_log(tmp_path / "a.jsonl", header(), *_tracked())
    other = write_clip(tmp_path / "other.mp4", 20, size=(320, 136))
    late = write_clip(tmp_path / "late.mp4", 5, pts=lambda index: index + 2500)
    (tmp_path / "text.mp4").write_text("no video")
    for name, message in (
        ("none.mp4", "there is no such file"),
        ("text.mp4", "text.mp4"),
        ("other.mp4", "has 320 x 136 pixels"),
        ("late.mp4", "has none of the frames of the log"),
    ):
        with pytest.raises(MediaError, match=message):
            report(log, tmp_path / name)
    assert other.exists()
    assert late.exists()


def test_a_redacted_video_is_shown_only_if_the_copy_is_named(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", 20)
    log = write_log(tmp_path / "a.jsonl", header(redaction={"style": "blur"}), *_tracked())
    page, _, lines = report(log)
    assert len(page.images()) == 1
    assert "the objects are hidden in the copy of this video" in page.text
    assert lines[0].endswith("name the copy with --video.")
    named, _, _ = report(log, clip)
    assert len(named.images()) == 4


def test_a_video_that_was_found_and_does_not_fit_is_noted(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", 20, size=(320, 136))
    log = write_log(tmp_path / "a.jsonl", header(), *_tracked())
    page, _, lines = report(log)
    assert len(page.images()) == 1
    assert "There are no pictures" in page.text
    assert "has 320 x 136 pixels" in page.text
    assert "has 320 x 136 pixels" in lines[1]


def test_a_shorter_video_gives_the_pictures_that_it_has(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", 10)
    later = [frame(0.6 + n / 25, found(track_id=3)) for n in range(5)]
    log = write_log(tmp_path / "a.jsonl", header(), *_tracked(8), *later)
    page, _, lines = report(log)
    assert page.tags.count("img") == 2
    assert lines[1:] == [
        "note: a.mp4: 1 picture is missing, because the video does not have its frame."
    ]


def test_videos_are_matched_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    clips = [write_clip(tmp_path / "videos" / f"{name}.mp4", 20) for name in ("a", "b")]
    lines = [header("x/a.mp4"), *_tracked(), header("b.mp4"), *_tracked()]
    log = write_log(tmp_path / "log.jsonl", *lines)
    page, _, notes = report(log, *clips)
    assert notes == [f"taking pictures out of {clip}" for clip in clips]
    assert page.tags.count("img") == 4
    with pytest.raises(UsageError, match="none of the 2 sources"):
        report(log, write_clip(tmp_path / "c.mp4", 3))
    with pytest.raises(UsageError, match="1 of the 2 sources"):
        report(log, clips[0], clips[0])


def _of(source: str, *, is_recording: bool = False) -> LogHeader:
    return LogHeader(source, 64, 48, False, (), (), is_recording=is_recording)


def test_a_video_is_found_beside_the_log_or_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logs" / "sub").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    log = tmp_path / "logs" / "found.jsonl"
    assert find_video(log, _of("sub/a.mp4")) is None
    (tmp_path / "here" / "b.mp4").touch()
    assert find_video(log, _of("b.mp4")) == Path("b.mp4")
    (tmp_path / "logs" / "sub" / "a.mp4").touch()
    assert find_video(log, _of("sub/a.mp4")) == tmp_path / "logs" / "sub" / "a.mp4"
    (tmp_path / "logs" / "found.mkv").touch()
    assert find_video(log, _of("webcam 0")) == tmp_path / "logs" / "found.mkv"
    # Its times are those of the recording, even if the source is a file that is there too.
    assert find_video(log, _of("b.mp4", is_recording=True)) == tmp_path / "logs" / "found.mkv"
    assert find_video(log, _of("/dev/video0", is_recording=True)) is not None


def test_a_log_cannot_lead_to_files_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "secret.mp4").touch()
    log = tmp_path / "logs" / "found.jsonl"
    for source in (str(tmp_path / "secret.mp4"), "../secret.mp4", "x/../../secret.mp4", "a\0b"):
        assert find_video(log, _of(source)) is None
    assert find_video(log, _of("x" * 5000)) is None
    assert find_video(log, _of("\ud800")) is None
