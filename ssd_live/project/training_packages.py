"""Say which packages a training needs, and how they are installed."""

import importlib.util
import sys

# The same as the optional part `train` in pyproject.toml.
PACKAGES = (
    "torch>=2.9",
    "onnxscript>=0.7",
    "safetensors>=0.6",
    "faster-coco-eval>=1.7",
    "tensorboard>=2.20",
)
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
