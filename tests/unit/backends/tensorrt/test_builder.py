"""Engines built for real by TensorRT-RTX, which needs no GPU for it."""

import contextlib
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from onnx import GraphProto, ModelProto, helper

from ssd_live.backends.tensorrt import builder
from ssd_live.backends.tensorrt.builder import BuildOptions, build, keep_errors
from ssd_live.backends.tensorrt.graph import EnginePrecision
from ssd_live.backends.tensorrt.variants import VARIANTS, Variant
from ssd_live.errors import (
    BackendError,
    CancelledError,
    MissingPackageError,
    ModelFileError,
    UsageError,
)
from ssd_live.modelfile.catalogue import DEFAULT_MODEL, find_model
from ssd_live.modelfile.file import ModelFile, changed
from ssd_live.modelfile.nms import graft_fixed_nms, graft_onnx_nms
from tests.tiny_model import tiny_model

RTX = VARIANTS["tensorrt-rtx"]
trt: Any = pytest.importorskip("tensorrt_rtx")


@dataclass(frozen=True)
class Watched(Variant):
    """The library itself; what it parsed and the range of batches it was given are kept."""

    networks: list[Any] = field(default_factory=list)
    profiles: list[Any] = field(default_factory=list)
    configs: list[Any] = field(default_factory=list)

    def library(self) -> Any:
        return _WatchedLibrary(self)


class _WatchedLibrary:
    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def __getattr__(self, name: str) -> Any:
        return getattr(trt, name)

    def OnnxParser(self, network: Any, logger: Any) -> Any:  # noqa: N802 (the library's name)
        self._watched.networks.append(network)
        return trt.OnnxParser(network, logger)

    def Builder(self, logger: Any) -> Any:  # noqa: N802
        builder, profiles = trt.Builder(logger), self._watched.profiles
        configs = self._watched.configs

        class Builder:
            def __getattr__(self, name: str) -> Any:
                return getattr(builder, name)

            def create_optimization_profile(self) -> Any:
                profiles.append(builder.create_optimization_profile())
                return profiles[-1]

            def create_builder_config(self) -> Any:
                configs.append(builder.create_builder_config())
                return configs[-1]

        return Builder()


def watched() -> Watched:
    return Watched(RTX.name, RTX.title, RTX.package, RTX.graft, RTX.install, RTX.measures_kernels)


@pytest.fixture(scope="module")
def model() -> ModelFile:
    return find_model(DEFAULT_MODEL)


def built(model: ModelFile, flavour: Variant = RTX, **options: Any) -> bytes:
    return build(
        model, flavour, BuildOptions(**options), lambda share, phase: None, threading.Event()
    )


def refusal(model: ModelFile, flavour: Variant = RTX, **options: Any) -> str:
    """One line."""
    with pytest.raises(BackendError) as caught:
        built(model, flavour, **options)
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith(f"{model.name}: TensorRT-RTX cannot ")
    return said


def ends(tensors: list[Any]) -> list[tuple[str, Any, tuple[int, ...]]]:
    return [(tensor.name, tensor.dtype, tuple(tensor.shape)) for tensor in tensors]


@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_an_engine_takes_pictures_and_gives_the_four_outputs(
    model: ModelFile, precision: EnginePrecision
) -> None:
    flavour = watched()
    assert len(built(model, flavour, precision=precision, batches=(1, 4, 8))) > len(model.data)
    (network,) = flavour.networks
    assert ends([network.get_input(number) for number in range(network.num_inputs)]) == [
        ("image", trt.uint8, (-1, 300, 300, 3))
    ]
    assert ends([network.get_output(number) for number in range(network.num_outputs)]) == [
        ("num_detections", trt.int32, (-1, 1)),
        ("detection_boxes", trt.float32, (-1, 200, 4)),
        ("detection_scores", trt.float32, (-1, 200)),
        ("detection_classes", trt.int32, (-1, 200)),
    ]
    (profile,) = flavour.profiles
    assert [tuple(shape) for shape in profile.get_shape("image")] == [
        (batch, 300, 300, 3) for batch in (1, 4, 8)
    ]


@pytest.mark.parametrize(("precision", "kind"), [("fp16", trt.float16), ("fp32", trt.float32)])
def test_convolutions_compute_in_the_precision_that_was_asked_for(
    model: ModelFile, precision: EnginePrecision, kind: Any
) -> None:
    flavour = watched()
    built(model, flavour, precision=precision)
    layers = [
        flavour.networks[0].get_layer(number) for number in range(flavour.networks[0].num_layers)
    ]
    convolutions = [layer for layer in layers if layer.type == trt.LayerType.CONVOLUTION]
    assert len(convolutions) > 50
    assert {layer.get_output(0).dtype for layer in convolutions} == {kind}


def test_half_precision_makes_a_smaller_engine(model: ModelFile) -> None:
    assert len(built(model, precision="fp16")) < 0.8 * len(built(model, precision="fp32"))


def test_an_engine_for_one_batch_only_is_built(model: ModelFile) -> None:
    flavour = watched()
    built(model, flavour, batches=(4, 4, 4))
    assert {tuple(shape) for shape in flavour.profiles[0].get_shape("image")} == {(4, 300, 300, 3)}


def test_progress_grows_to_the_end_and_names_its_phases(model: ModelFile) -> None:
    told: list[tuple[float, str]] = []
    build(
        model,
        RTX,
        BuildOptions(),
        lambda share, phase: told.append((share, phase)),
        threading.Event(),
    )
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert len(set(shares)) > 20
    assert {"Building engine", "Optimizing graph"} <= {phase for _, phase in told}


def test_progress_grows_for_several_targets_too(model: ModelFile) -> None:
    shares: list[float] = []
    build(
        model,
        RTX,
        BuildOptions(targets=("sm86", "sm89")),
        lambda share, phase: shares.append(share),
        threading.Event(),
    )
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_build_cancelled_before_it_begins_ends_at_once(model: ModelFile) -> None:
    cancelled = threading.Event()
    cancelled.set()
    told: list[float] = []
    with pytest.raises(CancelledError, match="nothing was kept"):
        build(model, RTX, BuildOptions(), lambda share, phase: told.append(share), cancelled)
    assert not any(share > 0.1 for share in told)


@pytest.mark.parametrize("enough", [0.01, 0.3, 0.7])
def test_a_build_cancelled_in_the_middle_ends_there(model: ModelFile, enough: float) -> None:
    cancelled = threading.Event()
    after: list[float] = []

    def cancel(share: float, phase: str) -> None:
        if cancelled.is_set():
            after.append(share)
        if share >= enough:
            cancelled.set()

    with pytest.raises(CancelledError, match="nothing was kept"):
        build(model, RTX, BuildOptions(), cancel, cancelled)
    assert not any(share > enough + 0.2 for share in after)


def test_a_build_after_a_cancelled_one_is_whole(model: ModelFile) -> None:
    cancelled = threading.Event()
    with pytest.raises(CancelledError):
        build(model, RTX, BuildOptions(), lambda share, phase: cancelled.set(), cancelled)
    assert len(built(model)) > len(model.data)


@pytest.mark.parametrize("targets", [("sm89",), ("SM89", "sm86")])
def test_engines_are_built_for_other_gpus(model: ModelFile, targets: tuple[str, ...]) -> None:
    assert len(built(model, targets=targets)) > len(model.data)


@pytest.mark.parametrize("target", ["sm1", "89", "", "current", "none", "__init__"])
def test_an_unknown_target_is_named_with_those_there_are(model: ModelFile, target: str) -> None:
    with pytest.raises(
        UsageError,
        match=rf"there is no target '{target}'; choose targets that TensorRT-RTX knows: sm1.*sm89",
    ):
        built(model, targets=("sm89", target))


def with_one_more_node(operator: str, **attributes: Any) -> Callable[..., None]:
    def graft(graph: GraphProto, **thresholds: Any) -> None:
        graft_fixed_nms(graph, **thresholds)
        graph.node.append(
            helper.make_node(
                operator, ["detection_scores"], ["more"], name="the/odd\nnode", **attributes
            )
        )

    return graft


def test_an_operator_that_the_parser_does_not_know_is_named_with_its_node(model: ModelFile) -> None:
    said = refusal(model, replace(RTX, graft=with_one_more_node("Frobnicate")))
    assert "cannot read its graph: node the/odd node (Frobnicate): " in said
    assert said.endswith("; try --precision fp32, or report this error")


def test_full_precision_is_not_advised_to_who_has_it(model: ModelFile) -> None:
    said = refusal(model, replace(RTX, graft=with_one_more_node("Frobnicate")), precision="fp32")
    assert said.endswith("; report this error")


def test_a_graph_that_only_the_builder_refuses_gets_one_line(model: ModelFile) -> None:
    assert "cannot build its engine: " in refusal(model, replace(RTX, graft=graft_onnx_nms))


def test_too_little_workspace_says_what_to_change(model: ModelFile) -> None:
    said = refusal(model, workspace_mb=1)
    assert "OutOfMemory" in said
    assert said.endswith("; set a larger --workspace or a smaller --batch")


def test_a_model_of_one_fixed_batch_gets_one_line(model: ModelFile) -> None:
    def fix(proto: ModelProto) -> None:
        proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1

    assert "image" in refusal(changed(model, fix), batches=(1, 1, 8))


def test_a_model_without_convolutions_is_built_in_full_precision_only() -> None:
    model = tiny_model([[0.1, 0.1, 0.5, 0.5]], [[0.9, 0.1]])
    with pytest.raises(
        ModelFileError,
        match="no convolution that can compute in float16; build it with --precision fp32",
    ):
        built(model)
    assert built(model, precision="fp32")


def test_a_library_that_is_not_there_says_how_to_get_it(model: ModelFile) -> None:
    with pytest.raises(
        MissingPackageError,
        match=r"^TensorRT-RTX is not installed; run `pip install '.\[rtx\]'`$",
    ):
        built(model, replace(RTX, package="no_such_library"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("import libraries_of_theirs", "No module named 'libraries_of_theirs'"),
        (
            "raise ImportError('libcudart.so.12: cannot open shared object file')",
            "libcudart.so.12: cannot open shared object file",
        ),
        ("raise FileNotFoundError('no libnvinfer\\nin sight')", "no libnvinfer"),
        ("raise RuntimeError", "RuntimeError"),
    ],
)
def test_a_library_that_is_there_but_broken_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, said: str
) -> None:
    (tmp_path / "broken_library.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingPackageError) as caught:
        replace(RTX, package="broken_library").library()
    assert str(caught.value).startswith(f"TensorRT-RTX is installed but does not load ({said}); ")
    assert "broken_library" not in sys.modules


# What was measured of kernels. TensorRT-RTX still takes timings, keeps none and warns of that.

MEASURING = replace(RTX, measures_kernels=True)
TINY = tiny_model([[0.1, 0.1, 0.5, 0.5]], [[0.9, 0.1]])


@dataclass
class Timings:
    """Kept in memory."""

    content: bytes = b""
    saved: list[bytes] = field(default_factory=list)

    def load(self) -> bytes:
        return self.content

    def save(self, data: bytes) -> None:
        self.saved.append(data)


def build_with(timings: Timings, flavour: Variant = MEASURING) -> bytes:
    return build(
        TINY, flavour, BuildOptions("fp32"), lambda share, phase: None, threading.Event(), timings
    )


@pytest.mark.filterwarnings("ignore:Use Deprecated in TensorRT-RTX")
def test_what_a_library_measures_is_kept_and_given_to_the_next_build() -> None:
    first = Timings()
    build_with(first)
    (measured,) = first.saved
    second = Timings(measured)
    build_with(second)
    assert second.saved == [measured]


def test_a_library_that_measures_nothing_has_nothing_to_keep() -> None:
    timings = Timings(b"not asked for")
    build_with(timings, RTX)
    assert not timings.saved


@pytest.mark.filterwarnings("ignore:Use Deprecated in TensorRT-RTX")
def test_timings_that_the_library_refuses_are_replaced() -> None:
    timings = Timings(b"of another version" * 10)
    build_with(timings)
    assert len(timings.saved) == 1


class Config:
    """Of a builder that refuses timings of another GPU, as TensorRT does."""

    def __init__(self) -> None:
        self.used: list[bytes] = []

    def create_timing_cache(self, content: bytes) -> bytes:
        return content

    def set_timing_cache(self, cache: bytes, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        self.used += [cache] if cache != b"of another GPU" else []
        return cache != b"of another GPU"


def test_timings_of_another_gpu_give_way_to_new_ones() -> None:
    config = Config()
    assert builder.timing_cache(config, Timings(b"of another GPU")) == b""
    assert config.used == [b""]


@pytest.mark.filterwarnings("ignore:Use Deprecated in TensorRT-RTX")
def test_refused_timings_are_not_the_reason_why_a_build_fails(model: ModelFile) -> None:
    broken = replace(MEASURING, graft=graft_onnx_nms)

    def reason(timings: Timings) -> str:
        with pytest.raises(BackendError) as caught:
            build(
                model,
                broken,
                BuildOptions("fp32"),
                lambda share, phase: None,
                threading.Event(),
                timings,
            )
        return str(caught.value)

    assert reason(Timings(b"of another version" * 10)) == reason(Timings())


# Engines for more than this machine.


def test_rtx_engines_are_not_called_hardware_compatible() -> None:
    with pytest.raises(UsageError, match="TensorRT-RTX ignores --hardware-compatible"):
        built(TINY, precision="fp32", hardware_compatible=True)


@pytest.mark.parametrize("for_this_gpu", [True, False])
def test_an_engine_is_for_the_gpu_that_is_there(for_this_gpu: bool) -> None:
    flavour = watched()
    # Without a GPU, only the request can be looked at.
    with contextlib.suppress(BackendError):
        built(TINY, flavour, precision="fp32", for_this_gpu=for_this_gpu)
    (config,) = flavour.configs
    if for_this_gpu:
        assert config.num_compute_capabilities == 1
        assert config.get_compute_capability(0) == trt.ComputeCapability.CURRENT
    else:
        assert config.num_compute_capabilities == 0


@pytest.mark.parametrize(("precision", "is_on"), [("fp32", False), ("fp16", True)])
def test_full_precision_is_not_tf32(
    precision: EnginePrecision, is_on: bool, model: ModelFile
) -> None:
    flavour = watched()
    if precision == "fp32":
        built(TINY, flavour, precision=precision)
    else:
        built(model, flavour, precision=precision)
    (config,) = flavour.configs
    assert config.get_flag(trt.BuilderFlag.TF32) == is_on


class _Silent:
    """A library that does not start, as under a driver that is too old."""

    def __getattr__(self, name: str) -> Any:
        return getattr(trt, name)

    def Builder(self, logger: Any) -> Any:  # noqa: N802
        logger.log(trt.ILogger.ERROR, "CUDA initialization failure with error: 35")
        raise TypeError("pybind11::init(): factory function returned nullptr")


def test_a_library_that_does_not_start_says_that_the_driver_may_be_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Watched, "library", lambda self: _Silent())
    with pytest.raises(BackendError) as caught:
        built(TINY, watched(), precision="fp32")
    assert str(caught.value).startswith(
        "TensorRT-RTX does not start on this machine (CUDA initialization failure with error: 35); "
        "update the NVIDIA driver"
    )


def test_an_engine_for_later_versions_has_no_plugin() -> None:
    grafted: list[str] = []

    def plugin(*words: Any, **more: Any) -> None:
        grafted.append("plugin")
        graft_fixed_nms(*words, **more)

    flavour = replace(RTX, graft=plugin)
    built(TINY, flavour, precision="fp32")
    assert grafted == ["plugin"]
    with contextlib.suppress(BackendError):
        built(TINY, flavour, precision="fp32", version_compatible=True)
    assert grafted == ["plugin"]


def test_warnings_of_the_library_go_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    messages: list[str] = []
    logger = keep_errors(trt, messages)
    with caplog.at_level("DEBUG", logger="ssd_live"):
        logger.log(trt.ILogger.WARNING, "careful")
        logger.log(trt.ILogger.VERBOSE, "chatter")
        logger.log(trt.ILogger.ERROR, "broken")
    assert [record.getMessage() for record in caplog.records] == ["careful"]
    assert messages == ["broken"]


def test_a_version_compatible_engine_without_the_lean_runtime_gets_a_line_that_says_so() -> None:
    """PyPI's TensorRT-RTX does not bring it."""
    assert refusal(TINY, precision="fp32", version_compatible=True) == (
        "tiny: TensorRT-RTX cannot build its engine: an engine for later versions contains the "
        "lean runtime (libnvinfer_lean), which is not installed; leave out --version-compatible"
    )
