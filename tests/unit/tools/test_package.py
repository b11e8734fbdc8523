"""What the Linux packages bring beside the program agrees with the program."""

import configparser
import gzip
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from ssd_live import __version__
from ssd_live.gui.app import APP_ID
from tools.package.linux_packages import make_share


@pytest.fixture
def share(tmp_path: Path) -> Path:
    icons = tmp_path / "icons"
    icons.mkdir()
    (icons / "64.png").write_bytes(b"icon")
    make_share(tmp_path / "share", icons)
    return tmp_path / "share"


def test_the_desktop_entry_starts_the_program_and_is_found_by_its_windows(share: Path) -> None:
    entry = configparser.ConfigParser(interpolation=None)
    entry.optionxform = str  # type: ignore[assignment,method-assign]
    entry.read(share / "applications" / f"{APP_ID}.desktop", encoding="utf-8")
    values = entry["Desktop Entry"]
    assert values["Exec"] == "ssd-live live %F"
    # On Wayland, the name of the entry itself counts; on X11, the name of the application.
    assert values["StartupWMClass"] == "ssd_live"
    assert values["Icon"] == APP_ID
    assert (share / "icons/hicolor/scalable/apps" / f"{APP_ID}.svg").is_file()
    assert (share / "icons/hicolor/64x64/apps" / f"{APP_ID}.png").read_bytes() == b"icon"


def test_appstream_knows_the_entry_and_the_version(share: Path) -> None:
    root = ElementTree.parse(share / "metainfo" / f"{APP_ID}.metainfo.xml").getroot()
    assert root.findtext("id") == APP_ID
    assert root.findtext("launchable") == f"{APP_ID}.desktop"
    release = root.find("releases/release")
    assert release is not None
    assert release.get("version") == __version__


def test_manual_changelog_and_completion_are_there(share: Path) -> None:
    manual = gzip.decompress((share / "man/man1/ssd-live.1.gz").read_bytes()).decode()
    assert manual.startswith(".TH SSD-LIVE 1")
    changelog = gzip.decompress((share / "doc/ssd-live/changelog.gz").read_bytes()).decode()
    assert changelog.startswith(f"ssd-live ({__version__}) ")
    for name in (
        "bash-completion/completions/ssd-live",
        "zsh/vendor-completions/_ssd-live",
        "fish/vendor_completions.d/ssd-live.fish",
    ):
        assert "_SSD_LIVE_COMPLETE" in (share / name).read_text()
