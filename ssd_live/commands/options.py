"""Define the arguments and options that several commands share."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from ssd_live.errors import UsageError

# `auto` (the program chooses) and the precisions of `backends.base`. They are repeated here
# because that module is slow to import.
PrecisionName = Literal["auto", "fp32", "fp16", "bf16", "int8"]

# The same as in `detection.tiles`.
MOST_TILES = 16
# The year 3000, in seconds since 1970.
_LATEST_CLOCK = 32_503_680_000.0

MODEL_HELP = "Model name from `models list`, or path of a model file (.onnx)."
BACKEND_HELP = (
    "Library that runs the model: auto (the fastest that was measured here, or before that, one "
    "that a rule chooses), cpu (auto without GPUs), openvino, onnxruntime, torch, tensorrt or "
    "tensorrt-rtx; a device may follow, for example openvino:GPU."
)

Model = Annotated[str, typer.Option("--model", "-m", help=MODEL_HELP)]
ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP)]
Backend = Annotated[str, typer.Option(help=BACKEND_HELP)]
Precision = Annotated[
    PrecisionName,
    typer.Option(
        help="Precision of the backend; auto takes the fastest one whose results agree with fp32."
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        help="Keep only detections with at least this score, 0 to 1; default: the model's own."
    ),
]
Classes = Annotated[str, typer.Option(metavar="A,B", help="Keep only detections of these classes.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
ResultsFile = Annotated[
    Path | None,
    typer.Option(
        "--json",
        metavar="FILE",
        help="Write all results to FILE, or to the standard output if FILE is left out.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")]


def names_in(text: str) -> tuple[str, ...]:
    """Return the names in a text like `A,B`, or an empty tuple if the text is empty."""
    return tuple(text.split(",")) if text else ()


def time_in(option: str, text: str) -> float | None:
    """Return the time of day that is given for an option, in seconds since 1970; None for "".

    Raises `UsageError` if it is not in ISO 8601. A time without a zone is local.
    """
    if not text:
        return None
    try:
        clock = datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{option} {text!r} is not a time like 2026-11-29T18:00 (ISO 8601)"
        ) from None
    if not 0 < clock < _LATEST_CLOCK:
        raise UsageError(f"{option} {text!r} must be from 1970 to 2999")
    return clock


def tiles_in(text: str) -> int | Literal["auto"]:
    """Return the number of tiles in the value of `--tiles`, 0 for "off", or "auto".

    Raises `UsageError` for anything else.
    """
    if text == "off":
        return 0
    if text == "auto":
        return "auto"
    if not text.isdecimal() or not 2 <= int(text) <= MOST_TILES:
        raise UsageError(f"--tiles {text!r} must be a number from 2 to {MOST_TILES}, auto or off")
    return int(text)
