"""All tests, folder by folder, two folders at a time: much of a test is waiting, so both cores of a
small machine are used.

python tools/run_tests.py [pytest's options]
"""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
AT_ONCE = 2
# What takes long goes first, so that nothing long is left at the end.
LONG = ("tests/gui", "tests/unit/training", "tests/faults")
# Folders whose parts are shares of their own.
DIVIDED = ("tests/e2e", "tests/unit")
NOTHING_COLLECTED = 5


def main() -> int:
    folders = shares()
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        codes = list(pool.map(lambda folder: run(folder, sys.argv[1:]), folders))
    failed = [
        name
        for name, code in zip(folders, codes, strict=True)
        if code not in (0, NOTHING_COLLECTED)
    ]
    print(
        f"{len(folders)} folders in {time.monotonic() - began:.0f} s; "
        f"{'failed: ' + ', '.join(failed) if failed else 'all passed'}"
    )
    return 1 if failed else 0


def shares() -> list[str]:
    """Folders of tests, and single files of what would take too long as a whole."""
    tests = CHECKOUT / "tests"
    found = [
        path for path in tests.iterdir() if path.is_dir() and f"tests/{path.name}" not in DIVIDED
    ]
    for folder in DIVIDED:
        found += [
            path
            for path in (CHECKOUT / folder).iterdir()
            if path.is_dir() or path.name.startswith("test_")
        ]
    names = sorted(
        path.relative_to(CHECKOUT).as_posix()
        for path in found
        if path.is_file() or any(path.glob("**/test_*.py"))
    )
    return [name for name in LONG if name in names] + [name for name in names if name not in LONG]


def run(folder: str, options: list[str]) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", folder, *options],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    print(f"== {folder}\n{done.stdout}{done.stderr}", flush=True)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
