"""Define the command line.

Each command imports its modules only when it runs, so that `--help` is quick.
"""

import inspect
import io
import logging
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from ssd_live import __version__
from ssd_live.errors import CancelledError, SsdLiveError, UsageError
from ssd_live.system.logs import DEFAULT_LEVEL, LEVELS, start_logging, stop_logging

_EXIT_FAILURE, _EXIT_USAGE, _EXIT_INTERRUPTED = 1, 2, 130
_logger = logging.getLogger(__name__)

app = typer.Typer(
    name="ssd-live",
    help="Real-time object detection with SSD (Single Shot MultiBox Detector).",
    add_completion=False,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models_app = typer.Typer(help="List, inspect, download and import models.", no_args_is_help=True)
app.add_typer(models_app, name="models")
engines_app = typer.Typer(help="List, remove and import TensorRT engines.", no_args_is_help=True)
app.add_typer(engines_app, name="engines")


class CodecName(str, Enum):
    """A video codec that `process` can write."""

    h264 = "h264"
    hevc = "hevc"
    av1 = "av1"
    mjpeg = "mjpeg"
    ffv1 = "ffv1"


class PresetName(str, Enum):
    """An encoder preset, from `slow` (most work, smallest files) to `fastest`."""

    slow = "slow"
    balanced = "balanced"
    fast = "fast"
    fastest = "fastest"


class MetricName(str, Enum):
    """A rule to compute average precision: VOC 2007, VOC since 2010, or COCO."""

    voc07 = "voc07"
    voc = "voc"
    coco = "coco"


class Experiment(str, Enum):
    """A results table of the SSD paper that `reproduce` can print."""

    voc07 = "voc07"


class RuntimeName(str, Enum):
    """A library that builds engines, which are compiled networks for NVIDIA GPUs."""

    tensorrt = "tensorrt"
    rtx = "tensorrt-rtx"


class PrecisionName(str, Enum):
    """The number format in which a backend computes; `auto` lets the program choose."""

    auto = "auto"
    fp32 = "fp32"
    fp16 = "fp16"
    bf16 = "bf16"
    int8 = "int8"


class RunnerName(str, Enum):
    """Where `process` runs its workers: on this machine or on a Ray cluster."""

    local = "local"
    ray = "ray"


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"ssd_live {__version__}")
        raise typer.Exit


Model = Annotated[
    str,
    typer.Option(
        "--model", "-m", help="Model name from `models list`, or path of a model file (.onnx)."
    ),
]
_BACKEND_HELP = (
    "Library that runs the model: auto (measures all once and takes the fastest), cpu (auto "
    "without GPUs), openvino, onnxruntime, torch, tensorrt or tensorrt-rtx; a device may follow, "
    "for example openvino:GPU."
)
Backend = Annotated[str, typer.Option(help=_BACKEND_HELP)]
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
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@app.callback()
def _options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    log_level: Annotated[
        str,
        typer.Option(
            metavar="LEVEL",
            help="Lowest level of the log lines to show and to write to the log file: "
            f"{', '.join(LEVELS)}.",
        ),
    ] = DEFAULT_LEVEL,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="The same as --log-level info.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        live()


@app.command()
def live(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE]...",
            help="Camera number or name, file, rtsp:// or http:// address, folder of images, "
            "screen (this screen) or pattern (a test pattern).",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="Model name from `models list`, or path of a model file (.onnx)."
        ),
    ] = None,
    backend: Annotated[str | None, typer.Option(help=_BACKEND_HELP)] = None,
    precision: Annotated[
        PrecisionName | None, typer.Option(help="Precision of the backend.")
    ] = None,
    threshold: Threshold = None,
    classes: Annotated[
        str, typer.Option(metavar="A,B", help="Keep only detections of these classes.")
    ] = "",
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Record the video to this .mkv file, and the detections to a file beside it; the "
            "recording starts when the model is loaded.",
        ),
    ] = None,
    size: Annotated[
        str, typer.Option(metavar="WxH", help="Frame size to request from a camera or pattern.")
    ] = "",
    rate: Annotated[
        float | None,
        typer.Option(
            "--fps",
            min=0.01,
            max=1000,
            metavar="N",
            help="Frames per second to request from a source.",
        ),
    ] = None,
    full_screen: Annotated[
        bool, typer.Option("--full-screen", help="Show only the video, on the full screen.")
    ] = False,
    no_window: Annotated[
        bool,
        typer.Option(
            "--no-window", help="Open no window; print frame rates and latencies in the terminal."
        ),
    ] = False,
    exit_after: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Stop after this many seconds.")
    ] = None,
    screenshot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Save a screenshot of the window at the end (.png)."),
    ] = None,
    stats: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all measurements at the end (.json).")
    ] = None,
) -> None:
    """Show detections live, in a window or in the terminal. Several sources are shown side by side.
    Without SOURCE, open the first webcam, or the sample clip if there is no webcam.
    """
    from ssd_live.commands.live.run import Words, run

    code = run(
        Words(
            sources=tuple(sources or ()),
            model=model,
            backend=backend,
            precision=precision.value if precision else None,
            threshold=threshold,
            classes=tuple(classes.split(",")) if classes else (),
            record=record,
            size=size,
            rate=rate,
            full_screen=full_screen,
            exit_after=exit_after,
            screenshot=screenshot,
            stats=stats,
            window=not no_window,
        )
    )
    raise typer.Exit(code)


@app.command()
def process(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Videos, images, folders or wildcards.")
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="File for the annotated copy; a folder if there are several inputs.",
        ),
    ] = None,
    detections: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the detections to this .jsonl, .json (COCO) or .csv file."
        ),
    ] = None,
    no_video: Annotated[bool, typer.Option("--no-video", help="Write no annotated copy.")] = False,
    model: Model = "ssd300-mobilenetv2-oid",
    backend: Backend = "auto",
    precision: Precision = PrecisionName.auto,
    threshold: Threshold = None,
    classes: Annotated[
        str, typer.Option(metavar="A,B", help="Keep only detections of these classes.")
    ] = "",
    codec: Annotated[
        CodecName | None,
        typer.Option(
            help="Codec of the annotated video: h264 by default, av1 for .webm. A hardware encoder "
            "is used if it works."
        ),
    ] = None,
    crf: Annotated[
        int | None,
        typer.Option(
            help="Quality on the codec's own scale; a lower value looks better, but makes larger "
            "files."
        ),
    ] = None,
    preset: Annotated[
        PresetName,
        typer.Option(help="Encoder preset: a slower one makes smaller files of the same quality."),
    ] = PresetName.fast,
    max_frames: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Stop after N frames of each input.")
    ] = None,
    start: Annotated[
        float, typer.Option(min=0, metavar="S", help="Start at second S of each video.")
    ] = 0.0,
    duration: Annotated[
        float | None, typer.Option(min=0, metavar="S", help="Process only S seconds of each video.")
    ] = None,
    every: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Detect on every Nth frame; the frames between show only the corners of the last "
            "boxes.",
        ),
    ] = 1,
    region: Annotated[
        str,
        typer.Option(
            metavar="X,Y,W,H",
            help="Detect only inside this region: left, top, width and height in pixels.",
        ),
    ] = "",
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace existing files; process finished inputs again."),
    ] = False,
    hardware_decoding: Annotated[
        bool,
        typer.Option(
            "--hardware-decoding",
            help="Decode on a GPU if its pixels are exactly those of the CPU.",
        ),
    ] = False,
    jobs: Annotated[
        int,
        typer.Option(
            min=0,
            max=256,
            metavar="N",
            help="Process N inputs at the same time; 0 chooses N by the number of CPU cores.",
        ),
    ] = 0,
    runner: Annotated[
        RunnerName, typer.Option(help="Where to run: local is this machine, ray a Ray cluster.")
    ] = RunnerName.local,
    ray_address: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", help="Address of the Ray cluster; default: start a local cluster."
        ),
    ] = None,
) -> None:
    """Annotate every frame of videos and images, in order, and write the detections."""
    from ssd_live.commands.process.run import Request, run

    run(
        Request(
            inputs=tuple(inputs),
            output=output,
            detections=detections,
            no_video=no_video,
            model=model,
            backend=backend,
            precision=precision.value,
            threshold=threshold,
            classes=tuple(classes.split(",")) if classes else (),
            codec=codec.value if codec else None,
            crf=crf,
            preset=preset.value,
            max_frames=max_frames,
            start=start,
            duration=duration,
            every=every,
            region=region,
            overwrite=overwrite,
            hardware_decoding=hardware_decoding,
            jobs=jobs,
            runner=runner.value,
            ray_address=ray_address,
        )
    )


@app.command()
def bench(
    source: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|pattern|synthetic",
            help="Source to measure: a file, a test pattern (for example pattern:1920x1080), or "
            "synthetic (no video); default: the sample clip.",
        ),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", help="Model name or model file; repeat to measure several models."
        ),
    ] = None,
    backends: Annotated[list[str] | None, typer.Option("--backend", help=_BACKEND_HELP)] = None,
    precisions: Annotated[
        list[PrecisionName] | None,
        typer.Option("--precision", help="Precision; repeat to compare several."),
    ] = None,
    batch: Annotated[
        str,
        typer.Option(
            metavar="N,N,...",
            help="Batch sizes at which to measure the network alone, for example 1,4,8.",
        ),
    ] = "1",
    streams: Annotated[
        str,
        typer.Option(
            metavar="N,N,...",
            help="Numbers of inputs to process end to end at the same time, each in its own "
            "process, for example 1,2,4.",
        ),
    ] = "1",
    kinds: Annotated[
        str,
        typer.Option(
            metavar="network,detector,end-to-end", help="What to measure: all, or some of these."
        ),
    ] = "all",
    seconds: Annotated[
        float,
        typer.Option(
            min=0.5,
            max=600,
            help="Longest time for one measurement, in seconds; a measurement ends earlier when "
            "its result is certain.",
        ),
    ] = 3.0,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all measurements to FILE.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Plot the measurements as bars.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write a report as one HTML file.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(metavar="OLD.json", help="Show what changed since OLD.json.")
    ] = None,
) -> None:
    """Measure frames per second (FPS), latency and the cost of each stage on this machine."""
    from ssd_live.commands.bench.run import Request, run

    run(
        Request(
            source=source,
            models=tuple(models or ["ssd300-mobilenetv2-oid"]),
            backends=tuple(backends or ["auto"]),
            precisions=tuple(precision.value for precision in precisions or [PrecisionName.auto]),
            batches=batch,
            streams=streams,
            kinds=kinds,
            seconds=seconds,
            json=json_file,
            plot=plot,
            html=html,
            compare=compare,
        )
    )


@app.command()
def doctor(model: Model = "ssd300-mobilenetv2-oid", as_json: Json = False) -> None:
    """Show what this machine can do: packages, CPU and GPUs, backends with their measured speed,
    encoders, cameras, and what is missing.
    """
    from ssd_live.commands.doctor.run import run

    run(model, as_json)


@app.command()
def export(
    name: Annotated[str, typer.Argument(help="Name of a trained model.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Model file to write; default: NAME.onnx."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="Video, image or folder; some of its frames are stored to compare backends.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing file.")
    ] = False,
) -> None:
    """Export a trained network as one ONNX model file (needs PyTorch)."""
    from ssd_live.commands.export.run import run

    run(name, output, data, overwrite)


@app.command()
def build(
    name: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="Model name from `models list`, or path of a model file (.onnx)."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Folder for the engine; default: the engine store.",
        ),
    ] = None,
    runtime: Annotated[
        RuntimeName,
        typer.Option(help="Library to build with; tensorrt-rtx can also build without a GPU."),
    ] = RuntimeName.rtx,
    precision: Annotated[
        str,
        typer.Option(
            help="Precision of the engine: fp16 (NMS, softmax and decoding stay in fp32) or fp32."
        ),
    ] = "fp16",
    batch: Annotated[
        str,
        typer.Option(
            metavar="N|MIN,USUAL,MAX",
            help="Batch size, or the smallest, usual and largest batch size of the engine.",
        ),
    ] = "1,1,8",
    workspace: Annotated[
        int,
        typer.Option(
            min=0, metavar="MB", help="Most GPU memory to use while building, in MB; 0 for all."
        ),
    ] = 0,
    targets: Annotated[
        str,
        typer.Option(
            metavar="sm86,sm89",
            help="GPU architectures to build for; default: the GPU of this machine.",
        ),
    ] = "",
    version_compatible: Annotated[
        bool,
        typer.Option(
            "--version-compatible",
            help="Build a slower engine that also runs on later versions of the library.",
        ),
    ] = False,
    hardware_compatible: Annotated[
        bool,
        typer.Option(
            "--hardware-compatible",
            help="Build a slower engine that runs on all GPUs since Ampere.",
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Build again if the engine exists; use the engine even if its results disagree "
            "with fp32.",
        ),
    ] = False,
) -> None:
    """Build a TensorRT engine from a model."""
    from ssd_live.commands.build_engine.run import Request, run

    run(
        Request(
            name,
            output,
            runtime.value,
            precision,
            batch,
            workspace,
            targets,
            version_compatible,
            hardware_compatible,
            force,
        )
    )


@engines_app.command("list")
def engines_list(as_json: Json = False) -> None:
    """List the engines on this machine, and what each was built for."""
    from ssd_live.commands.engines.run import show_list

    show_list(as_json)


@engines_app.command("clean")
def engines_clean(
    everything: Annotated[
        bool, typer.Option("--all", help="Remove all engines, also the usable ones.")
    ] = False,
) -> None:
    """Remove engines that can no longer be used."""
    from ssd_live.commands.engines.run import clean

    clean(everything)


@engines_app.command("import")
def engines_import(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Engine file, with its manifest (.engine.json) beside it."
        ),
    ],
    yes: Annotated[
        bool, typer.Option("--yes", help="Import without asking for confirmation.")
    ] = False,
) -> None:
    """Import an engine that you built on another machine."""
    from ssd_live.commands.engines.run import import_file

    import_file(file, yes)


@app.command()
def quantize(
    name: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="Model name from `models list`, or path of a model file (.onnx)."
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="Images or video for the calibration, similar to what the model will see; "
            "default: the bundled photos and clip.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Model file to write; default: the file that `--precision int8` uses.",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Labelled images on which to compare the mAP of the INT8 and the float32 model.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing file.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Write the file even if its detections differ too much."),
    ] = False,
) -> None:
    """Make an INT8 version of a model; `auto` uses it where it is the fastest (needs NNCF)."""
    from ssd_live.commands.quantize.run import run

    run(name, data, output, labels, overwrite, force)


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe: a TOML file, as in recipes/.")],
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder or file to train on (VOC, COCO or YOLO)."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Folder for the checkpoints and the log."
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a value of the recipe, for example train.steps=1000; may be repeated.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue exactly where the last run stopped.")
    ] = False,
    device: Annotated[
        str, typer.Option(help="Device: cpu, cuda, cuda:1 ...; default: the GPU if there is one.")
    ] = "",
) -> None:
    """Train a network on your own labelled images (needs PyTorch)."""
    from ssd_live.commands.train.run import run

    run(recipe, data, output, changes or [], resume, device)


@app.command()
def check_data(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Labelled images: a VOC, COCO or YOLO folder, or a COCO JSON file."
        ),
    ],
    split: Annotated[
        str, typer.Option(help="Part of the data, for example trainval or val2017.")
    ] = "",
    classes: Annotated[
        str,
        typer.Option(
            metavar="A,B", help="Expected class names; labels of other classes are reported."
        ),
    ] = "",
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all findings to FILE.")
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Contact sheet to write; default: check-DIR.png."),
    ] = None,
) -> None:
    """Find errors in labelled images, and draw a contact sheet of the images with their boxes and a
    class histogram.
    """
    from ssd_live.commands.check_data.run import run

    run(folder, split, tuple(classes.split(",")) if classes else (), json_file, sheet)


@app.command(name="eval")
def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL [OTHER]", help="Model name or model file, or two of them to compare."
        ),
    ],
    data: Annotated[Path, typer.Option(metavar="DIR", help="Labelled images: VOC, COCO or YOLO.")],
    split: Annotated[str, typer.Option(help="Part of the data, for example test or val2017.")] = "",
    backend: Annotated[
        str, typer.Option(help="Backend, or two to compare, for example openvino,onnxruntime.")
    ] = "auto",
    precision: Annotated[
        str,
        typer.Option(
            help="auto, fp32, fp16, bf16 or int8; or two to compare, for example fp32,bf16."
        ),
    ] = "auto",
    metric: Annotated[
        MetricName,
        typer.Option(
            help="Rule for average precision. voc07: mean precision at 11 recall values; voc: area "
            "under the curve, as VOC does since 2010; coco: mean over IoU thresholds from 0.50 to "
            "0.95."
        ),
    ] = MetricName.voc,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all results to FILE.")
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write one image that shows the images with most mistakes."
        ),
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Plot precision over recall (.png, .svg, .pdf)."),
    ] = None,
) -> None:
    """Measure the average precision of a model file on the backend that runs it."""
    from ssd_live.commands.evaluate.run import Request, run

    run(
        Request(
            models=tuple(models),
            data=data,
            split=split,
            backend=backend,
            precision=precision,
            metric=metric.value,
            output=json_file,
            sheet=sheet,
            plots=plots,
        )
    )


@app.command()
def explain(
    image: Annotated[Path, typer.Argument(help="Image to explain.")],
    ground_truth: Annotated[
        Path | None,
        typer.Option(metavar="F", help="Objects in the image: VOC .xml, YOLO .txt or COCO .json."),
    ] = None,
    model: Model = "ssd300-mobilenetv2-oid",
    threshold: Threshold = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Image to write; default: IMAGE-explained.png.",
        ),
    ] = None,
) -> None:
    """Draw the default boxes, the feature map behind each detection, and which default boxes match
    which object (needs PyTorch).
    """
    from ssd_live.commands.explain.run import run

    run(image, ground_truth, model, threshold, output)


@app.command()
def reproduce(
    experiment: Annotated[
        Experiment, typer.Argument(help="voc07: the paper's table on PASCAL VOC 2007.")
    ],
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", help="SSD300 or SSD512 model, by name or file; may be repeated."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder VOC2007 with the test images; default: data/VOCdevkit/VOC2007.",
        ),
    ] = None,
    backend: Backend = "auto",
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all results to FILE.")
    ] = None,
) -> None:
    """Print the paper's results beside the results of the given models on this machine."""
    from ssd_live.commands.reproduce.run import run

    run(models or [], data, backend, json_file)


@models_app.command("list")
def models_list(as_json: Json = False) -> None:
    """List the models by name."""
    from ssd_live.commands.models.run import show_list

    show_list(as_json)


@models_app.command("info")
def models_info(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE")], as_json: Json = False
) -> None:
    """Show everything about one model."""
    from ssd_live.commands.models.run import show_info

    show_info(name, as_json)


@models_app.command("pull")
def models_pull(
    name: Annotated[
        str,
        typer.Argument(
            help="Name of the weights: ssd300-vgg16-coco or ssdlite320-mobilenetv3-large-coco."
        ),
    ],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing model.")
    ] = False,
) -> None:
    """Download published weights and make a model from them (needs PyTorch)."""
    from ssd_live.commands.models.weights import pull

    pull(name, overwrite)


@models_app.command("import")
def models_import(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Weights of a torchvision SSD or of ssd.pytorch: .pth, .pt or .safetensors.",
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(help="Name of the new model; default: the file's name."),
    ] = None,
    classes: Annotated[
        str,
        typer.Option(
            metavar="A,B", help="Class names without the background; not needed for VOC and COCO."
        ),
    ] = "",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the model that has this name.")
    ] = False,
) -> None:
    """Make a model from a weight file; no code in the file is run (needs PyTorch)."""
    from ssd_live.commands.models.weights import import_file

    import_file(file, name, tuple(classes.split(",")) if classes else (), overwrite)


def _join_help_lines() -> None:
    """Make one line of each paragraph of the commands' help, so that it is wrapped only once."""
    for group in (app, models_app, engines_app):
        for command in group.registered_commands:
            paragraphs = inspect.cleandoc(command.help or command.callback.__doc__ or "")
            command.help = "\n\n".join(
                " ".join(paragraph.split()) for paragraph in paragraphs.split("\n\n")
            )


_join_help_lines()


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted.

    `arguments` are the words after the program's name; by default they come from `sys.argv`. The
    first words `run-trial`, `run-bench` and `run-worker` are internal: this program starts itself
    with them as a child process.
    """
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["run-trial"]:
        from ssd_live.selection.trial import run_as_child

        return run_as_child(words[1:])
    if words[:1] == ["run-bench"]:
        from ssd_live.bench.worker import run_as_child as run_bench

        return run_bench(words[1:])
    if words[:1] == ["run-worker"]:
        from ssd_live.remote.server import main as run_worker

        return run_worker(words[1:])
    for stream in (sys.stdout, sys.stderr):
        # A file name may not be valid Unicode, and a terminal may lack a character. Print such
        # characters as escapes, so that they do not stop the program.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        words = _start_logging(words)
        code: Any = app(words, standalone_mode=False)
        return int(code or 0)
    except SsdLiveError as error:
        if debug:
            raise
        if isinstance(error, CancelledError):
            _say(str(error))
            return _EXIT_INTERRUPTED
        _say(f"error: {error}")
        return _EXIT_USAGE if isinstance(error, UsageError) else _EXIT_FAILURE
    except (KeyboardInterrupt, typer.Abort):
        _say("interrupted")
        return _EXIT_INTERRUPTED
    except Exception as error:
        if debug:
            raise
        _logger.debug("%s failed", " ".join(words), exc_info=True)
        return _unexpected(error)
    finally:
        stop_logging()


def _start_logging(words: list[str]) -> list[str]:
    """Start logging at the level of the logging options in `words`, and return the other words.

    The logging options may stand anywhere before `--`. Raises `UsageError` if there is no such
    level.
    """
    level, others = DEFAULT_LEVEL, []
    remaining = iter(words)
    for word in remaining:
        if word == "--":
            others += [word, *remaining]
        elif word in ("-v", "--verbose"):
            level = "info"
        elif word in ("-q", "--quiet"):
            level = "error"
        elif word == "--log-level":
            level = next(remaining, "")
        elif word.startswith("--log-level="):
            level = word.partition("=")[2]
        else:
            others.append(word)
    start_logging(level)
    return others


def _unexpected(error: Exception) -> int:
    """Print an error that is not an `SsdLiveError`, and return the exit code of the program.

    The command-line library reports wrong usage with its own exceptions. All other errors come from
    the operating system or are bugs of this program.
    """
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        # The library's prefix and full stop do not fit into our sentence.
        message = error.format_message().replace("Value error, ", "").rstrip(".")
        _say(f"error: {message}; see --help")
        return _EXIT_USAGE
    if isinstance(error, BrokenPipeError):
        return _EXIT_FAILURE
    if isinstance(error, OSError) and error.strerror:
        _say(
            f"error: {error.filename or 'a file'}: {error.strerror.lower()}; check the path and "
            "its permissions"
        )
        return _EXIT_FAILURE
    if isinstance(error, MemoryError):
        _say("error: there is not enough memory; close other programs or process a smaller image")
        return _EXIT_FAILURE
    _say(
        f"error: {type(error).__name__}: {next(iter(str(error).splitlines()), 'no message')}; run "
        "again with --debug and report it"
    )
    return _EXIT_FAILURE


def _say(line: str) -> None:
    print(line, file=sys.stderr)
