"""What is remembered between runs: never lost, never fatal, never a password."""

import errno
import json
import os
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from ssd_live.errors import OutputError
from ssd_live.settings import Settings, load_settings, save_settings, settings_path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ssd_live" / "settings.json"


def _written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_what_is_saved_is_loaded_again(path: Path) -> None:
    settings = Settings(
        language="ko",
        theme="dark",
        model="ssdlite300-mobilenetv2-person",
        thresholds={"a": 0.25},
        hidden_classes={"a": ["Cat", "개"]},
        show="source",
        rate_cap=12.5,
        line_width=4,
        recent_sources=["0", "/clips/새 영상.mp4"],
        geometry="AdnQ",
    )
    save_settings(settings, path)
    assert load_settings(path) == (settings, "")


def test_without_a_file_the_defaults_are_used_silently(path: Path) -> None:
    assert load_settings(path) == (Settings(), "")
    assert not path.parent.exists()


def test_saving_makes_the_folder_and_leaves_nothing_else(path: Path) -> None:
    save_settings(Settings(), path)
    save_settings(Settings(theme="light"), path)
    assert [found.name for found in path.parent.iterdir()] == ["settings.json"]


BROKEN = {
    "empty": b"",
    "no JSON": b"theme = dark",
    "cut": b'{"theme": "da',
    "a list": b"[]",
    "null": b"null",
    "no text": b"\xff\xfe\x00\x01",
    "nested deep": b"[" * 50_000,
    "a bad value": b'{"theme": "purple"}',
    "a bad type": b'{"recent_sources": "0"}',
    "out of range": b'{"rate_cap": -1}',
    "no number": b'{"rate_cap": NaN}',
    "a bad score": b'{"thresholds": {"a": 1.5}}',
    "another version": b'{"version": 2}',
    "huge": b'{"geometry": "' + b"x" * 1_100_000 + b'"}',
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_set_aside_whole_and_said(kind: str, path: Path) -> None:
    _written(path, BROKEN[kind])
    settings, line = load_settings(path)
    assert settings == Settings()
    assert not path.exists()
    aside = path.with_name("settings.broken-1.json")
    assert aside.read_bytes() == BROKEN[kind]
    assert aside.name in line
    assert "\n" not in line
    assert load_settings(path) == (Settings(), "")


def test_every_broken_file_is_kept_under_a_number_of_its_own(path: Path) -> None:
    for number in range(1, 5):
        _written(path, f"broken {number}".encode())
        load_settings(path)
    kept = {found.name: found.read_text() for found in path.parent.iterdir()}
    assert kept == {f"settings.broken-{number}.json": f"broken {number}" for number in range(1, 5)}


def test_keys_of_a_newer_version_are_dropped_and_the_rest_is_kept(path: Path) -> None:
    _written(path, b'{"theme": "dark", "hologram": true}')
    settings, line = load_settings(path)
    assert (settings.theme, line) == ("dark", "")
    save_settings(settings, path)
    assert "hologram" not in json.loads(path.read_text())


def test_a_folder_in_the_files_place_is_left_alone_and_said(path: Path) -> None:
    path.mkdir(parents=True)
    settings, line = load_settings(path)
    assert settings == Settings()
    assert "cannot be read" in line
    assert path.is_dir()
    with pytest.raises(OutputError, match="cannot be written"):
        save_settings(settings, path)


def test_a_file_that_may_not_be_read_is_left_alone_and_said(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _written(path, b'{"theme": "dark"}')

    def refuse(self: Path) -> bytes:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    settings, line = load_settings(path)
    assert settings == Settings()
    assert "permission denied" in line
    assert path.exists()


def test_a_broken_file_that_cannot_be_set_aside_is_not_said_to_be(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _written(path, b"broken")

    def refuse(self: Path, target: Path) -> Path:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "replace", refuse)
    settings, line = load_settings(path)
    assert settings == Settings()
    assert path.read_bytes() == b"broken"
    assert "broken-1" not in line


def test_where_nothing_can_be_written_saving_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="choose another place"):
        save_settings(Settings(), tmp_path / "file" / "settings.json")


def test_a_setting_cannot_be_given_a_bad_value() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.line_width = 99
    assert settings.line_width == 2


def test_defaults_are_not_shared() -> None:
    Settings().thresholds["a"] = 0.5
    Settings().remember_source("0")
    assert Settings() == Settings.model_validate({})
    assert Settings().thresholds == {}


def test_the_newest_sources_stand_first_once_and_at_most_ten() -> None:
    settings = Settings()
    for text in [*map(str, range(12)), "5"]:
        settings.remember_source(text)
    assert settings.recent_sources == ["5", "11", "10", "9", "8", "7", "6", "4", "3", "2"]


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://admin:s3cret@10.0.0.5/stream1",
        "RTSP://admin:s3cret@10.0.0.5/stream1",
        "http://:s3cret@host/video",
        "http://admin:s3@cret@host/video",
        " http://admin:s3cret@host/video",
        "http://admin:s3cret/x@host/video",
        "http://host/video?user=admin&pwd=s3cret",
        "rtsp://10.0.0.5:554/user=admin_password=s3cret_channel=1",
    ],
)
def test_an_address_with_a_password_is_not_kept(text: str) -> None:
    settings = Settings()
    settings.remember_source(text)
    assert settings.recent_sources == []


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "rtsp://admin@host/stream1",
        "http://host:8080/video",
        "/clips/a@b:c.mp4",
        "pattern:640x360@15",
    ],
)
def test_other_sources_are_kept(text: str) -> None:
    settings = Settings()
    settings.remember_source(text)
    assert settings.recent_sources == [text]


def test_a_file_whose_name_is_no_text_does_not_break_the_settings(path: Path) -> None:
    settings = Settings()
    settings.remember_source(os.fsdecode(b"/clips/\xff.mp4"))
    save_settings(settings, path)
    assert load_settings(path)[1] == ""


def test_the_place_can_be_named_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSD_LIVE_SETTINGS", str(tmp_path / "mine.json"))
    assert settings_path() == tmp_path / "mine.json"
    monkeypatch.delenv("SSD_LIVE_SETTINGS")
    assert (settings_path().name, settings_path().parent.name) == ("settings.json", "ssd_live")


@pytest.mark.skipif(sys.platform == "win32", reason="there files have no mode")
def test_only_the_user_may_read_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text("{}")
    path.chmod(0o644)
    save_settings(Settings(), path)
    assert path.stat().st_mode & 0o777 == 0o600
