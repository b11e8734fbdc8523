"""All tests, in two processes side by side: much of a test is waiting, so both cores of a small machine are used. Prints one after the other.

python tools/run_tests.py [pytest's options]
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
# About equal shares of the time; whatever is in neither belongs to the second.
FIRST = tuple(f"tests/{part}" for part in ("gui", "unit/backends", "unit/modelfile", "unit/models", "unit/training", "unit/video", "unit/tensorrt"))


def main() -> int:
    options = sys.argv[1:]
    shares = (FIRST, ("tests", *(f"--ignore={folder}" for folder in FIRST)))
    with tempfile.TemporaryDirectory() as name:
        outputs = [Path(name) / str(number) for number in range(len(shares))]
        children = []
        for share, output in zip(shares, outputs, strict=True):
            with output.open("wb") as file:
                command = [sys.executable, "-m", "pytest", "-q", *share, *options]
                children.append(subprocess.Popen(command, cwd=CHECKOUT, stdout=file, stderr=subprocess.STDOUT))
        codes = []
        for child, output in zip(children, outputs, strict=True):
            began = time.monotonic()
            codes.append(child.wait())
            print(output.read_text(encoding="utf-8", errors="replace"), f"(ended {time.monotonic() - began:.0f} s after the one before)", flush=True)
    # pytest's 5: nothing was collected, which a selection of tests may bring about in one share.
    return max((code if code >= 0 else 128 - code for code in codes if code != 5), default=5)


if __name__ == "__main__":
    sys.exit(main())
