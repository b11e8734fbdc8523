"""Long trials of the window, not part of the tests: `make soak`. Prints a table of what was seen;
exits with 1 if a limit was missed.

    python tools/soak.py [quits] [streams] [frames] [heartbeat] [smooth] [slow] [--quits 200]
    [--seed 1]

With no names, all of them. On Linux without a display each runs in an Xvfb of its own.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

EXIT_LIMIT_SECONDS = 3.0
RESUME_LIMIT_SECONDS = 2.0
HEARTBEAT_LIMIT_MS = 50.0
SLOPE_LIMIT_MB = 1.0
SHOWN_SHARE = 0.995
OWN_THREADS = ("capture", "infer", "render", "load", "record")


class Report:
    """Lines of results, and whether all limits held."""

    def __init__(self) -> None:
        self.held = True

    def line(self, name: str, text: str, *, held: bool = True) -> None:
        self.held &= held
        print(f"{name:10} {text}{'' if held else '   LIMIT MISSED'}", flush=True)


def main() -> int:
    trials: dict[str, Callable[[argparse.Namespace, Report], None]] = {
        "heartbeat": heartbeat,
        "smooth": smooth,
        "slow": slow,
        "streams": streams,
        "frames": frames,
        "quits": quits,
    }
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("trials", nargs="*", metavar="TRIAL", help=", ".join(trials))
    parser.add_argument("--quits", type=int, default=200)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--restarts", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", metavar="JSON", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return child(json.loads(options.child))
    report = Report()
    with display(), tempfile.TemporaryDirectory() as folder:
        os.environ["SSD_LIVE_SETTINGS"] = str(Path(folder) / "settings.json")
        options.folder = Path(folder)
        for name in options.trials or trials:
            trials[name](options, report)
    print("all limits held" if report.held else "some limits were missed")
    return 0 if report.held else 1


@contextmanager
def display() -> Iterator[None]:
    if (
        not sys.platform.startswith("linux")
        or os.environ.get("DISPLAY")
        or os.environ.get("QT_QPA_PLATFORM")
    ):
        yield
        return
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x1000x24"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as numbers:
        os.environ["DISPLAY"] = f":{numbers.readline().strip()}"
    try:
        yield
    finally:
        del os.environ["DISPLAY"]
        server.terminate()
        server.wait()


# The trials.


def heartbeat(options: argparse.Namespace, report: Report) -> None:
    """The window's thread while everything happens that could hold it up."""
    from ssd_live.remote.network import ModelRequest
    from tests.servers import MjpegServer

    recording = options.folder / "heartbeat.mkv"
    with MjpegServer((1280, 720)) as camera:
        person = "ssdlite300-mobilenetv2-person"
        steps: list[tuple[str, float, Callable[[Any], object]]] = [
            ("starting", 3.0, lambda window: None),
            (
                "another network on ONNX Runtime",
                4.0,
                lambda window: window.model_request(ModelRequest(person, "onnxruntime", "auto")),
            ),
            (
                "another backend",
                4.0,
                lambda window: window.model_request(ModelRequest(person, "openvino", "fp32")),
            ),
            (
                "the default network",
                4.0,
                lambda window: window.model_request(ModelRequest("ssd300-mobilenetv2-oid")),
            ),
            ("losing the stream", 4.0, lambda window: threading.Thread(target=camera.stop).start()),
            ("regaining the stream", 3.0, lambda window: camera.start()),
            ("starting a recording", 4.0, lambda window: window.record(True, recording)),
            ("stopping a recording", 2.0, lambda window: window.record(False)),
        ]
        gaps: list[tuple[str, float]] = []
        run_window(camera.address, lambda window, beat: _walk(window, beat, steps, gaps))
    for name, gap in gaps:
        report.line(
            "heartbeat", f"longest gap {gap:5.1f} ms while {name}", held=gap < HEARTBEAT_LIMIT_MS
        )


def _walk(
    window: Any,
    beat: Any,
    steps: list[tuple[str, float, Callable[[Any], object]]],
    gaps: list[tuple[str, float]],
) -> None:
    from PySide6.QtCore import QTimer

    def begin(number: int) -> None:
        if number:
            gaps.append((steps[number - 1][0], 1000 * beat.forget()))
        if number == len(steps):
            window.close()
            return
        steps[number][2](window)
        QTimer.singleShot(round(1000 * steps[number][1]), lambda: begin(number + 1))

    begin(0)


def smooth(options: argparse.Namespace, report: Report) -> None:
    """A 30 FPS source, nothing slowed: which share of its frames is shown after the first two
    seconds.
    """
    for source in ("pattern", "pattern:1920x1080"):
        stats = options.folder / "smooth.json"
        subprocess.run(
            [
                sys.executable,
                "main.py",
                "live",
                source,
                "--exit-after",
                "62",
                "--stats",
                str(stats),
            ],
            cwd=CHECKOUT,
            check=True,
        )
        numbers = json.loads(stats.read_text())
        after = numbers["after_start"]
        complete = after["captured"] - after["in_flight"]
        share = after["shown"] / complete
        text = (
            f"{source}: {after['shown']} of {complete} frames shown ({share:.2%}), dropped "
            f"{after['dropped'] or 'none'}; "
        )
        latency = numbers["latency_ms"]
        text += (
            f"capture to screen p50 {latency['p50']:.1f}, p95 {latency['p95']:.1f}, "
            f"p99 {latency['p99']:.1f} ms; {numbers['memory_mb']:.0f} MB"
        )
        report.line("smooth", text, held=share >= SHOWN_SHARE)


def slow(options: argparse.Namespace, report: Report) -> None:
    """Inference slowed five times beyond the source's pace: latency, memory, and whether every drop
    is counted.
    """
    from ssd_live.backends import load_backend
    from ssd_live.backends.base import LoadOptions
    from ssd_live.detection.filter import accept_all
    from ssd_live.modelfile.catalogue import DEFAULT_MODEL, find_model
    from ssd_live.pipeline.capture import CaptureOptions
    from ssd_live.pipeline.live import LivePipeline
    from ssd_live.pipeline.picture import Viewport
    from ssd_live.remote.network import LiveModel
    from ssd_live.video.sources import parse_source

    model = find_model(DEFAULT_MODEL)
    frame_seconds = 1 / 30
    backend: Any = _Slowed(load_backend("onnxruntime", model, LoadOptions()), 5)
    wake = threading.Event()
    process = psutil.Process()
    memory: list[float] = []
    with LivePipeline(wake.set) as pipeline:
        pipeline.set_viewport(Viewport(960, 540))
        pipeline.use(
            LiveModel(backend, model.metadata.input_size, accept_all(model.metadata), model.name)
        )
        pipeline.open(parse_source("pattern"), CaptureOptions())
        ends, begun = time.monotonic() + 60, time.monotonic()
        while (now := time.monotonic()) < ends:
            wake.wait(0.05)
            wake.clear()
            if (picture := pipeline.picture()) is not None:
                pipeline.painted(picture)
            if now - begun > 10 + len(memory):
                memory.append(process.memory_info().rss / 1e6)
        inference, latency = (
            pipeline.durations["inference"].percentile(99),
            pipeline.durations["latency"].percentile(99),
        )
    frame_counts = pipeline.frame_counter.counts()
    limit = 2 * inference + frame_seconds
    growth = statistics.mean(memory[-10:]) - statistics.mean(memory[:10])
    held = (
        latency <= limit
        and frame_counts.in_flight == 0
        and growth < SLOPE_LIMIT_MB * frame_counts.captured / 10_000 + 1
    )
    report.line(
        "slow",
        f"inference p99 {1000 * inference:.0f} ms: latency p99 {1000 * latency:.0f} ms (limit "
        f"{1000 * limit:.0f}); "
        f"{frame_counts.captured} captured = {frame_counts.shown} shown + {frame_counts.failed} "
        f"failed + {frame_counts.dropped}; memory {growth:+.1f} MB in 50 s",
        held=held,
    )


class _Slowed:
    """A backend that does its work several times over."""

    def __init__(self, backend: Any, times: int) -> None:
        self._backend, self._times = backend, times
        self.slots, self.description = 1, backend.description

    def submit(self, images: Any) -> Any:
        for _ in range(self._times - 1):
            self._backend.submit(images).result()
        return self._backend.submit(images)

    def close(self) -> None:
        self._backend.close()


def streams(options: argparse.Namespace, report: Report) -> None:
    """A camera's server that is killed and started again, over and over."""
    from tests.servers import MjpegServer

    resumed: list[float] = []
    held: list[tuple[int, int]] = []
    process = psutil.Process()
    with MjpegServer((1280, 720)) as camera:

        def walk(window: Any, beat: Any) -> None:
            from PySide6.QtCore import QTimer

            frame_counter = window._session.pipeline.frame_counter
            rng = random.Random(options.seed)
            state = {"number": 0, "started": 0.0, "shown": 0}

            def stop() -> None:
                held.append(
                    (
                        threading.active_count(),
                        process.num_fds() if hasattr(process, "num_fds") else 0,
                    )
                )
                if state["number"] == options.restarts:
                    window.close()
                    return
                state["number"] += 1
                camera.stop()
                QTimer.singleShot(round(1000 * rng.uniform(0.2, 4.0)), start)

            def start() -> None:
                state["started"], state["shown"] = time.monotonic(), frame_counter.counts().shown
                camera.start()
                wait()

            def wait() -> None:
                if frame_counter.counts().shown > state["shown"]:
                    resumed.append(time.monotonic() - state["started"])
                    QTimer.singleShot(1000, stop)
                elif time.monotonic() - state["started"] > 10:
                    resumed.append(10.0)
                    stop()
                else:
                    QTimer.singleShot(5, wait)

            QTimer.singleShot(3000, stop)

        run_window(camera.address, walk)
    threads, files = [h[0] for h in held], [h[1] for h in held]
    flat = (
        max(threads[len(threads) // 2 :]) <= max(threads[:3]) + 1
        and max(files[len(files) // 2 :]) <= max(files[:3]) + 3
    )
    text = (
        f"{len(resumed)} restarts: resumed after {statistics.median(resumed):.2f} s (longest "
        f"{max(resumed):.2f}); "
    )
    text += f"threads {threads[0]} to {threads[-1]}, files {files[0]} to {files[-1]}"
    report.line("streams", text, held=max(resumed) < RESUME_LIMIT_SECONDS and flat)


def frames(options: argparse.Namespace, report: Report) -> None:
    """The pattern as fast as it can be made, until enough are captured and a tenth of that shown:
    the slope of memory over the frames.
    """
    points: list[tuple[int, int, float]] = []
    process = psutil.Process()
    final: dict[str, Any] = {}

    def walk(window: Any, beat: Any) -> None:
        from PySide6.QtCore import QTimer

        timer = QTimer(window)

        def sample() -> None:
            frame_counts = window._session.pipeline.frame_counter.counts()
            memory = (
                sum(p.memory_info().rss for p in [process, *process.children(recursive=True)]) / 1e6
            )
            points.append((frame_counts.captured, frame_counts.shown, memory))
            if (
                frame_counts.captured >= options.frames
                and frame_counts.shown >= options.frames / 10
            ):
                final.update(
                    frame_counts=frame_counts,
                    rates={
                        name: rate.per_second()
                        for name, rate in window._session.pipeline.rates.items()
                    },
                )
                window.close()

        timer.timeout.connect(sample)
        timer.start(1000)

    run_window("pattern:1280x720@0", walk)
    settled = points[len(points) // 10 :]
    slope, slope_shown = (
        statistics.linear_regression(
            [point[kind] for point in settled], [point[2] for point in settled]
        ).slope
        * 10_000
        for kind in (0, 1)
    )
    frame_counts = final["frame_counts"]
    text = (
        f"{frame_counts.captured} captured ({final['rates']['capture']:.0f} FPS), "
        f"{frame_counts.inferred} inferred, {frame_counts.shown} shown; "
    )
    text += f"memory {settled[0][2]:.0f} to {settled[-1][2]:.0f} MB, "
    text += f"{slope:+.3f} MB per 10,000 captured, {slope_shown:+.2f} per 10,000 shown"
    report.line("frames", text, held=slope < SLOPE_LIMIT_MB)


def quits(options: argparse.Namespace, report: Report) -> None:
    """The window closed at random moments of starting, switching, recording and reconnecting."""
    from tests.servers import MjpegServer

    rng = random.Random(options.seed)
    longest = 0.0
    bad: list[str] = []
    counts: dict[str, int] = {}
    with MjpegServer((640, 360)) as camera:
        for number in range(options.quits):
            kind = rng.choice(("start", "switch", "record", "reconnect"))
            counts[kind] = counts.get(kind, 0) + 1
            recording = options.folder / f"{number}.mkv"
            delay = rng.uniform(0.0, 1.2 if kind == "start" else 2.5)
            request = {
                "kind": kind,
                "delay": delay,
                "source": camera.address if kind == "reconnect" else "pattern",
                "recording": str(recording),
            }
            command = [sys.executable, __file__, "--child", json.dumps(request)]
            run = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=CHECKOUT
            )
            if kind == "reconnect":
                threading.Timer(1.2, camera.stop).start()
            try:
                out, err = run.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                run.kill()
                bad.append(f"{number} {kind}: did not end")
                continue
            ended = time.monotonic()
            if kind == "reconnect":
                time.sleep(max(0.0, 1.3 - delay))
                camera.stop()
                camera.start()
            words = dict(line.split(" ", 1) for line in out.splitlines() if " " in line)
            took = ended - float(words.get("quitting", ended))
            longest = max(longest, took)
            problems = (
                [] if run.returncode == 0 else [f"exit code {run.returncode}: {err.strip()[-300:]}"]
            )
            problems += [f"took {took:.1f} s"] if took > EXIT_LIMIT_SECONDS else []
            problems += (
                [f"threads left: {words['left']}"] if words.get("left", "[]") != "[]" else []
            )
            problems += (
                _recording_trouble(recording)
                if kind == "record" and words.get("recording") == "yes"
                else []
            )
            bad += [f"{number} {kind} at {delay:.2f} s: {problem}" for problem in problems]
    left = [
        process.info["name"]
        for process in psutil.process_iter(["name", "cmdline"])
        if "ssd_live.remote.server" in (process.info["cmdline"] or [])
    ]
    bad += [f"{len(left)} inference processes are left"] if left else []
    report.line(
        "quits",
        f"{options.quits} ({counts}): longest {longest:.2f} s from the model request to the end "
        "of the process",
        held=not bad,
    )
    for line in bad:
        print("          ", line)


def _recording_trouble(path: Path) -> list[str]:
    """A recording that had frames must play to its end; one that had none leaves nothing."""
    import av

    part = path.with_name(f"{path.stem}.part.mkv")
    if not path.exists() and not part.exists():
        return []
    if not path.exists():
        return [f"only {part.name} is left"]
    with av.open(str(path)) as container:
        return [] if sum(1 for _ in container.decode(video=0)) else ["the recording has no frames"]


# The window, driven from inside.


def run_window(source: str, walk: Callable[[Any, Any], None]) -> None:
    """Show the window on a source in this process and let `walk` drive it; it must close it."""
    from ssd_live.gui import platform

    platform.prepare()
    from ssd_live.gui import app
    from ssd_live.gui.event_loop_monitor import EventLoopMonitor
    from ssd_live.live.request import LiveRequest
    from ssd_live.video.sources import parse_source

    class Driven(app.Application):
        def _show(self, application: Any, window: Any, session: Any, bridge: Any) -> dict[str, Any]:
            from PySide6.QtCore import QTimer

            QTimer.singleShot(0, lambda: walk(window, window.findChild(EventLoopMonitor)))
            return super()._show(application, window, session, bridge)

    Driven(LiveRequest((parse_source(source),))).run()


def child(request: dict[str, Any]) -> int:
    """One run of the window that quits at its moment; says when, and what was left."""
    from PySide6.QtCore import QTimer

    from ssd_live.remote.network import ModelRequest

    def walk(window: Any, beat: Any) -> None:
        def quit_now() -> None:
            print("recording", "yes" if window._session.stream.recorder is not None else "no")
            print("quitting", time.monotonic(), flush=True)
            window.close()

        if request["kind"] == "switch":
            QTimer.singleShot(
                300,
                lambda: window.model_request(
                    ModelRequest(
                        "ssdlite300-mobilenetv2-person",
                        random.choice(("openvino", "onnxruntime")),
                        "fp32",
                    )
                ),
            )
            QTimer.singleShot(900, lambda: window.open("pattern:640x360"))
        if request["kind"] == "record":
            QTimer.singleShot(200, lambda: window.record(True, Path(request["recording"])))
        QTimer.singleShot(round(1000 * request["delay"]), quit_now)

    run_window(request["source"], walk)
    print("left", [thread.name for thread in threading.enumerate() if thread.name in OWN_THREADS])
    return 0


if __name__ == "__main__":
    if (
        shutil.which("Xvfb") is None
        and sys.platform.startswith("linux")
        and not os.environ.get("DISPLAY")
    ):
        sys.exit("error: there is no display; install Xvfb (apt install xvfb)")
    sys.exit(main())
