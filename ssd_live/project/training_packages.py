"""Say which packages a training needs, and how they are installed."""

import http.client
import importlib.util
import json
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path

# The same as the optional part `train` in pyproject.toml.
PACKAGES = (
    "torch>=2.9",
    "onnxscript>=0.7",
    "safetensors>=0.6",
    "faster-coco-eval>=1.7",
    "tensorboard>=2.20",
)
# So long pip may look for the packages, and a server may take to tell the size of one.
_REPORT_SECONDS, _SIZE_SECONDS = 90.0, 10.0
# Without these modules there is no training.
_MODULES = ("torch", "onnxscript", "safetensors")


def can_train() -> bool:
    """Return whether all packages are installed without which there is no training."""
    return all(importlib.util.find_spec(name) is not None for name in _MODULES)


def install_command() -> list[str] | None:
    """Return the words of a command that installs the packages by the user's own settings of pip.

    Return None if this Python has no pip, as in a frozen app.
    """
    if getattr(sys, "frozen", False) or importlib.util.find_spec("pip") is None:
        return None
    return [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-input",
        "--progress-bar",
        "off",
        *PACKAGES,
    ]


def download_size(command: Sequence[str]) -> int | None:
    """Return how many bytes a command of `install_command` would download, or None if pip or a
    server does not tell.

    Packages that are installed already do not count. Nothing is installed.
    """
    report = [*command, "--dry-run", "--quiet", "--report", "-"]
    try:
        done = subprocess.run(
            report,
            capture_output=True,
            timeout=_REPORT_SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        wanted = json.loads(done.stdout)["install"]
        return sum(_size_of(entry["download_info"]["url"]) for entry in wanted)
    except (
        OSError,
        http.client.HTTPException,
        subprocess.SubprocessError,
        ValueError,
        KeyError,
        TypeError,
    ):
        return None


def _size_of(url: str) -> int:
    """Return the size in bytes of the file at an address. Raises `OSError` or `TypeError`."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "file":
        return Path(urllib.request.url2pathname(parts.path)).stat().st_size
    if parts.scheme != "https":
        raise TypeError(f"{parts.scheme} is not asked for a size")
    asked = urllib.request.Request(url, method="HEAD")
    with urllib.request.urlopen(asked, timeout=_SIZE_SECONDS) as answer:
        return int(answer.headers["Content-Length"])
