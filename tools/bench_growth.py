"""How speed and memory grow with resolution, length, streams and files. Prints a table; five
minutes on two cores.

python tools/bench_growth.py [--seconds 4]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil
from bench_process import CHECKOUT, longer, scaled_sample

SIZES = ("640x360", "1280x720", "1920x1080")
STREAMS = "1,2,4,8"
MINUTES = (1, 10)
FILES = (1, 4, 16)
LIVE, LIVE_SECONDS, PATTERN = (1, 2, 4, 8), 12, "pattern:640x360@60"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=4.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = {size: scaled_sample(size, folder / f"{size}.mp4") for size in SIZES}
        # In ten seconds of video the beginning and the ending of each turn weigh.
        minute = {
            size: longer(clip, 1, folder / f"{size}-minute.mp4") for size, clip in clips.items()
        }
        for size, clip in minute.items():
            for row in measured(clip, options.seconds, "1"):
                show(f"{size}, {row['what']}", row)
        for row in measured(minute["1280x720"], options.seconds, STREAMS):
            show(f"1280x720, {row['what']}, {row['streams']} streams", row)
        for count in LIVE:
            stats = folder / "live.json"
            words = [
                "live",
                *[PATTERN] * count,
                "--no-window",
                "--exit-after",
                str(LIVE_SECONDS),
                "--stats",
                str(stats),
            ]
            subprocess.run(
                [sys.executable, CHECKOUT / "main.py", *words],
                check=True,
                capture_output=True,
                cwd=CHECKOUT,
            )
            show_live(count, json.loads(stats.read_text()))
        for minutes in MINUTES:
            long = longer(clips["640x360"], minutes, folder / f"{minutes}.mp4")
            answer, memory = watched(["process", str(long), "--no-video"])
            print(
                f"640x360, detections only, {minutes} min: {answer} FPS, {memory:.0f} MB",
                flush=True,
            )
        for count in FILES:
            many = folder / f"many{count}"
            many.mkdir()
            for number in range(count):
                (many / f"{number}.mp4").write_bytes(clips["640x360"].read_bytes())
            answer, memory = watched(["process", str(many), "-o", str(folder / f"out{count}")])
            print(f"640x360, H.264 video, {count} files: {answer} FPS, {memory:.0f} MB", flush=True)


def show(title: str, row: dict[str, Any]) -> None:
    middle = statistics.median(row["samples"])
    bound = (
        f", {middle / row['bound_fps']:.2f} of the bound {row['bound_fps']:.0f}"
        if row["bound_fps"]
        else ""
    )
    print(f"{title}: {middle:.0f} FPS{bound}, {row['memory_mb']:.0f} MB", flush=True)


def show_live(count: int, numbers: dict[str, Any]) -> None:
    """In the last two seconds."""
    fps, latency = numbers["fps"], numbers["latency_ms"]
    lost = sum(numbers["dropped"].values())
    print(
        f"live, {count} x {PATTERN}: {fps['capture']:.0f} FPS captured, {fps['inference']:.0f} "
        f"inferred, {fps['display']:.0f} shown, "
        f"latency p50 {latency['p50']:.1f} ms, p99 {latency['p99']:.1f} ms, {lost} of "
        f"{numbers['captured']} dropped, {numbers['memory_mb']:.0f} MB",
        flush=True,
    )


def measured(clip: Path, seconds: float, streams: str) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        report = Path(name) / "report.json"
        words = [
            "bench",
            "--source",
            clip,
            "--kinds",
            "end-to-end",
            "--streams",
            streams,
            "--seconds",
            seconds,
            "--json",
            report,
        ]
        subprocess.run(
            [sys.executable, CHECKOUT / "main.py", *map(str, words)],
            check=True,
            capture_output=True,
            cwd=CHECKOUT,
        )
        rows: list[dict[str, Any]] = json.loads(report.read_text())["measurements"]
        return rows


def watched(words: list[str]) -> tuple[str, float]:
    """The command's own FPS, and the most memory that it took in MB."""
    child = subprocess.Popen(
        [sys.executable, CHECKOUT / "main.py", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=CHECKOUT,
    )
    peak = 0.0

    def watch() -> None:
        nonlocal peak
        process = psutil.Process(child.pid)
        while child.poll() is None:
            try:
                peak = max(peak, process.memory_info().rss / 1e6)
            except psutil.Error:
                return
            time.sleep(0.05)

    thread = threading.Thread(target=watch)
    thread.start()
    output, _ = child.communicate()
    thread.join()
    if child.returncode:
        raise SystemExit(f"{words} ended with code {child.returncode}")
    return output.split()[-2], peak


if __name__ == "__main__":
    main()
