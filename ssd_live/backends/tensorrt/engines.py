"""Find a stored engine that fits a model and a GPU, or build one."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ssd_live.backends.tensorrt.builder import BuildOptions, OnProgress, build
from ssd_live.backends.tensorrt.device import Gpu
from ssd_live.backends.tensorrt.graph import EnginePrecision
from ssd_live.backends.tensorrt.store import EngineKey, EngineStore, Manifest, key_for
from ssd_live.backends.tensorrt.variants import Variant
from ssd_live.errors import BackendError, ModelFileError
from ssd_live.modelfile.file import ModelFile

Notify = Callable[[str], None]
# The shortest time between two lines about the progress of a build.
NEWS_SECONDS = 1.0
_AMPERE = (8, 0)


def engine_for(
    model: ModelFile,
    variant: Variant,
    gpu: Gpu,
    precision: EnginePrecision,
    batch: int,
    notify: Notify,
    store: EngineStore | None = None,
) -> tuple[Manifest, bytes]:
    """Return the manifest and the bytes of the fastest stored engine that fits.

    An engine fits if it runs on `gpu` with `batch` images in this version of the library. If no
    engine fits, one is built and stored. `store` is None for the user's own store.

    `notify` is called with lines about the progress of a build. It also gets a note about each
    stored engine that was changed or that this user did not sign, and such an engine is not used.

    Raises `BackendError` if the build fails or if every engine that fits has failed the engine
    check (a new build would fail it too), `ModelFileError` if the model cannot be built in fp16,
    `MissingPackageError` if the library is not installed, and `OutputError` if the engine cannot be
    stored.
    """
    store = store or EngineStore()
    version = str(variant.library().__version__)
    key = key_for(model, variant.name, version, BuildOptions(precision, (batch, batch, batch)), gpu)
    failed: Manifest | None = None
    for wanted in (key, *_others_that_fit(store, key, gpu, batch)):
        try:
            found = store.find(wanted)
        except ModelFileError as error:
            notify(f"note: {error}")
            continue
        if found is not None and found[0].parity.state != "failed":
            return found
        failed = found[0] if found is not None else failed
    if failed is not None:
        raise BackendError(failed_line(failed))
    store.prepare()
    options = BuildOptions(precision, (batch, batch, batch), for_this_gpu=True)
    return _build(model, variant, options, key, store, notify)


def failed_line(manifest: Manifest) -> str:
    """Return the error message for an engine that failed the engine check."""
    parity = manifest.parity
    return (
        f"the {manifest.key.precision} engine of {manifest.key.model} finds only "
        f"{parity.share:.1%} of what float32 finds; "
        "choose another precision, or use the engine anyway with `build --force`"
    )


def _others_that_fit(
    store: EngineStore, wanted: EngineKey, gpu: Gpu, batch: int
) -> list[EngineKey]:
    """Return the keys of the other engines of this model that run on this GPU with this batch.

    `wanted` is the key of the engine for exactly this GPU and batch. The keys are sorted, fastest
    engine first. Nothing is measured: an engine counts as faster if it was built for fewer
    versions of the library, GPUs and batch sizes.
    """
    keys = [manifest.key for _, manifest in store.every() if isinstance(manifest, Manifest)]
    fitting = [key for key in keys if key != wanted and _fits(key, wanted, gpu, batch)]
    return sorted(
        fitting,
        key=lambda key: (
            key.version_compatible + key.hardware_compatible,
            key.batches[2] - key.batches[0],
        ),
    )


def _fits(key: EngineKey, wanted: EngineKey, gpu: Gpu, batch: int) -> bool:
    same = all(
        getattr(key, name) == getattr(wanted, name)
        for name in ("model_sha256", "flavour", "precision")
    )
    return (
        same
        and key.batches[0] <= batch <= key.batches[2]
        and _runs_in(key, wanted.version)
        and _runs_on(key, gpu)
    )


def _runs_in(key: EngineKey, version: str) -> bool:
    """Return whether the engine of `key` runs in the version `version` of the library.

    A version-compatible engine also runs in later versions of the library with the same major
    number (TensorRT's developer guide, "Version Compatibility").
    """
    built, here = _numbers(key.version), _numbers(version)
    return key.version == version or (
        key.version_compatible and built[:1] == here[:1] and built <= here
    )


def _runs_on(key: EngineKey, gpu: Gpu) -> bool:
    if key.targets:
        return f"sm{gpu.capability.replace('.', '')}" in key.targets
    if key.hardware_compatible and key.gpu:
        return _numbers(gpu.capability) >= _AMPERE
    if not key.gpu:
        # Without a GPU and without targets, TensorRT-RTX builds for Ampere and later.
        return _numbers(gpu.capability) >= _AMPERE
    return (key.gpu, key.compute_capability, key.driver) == (
        gpu.name,
        gpu.capability,
        gpu.driver,
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _build(
    model: ModelFile,
    variant: Variant,
    options: BuildOptions,
    key: EngineKey,
    store: EngineStore,
    notify: Notify,
) -> tuple[Manifest, bytes]:
    notify(f"building the {variant.title} engine of {model.name} ...")
    started = time.monotonic()
    engine = build_here(
        model,
        variant,
        options,
        _told(notify, f"building the {variant.title} engine of {model.name}"),
        store,
    )
    return store.save(key, engine, time.monotonic() - started), engine


def build_here(
    model: ModelFile,
    variant: Variant,
    options: BuildOptions,
    on_progress: OnProgress,
    store: EngineStore,
) -> bytes:
    """Build an engine in another thread and return it as serialised bytes.

    `on_progress` is called with the share of the build that is done (0..1) and the name of the
    phase. `store` keeps the kernel times that the library measures. Ctrl-C in this thread cancels
    the build. Raises the errors of `build`, `OutputError` if the signing key of `store` cannot be
    read or created, and `KeyboardInterrupt` after Ctrl-C.
    """
    cancelled = threading.Event()
    timings = store.timings(variant.name, str(variant.library().__version__))
    with ThreadPoolExecutor(1, thread_name_prefix="build") as worker:
        try:
            return worker.submit(
                build, model, variant, options, on_progress, cancelled, timings
            ).result()
        except KeyboardInterrupt:
            cancelled.set()
            raise


def _told(notify: Notify, what: str) -> OnProgress:
    """Return a progress callback that calls `notify` with a line at most once per second.

    The line contains the text `what` and the share that is done in percent.
    """
    last = time.monotonic()

    def tell(share: float, phase: str) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= NEWS_SECONDS:
            last = now
            notify(f"{what}: {share:.0%}")

    return tell
