"""The temporary file between two readings of a video."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from ssd_live.detections import Detections
from ssd_live.errors import OutputError
from ssd_live.results.spool import Spool


def _found(count: int) -> Detections:
    return Detections(
        np.full((count, 4), count, np.float32),
        np.full(count, 0.5, np.float32),
        np.zeros(count, np.int32),
        ("a",),
        np.arange(count, dtype=np.int64),
        np.full(count, True),
    )


def test_what_goes_in_comes_out() -> None:
    with Spool() as spool:
        for count in range(5):
            spool.add(_found(count), inferred=count % 2 == 0)
        for count in range(5):
            known = spool.next(("a",))
            assert known is not None
            assert known[0].boxes.tolist() == _found(count).boxes.tolist()
            assert known[0].track_ids is not None
            assert known[0].track_ids.tolist() == list(range(count))
            assert known[1] == (count % 2 == 0)
        assert spool.next(("a",)) is None


def test_a_full_disk_is_said_in_one_line(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))

    def fill() -> None:
        with Spool() as spool:
            for _ in range(1000):
                spool.add(_found(200))

    with pytest.raises(OutputError, match="set TMPDIR to another folder"):
        fill()


def test_a_missing_folder_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(OutputError, match="set TMPDIR to another folder"):
        Spool()
