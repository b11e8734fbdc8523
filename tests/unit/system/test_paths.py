"""Where things are: asking writes nothing, and foreign files beside the package change nothing."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ssd_live.system.paths import assets_folder, cache_folder, engines_folder, one_line

CHECKOUT = Path(__file__).resolve().parents[3]


def run_installed(site: Path, code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run code with the package as it lies in a site-packages folder."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=site,
        env={**os.environ, "PYTHONPATH": str(site), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as an installed wheel has it, beside the files of other packages."""
    folder = tmp_path_factory.mktemp("site-packages")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(CHECKOUT / "ssd_live", folder / "ssd_live", ignore=ignored)
    (folder / "ssd_live" / "assets").symlink_to(CHECKOUT / "assets")
    (folder / "assets" / "models").mkdir(parents=True)
    (folder / "pyproject.toml").write_text('[project]\nname = "another"\n')
    return folder


def test_asking_for_the_engines_folder_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(tmp_path / "engines"))
    assert engines_folder() == tmp_path / "engines"
    assert not (tmp_path / "engines").exists()
    assert cache_folder() == tmp_path / "engines" / "cache"
    assert cache_folder().is_dir()


def test_a_checkout_has_its_assets_beside_the_package() -> None:
    assert assets_folder() == CHECKOUT / "assets"


def test_foreign_files_in_site_packages_move_neither_assets_nor_engines(
    site: Path, tmp_path: Path
) -> None:
    code = (
        "from ssd_live.system.paths import assets_folder, engines_folder; "
        "print(assets_folder()); print(engines_folder())"
    )
    environment = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    environment |= {"LOCALAPPDATA": str(tmp_path / "data")}
    code = f"import os; os.environ.pop('SSD_LIVE_ENGINES'); {code}"
    answer = run_installed(site, code, **environment)
    assets, engines = answer.stdout.splitlines()
    assert Path(assets) == site / "ssd_live" / "assets"
    assert Path(engines).is_relative_to(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="a home folder is named otherwise there")
def test_a_missing_home_folder_stops_no_command(site: Path) -> None:
    """Nothing can be made below a file, even by root."""
    code = (
        "import os; os.environ.pop('SSD_LIVE_ENGINES'); from ssd_live.cli import main; "
        "raise SystemExit(main(['models', 'list']))"
    )
    home = {"HOME": "/dev/null", "XDG_DATA_HOME": "/dev/null/a", "XDG_CACHE_HOME": "/dev/null/b"}
    answer = run_installed(site, code, **home)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "ssd300-mobilenetv2-oid (default)" in answer.stdout


@pytest.mark.expects_warnings
def test_caches_go_elsewhere_where_their_folder_cannot_be_written_and_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(blocked))
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    first, second = cache_folder(), cache_folder()
    assert first == second
    assert first.is_dir()
    assert first.is_relative_to(tmp_path / "temporary")
    (line,) = caplog.messages
    assert f"{blocked / 'cache'} cannot be written (not a directory); using {first}" in line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("새 영상.mp4: done, 10 frames", "새 영상.mp4: done, 10 frames"),
        ("a\nb", "a\\nb"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("txt.\u202e4pm", "txt.\\u202e4pm"),
        ("caf\udce9", "caf\\udce9"),
    ],
)
def test_control_characters_are_shown_as_escapes(text: str, shown: str) -> None:
    assert one_line(text) == shown
