"""docs/architecture.md shows the layers and the walks that the code has."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
# The most modules of each walk: live, file, and from a model's name to a loaded backend.
LIMITS = (10, 10, 9)


def test_each_module_of_a_walk_is_connected_with_the_others() -> None:
    done = subprocess.run(
        [sys.executable, CHECKOUT / "tools" / "walks.py"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lengths = [int(count) for count in re.findall(r": (\d+) modules", done.stdout)]
    assert len(lengths) == len(LIMITS)
    assert all(5 < length <= limit for length, limit in zip(lengths, LIMITS, strict=True))


def test_the_page_shows_the_layers_of_the_contract() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (layers,) = (one["layers"] for one in contracts if one["type"] == "layers")
    page = (CHECKOUT / "docs" / "architecture.md").read_text(encoding="utf-8")
    block = re.search(r"```\n(.*?)```", page, re.DOTALL)
    assert block is not None
    assert block[1].splitlines() == layers
