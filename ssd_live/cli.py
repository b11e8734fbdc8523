"""The commands. What they need is imported when they run, so that `--help` is quick."""

import io
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from ssd_live import __version__
from ssd_live.errors import CancelledError, SsdLiveError, UsageError

_EXIT_FAILURE, _EXIT_USAGE, _EXIT_INTERRUPTED = 1, 2, 130

app = typer.Typer(
    name="ssd-live",
    help="Real-time object detection with SSD (Single Shot MultiBox Detector).",
    add_completion=False,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models_app = typer.Typer(help="Which models there are.", no_args_is_help=True)
app.add_typer(models_app, name="models")
engines_app = typer.Typer(help="The TensorRT engines built on this machine.", no_args_is_help=True)
app.add_typer(engines_app, name="engines")


class CodecName(str, Enum):
    h264 = "h264"
    hevc = "hevc"
    av1 = "av1"
    mjpeg = "mjpeg"
    ffv1 = "ffv1"


class PresetName(str, Enum):
    slow = "slow"
    balanced = "balanced"
    fast = "fast"
    fastest = "fastest"


class MetricName(str, Enum):
    voc07 = "voc07"
    voc = "voc"
    coco = "coco"


class Experiment(str, Enum):
    voc07 = "voc07"


class RuntimeName(str, Enum):
    tensorrt = "tensorrt"
    rtx = "tensorrt-rtx"


class PrecisionName(str, Enum):
    auto = "auto"
    fp32 = "fp32"
    fp16 = "fp16"
    bf16 = "bf16"
    int8 = "int8"


class RunnerName(str, Enum):
    local = "local"
    ray = "ray"


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"ssd_live {__version__}")
        raise typer.Exit


Model = Annotated[
    str, typer.Option("--model", "-m", help="A name from `models list`, or a model file (.onnx).")
]
_BACKEND_HELP = (
    "auto (measured once), cpu (the same without a GPU), openvino, onnxruntime, torch, "
    "tensorrt, tensorrt-rtx; or openvino:GPU."
)
Backend = Annotated[str, typer.Option(help=_BACKEND_HELP)]
Precision = Annotated[
    PrecisionName,
    typer.Option(
        help="What the backend computes in; auto takes the fastest that agrees with fp32."
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(help="Least score shown, 0 to 1; the model's own default if not given."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def _options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
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
            help="A camera's number or name, a file, an rtsp:// or http:// address, a folder of "
            "images, screen or pattern.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="A name from `models list`, or a model file (.onnx)."),
    ] = None,
    backend: Annotated[str | None, typer.Option(help=_BACKEND_HELP)] = None,
    precision: Annotated[
        PrecisionName | None, typer.Option(help="What the backend computes in.")
    ] = None,
    threshold: Threshold = None,
    classes: Annotated[str, typer.Option(metavar="A,B", help="Only these classes.")] = "",
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Record into this .mkv from when the network is ready, detections beside it.",
        ),
    ] = None,
    size: Annotated[
        str, typer.Option(metavar="WxH", help="Picture size asked of a camera or pattern.")
    ] = "",
    rate: Annotated[
        float | None,
        typer.Option(
            "--fps", min=0.01, max=1000, metavar="N", help="Frame rate asked of a source."
        ),
    ] = None,
    full_screen: Annotated[
        bool, typer.Option("--full-screen", help="Show only the video.")
    ] = False,
    no_window: Annotated[
        bool, typer.Option("--no-window", help="Run in the terminal, with numbers only.")
    ] = False,
    exit_after: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="End by itself.")
    ] = None,
    screenshot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Save a picture of the window at its end (.png)."),
    ] = None,
    stats: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all numbers at the end (.json).")
    ] = None,
) -> None:
    """Open the window on a source, or on several side by side: on the first webcam if none is
    given, or the sample clip where there is no webcam.
    """
    from ssd_live.commands.live import Words, run

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
        list[str], typer.Argument(metavar="INPUT...", help="Videos, images, folders, wildcards.")
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="OUT", help="The annotated copy; for several inputs a folder."
        ),
    ] = None,
    detections: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What was found: .jsonl, .json (COCO) or .csv."),
    ] = None,
    no_video: Annotated[bool, typer.Option("--no-video", help="Write no annotated copy.")] = False,
    model: Model = "ssd300-mobilenetv2-oid",
    backend: Backend = "auto",
    precision: Precision = PrecisionName.auto,
    threshold: Threshold = None,
    classes: Annotated[str, typer.Option(metavar="A,B", help="Only these classes.")] = "",
    codec: Annotated[
        CodecName | None,
        typer.Option(
            help="Codec of the annotated video: h264 by default, av1 for .webm. Hardware is used "
            "where it works."
        ),
    ] = None,
    crf: Annotated[
        int | None,
        typer.Option(help="Quality on the codec's own scale; smaller is better and larger."),
    ] = None,
    preset: Annotated[
        PresetName,
        typer.Option(
            help="The encoder's effort: a slower one makes smaller files of the same quality."
        ),
    ] = PresetName.fast,
    max_frames: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Stop after N frames of each input.")
    ] = None,
    start: Annotated[float, typer.Option(min=0, metavar="S", help="Begin at second S.")] = 0.0,
    duration: Annotated[
        float | None, typer.Option(min=0, metavar="S", help="Process S seconds.")
    ] = None,
    every: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Detect on every Nth frame; those between show its boxes' corners.",
        ),
    ] = 1,
    region: Annotated[
        str, typer.Option(metavar="X,Y,W,H", help="Detect only inside this rectangle, in pixels.")
    ] = "",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what exists; do again what is finished.")
    ] = False,
    hardware_decoding: Annotated[
        bool,
        typer.Option(
            "--hardware-decoding",
            help="Decode on a GPU where one decodes exactly as the processor does.",
        ),
    ] = False,
    jobs: Annotated[
        int,
        typer.Option(
            min=0,
            max=256,
            metavar="N",
            help="Inputs at once; 0 for as many as the machine has cores for.",
        ),
    ] = 0,
    runner: Annotated[
        RunnerName, typer.Option(help="ray spreads inputs over a Ray cluster.")
    ] = RunnerName.local,
    ray_address: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="The cluster; a local one is made if not given."),
    ] = None,
) -> None:
    """Annotate every frame of videos and images, in order, and write down what was found."""
    from ssd_live.commands.process import Request, run

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
            help="The sample clip if not given; pattern:1920x1080.",
        ),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", help="A name or model file; several are measured one after the other."
        ),
    ] = None,
    backends: Annotated[list[str] | None, typer.Option("--backend", help=_BACKEND_HELP)] = None,
    precisions: Annotated[
        list[PrecisionName] | None, typer.Option("--precision", help="Several are compared.")
    ] = None,
    batch: Annotated[
        str, typer.Option(metavar="1,8", help="Pictures at once, of the network alone.")
    ] = "1",
    streams: Annotated[
        str,
        typer.Option(
            metavar="1,2,4", help="Inputs at once, end to end, each in a process of its own."
        ),
    ] = "1",
    kinds: Annotated[
        str, typer.Option(metavar="network,detector,end-to-end", help="Which kinds of figures.")
    ] = "all",
    seconds: Annotated[
        float,
        typer.Option(
            min=0.5,
            max=600,
            help="Most that one figure may take; it ends earlier once it is certain.",
        ),
    ] = 3.0,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Everything that was measured.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="The figures as bars.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="A report in one file.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(metavar="OLD.json", help="Show what changed since.")
    ] = None,
) -> None:
    """Measure FPS, latency and what each stage costs, on this machine."""
    from ssd_live.commands.bench import Request, run

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
    """Show what this machine can do: packages, processor, backends with measured speed, encoders,
    cameras, and what is missing.
    """
    from ssd_live.commands.doctor import run

    run(model, as_json)


@app.command()
def export(
    name: Annotated[str, typer.Argument(help="A trained model of the zoo.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to; NAME.onnx here if not given."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR", help="Whose frames the file carries for comparing backends."
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing file.")
    ] = False,
) -> None:
    """Turn a trained network into a one-file ONNX model (needs PyTorch)."""
    from ssd_live.commands.export import run

    run(name, output, data, overwrite)


@app.command()
def build(
    name: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A name from `models list`, or a model file (.onnx)."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Another place than the engine store."),
    ] = None,
    runtime: Annotated[
        RuntimeName, typer.Option(help="tensorrt-rtx builds on machines without a GPU too.")
    ] = RuntimeName.rtx,
    precision: Annotated[
        str, typer.Option(help="fp16 (NMS, softmax and decoding stay in fp32) or fp32.")
    ] = "fp16",
    batch: Annotated[
        str, typer.Option(metavar="N|MIN,USUAL,MAX", help="Batches that the engine takes.")
    ] = "1,1,8",
    workspace: Annotated[
        int, typer.Option(min=0, metavar="MB", help="Most GPU memory for building; 0 for all.")
    ] = 0,
    targets: Annotated[
        str, typer.Option(metavar="sm86,sm89", help="GPUs to build for, if not the one here.")
    ] = "",
    version_compatible: Annotated[
        bool,
        typer.Option(
            "--version-compatible", help="Runs on later versions of the library too; slower."
        ),
    ] = False,
    hardware_compatible: Annotated[
        bool,
        typer.Option("--hardware-compatible", help="Runs on other GPUs from Ampere on; slower."),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Build again what is there, and use it even if it misses parity."
        ),
    ] = False,
) -> None:
    """Build a TensorRT engine of a model."""
    from ssd_live.commands.build import Request, run

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
    """Show the engines, and what each was built for."""
    from ssd_live.commands.engines import show_list

    show_list(as_json)


@engines_app.command("clean")
def engines_clean(
    everything: Annotated[bool, typer.Option("--all", help="Remove every engine.")] = False,
) -> None:
    """Remove engines that can no longer be used."""
    from ssd_live.commands.engines import clean

    clean(everything)


@engines_app.command("import")
def engines_import(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="An engine, with its manifest (.engine.json) beside it."
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take over an engine that you built on another machine."""
    from ssd_live.commands.engines import import_file

    import_file(file, yes)


@app.command()
def quantize(
    name: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A name from `models list`, or a model file (.onnx)."),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="Images or video like those it is for; what ships if not given.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to, if not where `--precision int8` finds it.",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Labelled images, to measure what it does to mAP."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing file.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Keep it even if it does not find the same.")
    ] = False,
) -> None:
    """Make the INT8 form of a model, which `auto` takes where it is fastest (needs NNCF)."""
    from ssd_live.commands.quantize import run

    run(name, data, output, labels, overwrite, force)


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="A TOML file; recipes/ has some.")],
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Train on this folder or file (VOC, COCO or YOLO)."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Where checkpoints and the log go."),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change the recipe: train.steps=1000. Again and again.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on exactly where the last run stopped.")
    ] = False,
    device: Annotated[
        str, typer.Option(help="cpu, cuda, cuda:1 ...; the GPU where there is one.")
    ] = "",
) -> None:
    """Train a network on your own labelled images (needs PyTorch)."""
    from ssd_live.commands.train import run

    run(recipe, data, output, changes or [], resume, device)


@app.command()
def check_data(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Labelled images: a VOC, COCO or YOLO folder, or COCO's JSON file."
        ),
    ],
    split: Annotated[str, typer.Option(help="A part of the data: trainval, val2017 ...")] = "",
    classes: Annotated[
        str, typer.Option(metavar="A,B", help="The classes there should be; others are reported.")
    ] = "",
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write everything that was found.")
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The contact sheet; check-DIR.png here if not given."),
    ] = None,
) -> None:
    """Find what is wrong with labelled images, and draw a contact sheet with their boxes and a
    class histogram.
    """
    from ssd_live.commands.check_data import run

    run(folder, split, tuple(classes.split(",")) if classes else (), json_file, sheet)


@app.command(name="eval")
def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL [OTHER]", help="A name or file; with a second one, both side by side."
        ),
    ],
    data: Annotated[Path, typer.Option(metavar="DIR", help="Labelled images: VOC, COCO or YOLO.")],
    split: Annotated[str, typer.Option(help="A part of the data: test, val2017 ...")] = "",
    backend: Annotated[
        str, typer.Option(help="As elsewhere; two with a comma are compared: openvino,onnxruntime.")
    ] = "auto",
    precision: Annotated[
        str,
        typer.Option(
            help="auto, fp32, fp16, bf16 or int8; two with a comma are compared: fp32,bf16."
        ),
    ] = "auto",
    metric: Annotated[
        MetricName,
        typer.Option(
            help="voc07: 11 points; voc: the whole area, as from 2010 on; coco: overlaps from "
            "0.50 to 0.95."
        ),
    ] = MetricName.voc,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all figures.")
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the images with most mistakes as one picture."),
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Plot precision over recall (.png, .svg, .pdf)."),
    ] = None,
) -> None:
    """Measure average precision of a deployed model on the backend that runs it."""
    from ssd_live.commands.evaluate import Request, run

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
    image: Annotated[Path, typer.Argument(help="A picture.")],
    ground_truth: Annotated[
        Path | None,
        typer.Option(metavar="F", help="Its objects: a VOC .xml, a YOLO .txt or COCO's .json."),
    ] = None,
    model: Model = "ssd300-mobilenetv2-oid",
    threshold: Threshold = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The picture; IMAGE-explained.png here if not given.",
        ),
    ] = None,
) -> None:
    """Draw the default boxes, which feature map made each detection, and which boxes match which
    object (needs PyTorch).
    """
    from ssd_live.commands.explain import run

    run(image, ground_truth, model, threshold, output)


@app.command()
def reproduce(
    experiment: Annotated[
        Experiment, typer.Argument(help="voc07: the paper's table on PASCAL VOC 2007.")
    ],
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", help="A name or file of SSD300 or SSD512; again for another."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="VOC2007 with its test images; data/VOCdevkit/VOC2007 if not given."
        ),
    ] = None,
    backend: Backend = "auto",
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all figures.")
    ] = None,
) -> None:
    """Print the paper's table beside what this machine measures for the given weights."""
    from ssd_live.commands.reproduce import run

    run(models or [], data, backend, json_file)


@models_app.command("list")
def models_list(as_json: Json = False) -> None:
    """Show the models by name."""
    from ssd_live.commands.models import show_list

    show_list(as_json)


@models_app.command("info")
def models_info(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE")], as_json: Json = False
) -> None:
    """Show everything about one model."""
    from ssd_live.commands.models import show_info

    show_info(name, as_json)


@models_app.command("pull")
def models_pull(
    name: Annotated[
        str, typer.Argument(help="ssd300-vgg16-coco or ssdlite320-mobilenetv3-large-coco.")
    ],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make the model anew.")] = False,
) -> None:
    """Fetch published weights and make a model of them (needs PyTorch)."""
    from ssd_live.commands.weights import pull

    pull(name, overwrite)


@models_app.command("import")
def models_import(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Weights of torchvision's SSDs or of ssd.pytorch: .pth, .pt or .safetensors.",
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(help="What the model is to be called; the file's name if not given."),
    ] = None,
    classes: Annotated[
        str,
        typer.Option(
            metavar="A,B", help="Class names without the background; VOC's or COCO's are known."
        ),
    ] = "",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a model of this name.")
    ] = False,
) -> None:
    """Make a model of a file of weights; nothing in it is run (needs PyTorch)."""
    from ssd_live.commands.weights import import_file

    import_file(file, name, tuple(classes.split(",")) if classes else (), overwrite)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
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
        # A file name may be no text at all, and a terminal may know few letters; neither is a
        # reason to stop.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
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
        return _unexpected(error)


def _unexpected(error: Exception) -> int:
    """Wrong usage, which the command-line library reports by exceptions of its own, or a mistake of
    ours.
    """
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        # Its checker's own words, and the end of its sentence, are in the way of ours.
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
        _say("error: there is not enough memory; close other programs or process a smaller picture")
        return _EXIT_FAILURE
    _say(
        f"error: {type(error).__name__}: {next(iter(str(error).splitlines()), 'no message')}; run "
        "again with --debug and report it"
    )
    return _EXIT_FAILURE


def _say(line: str) -> None:
    print(line, file=sys.stderr)
