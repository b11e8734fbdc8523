"""Where results are written, and under which names until they are whole."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ssd_live.errors import OutputError
from ssd_live.system.atomic_files import atomic_write, check_writable, parts_of, reserve_part


def test_parts_are_those_that_were_claimed_and_no_other_file(tmp_path: Path) -> None:
    claimed = {reserve_part(tmp_path / "clip.mp4") for _ in range(3)}
    for name in (
        "clip.mp4",
        "clip.partial.mp4",
        "clip.part two.mp4",
        "clip.part.mkv",
        "a clip.part.mp4",
        "clip.part-x.mp4",
        "clip.part.mp4.mp4",
    ):
        (tmp_path / name).touch()
    assert parts_of(tmp_path / "clip.mp4") == claimed


def test_parts_of_long_and_strange_names_are_found(tmp_path: Path) -> None:
    for name in ("x" * 250 + ".mp4", "[a](b)*.mp4", "no ending", ".hidden"):
        assert parts_of(tmp_path / name) == set()
        part = reserve_part(tmp_path / name)
        assert parts_of(tmp_path / name) == {part}


def test_a_place_where_a_file_can_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "there.json").write_text("as before")
    check_writable(tmp_path / "there.json")
    check_writable(tmp_path / "new" / "folders" / "bench.json")
    assert [path.name for path in tmp_path.iterdir()] == ["there.json"]
    assert (tmp_path / "there.json").read_text() == "as before"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("folder", "is a folder"),
        ("file/in/x.json", "not a directory"),
        ("pipe", "is not a regular file"),
        (os.devnull, "regular file"),
    ],
)
def test_a_place_where_none_can_be_written_is_refused(
    name: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match=words):
        check_writable(tmp_path / name)


@pytest.mark.skipif(
    os.geteuid() == 0 and not shutil.which("setpriv"),
    reason="root may write everywhere, and there is no setpriv to be less",
)
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from ssd_live.system.atomic_files import check_writable; "
        f"check_writable(Path({str(tmp_path / 'x.json')!r}))"
    )
    command = [sys.executable, "-c", code]
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    answer = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[3],
    )
    assert "permission denied" in answer.stderr


def test_new_files_have_the_permissions_of_the_users_umask_which_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changing it for a moment would change it for other threads too."""
    before = os.umask(0o027)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "umask", lambda mask: pytest.fail("the umask was changed"))
            with atomic_write(tmp_path / "a.bin") as file:
                file.write(b"a")
        assert stat.S_IMODE((tmp_path / "a.bin").stat().st_mode) == 0o640
    finally:
        os.umask(before)
