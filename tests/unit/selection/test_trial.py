"""A trial's process ends with whoever asked for it; in a frozen app too."""

import pytest

from ssd_live import cli
from ssd_live.selection import trial


def test_a_frozen_app_ends_its_trial_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own program takes the word `run-trial`."""
    done: list[str] = []
    monkeypatch.setattr(trial, "end_with_parent", lambda: done.append("watches"))
    monkeypatch.setattr(trial, "main", lambda words: done.append(f"tries {' '.join(words)}"))
    cli.main([trial.TRIAL_COMMAND, "a.onnx", "openvino"])
    assert done == ["watches", "tries a.onnx openvino"]
