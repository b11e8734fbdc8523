"""All tests, share by share, three shares at a time: much of a test is waiting, so both cores of a
small machine are used.

    python tools/run_tests.py [--coverage] [--beside COMMAND] [pytest's options]

The modules in tests/fully_covered.txt must be covered to 100 % by the unit tests of their own
names, and by those that the line of the module names. With --coverage, the coverage of all modules
by all tests of this process is printed too. With --beside, a command runs at the same time, and
must succeed too.
"""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from coverage import CoverageData

CHECKOUT = Path(__file__).resolve().parent.parent
AT_ONCE = 3
# What takes long goes first, so that nothing long is left at the end. The tests of a share use the
# same libraries, which take seconds to be imported. All other tests are shares of their own.
SHARES = (
    ("tests/gui",),
    ("tests/e2e/test_train_interrupted.py",),
    ("tests/unit/backends",),
    (
        "tests/e2e/test_check_data.py",
        "tests/e2e/test_commands.py",
        "tests/e2e/test_compare.py",
        "tests/e2e/test_evaluate.py",
        "tests/e2e/test_explain.py",
        "tests/e2e/test_export.py",
        "tests/e2e/test_import_weights.py",
        "tests/e2e/test_quantize.py",
        "tests/e2e/test_reproduce.py",
        "tests/e2e/test_train.py",
    ),
    (
        "tests/unit/commands",
        "tests/unit/detection",
        "tests/unit/evaluation",
        "tests/unit/export",
        "tests/unit/modelfile",
        "tests/unit/models",
        "tests/unit/training",
    ),
    ("tests/faults",),
    (
        "tests/unit/datasets",
        "tests/unit/imaging",
        "tests/unit/live",
        "tests/unit/pipeline",
        "tests/unit/process",
        "tests/unit/results",
        "tests/unit/tracking",
        "tests/unit/system",
        "tests/unit/test_architecture.py",
        "tests/unit/test_command_options.py",
        "tests/unit/test_docs.py",
        "tests/unit/test_settings.py",
        "tests/unit/test_tests.py",
        "tests/unit/video",
    ),
)
# Folders whose parts are shares of their own.
DIVIDED = ("tests/e2e", "tests/unit")
NOTHING_COLLECTED = 5
FULLY_COVERED = CHECKOUT / "tests" / "fully_covered.txt"
# Tests in these folders use PyTorch. They have crashed in one process with tests of `bench`.
_TORCH = ("evaluation", "export", "models", "training")


def main() -> int:
    options = sys.argv[1:]
    everything = "--coverage" in options
    if everything:
        options.remove("--coverage")
    beside = ""
    if "--beside" in options:
        place = options.index("--beside")
        if place + 1 == len(options):
            print("--beside needs a command", file=sys.stderr)
            return 2
        beside = options[place + 1]
        del options[place : place + 2]
    every_share = shares()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ssd_live-") as folder:
        data = Path(folder) / "coverage"
        with ThreadPoolExecutor(AT_ONCE) as pool:
            code_beside = pool.submit(run_command, shlex.split(beside))
            codes = list(
                pool.map(
                    lambda share: run(share, options, data, everything=everything), every_share
                )
            )
        failed = [
            " ".join(share)
            for share, code in zip(every_share, codes, strict=True)
            if code not in (0, NOTHING_COLLECTED)
        ]
        if code_beside.result():
            failed.append(beside)
        if not failed and not report(data, everything=everything):
            failed = ["coverage"]
    print(
        f"{len(every_share)} shares in {time.monotonic() - began:.0f} s; "
        f"{'failed: ' + ', '.join(failed) if failed else 'all passed'}"
    )
    return 1 if failed else 0


def shares() -> list[tuple[str, ...]]:
    """Folders and files of tests that one process runs, one or several at a time."""
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
    named = [name for share in SHARES for name in share]
    assert set(named) <= set(names), "a share names tests that are not there"
    others = ((name,) for name in names if name not in named)
    return [*SHARES, *covering_shares(), *others]


@cache
def covering_shares() -> tuple[tuple[str, ...], ...]:
    """Two shares of the tests that cover the listed modules, which are measured.

    Measuring makes tests that run much Python code a quarter slower, so the other tests are not.
    """
    files = sorted({name for tests in tests_that_cover().values() for name in tests})
    there = [name for name in files if (CHECKOUT / name).is_file()]
    with_torch = [name for name in there if Path(name).parent.name in _TORCH]
    return tuple(with_torch), tuple(name for name in there if name not in with_torch)


def left_out(share: tuple[str, ...]) -> list[str]:
    """Return pytest's options that leave the tests of `covering_shares` out of another share."""
    if share in covering_shares():
        return []
    return [f"--ignore={name}" for covering in covering_shares() for name in covering]


def run(share: tuple[str, ...], options: list[str], data: Path, *, everything: bool) -> int:
    """Run the tests of a share, print their output, and return the exit code.

    `data` is where the measured coverage goes. Only the listed modules are measured, and only in
    the tests that cover them, unless `everything` is measured.
    """
    command = [sys.executable, "-m"]
    if everything or share in covering_shares():
        command += ["coverage", "run", "--parallel-mode", f"--data-file={data}"]
        command += [f"--include={'ssd_live/*' if everything else ','.join(fully_covered())}", "-m"]
    done = subprocess.run(
        [*command, "pytest", "-q", *share, *left_out(share), *options],
        cwd=CHECKOUT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    print(f"== {' '.join(share)}\n{done.stdout}{done.stderr}", flush=True)
    return done.returncode


def run_command(command: list[str]) -> int:
    """Run a command, if there is one, print its output, and return its exit code."""
    if not command:
        return 0
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    print(f"== {' '.join(command)}\n{done.stdout}{done.stderr}", flush=True)
    return done.returncode


def environment() -> dict[str, str]:
    """Return the environment variables of a share."""
    # Several processes share the cores, so no thread may wait for work by spinning.
    variables = os.environ | {"COVERAGE_CORE": "ctrace", "OMP_WAIT_POLICY": "PASSIVE"}
    # Without compiled modules, each process would compile PyTorch anew, for 5 s.
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    return variables


def report(data: Path, *, everything: bool) -> bool:
    """Print what the tests cover, and return whether the modules of the list are fully covered."""
    coverage = [sys.executable, "-m", "coverage"]
    file = f"--data-file={data}"
    subprocess.run([*coverage, "combine", "--quiet", file], cwd=CHECKOUT, check=True)
    if everything:
        subprocess.run([*coverage, "report", file, "--skip-covered"], cwd=CHECKOUT, check=False)
    listed = subprocess.run(
        [
            *coverage,
            "report",
            file,
            f"--include={','.join(fully_covered())}",
            "--fail-under=100",
            "--skip-covered",
            "--show-missing",
        ],
        cwd=CHECKOUT,
        check=False,
    )
    # The report leaves out what no test has imported.
    unmeasured = sorted(set(fully_covered()) - measured(data))
    for module in unmeasured:
        print(f"{module}: no test that should cover it imports it")
    return listed.returncode == 0 and not unmeasured


def measured(data: Path) -> set[str]:
    """Return the paths of the modules of which the file `data` has coverage."""
    found = CoverageData(str(data))
    found.read()
    return {Path(name).relative_to(CHECKOUT).as_posix() for name in found.measured_files()}


def fully_covered() -> list[str]:
    """Return the paths of the modules that must be covered to 100 %."""
    return list(tests_that_cover())


@cache
def tests_that_cover() -> dict[str, tuple[str, ...]]:
    """Return the files of tests that cover each listed module.

    A line of the list is the path of a module, and the paths of other tests than those of its own
    name that cover it.
    """
    lines = (line.split() for line in FULLY_COVERED.read_text(encoding="utf-8").splitlines())
    return {module: (_own_tests(module), *others) for module, *others in lines}


def _own_tests(module: str) -> str:
    folder, _, name = module.removeprefix("ssd_live/").rpartition("/")
    return "/".join(filter(None, ("tests/unit", folder, f"test_{name}")))


if __name__ == "__main__":
    sys.exit(main())
