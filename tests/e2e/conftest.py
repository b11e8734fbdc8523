"""Data that several end-to-end tests train on and measure with."""

import runpy
from pathlib import Path

import numpy as np
import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shapes")
    tool = runpy.run_path(str(CHECKOUT / "tools" / "make_shapes.py"))
    tool["make"](folder, 6, tool["_photos"]()[:3], np.random.default_rng(1))
    return folder
