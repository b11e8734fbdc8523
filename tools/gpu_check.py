"""The checks of `tools/gpu_check.sh`, each in a process of its own so that one that crashes takes nothing else with it.

    python tools/gpu_check.py FOLDER [CHECK...]

Without names all checks run, in order of worth. A check prints `key: value` lines, which become its row of the table.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))
MODELS = ("ssd300-mobilenetv2-oid", "ssdlite300-mobilenetv2-person")
LIMIT_SECONDS = 240
RUNS = 300


def show(**facts: object) -> None:
    for name, value in facts.items():
        print(f"{name}: {value}", flush=True)


def gpu() -> None:
    """What there is."""
    from ssd_live.tensorrt.device import gpus

    for number, found in enumerate(gpus()):
        show(**{f"gpu {number}": f"{found.name}, sm{found.capability.replace('.', '')}, driver {found.driver}"})


def device_layer() -> None:
    """Copies there and back, and a captured graph that replays them, on each implementation that is installed."""
    import importlib

    for name, kind in (("bindings_device", "BindingsDevice"), ("pycuda_device", "PycudaDevice")):
        try:
            layer: Any = importlib.import_module(f"ssd_live.tensorrt.{name}")
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


def rtx_engines() -> None:
    """Build, load, and hold against float32 on the processor."""
    for model in MODELS:
        for precision in ("fp16", "fp32"):
            answer = _command("build", model, "--precision", precision, "--batch", "1", "--force")
            lines = [line for line in answer.stdout.splitlines() if line.startswith(("written", "parity"))]
            shown = "; ".join(re.sub(r"written: \S+", "written", line) for line in lines)
            show(**{f"{model} {precision}": shown or answer.stderr.strip().splitlines()[-1]})


def rtx_overhead() -> None:
    """One picture at a time, with and without graph capture: what the host costs."""
    _runner("tensorrt-rtx")


def tensorrt_overhead() -> None:
    _runner("tensorrt")


def _runner(flavour_name: str) -> None:
    import numpy as np

    from ssd_live.modelfile.catalogue import find_model
    from ssd_live.tensorrt.device import gpus, open_device
    from ssd_live.tensorrt.engines import engine_for
    from ssd_live.tensorrt.flavours import FLAVOURS
    from ssd_live.tensorrt.runner import EngineRunner

    model, flavour = find_model(MODELS[0]), FLAVOURS[flavour_name]
    _, engine = engine_for(model, flavour, gpus()[0], "fp16", 1, print)
    image = np.random.default_rng(0).integers(0, 256, (1, *model.metadata.input_size[::-1], 3), np.uint8)
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
        show(**{name: f"{statistics.median(taken):.3f} ms one at a time, {fps:.0f} FPS with two in flight{note}"})


def rtx_network() -> None:
    _bench("tensorrt-rtx", "fp16")


def tensorrt_network() -> None:
    _bench("tensorrt", "fp16")


def torch_network() -> None:
    _bench("torch:CUDA", "fp16")


def _bench(backend: str, precision: str) -> None:
    report = Path(os.environ["GPU_CHECK_FOLDER"]) / f"bench-{backend.replace(':', '-')}.json"
    words = ("--kinds", "network,detector", "--batch", "1,8", "--backend", backend, "--precision", precision, "--json", str(report))
    answer = _command("bench", *words)
    if answer.returncode:
        raise SystemExit(answer.stderr.strip().splitlines()[-1])
    for row in json.loads(report.read_text())["measurements"]:
        latency = f", p50 {row['latency_ms']['p50']:.2f} ms, p99 {row['latency_ms']['p99']:.2f} ms" if row["latency_ms"] else ""
        batch = f", batch {row['batch']}" if row["batch"] > 1 else ""
        show(**{f"{row['kind']}, {row['what']}{batch}": f"{statistics.median(row['samples']):.0f} FPS{latency}"})


def end_to_end() -> None:
    """The program itself on a 1080p pattern."""
    answer = _command("bench", "--source", "pattern:1920x1080", "--kinds", "end-to-end", "--backend", "tensorrt-rtx", "--precision", "fp16")
    if answer.returncode:
        raise SystemExit(answer.stderr.strip().splitlines()[-1])
    print(answer.stdout)


def automatic() -> None:
    """What `auto` finds here."""
    print(_command("doctor").stdout)


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
    show(training=f"{rate:.0f} images/s (forward, backward, update; batch 32, bfloat16), finite: {bool(torch.stack(losses).isfinite().all())}")


def device_tests() -> None:
    """The tests that a GPU makes real: without one they are skipped or run on a fake driver."""
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/backends/test_backends_agree.py", "-k", "tensorrt or torch"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    show(pytest=answer.stdout.strip().splitlines()[-1] if answer.stdout.strip() else answer.stderr.strip()[-200:])


CHECKS: dict[str, Callable[[], None]] = {
    check.__name__.replace("_", "-"): check
    for check in (
        gpu,
        device_layer,
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
    return subprocess.run([sys.executable, str(CHECKOUT / "main.py"), *words], capture_output=True, text=True, check=False, cwd=CHECKOUT)


def run_all(folder: Path, names: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Name, outcome (ran, not run), lines."""
    environment = os.environ | {"GPU_CHECK_FOLDER": str(folder), "SSD_LIVE_ENGINES": str(folder / "engines")}
    for name in names:
        command = [sys.executable, __file__, "--one", name]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, env=environment, check=False)
            output, code = done.stdout + done.stderr, done.returncode
        except subprocess.TimeoutExpired as error:
            output, code = str(error), -1
        (folder / f"{name}.log").write_text(output)
        lines = [line for line in output.splitlines() if line.strip()]
        if code:
            reason = f"crashed (signal {-code})" if code < -1 else lines[-1] if lines else f"code {code}"
            yield name, "not run", [reason]
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
