"""Logs become sources of the index, with pictures out of their videos."""

import os
import sqlite3
from pathlib import Path

import cv2
import numpy as np
import pytest

from ssd_live.errors import DataError, OutputError
from ssd_live.index import add as adding
from ssd_live.index.add import Added, add_log
from ssd_live.index.database import Index
from ssd_live.index.delete import delete_sources, delete_tracks
from ssd_live.index.query import Query, count, is_file, picture_of, search, search_all, sources
from tests.clips import pictures, write_clip
from tests.unit.index.worlds import EVENING, fill
from tests.unit.reporting.logs import Record, found, frame, header, write_log
from tests.unit.reporting.logs import count as counted


def _frames(begin: float = 0.0) -> list[Record]:
    lines = [
        frame(begin + n / 25, found(track_id=1, score=0.9 if n == 7 else 0.5)) for n in range(20)
    ]
    lines[3]["events"] = [
        {"rule": "Stays", "zone": "Yard", "class": "person", "track_id": 1, "number": 1},
        {
            "rule": "Loud",
            "zone": "",
            "class": "",
            "track_id": 1,
            "number": 1,
            "suppressed": "pause",
        },
    ]
    lines[5]["counts"] = [counted(begin + 0.2, "Yard", "entered")]
    return lines


def test_a_log_with_its_video(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4")
    log = write_log(tmp_path / "a.jsonl", header(recorded_at=EVENING), *_frames())
    steps: list[str] = []
    with Index(tmp_path / "index.db") as index:
        added = add_log(index, log, progress=steps.append)
        assert added == Added(1, 1, 1)
        assert str(added) == "1 source, 1 track, 1 picture"
        assert steps == [f"taking pictures out of {clip}"]
        (source,) = sources(index)
        assert (source.name, source.kind, source.log, source.video) == (
            "a.mp4",
            "result",
            log,
            clip,
        )
        (track,) = search(index, Query(places=("Stays",)))
        assert (track.clock, track.seconds, track.best_time) == (EVENING, 0.76, 0.28)
        assert search(index, Query(places=("Yard",))) == [track]
        jpeg = picture_of(index, track.row)
        assert jpeg is not None
        shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert shown is not None
        # The box with a margin of a tenth at each side.
        expected = pictures(clip)[7][42:138, 96:144]
        assert shown.shape == expected.shape
        assert np.abs(shown.astype(int) - expected).mean() < 6
        assert track.colours != ()


def test_a_log_that_is_added_again_takes_its_own_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adding, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(adding, "PICTURES_AT_ONCE", 1)
    write_clip(tmp_path / "a.mp4")
    others = [frame(n / 25, found(track_id=2), found(track_id=3)) for n in range(5)]
    log = write_log(tmp_path / "a.jsonl", header(), *others)
    with Index(tmp_path / "index.db") as index:
        assert add_log(index, log).pictures == 2
        write_log(log, header(), *_frames())
        add_log(index, log, recorded_at=EVENING)
        assert [track.track_id for track in search(index, Query())] == [1]
        assert [its.recorded_at for its in sources(index)] == [EVENING]
        with index.reading() as database:
            assert database.execute("SELECT count(*) FROM pictures.jpegs").fetchone() == (1,)


def test_several_sources_images_and_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "b.mp4").write_text("no video")
    log = write_log(
        tmp_path / "all.jsonl",
        header("photo.jpg", time_base=None),
        frame(0.0, found(track_id=1)),
        header("empty.mp4"),
        header("a.mp4"),
        *_frames(),
        header("untracked.mp4"),
        frame(0.0, found()),
        header("b.mp4"),
        *_frames(),
        header("c.mp4", redaction={"classes": ["person"]}),
        *_frames(),
    )
    write_clip(tmp_path / "c.mp4")
    with log.open("a") as file:
        file.write('{"frame": 1, "ti')
    with Index(tmp_path / "index.db") as index:
        added = add_log(index, log)
        assert (added.sources, added.tracks, added.pictures) == (3, 3, 0)
        first, second, third, fourth = added.notes
        assert first == "a.mp4: has no pictures, because its video was not found"
        assert second.startswith("b.mp4: has no pictures: ")
        # The video of this name shows what was hidden.
        assert third == "c.mp4: has no pictures, because its video was not found"
        assert fourth == "1 damaged line of the log left out"
        assert {its.name for its in sources(index)} == {"a.mp4", "b.mp4", "c.mp4"}
        copy = write_clip(tmp_path / "copy.mp4")
        videos = {"c.mp4": copy}
        assert add_log(index, log, video_of=lambda its: videos.get(its.source)).pictures == 1


def test_a_log_without_tracks_is_refused(tmp_path: Path) -> None:
    log = write_log(tmp_path / "a.jsonl", header(), frame(0.0, found()))
    with Index(tmp_path / "index.db") as index:
        with pytest.raises(DataError, match="has no tracks of a video; process the video with"):
            add_log(index, log)
        assert sources(index) == []


def _own(index: Index) -> None:
    """As if the program had recorded all files of the index."""
    with index.writing() as database:
        database.execute("UPDATE sources SET is_own = 1")


def test_deleting_leaves_nothing_that_can_be_read(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4")
    log = write_log(tmp_path / "a.jsonl", header("geheim.mp4", kind="recording"), *_frames())
    clip.rename(tmp_path / "a.mkv")
    with Index(tmp_path / "index.db") as index:
        add_log(index, log)
        _own(index)
        (track,) = search(index, Query())
        jpeg = picture_of(index, track.row)
        assert jpeg is not None
        (source,) = sources(index)
        deleted = delete_sources(index, [source.number], files=True)
        assert (deleted.sources, deleted.tracks, deleted.pictures, deleted.files) == (1, 1, 1, 2)
        assert deleted.bytes_freed > 1000
        assert "deleted: 1 source, 1 track, 1 picture, 2 files; " in str(deleted)
        for table in ("sources", "tracks", "visits", "counts", "events", "names", "pictures.jpegs"):
            with index.reading() as database:
                assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index-pictures.db", "index.db"]
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        assert b"geheim" not in content
        assert jpeg[200:260] not in content


def test_the_files_of_the_user_and_shared_logs_stay(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4")
    log = write_log(tmp_path / "x.jsonl", header("a.mp4"), *_frames(), header("b.mp4"), *_frames())
    with Index(tmp_path / "index.db") as index:
        add_log(index, log)
        numbers = {its.name: its.number for its in sources(index)}
        assert delete_sources(index, [numbers["a.mp4"]], files=True).files == 0
        assert log.exists()
        assert delete_sources(index, [numbers["b.mp4"], 99], files=True).files == 1
        assert not log.exists()
        assert clip.exists()


def test_a_file_that_cannot_be_deleted_keeps_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = write_log(tmp_path / "a.jsonl", header("a.mp4"), *_frames())

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    with Index(tmp_path / "index.db") as index:
        add_log(index, log)
        (source,) = sources(index)
        with monkeypatch.context() as patched:
            patched.setattr(Path, "unlink", refuse)
            with pytest.raises(OutputError, match=r"a\.jsonl: cannot be deleted \(permission"):
                delete_sources(index, [source.number], files=True)
        assert sources(index) == [source]
        log.unlink()
        assert delete_sources(index, [source.number], files=True).sources == 1


def test_only_files_that_the_program_made_are_deleted(tmp_path: Path) -> None:
    """A log may claim to be of a recording, and stand beside somebody's video."""
    log = write_log(tmp_path / "r.jsonl", header("cam", kind="recording"), *_frames())
    (tmp_path / "r.mkv").write_bytes(bytes(1000))
    with Index(tmp_path / "index.db") as index:
        add_log(index, log)
        (source,) = sources(index)
        assert (source.kind, source.video) == ("recording", tmp_path / "r.mkv")
        assert delete_sources(index, [source.number], files=True).files == 1
    assert not log.exists()
    assert (tmp_path / "r.mkv").exists()


def test_a_recording_that_goes_on_is_not_deleted(tmp_path: Path) -> None:
    log = write_log(tmp_path / "r.part-2.jsonl", header("cam", kind="recording"), *_frames())
    video = tmp_path / "r.part-2.mkv"
    video.write_bytes(bytes(1000))
    with Index(tmp_path / "index.db") as index:
        add_log(index, log)
        _own(index)
        # Added again, it is still the program's own.
        add_log(index, log)
        (source,) = sources(index)
        assert (source.playable, source.log) == (video, log)
        with pytest.raises(OutputError, match="is being written; stop the recording first"):
            delete_sources(index, [source.number], files=True)
        for part in (log, video):
            os.utime(part, (0, 0))
        assert delete_sources(index, [source.number], files=True).files == 2
        assert not log.exists()
        assert not video.exists()


def test_a_video_that_the_user_names_is_his_own(tmp_path: Path) -> None:
    log = write_log(tmp_path / "r.jsonl", header("cam", kind="recording"), *_frames())
    (tmp_path / "r.mkv").write_bytes(bytes(1000))
    holiday = write_clip(tmp_path / "holiday.mp4")
    with Index(tmp_path / "index.db") as index:
        add_log(index, log)
        _own(index)
        add_log(index, log, video_of=lambda _: holiday)
        (source,) = sources(index)
        delete_sources(index, [source.number], files=True)
    assert holiday.exists()


def test_names_that_are_no_text(tmp_path: Path) -> None:
    names = [os.fsdecode(name) for name in (b"\xffa.jsonl", b"\xfea.jsonl")]
    with Index(tmp_path / "index.db") as index:
        for name in names:
            add_log(index, write_log(tmp_path / name, header("a.mp4"), *_frames()))
        assert {source.log.name for source in sources(index)} == set(names)
        numbers = [source.number for source in sources(index)]
        assert delete_sources(index, numbers, files=True).files == 2


def test_texts_with_halves_of_characters(tmp_path: Path) -> None:
    lines = [frame(0.0, found(track_id=1, name="A\ud800B"))]
    lines[0]["counts"] = [counted(0.0, "Z\udfff", "entered")]
    with Index(tmp_path / "index.db") as index:
        add_log(index, write_log(tmp_path / "a.jsonl", header("s\ud800"), *lines))
        assert [its.name for its in sources(index)] == ["s?"]
        assert search(index, Query(places=("Z?",)))[0].class_name == "A?B"


def test_adding_that_is_interrupted_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clip(tmp_path / "a.mp4")
    log = write_log(tmp_path / "a.jsonl", header(), *_frames())

    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    with Index(tmp_path / "index.db") as index:
        add_log(index, log)
        before = sources(index)
        monkeypatch.setattr(adding, "pictures_of", interrupt)
        with pytest.raises(KeyboardInterrupt):
            add_log(index, log)
        assert sources(index) == before


def test_a_folder_that_must_not_be_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = write_log(tmp_path / "a.jsonl", header(), *_frames())
    with Index(tmp_path / "index.db") as index:
        add_log(index, log)
        (source,) = sources(index)

        def refuse(path: Path) -> bool:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "is_file", refuse)
        assert (source.playable, is_file(log)) == (None, False)


def test_single_tracks_are_deleted(tmp_path: Path) -> None:
    with Index(tmp_path / "index.db") as index:
        fill(index, 1)
        total = count(index, Query())
        rows = [track.row for track in search_all(index, Query(places=("Door",)))]
        assert delete_tracks(index, rows).tracks == len(rows)
        assert count(index, Query()) == total - len(rows)
        assert count(index, Query(places=("Door",))) == 0
        assert delete_tracks(index, []).tracks == 0
    database = sqlite3.connect(tmp_path / "index.db")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
