"""What OpenVINO keeps of a compiled network: used again, never trusted blindly, never in the way,
never without end.
"""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from ssd_live.backends import openvino
from ssd_live.backends.base import LoadOptions, Outputs
from ssd_live.modelfile.catalogue import DEFAULT_MODEL, find_model
from ssd_live.selection.load import with_score_threshold
from tests.tiny_model import SIDE, tiny_model
from tests.waiting import wait_until

MODEL = tiny_model([(0.25, 0.25, 0.75, 0.75)], [(0.9, 0.1)])


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(tmp_path / "engines"))
    return tmp_path / "engines"


def _answer(batch: int = 1) -> Outputs:
    with openvino.load(MODEL, LoadOptions(batch=batch)) as backend:
        counts, boxes, scores, classes = backend.submit(
            np.zeros((batch, SIDE, SIDE, 3), np.uint8)
        ).result()
        return Outputs(counts.copy(), boxes.copy(), scores.copy(), classes.copy())


def _check_same(one: Outputs, other: Outputs) -> None:
    count = int(one.num_detections[0, 0])
    assert count == int(other.num_detections[0, 0]) > 0
    for values, others in (
        (one.boxes, other.boxes),
        (one.scores, other.scores),
        (one.classes, other.classes),
    ):
        np.testing.assert_array_equal(values[0, :count], others[0, :count])


def _blobs(engines: Path) -> list[Path]:
    return sorted((engines / "cache" / "openvino").glob("*.blob"))


def test_what_was_compiled_once_is_used_again(engines: Path) -> None:
    first = _answer()
    (blob,) = _blobs(engines)
    made = blob.stat().st_mtime_ns
    _check_same(_answer(), first)
    (again,) = _blobs(engines)
    assert (again, again.stat().st_mtime_ns) == (blob, made)


def test_one_that_ends_in_detection_output_is_used_again_by_the_same_process(
    engines: Path,
) -> None:
    model = with_score_threshold(find_model(DEFAULT_MODEL), 0.3)
    for _ in range(2):
        openvino.load(model, LoadOptions()).close()
    assert len(_blobs(engines)) == 1


@pytest.mark.parametrize("kept", [0, 0.5, 0.99])
def test_a_damaged_one_is_made_anew(engines: Path, kept: float) -> None:
    first = _answer()
    (blob,) = _blobs(engines)
    content = blob.read_bytes()
    blob.chmod(0o600)
    blob.write_bytes(content[: int(len(content) * kept)])
    damaged = blob.stat().st_ino
    _check_same(_answer(), first)
    assert blob.stat().st_ino != damaged


def test_what_others_see_is_never_half_written(engines: Path) -> None:
    """Another process that reads it would crash."""
    sizes: dict[tuple[str, int], set[int]] = {}
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for blob in _blobs(engines):
                facts = blob.stat()
                sizes.setdefault((blob.name, facts.st_ino), set()).add(facts.st_size)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        openvino.load(find_model(DEFAULT_MODEL), LoadOptions()).close()
        wait_until(lambda: sizes)
    finally:
        done.set()
        watcher.join()
    assert [len(seen) for seen in sizes.values()] == [1]
    assert [path.suffix for path in (engines / "cache" / "openvino").iterdir()] == [".blob"]


def test_what_killed_processes_left_is_cleared_away(engines: Path) -> None:
    cache = engines / "cache" / "openvino"
    left, at_work = cache / "own-left", cache / "own-at-work"
    for folder in (left, at_work):
        folder.mkdir(parents=True)
        (folder / "1.blob").write_bytes(b"half of a netw")
    os.utime(left, (0, 0))
    _answer()
    assert not left.exists()
    assert at_work.exists()


@pytest.mark.expects_warnings
def test_where_nothing_can_be_kept_it_loads_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a-file").write_text("in the way")
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(tmp_path / "a-file"))
    assert int(_answer().num_detections[0, 0]) > 0


def test_the_oldest_go(engines: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino, "MOST_COMPILED", 2)
    for batch in (1, 2, 3, 4, 5):
        _answer(batch)
    # The newest comes on top of those that were left.
    assert len(_blobs(engines)) == 3
