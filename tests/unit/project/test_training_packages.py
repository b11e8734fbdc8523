"""What a training needs is the optional part of the package."""

import json
import sys
import tomllib
import urllib.request
from pathlib import Path
from typing import ClassVar

import pytest

from ssd_live.project.training_packages import PACKAGES, can_train, download_size, install_command

CHECKOUT = Path(__file__).resolve().parents[3]


def test_the_packages_are_those_of_the_optional_part() -> None:
    content = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    assert list(PACKAGES) == content["project"]["optional-dependencies"]["train"]


def test_they_are_installed_with_the_pip_of_this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_train()
    command = install_command()
    assert command is not None
    assert command[:4] == [sys.executable, "-m", "pip", "install"]
    assert command[-len(PACKAGES) :] == list(PACKAGES)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not can_train()
    assert install_command() is None


def _reports(folder: Path, install: object) -> list[str]:
    """A command in place of pip, which writes this report if it is asked for one."""
    report = json.dumps({"install": install})
    code = f"import sys; assert sys.argv[-1] == '-', sys.argv; print({report!r})"
    return [sys.executable, "-c", code]


def test_the_size_is_that_of_all_files(tmp_path: Path) -> None:
    (tmp_path / "a b.whl").write_bytes(b"1" * 1000)
    (tmp_path / "c.whl").write_bytes(b"1" * 20)
    files = [
        {"download_info": {"url": (tmp_path / name).as_uri()}} for name in ("a b.whl", "c.whl")
    ]
    assert download_size(_reports(tmp_path, files)) == 1020
    assert download_size(_reports(tmp_path, [])) == 0


@pytest.mark.parametrize(
    "install",
    [
        [{"download_info": {"url": "file:///none.whl"}}],
        # Nobody asks a server that anybody can pretend to be.
        [{"download_info": {"url": "http://127.0.0.1:1/a.whl"}}],
        [{"download_info": {"url": "https://127.0.0.1:1/a.whl"}}],
        [{"download_info": {}}],
        None,
    ],
)
def test_a_size_that_nobody_tells_is_not_known(install: object, tmp_path: Path) -> None:
    assert download_size(_reports(tmp_path, install)) is None


def test_without_pip_the_size_is_not_known(tmp_path: Path) -> None:
    assert download_size([str(tmp_path / "none")]) is None
    assert download_size([sys.executable, "-c", "raise SystemExit(1)"]) is None
    assert download_size([sys.executable, "-c", "print('no report')"]) is None


def test_a_server_tells_the_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Answer:
        headers: ClassVar[dict[str, str]] = {"Content-Length": "77"}

        def __enter__(self) -> "Answer":
            return self

        def __exit__(self, *_: object) -> None:
            pass

    asked: list[str] = []

    def answer(request: urllib.request.Request, timeout: float) -> Answer:
        asked.append(f"{request.get_method()} {request.full_url}")
        return Answer()

    monkeypatch.setattr("urllib.request.urlopen", answer)
    files = [{"download_info": {"url": "https://host/torch.whl"}}]
    assert download_size(_reports(tmp_path, files)) == 77
    assert asked == ["HEAD https://host/torch.whl"]
