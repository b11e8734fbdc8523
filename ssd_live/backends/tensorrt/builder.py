"""Build an engine from a strongly typed network with one optimisation profile.

A build reports its progress and can be cancelled.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ssd_live.backends.tensorrt.graph import EnginePrecision, graph_for
from ssd_live.backends.tensorrt.variants import Variant
from ssd_live.errors import BackendError, CancelledError, UsageError
from ssd_live.modelfile.file import ModelFile
from ssd_live.modelfile.nms import graft_fixed_nms

# A function that is called with the share of the build that is done (0..1) and the name of the
# phase.
OnProgress = Callable[[float, str], None]
_LEAN_RUNTIME = "libnvinfer_lean"
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuildOptions:
    """The options that an engine is built with.

    `precision` is the precision that the engine computes in. `batches` are the smallest, the usual
    and the largest number of images in a batch. `workspace_mb` limits the memory of the library's
    kernels in MiB, and 0 allows all memory. `targets` are compute capabilities of other GPUs, such
    as `sm89`. Without targets, the engine is for the GPU of this machine if `for_this_gpu` is true;
    otherwise TensorRT-RTX builds for the GPUs from the Ampere generation on. A version-compatible
    engine also runs on later versions of the library. A hardware-compatible engine also runs on all
    GPUs from the Ampere generation on. Each of the two compatibilities makes the engine slower.
    """

    precision: EnginePrecision = "fp16"
    batches: tuple[int, int, int] = (1, 1, 8)
    workspace_mb: int = 0
    targets: tuple[str, ...] = ()
    for_this_gpu: bool = False
    version_compatible: bool = False
    hardware_compatible: bool = False


class TimingCache(Protocol):
    """A store for the times of GPU kernels that TensorRT measures in a build.

    The next build loads them, so that it need not measure again.
    """

    def load(self) -> bytes:
        """Return the kernel times of earlier builds, or empty bytes if there are none.

        The bytes have the library's own format.
        """

    def save(self, data: bytes) -> None:
        """Store the kernel times `data`, bytes in the library's own format, for later builds."""


def build(
    model: ModelFile,
    variant: Variant,
    options: BuildOptions,
    on_progress: OnProgress,
    cancelled: threading.Event,
    timings: TimingCache | None = None,
) -> bytes:
    """Build an engine from a model file and return it as serialised bytes.

    `variant` is the library. `on_progress` is called with the share of the build that is done
    (0..1) and the name of the phase. Set `cancelled` in another thread to cancel the build.
    `timings` stores the kernel times that the library measures, so that later builds need not
    measure again, or is None to store none. Raises `MissingPackageError` if the library is not
    installed, `UsageError` if a target is unknown or if TensorRT-RTX is to build a
    hardware-compatible engine, `BackendError` if the library does not start or the build fails,
    `CancelledError` if `cancelled` was set, and `ModelFileError` if fp16 is requested for a model
    without a convolution.
    """
    if options.hardware_compatible and variant.name == "tensorrt-rtx":
        raise UsageError(
            f"{variant.title} ignores --hardware-compatible, because its engines run on other GPUs "
            "anyway; leave it out, or name the GPUs with --targets"
        )
    if options.version_compatible:
        # The lean runtime, in which such an engine runs, has no plugins.
        variant = replace(variant, graft=graft_fixed_nms)
    trt = variant.library()
    messages: list[str] = []
    logger = keep_errors(trt, messages)
    variant.prepare(logger)
    try:
        builder = trt.Builder(logger)
    except TypeError as error:
        # This is how the bindings say that the library gave them nothing.
        reason = _one_line(messages[0]) if messages else "no reason given"
        raise BackendError(
            f"{variant.title} does not start on this machine ({reason}); update the NVIDIA driver, "
            "or install a version of the library that fits it (`python main.py doctor` shows both)"
        ) from error
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(graph_for(model, variant, options.precision)):
        raise BackendError(
            f"{model.name}: {variant.title} cannot read its graph: {_parser_error_text(parser)}; "
            f"{_advice(options)}"
        )
    config = builder.create_builder_config()
    config.progress_monitor = _monitor(trt, on_progress, cancelled)
    if options.workspace_mb:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mb << 20)
    if options.version_compatible:
        config.set_flag(trt.BuilderFlag.VERSION_COMPATIBLE)
    if options.hardware_compatible:
        config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.AMPERE_PLUS
    if options.precision == "fp32" and hasattr(trt.BuilderFlag, "TF32"):
        # TF32 has a mantissa of 10 bits, and is the default from Ampere on.
        config.clear_flag(trt.BuilderFlag.TF32)
    _set_targets(trt, config, options, variant)
    width, height = model.metadata.input_size
    profile = builder.create_optimization_profile()
    profile.set_shape("image", *((batch, height, width, 3) for batch in options.batches))
    config.add_optimization_profile(profile)
    timing = timing_cache(config, timings) if variant.measures_kernels else None
    # Earlier messages, for example about a refused timing cache, are not the reason if the build
    # fails.
    messages.clear()
    plan = builder.build_serialized_network(network, config)
    if cancelled.is_set():
        raise CancelledError("the build was cancelled; nothing was kept")
    if plan is None:
        raise BackendError(
            f"{model.name}: {variant.title} cannot build its engine: "
            f"{_build_error_text(messages, options)}"
        )
    if timing is not None and timings is not None:
        timings.save(bytes(memoryview(timing.serialize())))
    return bytes(memoryview(plan))


def timing_cache(config: Any, timings: TimingCache | None) -> Any:
    """Load the kernel times of earlier builds into `config`, and return the library's cache.

    `config` is the library's configuration of a build. The library adds to the cache the times that
    it measures in this build. The cache is empty if the library refuses the kernel times of
    `timings`. Return None if `timings` is None or if the library also refuses an empty cache.
    """
    if timings is None:
        return None
    # The library refuses a cache of another version or GPU. A new one is started then.
    for content in (timings.load(), b""):
        cache = config.create_timing_cache(content)
        if cache is not None and config.set_timing_cache(cache, False):
            return cache
    return None


def _set_targets(trt: Any, config: Any, options: BuildOptions, variant: Variant) -> None:
    """Set the GPUs to build for in the library's configuration `config` of a build.

    `trt` is the imported library. Raises `UsageError` if the library does not know a target or does
    not support targets.
    """
    targets = options.targets
    if not targets:
        if options.for_this_gpu and hasattr(trt, "ComputeCapability"):
            config.num_compute_capabilities = 1
            config.set_compute_capability(trt.ComputeCapability.CURRENT, 0)
        return
    if not hasattr(trt, "ComputeCapability"):
        raise UsageError(
            f"{variant.title} only builds for the GPU of this machine; leave out --targets, or use "
            "--runtime tensorrt-rtx"
        )
    known = {
        name.lower(): value
        for name, value in vars(trt.ComputeCapability).items()
        if name.startswith("SM")
    }
    config.num_compute_capabilities = len(targets)
    for number, target in enumerate(targets):
        if target.lower() not in known:
            raise UsageError(
                f"there is no target {target!r}; choose targets that {variant.title} knows: "
                f"{', '.join(sorted(known))}"
            )
        config.set_compute_capability(known[target.lower()], number)


def _parser_error_text(parser: Any) -> str:
    errors = [parser.get_error(number) for number in range(parser.num_errors)]
    if not errors:
        return "no reason given"
    first = errors[0]
    return _one_line(
        f"node {first.node_name() or first.node()} "
        f"({first.node_operator() or 'unknown operator'}): {first.desc()}"
    )


def _build_error_text(messages: list[str], options: BuildOptions) -> str:
    """Return the reason why a build failed, with advice for the user.

    The reason is the first error, because later errors follow from it.
    """
    if not messages:
        return "no reason given; run again with --debug and report this error"
    first = _one_line(messages[0])
    if _LEAN_RUNTIME in first:
        return (
            f"an engine for later versions contains the lean runtime ({_LEAN_RUNTIME}), which is "
            "not installed; leave out --version-compatible"
        )
    if "memory" in first.lower():
        # If a workspace limit was given, it may be too small. Otherwise the GPU's memory is.
        return (
            f"{first}; set {'a larger --workspace or ' if options.workspace_mb else ''}a "
            "smaller --batch"
        )
    return f"{first}; {_advice(options)}"


def _advice(options: BuildOptions) -> str:
    return (
        "report this error"
        if options.precision == "fp32"
        else "try --precision fp32, or report this error"
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]


def keep_errors(trt: Any, messages: list[str]) -> Any:
    """Return a logger to pass to the library. It appends error messages to `messages`.

    Warnings go to the log of the program, at the level "debug". `trt` is the imported library.
    """

    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                messages.append(message)
            elif severity == trt.ILogger.WARNING:
                _logger.debug("%s", message)

    return Logger()


def _monitor(trt: Any, on_progress: OnProgress, cancelled: threading.Event) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        """A progress monitor that reports the share of the whole build that is done, 0..1.

        The library reports phases that are nested and have a number of steps each. The outermost
        phase is the whole build, and a phase inside another one counts as one step of it. The
        library may skip steps, but the reported share never decreases.
        """

        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._sizes: dict[str, int] = {}
            self._parents: dict[str, str | None] = {}
            self._done: dict[str, int] = {}
            self._furthest = 0.0

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            self._sizes[phase], self._parents[phase], self._done[phase] = max(steps, 1), parent, 0
            on_progress(self._share(phase), phase)

        def step_complete(self, phase: str, step: int) -> bool:
            self._done[phase] = step + 1
            on_progress(self._share(phase), phase)
            return not cancelled.is_set()

        def phase_finish(self, phase: str) -> None:
            self._done[phase] = self._sizes.get(phase, 1)
            if self._parents.get(phase, phase) is None and not cancelled.is_set():
                on_progress(self._share(phase), phase)

        def _share(self, phase: str) -> float:
            share = self._done[phase] / self._sizes[phase]
            parent = self._parents[phase]
            while parent is not None and parent in self._sizes:
                share = (self._done[parent] + min(share, 1.0)) / self._sizes[parent]
                parent = self._parents[parent]
            self._furthest = max(self._furthest, min(share, 1.0))
            return self._furthest

    return Monitor()
