"""End commands by signals at random moments beside busy loops, and look at what they leave.

    python -m tools.end_trials signals [RUNS]    SIGINT, SIGTERM or SIGHUP, 1, 2, 3 or 30 of them
    python -m tools.end_trials kill [RUNS]       kill -9: process, its resume log, a recording,
                                                 the checkpoints of train, the engine store

A run of `signals` is wrong if the command needs over 30 s to end, is aborted, prints a traceback,
leaves a process after 3 s, leaves an incomplete file under a final name, or ends with another code
than 130 although it was not finished. `kill` says for each kind of work what its files are good for
afterwards: whether the part files play, whether the last checkpoint loads, and whether the resume
log and the engine store can be read and say only what is true.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import av
import psutil

from ssd_live.backends.tensorrt.store import EngineKey, EngineStore
from ssd_live.errors import SsdLiveError
from ssd_live.training import checkpoint
from tools.repeat_tests import busy_loops

CHECKOUT = Path(__file__).resolve().parent.parent
CLIP = CHECKOUT / "assets" / "media" / "bikes.mp4"
BUSY = 2
LONGEST_SECONDS = 30.0
ORPHAN_SECONDS = 3.0
# A video file of fewer bytes holds no frame yet.
_SMALL = 4096
FIXED = ("--backend", "openvino", "--precision", "fp32")
_TRAIN = (
    "train.batch=2",
    "train.workers=2",
    "train.precision=fp32",
    "train.save_every=1",
    "train.log_every=1",
    "train.steps=100000",
)


@dataclass(frozen=True)
class Work:
    """A command that takes longer than a trial.

    `words` are its words after `main.py`, or after `python` if the first one is `-c`. A signal
    comes within `longest_wait` seconds.
    """

    name: str
    words: tuple[str, ...]
    longest_wait: float


def commands(folder: Path, data: Path) -> list[Work]:
    """Return the commands of the trials; they write into `folder`."""
    out = folder / "out"
    sets = [word for change in _TRAIN for word in ("--set", change)]
    recipe = str(CHECKOUT / "recipes" / "finetune-small.toml")
    inputs = str(data / "clips")
    shapes = str(data / "shapes" / "train")
    train = ("train", recipe, "--data", shapes, "-o", str(out), *sets)
    return [
        Work("process", ("process", str(CLIP), "-o", str(out / "a.mp4"), *FIXED), 6),
        Work("process --jobs 3", ("process", inputs, "-o", str(out), "--jobs", "3", *FIXED), 8),
        Work(
            "process --detections",
            ("process", inputs, "-o", str(out), "--detections", str(folder / "a.jsonl"), *FIXED),
            8,
        ),
        Work(
            "live",
            (
                "live",
                "--no-window",
                "pattern:640x480@30",
                "--record",
                str(folder / "a.mkv"),
                *FIXED,
            ),
            8,
        ),
        Work("bench", ("bench", "--seconds", "60"), 10),
        Work("train", train, 15),
        Work(
            "eval",
            ("eval", "ssd300-mobilenetv2-oid", "--data", str(data / "labelled" / "train")),
            8,
        ),
        Work(
            "quantize",
            (
                "quantize",
                "ssd300-mobilenetv2-oid",
                "--data",
                str(CLIP),
                "-o",
                str(folder / "q.onnx"),
            ),
            12,
        ),
        Work("export", ("export", "ssdlite300-mobilenetv2-person", "-o", str(out / "e.onnx")), 10),
        Work("process --runner ray", ("process", inputs, "-o", str(out), "--runner", "ray"), 15),
    ]


def started(work: Work, folder: Path) -> subprocess.Popen[str]:
    """Start a command in a session of its own, as a terminal does."""
    environment = os.environ | {"SSD_LIVE_ENGINES": str(folder / "engines")}

    def listens() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)

    program = [] if work.words[0] == "-c" else [str(CHECKOUT / "main.py")]
    return subprocess.Popen(
        [sys.executable, *program, *work.words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=listens,
    )


def family(child: subprocess.Popen[str]) -> set[int]:
    """Return the ids of the processes that a command has started, and of those that these have."""
    with contextlib.suppress(psutil.Error):
        return {one.pid for one in psutil.Process(child.pid).children(recursive=True)}
    return set()


def left_over(known: set[int], session: int) -> list[str]:
    """Return the command lines of the processes of a session that are still there."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "status"]):
        with contextlib.suppress(psutil.Error, OSError):
            in_session = os.getsid(process.pid) == session
            if (in_session or process.pid in known) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline())[:200])
    return found


def incomplete(folder: Path) -> list[str]:
    """Return the videos under a final name that do not play to their end."""
    finals = [path for path in folder.rglob("*.mp4") if ".part" not in path.name]
    return [path.name for path in finals if frames_of(path) != frames_of(CLIP)]


def frames_of(path: Path) -> int:
    """Return how many frames of a video can be decoded."""
    try:
        with av.open(str(path)) as container:
            return sum(1 for _ in container.decode(video=0))
    except av.FFmpegError:
        return 0


def signal_trial(work: Work, folder: Path, dice: random.Random) -> tuple[str, float]:
    """End one command by signals; return what was wrong, or an empty text, and the seconds."""
    child = started(work, folder)
    time.sleep(dice.uniform(0.5, work.longest_wait))
    known = family(child)
    number = dice.choice((signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    count, to_all = dice.choice((1, 2, 3, 30)), dice.random() < 0.5
    began = time.monotonic()
    for _ in range(count):
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if to_all else os.kill)(child.pid, number)
        time.sleep(dice.uniform(0, 0.3))
        known |= family(child)
    how = f"{count} x {number.name}{' to all' if to_all else ''}"
    try:
        _, err = child.communicate(timeout=LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        return f"{how}: still running after {LONGEST_SECONDS:.0f} s", LONGEST_SECONDS
    seconds = time.monotonic() - began
    time.sleep(ORPHAN_SECONDS)
    code = child.returncode
    # A signal that comes before Python has begun to run the program ends it by itself.
    if code not in (130, 0, -number):
        return f"{how}: code {code}: {' | '.join(err.splitlines()[-2:])}", seconds
    if "Traceback" in err:
        return f"{how}: a traceback: {err.splitlines()[-1]}", seconds
    if rest := left_over(known, child.pid):
        return f"{how}: left {rest}", seconds
    if wrong := incomplete(folder):
        return f"{how}: incomplete under a final name: {wrong}", seconds
    return "", seconds


# Stores engines of two sizes under one key and another, without end.
_STORING = """
import sys
from tools.end_trials import engine_key, engine_store
store = engine_store(sys.argv[1])
for number in range(10**9):
    store.save(engine_key(number % 2), bytes([number % 251]) * (1 + number % 3) * 2_000_000, 1.0)
"""


def engine_store(folder: str) -> EngineStore:
    """Return an engine store with a key of its own in `folder`."""
    return EngineStore(Path(folder), Path(folder) / "engine.key")


def engine_key(number: int) -> EngineKey:
    """Return one of the keys of the stored engines."""
    return EngineKey(
        model=f"model{number}",
        model_sha256="0" * 64,
        flavour="tensorrt",
        version="1",
        gpu="",
        compute_capability="",
        driver="",
        precision="fp16",
        batches=(1, 1, 1),
        workspace_mb=1,
        targets=(),
        version_compatible=False,
        hardware_compatible=False,
    )


def killed_works(folder: Path, data: Path) -> dict[str, tuple[Work, Callable[[Path, Path], str]]]:
    """Return what is killed, and what then looks at its folder and the data."""
    works = {work.name: work for work in commands(folder, data)}
    store = Work("engine store", ("-c", _STORING, str(folder / "store")), 8)
    looks: dict[str, Callable[[Path, Path], str]] = {
        "process": parts_play,
        "live": parts_play,
        "process --detections": resume_log_is_true,
        "train": checkpoint_loads,
    }
    # Longer than a signal may take to come: most files begin some seconds after the command.
    killed = {
        name: (replace(works[name], longest_wait=2 * works[name].longest_wait), look)
        for name, look in looks.items()
    }
    return killed | {"engine store": (store, engines_are_whole)}


def parts_play(folder: Path, data: Path) -> str:
    """Say whether the part file of the video has frames; a copy of it may have none yet."""
    parts = [path for path in folder.rglob("*") if path.suffix in (".mp4", ".mkv")]
    if not parts:
        return "nothing begun"
    if any(frames_of(path) for path in parts):
        return "plays"
    return "empty" if all(path.stat().st_size < _SMALL for path in parts) else "wrong: no frames"


def resume_log_is_true(folder: Path, data: Path) -> str:
    """Say whether the resume log can be read and names only outputs that are complete."""
    path = folder / "out" / ".ssd_live" / "finished.json"
    if not path.exists():
        return "nothing finished"
    try:
        names = list(json.loads(path.read_text()))
    except ValueError as error:
        return f"wrong: {error}"
    whole = [name for name in names if frames_of(folder / "out" / name) == frames_of(CLIP)]
    return "true" if whole == names else f"wrong: {names} noted, {whole} complete"


def checkpoint_loads(folder: Path, data: Path) -> str:
    """Say whether the last checkpoint of a training loads."""
    if not list(folder.rglob("last.pt")):
        return "nothing saved"
    try:
        return "loads" if checkpoint.load(folder / "out" / "last.pt").step else "wrong: step 0"
    except SsdLiveError as error:
        return f"wrong: {error}"


def engines_are_whole(folder: Path, data: Path) -> str:
    """Say whether every engine of the store can be read."""
    store = engine_store(str(folder / "store"))
    try:
        found = [store.find(engine_key(number)) for number in range(2)]
    except SsdLiveError as error:
        return f"wrong: {error}"
    return "whole" if any(found) else "nothing stored"


def kill_trial(
    work: Work, look: Callable[[Path, Path], str], folder: Path, data: Path, dice: random.Random
) -> str:
    """Kill one command, and return in a few words what its files are good for."""
    child = started(work, folder)
    time.sleep(dice.uniform(2, work.longest_wait))
    known = family(child)
    if child.poll() == 0:
        child.communicate()
        return "had finished"
    if child.poll() is not None:
        return f"wrong: ended with {child.returncode}: {child.communicate()[1].splitlines()[-1:]}"
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    time.sleep(ORPHAN_SECONDS)
    if rest := left_over(known, child.pid):
        return f"wrong: left {rest}"
    if wrong := incomplete(folder):
        return f"wrong: incomplete under a final name: {wrong}"
    return look(folder, data)


def prepared(folder: Path) -> Path:
    """Make the input of the commands."""
    (folder / "clips").mkdir()
    for number in range(6):
        (folder / "clips" / f"{number}.mp4").write_bytes(CLIP.read_bytes())
    for name in ("shapes", "labelled"):
        command = [sys.executable, str(CHECKOUT / "tools" / "make_shapes.py"), str(folder / name)]
        subprocess.run([*command, "--train", "40", "--validation", "0"], check=True)
    # Names of classes that the network to be evaluated knows.
    for label in (folder / "labelled" / "train" / "Annotations").glob("*.xml"):
        text = label.read_text()
        for name, known in (("circle", "Cat"), ("star", "Dog"), ("triangle", "Car")):
            text = text.replace(name, known)
        label.write_text(text)
    return folder


def main() -> int:
    """Run the trials, print a line for each wrong one and a table, and return the exit code."""
    kind, runs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200
    dice = random.Random(1)
    outcomes: dict[str, Counter[str]] = {}
    longest: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="ends-") as place, busy_loops(BUSY):
        data = Path(place) / "data"
        data.mkdir()
        prepared(data)
        for number in range(runs):
            folder = Path(place) / str(number)
            (folder / "out").mkdir(parents=True)
            if kind == "signals":
                works = commands(folder, data)
                work = works[number % len(works)]
                wrong, seconds = signal_trial(work, folder, dice)
                longest[work.name] = max(longest.get(work.name, 0.0), seconds)
                said = "wrong" if wrong else "right"
            else:
                killed = list(killed_works(folder, data).values())
                work, look = killed[number % len(killed)]
                said = kill_trial(work, look, folder, data, dice)
                wrong = said if said.startswith("wrong") else ""
                said = "wrong" if wrong else said
            outcomes.setdefault(work.name, Counter())[said] += 1
            if wrong:
                print(f"run {number}, {work.name}: {wrong}", flush=True)
    for name, counts in outcomes.items():
        parts = ", ".join(f"{said} {count}" for said, count in sorted(counts.items()))
        slowest = f", longest {longest[name]:.1f} s" if name in longest else ""
        print(f"{name}: {parts}{slowest}")
    return 1 if any("wrong" in said for counts in outcomes.values() for said in counts) else 0


if __name__ == "__main__":
    sys.exit(main())
