"""Feed changed files to the program for a while, and report what it does not refuse in one line.

    python -m tools.fuzz [--minutes M] [--kind KIND ...] [--count N] [--seed S] [--keep FOLDER]

Without --count, the minutes are shared by the kinds. Each file is given to a process of its own
with limits on time and memory. What crashes, hangs, takes over 1 GB or raises another error than
those of the program is a finding: it is made as small as a few hundred trials can make it, and kept
in FOLDER. The exit code is 1 if there are findings.

A model file that passes all checks is loaded by a runtime. The program does that in a process of
its own for files of unknown origin, so what happens there is counted and is no finding, unless a
runtime raises an error that the program does not expect.
"""

import argparse
import json
import queue
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tools.fuzz.mutate import Mutator
from tools.fuzz.seeds import KINDS

LIMIT_SECONDS = 20.0
LIMIT_BYTES = 1_000_000_000
_MINIMISING_TRIALS = 200
# One finding of a place in the code is enough to mend it.
_KEPT_EACH = 2


class Worker:
    """A child process that answers for one file after another."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._child: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._idle_bytes = 0

    def answer(self, path: Path) -> dict[str, str]:
        """Return what came of a file; the worker is started again if it did not survive."""
        child = self._running()
        assert child.stdin is not None
        child.stdin.write(f"{path}\n")
        child.stdin.flush()
        checked = False
        deadline = time.monotonic() + LIMIT_SECONDS
        while True:
            try:
                line = self._answers.get(timeout=0.05)
            except queue.Empty:
                if time.monotonic() > deadline:
                    return self._ended("hang", checked=checked)
                if self._bytes() > self._idle_bytes + LIMIT_BYTES:
                    return self._ended("memory", checked=checked)
                continue
            if line is None:
                return self._ended("crash", checked=checked)
            said: dict[str, str] = json.loads(line)
            if said["result"] != "checked":
                return said
            checked = True

    def close(self) -> None:
        """End the child process."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None

    def _running(self) -> subprocess.Popen[str]:
        if self._child is None:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "tools.fuzz.worker", self._kind],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self._answers = queue.Queue()
            threading.Thread(target=_read, args=(self._child, self._answers), daemon=True).start()
            self._idle_bytes = 500_000_000
        return self._child

    def _bytes(self) -> int:
        assert self._child is not None
        try:
            return int(psutil.Process(self._child.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def _ended(self, how: str, *, checked: bool) -> dict[str, str]:
        assert self._child is not None
        self._child.kill()
        code = self._child.wait()
        self._child = None
        where = f"signal {-code}" if how == "crash" else ""
        return {"result": f"guarded {how}" if checked else how, "where": where}


def _read(child: subprocess.Popen[str], answers: "queue.Queue[str | None]") -> None:
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith("{"):
            answers.put(line)
    answers.put(None)


@dataclass
class Report:
    """What came of the files of a kind."""

    counts: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)


def is_finding(result: str) -> bool:
    """Return whether a result is wrong."""
    return result in ("unexpected", "crash", "hang", "memory")


def run(kind: str, dice: random.Random, count: int, seconds: float, keep: Path) -> Report:
    """Try `count` changed files, or as many as fit into the time if it is 0."""
    make, mutators = KINDS[kind]
    report, worker = Report(), Worker(kind)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        place = Path(folder)
        (place / "seeds").mkdir()
        seeds = make(place / "seeds")
        ends, number = time.monotonic() + seconds, 0
        while number < count if count else time.monotonic() < ends:
            seed = dice.choice(seeds)
            data = changed(seed.read_bytes(), mutators, dice)
            path = place / f"{number}-{seed.name}"
            path.write_bytes(data)
            said = worker.answer(path)
            report.counts[said["result"]] += 1
            if is_finding(said["result"]):
                name = f"{said['result']}: {said['where'] or seed.name}"
                report.findings[name] += 1
                if report.findings[name] <= _KEPT_EACH:
                    kept = keep / f"{kind}-{number}-{seed.name}"
                    keep.mkdir(parents=True, exist_ok=True)
                    kept.write_bytes(minimised(data, said, worker, path))
                    print(f"{kind}: {name}: {kept}", flush=True)
            path.unlink()
            number += 1
    worker.close()
    return report


def changed(data: bytes, mutators: tuple[Mutator, ...], dice: random.Random) -> bytes:
    """Return the data after one to three changes."""
    for _ in range(dice.choice((1, 1, 2, 3))):
        data = dice.choice(mutators)(data, dice)
    return data


def minimised(data: bytes, said: dict[str, str], worker: Worker, path: Path) -> bytes:
    """Return the smallest data found, by leaving out pieces, that give the same result."""
    trials, size = 0, len(data) // 2
    slow = said["result"] == "hang"
    while size >= 1 and trials < (10 if slow else _MINIMISING_TRIALS):
        start = 0
        while start < len(data) and trials < (10 if slow else _MINIMISING_TRIALS):
            smaller = data[:start] + data[start + size :]
            path.write_bytes(smaller)
            trials += 1
            if worker.answer(path) == said:
                data = smaller
            else:
                start += size
        size //= 2
    return data


def main() -> int:
    """Run the kinds that were asked for, print a table, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--kind", choices=sorted(KINDS), action="append")
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("output") / "fuzz")
    options = parser.parse_args()
    kinds = options.kind or list(KINDS)
    wrong = 0
    for kind in kinds:
        began = time.monotonic()
        seconds = options.minutes * 60 / len(kinds)
        dice = random.Random(f"{kind} {options.seed}")
        report = run(kind, dice, options.count, seconds, options.keep)
        total = sum(report.counts.values())
        parts = ", ".join(f"{name} {number}" for name, number in sorted(report.counts.items()))
        print(f"{kind}: {total} files in {time.monotonic() - began:.0f} s: {parts}", flush=True)
        for name, number in report.findings.most_common():
            print(f"  {number} x {name}")
        wrong += sum(report.findings.values())
    print(f"{wrong} findings{f', kept in {options.keep}' if wrong else ''}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
