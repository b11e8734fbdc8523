"""`build`: build a TensorRT engine from a model and keep it in the engine store."""

import os
import sys
import threading
import time
from dataclasses import replace
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
from ssd_live.commands.build_engine import Request
from ssd_live.commands.interrupts import ends_in_order
from ssd_live.commands.progress import notify
from ssd_live.errors import ModelFileError, SsdLiveError, UsageError
from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.file import ModelFile
from ssd_live.selection.engine_check import validate_against_fp32

_PRECISIONS = ("fp16", "fp32")
_WAIT_SECONDS = 0.1
# 1 TiB is more than any GPU has, and still fits the integer type of the library.
_MOST_WORKSPACE_MB = 1 << 20
_EXIT_INTERRUPTED = 130


def run(request: Request) -> None:
    """Build the engine, save it, and compare its results with those of the float32 model.

    If the same engine exists, it is built again only with `--force`. If there is no GPU here, or if
    the engine is for other GPUs, the comparison is done when the engine is first loaded. Raises
    `UsageError` if an option is not valid, `BackendError` if the build fails or too few results
    agree, `CancelledError` on Ctrl-C, and another `SsdLiveError` if the model, the TensorRT library
    or the engine store cannot be used.
    """
    precision, workspace_mb, force = request.precision, request.workspace, request.force
    if precision not in _PRECISIONS:
        raise UsageError(
            f"engines compute in fp16 or fp32, not {precision}; give --precision fp16 or fp32"
        )
    if workspace_mb > _MOST_WORKSPACE_MB:
        raise UsageError(
            f"--workspace {workspace_mb} is too large; it is in MB, and can be "
            f"{_MOST_WORKSPACE_MB} at most, or 0 for all memory"
        )
    variant = VARIANTS[request.runtime]
    # The targets are sorted, because their order makes no difference to the engine.
    wanted = tuple(
        sorted({target.strip().lower() for target in request.targets.split(",") if target.strip()})
    )
    options = BuildOptions(
        cast(EnginePrecision, precision),
        _batches(request.batch),
        workspace_mb,
        wanted,
        version_compatible=request.version_compatible,
        hardware_compatible=request.hardware_compatible,
    )
    model = find_model(request.name)
    if model.metadata.precision != "float32":
        raise UsageError(
            f"{model.name} is {model.metadata.precision}; give the float32 model, because "
            "engines are built from it"
        )
    library = variant.library()
    store = EngineStore(request.output)
    # An engine for other GPUs does not depend on the GPU of this machine.
    gpu, no_gpu = (None, "the engine is for other GPUs") if wanted else _gpu()
    options = replace(options, for_this_gpu=gpu is not None)
    key = key_for(model, variant.name, str(library.__version__), options, gpu)
    if not force and (manifest := _known(store, key)) is not None:
        print(f"{store.folder / manifest.engine}: exists already; give --force to build it again")
        return
    store.prepare()
    started = time.monotonic()
    engine = _build(model, variant, options, store)
    manifest = store.save(key, engine, time.monotonic() - started)
    print(
        f"written: {store.folder / manifest.engine} ({manifest.engine_bytes / 2**20:.1f} MiB, "
        f"{manifest.seconds:.1f} s)"
    )
    if gpu is None:
        print(
            f"parity with float32: not run, because {no_gpu}; it runs when the engine is first used"
        )
    else:
        _hold_to_float32(model, variant, manifest, store, force=force)


def _gpu() -> tuple[Gpu | None, str]:
    """Return the first GPU of this machine and "", or None and the reason why none can be used."""
    try:
        present = gpus()
    except SsdLiveError as error:
        return None, str(error).split(";")[0]
    return (present[0], "") if present else (None, "there is no NVIDIA GPU here")


def _hold_to_float32(
    model: ModelFile, variant: Variant, manifest: Manifest, store: EngineStore, *, force: bool
) -> None:
    """Run the new engine on this GPU, compare its results with float32, and print the agreement.

    `store` holds the engine that `manifest` describes. Raises `BackendError` if too few results
    agree and `force` is False.
    """
    options = LoadOptions(
        "GPU", manifest.key.precision, batch=manifest.key.batches[0], notify=notify
    )
    with EngineBackend(model, variant, options, (store, manifest)) as backend:
        parity = validate_against_fp32(model, variant.name, backend, options, force=force)
    print(
        f"parity with float32: {parity.share:.1%} of {parity.expected} {parity.basis} found "
        f"again, {parity.state}"
    )


def _known(store: EngineStore, key: EngineKey) -> Manifest | None:
    """Return the manifest of the engine for `key` in `store`, or None if there is no such engine.

    If the engine is there but cannot be used, a note is printed and None is returned.
    """
    try:
        found = store.find(key)
    except ModelFileError as error:
        notify(f"note: {error}")
        return None
    return found[0] if found else None


def _batches(text: str) -> tuple[int, int, int]:
    """Return the smallest, usual and largest batch size from a text like `1,4,8`.

    A single number, such as `8`, stands for all three. Raises `UsageError` if the text has another
    form, if the sizes are not in ascending order, or if a size is not in 1..256.
    """
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) == 1:
        values *= 3
    if len(values) != 3 or values != sorted(values) or not 1 <= values[0] <= values[2] <= 256:
        raise UsageError(
            f"--batch {text!r} must be one number, or the smallest, usual and largest batch, for "
            "example 1,4,8 (at most 256)"
        )
    return values[0], values[1], values[2]


def _build(model: ModelFile, variant: Variant, options: BuildOptions, store: EngineStore) -> bytes:
    """Build the engine, show a progress bar, and return the content of the engine file.

    The build runs in its own thread, so that Ctrl-C works. The first Ctrl-C cancels the build, and
    the second Ctrl-C ends the process. `store` keeps the timing cache, which makes later builds
    faster. Raises the errors of `builder.build`, such as `CancelledError` if the build was
    cancelled and `BackendError` if it failed.
    """
    cancelled = threading.Event()
    answers: list[bytes] = []
    errors: list[Exception] = []
    console = Console(file=sys.stderr)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeRemainingColumn(),
    )
    notify(
        f"building {model.name} with {variant.title} {variant.library().__version__} in "
        f"{options.precision} ..."
    )
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task(variant.title, total=1.0)
    timings = store.timings(variant.name, str(variant.library().__version__))

    def show(share: float, phase: str) -> None:
        bar.update(task, completed=share, description=phase)

    def work() -> None:
        try:
            answers.append(build(model, variant, options, show, cancelled, timings))
        except Exception as error:
            errors.append(error)

    worker = threading.Thread(target=work, name="build", daemon=True)
    try:
        with bar, ends_in_order(cancelled.set, "cancelling the build ..."):
            worker.start()
            while worker.is_alive():
                worker.join(_WAIT_SECONDS)
    except KeyboardInterrupt:
        # The library continues to build and calls back into Python. After a normal exit, such a
        # call would abort the process. No file is open yet, so it is safe to end at once.
        notify("interrupted")
        os._exit(_EXIT_INTERRUPTED)
    if errors:
        raise errors[0]
    return answers[0]
