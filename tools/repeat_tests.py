"""Run tests several times beside busy loops, and say which tests failed in which run.

    python tools/repeat_tests.py RUNS [BUSY] [FOLDER_OR_FILE ...]

BUSY is the number of busy loops, by default 2. Without folders, every run is the whole suite. A
test that fails in some runs depends on luck.
"""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run the tests, print a line for each run, and return 1 if a test failed in any run."""
    runs = int(sys.argv[1])
    busy = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    folders = sys.argv[3:]
    failures: Counter[str] = Counter()
    with busy_loops(busy):
        for number in range(1, runs + 1):
            began = time.monotonic()
            code, failed = run(folders)
            failures.update(failed or (["a run that failed without a failed test"] if code else []))
            said = (
                f"failed: {', '.join(failed)}" if failed else "all passed" if not code else "failed"
            )
            print(f"run {number} of {runs}: {time.monotonic() - began:.0f} s, {said}", flush=True)
    for name, count in failures.most_common():
        print(f"{name}: {count} of {runs} runs failed")
    return 1 if failures else 0


def run(folders: list[str]) -> tuple[int, list[str]]:
    """Run the whole suite, or the given folders; return the exit code and the failed tests."""
    command = (
        [sys.executable, "-m", "pytest", "-q", *folders]
        if folders
        else [sys.executable, "tools/run_tests.py"]
    )
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return done.returncode, sorted(set(failed))


@contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Keep `count` processes busy inside the with-block, which end with this process."""
    code = f"import os\nwhile os.getppid() == {os.getpid()}: pass"
    loops = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


if __name__ == "__main__":
    sys.exit(main())
