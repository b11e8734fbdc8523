"""What a training needs is the optional part of the package."""

import sys
import tomllib
from pathlib import Path

import pytest

from ssd_live.project.training_packages import PACKAGES, can_train, install_command

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
