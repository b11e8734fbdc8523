"""Versions are complete or not there, and the one in use can be undone."""

from pathlib import Path

import pytest

from ssd_live.errors import DataError, OutputError, UsageError
from ssd_live.project.versions import (
    activate,
    active_version,
    complete_version,
    make_folder,
    new_version_folder,
    undo_activation,
    version_of,
    versions_of,
)


def test_only_complete_versions_count(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no version yet"):
        version_of(tmp_path, None)
    first = new_version_folder(tmp_path)
    first.mkdir(parents=True)
    (first / "model.onnx").write_bytes(b"half")
    # The program was killed; the next training begins in the same folder.
    assert new_version_folder(tmp_path) == first
    complete_version(first, {"images": 9})
    second = new_version_folder(tmp_path)
    assert second.name == "2"
    second.mkdir()
    complete_version(second, {"sentence": "finds 9 of 10 mugs", "class_numbers": [1, 3]})
    (tmp_path / "versions" / "notes").mkdir()
    (tmp_path / "versions" / "notes" / "version.json").write_text("{}")
    assert [version.sentence for version in versions_of(tmp_path)] == [
        "learned from 9 images",
        "finds 9 of 10 mugs",
    ]
    assert version_of(tmp_path, None).number == 2
    assert version_of(tmp_path, 1).model == first / "model.onnx"
    assert [version.class_numbers for version in versions_of(tmp_path)] == [[], [1, 3]]
    with pytest.raises(UsageError, match="has no version 7; choose one of 1, 2"):
        version_of(tmp_path, 7)


def test_what_was_in_use_before_comes_back(tmp_path: Path) -> None:
    assert active_version(tmp_path) is None
    with pytest.raises(UsageError, match="nothing to undo"):
        undo_activation(tmp_path)
    for number in (1, 3, 2):
        activate(tmp_path, number)
    assert active_version(tmp_path) == 2
    assert [undo_activation(tmp_path) for _ in range(3)] == [3, 1, None]
    assert active_version(tmp_path) is None


def test_a_damaged_note_of_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "active.json").write_text("{")
    with pytest.raises(DataError, match=r"active.json: is damaged .* delete it"):
        active_version(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        make_folder(tmp_path / "file" / "b")
