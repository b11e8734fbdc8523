"""`build`: a TensorRT engine of a model, kept in the engine store."""

import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from ssd_live.backends.base import LoadOptions
from ssd_live.backends.tensorrt.backend import EngineBackend
from ssd_live.backends.tensorrt.builder import BuildOptions, build
from ssd_live.backends.tensorrt.device import Gpu, gpus
from ssd_live.backends.tensorrt.graph import EnginePrecision
from ssd_live.backends.tensorrt.store import EngineKey, EngineStore, Manifest, key_for
from ssd_live.backends.tensorrt.variants import VARIANTS, Variant
from ssd_live.commands.interrupts import ends_in_order
from ssd_live.commands.progress import notify
from ssd_live.errors import ModelFileError, SsdLiveError, UsageError
from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.file import ModelFile
from ssd_live.selection.engine_check import validate_against_fp32

_PRECISIONS = ("fp16", "fp32")
_WAIT_SECONDS = 0.1
# More than any GPU has; the library takes no number that does not fit its own.
_MOST_WORKSPACE_MB = 1 << 20
_EXIT_INTERRUPTED = 130


@dataclass(frozen=True)
class Request:
    """As the command line says it."""

    model: str
    folder: Path | None
    runtime: str
    precision: str
    batches: str
    workspace_mb: int
    targets: str
    version_compatible: bool
    hardware_compatible: bool
    force: bool


def run(request: Request) -> None:
    """Raises `SsdLiveError`."""
    precision, workspace_mb, runtime, force = (
        request.precision,
        request.workspace_mb,
        request.runtime,
        request.force,
    )
    if precision not in _PRECISIONS:
        raise UsageError(f"engines compute in fp16 or fp32, not {precision}")
    if workspace_mb > _MOST_WORKSPACE_MB:
        raise UsageError(
            f"--workspace is in MB, and {workspace_mb} is too much; it can be "
            f"{_MOST_WORKSPACE_MB} at most, or 0 for all there is"
        )
    flavour = VARIANTS[runtime]
    # In one order: the same targets are the same engine.
    wanted = tuple(
        sorted({target.strip().lower() for target in request.targets.split(",") if target.strip()})
    )
    options = BuildOptions(
        cast(EnginePrecision, precision),
        _batches(request.batches),
        workspace_mb,
        wanted,
        version_compatible=request.version_compatible,
        hardware_compatible=request.hardware_compatible,
    )
    model = find_model(request.model)
    if model.metadata.precision != "float32":
        raise UsageError(
            f"{model.name} is {model.metadata.precision}; give the float32 model, from which the "
            "engine's precision is made"
        )
    library = flavour.library()
    store = EngineStore(request.folder)
    # Built for other GPUs, an engine does not depend on the one that happens to be here.
    gpu, no_gpu = (None, "it is built for other GPUs") if wanted else _gpu()
    key = key_for(model, flavour.name, str(library.__version__), options, gpu)
    if not force and (manifest := _known(store, key)) is not None:
        print(f"{store.folder / manifest.engine}: is there already; --force builds it again")
        return
    store.prepare()
    started = time.monotonic()
    engine = _build(model, flavour, options, store)
    manifest = store.save(key, engine, time.monotonic() - started)
    print(
        f"written: {store.folder / manifest.engine} ({manifest.engine_bytes / 2**20:.1f} MiB, "
        f"{manifest.seconds:.1f} s)"
    )
    if gpu is None:
        print(
            f"parity with float32: not run, since {no_gpu}; it is when the engine is first loaded"
        )
    else:
        _hold_to_float32(model, flavour, manifest, store, force=force)


def _gpu() -> tuple[Gpu | None, str]:
    """The first GPU here, or why there is none."""
    try:
        present = gpus()
    except SsdLiveError as error:
        return None, str(error).split(";")[0]
    return (present[0], "") if present else (None, "there is no NVIDIA GPU here")


def _hold_to_float32(
    model: ModelFile, flavour: Variant, manifest: Manifest, store: EngineStore, *, force: bool
) -> None:
    """Run the new engine on this GPU. Raises `BackendError` for one that finds too little."""
    options = LoadOptions(
        "GPU", manifest.key.precision, batch=manifest.key.batches[0], notify=notify
    )
    with EngineBackend(model, flavour, options, (store, manifest)) as backend:
        parity = validate_against_fp32(model, flavour.name, backend, options, force=force)
    print(
        f"parity with float32: {parity.share:.1%} of {parity.expected} {parity.basis} found "
        f"again, {parity.state}"
    )


def _known(store: EngineStore, key: EngineKey) -> Manifest | None:
    """An engine that is there and sound; one that is not is told of, and built again."""
    try:
        found = store.find(key)
    except ModelFileError as error:
        notify(f"note: {error}")
        return None
    return found[0] if found else None


def _batches(text: str) -> tuple[int, int, int]:
    """`8` for that batch alone; `1,4,8` for smallest, usual and largest."""
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) == 1:
        values *= 3
    if len(values) != 3 or values != sorted(values) or not 1 <= values[0] <= values[2] <= 256:
        raise UsageError(
            f"--batch {text!r} must be one number, or the smallest, the usual and the largest as "
            "in 1,4,8 (at most 256)"
        )
    return values[0], values[1], values[2]


def _build(model: ModelFile, flavour: Variant, options: BuildOptions, store: EngineStore) -> bytes:
    """On a thread of its own, so that Ctrl-C is heard; the second one ends the process. Raises what
    `build` raises.
    """
    cancelled = threading.Event()
    answers: list[bytes] = []
    troubles: list[Exception] = []
    console = Console(file=sys.stderr)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeRemainingColumn(),
    )
    notify(
        f"building {model.name} with {flavour.title} {flavour.library().__version__} in "
        f"{options.precision} ..."
    )
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task(flavour.title, total=1.0)
    timings = store.timings(flavour.name, str(flavour.library().__version__))

    def show(share: float, phase: str) -> None:
        bar.update(task, completed=share, description=phase)

    def work() -> None:
        try:
            answers.append(build(model, flavour, options, show, cancelled, timings))
        except Exception as error:
            troubles.append(error)

    worker = threading.Thread(target=work, name="build", daemon=True)
    try:
        with bar, ends_in_order(cancelled.set, "cancelling the build ..."):
            worker.start()
            while worker.is_alive():
                worker.join(_WAIT_SECONDS)
    except KeyboardInterrupt:
        # The library goes on and would call into an interpreter that is ending, which aborts the
        # process. Nothing is being written yet.
        notify("interrupted")
        os._exit(_EXIT_INTERRUPTED)
    if troubles:
        raise troubles[0]
    return answers[0]
