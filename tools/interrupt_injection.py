"""Interrupt `process --jobs 3` at every opcode that its main thread runs, one run for each.

    python -m tools.interrupt_injection [--every N] [--second SECONDS] [--limit SECONDS]

A first run notes the places of the opcodes, in the program and in the modules of Python with locks
and queues. Then a run for each place gets SIGINT just before that opcode, and a second one some
seconds later if --second is given. With --every, only each Nth place is tried. A run is wrong if it
hangs, crashes, ends with another code than 130 (or 0, if it had finished), or leaves an incomplete
file under a final name. `before` counts places before the program listens to signals. Linux only:
each run is a fork of one process that has imported everything.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

# Threads of libraries would not survive the fork.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

from ssd_live.cli import main as program  # noqa: E402
from tests.clips import frame_times, write_clip  # noqa: E402
from tests.tiny_model import tiny_model  # noqa: E402

Place = tuple[str, str, int]
CLIPS, FRAMES = 3, 40
_BEFORE = 98
INTERRUPTED = 130
RIGHT = ("interrupted", "finished", "before")
_WATCHED = ("/ssd_live/", "/threading.py", "/concurrent/futures/", "/queue.py", "/contextlib.py")


class Tracer:
    """Notes the opcodes of this thread, or interrupts it before one of them."""

    def __init__(self, target: Place | None, second: float) -> None:
        self.places: dict[Place, None] = {}
        self._target, self._second = target, second
        self._fired = False

    def __call__(self, frame: FrameType, event: str, _: Any) -> "Tracer | None":
        name = frame.f_code.co_filename
        if not any(part in name for part in _WATCHED):
            return None
        if event == "call":
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
        elif event == "opcode" and not self._fired:
            place = (name, frame.f_code.co_qualname, frame.f_lasti)
            if self._target is None:
                self.places.setdefault(place)
            elif place == self._target:
                self._fired = True
                if self._second:
                    timer = threading.Timer(self._second, os.kill, (os.getpid(), signal.SIGINT))
                    timer.daemon = True
                    timer.start()
                signal.raise_signal(signal.SIGINT)
        return self


def run(folder: Path, words: list[str], tracer: Tracer) -> int:
    """Run the program in this process, traced, and return its exit code."""
    sys.settrace(tracer)
    try:
        return program(words)
    finally:
        sys.settrace(None)


def trial(
    clips: Path, model: Path, folder: Path, target: Place, second: float, limit: float
) -> str:
    """Interrupt one run, and return one of `RIGHT` or what was wrong."""
    out = folder / "out"
    pid = os.fork()
    if pid == 0:
        log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
        code = 99
        try:
            code = run(folder, command(clips, model, out), Tracer(target, second))
        except KeyboardInterrupt:
            # It came before the program listens to signals; Python then ends by itself.
            code = _BEFORE
        except BaseException:
            traceback.print_exc()
        os._exit(code)
    deadline = time.monotonic() + limit
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return "hangs"
        time.sleep(0.005)
    code = os.waitstatus_to_exitcode(status)
    if code == _BEFORE:
        return "before"
    if code not in (0, INTERRUPTED):
        last = (folder / "log").read_text(errors="replace").splitlines()[-1:]
        return f"code {code} {last}"
    for path in out.glob("*.mp4"):
        if ".part" not in path.name and len(frame_times(path)) != FRAMES:
            return f"{path.name} is incomplete"
    return "interrupted" if code == INTERRUPTED else "finished"


def command(clips: Path, model: Path, out: Path) -> list[str]:
    """Return the words of the command."""
    words = ["process", str(clips), "-o", str(out), "--jobs", "3", "--model", str(model)]
    return [
        *words,
        "--backend",
        "onnxruntime",
        "--precision",
        "fp32",
        "--detections",
        f"{out}.jsonl",
    ]


def main() -> int:
    """Run all trials, print a line for each wrong one and a table, and return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--second", type=float, default=0.0)
    parser.add_argument("--limit", type=float, default=30.0)
    options = parser.parse_args()
    # A shell's background job ignores it, and so would every run.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="injection-") as place:
        folder = Path(place)
        os.environ["SSD_LIVE_ENGINES"] = str(folder / "engines")
        (folder / "engines" / "models").mkdir(parents=True)
        model = folder / "engines" / "models" / "tiny.onnx"
        model.write_bytes(tiny_model([[0.1, 0.1, 0.5, 0.9]], [[0.9, 0.0]]).data)
        clips = folder / "clips"
        clips.mkdir()
        for number in range(CLIPS):
            write_clip(clips / f"{number}.mp4", FRAMES, size=(64, 48))
        places = noted(folder, command(clips, model, folder / "first"))
        tried = places[:: options.every]
        print(f"{len(places)} opcodes, {len(tried)} tried", flush=True)
        for number, target in enumerate(tried):
            own = folder / str(number)
            own.mkdir()
            said = trial(clips, model, own, target, options.second, options.limit)
            right = said in RIGHT
            outcomes[said if right else "wrong"] += 1
            if not right:
                name, function, offset = target
                print(f"{Path(name).name}, {function}, {offset}: {said}", flush=True)
            shutil.rmtree(own)
    print(", ".join(f"{said} {count}" for said, count in sorted(outcomes.items())))
    return 1 if outcomes["wrong"] else 0


def noted(folder: Path, words: list[str]) -> list[Place]:
    """Return the places of the opcodes of a run that is not interrupted, in their order.

    The run is a fork, so that this process has no threads. It imports everything first.
    """
    import av  # noqa: F401
    import cv2  # noqa: F401
    import onnxruntime  # noqa: F401

    import ssd_live.commands.process.run
    import ssd_live.process.run
    import ssd_live.selection.load  # noqa: F401

    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        tracer = Tracer(None, 0.0)
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
            run(folder, words, tracer)
        with os.fdopen(writing, "w") as pipe:
            for name, function, offset in tracer.places:
                pipe.write(f"{name}\t{function}\t{offset}\n")
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        lines = [line.rstrip("\n").split("\t") for line in pipe]
    os.waitpid(pid, 0)
    return [(name, function, int(offset)) for name, function, offset in lines]


if __name__ == "__main__":
    sys.exit(main())
