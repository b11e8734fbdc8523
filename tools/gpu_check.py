"""The checks of `tools/gpu_check.sh`, each in a process of its own so that one that crashes takes
nothing else with it.

    python tools/gpu_check.py FOLDER [CHECK...]

Without names all checks run, in order of worth. A check prints `key: value` lines, which become its
row of the table.
"""

import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))
MODELS = ("ssd300-mobilenetv2-oid", "ssdlite300-mobilenetv2-person")
LIMIT_SECONDS = 240
SHORTEST_SECONDS = 5
RUNS = 300
VGG16 = "ssd300-vgg16"
BATCHES = (1, 8)


def show(**facts: object) -> None:
    for name, value in facts.items():
        print(f"{name}: {value}", flush=True)


def gpu() -> None:
    """What there is."""
    from ssd_live.backends.tensorrt.device import gpus

    for number, found in enumerate(gpus()):
        show(
            **{
                f"gpu {number}": f"{found.name}, sm{found.capability.replace('.', '')}, driver "
                f"{found.driver}"
            }
        )


def facts() -> None:
    """The machine: processor, GPU, clocks, driver, versions."""
    import platform

    query = (
        "name,driver_version,memory.total,clocks.sm,clocks.max.sm,"
        "pcie.link.gen.current,pcie.link.width.current"
    )
    try:
        answer = subprocess.run(
            ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=False,
        )
        show(nvidia_smi=answer.stdout.strip() or answer.stderr.strip())
    except OSError as error:
        show(nvidia_smi=f"not run ({error})")
    show(python=platform.python_version(), cores=os.cpu_count())
    show(
        processor=next(
            (
                line.partition(":")[2].strip()
                for line in Path("/proc/cpuinfo").read_text().splitlines()
                if "model name" in line
            ),
            "?",
        )
    )
    for package in (
        "torch",
        "onnx",
        "onnxruntime",
        "cuda.bindings",
        "av",
        "cv2",
        "numpy",
        "tensorrt_rtx",
    ):
        show(**{package: _version(package)})


def _version(package: str) -> str:
    import importlib

    try:
        return str(getattr(importlib.import_module(package), "__version__", "present"))
    except Exception as error:
        return f"none ({str(error).splitlines()[0][:80]})"


def device_layer() -> None:
    """Copies there and back, and a captured graph that replays them, on each implementation that is
    installed.
    """
    import importlib

    for name, kind in (("bindings_device", "BindingsDevice"), ("pycuda_device", "PycudaDevice")):
        try:
            layer: Any = importlib.import_module(f"ssd_live.backends.tensorrt.{name}")
        except ImportError as error:
            show(**{name: f"not run ({error})"})
            continue
        with getattr(layer, kind)() as device:
            show(**{name: _round_trip(device)})


def _round_trip(device: Any) -> str:
    import numpy as np

    size = 1 << 20
    sent, received = device.pinned((size,), np.uint8), device.pinned((size,), np.uint8)
    there, stream, done = device.memory(size), device.stream(), device.event()

    def work() -> None:
        device.upload(there, sent, stream)
        device.download(received, there, stream)

    graph = device.capture(stream, work)
    for turn in range(4):
        sent[:] = np.random.default_rng(turn).integers(0, 256, size, np.uint8)
        if graph is None or not turn:
            work()
        else:
            graph.launch(stream)
        device.record(done, stream)
        device.wait(done)
        if not np.array_equal(sent, received):
            return f"WRONG in turn {turn}"
    return f"right, {'with' if graph else 'WITHOUT'} graph capture"


def torch_agreement() -> None:
    """PyTorch on CUDA against ONNX Runtime on the processor: the model's own sample, in both
    precisions.
    """
    import numpy as np

    from ssd_live.backends import load_backend
    from ssd_live.backends.base import LoadOptions
    from ssd_live.modelfile.catalogue import find_model
    from ssd_live.selection.agreement import answers, compare_detections, sample_images

    for name in _present_models():
        model = find_model(name)
        images = sample_images(model)
        with load_backend("onnxruntime", model, LoadOptions()) as backend:
            exact = answers(backend, images)
        for precision in ("fp32", "fp16"):
            with load_backend("torch", model, LoadOptions("CUDA", precision)) as backend:
                found = answers(backend, images)
            same = compare_detections(exact, found, model.metadata.display_threshold)
            tops = []
            for one, other in zip(exact, found, strict=True):
                count = min(len(one.scores), len(other.scores), 20)
                tops.append(
                    float(
                        np.abs(
                            np.sort(one.scores)[::-1][:count] - np.sort(other.scores)[::-1][:count]
                        ).max(initial=0)
                    )
                )
            shown = (
                f"{same.share:.4f} agree ({same.found} of {same.expected}); largest difference "
                f"of a frame's best 20 scores {max(tops):.2e}"
            )
            show(**{f"{name} {precision}": shown})


def _present_models() -> list[str]:
    from ssd_live.errors import SsdLiveError
    from ssd_live.modelfile.catalogue import find_model

    found = []
    for name in MODELS:
        try:
            found.append(find_model(name).name)
        except SsdLiveError:
            show(**{name: "not run (its file is not here)"})
    return found


def vgg16_file() -> Path:
    """SSD300-VGG16 with random weights as a model file, made once; nearly every box of each class
    goes through NMS.
    """
    from ssd_live.export.random_weights import random_model
    from ssd_live.modelfile.file import write_model_file

    path = Path(os.environ["GPU_CHECK_FOLDER"]).parent / f"{VGG16}-random.onnx"
    if not path.exists():
        write_model_file(path, random_model(VGG16, background_logit=0.0))
    return path


def torch_parts() -> None:
    """PyTorch on CUDA in half precision: the network alone, the slot's whole graph, from call to
    answer, and many in flight.
    """
    import numpy as np
    import torch

    from ssd_live.backends import load_backend
    from ssd_live.backends.base import LoadOptions
    from ssd_live.modelfile.catalogue import find_model
    from ssd_live.modelfile.file import read_model_file

    for model in (find_model(MODELS[0]), read_model_file(vgg16_file())):
        for batch in BATCHES:
            width, height = model.metadata.input_size
            images = np.random.default_rng(0).integers(0, 256, (batch, height, width, 3), np.uint8)
            loaded: Any = load_backend("torch", model, LoadOptions("CUDA", "fp16", batch=batch))
            with loaded as backend:
                taken = []
                for _ in range(RUNS):
                    began = time.perf_counter()
                    backend.submit(images).result()
                    taken.append(1000 * (time.perf_counter() - began))
                pending: deque[Any] = deque()
                began = time.perf_counter()
                for _ in range(RUNS):
                    if len(pending) == backend.slots:
                        pending.popleft().result()
                    pending.append(backend.submit(images))
                while pending:
                    pending.popleft().result()
                fps = RUNS * batch / (time.perf_counter() - began)
                slot = backend._slots[0]
                whole = _replay_ms(slot._graph, slot._stream)
                alone = _network_ms(backend.answering, torch.from_numpy(images).cuda())
            times = (
                f"network {alone:.3f} ms, graph {whole:.3f} ms, from call to answer "
                f"{statistics.median(taken):.3f} ms"
            )
            show(
                **{
                    f"{model.name}, batch {batch}": f"{times}, {fps:.0f} FPS with {backend.slots} "
                    "in flight"
                }
            )


def _network_ms(answering: Any, pixels: Any) -> float:
    """From pixels on the GPU to boxes and scores, as a graph."""
    import torch

    stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    with torch.inference_mode():
        with torch.cuda.stream(stream):
            for _ in range(3):
                answering(pixels)
        stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            kept = answering(pixels)
        found = _replay_ms(graph, stream)
        del kept
    return found


def _replay_ms(graph: Any, stream: Any) -> float:
    import torch

    times: list[float] = []
    with torch.cuda.stream(stream):
        for _ in range(20):
            graph.replay()
        for _ in range(RUNS):
            began: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            ended: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            began.record(stream)
            graph.replay()
            ended.record(stream)
            ended.synchronize()
            times.append(began.elapsed_time(ended))
    return statistics.median(times)


def clip_1080p() -> Path:
    """2400 frames of the 1080p pattern in H.264, made once: 20 times the 120 frames that `bench`
    uses.
    """
    import av

    from ssd_live.bench.clip import pattern_clip
    from ssd_live.video.sources import parse_source

    path = Path(os.environ["GPU_CHECK_FOLDER"]).parent / "pattern.mp4"
    if path.exists():
        return path
    short = pattern_clip(parse_source("pattern:1920x1080"), path.with_name("pattern-short.mp4"))
    with av.open(str(path), "w") as target:
        offset = 0
        stream: Any = None
        for _ in range(20):
            with av.open(str(short)) as source:
                stream = stream or target.add_stream_from_template(source.streams.video[0])
                length = 0
                for packet in source.demux(video=0):
                    if packet.dts is None or packet.pts is None or packet.duration is None:
                        continue
                    length = max(length, packet.pts + packet.duration)
                    packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                    packet.stream = stream
                    target.mux(packet)
                offset += length
    return path


def hardware_decoding() -> None:
    """A 1080p file of H.264: FPS of the processor, of the GPU with a copy back, and of pictures
    that stay on the GPU; whether they are the same.
    """
    import av
    import numpy as np
    from av.codec.hwaccel import HWAccel, hwdevices_available

    from ssd_live.imaging.planes import as_yuv420p, planes_of

    show(hwdevices=hwdevices_available())
    path = clip_1080p()

    def frames(**options: Any) -> Iterator[Any]:
        with av.open(str(path), **options) as container:
            container.streams.video[0].thread_type = "AUTO"
            yield from container.decode(video=0)

    ways: dict[str, dict[str, Any]] = {
        "processor": {},
        "gpu, copied back": {"hwaccel": HWAccel("cuda", allow_software_fallback=False)},
        "gpu, kept there": {
            "hwaccel": HWAccel("cuda", allow_software_fallback=False, is_hw_owned=True)
        },
    }
    for name, options in ways.items():
        try:
            began = time.perf_counter()
            formats = [frame.format.name for frame in frames(**options)]
            seconds = time.perf_counter() - began
            show(
                **{
                    name: f"{len(formats) / seconds:.0f} FPS with opening, {len(formats)} frames, "
                    f"format {formats[0]}"
                }
            )
        except Exception as error:
            show(**{name: f"not run ({type(error).__name__}: {str(error)[:200]})"})
    try:
        same = all(
            np.array_equal(*planes)
            for one, other in zip(frames(), frames(**ways["gpu, copied back"]), strict=True)
            for planes in zip(
                planes_of(as_yuv420p(one, 1920, 1080)),
                planes_of(as_yuv420p(other, 1920, 1080)),
                strict=True,
            )
        )
        show(pixels=f"the same: {same}")
    except Exception as error:
        show(pixels=f"not compared ({type(error).__name__}: {str(error)[:200]})")
    try:
        import torch

        frame = next(iter(frames(**ways["gpu, kept there"])))
        # PyAV waits for the decoder by itself and refuses a stream, which `torch.from_dlpack` would
        # name.
        planes = [torch.utils.dlpack.from_dlpack(plane.__dlpack__()) for plane in frame.planes]
        show(
            dlpack=[(tuple(one.shape), one.dtype, str(one.device), one.stride()) for one in planes]
        )
    except Exception as error:
        show(dlpack=f"not run ({type(error).__name__}: {str(error)[:200]})")


def kernels() -> None:
    """Our NMS kernels against PyTorch's on the processor, on random pictures; and what they take
    where nearly all boxes are over the threshold.
    """
    import torch

    from ssd_live.backends.tensorrt.kernels import CANDIDATES, Kernels, NmsOutputs, NmsShape
    from ssd_live.models.postprocess import detect

    torch.zeros(1, device="cuda")
    loaded = Kernels()

    def run(
        boxes: Any, scores: Any, limit: int, score: float, iou: float
    ) -> tuple[list[Any], Callable[[], None]]:
        shape = NmsShape(len(scores), scores.shape[1], scores.shape[2], limit)
        scratch = torch.full((shape.scratch_bytes,), 255, dtype=torch.uint8, device="cuda")
        sizes = (
            ((len(scores), 1), torch.int32),
            ((len(scores), limit, 4), torch.float32),
            ((len(scores), limit), torch.float32),
        )
        found = [
            torch.full(size, -7, dtype=kind, device="cuda")
            for size, kind in (*sizes, ((len(scores), limit), torch.int32))
        ]
        outputs = NmsOutputs(*(one.data_ptr() for one in found))

        def launch() -> None:
            stream = torch.cuda.current_stream().cuda_stream
            addresses = (boxes.data_ptr(), scores.data_ptr(), scratch.data_ptr())
            loaded.nms(stream, shape, *addresses, outputs, score_threshold=score, iou_threshold=iou)

        launch()
        return [*found, scratch], launch

    cases = wrong = 0
    for seed in range(150):
        dice = torch.Generator().manual_seed(seed)
        images, boxes_count, classes, limit = (
            1 + seed % 5,
            (1, 60, 700, 1900)[seed % 4],
            1 + seed % 23,
            (10, 200, CANDIDATES)[seed % 3],
        )
        boxes, scores = _random_boxes(images, boxes_count, classes, (1, 6, 30)[seed // 7 % 3], dice)
        if seed % 3 == 1:
            scores = (scores * 8).round() / 8
        found, _ = run(boxes.cuda(), scores.cuda(), limit, 0.01, 0.47)
        counts, *answers = (one.cpu() for one in found[:4])
        for image in range(images):
            if int((scores[image] > 0.01).sum(0).max()) <= CANDIDATES:
                right = detect(boxes[image], scores[image], 0.01, 0.47, limit)
                count = int(counts[image, 0])
                same = all(
                    torch.equal(one[image, :count], other)
                    for one, other in zip(answers, right, strict=True)
                )
                cases, wrong = cases + 1, wrong + (not same)
    show(random=f"{cases} pictures, {wrong} wrong")
    for images, boxes_count, classes, power in (
        (1, 8732, 20, 1),
        (8, 8732, 20, 1),
        (1, 8732, 20, 40),
        (1, 1917, 23, 8),
        (8, 1917, 23, 8),
        (1, 8732, 20, 400),
    ):
        boxes, scores = _random_boxes(
            images, boxes_count, classes, power, torch.Generator().manual_seed(1)
        )
        stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            kept, launch = run(boxes.cuda(), scores.cuda(), 200, 0.01, 0.45)
            graph = torch.cuda.CUDAGraph()
        stream.synchronize()
        with torch.cuda.graph(graph, stream=stream):
            launch()
        over = int((scores > 0.01).sum()) // (images * classes)
        show(
            **{
                f"{images} x {boxes_count} x {classes}, {over} of a class over the "
                "threshold": f"{1000 * _replay_ms(graph, stream):.0f} us"
            }
        )
        del kept


def _random_boxes(images: int, count: int, classes: int, power: int, dice: Any) -> tuple[Any, Any]:
    import torch

    corners = torch.rand((images, count, 2), generator=dice) * 0.7
    boxes = torch.cat([corners, corners + torch.rand((images, count, 2), generator=dice) * 0.3], 2)
    return boxes, torch.rand((images, count, classes), generator=dice) ** power


def zero_copy() -> None:
    """Pictures that the GPU decodes and keeps: their network inputs against those of the CPU, and
    the detections.
    """
    import numpy as np
    import torch

    from ssd_live.backends import load_backend
    from ssd_live.backends.base import LoadOptions
    from ssd_live.imaging.frame import Frame, Region
    from ssd_live.imaging.gpu_frame import GpuFrame
    from ssd_live.modelfile.catalogue import find_model
    from ssd_live.video.reader import VideoReader

    model = find_model(MODELS[0])
    loaded: Any = load_backend("torch", model, LoadOptions("CUDA", "fp32"))
    with loaded as backend:
        show(takes_gpu_pictures=backend.takes_gpu_pictures)
        for path in (CHECKOUT / "assets/media/bikes.mp4", clip_1080p()):
            with (
                VideoReader(path, hardware=True, keep_on_gpu=lambda *_: True) as on_gpu,
                VideoReader(path) as on_cpu,
            ):
                show(**{f"{path.name} kept": f"{on_gpu.accelerator} {on_gpu.keeps_on_gpu}"})
                pairs = zip(on_gpu.read(), on_cpu.read(), strict=True)
                regions = (None, Region(101, 37, 333, 201), Region(0, 0, 64, 48))
                largest, share, scores, counts, frames = 0, 0.0, 0.0, 0, 0
                for one, other in pairs:
                    if not isinstance(one, GpuFrame) or not isinstance(other, Frame):
                        continue
                    assert (one.pts, one.width, one.height) == (
                        other.pts,
                        other.width,
                        other.height,
                    )
                    region = regions[frames % len(regions)]
                    seen = backend.resized(one.picture(region))
                    found = backend.submit_pictures([one.picture(region)]).result()
                    kept = [part.copy() for part in found]
                    right = other.network_input(model.metadata.input_size, region)
                    exact = backend.submit(right[None]).result()
                    difference = np.abs(seen.astype(int) - right)
                    largest = max(largest, int(difference.max()))
                    share += float((difference > 0).mean())
                    scores = max(scores, float(np.abs(kept[2][0, 0] - exact.scores[0, 0])))
                    counts += int(kept[0][0, 0] != exact.num_detections[0, 0])
                    frames += 1
                    if frames == 120:
                        break
            show(
                **{
                    path.name: f"{frames} frames, largest difference {largest} of 255, "
                    f"{share / max(frames, 1):.4f} of the values differ; largest difference of the "
                    f"best score {scores:.1e}, another count in {counts} frames"
                }
            )
    loaded = load_backend("torch", model, LoadOptions("CUDA", "fp16"))
    with (
        loaded as backend,
        VideoReader(clip_1080p(), hardware=True, keep_on_gpu=lambda *_: True) as on_gpu,
    ):
        pending: deque[Any] = deque()
        count, began = 0, 0.0
        for frame in on_gpu.read():
            if not isinstance(frame, GpuFrame):
                continue
            if len(pending) == backend.slots:
                pending.popleft().result()
            pending.append(backend.submit_pictures([frame.picture()]))
            count += 1
            if count == 200:
                began = time.perf_counter()
        torch.cuda.synchronize()
        show(one_thread=f"{(count - 200) / (time.perf_counter() - began):.0f} FPS, file to answer")


def torch_process() -> None:
    """`process --no-video` on the 1080p pattern, PyTorch on CUDA, both networks; decoding by the
    CPU and by the GPU.
    """
    path = clip_1080p()
    for model in (MODELS[0], str(vgg16_file())):
        for more in ((), ("--hardware-decoding",)):
            words = (
                "process",
                str(path),
                "--no-video",
                "--threshold",
                "0.9",
                "--model",
                model,
                "--backend",
                "torch:CUDA",
                "--precision",
                "fp16",
                *more,
            )
            answer = _command(
                *words,
                "--detections",
                str(Path(os.environ["GPU_CHECK_FOLDER"]) / "found.jsonl"),
                "--overwrite",
            )
            lines = (answer.stdout.strip() or answer.stderr.strip()).splitlines()
            show(**{f"{Path(model).stem} {' '.join(more)}": " | ".join(lines[-4:])})


def torch_end_to_end() -> None:
    """`bench` end to end on the 1080p pattern, PyTorch on CUDA."""
    words = (
        "--source",
        "pattern:1920x1080",
        "--kinds",
        "detector,end-to-end",
        "--backend",
        "torch:CUDA",
        "--precision",
        "fp16",
    )
    answer = _command("bench", *words)
    print(answer.stdout + (answer.stderr[-2000:] if answer.returncode else ""))


def rtx_probe() -> None:
    """Whether TensorRT-RTX builds for this GPU, loads and runs here: for no target, the GPU that is
    there, and its neighbours.
    """
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    from ssd_live.backends.tensorrt.device import open_device
    from ssd_live.backends.tensorrt.variants import VARIANTS
    from ssd_live.errors import SsdLiveError

    trt: Any = VARIANTS["tensorrt-rtx"].library()
    weights = numpy_helper.from_array(
        np.random.default_rng(0).standard_normal((8, 3, 3, 3)).astype(np.float16), "w"
    )
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT16, [1, channels, 64, 64])
        for name, channels in (("x", 3), ("y", 8))
    )
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    proto = helper.make_model(
        helper.make_graph([node], "probe", [x], [y], [weights]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    show(
        version=trt.__version__,
        capabilities=[
            name for name in dir(trt.ComputeCapability) if name.isupper() or name.startswith("SM")
        ],
    )
    messages: list[str] = []

    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR, trt.ILogger.WARNING):
                messages.append(message)

    logger = Logger()
    targets: dict[str, Any] = {"no target": None}
    names = ("CURRENT", "SM80", "SM86", "SM89", "SM90", "SM120")
    targets |= {
        name: getattr(trt.ComputeCapability, name)
        for name in names
        if hasattr(trt.ComputeCapability, name)
    }
    with contextlib.ExitStack() as stack:
        try:
            device = stack.enter_context(open_device())
            show(gpu=device.gpu)
        except SsdLiveError as error:
            show(gpu=f"none ({error})")
        for name, target in targets.items():
            messages.clear()
            step = "builder"
            try:
                builder = trt.Builder(logger)
                network = builder.create_network(0)
                parser = trt.OnnxParser(network, logger)
                assert parser.parse(proto.SerializeToString())
                config = builder.create_builder_config()
                if target is not None:
                    config.num_compute_capabilities = 1
                    config.set_compute_capability(target, 0)
                step = "build"
                plan = builder.build_serialized_network(network, config)
                assert plan is not None, "no plan"
                step = "load"
                runtime = trt.Runtime(logger)
                if hasattr(runtime, "get_engine_validity"):
                    show(
                        **{f"{name} validity": runtime.get_engine_validity(bytes(memoryview(plan)))}
                    )
                engine = runtime.deserialize_cuda_engine(plan)
                assert engine is not None, "no engine"
                step = "context"
                context = engine.create_execution_context()
                assert context is not None, "no context"
                step = "run"
                there = {"x": device.memory(3 * 64 * 64 * 2), "y": device.memory(8 * 64 * 64 * 2)}
                for tensor, address in there.items():
                    context.set_tensor_address(tensor, address)
                stream = device.stream()
                assert context.execute_async_v3(stream), "refused"
                device.drain(stream)
                step = "all"
                show(**{name: "builds, loads and runs"})
            except Exception as error:
                show(
                    **{
                        name: f"fails at {step}: {type(error).__name__} {str(error)[:160]} | "
                        f"{' / '.join(messages)[:600]}"
                    }
                )


def rtx_engines() -> None:
    """Build, load, and hold against float32 on the processor."""
    for model in MODELS:
        for precision in ("fp16", "fp32"):
            answer = _command("build", model, "--precision", precision, "--batch", "1", "--force")
            lines = [
                line
                for line in answer.stdout.splitlines()
                if line.startswith(("written", "parity"))
            ]
            shown = "; ".join(re.sub(r"written: \S+", "written", line) for line in lines)
            show(**{f"{model} {precision}": shown or answer.stderr.strip().splitlines()[-1]})


def rtx_overhead() -> None:
    """One picture at a time, with and without graph capture: what the host costs."""
    _runner("tensorrt-rtx")


def tensorrt_overhead() -> None:
    _runner("tensorrt")


def _runner(flavour_name: str) -> None:
    import numpy as np

    from ssd_live.backends.tensorrt.device import gpus, open_device
    from ssd_live.backends.tensorrt.engines import engine_for
    from ssd_live.backends.tensorrt.runner import EngineRunner
    from ssd_live.backends.tensorrt.variants import VARIANTS
    from ssd_live.modelfile.catalogue import find_model

    model, flavour = find_model(MODELS[0]), VARIANTS[flavour_name]
    _, engine = engine_for(model, flavour, gpus()[0], "fp16", 1, print)
    image = np.random.default_rng(0).integers(
        0, 256, (1, *model.metadata.input_size[::-1], 3), np.uint8
    )
    for graphs in (False, True):
        with open_device() as device:
            runner = EngineRunner(device, flavour, engine, model.metadata, 1, 2, graphs=graphs)
            taken = []
            for _ in range(RUNS):
                began = time.perf_counter()
                runner.start(0, image)
                runner.finish(0)
                taken.append(1000 * (time.perf_counter() - began))
            began = time.perf_counter()
            runner.start(0, image)
            for turn in range(1, RUNS):
                runner.start(turn % 2, image)
                runner.finish((turn + 1) % 2)
            fps = RUNS / (time.perf_counter() - began)
            captured = runner.captured
            runner.close()
        name = "with graphs" if graphs else "without graphs"
        note = "" if captured == graphs else " (capture failed)"
        show(
            **{
                name: f"{statistics.median(taken):.3f} ms one at a time, {fps:.0f} FPS with two "
                f"in flight{note}"
            }
        )


def rtx_network() -> None:
    _bench("tensorrt-rtx", "fp16")


def tensorrt_network() -> None:
    _bench("tensorrt", "fp16")


def torch_network() -> None:
    _bench("torch:CUDA", "fp16")


def _bench(backend: str, precision: str) -> None:
    report = Path(os.environ["GPU_CHECK_FOLDER"]) / f"bench-{backend.replace(':', '-')}.json"
    words = (
        "--kinds",
        "network,detector",
        "--batch",
        "1,8",
        "--backend",
        backend,
        "--precision",
        precision,
        "--json",
        str(report),
    )
    answer = _command("bench", *words)
    if answer.returncode:
        raise SystemExit(answer.stderr.strip().splitlines()[-1])
    for row in json.loads(report.read_text())["measurements"]:
        latency = (
            f", p50 {row['latency_ms']['p50']:.2f} ms, p99 {row['latency_ms']['p99']:.2f} ms"
            if row["latency_ms"]
            else ""
        )
        batch = f", batch {row['batch']}" if row["batch"] > 1 else ""
        show(
            **{
                f"{row['kind']}, {row['what']}{batch}": f"{statistics.median(row['samples']):.0f} "
                f"FPS{latency}"
            }
        )


def end_to_end() -> None:
    """The program itself on a 1080p pattern."""
    answer = _command(
        "bench",
        "--source",
        "pattern:1920x1080",
        "--kinds",
        "end-to-end",
        "--backend",
        "tensorrt-rtx",
        "--precision",
        "fp16",
    )
    if answer.returncode:
        raise SystemExit(answer.stderr.strip().splitlines()[-1])
    print(answer.stdout)


def automatic() -> None:
    """What `auto` finds here."""
    print(_command("doctor", "--measure").stdout)


def training() -> None:
    """Images a second of SSD300-VGG16 in mixed precision, and that its loss stays finite."""
    import torch

    from ssd_live.models.zoo import create

    if not torch.cuda.is_available():
        raise SystemExit("PyTorch sees no GPU")
    network = create("ssd300-vgg16", 21).cuda().train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9)
    images = torch.randn(32, 3, 300, 300, device="cuda").to(memory_format=torch.channels_last)
    losses = []
    for turn in range(30):
        if turn == 10:
            torch.cuda.synchronize()
            began = time.perf_counter()
        with torch.autocast("cuda", torch.bfloat16):
            regression, logits = network(images)
        loss = regression.float().square().mean() + logits.float().square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    torch.cuda.synchronize()
    rate = 20 * len(images) / (time.perf_counter() - began)
    show(
        training=f"{rate:.0f} images/s (forward, backward, update; batch 32, bfloat16), finite: "
        f"{bool(torch.stack(losses).isfinite().all())}"
    )


def device_tests() -> None:
    """The tests that a GPU makes real: without one they are skipped or run on a fake driver."""
    answer = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "tests/unit/backends/test_backends_agree.py",
            "-k",
            "tensorrt or torch",
        ],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    show(
        pytest=answer.stdout.strip().splitlines()[-1]
        if answer.stdout.strip()
        else answer.stderr.strip()[-200:]
    )


CHECKS: dict[str, Callable[[], None]] = {
    check.__name__.replace("_", "-"): check
    for check in (
        facts,
        gpu,
        device_layer,
        kernels,
        torch_agreement,
        torch_parts,
        hardware_decoding,
        zero_copy,
        torch_process,
        torch_end_to_end,
        rtx_probe,
        rtx_engines,
        rtx_overhead,
        rtx_network,
        torch_network,
        device_tests,
        tensorrt_overhead,
        tensorrt_network,
        end_to_end,
        training,
        automatic,
    )
}


def _command(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(CHECKOUT / "main.py"), *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=CHECKOUT,
    )


def run_all(folder: Path, names: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Name, outcome (ran, not run), lines."""
    environment = os.environ | {
        "GPU_CHECK_FOLDER": str(folder),
        "SSD_LIVE_ENGINES": str(folder / "engines"),
    }
    end = time.monotonic() + float(os.environ.get("GPU_CHECK_SECONDS", "inf"))
    for name in names:
        command = [sys.executable, __file__, "--one", name]
        left = min(end - time.monotonic(), LIMIT_SECONDS)
        if left < SHORTEST_SECONDS:
            yield name, "not run", ["no time was left"]
            continue
        began = time.monotonic()
        # A file, not a pipe: what a check printed before it was ended counts too.
        with tempfile.TemporaryFile() as file:
            try:
                code = subprocess.run(
                    command,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    timeout=left,
                    env=environment,
                    check=False,
                ).returncode
            except subprocess.TimeoutExpired:
                code = -1
            file.seek(0)
            output = (
                file.read().decode(errors="replace")
                + f"\nseconds: {time.monotonic() - began:.1f}\n"
            )
        (folder / f"{name}.log").write_text(output)
        lines = [line for line in output.splitlines() if line.strip()]
        if code:
            reason = (
                f"crashed (signal {-code})"
                if code < -1
                else f"took over {left:.0f} s"
                if code == -1
                else f"code {code}"
            )
            yield name, "failed", [*lines[-12:], reason]
        else:
            yield name, "ran", lines


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        CHECKS[sys.argv[2]]()
        return
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, outcome, lines in run_all(folder, sys.argv[2:] or list(CHECKS)):
        rows.append({"check": name, "outcome": outcome, "lines": lines})
        print(f"{name:20} {outcome}")
        for line in lines:
            print(f"{'':20} {line}")
        sys.stdout.flush()
        (folder / "gpu_check.json").write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
