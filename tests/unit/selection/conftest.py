"""A model, a folder of its own for what is measured, and trials that are made up."""

from pathlib import Path

import pytest

from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.file import ModelFile
from tests.unit.selection.parts import Trials


@pytest.fixture
def model() -> ModelFile:
    return find_model("ssdlite300-mobilenetv2-person")


@pytest.fixture
def empty_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(tmp_path))


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> Trials:
    return Trials(monkeypatch)
