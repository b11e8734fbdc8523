"""The zones that are kept for each source."""

from pathlib import Path

import pytest

from ssd_live.analytics.zones import Zone
from ssd_live.errors import OutputError
from ssd_live.live.zone_store import load_zones, save_zones, zones_path
from ssd_live.video.sources import SourceSpec, parse_source

ZONES = (Zone("Door", "line", ((0.1, 0.5), (0.9, 0.5))),)


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSD_LIVE_SETTINGS", str(tmp_path / "config" / "settings.json"))


def test_each_source_has_its_own() -> None:
    one, other = SourceSpec("camera", "0", "Front"), SourceSpec("camera", "1", "Back")
    save_zones(one, ZONES)
    assert load_zones(one) == (ZONES, "")
    assert load_zones(other) == ((), "")


def test_a_password_is_neither_needed_nor_stored() -> None:
    with_password = parse_source("rtsp://me:secret@camera.example/live")
    save_zones(with_password, ZONES)
    path = zones_path(with_password)
    assert "secret" not in path.name + path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    assert zones_path(parse_source("rtsp://me:other@camera.example/live")) == path


def test_a_file_is_known_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mp4").touch()
    monkeypatch.chdir(tmp_path)
    relative, absolute = parse_source("a.mp4"), parse_source(str(tmp_path / "a.mp4"))
    assert zones_path(relative) == zones_path(absolute)


@pytest.mark.parametrize("name", ["ä b/☃ \udcff.mp4", "x" * 300, "...", "a\nb"])
def test_any_name_makes_a_file_name(name: str) -> None:
    spec = SourceSpec("file", name, name)
    save_zones(spec, ZONES)
    assert load_zones(spec) == (ZONES, "")
    assert len(zones_path(spec).name) < 80


def test_without_zones_there_is_no_file() -> None:
    spec = SourceSpec("pattern", "", "pattern")
    save_zones(spec, ZONES)
    save_zones(spec, ())
    save_zones(spec, ())
    assert not zones_path(spec).exists()


def test_a_broken_file_is_set_aside() -> None:
    spec = SourceSpec("pattern", "", "pattern")
    save_zones(spec, ZONES)
    zones_path(spec).write_text('{"version": 1, "zones": [{}]}')
    zones, message = load_zones(spec)
    assert zones == ()
    assert "are not used" in message
    assert "kept in" in message
    assert load_zones(spec) == ((), "")
    save_zones(spec, ZONES)
    assert len(list(zones_path(spec).parent.iterdir())) == 2


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file")
    with pytest.raises((OutputError, OSError)):
        save_zones(SourceSpec("pattern", "", "pattern"), ZONES)
